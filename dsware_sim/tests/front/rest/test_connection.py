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
"""HTTP itself, and TLS."""

import os
import socket
import ssl

from dsware_sim import testing
from dsware_sim.tests import base
from dsware_sim.tests import certificates
from dsware_sim.tests.front.rest import client

_VERSION = b'GET /dsware/service/rest/version HTTP/1.1\r\nHost: a\r\n'


class HttpTestCase(client.RestTestCase):
    """What a client may send."""

    # Connections that break the rules are told of in protocol_errors.

    def setUp(self):
        super().setUp()
        self.socket = socket.create_connection(self.simulator.manager,
                                               base.DEADLINE)
        self.addCleanup(self.socket.close)

    def read(self):
        """Read until the other side closes."""
        found = b''
        while data := self.socket.recv(65536):
            found += data
        return found

    def test_reused(self):
        before = self.rest.connection.sock
        for _ in range(3):
            self.rest('GET', 'storagePool')
        self.assertIs(before, self.rest.connection.sock)

    def test_pipelined(self):
        self.socket.sendall((_VERSION + b'\r\n') * 50 +
                            _VERSION + b'Connection: close\r\n\r\n')
        self.assertEqual(51, self.read().count(b'currentVersion'))

    def test_byte_by_byte(self):
        for byte in _VERSION + b'Connection: close\r\n\r\n':
            self.socket.sendall(bytes((byte,)))
        self.assertIn(b'currentVersion', self.read())

    def test_old_http(self):
        self.socket.sendall(
            b'GET /dsware/service/rest/version HTTP/1.0\r\n\r\n')
        self.assertIn(b'currentVersion', self.read())

    def test_waits_for_100(self):
        self.socket.sendall(
            b'POST /dsware/service/v1.3/sec/login HTTP/1.1\r\nHost: a\r\n'
            b'Referer: b\r\nContent-Type: application/json\r\n'
            b'Connection: close\r\nContent-Length: 2\r\n'
            b'Expect: 100-continue\r\n\r\n')
        self.assertTrue(self.socket.recv(4096).startswith(b'HTTP/1.1 100 '))
        self.socket.sendall(b'{}')
        self.assertIn(b'50150003', self.read())

    def test_nonsense(self):
        self.socket.sendall(b'\x16\x03\x01\x02\x00\x01\x00' * 10 + b'\r\n\r\n')
        self.assertTrue(self.read().startswith(b'HTTP/1.1 400 '))
        (where, _), = self.control.status()['protocol_errors']
        self.assertEqual('rest', where)

    def test_too_large(self):
        self.socket.sendall(
            b'POST /dsware/service/v1.3/sec/login HTTP/1.1\r\nHost: a\r\n'
            b'Content-Length: 3000000\r\n\r\n')
        # One more than is taken: what nobody reads makes the end a reset.
        self.socket.sendall(b' ' * 1048577)
        self.assertTrue(self.read().startswith(b'HTTP/1.1 413 '))


class TlsTestCase(base.TestCase):
    """The certificates of the agents are the manager's too."""

    def setUp(self):
        super().setUp()
        directory = self.directory()
        self.authority = certificates.Authority(directory, 'authority')
        address = testing._ADDRESSES.take()
        self.cert, self.key = self.authority.issue('manager', [address])
        self.client = self.authority.issue('client')
        self.simulator = testing.Simulator(
            devices='file', rest=(address, 0),
            tls={'cert': self.cert, 'key': self.key,
                 'client_ca': self.authority.path})
        self.addCleanup(self.simulator.stop)
        self.simulator.start()

    def context(self):
        context = ssl.create_default_context(cafile=self.authority.path)
        context.load_cert_chain(*self.client)
        return context

    def open(self, context):
        rest = client.Rest(self.simulator.rest, context)
        self.addCleanup(rest.close)
        return rest

    def test_both_certificates(self):
        self.assertTrue(self.simulator.rest.startswith('https://127.'))
        rest = self.open(self.context())
        self.assertEqual({'result': 0}, rest.sign_in())
        bare = ssl.create_default_context(cafile=self.authority.path)
        self.assertRaises((ssl.SSLError, ConnectionError),
                          self.open(bare).sign_in)
        stranger = ssl.create_default_context()
        self.assertRaises(ssl.SSLCertVerificationError,
                          self.open(stranger).sign_in)

    def test_new_certificate(self):
        other = certificates.Authority(self.directory(), 'another')
        for old, new in zip((self.cert, self.key),
                            other.issue('manager', ['127.0.0.1'])):
            os.replace(new, old)
        self.simulator.control.reload_tls()
        self.assertRaises(ssl.SSLCertVerificationError,
                          self.open(self.context()).sign_in)
