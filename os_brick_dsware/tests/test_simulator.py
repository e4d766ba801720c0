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

"""The connector with real devices, against the simulated cluster."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys

import fixtures
from os_brick import exception
from os_brick.initiator.connectors import huawei
from os_brick.privileged import rootwrap
from oslo_concurrency import processutils
from oslo_config import cfg
from oslo_config import fixture as config_fixture
import testtools

from dsware_sim.host import devices as simulated_devices
from dsware_sim import testing
from os_brick_dsware import connector
from os_brick_dsware import exceptions
from os_brick_dsware import fsc_cli
from os_brick_dsware import identify
from os_brick_dsware import sds_connector
from os_brick_dsware import waiting

MIB = 1024 * 1024
NAME = 'volume-1'
#: What os-brick's privileged process may do, and no more.
CAPABILITIES = '+sys_admin,+dac_read_search'


def execute(*cmd, run_as_root=False, root_helper=None, **kwargs):
    """Run a command as os-brick's privileged process does."""
    return rootwrap.custom_execute(*cmd, **kwargs)


def execute_confined(*cmd, **kwargs):
    """Run a command with the capabilities of that process only."""
    only = ['setpriv']
    for kind in ('inh-caps', 'bounding-set'):
        only += ['--' + kind, '-all,' + CAPABILITIES]
    return execute(*only, *cmd, **kwargs)


class Quick:

    def _waits(self):
        return waiting.Waits(device=3, link=0.5, busy=0.5, removal=5,
                             growth=5, command=2, lock=30)


class QuickConnector(Quick, connector.DSWareConnector):
    """Runs fsc_cli."""


class QuickSDSConnector(Quick, sds_connector.SDSHypervisorConnector):
    """Runs sds_cli."""


class SimulatorTestCase(testtools.TestCase):

    connector_class: type = QuickConnector
    option = 'dsware_fsc_cli'
    devices = 'file'
    single_pool = False

    def setUp(self):
        super().setUp()
        self.simulator = testing.Simulator(
            devices=self.devices, agents=2, single_pool=self.single_pool)
        self.addCleanup(self.simulator.stop)
        self.simulator.start()
        self.control = self.simulator.control
        self.program = os.path.join(self.simulator.bin, 'fsc_cli')
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.conf = self.useFixture(config_fixture.Config(cfg.CONF))
        self.conf.config(group='os_brick', dsware_fsc_cli=self.program,
                         dsware_sds_cli=os.path.join(
                             self.simulator.bin, 'sds_cli'),
                         dsware_cli_timeout=20,
                         dsware_simulated_devices=self.devices == 'file',
                         lock_path=os.path.join(self.directory, 'lock'))
        os.mkdir(os.path.join(self.directory, 'lock'))
        self.connector = self.connector_class('sudo', execute=execute)
        self.cli('createVolume', volName=NAME, poolId=0, volSize=4,
                 thinFlag=1)

    def cli(self, op, agent=0, **args):
        address, port = self.simulator.agents[agent]
        out, _err = processutils.execute(*fsc_cli.command(
            self.program, op, '127.0.0.1', address, port, args))
        said = fsc_cli.parse(op, out)
        self.assertEqual(0, said.result, out)
        return said.records

    def wwn(self):
        return self.cli('queryVolume', volName=NAME)[0].get('wwn')

    def properties(self, token='token-1', agent=0):
        address, port = self.simulator.agents[agent]
        return {'format_version': 1, 'volume_name': NAME, 'wwn': self.wwn(),
                'attachment': token, 'manager_ip': '127.0.0.1',
                'agent_ip': address, 'agent_port': port,
                'access_mode': 'rw', 'encrypted': False}

    def connect(self, token='token-1', agent=0):
        return self.connector.connect_volume(
            self.properties(token, agent))['path']

    def disconnect(self, token='token-1', agent=0, **kwargs):
        self.connector.disconnect_volume(
            self.properties(token, agent), None, **kwargs)

    def attached(self):
        return {one['agent'] for one in self.control.status()['attachments']
                if one['name'] == NAME}

    def fault(self, kind, op, **kwargs):
        self.control.add_fault(kind=kind, op=op, **kwargs)


class Scenarios:
    """What holds with every kind of device."""

    def test_bytes_are_the_volumes(self):
        pattern = os.urandom(MIB)
        with open(self.connect(), 'r+b') as device:
            device.seek(MIB)
            device.write(pattern)
        self.disconnect()
        self.assertEqual(set(), self.attached())

        with open(self.connect('token-2', agent=1), 'rb') as device:
            device.seek(MIB)
            self.assertEqual(pattern, device.read(MIB))
        self.disconnect('token-2', agent=1)
        self.assertEqual([], self.connector.get_all_available_volumes())

    def test_sharing(self):
        paths = {self.connect(token) for token in ('a', 'b', 'b', 'c')}
        self.assertEqual(1, len(paths))
        for token in ('b', 'b', 'a', 'a'):
            self.disconnect(token)
            self.assertEqual(1, len(self.attached()))
        self.disconnect('c')
        self.assertEqual(set(), self.attached())

    def test_extend(self):
        path = self.connect()
        self.cli('expandVolume', volName=NAME, volSize=8)
        self.assertEqual(8 * MIB,
                         self.connector.extend_volume(self.properties()))
        with open(path, 'r+b') as device:
            self.assertEqual(8 * MIB, device.seek(0, os.SEEK_END))
            device.seek(8 * MIB - 512)
            device.write(b'x' * 512)
        self.disconnect()

    def test_device_is_late(self):
        self.fault('late_device', None)
        looked = self.when_looked_for(self.control.clear_faults)
        with open(self.connect(), 'rb') as device:
            self.assertEqual(4 * MIB, device.seek(0, os.SEEK_END))
        self.assertTrue(looked)
        self.disconnect()
        self.assertEqual(set(), self.attached())

    def test_device_never_appears(self):
        self.fault('late_device', None)
        self.useFixture(fixtures.MonkeyPatch(
            '%s.Quick._waits' % __name__, lambda _self: waiting.Waits(
                device=0.5, link=0.5, busy=0.5, removal=5)))
        error = self.assertRaises(exceptions.DSWareError, self.connect)
        self.assertIn('not appear', str(error))
        self.assertEqual(set(), self.attached())
        self.assertEqual([], self.connector._ledger().users(NAME))
        self.control.clear_faults()
        self.connect()
        self.disconnect()

    def when_looked_for(self, call):
        """Call something once the connector has looked for the device.

        :returns: a list that is empty before that
        """
        looked = []
        real = identify.Identifier.judge

        def judge(*args):
            found = real(*args)
            if not looked:
                looked.append(found)
                call()
            return found

        self.useFixture(fixtures.MonkeyPatch(
            'os_brick_dsware.identify.Identifier.judge', judge))
        return looked

    def test_never_connected(self):
        for force in (False, True):
            self.disconnect('never', force=force)
        self.connect()
        for force in (False, True):
            self.disconnect('never', force=force)
            self.assertEqual(1, len(self.attached()))
        self.disconnect()
        for force in (False, True):
            self.disconnect(force=force)
        self.assertEqual(set(), self.attached())

    def test_volume_is_gone_from_the_cluster(self):
        properties = self.properties()
        self.connect()
        self.control.reset()
        self.connector.disconnect_volume(properties, None)
        self.assertEqual([], self.connector._ledger().users(NAME))

    def test_program_is_killed(self):
        program = self.program_that('exec "%s" "$@" >/dev/null; kill -9 $$')
        for call in (self.connect, self.disconnect):
            self.conf.config(group='os_brick', **{self.option: program()})
            call()
        self.assertEqual(set(), self.attached())

    def program_that(self, script):
        """Make programs that do this once, and then as the real one.

        :param script: for a shell; %s is the real program
        :returns: function that makes one, and returns its path
        """
        real = self.conf.conf.os_brick[self.option]

        def make():
            path = os.path.join(
                self.useFixture(fixtures.TempDir()).path, 'cli')
            with open(path, 'w') as stream:
                stream.write('#!/bin/sh\nif mkdir "$0.done" 2>/dev/null; '
                             'then %s; fi\nexec "%s" "$@"\n' % (
                                 script.replace('exec ', '') % real, real))
                os.fchmod(stream.fileno(), 0o755)
            return path

        return make

    def test_answer_to_attach_is_lost(self):
        for kind in ('drop_after', 'garbage', 'cut_frame', 'cli_garbage',
                     'drop_before'):
            self.fault(kind, 'attachVolume', count=1)
            path = self.connect()
            with open(path, 'rb') as device:
                self.assertEqual(4 * MIB, device.seek(0, os.SEEK_END))
            self.disconnect()
            self.assertEqual(set(), self.attached())

    def test_answer_to_detach_is_lost(self):
        for kind in ('drop_after', 'garbage', 'cli_garbage', 'drop_before'):
            self.connect()
            self.fault(kind, 'detachVolume', count=1)
            self.disconnect()
            self.assertEqual(set(), self.attached())

    def test_program_hangs(self):
        self.conf.config(group='os_brick', dsware_cli_timeout=1)
        self.fault('cli_hang', 'attachVolume', count=1)
        self.connect()
        self.fault('cli_hang', 'detachVolume', count=1)
        self.disconnect()
        self.assertEqual(set(), self.attached())

    def test_agent_is_down(self):
        self.connect()
        properties = self.properties()
        self.control.agent_down(self.simulator.agents[0][0])
        self.assertRaises(exceptions.OutcomeUnknown,
                          self.connector.disconnect_volume, properties, None)
        self.assertEqual(1, len(self.attached()))
        self.connector.disconnect_volume(properties, None, force=True)
        self.control.agent_up(self.simulator.agents[0][0])
        # What was left serves the next user, who detaches it.
        self.connect('token-2')
        self.disconnect('token-2')
        self.assertEqual(set(), self.attached())

    def test_cluster_is_killed(self):
        path = self.connect()
        with open(path, 'r+b') as device:
            device.write(b'survives')
        self.connector._execute('sync', path, run_as_root=True)
        self.simulator.kill()
        self.simulator.start()
        with open(self.connect('token-2'), 'rb') as device:
            self.assertEqual(b'survives', device.read(8))
        self.disconnect('token-1')
        self.disconnect('token-2')
        self.assertEqual(set(), self.attached())

    def test_program_of_no_use(self):
        for path, mode in (('missing', None), ('forbidden', 0o600)):
            program = os.path.join(self.directory, path)
            if mode:
                with open(program, 'w') as stream:
                    os.fchmod(stream.fileno(), mode)
            self.conf.config(group='os_brick', **{self.option: program})
            error = self.assertRaises(
                exceptions.ConfigurationError,
                self.connector.connect_volume,
                {'volume_name': NAME, 'volume_id': NAME,
                 'manager_ip': '127.0.0.1', 'agent_ip': '127.0.0.1'})
            self.assertIn(self.option, str(error))

    def test_program_with_children_is_ended(self):
        # A shell script whose child ignores signals and keeps the pipe open.
        program = os.path.join(self.directory, 'fsc_cli')
        with open(program, 'w') as stream:
            stream.write('#!/bin/sh\n(trap "" TERM; sleep 600)\n')
            os.fchmod(stream.fileno(), 0o755)
        self.useFixture(fixtures.MonkeyPatch(
            'os_brick_dsware.commands._UNKNOWN_ATTEMPTS', 1))
        self.conf.config(group='os_brick', dsware_cli_timeout=1,
                         **{self.option: program})
        error = self.assertRaises(
            exceptions.OutcomeUnknown, self.connector.connect_volume,
            {'volume_name': NAME, 'volume_id': NAME,
             'manager_ip': '127.0.0.1', 'agent_ip': '127.0.0.1'})
        self.assertIn('within 1 s', str(error))


class Hosts:
    """What only a program that is told an agent can do on one machine."""

    def test_two_hosts(self):
        # They have one link for their two devices.
        self.conf.config(group='os_brick', dsware_simulated_devices=True)
        first, second = self.connect('a'), self.connect('b', agent=1)
        with open(first, 'r+b') as device:
            device.write(b'seen by both')
            device.flush()
            os.fsync(device.fileno())
        with open(second, 'rb') as device:
            self.assertEqual(b'seen by both', device.read(12))
        self.assertEqual(2, len(self.attached()))
        self.disconnect('a')
        self.assertEqual({self.simulator.agents[1][0]}, self.attached())
        self.assertEqual([second], self.connector.get_volume_paths(
            self.properties('b', agent=1)))
        self.disconnect('b', agent=1)
        self.assertEqual(set(), self.attached())


class FileTestCase(Scenarios, Hosts, SimulatorTestCase):
    """Without root plain files take the place of devices."""


class OlderClusterTestCase(Scenarios, Hosts, SimulatorTestCase):
    """No volume has a World Wide Name."""

    single_pool = True


class Loops:
    """Real block devices with real by-id links."""

    devices = 'loop'

    def test_stable_path(self):
        path = self.connect()
        self.assertEqual('/dev/disk/by-id/wwn-0x' + self.wwn(), path)
        self.assertTrue(os.path.realpath(path).startswith('/dev/loop'))
        self.assertTrue(self.connector.check_valid_device(path))
        self.disconnect()
        self.assertFalse(os.path.lexists(path))

    def test_link_of_another_volume(self):
        self.cli('createVolume', volName='volume-2', poolId=0, volSize=8,
                 thinFlag=1)
        other, = self.cli('attachVolume', volName='volume-2')
        link = '/dev/disk/by-id/wwn-0x' + self.wwn()
        path = self.connect()
        os.unlink(link)
        os.symlink(other['devName'], link)
        self.addCleanup(lambda: os.path.lexists(link) and os.unlink(link))

        again = self.connect('token-2')
        self.assertNotEqual(link, again)
        self.assertEqual(4 * MIB, self.connector._host().size(again))
        self.assertEqual(path, link)
        self.disconnect()
        self.disconnect('token-2')
        self.assertEqual(set(), self.attached())

    def test_link_is_dangling(self):
        link = '/dev/disk/by-id/wwn-0x' + self.wwn()
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.symlink('/dev/loop-that-was', link)
        self.addCleanup(lambda: os.path.lexists(link) and os.unlink(link))
        self.assertEqual(link, self.connect())
        os.unlink(link)
        os.symlink('/dev/loop-that-was', link)
        again = self.connect('token-2')
        self.assertNotEqual(link, again)
        self.assertEqual(4 * MIB, self.connector._host().size(again))
        self.disconnect()
        self.disconnect('token-2')
        self.assertEqual(set(), self.attached())

    def test_records_are_lost(self):
        path = self.connect()
        shutil.rmtree(self.connector._ledger().directory)
        self.assertEqual(path, self.connect('token-2'))
        self.disconnect('token-2')
        self.assertEqual(set(), self.attached())
        self.connect()
        shutil.rmtree(self.connector._ledger().directory)
        self.disconnect()
        self.assertEqual(set(), self.attached())

    def test_flushed_before_it_is_detached(self):
        """The kernel flushes at the last close, so somebody has it open."""
        path = self.connect()
        stored = self.backing_file(path)
        pattern = os.urandom(MIB)
        with open(path, 'r+b', buffering=0) as device:
            device.write(pattern)
            # It is in the host's page cache, and not on the cluster.
            self.assert_stored(False, pattern, stored)
            self.assertRaises(exception.ExceptionChainer, self.disconnect,
                              force=True)
            self.assert_stored(True, pattern, stored)
        self.assertEqual(1, len(self.attached()))
        self.disconnect()

    def test_flushed_by_who_leaves_others(self):
        path = self.connect('a')
        stored = self.backing_file(path)
        self.connect('b')
        pattern = os.urandom(MIB)
        with open(path, 'r+b', buffering=0) as device:
            device.write(pattern)
            self.assert_stored(False, pattern, stored)
            self.disconnect('a')
            self.assert_stored(True, pattern, stored)
        self.disconnect('b')

    def backing_file(self, path):
        name = os.path.basename(os.path.realpath(path))
        with open('/sys/block/%s/loop/backing_file' % name) as stream:
            return stream.read().rstrip('\n')

    def assert_stored(self, expected, pattern, path):
        # Not assertEqual, which would print all of it.
        with open(path, 'rb') as stream:
            self.assertIs(expected, stream.read(MIB).startswith(pattern))

    def test_held_open_by_another_process(self):
        holder = subprocess.Popen(
            [sys.executable, '-c', 'import sys\nopen(sys.argv[1], "rb")\n'
             'device = open(sys.argv[1], "rb")\nprint(flush=True)\n'
             'sys.stdin.read()', self.connect()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(holder.stdout.close)
        holder.stdout.readline()
        self.assertRaises(exceptions.VolumeInUse, self.disconnect)
        # With force it is tried, but the cluster does not do it.
        self.assertRaises(exception.ExceptionChainer, self.disconnect,
                          force=True)
        self.assertEqual(1, len(self.attached()))
        holder.stdin.close()
        holder.wait(60)
        self.disconnect()
        self.assertEqual(set(), self.attached())

    def test_claimed(self):
        path = self.connect()
        handle = os.open(path, os.O_RDONLY | os.O_EXCL)
        with contextlib.closing(os.fdopen(handle)):
            self.assertTrue(self.connector._host()._claimed(path))
        self.assertFalse(self.connector._host()._claimed(path))
        self.disconnect()

    def test_mounted(self):
        path = self.connect()
        target = self.useFixture(fixtures.TempDir()).path
        subprocess.run(['mkfs.ext4', '-q', path], check=True)
        subprocess.run(['mount', path, target], check=True)
        try:
            error = self.assertRaises(exceptions.VolumeInUse, self.disconnect)
        finally:
            subprocess.run(['umount', target], check=True)
        self.assertIn('mount ' + target, str(error))
        self.disconnect()
        self.assertEqual(set(), self.attached())

    def test_device_name_is_used_again_at_once(self):
        # Loop devices get the lowest free number: the next volume's device
        # has the name of this one's while this one is waited for.
        real = self.connector._host()
        path = os.path.realpath(self.connect())
        before = real.generation(path)
        self.cli('detachVolume', volName=NAME)
        # Nothing, unless another test had it already.
        self.assertNotEqual(before, real.generation(path))
        self.cli('attachVolume', volName=NAME)
        self.assertNotEqual(before, real.generation(path))
        self.cli('detachVolume', volName=NAME)
        self.disconnect()

    def test_with_the_capabilities_of_os_brick(self):
        self.connector = self.connector_class(
            'sudo', execute=execute_confined)
        out, _err = execute_confined('grep', 'CapEff', '/proc/self/status')
        # CAP_DAC_READ_SEARCH is bit 2, CAP_SYS_ADMIN bit 21.
        self.assertEqual(1 << 2 | 1 << 21, int(out.split()[1], 16))
        path = self.connect()
        with open(path, 'r+b') as device:
            device.write(b'written')
            fcntl.ioctl(device, 0x1261)
        self.cli('expandVolume', volName=NAME, volSize=8)
        self.assertEqual(8 * MIB,
                         self.connector.extend_volume(self.properties()))
        self.disconnect()
        self.assertEqual(set(), self.attached())


@testtools.skipUnless(simulated_devices.have_loop_devices(),
                      'loop devices need root and the loop driver')
class LoopTestCase(Loops, Scenarios, Hosts, SimulatorTestCase):
    """With fsc_cli."""

    def test_agent_names_another_device(self):
        self.cli('createVolume', volName='volume-2', poolId=0, volSize=4,
                 thinFlag=1)
        other, = self.cli('attachVolume', volName='volume-2')
        path = os.path.join(self.directory, 'file')
        with open(path, 'wb') as stream:
            stream.truncate(4 * MIB)
        disk = os.stat('/').st_dev
        system = os.path.realpath('/sys/dev/block/%d:%d' % (
            os.major(disk), os.minor(disk)))
        for device in (other['devName'], path,
                       '/dev/' + os.path.basename(system)):
            self.conf.config(group='os_brick', dsware_fsc_cli=self.confused(
                device))
            self.assertRaises(exceptions.WrongDevice, self.connect)
            self.assertEqual([], self.connector._ledger().users(NAME))
            self.assertEqual(set(), self.attached())

    def test_stale_link(self):
        """It leads to a device that a volume of this host has."""
        self.cli('createVolume', volName='volume-2', poolId=0, volSize=4,
                 thinFlag=1)
        other = self.connector.connect_volume(
            {**self.properties('other'), 'volume_name': 'volume-2',
             'wwn': self.cli('queryVolume', volName='volume-2')[0]['wwn']})
        self.cli('attachVolume', volName=NAME)
        link = '/dev/disk/by-id/wwn-0x' + self.wwn()
        os.unlink(link)
        os.symlink(os.path.realpath(other['path']), link)
        self.assertEqual([], self.connector.get_volume_paths(
            self.properties()))
        error = self.assertRaises(exceptions.WrongDevice, self.connect)
        self.assertIn('volume-2', str(error))
        self.disconnect()
        self.assertEqual(set(), self.attached())

    def confused(self, device):
        """Make a program that names a certain device, whatever is asked."""
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'cli')
        with open(path, 'w') as stream:
            stream.write('#!/bin/sh\n%s "$@" | sed "s:devName=[^]]*:'
                         'devName=%s:"\n' % (self.program, device))
            os.fchmod(stream.fileno(), 0o755)
        return path


class SDSTestCase(SimulatorTestCase):
    """With sds_cli, which knows one host only."""

    connector_class = QuickSDSConnector
    option = 'dsware_sds_cli'

    def properties(self, token='token-1', agent=0):
        self.useFixture(fixtures.EnvironmentVariable(
            'DSWARE_SIM_AGENT', self.simulator.agents[agent][0]))
        return {'volume_id': NAME, 'wwn': self.wwn(), 'attachment': token,
                'access_mode': 'rw', 'qos_specs': None}


class SDSFileTestCase(Scenarios, SDSTestCase):
    """Without root."""


@testtools.skipUnless(simulated_devices.have_loop_devices(),
                      'loop devices need root and the loop driver')
class SDSLoopTestCase(Loops, Scenarios, SDSTestCase):
    """Real block devices with real by-id links."""


@testtools.skipUnless(simulated_devices.have_loop_devices(),
                      'loop devices need root and the loop driver')
class SDSPlainTestCase(SDSTestCase):
    """As SDSHypervisor's volume driver has it: nothing but a name."""

    devices = 'loop'

    def properties(self, token='token-1', agent=0):
        return {'volume_id': NAME, 'access_mode': 'rw', 'qos_specs': None}

    def test_connect_write_extend_disconnect(self):
        path = self.connect()
        self.assertTrue(path.startswith('/dev/loop'))
        with open(path, 'r+b') as device:
            device.write(b'written')
        self.cli('expandVolume', volName=NAME, volSize=8)
        self.assertEqual(8 * MIB,
                         self.connector.extend_volume(self.properties()))
        with open(path, 'rb') as device:
            self.assertRaises(exceptions.VolumeInUse, self.disconnect)
        self.disconnect()
        self.assertEqual(set(), self.attached())
        with open(self.connect(), 'rb') as device:
            self.assertEqual(b'written', device.read(7))
        self.disconnect()

    def test_vbs_abnormal(self):
        self.connect()
        self.fault('result_after', 'detachVolume', code=50151209, count=1)
        self.disconnect()
        self.assertEqual(set(), self.attached())
        self.connect()
        self.fault('result', 'detachVolume', code=50151209)
        self.assertRaises(exceptions.OutcomeUnknown, self.disconnect)
        self.assertEqual(1, len(self.attached()))
        self.control.clear_faults()
        self.disconnect()

    def test_attached_by_os_bricks_own_connector(self):
        self.useFixture(fixtures.EnvironmentVariable(
            'HUAWEISDSHYPERVISORCLI_PATH',
            os.path.join(self.simulator.bin, 'sds_cli')))
        own = huawei.HuaweiStorHyperConnector('sudo', execute=execute)
        info = own.connect_volume(self.properties())
        with open(info['path'], 'rb'):
            self.assertRaises(exceptions.VolumeInUse, self.disconnect)
        self.assertEqual(info['path'], self.connect())
        self.disconnect()
        self.assertEqual(set(), self.attached())
