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

"""Sockets whose peer follows a script."""

import errno
import struct
from unittest import mock

import testtools

from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware.client import connection
from cinder.volume.drivers.dsware.client import dialer
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware.client import tls
from cinder.volume.drivers.dsware.client import transport
from cinder.volume.drivers.dsware import waiting

ENDPOINT = endpoints.Endpoint('192.0.2.1', 10519)
QUERY = endpoints.Request('queryVolume', {'volName': 'v'})
CREATE = endpoints.Request('createVolume', {
    'volName': 'v', 'poolId': 0, 'volSize': 1024, 'thinFlag': 1})
ESTABLISHED = 1
CLOSE_WAIT = 8


def reply(seq, result=0, more=False, body=''):
    """Make a reply frame.

    :returns: bytes
    """
    text = f'seq={seq}\nresult={result}' + ('\nmore=1' if more else '')
    if body:
        text += '\n\n' + body
    return struct.pack('>I', len(text)) + text.encode()


class ScriptedSocket:
    """A socket whose peer follows a script.

    :param receives: what recv() gives: bytes, an error, or a function that
        gives one of them
    :param sends: for each send(), how many bytes it takes, or an error
    """

    def __init__(self, *receives, sends=()):
        self.receives = list(receives)
        self.sends = list(sends)
        self.sent = b''
        self.timeouts = []
        self.options = []
        self.state = ESTABLISHED
        self.closed = False

    def send(self, data):
        self._check()
        step = self.sends.pop(0) if self.sends else len(data)
        if isinstance(step, BaseException):
            raise step
        self.sent += bytes(data[:step])
        return min(step, len(data))

    def recv(self, size):
        self._check()
        step = self.receives.pop(0) if self.receives else b''
        if callable(step):
            step = step()
        if isinstance(step, BaseException):
            raise step
        if len(step) > size:
            self.receives.insert(0, step[size:])
        return step[:size]

    def _check(self):
        if self.closed:
            raise OSError(errno.EBADF, 'closed')
        if not self.timeouts or not self.timeouts[-1]:
            raise AssertionError('it would wait for ever')

    def settimeout(self, seconds):
        self.timeouts.append(seconds)

    def setsockopt(self, *option):
        self.options.append(option)

    def getsockopt(self, level, option, size):
        if isinstance(self.state, Exception):
            raise self.state
        return bytes([self.state])

    def do_handshake(self):
        self._check()

    def close(self):
        self.closed = True


class TransportTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.clock = fakes.Clock().install(self)
        self.sockets = []
        self.connects = []
        for module, name, stand_in in (
                (dialer.socket, 'create_connection', self.connect),
                (tls, 'Stream', lambda sock: sock),
                (dialer.Resolver, 'addresses',
                 lambda made, seconds: [(made._host, made._port)])):
            patcher = mock.patch.object(module, name, stand_in)
            patcher.start()
            self.addCleanup(patcher.stop)

    def connect(self, address, timeout):
        self.connects.append((address, timeout))
        found = self.sockets.pop(0)
        if callable(found):
            found = found()
        if isinstance(found, BaseException):
            raise found
        return found

    def make(self, *sockets, **settings):
        """Make a transport that connects to scripted sockets.

        :param sockets: a socket, or an error, for each connection
        :param settings: further settings
        :returns: the transport
        """
        self.sockets += sockets
        return transport.SocketTransport(ENDPOINT, connection.SocketSettings(
            manage_ip='192.0.2.10', **settings))

    @staticmethod
    def exchange(carrier, request=QUERY, seconds=60):
        return list(carrier.exchange(request, waiting.Deadline(seconds)))

    def fails(self, error, carrier, request=QUERY, seconds=60):
        """Exchange what must raise exactly this class.

        :returns: the exception
        """
        raised = self.assertRaises(error, self.exchange, carrier, request,
                                   seconds)
        self.assertIs(error, type(raised))
        return raised


class FakeTLS:
    """TLS settings whose context wraps nothing, or fails."""

    def __init__(self, problem=None):
        self.problem = problem
        self.names = []
        self.current = True
        self.ca_path = self.client_cert = None

    def context(self):
        return self

    def is_current(self, context):
        return self.current

    def wrap_socket(self, sock, server_hostname, do_handshake_on_connect):
        self.names.append(server_hostname)
        if self.problem:
            raise self.problem
        return sock
