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

import io
import os
import shutil
import subprocess
import unittest

from dsware_sim import codes
from dsware_sim.host import fsc_cli
from dsware_sim.host import sds_cli
from dsware_sim.tests import base


class SdsCliTestCase(base.SimulatorTestCase):
    """What it prints, line by line."""

    def setUp(self):
        super().setUp()
        self.volume(self.connect(), 'v', 8)

    def execute(self, *argv, prefix=(), agent=None, timeout=base.DEADLINE):
        environment = {'DSWARE_SIM_AGENT': agent} if agent else {}
        return subprocess.run(
            [*prefix, os.path.join(self.simulator.bin, 'sds_cli'), *argv],
            capture_output=True, text=True, env=environment, cwd='/',
            timeout=timeout)

    def run_command(self, command, volume='v', **options):
        done = self.execute('-c', command, '-v', volume, **options)
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        return done.stdout.splitlines()

    def code(self, command, **options):
        return self.run_command(command, **options)[0]

    def attachments(self):
        return {(one['agent'], one['name']): one['device']
                for one in self.control.status()['attachments']}

    def test_attach_query_detach(self):
        self.assertEqual(['ret_code=0', 'ret_desc=success'],
                         self.run_command('attach'))
        key = self.simulator.agents[0][0], 'v'
        self.assertEqual([key], list(self.attachments()))
        self.assertEqual(['ret_code=0', 'ret_desc=success',
                          'dev_addr=' + self.attachments()[key]],
                         self.run_command('querydev'))
        self.assertEqual('ret_code=50151401', self.code('attach'))
        self.assertEqual(['ret_code=0', 'ret_desc=success'],
                         self.run_command('detach'))
        self.assertEqual({}, self.attachments())
        for command in ('detach', 'querydev'):
            self.assertEqual('ret_code=50155007', self.code(command))

    def test_the_same_attachments_as_fsc_cli(self):
        address = self.simulator.agents[0][0]
        subprocess.run(
            [os.path.join(self.simulator.bin, 'fsc_cli'), '--manage_ip',
             base.MANAGER, '--ip', address, '--op', 'attachVolume',
             '--volName', 'v'], check=True, stdout=subprocess.DEVNULL)
        self.assertEqual('ret_code=50151401', self.code('attach'))
        self.assertEqual('ret_code=0', self.code('querydev'))

    def test_another_host(self):
        second = self.simulator.agents[1][0]
        self.assertEqual('ret_code=0', self.code('attach', agent=second))
        self.assertEqual([(second, 'v')], list(self.attachments()))
        self.assertEqual('ret_code=50155007', self.code('querydev'))

    def test_no_such_volume(self):
        lines = self.run_command('attach', volume='none')
        self.assertEqual('ret_code=50151404', lines[0])
        self.assertIn('none', lines[1])
        self.assertEqual('ret_code=50155007',
                         self.code('querydev', volume='none'))

    def test_malformed_command_lines(self):
        for argv in ([], ['-c', 'attach'], ['-v', 'v', '-c', 'format'],
                     ['-c', 'attach', '-c', 'attach'],
                     ['-c', 'attach', '-v', 'v', 'w'],
                     ['-x', 'attach', '-v', 'v']):
            done = self.execute(*argv)
            self.assertEqual(0, done.returncode)
            self.assertEqual('ret_code=%d' % codes.COMMAND_FORMAT_ERROR,
                             done.stdout.splitlines()[0], argv)
        self.assertEqual({}, self.attachments())

    def test_order_of_options_is_free(self):
        done = self.execute('-v', 'v', '-c', 'attach')
        self.assertEqual('ret_code=0', done.stdout.splitlines()[0])

    def test_no_answer(self):
        self.control.agent_down(self.simulator.agents[0][0])
        for agent in (None, '127.0.0.99', '../control'):
            done = self.execute('-c', 'attach', '-v', 'v', agent=agent)
            self.assertEqual((1, ''), (done.returncode, done.stdout))
            self.assertIn('no answer from the agent', done.stderr)

    def test_faults(self):
        for kind in ('drop_before', 'cut_frame', 'garbage', 'wrong_seq'):
            self.control.add_fault(kind=kind, op='querydev', count=1)
            done = self.execute('-c', 'querydev', '-v', 'v')
            self.assertEqual((1, ''), (done.returncode, done.stdout), kind)
        self.control.add_fault(kind='result', code=50151209,
                               op='detachVolume', count=1)
        self.assertEqual('ret_code=50151209', self.code('detach'))

    def test_garbage(self):
        self.control.add_fault(kind='cli_garbage', count=1)
        lines = self.run_command('attach')
        self.assertFalse([line for line in lines
                          if line.startswith('ret_code=')])
        self.assertEqual(1, len(self.attachments()))

    def test_hang(self):
        self.control.add_fault(kind='cli_hang', count=1)
        self.assertRaises(subprocess.TimeoutExpired, self.run_command,
                          'attach', timeout=0.5)

    def test_the_socket_interface_does_not_tell_devices(self):
        self.run_command('attach')
        reply = self.connect()('querydev', volName='v')
        self.assertEqual(codes.OPERATION_UNKNOWN, reply[0])

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which('setpriv'),
                         'dropping capabilities needs root and setpriv')
    def test_as_nobody(self):
        # Of the group that the simulator is open to.
        os.chown(self.simulator.state_dir, -1, 65534)
        os.chmod(self.simulator.state_dir, 0o750)
        self.assertEqual('ret_code=0', self.code('attach', prefix=(
            shutil.which('setpriv'), '--reuid=65534', '--regid=65534',
            '--clear-groups')))


class ShowTestCase(base.TestCase):

    def test_values_are_decoded(self):
        out = io.StringIO()
        sds_cli.show('querydev', [
            ({'result': '0', 'desc': 'a%0Ab'}, ['dev_addr=/dev/x%2Cy'])],
            out, fsc_cli.decode)
        self.assertEqual('ret_code=0\nret_desc=a b\ndev_addr=/dev/x,y\n',
                         out.getvalue())
