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
"""The simulated fsc_cli, run as a program."""

import io
import os
import resource
import shutil
import subprocess
import unittest

from dsware_sim.cluster import model
from dsware_sim import codes
from dsware_sim.host import fsc_cli
from dsware_sim.tests import base

# CAP_DAC_READ_SEARCH and CAP_SYS_ADMIN, all that os-brick's privileged
# execution leaves to root.
CAPABILITIES = 1 << 2 | 1 << 21


class FscCliTestCase(base.SimulatorTestCase):
    """What it prints, line by line."""

    def setUp(self):
        super().setUp()
        self.address = self.simulator.agents[0][0]

    def execute(self, *argv, prefix=(), timeout=base.DEADLINE):
        # An empty environment, as behind sudo or rootwrap.
        return subprocess.run(
            [*prefix, os.path.join(self.simulator.bin, 'fsc_cli'), *argv],
            capture_output=True, text=True, env={}, cwd='/',
            timeout=timeout)

    def run_op(self, op, *argv, agent=0, **options):
        done = self.execute(
            '--manage_ip', base.MANAGER, '--ip',
            self.simulator.agents[agent][0], '--op', op, *argv, **options)
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        return done.stdout.splitlines()

    def create(self, name='v'):
        self.assertEqual(
            ['result=0', 'desc=success'],
            self.run_op('createVolume', '--volName', name, '--poolId', '0',
                        '--volSize', '8', '--thinFlag', '1'))

    def test_record(self):
        self.create()
        lines = self.run_op('queryVolume', '--volName', 'v')
        self.assertEqual(['result=0', 'desc=success'], lines[:2])
        record, = self.connect()('queryVolume', volName='v')[1]
        self.assertEqual(','.join('%s=%s' % item for item in record.items()),
                         lines[2])
        self.assertTrue(lines[2].startswith('vol_name=v,father_name=,'))
        self.assertEqual(3, len(lines))

    def test_code(self):
        lines = self.run_op('queryVolume', '--volName', 'none')
        self.assertEqual(['result=50150005', 'desc=no such volume: none'],
                         lines)

    def test_negative_code(self):
        self.create()
        self.assertEqual('result=-157210', self.run_op(
            'associateQoSWithVolume', '--qosName', 'q', '--volName',
            'v')[0])

    def test_listing(self):
        client = self.connect()
        for number in range(2000):
            self.volume(client, 'volume-%d' % number, 1)
        lines = self.run_op('queryAllVolume', '--poolId', '0')
        self.assertEqual(2002, len(lines))
        self.assertTrue(all(line.startswith('vol_name=volume-')
                            for line in lines[2:]))
        self.assertEqual(1, sum(line.startswith('result=')
                                for line in lines))

    def test_qos(self):
        self.create()
        self.run_op('createQoS', '--qosName', 'q', '--maxIOPS', '100')
        self.run_op('associateQoSWithVolume', '--qosName', 'q', '--volName',
                    'v')
        lines = self.run_op('queryVolumeQoSInfo', '--volName', 'v')
        self.assertEqual(['result=0', 'desc=success', 'qosName:q',
                          'maxIOPS:100'], lines[:4])
        self.assertEqual(3 + len(model.QOS_FIELDS), len(lines))

    def test_version(self):
        self.assertTrue(self.run_op('getDSwareIdentifier')[2].startswith(
            'version='))

    def test_attach(self):
        self.create()
        lines = self.run_op('attachVolume', '--volName', 'v', agent=1)
        attachment, = self.control.status()['attachments']
        self.assertEqual(self.simulator.agents[1][0], attachment['agent'])
        self.assertEqual(
            ['result=0', 'desc=success', 'DSwareAttachResult [result=0, '
             'devName=%s]' % attachment['device']], lines)
        self.assertEqual('result=50151401', self.run_op(
            'attachVolume', '--volName', 'v', agent=1)[0])
        self.assertEqual(['result=0', 'desc=success'], self.run_op(
            'detachVolume', '--volName', 'v', agent=1))

    def test_larger_than_the_file_system_can_hold(self):
        # As ext4 says of 16 TiB.
        soft, hard = resource.prlimit(self.simulator.pid,
                                      resource.RLIMIT_FSIZE)
        self.addCleanup(resource.prlimit, self.simulator.pid,
                        resource.RLIMIT_FSIZE, (soft, hard))
        resource.prlimit(self.simulator.pid, resource.RLIMIT_FSIZE,
                         (64 * model.MIB, hard))
        client = self.connect()
        self.volume(client, 'large', size=65)
        self.volume(client, 'growing', size=64)
        self.attach(client, 'growing')
        for argv in (('attachVolume', '--volName', 'large'),
                     ('expandVolume', '--volName', 'growing', '--volSize',
                      '65')):
            lines = self.run_op(*argv)
            self.assertEqual('result=50000001', lines[0])
            self.assertIn('holds no file of that size', lines[1])
        record, = self.ok(client, 'queryVolume', volName='growing')
        self.assertEqual('64', record['vol_size'])
        self.ok(client, 'deleteVolume', volName='large')

    def test_malformed_command_lines(self):
        complete = ['--manage_ip', 'm', '--ip', self.address, '--op', 'x']
        for argv in ([], ['--op', 'x'], complete[2:], complete[:4],
                     [*complete, '--volName'], [*complete, 'volName', 'v'],
                     [*complete, '--', 'v'], [*complete, '--op', 'y'],
                     [*complete, '--a b', 'v'], [*complete, '--port', 'x'],
                     [*complete, '--port', '0'],
                     ['--manage_ip', '', *complete[2:]]):
            done = self.execute(*argv)
            self.assertEqual(0, done.returncode)
            self.assertEqual('result=%d' % codes.CLIENT_COMMAND_FORMAT_ERROR,
                             done.stdout.splitlines()[0], argv)

    def test_port_is_taken(self):
        self.run_op('queryAllPoolInfo', '--port', '10519')

    def test_odd_values_stay_arguments(self):
        for value in ('a\nresult=0', 'a,b=c', '%41', '$(id)', 'm\u00fcller',
                      'a b'):
            self.assertEqual('result=50151001', self.run_op(
                'queryVolume', '--volName', value)[0], value)

    def test_no_such_agent(self):
        for address in ('127.0.0.99', '../control', 'host.example'):
            done = self.execute('--manage_ip', 'm', '--ip', address, '--op',
                                'queryAllPoolInfo')
            self.assertEqual((1, ''), (done.returncode, done.stdout))
            self.assertIn('no answer from the agent', done.stderr)

    def test_wrong_agent_is_told_which_there_are(self):
        done = self.execute('--manage_ip', 'm', '--ip', '127.0.0.99', '--op',
                            'queryAllPoolInfo')
        self.assertEqual(
            'fsc_cli: no answer from the agent: no agent listens at '
            '127.0.0.99; agents of this cluster: %s\n' % ', '.join(
                sorted(address for address, _port in self.simulator.agents)),
            done.stderr)

    def test_no_simulator(self):
        simulator = self.own_simulator()
        simulator.control.stop()
        done = subprocess.run(
            [os.path.join(simulator.bin, 'fsc_cli'), '--manage_ip', 'm',
             '--ip', simulator.agents[0][0], '--op', 'queryAllPoolInfo'],
            capture_output=True, text=True)
        self.assertEqual(1, done.returncode)
        self.assertIn('the simulator does not run', done.stderr)

    def test_agent_down(self):
        self.control.agent_down(self.address)
        done = self.execute('--manage_ip', 'm', '--ip', self.address, '--op',
                            'queryAllPoolInfo')
        self.assertEqual((1, ''), (done.returncode, done.stdout))
        self.assertIn(self.address, done.stderr)
        self.assertNotIn('Errno', done.stderr)

    def test_faults(self):
        for kind in ('drop_before', 'drop_after', 'cut_frame', 'garbage',
                     'wrong_seq'):
            self.control.add_fault(kind=kind, count=1)
            done = self.execute('--manage_ip', 'm', '--ip', self.address,
                                '--op', 'queryAllPoolInfo')
            self.assertEqual((1, ''), (done.returncode, done.stdout), kind)
            self.assertNotIn('Traceback', done.stderr)
        self.control.add_fault(kind='result', code=50150012, count=1)
        self.assertEqual('result=50150012',
                         self.run_op('queryAllPoolInfo')[0])

    def test_garbage(self):
        self.control.add_fault(kind='cli_garbage', count=1)
        lines = self.run_op('createVolume', '--volName', 'v', '--poolId',
                            '0', '--volSize', '1', '--thinFlag', '1')
        self.assertFalse([line for line in lines
                          if line.startswith('result=')])
        self.assertTrue(lines)
        self.ok(self.connect(), 'queryVolume', volName='v')

    def test_hang(self):
        self.control.add_fault(kind='cli_hang', count=1)
        self.assertRaises(subprocess.TimeoutExpired, self.run_op,
                          'queryAllPoolInfo', timeout=0.5)

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which('setpriv'),
                         'dropping capabilities needs root and setpriv')
    def test_with_the_capabilities_of_os_brick(self):
        self.create()
        drop = [shutil.which('setpriv'), '--inh-caps=-all',
                '--bounding-set=-all,+sys_admin,+dac_read_search']
        with open('/proc/self/status') as status:
            self.assertNotIn('CapEff:\t%016x' % CAPABILITIES, status.read())
        reduced = subprocess.run([*drop, 'cat', '/proc/self/status'],
                                 capture_output=True, text=True)
        self.assertIn('CapEff:\t%016x' % CAPABILITIES, reduced.stdout)
        lines = self.run_op('attachVolume', '--volName', 'v', prefix=drop)
        self.assertEqual('result=0', lines[0])


class ReplyTestCase(base.TestCase):
    """What it makes of replies that are not as they should be."""

    def show(self, *frames):
        out = io.StringIO()

        class Connection:
            data = b''.join(len(frame).to_bytes(4, 'big') + frame
                            for frame in frames)

            def recv(self, count):
                part, self.data = self.data[:count], self.data[count:]
                return part
        fsc_cli.show('queryVolume', fsc_cli.replies(Connection()), out)
        return out.getvalue()

    def test_several_frames(self):
        self.assertEqual(
            'result=0\ndesc=a b\nvol_name=x\nvol_name=y\n',
            self.show(b'seq=1\nresult=0\ndesc=a%0Ab\nmore=1\n\nvol_name=x',
                      b'seq=1\nresult=0\n\nvol_name=y'))

    def test_bad(self):
        for frame in (b'', b'x', b'seq=2\nresult=0', b'seq=1',
                      b'seq=1\nresult=ok', b'\xff'):
            self.assertRaises((fsc_cli.NoAnswer, ValueError), self.show,
                              frame)
        self.assertRaises(fsc_cli.NoAnswer, self.show,
                          b'seq=1\nresult=0\nmore=1')
