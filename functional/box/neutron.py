# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""What stands in for the Network service: there are no networks.

Nova asks it what an instance is connected to, and boots instances that are
connected to nothing. It is an application for ``functional.box.wsgi``.
"""

import json
import re

_PATH = re.compile(r'/v2\.0/([a-z_-]+)(?:/([^/]+))?$')
_GROUP = {'id': '00000000-0000-4000-8000-00000000dddd', 'name': 'default',
          'description': '', 'tenant_id': 'box', 'project_id': 'box',
          'security_group_rules': []}
_UNLIMITED = dict.fromkeys(
    ('port', 'network', 'security_group', 'security_group_rule',
     'floatingip'), -1)


def _error(kind):
    return {'NeutronError': {'type': kind, 'detail': '',
                             'message': 'There is no network service.'}}


def _versions(host):
    return {'versions': [{
        'id': 'v2.0', 'status': 'CURRENT',
        'links': [{'rel': 'self', 'href': 'http://%s/v2.0/' % host}]}]}


def _found(name, one):
    """What there is of a kind of things, or the one that has an id."""
    if name == 'security_groups':
        return {'security_group': _GROUP} if one else {name: [_GROUP]}
    if name == 'quotas':
        return {'quota': _UNLIMITED}
    return None if one else {name: []}


def answer(method, path, host):
    """Answer a request.

    :param method: that of HTTP
    :param path: the path of the URL
    :param host: what the service is called by who asks
    :returns: a status, and what to say in JSON or None
    """
    path = path.rstrip('/')
    if path in ('', '/v2.0'):
        return '200 OK', {'resources': []} if path else _versions(host)
    matched = _PATH.match(path)
    if matched and method == 'DELETE':
        return '204 No Content', None
    if not matched or method != 'GET':
        return '409 Conflict', _error('Conflict')
    found = _found(matched[1].replace('-', '_'), matched[2])
    if found is None:
        return '404 Not Found', _error('NotFound')
    return '200 OK', found


def application(environ, start_response):
    """The WSGI application."""
    status, body = answer(environ['REQUEST_METHOD'], environ['PATH_INFO'],
                          environ.get('HTTP_HOST', ''))
    data = b'' if body is None else json.dumps(body).encode()
    start_response(status, [('Content-Type', 'application/json'),
                            ('Content-Length', str(len(data)))])
    return [data]
