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
"""A client of the REST interface: http.client, and requests by hand."""

import http.client
import json
import urllib.parse

from dsware_sim.tests import base

USER, PASSWORD = 'someone', 'a password'
VERSION = 'v1.3'


class Answer:
    """What came back."""

    def __init__(self, response):
        """Read an answer to its end.

        :param response: an HTTPResponse
        """
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        """What the body says."""
        return json.loads(self.body)


class Rest:
    """A connection to the manager."""

    def __init__(self, url, context=None, timeout=base.DEADLINE):
        """Prepare to connect.

        :param url: where the interface is
        :param context: SSL context, for https
        :param timeout: seconds that an answer may take
        """
        parts = urllib.parse.urlsplit(url)
        where = parts.hostname, parts.port
        if parts.scheme == 'https':
            self.connection = http.client.HTTPSConnection(
                *where, context=context, timeout=timeout)
        else:
            self.connection = http.client.HTTPConnection(*where,
                                                         timeout=timeout)
        self.headers = {'Referer': url + '/dsware/service/',
                        'Content-Type': 'application/json'}

    def ask(self, method, path, content=None, **headers):
        """Send a request and read its answer.

        :param method: the HTTP method
        :param path: what comes after the host
        :param content: what the body says; None for no body
        :param headers: more headers, with "_" for "-"
        :returns: :class:`Answer`
        """
        body = content
        if content is not None and not isinstance(content, bytes):
            body = json.dumps(content)
        more = {key.replace('_', '-'): value
                for key, value in headers.items()}
        try:
            self.connection.request(method, path, body,
                                    {**self.headers, **more})
        except OSError:
            # http.client keeps a connection that was lost while sending, and
            # refuses the next request on it.
            self.connection.close()
            raise
        return Answer(self.connection.getresponse())

    def __call__(self, method, path, content=None):
        """Make a call with a version.

        :param method: the HTTP method
        :param path: what comes after the version
        :param content: what the body says
        :returns: the answer's JSON
        """
        return self.ask(method, '/dsware/service/%s/%s' % (VERSION, path),
                        content).json

    def api(self, method, path, content=None):
        """Make a call of /api/v2.

        :param method: the HTTP method
        :param path: what comes after /api/v2/
        :param content: what the body says
        :returns: the answer's JSON
        """
        return self.ask(method, '/api/v2/' + path, content).json

    def sign_in(self, user=USER, password=PASSWORD):
        """Sign in.

        :param user: the user's name
        :param password: its password
        :returns: the answer's JSON
        """
        self.headers.pop('X-Auth-Token', None)
        answer = self.ask('POST', '/dsware/service/v1.3/sec/login',
                          {'userName': user, 'password': password})
        token = answer.headers['X-Auth-Token']
        if token:
            self.headers['X-Auth-Token'] = token
        return answer.json

    def close(self):
        """Close the connection."""
        self.connection.close()


class RestTestCase(base.SimulatorTestCase):
    """Has a simulator with REST, and a client that has signed in."""

    settings = {'devices': 'file', 'rest': True, 'user': USER,
                'password': PASSWORD}

    def setUp(self):
        """Sign in."""
        super().setUp()
        self.rest = self.open()
        self.assertEqual({'result': 0}, self.rest.sign_in())
        self.host = self.simulator.agents[0][0]

    def open(self):
        """Prepare a connection.

        :returns: :class:`Rest`
        """
        rest = Rest(self.simulator.rest)
        self.addCleanup(rest.close)
        return rest

    def done(self, answer):
        """Check that a call was carried out and tells nothing more.

        :param answer: its JSON
        """
        self.assertEqual({'result': 0}, answer)

    def api_done(self, answer):
        """Check that a call of /api/v2 was carried out.

        :param answer: its JSON
        :returns: its data
        """
        self.assertEqual({'code': 0, 'description': ''}, answer['result'])
        return answer.get('data')

    def refused(self, code, answer):
        """Check that the whole of a call was refused.

        :param code: the code, as a number or a text
        :param answer: its JSON
        """
        self.assertEqual({'result': 2, 'errorCode': code,
                          'description': answer.get('description'),
                          'suggestion': ''}, answer)

    def make(self, name='v', size=64, pool=0):
        """Make a volume.

        :param name: its name
        :param size: its size in MiB
        :param pool: its pool
        :returns: its record
        """
        self.done(self.rest('POST', 'volume/create', {
            'volName': name, 'volSize': size, 'poolId': pool}))
        return self.volume(name)

    def volume(self, name='v'):
        """Ask for a volume.

        :param name: its name
        :returns: its record
        """
        return self.rest(
            'GET', 'volume/queryByName?volName=' + name)['lunDetailInfo']

    def take(self, volume='v', name='s'):
        """Make a snapshot.

        :param volume: the volume's name
        :param name: its name
        """
        self.done(self.rest('POST', 'snapshot/create', {
            'volName': volume, 'snapshotName': name}))

    def wait_status(self, name, status=0):
        """Wait until a volume has a status.

        :param name: its name
        :param status: the status
        """
        base.wait_for(lambda: self.volume(name)['status'] == status,
                      'status %s of %s' % (status, name))
