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

"""An agent that means harm, on a real socket, cannot exhaust."""

import resource

import ddt
import fixtures
import testtools

from cinder.tests.unit.volume.drivers.dsware.fakes import http_server
from cinder.volume.drivers.dsware.array import array
from cinder.volume.drivers.dsware.client import client
from cinder.volume.drivers.dsware.client import connection
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware.client import tls
from cinder.volume.drivers.dsware.client import transport
from cinder.volume.drivers.dsware import exceptions
from dsware_sim import codec

MANAGER = '192.0.2.10'
SECONDS = 2
MIB = 1024 * 1024
# What an answer that is refused may take, many times over.
MEMORY = 400 * MIB


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@ddt.ddt(testNameFormat=ddt.TestNameFormat.INDEX_ONLY)
class MaliciousTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(
            format='%(message)s', level=0))
        self.before = peak()

    def refused(self, call, *args, error=exceptions.OutcomeUnknown):
        """Check that an error comes, and what it leaves behind.

        :param call: what to call
        :param error: the error that is expected
        """
        raised = self.assertRaises(error, call, *args)
        self.check(str(raised))
        for line in self.log.output.splitlines():
            self.check(line)
        self.assertLess(peak() - self.before, MEMORY)
        return raised

    def check(self, line):
        self.assertTrue(line.isprintable(), repr(line)[:300])
        self.assertLess(len(line), 2000)

    def of(self, treat, **settings):
        """Make an array that has one agent.

        :param treat: what the agent does with the socket of a connection
        """
        server = self.useFixture(http_server.Server(treat=treat))
        made = client.Client(
            [endpoints.Endpoint(*server.address)],
            lambda endpoint: transport.SocketTransport(
                endpoint, connection.SocketSettings(
                    MANAGER, connect_timeout=1, **settings)), SECONDS)
        self.addCleanup(made.close)
        return array.Array(made, SECONDS)

    @ddt.data(b'a=\n' * 340_000, b'a=' + b'x' * (MIB * 9 // 10),
              b','.join(b'k%d=' % n for n in range(100_000)))
    def test_a_frame_that_takes_much_memory(self, body):
        def answer(peer):
            peer.recv(65536)
            peer.sendall(codec.frame(b'seq=1\nresult=0\n\n' + body))
            http_server.hanging(peer)

        self.refused(self.of(answer).queries.pools)

    def test_a_handshake_that_drips(self):
        """At this pace the whole record would take minutes."""
        raised = self.refused(
            self.of(http_server.dripping(b'\x16\x03\x03\x40\0\x02', b'\0'),
                    tls_settings=tls.TLSSettings(True)).queries.pools,
            error=exceptions.EndpointUnavailable)
        self.assertIn('timed out', str(raised))
