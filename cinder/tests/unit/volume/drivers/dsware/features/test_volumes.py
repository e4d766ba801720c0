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

"""The driver with Cinder's own objects, on a cluster in memory."""

import ddt

from cinder import exception
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.tests.unit.volume.drivers.dsware.fakes import database

GIB = base.GIB


class VolumeTestCase(base.DriverTestCase):

    def setUp(self):
        super().setUp()
        self.driver = self.make_started_driver()

    def on_cluster(self, volume):
        return self.cluster.volumes[volume.name]


@ddt.ddt
class CreateTestCase(VolumeTestCase):

    def test_create(self):
        volume = self.make_volume(size=3, pool=1)
        self.assertIsNone(self.driver.create_volume(volume))
        made = self.on_cluster(volume)
        self.assertEqual((3 * GIB, 1), (made['vol_size'], made['pool_id']))

    def test_no_more_requests_than_needed(self):
        volume = self.make_volume()
        self.driver.create_volume(volume)
        self.driver.get_pool(volume)
        self.driver.delete_volume(volume)
        self.assertEqual(
            ['createVolume', 'queryVolume', 'queryVolume', 'deleteSnapshot',
             'deleteVolume'],
            [request.op for request, _endpoint in self.cluster.requests])

    def test_the_name_is_cinders(self):
        self.flags(volume_name_template='vol_%s.x')
        volume = self.make_volume()
        self.driver.create_volume(volume)
        self.assertEqual(['vol_%s.x' % volume.id],
                         list(self.cluster.volumes))
        self.driver.delete_volume(volume)
        self.assertEqual({}, self.cluster.volumes)

    @ddt.data((None, True, 1), (None, False, 0), ('thick', True, 0),
              ('thin', False, 1))
    @ddt.unpack
    def test_thinness(self, spec, option, flag):
        made = self.make_started_driver(san_thin_provision=option)
        made.create_volume(self.make_volume(
            specs={'provisioning:type': spec} if spec else None))
        self.assertEqual(flag, self.cluster.requests[0][0].args['thinFlag'])

    @ddt.data('host@dsware', 'host@dsware#', 'host@dsware#pool',
              'host@dsware#-1', 'host@dsware#1.5', 'host@dsware#1_0')
    def test_a_host_without_a_pool(self, host):
        error = self.assertRaises(exception.InvalidInput,
                                  self.driver.create_volume,
                                  self.make_volume(host=host))
        self.assertIn('#POOL', str(error))

    def test_get_pool(self):
        volume = self.make_volume(pool=0)
        self.assertRaises(exception.VolumeNotFound, self.driver.get_pool,
                          volume)
        self.cluster.add_volume(volume.name, GIB, 1)
        self.assertEqual('1', self.driver.get_pool(volume))

    def test_exports_are_not_needed(self):
        volume = self.make_volume()
        self.assertIsNone(self.driver.ensure_export(self.context, volume))
        self.assertIsNone(
            self.driver.create_export(self.context, volume, {}))
        self.assertIsNone(self.driver.remove_export(self.context, volume))
        self.assertEqual([], self.cluster.requests)


@ddt.ddt
class DeleteTestCase(VolumeTestCase):

    def setUp(self):
        super().setUp()
        self.volume = self.stored_volume()

    def test_the_object_of_a_migrated_volume_is_its_name_id(self):
        moved = self.stored_volume(_name_id=self.make_id())
        self.assertIn(moved.name_id, moved.name)
        self.cluster.add_volume('volume-' + moved.id)
        self.driver.delete_volume(moved)
        self.assertEqual({self.volume.name, 'volume-' + moved.id},
                         set(self.cluster.volumes))

    def test_an_unfinished_volume_is_never_busy(self):
        """Cinder calls a busy volume available."""
        self.volume.launched_at = None
        self.cluster.attached[self.volume.name].add('192.0.2.1')
        error = self.assertRaises(exception.VolumeBackendAPIException,
                                  self.driver.delete_volume, self.volume)
        self.assertIn('attached to a host', str(error))
        self.assertIn('most likely to host host, which', str(error))
        self.assertIn(self.volume.name, self.cluster.volumes)

    @ddt.data(True, False)
    def test_snapshots_that_cinder_does_not_know(self, finished):
        if not finished:
            self.volume.launched_at = None
        self.cluster.add_snapshot('theirs', self.volume.name)
        self.cluster.add_snapshot(self.make_id() + '.clone',
                                  self.volume.name)
        start = self.clock.now
        error = self.assertRaises(
            exception.VolumeIsBusy if finished
            else exception.VolumeBackendAPIException,
            self.driver.delete_volume, self.volume)
        self.assertIn('snapshots, which do not go with it: theirs.',
                      str(error))
        self.assertLess(self.clock.now - start, 1)
        self.assertEqual(2, len(self.cluster.snapshots))

    def test_a_volume_that_another_attempt_makes(self):
        """Cinder deletes what it has handed on, to clear up."""
        self.volume.host = None
        self.driver.delete_volume(self.volume)
        self.assertIn(self.volume.name, self.cluster.volumes)
        self.assertEqual([], self.cluster.ops())

    def test_leftovers_go_too(self):
        self.cluster.add_volume('source')
        self.cluster.add_snapshot(self.volume.name + '.clone', 'source')
        self.driver.delete_volume(self.volume)
        self.assertEqual({}, self.cluster.snapshots)

    @ddt.data('linked', 'full')
    def test_while_another_service_clones_it(self, kind):
        """Cinder holds no lock on what it clones for its image cache."""
        made = self.make_volume(specs={'dsware:clone': kind})
        database.add_volume(made)
        self.cluster.fail(
            'createVolumeFromSnap' if kind == 'linked' else 'createVolume',
            'does', lambda: self.assertRaises(
                exception.VolumeIsBusy, self.driver.delete_volume,
                self.volume))
        self.driver.create_cloned_volume(made, self.volume)
        self.assertIn(made.name, self.cluster.volumes)
        self.assertEqual({}, self.cluster.snapshots)

    def test_what_clones_left_goes_too(self):
        """Of one that is finished, and of one that Cinder forgot.

        The latter it does with the volume for a backup that failed.
        """
        made = self.stored_volume()
        for clone in (made, self.make_volume()):
            self.cluster.add_snapshot(clone.name + '.clone',
                                      self.volume.name)
        self.driver.delete_volume(self.volume)
        self.assertEqual({made.name}, set(self.cluster.volumes))
        self.assertEqual({}, self.cluster.snapshots)


class ExtendTestCase(VolumeTestCase):

    def test_extend(self):
        volume = self.stored_volume()
        self.driver.extend_volume(volume, 5)
        self.assertEqual(5 * GIB, self.on_cluster(volume)['vol_size'])


class SnapshotTestCase(VolumeTestCase):

    def setUp(self):
        super().setUp()
        self.volume = self.stored_volume(data='now')
        self.snapshot = self.make_snapshot(self.volume)

    def test_create_and_delete(self):
        self.driver.create_snapshot(self.snapshot)
        made = self.cluster.snapshots[self.snapshot.name]
        self.assertEqual((self.volume.name, 'now'), (made['father_name'],
                                                     made['data']))
        self.driver.delete_snapshot(self.snapshot)
        self.assertEqual({}, self.cluster.snapshots)

    def test_of_a_migrated_volume(self):
        moved = self.stored_volume(_name_id=self.make_id())
        snapshot = self.make_snapshot(moved)
        self.driver.create_snapshot(snapshot)
        self.assertEqual(moved.name, self.cluster.snapshots[
            snapshot.name]['father_name'])

    def test_an_unfinished_snapshot_is_never_busy(self):
        self.driver.create_snapshot(self.snapshot)
        self.snapshot.progress = '0%'
        self.cluster.attached[self.snapshot.name].add('192.0.2.1')
        error = self.assertRaises(exception.VolumeBackendAPIException,
                                  self.driver.delete_snapshot, self.snapshot)
        self.assertIn('attached to a host', str(error))


@ddt.ddt
class CopyTestCase(VolumeTestCase):
    """Volumes from snapshots and volumes, in every way to make them."""

    def setUp(self):
        super().setUp()
        self.source = self.stored_volume(size=2, data='then')
        self.snapshot = self.make_snapshot(self.source)
        self.driver.create_snapshot(self.snapshot)
        self.cluster.volumes[self.source.name]['data'] = 'now'
        self.cluster.requests.clear()

    def check(self, volume, data, linked):
        made = self.on_cluster(volume)
        self.assertEqual(
            (data, volume.size * GIB, 0), (made['data'], made['vol_size'],
                                           made['status']))
        self.assertEqual(int(volume.host[-1]), made['pool_id'])
        self.assertEqual(linked, bool(made['father_name']))
        self.assertEqual([self.snapshot.name], list(self.cluster.snapshots))

    @ddt.data((2, 0, {}, True), (5, 0, {}, True), (2, 1, {}, False),
              (5, 1, {}, False), (2, 0, {'dsware:clone': 'full'}, False),
              (5, 0, {'dsware:clone': 'full'}, False),
              (2, 0, {'provisioning:type': 'thick'}, False),
              (2, 1, {'dsware:clone': 'linked'}, False))
    @ddt.unpack
    def test_ways(self, size, pool, specs, linked):
        volume = self.make_volume(size, pool, specs)
        self.driver.create_volume_from_snapshot(volume, self.snapshot)
        self.check(volume, 'then', linked)
        volume = self.make_volume(size, pool, specs)
        self.driver.create_cloned_volume(volume, self.source)
        self.check(volume, 'now', linked)

    def test_a_clone_of_a_migrated_volume(self):
        moved = self.stored_volume(2, _name_id=self.make_id(), data='moved')
        volume = self.make_volume(2)
        self.driver.create_cloned_volume(volume, moved)
        self.check(volume, 'moved', True)

    def test_a_type_that_contradicts_itself_changes_nothing(self):
        volume = self.make_volume(2, 0, {'provisioning:type': 'thick',
                                         'dsware:clone': 'linked'})
        for function, source in (
                (self.driver.create_cloned_volume, self.source),
                (self.driver.create_volume_from_snapshot, self.snapshot)):
            self.assertRaises(exception.InvalidInput, function, volume,
                              source)
        self.assertRaises(exception.InvalidInput, self.driver.create_volume,
                          volume)
        self.assertEqual([], self.cluster.ops())
