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

from cinder.tests.unit.volume.drivers.dsware.integration import certificates
from cinder.tests.unit.volume.drivers.dsware.integration import malicious
from cinder.volume.drivers.dsware.array import array
from cinder.volume.drivers.dsware.client import cli_transport
from cinder.volume.drivers.dsware.client import client
from cinder.volume.drivers.dsware.client import connection
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware.client import tls
from cinder.volume.drivers.dsware.client import transport
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware.features import stats

MANAGER = '192.0.2.10'
SECONDS = 2
VOLUME = ('vol_name=%s,father_name=,status=0,vol_size=1024,real_size=0,'
          'pool_id=0,create_time=1')
FORGED = ('busy%0A2026-01-01 00:00:00.000 1 ERROR forged%0D%1B[2J%00'
          '\u202e\u2028\x9b2J' + 'x' * 100_000)
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

    def test_a_listing_with_more_and_more(self):
        def answer(request):
            yield from itertools.repeat(malicious.reply(
                request, *[VOLUME % 'v'] * 500, more=1))
        found = self.of(self.agent(answer)).queries.volumes_of_pool(0)
        last = None
        with testtools.ExpectedException(exceptions.OutcomeUnknown):
            for last in found:
                pass
        self.assertEqual('v', last.name)
        self.assertLess(peak() - self.before, MEMORY)

    @ddt.data(b'\xff\xff\xff\xff', b'\0\x10\0\x01', b'\0\0\0\0')
    def test_lengths(self, length):
        agent = self.agent(lambda request: itertools.repeat(length * 1000))
        self.refused(self.of(agent).queries.volume, 'v')

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

    def test_a_reply_that_drips(self):
        agent = self.agent(
            lambda request: [malicious.reply(request, 'a=' + 'x' * 20_000)],
            drip=True)
        self.drips(agent, self.of(agent).queries.pools)

    def test_a_change_that_drips_is_looked_into(self):
        agent = self.agent(
            lambda request: [malicious.reply(request, 'a=' + 'x' * 20_000)],
            drip=True)
        self.drips(agent, self.of(agent).volumes.create, 'v', 0, 1024, True)
        self.assertEqual(1, agent.ops.count('createVolume'))

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

    # -- lies -------------------------------------------------------------

    @ddt.data('w', 'v%0A', 'V', 'v ', '%76%00', 'v1')
    def test_another_volume(self, name):
        agent = self.agent(
            lambda request: [malicious.reply(request, VOLUME % name)])
        self.refused(self.of(agent).queries.volume, 'v')

    def test_the_same_record_again_and_again(self):
        agent = self.agent(
            lambda request: [malicious.reply(request, *[VOLUME % 'v'] * 9)])
        self.refused(self.of(agent).queries.volume, 'v')

    def test_the_same_field_twice(self):
        agent = self.agent(lambda request: [malicious.reply(
            request, VOLUME % 'w' + ',vol_name=v')])
        self.refused(self.of(agent).queries.volume, 'v')

    def test_snapshots_of_others_are_not_deleted(self):
        agent = self.agent(lambda request: [malicious.reply(
            request, 'snap_name=w.clone,father_name=w,status=0,snap_size=1,'
            'real_size=0,pool_id=0,create_time=1')])
        self.refused(self.of(agent).volumes.delete_temporaries_of, 'v')
        self.assertEqual({'querySnapOfVolume'}, set(agent.ops))

    @ddt.data('/etc/../dev/sda', '-rf', '/dev/sda%0A', 'dev/sda')
    def test_a_device_that_is_none(self, path):
        agent = self.agent(
            lambda request: [malicious.reply(request, f'devName={path}')])
        self.refused(self.of(agent).hosts.attach, 'v',
                     endpoints.Endpoint(*agent.address))

    @ddt.data('-1', str(10 ** 30), 'NaN', '\u0661', '')
    def test_capacities(self, number):
        agent = self.agent(lambda request: [malicious.reply(
            request, f'pool_id=0,total_capacity={number},used_capacity=0,'
            'alloc_capacity=0')])
        watch = stats.PoolWatch(self.of(agent), [])
        watch.refresh()
        self.assertFalse(watch.up)

    def test_addresses_that_nobody_asked_for(self):
        other = self.agent(lambda request: [malicious.reply(request)])
        where = '%s:%d' % other.address
        agent = self.agent(lambda request: [malicious.reply(
            request, f'redirect={where},agent_ip={where},hosts={where}',
            result=50150016, location=where, agents=where, manage_ip=where)])
        self.refused(self.of(agent).queries.volume, 'v',
                     error=exceptions.TryAgain)
        self.assertEqual(0, other.connections)

    # -- forgeries --------------------------------------------------------

    @ddt.data(50150013, 50150005, 50150016, 4711, -1)
    def test_what_it_says(self, result):
        agent = self.agent(lambda request: [malicious.reply(
            request, result=result, desc=FORGED)])
        self.refused(self.of(agent).queries.pools,
                     error=exceptions.DSWareError)
        self.assertNotIn('\n2026-01-01', self.log.output)

    @ddt.data(b'\xff\xfe', b'\xed\xa0\x80', b'%C3%28', b'%0', b'x\n\0=')
    def test_text_that_is_none(self, text):
        agent = self.agent(lambda request: [malicious.frame(
            b'seq=%d\nresult=0\ndesc=%s' % (request.seq, text))])
        self.refused(self.of(agent).queries.pools)

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
        self.directory = self.useFixture(fixtures.TempDir()).path
        malicious.write_program(self.directory, script)
        self.useFixture(fixtures.EnvironmentVariable(
            'PATH', self.directory + os.pathsep + os.environ['PATH']))
        self.useFixture(fixtures.MockPatch(
            'cinder.privsep.sys_admin_pctxt.client_mode', False))
        return self.array(
            lambda endpoint: cli_transport.CLITransport(
                endpoint, MANAGER),
            ('127.0.0.1', 10519))

    def ops(self):
        with open(os.path.join(self.directory, 'ops')) as ops:
            return set(ops.read().split())

    @ddt.data('exec yes', 'yes result=0 & exec yes >&2',
              'echo result=0; exec yes "$(head -c 60000 /dev/zero |'
              ' tr "\\0" x)"')
    def test_without_end(self, script):
        self.refused(self.of(script).queries.volume, 'v')

    def test_a_program_that_hangs(self):
        self.refused(
            self.of('echo result=0; exec tail -f /dev/null').queries.volume,
            'v')

    @ddt.data('w', 'V', 'v1', 'v w', r'v\033[2J')
    def test_another_volume(self, name):
        self.refused(self.of('printf "result=0\\n%s\\n"' % (
            VOLUME % name)).queries.volume, 'v')

    @ddt.data('result=0\\nresult=50150005', 'result=\\033[2J', '\\377\\376',
              'desc=x\\rresult=0', 'result=0\\nvol_name=v,vol_name=w')
    def test_what_it_prints(self, text):
        self.refused(self.of(f'printf "{text}\\n"').queries.volume, 'v')

    def test_what_it_says(self):
        self.refused(
            self.of('printf "result=50150013\\ndesc=a\\033[2J\\302\\2332J'
                    '\\342\\200\\256\\n"; exit 3').queries.pools,
            error=exceptions.DSWareError)

    def test_snapshots_of_others_are_not_deleted(self):
        self.refused(self.of(
            'printf "result=0\\nsnap_name=w.clone,father_name=w,status=0,'
            'snap_size=1,real_size=0,pool_id=0,create_time=1\\n"'
        ).volumes.delete_temporaries_of, 'v')
        self.assertEqual({'querySnapOfVolume'}, self.ops())
