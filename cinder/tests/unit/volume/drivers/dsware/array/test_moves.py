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

"""Moves to other pools: what becomes of the cluster, and what is said."""

import ddt

from cinder.tests.unit.volume.drivers.dsware.array import base
from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.tests.unit.volume.drivers.dsware.fakes import cluster
from cinder.volume.drivers.dsware.array import array
from cinder.volume.drivers.dsware.array import names
from cinder.volume.drivers.dsware import exceptions


class MovingTestCase(base.ArrayTestCase):

    def setUp(self):
        super().setUp()
        self.record = self.cluster.add_volume('v', size=2048, data='data')

    def move(self, pool=1):
        self.array.moves.move('v', pool)


@ddt.ddt
class MoveTestCase(MovingTestCase):

    def assert_in_pool(self, pool):
        self.assertEqual((pool, cluster.READY, 'data'), (
            self.record['pool_id'], self.record['status'],
            self.record['data']))

    def test_move(self):
        self.move()
        self.assert_in_pool(1)
        self.assertEqual(1, self.cluster.count('migrateVolumeCold'))

    def test_it_is_there_already(self):
        self.move(0)
        self.assertEqual(['queryVolume'], self.cluster.ops())

    @ddt.data(1, 0)
    def test_an_interrupted_move_goes_on(self, pool):
        """One that goes elsewhere is waited for, too."""
        self.cluster.volumes['v']['status'] = cluster.COPYING
        self.cluster.moves['v'] = (self.clock.now + 100, 1)
        self.move(pool)
        self.assert_in_pool(pool)

    @ddt.data('unanswered', 'lost', 'hangs')
    def test_an_unknown_outcome(self, kind):
        self.cluster.fail('migrateVolumeCold', kind)
        self.move()
        self.assert_in_pool(1)
        self.assertEqual(1 if kind == 'unanswered' else 2,
                         self.cluster.count('migrateVolumeCold'))

    def test_an_unknown_outcome_of_a_quick_move(self):
        self.cluster.copy_time = 0
        self.cluster.fail('migrateVolumeCold', 'unanswered')
        self.move()
        self.assert_in_pool(1)
        self.assertEqual(1, self.cluster.count('migrateVolumeCold'))

    def test_a_late_start_is_not_taken_for_a_refusal(self):
        """What was in doubt begins while it is asked for again."""
        def begins():
            self.record['status'] = cluster.COPYING
            self.cluster.moves['v'] = (self.clock.now + 9, 1)

        self.cluster.fail('migrateVolumeCold', 'lost')
        self.cluster.fail('migrateVolumeCold', 'does', begins)
        self.move()
        self.assert_in_pool(1)

    def test_no_room(self):
        self.cluster.pools[1] = 2047
        error = self.raises(exceptions.CapacityExceeded, self.move)
        self.assertIn('Pool 1, asked for 2048 MiB', str(error))
        self.assert_in_pool(0)

    def test_it_fails_and_stays(self):
        self.cluster.copy_time = 1
        self.cluster.fail('queryVolume', 'does', self.stay, skip=1)
        error = self.raises(exceptions.BackendFault, self.move)
        self.assertIn('the move to pool 1 ended without success', str(error))
        self.assertIn('pool_id=0', str(error))

    def stay(self):
        self.cluster.moves.clear()
        self.record['status'] = cluster.READY

    def test_it_fails_and_breaks_the_volume(self):
        self.cluster.copy_ends_as = 9
        error = self.raises(exceptions.BackendFault, self.move)
        self.assertIn('failure status 9', str(error))

    def test_it_takes_too_long(self):
        self.cluster.copy_time = 4000
        error = self.raises(exceptions.BackendFault, self.move)
        self.assertIn('dsware_copy_timeout', str(error))
        self.assertEqual(cluster.COPYING, self.record['status'])


@ddt.ddt
class ExchangeTestCase(MovingTestCase):

    TARGET = names.moved('v')

    def setUp(self):
        super().setUp()
        self.array = array.Array(self.client, copy_timeout=3600,
                                 exchanges=True)

    def assert_only_in_pool(self, pool):
        self.assertEqual(['v'], list(self.cluster.volumes))
        self.assertEqual((pool, 'data'), (self.record['pool_id'],
                                          self.record['data']))
        self.assertEqual({}, self.cluster.exchanges)

    def begin(self, end=100):
        """Leave what a service leaves that was killed."""
        target = self.cluster.add_volume(self.TARGET, 2048, 1)
        self.cluster.exchanges[self.record['lun_id']] = (
            self.clock.now + end, target['lun_id'], 0)

    def test_move(self):
        self.move()
        self.assert_only_in_pool(1)
        self.assertEqual(
            ['createVolume', 'exchangeVolumes', 'deleteMigration',
             'deleteVolume'],
            [op for op in self.cluster.ops() if not op.startswith('query')])

    def test_it_is_there_already(self):
        self.move(0)
        self.assert_only_in_pool(0)
        self.assertEqual(0, self.cluster.count('createVolume'))

    @ddt.data(1, 0)
    def test_an_interrupted_move_goes_on(self, pool):
        self.begin()
        self.move(pool)
        self.assert_only_in_pool(pool)

    def test_what_an_interrupted_move_left(self):
        """It was made, and no exchange begun."""
        self.cluster.add_volume(self.TARGET, 2048, 1)
        self.move()
        self.assert_only_in_pool(1)

    @ddt.data('unanswered', 'lost', 'hangs')
    def test_an_unknown_outcome(self, kind):
        for op in ('createVolume', 'exchangeVolumes', 'deleteMigration',
                   'deleteVolume'):
            self.cluster.fail(op, kind)
        self.move()
        self.assert_only_in_pool(1)
        self.assertEqual(1 if kind == 'unanswered' else 2,
                         self.cluster.count('exchangeVolumes'))

    @ddt.data('queryMigration', 'queryVolume')
    def test_queries_fail_meanwhile(self, op):
        self.cluster.fail(op, 'lost', times=5, skip=1)
        self.move()
        self.assert_only_in_pool(1)

    def test_it_fails(self):
        self.cluster.exchange_ends_as = 74
        error = self.raises(exceptions.BackendFault, self.move)
        self.assertIn('failure status 74', str(error))
        self.assert_only_in_pool(0)

    def test_it_takes_too_long(self):
        """Nothing is deleted while it goes on, but later."""
        self.cluster.copy_time = 4000
        error = self.raises(exceptions.BackendFault, self.move)
        self.assertIn('dsware_copy_timeout', str(error))
        self.assertIn(self.TARGET, self.cluster.volumes)
        self.raises(exceptions.ObjectBusy, self.array.moves.delete_leftovers,
                    'v')
        self.assertIn(self.TARGET, self.cluster.volumes)
        self.clock.now += 4000
        self.array.moves.delete_leftovers('v')
        self.assert_only_in_pool(1)

    def test_it_is_interrupted(self):
        """By what is no Exception, while it goes on."""
        self.cluster.fail('exchangeVolumes', 'interrupted')
        self.assertRaises(fakes.Interrupted, self.move)
        self.assertIn(self.TARGET, self.cluster.volumes)
        self.move()
        self.assert_only_in_pool(1)

    def test_nobody_tells_whether_it_goes_on(self):
        self.begin()
        self.cluster.fail('queryMigration', 'lost', times=1000)
        self.assertRaises(exceptions.DSWareError,
                          self.array.moves.delete_leftovers, 'v')
        self.assertIn(self.TARGET, self.cluster.volumes)

    def test_the_manager_tells_of_none_while_the_target_is_in_work(self):
        target = self.cluster.add_volume(self.TARGET, 2048, 1)
        target['status'] = cluster.COPYING
        self.raises(exceptions.ObjectBusy, self.array.moves.delete_leftovers,
                    'v')
        self.assertIn(self.TARGET, self.cluster.volumes)

    @ddt.data(50150002, 50150013)
    def test_refused(self, code):
        self.cluster.fail('exchangeVolumes', 'result', code, times=1000)
        self.assertRaises(exceptions.DSWareError, self.move)
        self.assert_only_in_pool(0)

    def test_refused_though_it_is_carried_out(self):
        """Nobody may copy a volume that moves."""
        self.cluster.fail('exchangeVolumes', 'late_result', 50150002)
        self.move()
        self.assert_only_in_pool(1)

    def test_a_list_of_none(self):
        self.cluster.fail('queryMigration', 'records', [])
        self.move()
        self.assert_only_in_pool(1)

    def test_the_cluster_forgets_it_by_itself(self):
        self.cluster.fail('deleteMigration', 'does',
                          self.cluster.exchanges.clear)
        self.move()
        self.assert_only_in_pool(1)

    def test_no_room(self):
        self.cluster.pools[1] = 2047
        self.raises(exceptions.CapacityExceeded, self.move)
        self.assert_only_in_pool(0)

    def test_somebody_has_that_name(self):
        """What is there may be deleted only as what a move has left."""
        self.cluster.fail(
            'createVolume', 'does',
            lambda: self.cluster.add_volume(self.TARGET, 2048, 1))
        self.raises(exceptions.ObjectExists, self.move)
        self.assertIn(self.TARGET, self.cluster.volumes)

    def test_the_volume_is_gone(self):
        self.begin()
        self.cluster.exchanges.clear()
        del self.cluster.volumes['v']
        self.array.moves.delete_leftovers('v')
        self.assertEqual({}, self.cluster.volumes)
