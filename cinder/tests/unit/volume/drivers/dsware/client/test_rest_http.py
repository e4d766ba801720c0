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

"""HTTP with a server that does what it likes."""

import gzip
import json
import zlib

import ddt
import fixtures
import testtools

from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.tests.unit.volume.drivers.dsware.fakes import http_server
from cinder.volume.drivers.dsware.client import dialer
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware.client import rest_http
from cinder.volume.drivers.dsware import waiting
from tools import secret_marks

answer = http_server.answer
DONE = {'result': 0}
SECRET = secret_marks.secret('token')
CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
ENDLESS = b'HTTP/1.1 200 OK\r\n\r\n'


class HTTPTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(level=0))

    def serve(self, *steps):
        self.server = self.useFixture(http_server.Server(*steps))
        self.connections = rest_http.Connections(
            endpoints.Endpoint(*self.server.address), 5, None, 4)
        self.addCleanup(self.connections.close)

    def send(self, method='GET', body=None, seconds=30, path='/path?a=1'):
        return self.connections.send(method, path, {'x-auth-token': SECRET},
                                     body, waiting.Deadline(seconds))

    def lost(self, *steps, seconds=30):
        """Send what must be lost, after one request and no other."""
        self.serve(*steps)
        error = self.assertRaises(rest_http.Lost, self.send, 'POST', {'a': 1},
                                  seconds)
        self.assertEqual(1, len(self.server.requests))
        self.assertNotIn(SECRET, self.log.output + str(error))
        return error


@ddt.ddt
class RequestTestCase(HTTPTestCase):

    def test_what_is_sent(self):
        self.serve(answer(DONE))
        found = self.send('POST', {'volName': 'v', 'text': 'ä'})
        self.assertEqual((200, DONE, False),
                         (found.status, found.content, found.is_page))
        (line, headers, body), = self.server.requests
        self.assertEqual('POST /path?a=1 HTTP/1.1', line)
        self.assertEqual({'volName': 'v', 'text': 'ä'}, json.loads(body))
        self.assertEqual(('application/json', 'identity', SECRET), (
            headers['content-type'], headers['accept-encoding'],
            headers['x-auth-token']))
        self.assertNotIn(SECRET, self.log.output)

    def test_a_query_with_a_body(self):
        self.serve(answer(DONE))
        self.send('GET', {'id': 1})
        self.assertEqual(b'{"id": 1}', self.server.requests[0][2])

    def test_a_connection_is_kept(self):
        self.serve(*[answer(DONE)] * 3)
        for _again in range(3):
            self.send()
        self.assertEqual(1, self.server.connections)

    def test_not_for_long(self):
        """Firewalls forget it."""
        self.useFixture(fixtures.MonkeyPatch(
            'cinder.volume.drivers.dsware.client.dialer.MAX_IDLE', 0))
        self.serve(*[answer(DONE)] * 2)
        self.send()
        self.send()
        self.assertEqual(2, self.server.connections)

    def test_not_when_other_certificates_are_trusted(self):
        self.serve(*[answer(DONE)] * 2)
        self.send()
        self.useFixture(fixtures.MockPatchObject(
            dialer.Dialer, 'trusts', return_value=False))
        self.send()
        self.assertEqual(2, self.server.connections)

    def test_not_after_an_interruption(self):
        def half(peer):
            peer.sendall(answer(b'{"resu', length=13))
            http_server.hanging(peer)

        def recv(sock, size):
            if len(self.server.requests) == 1 and sock in seen:
                raise fakes.Interrupted
            seen.add(sock)
            return real(sock, size)

        seen, real = set(), rest_http._Socket.recv
        self.serve(half, answer(DONE))
        with fixtures.MonkeyPatch(
                'cinder.volume.drivers.dsware.client.rest_http._Socket.recv',
                recv):
            self.assertRaises(fakes.Interrupted, self.send)
            # The peer hears of it at once.
            self.assertTrue(self.server.closed.wait(30))
            self.assertEqual(DONE, self.send().content)
        self.assertEqual(2, self.server.connections)

    @ddt.data('GET', 'POST')
    def test_the_peer_has_closed_it(self, method):
        """That is seen before anything is sent."""
        self.serve(answer(DONE, headers=['Keep-Alive: timeout=5']))
        self.send()
        self.server.stop()
        error = self.assertRaises(rest_http.NotSent, self.send, method)
        self.assertIsInstance(error.error, ConnectionRefusedError)

    def test_the_peer_closes_it_meanwhile(self):
        """A request that may have been read is never sent again."""
        self.serve(answer(DONE), None, answer(DONE))
        self.send()
        error = self.assertRaises(rest_http.Lost, self.send, 'POST', {})
        self.assertIsInstance(error.error, ConnectionResetError)
        self.assertEqual(2, len(self.server.requests))
        self.send()
        self.assertEqual(3, len(self.server.requests))

    @ddt.data('http_proxy', 'HTTPS_PROXY', 'ALL_PROXY')
    def test_no_proxy_of_the_environment(self, name):
        self.serve(answer(DONE))
        self.useFixture(fixtures.EnvironmentVariable(
            name, 'http://127.0.0.1:9'))
        self.useFixture(fixtures.EnvironmentVariable('NO_PROXY', ''))
        self.assertEqual(DONE, self.send().content)

    @ddt.data('301 Moved', '302 Found', '307 Temporary', '308 Permanent')
    def test_no_redirect_is_followed(self, status):
        self.serve(answer(b'', status, ['Location: /other']), answer(DONE))
        self.assertEqual(int(status[:3]), self.send('POST', {}).status)
        self.assertEqual(1, len(self.server.requests))

    def test_no_time_is_left(self):
        self.serve()
        error = self.assertRaises(rest_http.NotSent, self.send, 'POST', {},
                                  0)
        self.assertIsInstance(error.error, TimeoutError)
        self.assertEqual(0, self.server.connections)

    def test_nobody_listens(self):
        self.serve()
        self.server.stop()
        error = self.assertRaises(rest_http.NotSent, self.send)
        self.assertIsInstance(error.error, OSError)


@ddt.ddt
class AnswerTestCase(HTTPTestCase):

    @ddt.data(('gzip', gzip.compress), ('deflate', zlib.compress))
    @ddt.unpack
    def test_packed(self, encoding, pack):
        self.serve(answer(pack(b'{"result": 0}'),
                          headers=[f'Content-Encoding: {encoding}']))
        self.assertEqual(DONE, self.send().content)

    @ddt.data(
        b'', b'{"result": 0', b'\xff\xfe\x00{', b'{"result": 0} more',
        b'[' * 100000, b'{"a":' * 100000, b'9' * 5000,
        b'{"result": ' + b'1' * 5000 + b'}')
    def test_no_json(self, body):
        self.serve(answer(body))
        found = self.send()
        self.assertEqual((None, False), (found.content, found.is_page))

    @ddt.data(b'<html>', b'\r\n <!DOCTYPE html><html></html>')
    def test_a_page(self, body):
        self.serve(answer(body))
        found = self.send()
        self.assertEqual((None, True), (found.content, found.is_page))

    def test_the_content_type_does_not_matter(self):
        self.serve(b'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n'
                   b'Content-Length: 13\r\n\r\n{"result": 0}')
        self.assertEqual(DONE, self.send().content)

    def test_nothing_packed(self):
        self.lost(answer(b'no gzip', headers=['Content-Encoding: gzip']))

    @ddt.data('br', 'GZIP, gzip', 'x-unknown')
    def test_packed_otherwise(self, encoding):
        self.serve(answer(gzip.compress(b'{"result": 0}'),
                          headers=[f'Content-Encoding: {encoding}']))
        self.assertIsNone(self.send().content)

    def test_cut(self):
        self.serve(lambda peer: peer.sendall(answer(b'{"result": 0', '200 OK',
                                                    length=100)))
        self.assertIsNone(self.send().content)

    @ddt.data(
        b'nonsense\r\n\r\n', b'HTTP/1.1 abc\r\n\r\n', b'HTTP/1.1',
        b'\x15\x03\x01\x00\x02\x02\x46',
        CHUNKED + b'zz\r\n{}\r\n', CHUNKED + b'5\r\n{}',
        b'HTTP/1.1 200 OK\r\n' + b'a: b\r\n' * 1000 + b'\r\n{}',
        b'HTTP/1.1 200 OK\r\na: ' + b'b' * 100000 + b'\r\n\r\n{}')
    def test_garbled(self, data):
        self.lost(lambda peer: peer.sendall(data))

    def test_no_token_is_logged_with_headers_that_cannot_be_read(self):
        self.lost(answer(DONE, headers=[
            'no header', f'X-Auth-Token: {SECRET}']))

    def bounded(self, limit=65536):
        self.useFixture(fixtures.MockPatchObject(rest_http, 'MAX_ANSWER',
                                                 limit))

    @ddt.data((65536, True), (65537, False))
    @ddt.unpack
    def test_how_large_it_may_be(self, size, fits):
        self.bounded()
        packed = gzip.compress(b'"' + b'a' * (size - 2) + b'"')
        self.serve(answer(packed, headers=['Content-Encoding: gzip']))
        if fits:
            self.assertEqual(size - 2, len(self.send().content))
        else:
            self.assertRaises(rest_http.Lost, self.send)

    def test_a_bomb(self):
        """Unpacked it is never whole."""
        self.bounded()
        bomb = gzip.compress(bytes(20 * 1024 * 1024), 1)
        self.assertEqual(65537, len(rest_http._unpacked(bomb, 'gzip')))

    @ddt.data((ENDLESS, b' ' * 4096),
              (CHUNKED, b'1000\r\n' + b' ' * 4096 + b'\r\n'))
    @ddt.unpack
    def test_a_body_without_end(self, head, data):
        self.bounded()
        error = self.lost(http_server.for_ever(head, data))
        self.assertIn('more than 65536 bytes', str(error))
        # The rest of it is not read.
        self.assertTrue(self.server.closed.wait(30))

    @ddt.data((b'HTTP/1.1 200 OK\r\n', b'a'), (ENDLESS, b' '),
              (b'', b'HTTP/1.1 100 Continue\r\n\r\n'),
              (CHUNKED, b'1\r\n \r\n'))
    @ddt.unpack
    def test_a_slow_drip(self, head, data):
        error = self.lost(http_server.dripping(head, data), seconds=0.3)
        self.assertIn('timed out', str(error))
        self.assertTrue(self.server.closed.wait(30))

    def test_silence(self):
        self.lost(http_server.hanging, seconds=0.2)
        self.assertTrue(self.server.closed.wait(30))
