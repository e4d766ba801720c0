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

"""Groups of volumes, with Cinder's own objects, on a cluster in memory."""

import datetime

import ddt
from oslo_utils import fixture

from cinder.tests.unit import fake_constants
from cinder.tests.unit import fake_group
from cinder.tests.unit import fake_group_snapshot
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.volume.drivers.dsware import exceptions

NOW = datetime.datetime(2020, 1, 1)


class GroupTestCase(base.DriverTestCase):

    def setUp(self):
        super().setUp()
        self.driver = self.make_started_driver()
        self.consistent = '<is> True'
        self.patch('cinder.volume.group_types.get_group_type_specs',
                   lambda group_type_id, key: self.consistent)
        self.group = fake_group.fake_group_obj(
            self.context, group_type_id=fake_constants.GROUP_TYPE_ID)
        self.group_snapshot = fake_group_snapshot.fake_group_snapshot_obj(
            self.context, group_type_id=fake_constants.GROUP_TYPE_ID)
        self.volumes = [self.make_volume(pool=pool) for pool in (0, 1, 0)]
        for number, volume in enumerate(self.volumes):
            self.stored(volume, data=f'data {number}')
        self.snapshots = [self.make_snapshot(volume)
                          for volume in self.volumes]

    def snapshot_on_cluster(self):
        return self.driver.create_group_snapshot(
            self.context, self.group_snapshot, self.snapshots)

    def from_volumes(self, volumes):
        return self.driver.create_group_from_src(
            self.context, self.group, volumes, None, None, self.group,
            self.volumes)

    def new_volumes(self, **kwargs):
        """Make Cinder volumes as Cinder does for a group: in one pool."""
        return [self.make_volume(pool=0, **kwargs) for _ in self.volumes]

    def there(self):
        """Name what is on the cluster."""
        return set(self.cluster.volumes) | set(self.cluster.snapshots)

    def holds(self, *items):
        self.assertEqual({item.name for item in items}, self.there())

    @staticmethod
    def statuses(items, *statuses):
        return [{'id': item.id, 'status': status}
                for item, status in zip(items, statuses, strict=True)]


class OtherTypesTestCase(GroupTestCase):
    """Groups whose type asks for no snapshots of one point in time."""

    def setUp(self):
        super().setUp()
        self.consistent = False

    def test_members(self):
        self.assertEqual({'status': 'available'}, self.driver.create_group(
            self.context, self.group))
        self.assertEqual((None, None, None), self.driver.update_group(
            self.context, self.group, self.volumes, []))
        self.assertEqual([], self.cluster.requests)

    def test_snapshots_are_made_one_after_the_other(self):
        self.snapshot_on_cluster()
        self.holds(*self.volumes, *self.snapshots)
        self.assertEqual(0, self.cluster.count('activeSnapshots'))
        self.assertEqual(3, self.cluster.count('createSnapshot'))

    def test_no_snapshot_stays_after_a_failure(self):
        self.cluster.fail('createSnapshot', 'result', 50150015, skip=2)
        self.assertRaises(exceptions.BackendFault, self.snapshot_on_cluster)
        self.holds(*self.volumes)

    def test_volumes_are_cloned_one_after_the_other(self):
        new = self.new_volumes()
        group, _updates = self.from_volumes(new)
        self.assertEqual({'status': 'available'}, group)
        self.holds(*self.volumes, *new)
        self.assertEqual(['data 0', 'data 1', 'data 2'], [
            self.cluster.volumes[volume.name]['data'] for volume in new])
        self.assertEqual(0, self.cluster.count('activeSnapshots'))

    def test_no_volume_stays_after_a_failure(self):
        self.cluster.fail('createVolumeFromSnap', 'result', 50150015, skip=2)
        self.assertRaises(exceptions.BackendFault, self.from_volumes,
                          self.new_volumes())
        self.holds(*self.volumes)


class DeleteTestCase(GroupTestCase):

    def delete(self):
        return self.driver.delete_group(self.context, self.group,
                                        self.volumes)

    def delete_snapshots(self):
        return self.driver.delete_group_snapshot(
            self.context, self.group_snapshot, self.snapshots)

    def test_delete(self):
        group, volumes = self.delete()
        self.assertEqual({'status': 'deleted'}, group)
        self.assertEqual(self.statuses(self.volumes, *['deleted'] * 3),
                         volumes)
        self.holds()

    def test_a_busy_volume_stays(self):
        self.cluster.add_snapshot('other', self.volumes[1].name)
        group, volumes = self.delete()
        # Were it no error, Cinder would forget all the volumes.
        self.assertEqual({'status': 'error'}, group)
        self.assertEqual(
            self.statuses(self.volumes, 'deleted', 'available', 'deleted'),
            volumes)

    def test_a_failure_is_told_for_the_volume(self):
        self.cluster.fail('deleteVolume', 'result', 50150015, skip=1)
        group, volumes = self.delete()
        self.assertEqual({'status': 'error'}, group)
        self.assertEqual(
            self.statuses(self.volumes, 'deleted', 'error_deleting',
                          'deleted'), volumes)
        self.assertEqual({'status': 'deleted'}, self.delete()[0])
        self.holds()

    def test_an_outage_is_waited_for_once(self):
        self.cluster.fail('delete', 'unsent', times=10 ** 6)
        start = self.clock.now
        group, volumes = self.delete()
        self.assertLess(self.clock.now - start, 2 * 60)
        self.assertEqual({'status': 'error'}, group)
        self.assertEqual(
            self.statuses(self.volumes, *['error_deleting'] * 3), volumes)

    def test_delete_snapshots(self):
        self.snapshot_on_cluster()
        group, snapshots = self.delete_snapshots()
        self.assertEqual({'status': 'deleted'}, group)
        self.assertEqual(self.statuses(self.snapshots, *['deleted'] * 3),
                         snapshots)
        self.holds(*self.volumes)

    def test_a_busy_snapshot_stays(self):
        self.snapshot_on_cluster()
        self.cluster.fail('deleteSnapshot', 'result', 50151203,
                          times=10 ** 6, name=self.snapshots[0].name)
        group, snapshots = self.delete_snapshots()
        self.assertEqual({'status': 'error'}, group)
        self.assertEqual(
            self.statuses(self.snapshots, 'available', 'deleted',
                          'deleted'), snapshots)
        self.holds(self.snapshots[0], *self.volumes)


class SnapshotTestCase(GroupTestCase):

    def test_create(self):
        group, snapshots = self.snapshot_on_cluster()
        self.assertEqual({'status': 'available'}, group)
        self.assertEqual(self.statuses(self.snapshots, *['available'] * 3),
                         snapshots)
        self.holds(*self.volumes, *self.snapshots)
        for volume, snapshot in zip(self.volumes, self.snapshots):
            self.assertEqual(
                volume.name,
                self.cluster.snapshots[snapshot.name]['father_name'])
        self.assertEqual(1, self.cluster.count('activeSnapshots'))


@ddt.ddt
class FromSourceTestCase(GroupTestCase):

    def setUp(self):
        super().setUp()
        self.useFixture(fixture.TimeFixture(NOW))

    def from_snapshots(self, volumes):
        return self.driver.create_group_from_src(
            self.context, self.group, volumes, self.group_snapshot,
            self.snapshots)

    def make_sources(self, what):
        self.snapshot_on_cluster()
        if what == 'from_volumes':
            self.driver.delete_group_snapshot(
                self.context, self.group_snapshot, self.snapshots)
        self.cluster.requests.clear()
        # What is there now must not be in what is made from snapshots.
        if what == 'from_snapshots':
            for record in self.cluster.volumes.values():
                record['data'] = 'later'
        self.before = self.there()
        return getattr(self, what)

    @ddt.data('from_snapshots', 'from_volumes')
    def test_create(self, what):
        new = self.new_volumes()
        group, volumes = self.make_sources(what)(new)
        self.assertEqual({'status': 'available'}, group)
        self.assertEqual([
            {'id': volume.id, 'status': 'available', 'launched_at': NOW,
             'host': f'host@dsware#{pool}'}
            for volume, pool in zip(new, (0, 1, 0))], volumes)
        self.assertEqual(['data 0', 'data 1', 'data 2'], [
            self.cluster.volumes[volume.name]['data'] for volume in new])
        self.assertEqual(self.before | {volume.name for volume in new},
                         self.there())
        # Linked clones, in the pools of their sources.
        self.assertEqual([0, 1, 0], [
            self.cluster.volumes[volume.name]['pool_id'] for volume in new])
        self.assertEqual(3, self.cluster.count('createVolumeFromSnap'))

    def test_temporary_snapshots_are_of_one_point_in_time(self):
        self.make_sources('from_volumes')(self.new_volumes())
        self.assertEqual(1, self.cluster.count('activeSnapshots'))
        self.assertEqual(0, self.cluster.count('createSnapshot'))

    @ddt.data('from_snapshots', 'from_volumes')
    def test_wishes_are_kept(self, what):
        new = self.new_volumes(specs={'dsware:clone': 'full'})
        self.make_sources(what)(new)
        self.assertEqual(3, self.cluster.count('createFullVolumeFromSnap'))

    @ddt.data(('from_snapshots', 0), ('from_snapshots', 2),
              ('from_volumes', 0), ('from_volumes', 2))
    @ddt.unpack
    def test_no_volume_stays_after_a_failure(self, what, skip):
        call = self.make_sources(what)
        self.cluster.fail('createVolumeFromSnap', 'result', 50150015,
                          skip=skip)
        self.assertRaises(exceptions.BackendFault, call, self.new_volumes())
        self.assertEqual(self.before, self.there())

    @ddt.data('from_snapshots', 'from_volumes')
    def test_what_cannot_be_removed_does_not_hide_the_failure(self, what):
        call = self.make_sources(what)
        self.cluster.fail('createVolumeFromSnap', 'result', 50150015,
                          skip=2)
        self.cluster.fail('deleteVolume', 'result', 50150017, times=10 ** 6)
        new = self.new_volumes()
        self.assertRaises(exceptions.BackendFault, call, new)
        self.assertEqual(
            self.before | {volume.name for volume in new[:2]}, self.there())

    def test_what_is_left_of_an_interrupted_one_goes_with_the_volume(self):
        call = self.make_sources('from_volumes')
        self.cluster.fail('deleteSnapshot', 'unsent', skip=3,
                          times=10 ** 6)
        new = self.new_volumes()
        call(new)
        self.assertEqual(3, len(self.cluster.snapshots))
        self.cluster.faults.clear()
        for volume in new:
            self.driver.delete_volume(volume)
        self.holds(*self.volumes)
