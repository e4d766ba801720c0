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

import uuid

import ddt

from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware.array import names
from cinder.volume.drivers.dsware.array import queries
from cinder.volume.drivers.dsware import exceptions

BAD_NAMES = ('', '-v', '.v', 'a b', 'a,b', 'a/b', 'a\nb', 'a\n', 'v\xe9',
             'x' * 96, 'a=b', '%41', '$(id)', '--op')


@ddt.ddt
class NamesTestCase(fakes.ArrayTestCase):

    @ddt.data('v', 'volume-3f1c', '_v', '0', 'a.b-c_D', 'x' * 95)
    def test_good(self, name):
        self.assertIsNone(names.check(name))

    @ddt.data(*[name for name in BAD_NAMES if name.isascii()])
    def test_bad(self, name):
        error = self.raises(exceptions.InvalidRequest, names.check,
                            name)
        self.assertIn('1 to 95', str(error))
        self.assertTrue(str(error).isprintable())

    def test_every_name_is_checked_before_anything_is_sent(self):
        calls = (
            lambda name: self.array.queries.volume(name),
            lambda name: self.array.queries.snapshot(name),
            lambda name: self.array.queries.snapshots_of(name),
            lambda name: self.array.queries.is_in_pool(name, 0),
            lambda name: self.array.volumes.create(name, 0, 1024, True),
            lambda name: self.array.volumes.delete(name),
            lambda name: self.array.volumes.delete_leftovers(name),
            lambda name: self.array.volumes.expand(name, 2048),
            lambda name: self.array.snapshots.create(name, 'v'),
            lambda name: self.array.snapshots.create('s', name),
            lambda name: self.array.snapshots.delete(name),
            lambda name: self.array.copies.linked(name, 1024, 's'),
            lambda name: self.array.copies.linked('v', 1024, name),
            lambda name: self.array.copies.full(name, 0, 1024, True, 's'),
            lambda name: self.array.copies.full('v', 0, 1024, True, name),
            lambda name: self.array.copies.clone(name, 'v', self.fail),
            lambda name: self.array.copies.clone('v', name, self.fail),
            lambda name: self.array.hosts.attach(name, fakes.ENDPOINTS[0]),
            lambda name: self.array.hosts.detach(name, fakes.ENDPOINTS[0]),
            lambda name: self.array.hosts.detach_by_ip(name, '192.0.2.1'))
        for call in calls:
            for name in BAD_NAMES:
                self.raises(exceptions.InvalidRequest, call, name)
        self.assertEqual([], self.cluster.requests)

    def test_names_of_temporary_snapshots(self):
        self.assertEqual('v.clone', names.temporary('v'))
        self.assertEqual('x' * 89 + '.clone', names.temporary('x' * 89))
        made = set()
        for length in range(89, 96):
            for last in 'xy':
                name = names.temporary('x' * (length - 1) + last)
                self.assertTrue(names.is_legal(name))
                self.assertTrue(name.startswith('x' * 72))
                made.add(name)
        self.assertEqual(14, len(made))
        self.raises(exceptions.InvalidRequest, names.temporary, 'x' * 96)

    @ddt.data('volume-%s', '%s', 'a.%s.b', 'x' * 53 + '%s',
              'x' * 54 + '%s', 'x' * 59 + '%s', '%s' + 'x' * 59)
    def test_temporary_snapshots_are_known(self, template):
        volume = template % uuid.uuid4()
        self.assertFalse(names.is_temporary(volume))
        self.assertTrue(names.is_temporary(names.temporary(volume)))

    @ddt.data('monday.clone', 'x' * 89 + '.clone', '.clone', 'v.clone',
              'v.0123456789abcdef.clone', '')
    def test_those_of_others_are_not(self, name):
        self.assertFalse(names.is_temporary(name))


@ddt.ddt
class PoolsTestCase(fakes.ArrayTestCase):

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

    @ddt.data({'pool_id': 'x'}, {'pool_id': '0'}, {'vol_name': 'v'})
    def test_a_record_that_is_none(self, record):
        self.cluster.fail('queryAllPoolInfo', 'records', [record])
        error = self.raises(exceptions.OutcomeUnknown,
                            self.array.queries.pools)
        self.assertIn('queryAllPoolInfo', str(error))
        self.assertTrue(error.endpoint)


@ddt.ddt
class QueriesTestCase(fakes.ArrayTestCase):

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

    @ddt.data('vol-10', 'Vol-1', 'vol-', 'vol-1 ', 'vol.1')
    def test_names_are_compared_whole(self, name):
        record = {k: str(v) for k, v in
                  self.cluster.volumes['vol-1'].items() if k != 'data'}
        self.cluster.fail('queryVolume', 'records',
                          [{**record, 'vol_name': name}])
        error = self.raises(exceptions.OutcomeUnknown,
                            self.array.queries.volume,
                            'vol-1')
        self.assertIn('records: 1, of that name: 0', str(error))

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

    def test_a_record_that_is_none(self):
        self.cluster.edit = lambda record: {**record, 'status': 'fine'}
        error = self.raises(exceptions.OutcomeUnknown,
                            self.array.queries.volume,
                            'vol-1')
        self.assertIn('status', str(error))
        self.raises(exceptions.OutcomeUnknown, self.array.queries.snapshot,
                    'snap-1')

    def test_is_in_pool(self):
        self.assertTrue(self.array.queries.is_in_pool('snap-1', 1))
        self.assertFalse(self.array.queries.is_in_pool('snap-1', 0))
        error = self.raises(exceptions.ObjectAbsent,
                            self.array.queries.is_in_pool,
                            'snap-2', 0)
        self.assertEqual('snap-2', error.name)

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
