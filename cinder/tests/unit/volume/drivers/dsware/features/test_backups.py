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

from cinder import objects
from cinder.tests.unit import utils
from cinder.tests.unit.volume.drivers.dsware import base


@ddt.ddt
class BackupTestCase(base.DriverTestCase):
    """Tests with records in the database."""

    def make_started_driver(self, **options):
        return super().make_started_driver(
            dsware_host_networks=['192.0.2.0/24'], **options)

    def setUp(self):
        super().setUp()
        self.driver = self.make_started_driver(backup_use_temp_snapshot=True,
                                               dsware_clone='full')

    def create_backup(self, specs, snapshot=False):
        """Make a volume, on the cluster too, and a backup of it.

        :param specs: extra specs of the volume's type
        :param snapshot: whether a snapshot of it is to be backed up
        """
        kind = utils.create_volume_type(self.context, name='any',
                                        extra_specs=specs)
        volume = utils.create_volume(
            self.context, host='host@dsware#0', volume_type_id=kind.id,
            status='backing-up', previous_status='in-use')
        self.stored(volume, data='content')
        if snapshot:
            snapshot = utils.create_snapshot(self.context, volume.id)
            self.cluster.add_snapshot(snapshot.name, volume.name)
        return utils.create_backup(
            self.context, volume.id, status='creating',
            snapshot_id=snapshot.id if snapshot else None)

    @ddt.data(({}, False), ({'dsware:clone': 'full'}, True),
              ({'provisioning:type': 'thick'}, False))
    @ddt.unpack
    def test_a_linked_clone_is_read(self, specs, snapshot):
        """Whatever the options and the type say of clones."""
        backup = self.create_backup(specs, snapshot)
        device, is_snapshot = self.driver.get_backup_device(self.context,
                                                            backup)
        self.assertFalse(is_snapshot)
        self.assertEqual(device.id, backup.temp_volume_id)
        found = self.cluster.volumes[device.name]
        self.assertEqual('content', found['data'])
        self.assertEqual(0, self.cluster.count('createFullVolumeFromSnap'))
        self.driver.delete_volume(objects.Volume.get_by_id(self.context,
                                                           device.id))
        self.assertNotIn(device.name, self.cluster.volumes)
        self.assertEqual(int(snapshot), len(self.cluster.snapshots))

    def test_the_option_for_snapshots_has_no_effect(self):
        with self.assertLogs('cinder.volume.drivers.dsware') as logs:
            self.assertFalse(self.driver.backup_use_temp_snapshot())
        self.assertIn('has no effect', logs.output[0])
        self.driver = self.make_started_driver()
        self.assertFalse(self.driver.backup_use_temp_snapshot())

    def test_a_user_gives_a_volume_such_a_name(self):
        volume = self.make_volume(display_name='backup-vol-1', use_quota=True)
        source = self.make_volume()
        self.stored(source)
        self.driver.create_cloned_volume(volume, source)
        self.assertEqual(1, self.cluster.count('createFullVolumeFromSnap'))
