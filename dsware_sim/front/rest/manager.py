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
"""The manager: what its REST interface answers to a request.

The sequence is that of a request: which call is it, is it signed in, are its
parameters right, what does the cluster say, where in the answer does that
stand. Faults come in between, from the service that agents have as well.
"""

import collections
import json
import re
import urllib.parse

from dsware_sim.cluster import engine as engine_
from dsware_sim import codec
from dsware_sim import codes
from dsware_sim.front.rest import bodies
from dsware_sim.front.rest import calls
from dsware_sim.front.rest import hosts
from dsware_sim.front.rest import sessions
from dsware_sim.front.rest import snapshots
from dsware_sim.front.rest import volumes

_ROUTES = {(route.family, route.method, route.path): route
           for route in (*volumes.ROUTES, *snapshots.ROUTES, *hosts.ROUTES)}
_PATH = re.compile(
    r'/(?:dsware/service/(?:(?P<version>v\d+(?:\.\d+)?)/)?|(?P<api>api/v2/))'
    r'(?P<rest>[^?]*?)/*\Z')
# Versions that paths may have besides the one that is told.
_VERSIONS = ('v1.0', 'v1.1', 'v1.2', 'v1.3')
# EB asks for this with another version than all else.
_OTHER_VERSION = ('v2', 'sec/keepAlive')
# Asked for with v1.3 by those who ask for all else with an older version.
_SINCE_V1_3 = ('volume/queryById', 'snapshot/queryByName')
_OLD_VERSIONS = ('v1.0', 'v1.1', 'v1.2')
_OPEN = ('rest/version', 'sec/login')

JSON = 'application/json;charset=UTF-8'
HTML = 'text/html;charset=UTF-8'
_PAGE = ('<!DOCTYPE html><html><head><title>{0}</title></head>'
         '<body><h1>{0}</h1></body></html>')

Response = collections.namedtuple('Response', 'status type body headers',
                                  defaults=((),))
Response.__doc__ = """What is sent.

:param status: HTTP status
:param type: content type
:param body: bytes
:param headers: sequence of (name, value)
"""


def page(status, title):
    """Make a page of HTML.

    :param status: HTTP status
    :param title: what it says
    :returns: :class:`Response`
    """
    return Response(status, HTML, _PAGE.format(title).encode())


def _json(status, content, headers=()):
    return Response(status, JSON, json.dumps(content).encode(), headers)


class Manager:
    """Answers requests."""

    def __init__(self, server, behaviour):
        """Answer for a cluster.

        :param server: the :class:`dsware_sim.front.server.Server`
        :param behaviour: a :class:`.behaviour.Behaviour`
        """
        self.behaviour = behaviour
        self.engine = server.engine
        self.agents = server.agents
        self.progress = server.copies.progress
        self.sessions = sessions.Sessions(behaviour, server.credentials)
        self._service = server.service

    def handle(self, exchange):
        """Answer a request, now or later.

        :param exchange: a :class:`.connection.Exchange`
        """
        path, _, query = exchange.target.partition('?')
        route = self._find(exchange.method, path)
        if route is None:
            exchange.respond(self._missing())
        elif self._lacks_headers(exchange, route):
            exchange.respond(page(403, 'Forbidden'))
        else:
            self._serve(exchange, route, query)

    def _serve(self, exchange, route, query):
        params, problem = _parameters(query, exchange.body)
        call = calls.Call(self, exchange, route, params)
        exchange.call = call

        def carry_out(request):
            return self._carry_out(call, problem)

        op = route.op(params) if callable(route.op) else route.op
        self._service.handle(exchange, codec.Request(0, op, dict(params)),
                             carry_out)

    def _find(self, method, path):
        match = _PATH.match(path)
        if match is None:
            return None
        rest, version = match['rest'], match['version']
        family = 'service'
        if match['api']:
            family = 'api'
        elif version:
            family = 'version'
        route = _ROUTES.get((family, method, rest))
        if route is None or not self.behaviour.has(route.since):
            return None
        if version and not self._knows(version, rest):
            return None
        return route

    def _knows(self, version, rest):
        if version in _OLD_VERSIONS and rest in _SINCE_V1_3:
            return False
        return (version in _VERSIONS or version == self.behaviour.version
                or (version, rest) == _OTHER_VERSION)

    def _missing(self):
        if self.behaviour.html_where_missing:
            return page(200, 'Not Found')
        return page(404, 'Not Found')

    def _lacks_headers(self, exchange, route):
        if not self.behaviour.strict or route.path == 'rest/version':
            return False
        kind = exchange.headers.get('content-type', '').partition(';')[0]
        return ('referer' not in exchange.headers
                or exchange.body and kind.strip() != 'application/json')

    async def _carry_out(self, call, problem):
        route, exchange = call.route, call.exchange
        signs_in = route.path in _OPEN or (
            route.path == 'aa/sessions' and route.method == 'POST')
        if not signs_in and not self.sessions.valid(exchange.token,
                                                    exchange.cookie):
            return engine_.Answer(codes.USER_OFFLINE,
                                  codes.describe(codes.USER_OFFLINE))
        try:
            if problem:
                calls.refuse(problem)
            call.check()
            content = await route.handler(call)
        except codes.Refused as refused:
            return engine_.Answer(refused.code, str(refused))
        if isinstance(content, calls.Reply):
            return content
        return calls.reply({'result': self._success(route), **content})

    def _success(self, route):
        if route.place == 'api':
            return {'code': 0, 'description': ''}
        return 0

    def response(self, call, answer):
        """Write an answer.

        :param call: what is answered
        :param answer: :class:`dsware_sim.cluster.engine.Answer`
        :returns: :class:`Response`
        """
        if isinstance(answer, calls.Reply):
            return _json(200, answer.content, answer.headers)
        if answer.code in (codes.USER_OFFLINE, codes.UNAUTHORIZED):
            return self._offline(call, answer)
        if answer.code == codes.OK:
            return _json(200, {'result': self._success(call.route)})
        place = _PLACES[self._place(call.route)]
        return _json(self.behaviour.refusal_status,
                     place(call, self.code(call.route, answer.code),
                           answer.desc))

    def _place(self, route):
        wanted = self.behaviour.refusals
        if wanted == 'usual' or route.place == 'api' and wanted != 'error':
            return route.place
        return wanted

    def _offline(self, call, answer):
        if self.behaviour.offline == 'status':
            return page(401, 'Unauthorized')
        text = answer.desc
        if call.route.place == 'api':
            return _json(200, {'result': {'code': codes.USER_OFFLINE,
                                          'description': text}})
        if self.behaviour.offline == 'errorCode':
            return _json(200, {'result': 2, 'errorCode': codes.USER_OFFLINE,
                               'description': text, 'suggestion': ''})
        return _json(200, {'result': codes.UNAUTHORIZED,
                           'description': text})

    def code(self, route, code):
        """Write a code of an object or of a whole answer.

        :param route: the call that is answered
        :param code: the code
        :returns: a number or a text
        """
        if self.behaviour.release == '6.3':
            code = bodies.old_code(code, route.path.startswith(
                ('volume/query', 'lun/', 'volume/qos')))
        kind = self.behaviour.codes
        as_text = route.text if kind == 'usual' else kind == 'text'
        return str(code) if as_text else code


def _parameters(query, body):
    """Read the parameters of a path and of a body.

    :returns: (dict, what is wrong with them or None)
    """
    params = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
    if not body:
        return params, None
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return params, 'the body is not JSON'
    if isinstance(content, dict):
        params.update(content)
    else:
        params[''] = content
    return params, None


def _whole(call, code, text):
    return {'result': 2, 'errorCode': code, 'description': text,
            'suggestion': ''}


def _detail(call, code, text):
    names = next((value for value in call.params.values()
                  if isinstance(value, list)), [None])
    return {'result': 1, 'detail': [{'errorCode': code, 'description': text}
                                    for _ in names]}


def _api(call, code, text):
    return {'result': {'code': code, 'description': text, 'suggestion': ''}}


def _error(call, code, text):
    return {'error': {'code': code, 'description': text}}


def _pairs(call):
    """List volumes and hosts, as far as a request has them."""
    names, ips = (call.params.get(key) for key in ('volName', 'ipList'))
    if not isinstance(names, list) or not isinstance(ips, list):
        return []
    return [(str(name), str(ip)) for name in names for ip in ips]


def _hosts(call, code, text):
    pairs = _pairs(call)
    if not pairs:
        return _whole(call, code, text)
    content = {'result': 0}
    for name, ip in pairs:
        content.setdefault(name, []).append(
            {'errorCode': code, 'ip': ip, 'description': text,
             'devName': ''})
    return content


def _detached(call, code, text):
    pairs = _pairs(call)
    if not pairs:
        return _whole(call, code, text)
    return {'result': 0, **hosts.detached(call, [
        {'volName': name, 'ip': ip, 'description': text, 'errorCode': code}
        for name, ip in pairs])}


_PLACES = {'errorCode': _whole, 'detail': _detail, 'api': _api,
           'error': _error, 'hosts': _hosts, 'detached': _detached}
