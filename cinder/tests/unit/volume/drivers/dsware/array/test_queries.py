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

"""What the array asks, and what it makes of the answers."""

import ddt

from cinder.tests.unit.volume.drivers.dsware.array import base
from cinder.volume.drivers.dsware.array import queries
from cinder.volume.drivers.dsware import exceptions


@ddt.ddt
class PoolsTestCase(base.ArrayTestCase):

    def test_one_request_for_all_pools(self):
        self.cluster.add_volume('v', size=1024, pool_id=1)
        self.array.queries.pools()
        self.cluster.requests.clear()
        pools = self.array.queries.pools()
        self.assertEqual(['queryAllPoolInfo'], self.cluster.ops())
        self.assertEqual([(0, 1024 * 1024, 0, 0), (1, 1024 * 1024, 512,
                                                   1024)],
                         [(p.pool_id, p.total, p.used, p.provisioned)
                          for p in pools])

    def test_the_kind_of_cluster_is_asked_for_once(self):
        for _ in range(3):
            self.assertFalse(self.array.queries.single_pool())
            self.array.queries.pools()
        self.assertEqual(1, self.cluster.count('getDSwareIdentifier'))

    def test_an_older_cluster(self):
        self.cluster.single_pool = True
        for _ in range(3):
            found = self.array.queries.pools()
            self.assertEqual([0], [pool.pool_id for pool in found])
        self.assertTrue(self.array.queries.single_pool())
        self.assertEqual(
            ['getDSwareIdentifier'] + ['queryPoolInfo'] * 3,
            self.cluster.ops())

    def test_no_answer_is_not_an_older_cluster(self):
        self.cluster.fail('', 'unsent', times=10 ** 6)
        self.raises(exceptions.EndpointUnavailable,
                    self.array.queries.pools, 10)
        self.cluster.faults.clear()
        self.assertFalse(self.array.queries.single_pool())

    @ddt.data(50150003, 50150002)
    def test_another_refusal_is_not_an_older_cluster(self, code):
        self.cluster.fail('getDSware', 'result', code)
        self.raises(exceptions.InvalidRequest, self.array.queries.single_pool)
        self.assertFalse(self.array.queries.single_pool())

    def test_patience_is_for_both_requests(self):
        self.array.queries.single_pool()
        self.cluster.fail('queryAllPoolInfo', 'unsent', times=10 ** 6)
        start = self.clock.now
        self.raises(exceptions.EndpointUnavailable,
                    self.array.queries.pools, 10)
        self.assertLess(self.clock.now - start, 12)


class QueriesTestCase(base.ArrayTestCase):

    def setUp(self):
        super().setUp()
        self.cluster.add_volume('vol-1', size=1024, pool_id=1)
        self.cluster.add_snapshot('snap-1', 'vol-1')

    def test_volume(self):
        found = self.array.queries.volume('vol-1')
        self.assertEqual(('vol-1', 1024, 1), (found.name, found.size,
                                              found.pool_id))
        self.assertIsNone(self.array.queries.volume('vol-2'))

    def test_snapshot(self):
        found = self.array.queries.snapshot('snap-1')
        self.assertEqual(('snap-1', 'vol-1'), (found.name, found.father))
        self.assertIsNone(self.array.queries.snapshot('vol-1'))

    def test_one_of_several_records(self):
        record = {k: str(v) for k, v in
                  self.cluster.volumes['vol-1'].items() if k != 'data'}
        self.cluster.fail('queryVolume', 'records', [
            {**record, 'vol_name': 'vol-10'}, record])
        self.assertEqual('vol-1', self.array.queries.volume('vol-1').name)
        self.cluster.fail('queryVolume', 'records', [record, record])
        self.raises(exceptions.OutcomeUnknown,
                    self.array.queries.volume, 'vol-1')

    def test_no_record_is_no_answer(self):
        # Absent is what the result code says, nothing else.
        self.cluster.fail('queryVolume', 'records', [])
        self.raises(exceptions.OutcomeUnknown,
                    self.array.queries.volume, 'vol-1')

    def test_snapshots_of(self):
        self.cluster.add_snapshot('snap-2', 'vol-1')
        self.assertEqual(['snap-1', 'snap-2'],
                         self.array.queries.snapshots_of('vol-1'))
        self.assertEqual([], self.array.queries.snapshots_of('vol-2'))

    def test_what_cannot_be_read_is_left_out_of_a_listing(self):
        self.cluster.add_volume('vol-2', pool_id=1)
        self.cluster.volumes['vol-1']['create_time'] = 'now'
        with self.assertLogs(queries.LOG.logger, 'WARNING') as logs:
            self.assertEqual(['vol-2'], [
                found.name
                for found in self.array.queries.volumes_of_pool(1)])
        self.assertIn('left out: 1. The first: field create_time',
                      logs.output[0])

    def test_listings(self):
        self.cluster.add_volume('vol-2', pool_id=0)
        self.cluster.add_snapshot('snap-2', 'vol-2')
        for pool, volume, snapshot in ((0, 'vol-2', 'snap-2'),
                                       (1, 'vol-1', 'snap-1')):
            self.assertEqual([volume], [
                found.name
                for found in self.array.queries.volumes_of_pool(pool)])
            self.assertEqual([snapshot], [
                found.name
                for found in self.array.queries.snapshots_of_pool(pool)])
