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

"""Several services of one Cinder cluster, of which some die."""

import datetime
from unittest import mock

import ddt
from oslo_utils import timeutils

from cinder.db import api as db
from cinder import objects
from cinder.tests.unit import fake_constants
from cinder.tests.unit import utils
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.tests.unit.volume.drivers.dsware import locks
from cinder.volume.drivers.dsware import backups
from cinder.volume.drivers.dsware import cluster_recovery
from cinder.volume.drivers.dsware import interrupted
from cinder.volume.drivers.dsware import threads

CLUSTER = 'services@dsware'
# More than service_down_time.
LONG = 100


@ddt.ddt
class ClusterRecoveryTestCase(base.DriverTestCase):

    def setUp(self):
        super().setUp()
        self.locks = locks.Locks().install(self)
        self.patch(threads.__name__ + '.threading.Thread',
                   self.thread_at_once)
        self.api = self.patch(
            interrupted.__name__ + '.rpcapi.VolumeAPI').return_value
        objects.Cluster(self.context, name=CLUSTER,
                        binary='cinder-volume').create()
        self.serve('host@dsware')
        self.other = self.serve('other@dsware')

    @staticmethod
    def thread_at_once(target, **kwargs):
        return mock.Mock(start=target, is_alive=lambda: False)

    def serve(self, host, cluster=CLUSTER):
        service = objects.Service(
            self.context, host=host, binary='cinder-volume',
            topic='cinder-volume', cluster_name=cluster)
        service.create()
        db.service_update(self.context, service.id,
                          {'updated_at': timeutils.utcnow()})
        return service

    def die(self, service, seconds=1000):
        """Let a service have had its last heartbeat a while ago."""
        self.locks.end(service.host)
        db.service_update(self.context, service.id, {
            'updated_at':
            timeutils.utcnow() - datetime.timedelta(seconds=seconds)})

    def start_service(self):
        """Start, and be done with the looking that belongs to it."""
        made = self.make_driver(CLUSTER)
        made.check_for_setup_error()
        made.set_initialized()
        return made

    def start_long_ago(self):
        made = self.start_service()
        self.pass_by(made)
        self.cluster.requests.clear()
        return made

    def pass_by(self, dsware, seconds=LONG):
        self.clock.now += seconds
        dsware.get_volume_stats(True)

    def make(self, stored=True, **values):
        volume = utils.create_volume(self.context, **{
            'host': 'other@dsware#0', 'cluster_name': CLUSTER + '#0',
            'size': 1, 'previous_status': 'available',
            'volume_type_id': None, **values})
        if stored:
            self.stored(volume)
        return volume

    def cloned(self, status='creating', **values):
        """Make a volume that is being cloned; give its snapshot's name."""
        volume = self.make(False, status=status, **values)
        self.cluster.add_volume('source-' + volume.id)
        self.cluster.add_snapshot(volume.name + '.clone',
                                  'source-' + volume.id)
        return volume, volume.name + '.clone'

    def left(self):
        return set(self.cluster.snapshots)

    def assert_record(self, volume, **expected):
        found = objects.Volume.get_by_id(self.context, volume.id)
        self.assertEqual(expected, {key: found[key] for key in expected})

    def test_what_a_dead_service_had_attached_is_looked_at(self):
        dsware = self.start_long_ago()
        attached = self.make(admin_metadata={'dsware_attached': 'yes'},
                             status='in-use')
        self.pass_by(dsware)
        self.assertNotIn(attached.id, dsware._attacher._manager._watched)
        self.die(self.other)
        with mock.patch.object(dsware._attacher, 'tidy'):
            self.pass_by(dsware)
        self.assertIn(attached.id, dsware._attacher._manager._watched)

    # -- volumes that were being made -------------------------------------

    @ddt.data('creating', 'downloading', 'error')
    def test_a_start_clears_what_nobody_works_at(self, status):
        self.cloned(status)
        volume, kept = self.cloned(status)
        self.locks.held_by('other', volume)
        self.start_service()
        self.assertEqual({kept}, self.left())

    def test_what_others_own_is_left_alone(self):
        kept = {self.cloned(cluster_name='others@dsware#0')[1],
                self.cloned(cluster_name=None)[1],
                self.cloned('available')[1]}
        self.cluster.add_volume('v')
        self.cluster.add_snapshot('volume-unknown.clone', 'v')
        self.start_service()
        self.assertEqual(kept | {'volume-unknown.clone'}, self.left())

    def test_another_service_dies(self):
        dsware = self.start_long_ago()
        mine, kept = self.cloned()
        self.locks.held_by('here', mine)
        theirs, _gone = self.cloned()
        self.locks.held_by(self.other.host, theirs)
        self.pass_by(dsware)
        self.assertEqual(2, len(self.left()))
        self.die(self.other)
        self.pass_by(dsware)
        self.assertEqual({kept}, self.left())

    def test_nothing_is_looked_at_while_all_live(self):
        dsware = self.start_long_ago()
        self.cloned('error')
        self.pass_by(dsware)
        self.assertNotIn('deleteSnapshot', self.cluster.ops())

    def test_a_death_is_looked_into_once(self):
        dsware = self.start_long_ago()
        self.die(self.other)
        self.pass_by(dsware)
        self.pass_by(dsware)
        self.cloned('error')
        self.cluster.requests.clear()
        self.pass_by(dsware)
        self.assertNotIn('deleteSnapshot', self.cluster.ops())
        # It started again, and died again.
        self.die(self.other, 500)
        self.pass_by(dsware)
        self.assertEqual(set(), self.left())

    def test_services_of_others_are_not_waited_for(self):
        dsware = self.start_long_ago()
        self.die(self.serve('host@else', None))
        self.die(self.serve('host@more', 'others@dsware'))
        self.cloned('error')
        self.pass_by(dsware)
        self.assertNotIn('deleteSnapshot', self.cluster.ops())

    def test_one_look_at_a_time(self):
        dsware = self.start_long_ago()
        recovery = dsware._cluster_recovery
        recovery._thread = mock.Mock(is_alive=lambda: True)
        self.die(self.other)
        self.cloned('error')
        self.pass_by(dsware)
        self.assertEqual(1, len(self.left()))
        recovery._thread = None
        self.pass_by(dsware)
        self.assertEqual(set(), self.left())

    def test_an_outage(self):
        dsware = self.start_long_ago()
        self.die(self.other)
        self.cloned('error')
        for _n in range(3):
            self.cluster.fail('deleteSnapshot', 'unsent', times=10 ** 9)
            self.pass_by(dsware)
            self.assertEqual(1, len(self.left()))
            self.cluster.faults.clear()
        self.pass_by(dsware)
        self.assertEqual(set(), self.left())

    def test_an_outage_that_does_not_end(self):
        dsware = self.start_long_ago()
        self.die(self.other)
        self.cloned('error')
        self.cluster.fail('deleteSnapshot', 'unsent', times=10 ** 9)
        self.pass_by(dsware)
        self.pass_by(dsware, 4000)
        self.assertEqual({}, dsware._cluster_recovery._deaths)

    def test_the_database_fails(self):
        dsware = self.start_long_ago()
        self.die(self.other)
        self.cloned('error')
        with mock.patch.object(objects.VolumeList, 'get_all',
                               side_effect=ValueError('lost')), \
                self.assertLogs(cluster_recovery.LOG.logger,
                                'ERROR') as logs:
            self.pass_by(dsware)
        self.assertIn(CLUSTER, logs.output[0])
        self.pass_by(dsware)
        self.assertEqual(set(), self.left())

    # -- migrations -------------------------------------------------------

    def test_a_move_that_nobody_waits_for(self):
        dsware = self.start_long_ago()
        volume = self.make(migration_status='migrating')
        self.cluster.volumes[volume.name]['pool_id'] = 1
        self.locks.held_by(self.other.host, volume)
        self.die(self.other)
        self.pass_by(dsware)
        # It could have come to its end in this very moment.
        self.assert_record(volume, migration_status='migrating')
        self.pass_by(dsware)
        self.assert_record(volume, migration_status='success',
                           host='host@dsware#1', status='available',
                           cluster_name=CLUSTER + '#0')

    def test_a_move_by_a_service_that_lives(self):
        dsware = self.start_long_ago()
        volume = self.make(migration_status='migrating')
        self.locks.held_by('third', volume)
        self.die(self.other)
        for _n in range(3):
            self.pass_by(dsware)
        self.assert_record(volume, migration_status='migrating')
        self.assertEqual({}, dsware._cluster_recovery._deaths)

    def test_a_record_that_changes_meanwhile(self):
        dsware = self.start_long_ago()
        volume = self.make(migration_status='migrating')
        self.die(self.other)
        for second in range(3):
            db.volume_update(self.context, volume.id, {
                'updated_at': datetime.datetime(2020, 1, 1, 0, 0, second)})
            self.pass_by(dsware)
        self.assert_record(volume, migration_status='migrating')
        self.pass_by(dsware)
        self.assert_record(volume, migration_status='error')

    def test_one_that_is_settled_by_another_service(self):
        dsware = self.start_long_ago()
        volume = self.make(status='retyping', migration_status='starting')
        self.die(self.other)
        self.pass_by(dsware)
        db.volume_update(self.context, volume.id, {'status': 'available'})
        self.pass_by(dsware)
        self.assertEqual({}, dsware._cluster_recovery._seen)
        self.assertEqual({}, dsware._cluster_recovery._deaths)

    def test_one_that_cannot_be_settled_yet(self):
        dsware = self.start_long_ago()
        volume = self.make(migration_status='migrating')
        copy = self.make(False, status='creating',
                         migration_status='target:' + volume.id)
        self.die(self.other)
        for _n in range(3):
            self.pass_by(dsware)
        self.assert_record(volume, migration_status='migrating')
        db.volume_update(self.context, copy.id, {'status': 'error'})
        self.pass_by(dsware)
        self.assert_record(volume, migration_status='error')

    def test_what_an_earlier_run_was_moving(self):
        volume = self.make(migration_status='migrating')
        dsware = self.start_service()
        self.assert_record(volume, migration_status='migrating')
        self.pass_by(dsware)
        self.assert_record(volume, migration_status='error')

    def test_others_move_volumes_too(self):
        self.make(migration_status='migrating', cluster_name=None)
        kept = self.make(migration_status='migrating',
                         cluster_name='others@dsware#0')
        dsware = self.start_long_ago()
        self.pass_by(dsware)
        self.assert_record(kept, migration_status='migrating')

    @ddt.data('retyping', 'maintenance')
    def test_a_copy_that_this_service_makes(self, status):
        dsware = self.start_long_ago()
        volume = self.make(status=status, migration_status='migrating')
        dsware.before_volume_copy(self.context, volume, None)
        self.pass_by(dsware)
        self.assertTrue(self.locks.is_held(volume))
        db.volume_update(self.context, volume.id, {
            'status': 'available', 'migration_status': 'success'})
        self.pass_by(dsware)
        self.assertFalse(self.locks.is_held(volume))

    # -- groups -----------------------------------------------------------

    def test_a_group_that_was_made_from_another_one(self):
        self.patch('cinder.volume.group_types.get_group_type_specs',
                   lambda group_type_id, key: '<is> True')
        group = utils.create_group(
            self.context, host='other@dsware#0', status='creating',
            cluster_name=CLUSTER + '#0',
            group_type_id=fake_constants.GROUP_TYPE_ID,
            source_group_id=fake_constants.GROUP2_ID)
        volume, left = self.cloned(group_id=group.id)
        dsware = self.start_service()
        # It tells that the group was begun.
        self.assertEqual({left}, self.left())
        self.locks.held_by('other', group)
        self.pass_by(dsware)
        self.assert_record(volume, status='creating')
        self.locks.end('other')
        self.die(self.other)
        for _n in range(2):
            self.pass_by(dsware)
        self.assert_record(volume, status='error')
        self.assertEqual(set(), self.left())

    # -- backups ----------------------------------------------------------

    @ddt.data((CLUSTER + '#0', None), ('others@dsware#0', backups.EXPORTED),
              (None, backups.EXPORTED))
    @ddt.unpack
    def test_a_snapshot_that_no_backup_reads(self, cluster, expected):
        volume = self.make(cluster_name=cluster)
        snapshot = utils.create_snapshot(
            self.context, volume.id, provider_location=backups.EXPORTED,
            provider_auth='192.0.2.1')
        self.start_service()
        snapshot.refresh()
        self.assertEqual(expected, snapshot.provider_location)
