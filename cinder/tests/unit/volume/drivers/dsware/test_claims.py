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

"""What services of one Cinder cluster show each other."""

from unittest import mock

from cinder import exception
from cinder.tests.unit import utils
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.tests.unit.volume.drivers.dsware import locks
from cinder.volume.drivers.dsware import claims
from cinder.volume.drivers.dsware import exceptions

CLUSTER = 'services@dsware'


class ClaimsTestCase(base.DriverTestCase):

    def setUp(self):
        super().setUp()
        self.locks = locks.Locks().install(self)
        self.claims = claims.Claims(CLUSTER)
        self.volume = self.make_volume()

    def is_held(self):
        return self.locks.is_held(self.volume)

    def test_held_for_as_long_as_the_work_lasts(self):
        with self.claims.held(self.volume):
            self.assertTrue(self.is_held())
            self.assertTrue(self.claims.is_worked_at(self.volume.id))
        self.assertFalse(self.is_held())
        self.assertFalse(self.claims.is_worked_at(self.volume.id))

    def test_let_go_of_after_an_error(self):
        def work():
            with self.claims.held(self.volume):
                raise ValueError()

        self.assertRaises(ValueError, work)
        self.assertFalse(self.is_held())

    def test_several_in_one_order(self):
        others = [self.make_volume() for _n in range(2)]
        with self.claims.held(others[1], self.volume, others[0]):
            pass
        self.assertEqual(['dsware-work-' + volume.id
                          for volume in (self.volume, *others)],
                         self.locks.acquired)

    def test_a_service_in_no_cluster_needs_none(self):
        alone = claims.Claims(None)
        with alone.held(self.volume):
            self.assertFalse(alone.is_worked_at(self.volume.id))
        self.assertTrue(alone.until_done(self.volume.id, lambda: True))
        alone.take(self.volume.id)
        alone.review(lambda volume: True)
        self.assertEqual([], self.locks.acquired)

    def test_all_done(self):
        self.assertTrue(
            self.claims.until_done(self.volume.id, self.is_held))
        self.assertFalse(self.is_held())

    def test_a_failure(self):
        def fail():
            raise ValueError()

        self.assertRaises(ValueError, self.claims.until_done, self.volume.id,
                          fail)
        self.assertFalse(self.is_held())

    def test_the_lock_cannot_be_released(self):
        """What was done is told all the same; a review tries again."""
        with mock.patch.object(locks.Lock, 'release',
                               side_effect=OSError('no backend')), \
                self.assertLogs(claims.LOG.logger, 'WARNING') as logs:
            self.assertTrue(self.claims.until_done(self.volume.id,
                                                   lambda: True))
            self.claims.review(lambda found: False)
        self.assertEqual(2, len(logs.output))
        self.assertIn(self.volume.id, logs.output[0])
        self.assertTrue(self.is_held())
        self.claims.review(lambda found: False)
        self.assertFalse(self.is_held())

    def test_work_at_once_after_what_was_no_copy(self):
        """As an extension after a change of type that was refused."""
        self.claims.until_done(self.volume.id, lambda: False)
        with self.claims.held(self.volume):
            self.assertTrue(self.is_held())
        self.assertFalse(self.is_held())

    def test_another_service_does_not_let_go(self):
        self.locks.held_by('another', self.volume)
        self.patch('cinder.volume.drivers.dsware.claims._LONGEST', 0.1)
        error = self.assertRaises(exceptions.ObjectBusy, self.hold)
        self.assertIn(self.volume.id, str(error))
        self.assertIn('another service of the cluster', str(error))

    def hold(self):
        with self.claims.held(self.volume):
            self.fail('two are at work')

    def test_the_lock_of_what_is_done_cannot_be_released(self):
        with mock.patch.object(locks.Lock, 'release',
                               side_effect=OSError('no backend')), \
                self.assertLogs(claims.LOG.logger, 'WARNING'):
            with self.claims.held(self.volume):
                pass
        self.assertTrue(self.is_held())
        self.claims.review(lambda found: False)
        self.assertFalse(self.is_held())

    def test_cinder_goes_on(self):
        volume = utils.create_volume(self.context, host='host@dsware#0',
                                     volume_type_id=None)
        for _n in range(2):
            self.assertFalse(self.claims.until_done(volume.id,
                                                    lambda: False))
            self.assertTrue(self.locks.is_held(volume))
        self.claims.review(lambda found: found.id == volume.id)
        self.assertTrue(self.locks.is_held(volume))
        self.claims.review(lambda found: False)
        self.assertFalse(self.locks.is_held(volume))

    def test_a_volume_that_is_deleted(self):
        self.claims.take(self.volume.id)
        with mock.patch.object(
                claims.objects.Volume, 'get_by_id',
                side_effect=exception.VolumeNotFound(volume_id='v')):
            self.claims.review(lambda found: True)
        self.assertFalse(self.is_held())

    def test_another_service_has_not_let_go_yet(self):
        self.locks.held_by('other', self.volume)
        with self.assertLogs(claims.LOG.logger, 'WARNING') as logs:
            self.assertTrue(self.claims.until_done(self.volume.id,
                                                   lambda: True))
        self.assertIn(self.volume.id, logs.output[0])
        self.assertTrue(self.is_held())

    def test_abandoned(self):
        with self.claims.abandoned(self.volume.id) as free:
            self.assertTrue(free)
            self.assertTrue(self.is_held())
        self.locks.held_by('other', self.volume)
        with self.claims.abandoned(self.volume.id) as free:
            self.assertFalse(free)
        self.assertTrue(self.is_held())


class DriverClaimsTestCase(base.DriverTestCase):
    """What the driver is at work at, while the cluster carries it out."""

    def setUp(self):
        super().setUp()
        self.locks = locks.Locks().install(self)
        self.dsware = self.make_driver(CLUSTER)
        self.source = self.make_volume()
        self.dsware.create_volume(self.source)
        self.snapshot = self.make_snapshot(self.source)
        self.dsware.create_snapshot(self.snapshot)
        self.locks.acquired.clear()

    def check(self, make, op, *volumes):
        """Check that volumes are held during a request, and not after."""
        seen = []

        def look():
            seen.append([self.locks.is_held(volume) for volume in volumes])

        self.cluster.fail(op, 'does', look)
        make()
        self.assertEqual([[True] * len(volumes)], seen)
        self.assertEqual({}, self.locks.holders)

    def test_create(self):
        volume = self.make_volume()
        self.check(lambda: self.dsware.create_volume(volume),
                   'createVolume', volume)

    def test_create_from_snapshot(self):
        volume = self.make_volume()
        self.check(lambda: self.dsware.create_volume_from_snapshot(
            volume, self.snapshot), 'createVolumeFromSnap', volume)

    def test_clone(self):
        volume = self.make_volume()
        self.check(lambda: self.dsware.create_cloned_volume(
            volume, self.source), 'createSnapshot', volume)

    def test_migrate(self):
        # Made without a snapshot, which would be in the way.
        volume = self.make_volume()
        self.dsware.create_volume(volume)
        host = {'host': 'host@dsware#1', 'cluster_name': CLUSTER + '#1',
                'capabilities': self.capabilities()}
        self.check(lambda: self.assertEqual(
            (True, None),
            self.dsware.migrate_volume(self.context, volume, host)),
            'migrateVolumeCold', volume)

    def capabilities(self):
        self.dsware.check_for_setup_error()
        stats = self.dsware.get_volume_stats(True)
        return [pool for pool in stats['pools']
                if pool['pool_name'] == '1'][0]

    def test_a_copy_by_cinder(self):
        host = {'host': 'host@dsware#1', 'capabilities': {}}
        self.assertEqual((False, None), self.dsware.migrate_volume(
            self.context, self.source, host))
        self.assertTrue(self.locks.is_held(self.source))

    def test_a_copy_by_cinder_that_was_asked_for(self):
        self.dsware.before_volume_copy(self.context, self.source,
                                       self.make_volume(), remote='dest')
        self.assertTrue(self.locks.is_held(self.source))

    def test_a_volume_that_is_cloned_is_not_deleted(self):
        volume = self.make_volume()
        self.locks.held_by('other', volume)
        self.cluster.snapshots.clear()
        self.cluster.add_snapshot(volume.name + '.clone', self.source.name)
        self.assertRaises(exception.VolumeIsBusy, self.dsware.delete_volume,
                          self.source)
        self.assertIn(volume.name + '.clone', self.cluster.snapshots)
        self.locks.end('other')
        self.dsware.delete_volume(self.source)
        self.assertEqual({}, self.cluster.snapshots)

    def test_files_of_locks_go_with_the_volume(self):
        remove = self.patch('cinder.coordination.synchronized_remove')
        self.dsware.clean_volume_file_locks('v')
        remove.assert_any_call('dsware-work-v')
