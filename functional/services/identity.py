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

"""A paste filter that says who a request to Glance is from.

It stands where Keystone's would. A token is ``USER:PROJECT``, as Cinder's
noauth has it. What comes without a token is from the services themselves:
without Keystone, Cinder sends none.
"""

from functional.services import http

_OPERATOR = http.TOKEN.partition(':')[0]
_ROLES = 'reader,member'
_OPERATORS_ROLES = _ROLES + ',manager,admin,service'


def filter_factory(global_conf, **local_conf):
    """Make the filter, as paste.deploy wants it.

    :param global_conf: not used
    :param local_conf: not used
    :returns: a function that wraps a WSGI application
    """
    def wrap(application):
        def identify(environ, start_response):
            token = environ.setdefault('HTTP_X_AUTH_TOKEN', http.TOKEN)
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
