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

"""Objects that Cinder took over keep their names on the cluster."""

from unittest import mock

import ddt

from cinder import exception
from cinder import objects
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.tests.unit.volume.drivers.dsware import database
from cinder.volume.drivers.dsware import naming

GIB = base.GIB


@ddt.ddt
class TakenOverTestCase(base.DriverTestCase):

    def setUp(self):
        super().setUp()
        self.driver = self.make_started_driver()
        self.volume = self.make_taken_over('legacy')
        self.stored(self.volume, data='theirs')

    def make_taken_snapshot(self):
        snapshot = self.make_snapshot(self.volume)
        snapshot.provider_id = naming.snapshot_provider_id(snapshot,
                                                           'monday')
        self.driver.create_snapshot(snapshot)
        return snapshot

    def test_delete(self):
        self.cluster.add_volume(self.volume.name)
        self.driver.delete_volume(self.volume)
        self.assertEqual([self.volume.name], list(self.cluster.volumes))

    def test_busy(self):
        self.cluster.attached['legacy'].add('192.0.2.1')
        error = self.assertRaises(exception.VolumeIsBusy,
                                  self.driver.delete_volume, self.volume)
        self.assertIn(f'{self.volume.name} (legacy on the cluster)',
                      str(error))

    def test_extend(self):
        self.driver.extend_volume(self.volume, 3)
        self.assertEqual(3 * GIB, self.cluster.volumes['legacy']['vol_size'])

    def test_pool(self):
        self.assertEqual('0', self.driver.get_pool(self.volume))

    def test_snapshots(self):
        snapshot = self.make_taken_snapshot()
        self.assertEqual('legacy',
                         self.cluster.snapshots['monday']['father_name'])
        self.driver.create_volume_from_snapshot(self.make_volume(), snapshot)
        self.driver.delete_snapshot(snapshot)
        self.assertEqual({}, self.cluster.snapshots)

    def test_attach(self):
        info = self.driver.initialize_connection(
            self.volume, {'host': 'h', 'ip': '192.0.2.1'})
        self.assertEqual('legacy', info['data']['volume_name'])

    def test_attach_by_the_manager(self):
        made = self.make_started_driver(
            dsware_attach_by='manager', dsware_host_networks=['192.0.2.0/24'])
        database.add_volume(self.volume)
        made.initialize_connection(self.volume,
                                   {'host': 'h', 'ip': '192.0.2.1'})
        self.assertEqual({'192.0.2.1'}, self.cluster.attached['legacy'])
        made.terminate_connection(self.volume,
                                  {'host': 'h', 'ip': '192.0.2.1'})
        self.assertEqual(set(), self.cluster.attached['legacy'])

    def copy(self):
        """Copy the record, as Cinder does for a volume of its own."""
        return self.make_volume(provider_id=self.volume.provider_id)

    def test_a_copied_record_is_another_volume(self):
        for make in (
                self.driver.create_volume,
                lambda new: self.driver.create_cloned_volume(new,
                                                             self.volume),
                lambda new: self.driver.create_volume_from_snapshot(
                    new, self.make_taken_snapshot())):
            new = self.copy()
            self.assertEqual({'provider_id': None}, make(new))
            self.assertIn(new.name, self.cluster.volumes)
            self.driver.delete_volume(new)
        self.assertEqual('theirs', self.cluster.volumes['legacy']['data'])

    def test_deleting_a_copied_record_leaves_the_original(self):
        # So Cinder does when it could not make the volume.
        self.driver.delete_volume(self.copy())
        self.assertEqual('theirs', self.cluster.volumes['legacy']['data'])

    def test_new_volumes_change_nothing_else(self):
        new = self.make_volume()
        self.assertIsNone(self.driver.create_cloned_volume(new, self.volume))

    def test_a_migration_ends_with_the_right_objects(self):
        """Cinder swaps the records' fields, then deletes the source."""
        new = self.copy()
        new.update(self.driver.create_volume(new))
        # As Cinder's manager does when a driver leaves the names to it.
        self.volume._name_id = new.name_id
        with mock.patch.object(objects.Volume, 'save'):
            source = self.volume.finish_volume_migration(new)
        self.assertEqual('legacy', naming.volume_name(source))
        self.driver.delete_volume(source)
        self.assertEqual([naming.volume_name(self.volume)],
                         list(self.cluster.volumes))

    def test_deleting_leaves_what_another_owner_named_alike(self):
        self.cluster.add_volume('other')
        self.cluster.add_snapshot('legacy.clone', 'other')
        self.driver.delete_volume(self.volume)
        self.assertEqual(['legacy.clone'], list(self.cluster.snapshots))
