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

"""An agent that means harm cannot exhaust, mislead or forge.

With real sockets, and with real runs of a program.
"""

import itertools
import os
import resource
import ssl

import ddt
import fixtures
import testtools

from cinder.tests.unit.volume.drivers.dsware.fakes import certificates
from cinder.tests.unit.volume.drivers.dsware.integration import malicious
from cinder.volume.drivers.dsware.array import array
from cinder.volume.drivers.dsware.client import cli_transport
from cinder.volume.drivers.dsware.client import client
from cinder.volume.drivers.dsware.client import connection
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware.client import tls
from cinder.volume.drivers.dsware.client import transport
from cinder.volume.drivers.dsware import exceptions

MANAGER = '192.0.2.10'
SECONDS = 2
VOLUME = ('vol_name=%s,father_name=,status=0,vol_size=1024,real_size=0,'
          'pool_id=0,create_time=1')
MIB = 1024 * 1024
# What an answer that is refused may take, many times over.
MEMORY = 400 * MIB


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def descriptors():
    return len(os.listdir('/proc/self/fd'))


class MaliciousTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(
            format='%(message)s', level=0))
        self.before = peak()

    def array(self, make_transport, *agents):
        made = client.Client([endpoints.Endpoint(*agent)
                              for agent in agents],
                             make_transport, SECONDS)
        self.addCleanup(made.close)
        return array.Array(made, SECONDS)

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


@ddt.ddt(testNameFormat=ddt.TestNameFormat.INDEX_ONLY)
class SocketTestCase(MaliciousTestCase):

    def agent(self, answer, **kwargs):
        made = malicious.Agent(answer, **kwargs)
        self.addCleanup(made.stop)
        return made

    def of(self, agent, **settings):
        """Make an array that has one agent."""
        return self.array(
            lambda endpoint: transport.SocketTransport(
                endpoint, connection.SocketSettings(
                    MANAGER, connect_timeout=1, **settings)),
            agent.address)

    # -- without end ------------------------------------------------------

    @ddt.data('', VOLUME % 'v', 'a=' + 'x' * 60_000)
    def test_more_and_more(self, record):
        def answer(request):
            piece = malicious.reply(request, *[record] * bool(record),
                                    more=1) * 10
            return itertools.repeat(piece)
        agent = self.agent(answer)
        self.refused(self.of(agent).queries.pools)

    @ddt.data(b'a=\n' * 340_000, b'a=' + b'x' * (MIB * 9 // 10),
              b','.join(b'k%d=' % n for n in range(100_000)))
    def test_a_frame_that_takes_much_memory(self, body):
        def answer(request):
            yield malicious.frame(b'seq=%d\nresult=0\n\n%s' % (
                request.seq, body))
        self.refused(self.of(self.agent(answer)).queries.pools)

    # -- slow -------------------------------------------------------------

    def drips(self, agent, call, *args, error=exceptions.OutcomeUnknown):
        self.refused(call, *args, error=error)
        self.assertGreater(agent.sent, 1)
        # At this pace the whole would take a quarter of an hour; who waits
        # for it does not see the end of this test.
        self.assertLess(agent.sent, 2000)

    def secure(self, **kwargs):
        directory = self.useFixture(fixtures.TempDir()).path
        authority = certificates.Authority(directory, 'ca')
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.issue('agent', ['127.0.0.1']))
        return authority, self.agent(context=context, **kwargs)

    def test_a_handshake_that_drips(self):
        # A record of a handshake, 16,384 bytes of it.
        authority, agent = self.secure(
            answer=None, greeting=b'\x16\x03\x03\x40\0\x02' + b'\0' * 16_383)
        made = self.of(agent, tls_settings=tls.TLSSettings(
            True, authority.path))
        self.drips(agent, made.queries.pools,
                   error=exceptions.EndpointUnavailable)

    def test_a_reply_that_drips_through_tls(self):
        authority, agent = self.secure(
            answer=lambda request: [malicious.reply(
                request, 'a=' + 'x' * 16_000)], drip=True)
        made = self.of(agent, tls_settings=tls.TLSSettings(
            True, authority.path))
        self.drips(agent, made.queries.pools)
        self.assertEqual({'getDSwareIdentifier'}, set(agent.ops))

    # -- what is left -----------------------------------------------------

    def test_no_connection_is_left(self):
        answers = itertools.cycle((
            b'\xff' * 9, b'\0\0\0\1x', malicious.frame('seq=9\nresult=0'),
            malicious.frame('seq=1\nresult=0\n\nx')))
        agent = self.agent(lambda request: [next(answers)])
        self.refused(self.of(agent).queries.volume, 'v')
        before = descriptors()
        for _again in range(5):
            # A client that knows the agent would leave it alone.
            self.refused(self.of(agent).queries.volume, 'v')
        self.assertLessEqual(descriptors(), before + 4)
        self.assertGreater(agent.connections, 12)


@ddt.ddt(testNameFormat=ddt.TestNameFormat.INDEX_ONLY)
class ProgramTestCase(MaliciousTestCase):

    def of(self, script):
        directory = self.useFixture(fixtures.TempDir()).path
        malicious.write_program(directory, script)
        self.useFixture(fixtures.EnvironmentVariable(
            'PATH', directory + os.pathsep + os.environ['PATH']))
        self.useFixture(fixtures.MockPatch(
            'cinder.privsep.sys_admin_pctxt.client_mode', False))
        return self.array(
            lambda endpoint: cli_transport.CLITransport(
                endpoint, MANAGER),
            ('127.0.0.1', 10519))

    @ddt.data('exec yes', 'yes result=0 & exec yes >&2',
              'echo result=0; exec yes "$(head -c 60000 /dev/zero |'
              ' tr "\\0" x)"')
    def test_without_end(self, script):
        self.refused(self.of(script).queries.volume, 'v')
