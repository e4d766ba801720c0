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

"""Volumes: what becomes of the cluster, and what is said."""

import ddt

from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware import exceptions


@ddt.ddt
class MoveTestCase(fakes.ArrayTestCase):

    def setUp(self):
        super().setUp()
        self.record = self.cluster.add_volume('v', size=2048, data='data')

    def move(self, pool=1):
        self.array.moves.move('v', pool)

    def assert_in_pool(self, pool):
        self.assertEqual((pool, fakes.READY, 'data'), (
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
        self.cluster.volumes['v']['status'] = fakes.COPYING
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
            self.record['status'] = fakes.COPYING
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
        self.record['status'] = fakes.READY

    def test_it_fails_and_breaks_the_volume(self):
        self.cluster.copy_ends_as = 9
        error = self.raises(exceptions.BackendFault, self.move)
        self.assertIn('failure status 9', str(error))

    def test_it_takes_too_long(self):
        self.cluster.copy_time = 4000
        error = self.raises(exceptions.BackendFault, self.move)
        self.assertIn('dsware_copy_timeout', str(error))
        self.assertEqual(fakes.COPYING, self.record['status'])
