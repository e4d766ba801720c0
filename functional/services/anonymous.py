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

"""A paste filter that lets Cinder's noauth answer whoever has no token.

Cinder's noauth answers a request without a token with an empty page, which
is how clients once got a token. Today's clients ask for the versions of the
API without a token and give up at an empty page.
"""

from functional.services import http


def filter_factory(global_conf, **local_conf):
    """Make the filter, as paste.deploy wants it.

    :param global_conf: not used
    :param local_conf: not used
    :returns: a function that wraps a WSGI application
    """
    def wrap(application):
        def add_token(environ, start_response):
            environ.setdefault('HTTP_X_AUTH_TOKEN', http.TOKEN)
            return application(environ, start_response)
        return add_token
    return wrap
