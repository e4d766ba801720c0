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

"""Which object on the cluster is Cinder's."""

import types

import ddt
import testtools

from cinder import exception
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.volume.drivers.dsware import naming

THING = types.SimpleNamespace(id='the-id', name='the-name',
                              name_id='the-name-id', provider_id=None)


@ddt.ddt
class NamesTestCase(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.thing = types.SimpleNamespace(**vars(THING))

    def names(self):
        return (naming.volume_name(self.thing),
                naming.snapshot_name(self.thing))

    @ddt.data(None, '', 'legacy', '@', 'legacy@', 'legacy@other',
              '@the-id', '@the-name-id')
    def test_cinders_name(self, provider_id):
        self.thing.provider_id = provider_id
        self.assertEqual(('the-name', 'the-name'), self.names())

    def test_a_volume_that_was_taken_over(self):
        self.thing.provider_id = naming.volume_provider_id(self.thing,
                                                           'legacy')
        # A copy of a record has another id, and so is another volume.
        self.assertEqual(('legacy', 'the-name'), self.names())
        self.thing.name_id = 'other'
        self.assertEqual(('the-name', 'the-name'), self.names())

    def test_a_snapshot_that_was_taken_over(self):
        self.thing.provider_id = naming.snapshot_provider_id(self.thing,
                                                             'legacy')
        self.assertEqual(('the-name', 'legacy'), self.names())

    def test_one_that_has_cinders_name_already(self):
        self.assertIsNone(naming.volume_provider_id(self.thing,
                                                    'the-name'))
        self.assertIsNone(naming.snapshot_provider_id(self.thing,
                                                      'the-name'))

    def test_a_record_that_cinder_copied_is_put_right(self):
        self.assertIsNone(naming.for_new(self.thing))
        self.thing.provider_id = 'legacy@other'
        self.assertEqual({'provider_id': None},
                         naming.for_new(self.thing))


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

    def test_snapshots(self):
        snapshot = self.make_taken_snapshot()
        self.assertEqual('legacy',
                         self.cluster.snapshots['monday']['father_name'])
        self.driver.create_volume_from_snapshot(self.make_volume(), snapshot)
        self.driver.delete_snapshot(snapshot)
        self.assertEqual({}, self.cluster.snapshots)

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

    def test_deleting_leaves_what_another_owner_named_alike(self):
        self.cluster.add_volume('other')
        self.cluster.add_snapshot('legacy.clone', 'other')
        self.driver.delete_volume(self.volume)
        self.assertEqual(['legacy.clone'], list(self.cluster.snapshots))
