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

"""Plain requests to the services, for waiting until they answer."""

import json
import urllib.request

from functional.services import waiting

# Cinder's noauth accepts any token; the part behind the colon is the project,
# which URLs need not name.
PROJECT = 'admin'
TOKEN = 'admin:' + PROJECT


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
