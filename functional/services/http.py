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

"""Requests to services that know no Keystone, from both sides."""

import json
import socket
import urllib.request

from functional.services import waiting

# Cinder's noauth accepts any token; the part behind the colon is the project,
# which URLs need not name.
PROJECT = 'admin'
TOKEN = 'admin:' + PROJECT
_OPERATOR = TOKEN.partition(':')[0]
_ROLES = 'reader,member'
_OPERATORS_ROLES = _ROLES + ',manager,admin,service'


class NoAnswer(waiting.NotYet):
    """The service cannot be reached, or answers with an error."""


def get(url):
    """Ask a service for a JSON document.

    :param url: what to get
    :returns: the decoded document
    :raises NoAnswer: there is none
    """
    headers = {'X-Auth-Token': TOKEN, 'Accept': 'application/json'}
    request = urllib.request.Request(url, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as response:
            return json.load(response)
    except (OSError, ValueError) as exc:
        raise NoAnswer('%s: %s' % (url, exc))


def listens(address, port):
    """Tell whether a service takes connections.

    :param address: its address
    :param port: its port
    :returns: True
    :raises NoAnswer: it does not
    """
    try:
        with socket.create_connection((address, port), 5):
            return True
    except OSError as exc:
        raise NoAnswer(exc)


def anonymous_filter(global_conf, **local_conf):
    """Make a paste filter that lets Cinder's noauth answer all.

    Cinder's noauth answers a request without a token with an empty page,
    which is how clients once got a token. Today's clients ask for the
    versions of the API without a token and give up at an empty page.

    :param global_conf: not used
    :param local_conf: not used
    :returns: a function that wraps a WSGI application
    """
    def wrap(application):
        def add_token(environ, start_response):
            environ.setdefault('HTTP_X_AUTH_TOKEN', TOKEN)
            return application(environ, start_response)
        return add_token
    return wrap


def identity_filter(global_conf, **local_conf):
    """Make a paste filter that says who a request to Glance is from.

    It stands where Keystone's would. A token is ``USER:PROJECT``, as Cinder's
    noauth has it. What comes without a token is from the services themselves:
    without Keystone, Cinder sends none.

    :param global_conf: not used
    :param local_conf: not used
    :returns: a function that wraps a WSGI application
    """
    def wrap(application):
        def identify(environ, start_response):
            token = environ.setdefault('HTTP_X_AUTH_TOKEN', TOKEN)
            user, _colon, project = token.partition(':')
            environ.update(
                HTTP_X_IDENTITY_STATUS='Confirmed', HTTP_X_USER_ID=user,
                HTTP_X_PROJECT_ID=project,
                HTTP_X_ROLES=(_OPERATORS_ROLES if user == _OPERATOR
                              else _ROLES),
                HTTP_X_SERVICE_CATALOG='[]')
            return application(environ, start_response)
        return identify
    return wrap
