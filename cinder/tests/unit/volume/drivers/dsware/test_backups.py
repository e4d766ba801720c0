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


"""What a backup reads."""

import ddt

from cinder import exception
from cinder import objects
from cinder.tests.unit import utils
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.volume.drivers.dsware import backups
from cinder.volume.drivers.dsware import exceptions

AGENT = '192.0.2.41'
CONNECTOR = {'host': 'backup', 'ip': AGENT, 'dsware_cli': True}


class BackupTestCase(base.DriverTestCase):
    """Tests with records in the database."""

    def setUp(self):
        super().setUp()
        self.driver = self.make_started_driver(backup_use_temp_snapshot=True)
        self.type_id = utils.create_volume_type(self.context, name='any').id

    def create_volume(self, **updates):
        """Make a volume in the database and on the cluster."""
        volume = utils.create_volume(
            self.context, host='host@dsware#0',
            volume_type_id=self.type_id,
            **{'status': 'backing-up', 'previous_status': 'in-use',
               **updates})
        self.stored(volume, data='content')
        return volume

    def create_snapshot(self, volume=None, **updates):
        """Make a snapshot in the database and on the cluster."""
        volume = volume or self.create_volume()
        snapshot = utils.create_snapshot(
            self.context, volume.id, status='backing-up',
            volume_type_id=self.type_id, **updates)
        self.cluster.add_snapshot(snapshot.name, volume.name)
        return snapshot

    def create_backup(self, volume, **updates):
        return utils.create_backup(self.context, volume.id,
                                   **{'status': 'creating', **updates})

    def export(self, snapshot, driver=None):
        """Do what the manager does when cinder-backup wants a snapshot."""
        driver = driver or self.driver
        snapshot.update(driver.create_export_snapshot(
            self.context, snapshot, CONNECTOR))
        snapshot.save()
        return driver.initialize_connection_snapshot(snapshot, CONNECTOR)

    def assert_nothing_left(self, snapshot):
        self.assertEqual([], [name for name, hosts
                              in self.cluster.attached.items() if hosts])
        self.assertNotIn(snapshot.name + '.read', self.cluster.volumes)
        snapshot.refresh()
        self.assertIsNone(snapshot.provider_location)
        self.assertIsNone(snapshot.provider_auth)


class DeviceTestCase(BackupTestCase):

    def test_volume_in_use(self):
        volume = self.create_volume()
        backup = self.create_backup(volume)

        device, is_snapshot = self.driver.get_backup_device(self.context,
                                                            backup)

        self.assertTrue(is_snapshot)
        self.assertEqual(volume.id, device.volume_id)
        self.assertEqual('available', device.status)
        self.assertFalse(device.use_quota)
        backup.refresh()
        self.assertEqual(device.id, backup.temp_snapshot_id)
        self.assertEqual('content',
                         self.cluster.snapshots[device.name]['data'])

    def test_available_volume_is_not_touched_either(self):
        volume = self.create_volume(previous_status='available')

        device, is_snapshot = self.driver.get_backup_device(
            self.context, self.create_backup(volume))

        self.assertTrue(is_snapshot)
        self.assertEqual(volume.id, device.volume_id)

    def test_snapshot(self):
        snapshot = self.create_snapshot()
        backup = self.create_backup(snapshot.volume, snapshot_id=snapshot.id)

        device, is_snapshot = self.driver.get_backup_device(self.context,
                                                            backup)

        self.assertTrue(is_snapshot)
        self.assertEqual(snapshot.id, device.id)
        self.assertEqual([snapshot.name], list(self.cluster.snapshots))

    def test_without_temporary_snapshots(self):
        driver = self.make_started_driver()
        volume = self.create_volume(previous_status='available')

        device, is_snapshot = driver.get_backup_device(
            self.context, self.create_backup(volume))

        self.assertFalse(is_snapshot)
        self.assertEqual(volume.id, device.id)
        self.assertEqual({}, self.cluster.snapshots)

    def test_failure_ends_the_backup(self):
        volume = self.create_volume()
        backup = self.create_backup(volume)
        self.cluster.fail('createSnapshot', 'result', 50152502)

        self.assertRaises(exception.SnapshotLimitReached,
                          self.driver.get_backup_device, self.context,
                          backup)

        backup.refresh()
        self.assertEqual('error', backup.status)
        self.assertIn('50152502', backup.fail_reason)
        self.assertIsNone(backup.temp_snapshot_id)
        volume.refresh()
        self.assertEqual('in-use', volume.status)
        self.assertEqual('error_backing-up', volume.previous_status)
        self.assertEqual([], list(objects.SnapshotList.get_all_for_volume(
            self.context, volume.id)))

    def test_failure_of_a_snapshot_ends_the_backup(self):
        snapshot = self.create_snapshot()
        backup = self.create_backup(snapshot.volume, snapshot_id=snapshot.id)
        self.mock_object(objects.Snapshot, 'get_by_id', side_effect=[
            exception.SnapshotNotFound(snapshot_id=snapshot.id), snapshot])

        self.assertRaises(exception.SnapshotNotFound,
                          self.driver.get_backup_device, self.context,
                          backup)

        backup.refresh()
        self.assertEqual('error', backup.status)
        snapshot.volume.refresh()
        self.assertEqual('backing-up', snapshot.volume.status)
        self.assertEqual('available', snapshot.status)

    def test_what_may_have_been_made_is_removed(self):
        backup = self.create_backup(self.create_volume())
        self.cluster.fail('createSnapshot', 'unanswered')
        self.cluster.fail('querySnapshot', 'result', 50151009)

        self.assertRaises(exceptions.OutcomeUnknown,
                          self.driver.get_backup_device, self.context,
                          backup)

        self.assertEqual({}, self.cluster.snapshots)
        backup.refresh()
        self.assertIsNone(backup.temp_snapshot_id)

    def test_what_may_yet_be_made_is_shown(self):
        volume = self.create_volume()
        backup = self.create_backup(volume)
        self.cluster.fail('createSnapshot', 'lost')
        self.cluster.fail('querySnapshot', 'result', 50151009)

        self.assertRaises(exceptions.OutcomeUnknown,
                          self.driver.get_backup_device, self.context,
                          backup)

        (left,) = objects.SnapshotList.get_all_for_volume(self.context,
                                                          volume.id)
        self.assertEqual('error', left.status)
        backup.refresh()
        self.assertEqual(left.id, backup.temp_snapshot_id)

    def test_what_cannot_be_removed_is_shown(self):
        volume = self.create_volume()
        backup = self.create_backup(volume)
        self.cluster.fail('createSnapshot', 'unanswered')
        self.cluster.fail('Snapshot', 'unsent', skip=1, times=1000)

        self.assertRaises(exceptions.BackendFault,
                          self.driver.get_backup_device, self.context,
                          backup)

        (left,) = objects.SnapshotList.get_all_for_volume(self.context,
                                                          volume.id)
        self.assertEqual('error', left.status)
        self.assertIn(left.name, self.cluster.snapshots)
        backup.refresh()
        self.assertEqual(left.id, backup.temp_snapshot_id)
        self.assertEqual('error', backup.status)

    def test_what_has_the_name_is_left_alone(self):
        volume = self.create_volume()
        backup = self.create_backup(volume)
        self.cluster.fail('createSnapshot', 'result', 50150008)

        self.assertRaises(exceptions.ObjectExists,
                          self.driver.get_backup_device, self.context,
                          backup)

        self.assertEqual(0, self.cluster.count('deleteSnapshot'))
        self.assertEqual([], list(objects.SnapshotList.get_all_for_volume(
            self.context, volume.id)))


@ddt.ddt
class AttachTestCase(BackupTestCase):

    def test_host_attaches_snapshot(self):
        snapshot = self.create_snapshot()

        info = self.export(snapshot)

        self.assertEqual('dsware', info['driver_volume_type'])
        data = info['data']
        self.assertEqual(snapshot.name, data['volume_name'])
        self.assertEqual(self.cluster.snapshots[snapshot.name]['wwn'],
                         data['wwn'])
        self.assertEqual('ro', data['access_mode'])
        self.assertFalse(data['discard'])
        self.assertEqual(AGENT, data['agent_ip'])
        # What was tried out is undone: the host's connector attaches it.
        self.assertEqual(set(), self.cluster.attached[snapshot.name])
        self.assertNotIn(snapshot.name + '.read', self.cluster.volumes)

    def test_manager_attaches_snapshot(self):
        driver = self.make_started_driver(dsware_attach_by='manager')
        snapshot = self.create_snapshot()

        info = self.export(snapshot, driver)

        self.assertEqual('local', info['driver_volume_type'])
        wwn = self.cluster.snapshots[snapshot.name]['wwn']
        self.assertEqual('/dev/disk/by-id/wwn-0x' + wwn,
                         info['data']['device_path'])
        self.assertEqual('ro', info['data']['access_mode'])
        self.assertEqual({AGENT}, self.cluster.attached[snapshot.name])
        driver.terminate_connection_snapshot(snapshot, CONNECTOR)
        self.assert_nothing_left(snapshot)

    # Of the wrong type, not supported, not a volume, unknown to an agent
    # that looks for volumes only.
    @ddt.data(50150010, 50150002, 50152601, 50151404, 50150005)
    def test_clone_where_snapshots_are_refused(self, code):
        self.cluster.refuses_snapshots = code
        snapshot = self.create_snapshot()

        info = self.export(snapshot)

        clone = self.cluster.volumes[snapshot.name + '.read']
        self.assertEqual(clone['vol_name'], info['data']['volume_name'])
        self.assertEqual(clone['wwn'], info['data']['wwn'])
        self.assertEqual('content', clone['data'])
        self.driver.terminate_connection_snapshot(snapshot, CONNECTOR)
        self.assert_nothing_left(snapshot)
        self.assertIn(snapshot.name, self.cluster.snapshots)

    def test_manager_attaches_clone(self):
        driver = self.make_started_driver(dsware_attach_by='manager')
        self.cluster.refuses_snapshots = 50150010
        snapshot = self.create_snapshot()

        info = self.export(snapshot, driver)

        name = snapshot.name + '.read'
        self.assertEqual(name, info['data']['volume_name'])
        self.assertEqual({AGENT}, self.cluster.attached[name])
        driver.terminate_connection_snapshot(snapshot, CONNECTOR)
        self.assert_nothing_left(snapshot)

    @ddt.data(('unsent', None), ('lost', None), ('result', 50150012))
    @ddt.unpack
    def test_clone_where_the_agent_cannot_be_asked(self, kind, value):
        self.cluster.fail('attachVolume', kind, value, times=1000)
        snapshot = self.create_snapshot()

        info = self.export(snapshot)

        self.assertEqual(snapshot.name + '.read',
                         info['data']['volume_name'])

    def test_attachment_that_is_in_doubt_is_undone(self):
        self.cluster.fail('attachVolume', 'unanswered', times=1000)
        snapshot = self.create_snapshot()
        self.export(snapshot)
        self.assertEqual({AGENT}, self.cluster.attached[snapshot.name])

        self.driver.terminate_connection_snapshot(snapshot, CONNECTOR)

        self.assert_nothing_left(snapshot)

    def test_no_more_attachments(self):
        self.cluster.fail('attachVolume', 'result', 50151402)
        snapshot = self.create_snapshot()

        self.assertRaises(exceptions.CapacityExceeded, self.export, snapshot)

        self.driver.remove_export_snapshot(self.context, snapshot)
        self.assert_nothing_left(snapshot)

    def test_snapshot_is_gone(self):
        snapshot = self.create_snapshot()
        del self.cluster.snapshots[snapshot.name]

        self.assertRaises(exception.SnapshotNotFound, self.export, snapshot)

    def test_clone_is_gone(self):
        self.cluster.refuses_snapshots = 50150010
        snapshot = self.create_snapshot()
        # It is there when it is waited for, and not a moment later.
        self.cluster.fail('queryVolume', 'result', 50150005, skip=1)

        self.assertRaises(exception.SnapshotNotFound, self.export, snapshot)

    def test_host_without_the_command_line(self):
        snapshot = self.create_snapshot()

        self.assertRaises(
            exception.InvalidInput,
            self.driver.initialize_connection_snapshot, snapshot,
            dict(CONNECTOR, dsware_cli=False))

    def test_host_whose_agent_is_unknown(self):
        self.assertRaises(
            exception.InvalidInput, self.driver.create_export_snapshot,
            self.context, self.create_snapshot(), {'host': 'backup'})


class ClearTestCase(BackupTestCase):

    recovers = True

    def setUp(self):
        super().setUp()
        self.cluster.refuses_snapshots = 50150010

    def interrupt(self, **updates):
        """Leave a snapshot as a backup that was killed leaves it."""
        snapshot = self.create_snapshot(**updates)
        self.export(snapshot)
        self.cluster.attached[snapshot.name + '.read'].add(AGENT)
        return snapshot

    def test_what_is_not_attached_costs_nothing(self):
        snapshot = self.create_snapshot()
        self.cluster.requests.clear()

        self.driver.terminate_connection_snapshot(snapshot, CONNECTOR)
        self.driver.remove_export_snapshot(self.context, snapshot)

        self.assertEqual([], self.cluster.ops())

    def test_failure_is_left_for_later(self):
        snapshot = self.interrupt()
        self.cluster.fail('deleteVolume', 'unsent', times=1000)

        self.driver.terminate_connection_snapshot(snapshot, CONNECTOR)

        snapshot.refresh()
        self.assertEqual(backups.EXPORTED, snapshot.provider_location)
        self.assertEqual(AGENT, snapshot.provider_auth)
        self.cluster.faults.clear()
        self.driver.remove_export_snapshot(self.context, snapshot)
        self.assert_nothing_left(snapshot)

    def test_what_may_yet_be_attached_is_cleared_twice(self):
        snapshot = self.create_snapshot()
        self.cluster.fail('attachVolume', 'result', 50150010)
        self.cluster.fail('createVolumeFromSnap', 'lost')
        self.cluster.fail('queryVolume', 'result', 50151009)
        self.assertRaises(exceptions.OutcomeUnknown, self.export, snapshot)
        snapshot.refresh()
        self.assertEqual(backups.DOUBTFUL, snapshot.provider_location)

        self.driver.remove_export_snapshot(self.context, snapshot)

        snapshot.refresh()
        self.assertEqual(backups.EXPORTED, snapshot.provider_location)
        self.assertEqual(AGENT, snapshot.provider_auth)
        self.driver.delete_snapshot(snapshot)
        self.assertEqual(2, self.cluster.count('deleteVolume'))
        snapshot.refresh()
        self.assertIsNone(snapshot.provider_location)

    def test_before_it_is_attached_again(self):
        snapshot = self.interrupt()

        info = self.export(snapshot)

        name = snapshot.name + '.read'
        self.assertEqual(name, info['data']['volume_name'])
        self.assertEqual(set(), self.cluster.attached[name])
        self.assertEqual(2, self.cluster.count('createVolumeFromSnap'))

    def test_before_it_is_deleted(self):
        snapshot = self.interrupt()

        self.driver.delete_snapshot(snapshot)

        self.assert_nothing_left(snapshot)
        self.assertNotIn(snapshot.name, self.cluster.snapshots)

    def test_before_it_is_let_go(self):
        snapshot = self.interrupt()

        self.driver.unmanage_snapshot(snapshot)

        self.assert_nothing_left(snapshot)
        self.assertIn(snapshot.name, self.cluster.snapshots)

    def test_it_is_not_offered(self):
        snapshot = self.interrupt()

        offered = {
            entry['reference']['source-name']: entry['reason_not_safe']
            for entry in self.driver.get_manageable_volumes(
                [snapshot.volume], None, 10, 0, ['size'], ['asc'])}

        self.assertEqual('It exists only while a backup is made from it.',
                         offered[snapshot.name + '.read'])

    def test_snapshot_that_is_being_read_is_not_deleted(self):
        self.cluster.refuses_snapshots = None
        snapshot = self.interrupt()
        self.cluster.attached[snapshot.name].add(AGENT)
        self.create_backup(snapshot.volume, temp_snapshot_id=snapshot.id)

        self.assertRaises(exception.SnapshotIsBusy,
                          self.driver.delete_snapshot, snapshot)

        self.assertEqual({AGENT}, self.cluster.attached[snapshot.name])

    def noting(asked, clear):
        def noted(exporter, snapshot):
            asked.add(snapshot.id)
            return clear(exporter, snapshot)

        return noted
