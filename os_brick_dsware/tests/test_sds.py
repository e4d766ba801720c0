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

import os

from oslo_concurrency import processutils
import testtools

import fixtures

from os_brick_dsware import exceptions
from os_brick_dsware import fsc_cli
from os_brick_dsware import ledger as ledgers
from os_brick_dsware import programs
from os_brick_dsware import sds_cli
from os_brick_dsware import sds_connector
from os_brick_dsware.tests import fakes
from os_brick_dsware.tests import sds_fakes
from os_brick_dsware.tests import test_connect
from os_brick_dsware.tests import test_disconnect
from os_brick_dsware.tests import test_sharing


class ConnectTestCase(test_connect.Connecting, sds_fakes.SDSTestCase):

    def test_connect(self):
        info = self.connector.connect_volume(self.properties())

        self.assertEqual({'type': 'block', 'path': self.link,
                          'volume_name': 'volume-1', 'wwn': fakes.WWN,
                          'attachment': 'token-1'}, info)
        options = {'run_as_root': False, 'root_helper': 'sudo', 'timeout': 75}
        self.assertEqual([
            ((*fakes.limits(), 'sds_cli', '-c', action,
              '-v', 'volume-1'), options) for action in (
                  'attach', 'querydev')], self.cluster.commands)

    def test_already_attached_and_no_wwn(self):
        self.cluster.attachVolume(fakes.AGENT, fakes.NAME)
        for code in (50151401, 50151405):
            self.cluster.script['attachVolume'] = [code]
            info = self.connector.connect_volume(self.properties(wwn=''))
            self.assertEqual(self.cluster.path('dev/sdb'), info['path'])

    def test_attached_elsewhere_is_no_success(self):
        # os-brick's own connector does not look where.
        self.cluster.script['attachVolume'] = [50151401] * 50
        self.assertRaises(exceptions.DeviceNotFound,
                          self.connector.connect_volume,
                          self.properties(wwn=''))
        self.assertEqual([], self.users())

    def test_program(self):
        for variable, option, expected in (
                (None, None, '/usr/local/bin/sds/sds_cli'),
                ('/opt/sds_cli', None, '/opt/sds_cli'),
                ('/opt/sds_cli', '/x/sds_cli', '/x/sds_cli')):
            self.useFixture(fixtures.EnvironmentVariable(
                'HUAWEISDSHYPERVISORCLI_PATH', variable))
            self.assertEqual(expected, sds_connector.sds_program(option))


class PlainPropertiesTestCase(sds_fakes.SDSTestCase):
    """As SDSHypervisor's volume driver sends them: a name, nothing else."""

    def setUp(self):
        super().setUp()
        self.cluster.add(wwn='')
        self.device = self.cluster.path('dev/sdb')

    def properties(self, token=None, **changes):
        return {'access_mode': 'rw', 'qos_specs': None,
                'volume_id': fakes.NAME, **changes}

    def connect(self):
        return self.connector.connect_volume(self.properties())['path']

    def test_connect_and_disconnect(self):
        self.assertEqual(self.device, self.connect())
        self.assertEqual(self.device, self.connect())
        self.assertEqual([self.device], self.connector.get_volume_paths(
            self.properties()))
        self.connector.disconnect_volume(self.properties(), None)
        self.assertEqual({}, self.cluster.attached)
        self.assertEqual([], self.users())

    def test_as_the_decorator_of_connect_does(self):
        info = self.connector.connect_volume(self.properties())
        self.connector.disconnect_volume(info, force=True,
                                         ignore_errors=True)
        self.assertEqual({}, self.cluster.attached)

    def test_no_name(self):
        self.assertRaises(exceptions.InvalidConnectionProperties,
                          self.connector.connect_volume, {'access_mode': 'rw'})

    def test_answer_is_lost(self):
        self.cluster.script['attachVolume'] = ['lost']
        self.assertEqual(self.device, self.connect())

    def test_device_is_told_late(self):
        self.cluster.script['querydev'] = [50151601, 'garbage', 'hang']
        self.assertEqual(self.device, self.connect())

    def test_device_is_never_told(self):
        self.cluster.script['querydev'] = [50150012] * 100
        self.assertRaises(exceptions.DeviceNotFound, self.connect)
        self.assertEqual({}, self.cluster.attached)
        self.assertEqual([], self.users())

    def test_device_that_is_recorded_for_another_volume(self):
        with open(self.device, 'wb') as stream:
            stream.truncate(fakes.MIB)
        self.connector._ledger().save('volume-2', [ledgers.User(
            'x', ledgers.INSTANCE, ledgers.this_process(),
            programs.THIS_HOST, device=self.device,
            generation=self.host.generation(self.device))])
        self.cluster.nodes = False
        error = self.assertRaises(exceptions.WrongDevice, self.connect)
        self.assertIn('volume-2', str(error))
        self.assertEqual({}, self.cluster.attached)
        # A record that cannot be read is that volume's own trouble.
        ledger = self.connector._ledger()
        with open(ledger.record('volume-2'), 'w') as stream:
            stream.write('{')
        self.cluster.nodes = True
        self.connect()

    def test_device_that_the_program_does_not_name(self):
        self.connect()
        other = self.cluster.path('dev/sdz')
        with open(other, 'wb') as stream:
            stream.truncate(fakes.MIB)
        user, = self.users()
        # The volume has had that device; by now it is another's.
        self.cluster.attached[fakes.AGENT, fakes.NAME] = other
        self.assertEqual(other, self.connect())

    def test_disconnect_without_a_record_of_what_is_in_use(self):
        self.connect()
        self.connector._ledger().save(fakes.NAME, [])
        self.host.busy = [['mount /mnt']] * 50
        self.assertRaises(exceptions.VolumeInUse,
                          self.connector.disconnect_volume,
                          self.properties(), None)
        self.assertEqual(1, len(self.cluster.attached))

    def test_vbs_abnormal_and_nothing_attached(self):
        self.cluster.script['detachVolume'] = [50151209] * 50
        self.connector.disconnect_volume(self.properties(), None)

    def test_vbs_abnormal_and_nobody_knows(self):
        self.cluster.script['detachVolume'] = [50151209] * 50
        self.cluster.script['querydev'] = [50151209] * 50
        self.assertRaises(exceptions.OutcomeUnknown,
                          self.connector.disconnect_volume,
                          self.properties(), None)

    def test_vbs_abnormal_and_the_device_stays(self):
        self.connect()
        self.cluster.script['detachVolume'] = [50151209] * 50
        self.assertRaises(exceptions.OutcomeUnknown,
                          self.connector.disconnect_volume,
                          self.properties(), None)
        self.assertEqual(1, len(self.users()))

    def test_vbs_abnormal_and_the_device_is_gone(self):
        self.connect()
        self.cluster.script['detachVolume'] = [50151209] * 50
        self.cluster.remove_node(self.device)
        self.connector.disconnect_volume(self.properties(), None)
        self.assertEqual([], self.users())

    def test_not_mounted_says_the_program_but_the_device_stays(self):
        self.connect()
        self.cluster.attached.clear()
        self.assertRaises(exceptions.DeviceNotRemoved,
                          self.connector.disconnect_volume,
                          self.properties(), None)

    def test_extend(self):
        self.connect()
        os.truncate(self.device, 3 * fakes.MIB)
        self.assertEqual(3 * fakes.MIB,
                         self.connector.extend_volume(self.properties()))

    def test_extend_asks_the_kernel_to_look(self):
        self.cluster.block = True
        self.connect()
        self.cluster.make_block(self.device, fakes.MIB, device__rescan='')

        def tool(*cmd, **kwargs):
            self.assertEqual('tee', cmd[0])
            self.cluster.make_block(self.device, 2 * fakes.MIB)
            return '', ''

        self.cluster.tool = tool
        self.assertEqual(2 * fakes.MIB,
                         self.connector.extend_volume(self.properties()))

    def test_nonzero_exit_with_an_answer(self):
        self.cluster.script['attachVolume'] = [
            processutils.ProcessExecutionError(
                exit_code=1, stdout='result=50151404\ndesc=gone\n')]
        error = self.assertRaises(exceptions.CommandRefused, self.connect)
        self.assertIn('gone', str(error))

    def test_connector_properties(self):
        self.assertEqual({}, self.connector.get_connector_properties('sudo'))


class UnknownOutcomeTestCase(test_connect.UnknownOutcomes,
                             sds_fakes.SDSTestCase):
    """With sds_cli."""


class DeviceTestCase(test_connect.DevicesOfVolumes, sds_fakes.SDSTestCase):
    """With sds_cli."""


class BlockDeviceTestCase(test_connect.BlockDevices, sds_fakes.SDSTestCase):
    """With sds_cli."""


class OtherCallsTestCase(test_connect.OtherCalls, sds_fakes.SDSTestCase):
    """With sds_cli."""


class DisconnectTestCase(test_disconnect.Disconnecting, sds_fakes.SDSTestCase):
    """With sds_cli."""


class EncryptedTestCase(test_disconnect.Encrypted, sds_fakes.SDSTestCase):
    """With sds_cli."""


class SharingTestCase(test_sharing.Sharing, test_sharing.Users,
                      sds_fakes.SDSTestCase):
    """With sds_cli."""


class KilledTestCase(test_sharing.Killed, test_sharing.Users,
                     sds_fakes.SDSTestCase):
    """With sds_cli."""


class AbandonedTestCase(test_sharing.Abandoned, test_sharing.KilledFixture,
                        test_sharing.Users, sds_fakes.SDSTestCase):
    pass


class ParseTestCase(testtools.TestCase):

    def test_output(self):
        for result, desc, device, text in (
                (0, 'ok', '/dev/sdb', 'hello\n ret_code = 0 \r\nret_desc=ok\n'
                 'dev_addr=/dev/sdb\nxret_code=1\n'),
                (0, '', '', 'ret_code=0\ndev_addr=\n'),
                (0, '', '', '\ufeffret_code=0\n'),
                (-1, 'a\\x1b', '',
                 'ret_code=-1\nret_desc=a\x1b\ndev_addr=/dev/x')):
            found = sds_cli.parse(text)
            self.assertEqual((result, desc, device),
                             (found.result, found.desc, found.device))

    def test_bad(self):
        for text in ('', 'ret_code=', 'ret_code=zero', 'result=0',
                     'ret_code=0\nret_code=1', 'ret_code=0x0',
                     'ret_code=0\ndev_addr=sdb',
                     'ret_code=0\ndev_addr=/dev/../etc',
                     'ret_code=0\ndev_addr=/dev/a b',
                     'ret_code=0\ndev_addr=/dev/a\ndev_addr=/dev/b',
                     'ret_code=0' + ' ' * fsc_cli.MAX_LINE,
                     'ret_code=' + '9' * 30):
            self.assertRaises(fsc_cli.OutputError, sds_cli.parse, text)

    def test_command(self):
        self.assertEqual(['sds_cli', '-c', 'attach', '-v', 'v'],
                         sds_cli.command('sds_cli', 'attach', 'v'))
        for program, volume in (('sds_cli', '-v'), ('sds_cli', 'a b'),
                                ('-x', 'v'), ('', 'v')):
            self.assertRaises(fsc_cli.ArgumentError, sds_cli.command,
                              program, 'attach', volume)
