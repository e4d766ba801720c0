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

"""Detaching: flushed, gone, or a clear error and still attached."""

import functools
import os
from unittest import mock

from os_brick import exception
from os_brick.privileged import rootwrap
from oslo_concurrency import processutils

from os_brick_dsware import exceptions
from os_brick_dsware import ledger as ledgers
from os_brick_dsware.tests import fakes


class Disconnecting:
    """What holds with every program."""

    def setUp(self):
        super().setUp()
        self.cluster.block = True
        self.info = self.connector.connect_volume(self.properties())
        self.device = self.cluster.path('dev/sdb')
        self.cluster.calls.clear()
        self.cluster.commands.clear()

    def disconnect(self, token='token-1', **kwargs):
        self.new_connector().disconnect_volume(
            self.properties(token), **kwargs)

    def assertAttached(self):
        self.assertEqual([('127.0.1.1', fakes.NAME)],
                         list(self.cluster.attached))
        self.assertEqual(['token-1'], [user.token for user in self.users()])

    def assertGone(self):
        self.assertEqual({}, self.cluster.attached)
        self.assertFalse(os.path.exists(self.device))
        self.assertEqual([], self.users())
        directory = os.path.join(self.directory, 'lock', 'dsware')
        left = [name for _path, _dirs, names in os.walk(directory)
                for name in names]
        self.assertEqual(['.host'], left)

    def test_as_cinder_does(self):
        self.disconnect(device_info=self.info, force=True, ignore_errors=True)
        self.assertGone()

    def test_as_the_decorator_of_connect_does(self):
        # It passes what connect returned in the place of the properties.
        self.connector.disconnect_volume(self.info, force=True,
                                         ignore_errors=True)
        self.assertGone()

    def test_twice(self):
        self.disconnect()
        self.disconnect()
        self.assertGone()
        self.assertEqual(['detachVolume'] * 2, self.cluster.ops())

    def test_command_of_a_service_that_was_killed(self):
        self.add_process('--ip', fakes.AGENT, fakes.NAME)
        error = self.assertRaises(exceptions.AgentUnavailable,
                                  self.disconnect)
        self.assertIn('4711', str(error))
        self.assertAttached()
        self.assertEqual([], self.cluster.ops())

    def test_command_of_a_service_that_was_killed_with_force(self):
        self.add_process('--ip', fakes.AGENT, fakes.NAME)
        self.disconnect(force=True)
        self.assertGone()

    def test_never_connected(self):
        self.cluster.add('volume-2')
        self.connector.disconnect_volume(
            self.properties(volume_name='volume-2', wwn='12'))
        self.assertAttached()

    def test_volume_is_deleted(self):
        self.cluster.script['detachVolume'] = [50150005]
        self.cluster.remove_node(self.device)
        self.disconnect()
        self.assertEqual([], self.users())

    def test_flushes(self):
        self.disconnect()
        self.assertEqual(
            (('blockdev', '--flushbufs', self.device),
             {'run_as_root': True, 'root_helper': 'sudo', 'timeout': 300}),
            self.cluster.commands[0])

    def test_flush_fails(self):
        for problem in (OSError('EIO'), processutils.ProcessExecutionError(
                stderr='EIO')):
            self.cluster.script['blockdev'] = [problem]
            error = self.assertRaises(exceptions.FlushFailed, self.disconnect)
            self.assertIn('EIO', str(error))
            self.assertAttached()

    def test_flush_fails_with_force(self):
        self.cluster.script['blockdev'] = [OSError('EIO')]
        error = self.assertRaises(exception.ExceptionChainer,
                                  self.disconnect, force=True)
        self.assertIn('EIO', str(error))
        self.assertGone()

    def test_flush_fails_with_force_and_errors_ignored(self):
        self.cluster.script['blockdev'] = [OSError('EIO')]
        self.disconnect(force=True, ignore_errors=True)
        self.assertGone()

    def test_busy(self):
        self.host.busy = [['mount /mnt']] * fakes.FOR_EVER
        self.connector.host = self.host
        error = self.assertRaises(exceptions.VolumeInUse, self.disconnect)
        self.assertIn('mount /mnt', str(error))
        self.assertIn('stays attached', str(error))
        self.assertAttached()
        self.assertEqual([], self.cluster.calls)

    def test_busy_for_a_moment(self):
        self.host.busy = [['process 1 (udev-worker)']]
        self.disconnect()
        self.assertGone()

    def test_busy_with_force(self):
        self.host.busy = [['mount /mnt']] * fakes.FOR_EVER
        self.disconnect(force=True)
        self.assertGone()

    def test_busy_says_the_cluster(self):
        self.cluster.script['detachVolume'] = [50150013] * fakes.FOR_EVER
        self.assertRaises(exceptions.VolumeInUse, self.disconnect)
        self.assertAttached()

    def test_busy_says_the_cluster_for_a_moment(self):
        self.cluster.script['detachVolume'] = [50150013]
        self.disconnect()
        self.assertGone()

    def test_refused(self):
        self.cluster.script['detachVolume'] = [50150002]
        self.assertRaises(exceptions.CommandRefused, self.disconnect)
        self.assertAttached()

    def test_refused_with_force(self):
        self.cluster.script['detachVolume'] = [50150002]
        self.assertRaises(exception.ExceptionChainer, self.disconnect,
                          force=True)
        self.cluster.script['detachVolume'] = [50150002]
        self.disconnect(force=True, ignore_errors=True)

    def test_unknown_outcome(self):
        for event in ('lost', 'failed', 'hang', 'garbage', 50151209,
                      50150017, 71717171):
            self.cluster.script['detachVolume'] = [event]
            self.disconnect()
            self.assertEqual({}, self.cluster.attached)
            self.connector.connect_volume(self.properties())

    def test_vbs_abnormal_is_no_success(self):
        self.cluster.script['detachVolume'] = [50151209] * fakes.FOR_EVER
        self.assertRaises(exceptions.OutcomeUnknown, self.disconnect)
        self.assertAttached()

    def test_unknown_outcome_but_the_device_is_gone(self):
        self.cluster.script['detachVolume'] = [
            'lost', *['hang'] * fakes.FOR_EVER]
        self.disconnect()
        self.assertGone()

    def test_agent_down(self):
        self.cluster.script['detachVolume'] = ['hang'] * fakes.FOR_EVER
        error = self.assertRaises(exceptions.OutcomeUnknown, self.disconnect)
        self.assertIn(self.asked, str(error))
        self.assertAttached()

    def test_agent_down_with_force(self):
        self.cluster.script['detachVolume'] = ['hang'] * fakes.FOR_EVER
        self.disconnect(force=True)
        # What may be attached still is remembered, but counts for nobody.
        self.assertEqual([ledgers.LEFTOVER],
                         [user.kind for user in self.users()])
        self.cluster.script.clear()
        self.connector.connect_volume(self.properties('token-2'))
        self.disconnect('token-2')
        self.assertGone()

    def test_agent_down_with_force_on_an_older_cluster(self):
        self.disconnect()
        self.cluster.add(wwn='')
        self.properties = functools.partial(self.properties, wwn='')
        first = self.connector.connect_volume(self.properties())
        self.cluster.script['detachVolume'] = ['hang'] * fakes.FOR_EVER
        self.disconnect(force=True)
        self.cluster.script.clear()
        second = self.connector.connect_volume(self.properties('token-2'))
        self.assertEqual(first['path'], second['path'])
        self.disconnect('token-2')
        self.assertEqual({}, self.cluster.attached)
        self.assertEqual([], self.users())

    def test_agent_refuses_for_now(self):
        self.cluster.script['detachVolume'] = [50150012] * fakes.FOR_EVER
        self.assertRaises(exceptions.AgentUnavailable, self.disconnect)
        self.assertAttached()
        self.disconnect(force=True)

    def test_program_missing(self):
        missing = processutils.ProcessExecutionError(exit_code=127)
        self.cluster.script['detachVolume'] = [missing, missing]
        self.assertRaises(exceptions.ConfigurationError, self.disconnect)
        self.assertAttached()
        self.disconnect(force=True)

    def test_device_stays(self):
        self.cluster.keep_nodes = True
        error = self.assertRaises(exceptions.DeviceNotRemoved,
                                  self.disconnect)
        self.assertIn(self.device, str(error))
        self.assertIsInstance(error, exception.VolumePathNotRemoved)
        os.unlink(self.device)
        os.unlink(self.link)
        self.disconnect()
        self.assertGone()

    def test_device_stays_when_it_was_said_to_be_detached(self):
        self.cluster.attached.clear()
        self.assertRaises(exceptions.DeviceNotRemoved, self.disconnect)

    def test_device_name_is_another_volumes_by_now(self):
        self.cluster.attached.clear()
        self.cluster.remove_node(self.device)
        self.cluster.make_node(self.cluster.new_device(), fakes.NAME)
        os.rename(self.cluster.path('dev/sdc'), self.device)
        os.rename(self.cluster.path('sys/dev/block/sdc'),
                  self.cluster.path('sys/dev/block/sdb'))
        self.disconnect()
        self.assertEqual([], self.cluster.flushed())
        self.assertTrue(os.path.exists(self.device))

    def test_without_a_record(self):
        self.connector._ledger().save(fakes.NAME, [])
        self.disconnect()
        self.assertEqual([self.device], self.cluster.flushed())
        self.assertGone()

    def test_record_cannot_be_understood(self):
        ledger = self.connector._ledger()
        with open(ledger.record(fakes.NAME), 'w') as stream:
            stream.write('{}')
        error = self.assertRaises(exceptions.StateError, self.disconnect)
        self.assertIn(fakes.NAME, str(error))
        self.assertRaises(exceptions.StateError, self.disconnect, force=True)
        self.disconnect(force=True, ignore_errors=True)
        self.assertEqual(1, len(self.cluster.attached))


class DisconnectTestCase(Disconnecting, fakes.ConnectorTestCase):

    def test_as_nova_does(self):
        self.connector.disconnect_volume(self.properties(), None, force=False)
        self.assertGone()
        self.assertEqual(
            ((*fakes.limits(), 'fsc_cli',
              '--manage_ip', '10.0.0.1', '--ip', '127.0.1.1',
              '--op', 'detachVolume', '--volName', 'volume-1'),
             {'run_as_root': True, 'root_helper': 'sudo', 'timeout': 75}),
            self.cluster.commands[-1])

    def test_device_of_another_host_is_left_alone(self):
        # The link is that of a host which this machine plays too.
        self.connector.connect_volume(
            self.properties('token-2', agent_ip='127.0.1.2'))
        self.disconnect()
        self.disconnect('token-3')
        self.assertEqual([self.device], self.cluster.flushed())
        self.assertEqual([('127.0.1.2', fakes.NAME)],
                         list(self.cluster.attached))


class Encrypted:
    """The decorators of os-brick give encryptors a link of their own."""

    def setUp(self):
        super().setUp()
        for name in ('link_root', 'unlink_root'):
            patch = mock.patch.object(rootwrap, name)
            setattr(self, name, patch.start())
            self.addCleanup(patch.stop)

    def test_connect_and_disconnect(self):
        properties = self.properties(encrypted=True)
        info = self.connector.connect_volume(properties)
        self.assertIn('/os-brick+', info['path'])
        self.link_root.assert_called_once_with(
            self.cluster.path('dev/sdb'), info['path'], force=True)

        # As Nova does: the path is in the properties.
        properties['device_path'] = info['path']
        self.connector.extend_volume(properties)
        self.connector.disconnect_volume(properties, None)
        self.unlink_root.assert_called_once_with(info['path'])
        self.assertEqual({}, self.cluster.attached)

    def test_link_fails(self):
        self.link_root.side_effect = OSError('no')
        self.assertRaises(OSError, self.connector.connect_volume,
                          self.properties(encrypted=True))
        self.assertEqual({}, self.cluster.attached)
        self.assertEqual([], self.users())


class EncryptedTestCase(Encrypted, fakes.ConnectorTestCase):
    """With fsc_cli."""
