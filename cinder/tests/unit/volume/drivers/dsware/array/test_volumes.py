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

from cinder.tests.unit.volume.drivers.dsware.array import base
from cinder.volume.drivers.dsware import exceptions


@ddt.ddt
class CreateVolumeTestCase(base.ArrayTestCase):

    def create(self, name='v', pool_id=1, size=2048, thin=True):
        self.array.volumes.create(name, pool_id, size, thin)

    @ddt.data((True, 1), (False, 0))
    @ddt.unpack
    def test_create(self, thin, flag):
        self.create(thin=thin)
        self.assertEqual(
            {'volName': 'v', 'poolId': 1, 'volSize': 2048,
             'thinFlag': flag}, self.cluster.requests[0][0].args)
        volume = self.cluster.volumes['v']
        self.assertEqual((2048, 1), (volume['vol_size'],
                                     volume['pool_id']))

    @ddt.data('volume', 'snapshot')
    def test_what_exists_is_never_adopted(self, kind):
        self.cluster.add_volume('x', size=2048, pool_id=1, data='old')
        if kind == 'snapshot':
            self.cluster.add_snapshot('v', 'x')
        else:
            self.cluster.add_volume('v', size=2048, pool_id=1, data='old')
        error = self.raises(exceptions.ObjectExists, self.create)
        self.assertEqual(50150007, error.result)
        # What was asked for and what is there.
        self.assertIn('volSize=2048', str(error))
        self.assertIn('poolId=1', str(error))
        self.assertIn(kind.capitalize(), str(error))
        self.assertIn("name='v'", str(error))
        self.assertEqual(1, self.cluster.count('createVolume'))
        found = (self.cluster.volumes | self.cluster.snapshots)['v']
        self.assertEqual('old', found['data'])

    def test_what_exists_cannot_be_looked_at(self):
        self.cluster.add_volume('v')
        self.cluster.fail('query', 'unsent', times=10 ** 9)
        error = self.raises(exceptions.ObjectExists, self.create)
        self.assertRegex(str(error), 'There is: .*cannot connect')

    def test_a_full_pool(self):
        self.cluster.pools[1] = 1024
        error = self.raises(exceptions.CapacityExceeded, self.create)
        self.assertEqual(50150009, error.result)
        self.assertIn('Pool 1, asked for 2048 MiB; free MiB by pool: '
                      '0: 1048576, 1: 1024', str(error))

    def test_a_failed_volume_is_removed(self):
        self.cluster.edit = lambda record: {**record, 'status': '3'}
        error = self.raises(exceptions.BackendFault, self.create)
        self.assertIn('failure status 3', str(error))
        self.assertEqual({}, self.cluster.volumes)

    def test_a_volume_that_is_not_ready_at_once(self):
        end = self.clock.now + 20
        self.cluster.edit = lambda record: {
            **record, 'status': '0' if self.clock.now >= end else '7'}
        self.create()
        self.assertIn('v', self.cluster.volumes)
        self.assertTrue(20 <= self.clock.now - end + 20 < 23)


@ddt.ddt
class DeleteVolumeTestCase(base.ArrayTestCase):

    def setUp(self):
        super().setUp()
        self.cluster.add_volume('v')

    @ddt.data('attached', 'cloned')
    def test_in_use(self, use):
        clone = 'volume-00000000-0000-4000-8000-000000000001.clone'
        if use == 'attached':
            self.cluster.attached['v'].add('192.0.2.1')
        else:
            self.cluster.add_snapshot(clone, 'v')
        start = self.clock.now
        error = self.raises(exceptions.ObjectBusy, self.array.volumes.delete,
                            'v')
        self.assertEqual(50150013, error.result)
        self.assertIn({'attached': 'attached to a host',
                       'cloned': f'cloned through these snapshots: {clone}'
                       }[use], str(error))
        self.assertIn('v', self.cluster.volumes)
        self.assertAlmostEqual(60, self.clock.now - start, delta=0.1)

    def test_in_use_by_nobody_knows_what(self):
        self.cluster.attached['v'].add('192.0.2.1')
        self.cluster.fail('querySnapOfVolume', 'unsent', times=10 ** 9)
        error = self.raises(exceptions.ObjectBusy, self.array.volumes.delete,
                            'v')
        self.assertEqual(50150013, error.result)

    def test_snapshots_are_not_waited_for(self):
        for number in range(7):
            self.cluster.add_snapshot(f's{number}', 'v')
        start = self.clock.now
        error = self.raises(exceptions.HasSnapshots,
                            self.array.volumes.delete, 'v')
        self.assertEqual(50150013, error.result)
        self.assertIn('s0, s1, s2, s3, s4 and 2 more', str(error))
        self.assertLess(self.clock.now - start, 1)
        self.assertEqual(1, self.cluster.count('deleteVolume'))
        self.assertEqual(7, len(self.cluster.snapshots))


class ExpandVolumeTestCase(base.ArrayTestCase):

    def setUp(self):
        super().setUp()
        self.cluster.add_volume('v', size=1024)

    def size(self):
        return self.cluster.volumes['v']['vol_size']

    def test_of_that_size_already(self):
        self.array.volumes.expand('v', 1024)
        self.assertEqual(1024, self.size())

    def test_larger_already(self):
        error = self.raises(exceptions.InvalidRequest,
                            self.array.volumes.expand, 'v', 512)
        self.assertEqual(50151003, error.result)
        self.assertEqual(1024, self.size())

    def test_gone_while_the_outcome_is_unknown(self):
        self.cluster.fail('expandVolume', 'lost')
        self.cluster.fail('queryVolume', 'does',
                          lambda: self.cluster.volumes.clear())
        self.raises(exceptions.ObjectAbsent, self.array.volumes.expand, 'v',
                    2048)
