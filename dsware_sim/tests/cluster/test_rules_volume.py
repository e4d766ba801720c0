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
"""Rules about volumes."""

from dsware_sim.cluster import model
from dsware_sim import codes
from dsware_sim.tests import base


class ArgumentsTestCase(base.RulesTestCase):
    """What every operation checks."""

    def create(self, **changes):
        args = {'volName': 'v', 'poolId': 0, 'volSize': 1, 'thinFlag': 1,
                **changes}
        return {key: value for key, value in args.items()
                if value is not None}

    def test_unknown_operation(self):
        self.refused(codes.OPERATION_UNKNOWN, 'createvolume', volName='v')

    def test_malformed(self):
        for change in ({'volName': None}, {'volSize': None},
                       {'volSize': 'many'}, {'volSize': ''},
                       {'volSize': '1.5'}, {'poolId': 'zero'},
                       {'thinFlag': 2}, {'thinFlag': ''}, {'colour': 'red'},
                       {'manage_ip': ''}):
            self.refused(codes.COMMAND_FORMAT_ERROR, 'createVolume',
                         **self.create(**change))

    def test_names(self):
        for name in ('', '-v', '.v', 'a b', 'a/b', 'a,b', 'x' * 96, 'v\n',
                     'm\u00fcll'):
            self.refused(codes.VOLUME_NAME_INVALID, 'createVolume',
                         **self.create(volName=name))
        for name in ('x' * 95, 'A', '0', '_', 'a.b-c_d'):
            self.ok('createVolume', **self.create(volName=name))

    def test_pools(self):
        self.refused(codes.POOL_ID_OUT_OF_RANGE, 'createVolume',
                     **self.create(poolId=-1))
        self.refused(codes.POOL_ID_NOT_IN_USE, 'createVolume',
                     **self.create(poolId=5))
        self.refused(codes.POOL_ID_NOT_IN_USE, 'queryAllVolume', poolId=5)

    def test_sizes(self):
        for size in (0, -1, 1 << 50):
            self.refused(codes.VOLUME_SIZE_INVALID, 'createVolume',
                         **self.create(volSize=size))


class VolumeTestCase(base.RulesTestCase):
    """Creating, telling about, deleting, expanding."""

    def test_record(self):
        self.volume('vol1', pool=1, size=1024)
        self.assertEqual({
            'vol_name': 'vol1', 'father_name': '', 'status': '0',
            'vol_size': '1024', 'real_size': '0', 'pool_id': '1',
            'create_time': '1420070400', 'lun_id': '1',
            'wwn': '6888603%08x%017x' % (7, 1)}, self.query('vol1'))

    def test_real_size_is_rounded_up(self):
        self.volume()
        self.state.set_real(self.state.volumes['v'], model.MIB + 1)
        self.assertEqual('2', self.query('v')['real_size'])

    def test_name_taken(self):
        self.volume('a')
        self.snapshot('a', 's')
        for name in ('a', 's'):
            self.refused(codes.VOLUME_ALREADY_EXIST, 'createVolume',
                         volName=name, poolId=1, volSize=1, thinFlag=1)

    def test_names_are_whole(self):
        self.volume('vol-1')
        self.volume('vol-10')
        self.assertEqual('vol-1', self.query('vol-1')['vol_name'])
        self.refused(codes.VOLUME_NOT_EXIST, 'queryVolume', volName='vol-')
        self.refused(codes.VOLUME_NOT_EXIST, 'queryVolume', volName='VOL-1')

    def test_query_all_of_one_pool(self):
        self.volume('a', pool=0)
        self.volume('b', pool=1)
        self.volume('c', pool=1)
        found = self.ok('queryAllVolume', poolId=1)
        self.assertEqual(['b', 'c'], [one['vol_name'] for one in found])

    def test_query_is_no_snapshot(self):
        self.volume()
        self.snapshot()
        self.refused(codes.VOLUME_NOT_EXIST, 'queryVolume', volName='s')
        self.assertEqual(1, len(self.ok('queryAllVolume', poolId=0)))

    def test_delete(self):
        self.volume()
        self.ok('deleteVolume', volName='v')
        self.refused(codes.VOLUME_NOT_EXIST, 'deleteVolume', volName='v')
        self.assertEqual({}, self.state.by_id)

    def test_delete_in_use(self):
        self.volume()
        self.snapshot()
        self.refused(codes.NODE_IN_USE, 'deleteVolume', volName='v')
        self.ok('deleteSnapshot', snapName='s')
        self.ok('attachVolume', volName='v')
        self.refused(codes.NODE_IN_USE, 'deleteVolume', volName='v')
        self.ok('detachVolume', volName='v')
        self.ok('deleteVolume', volName='v')

    def test_numbers_are_not_used_again(self):
        self.volume()
        first = self.query('v')['wwn']
        self.ok('deleteVolume', volName='v')
        self.volume()
        self.assertNotEqual(first, self.query('v')['wwn'])

    def test_expand(self):
        self.volume(size=100)
        for size in (99, 100):
            self.refused(codes.VOLUME_SIZE_INVALID, 'expandVolume',
                         volName='v', volSize=size)
        self.ok('expandVolume', volName='v', volSize=101)
        self.ok('attachVolume', volName='v')
        self.ok('expandVolume', volName='v', volSize=200)
        self.assertEqual('200', self.query('v')['vol_size'])
        self.refused(codes.VOLUME_NOT_EXIST, 'expandVolume', volName='w',
                     volSize=200)


class CapacityTestCase(base.RulesTestCase):
    """Room in pools; pool 1 has 4096 MiB."""

    def pool(self):
        record, = self.ok('queryPoolInfo', poolId=1)
        return (int(record['used_capacity']), int(record['alloc_capacity']))

    def test_thick_uses_its_size(self):
        self.volume('a', pool=1, size=3000, thin=0)
        self.assertEqual((3000, 3000), self.pool())
        self.refused(codes.SPACE_NOT_ENOUGH, 'createVolume', volName='b',
                     poolId=1, volSize=1097, thinFlag=0)
        self.volume('b', pool=1, size=1096, thin=0)
        self.assertEqual((4096, 4096), self.pool())

    def test_thin_is_over_provisioned(self):
        self.volume('a', pool=1, size=40960)
        self.volume('b', pool=1, size=40960)
        self.request.write('a', 5)
        self.assertEqual((5, 81920), self.pool())

    def test_full_pool_takes_nothing(self):
        self.volume('a', pool=1, size=4096, thin=0)
        self.refused(codes.SPACE_NOT_ENOUGH, 'createVolume', volName='b',
                     poolId=1, volSize=1, thinFlag=1)
        self.refused(codes.SPACE_NOT_ENOUGH, 'createSnapshot', volName='a',
                     snapName='s', smartFlag=0)
        self.volume('b', pool=0)

    def test_expand_thick_needs_room(self):
        self.volume('a', pool=1, size=4000, thin=0)
        self.refused(codes.SPACE_NOT_ENOUGH, 'expandVolume', volName='a',
                     volSize=4097)
        self.ok('expandVolume', volName='a', volSize=4096)
        self.assertEqual((4096, 4096), self.pool())

    def test_room_is_promised_while_work_is_under_way(self):
        for name in ('a', 'b'):
            self.volume(name, pool=1, size=1000, thin=0)
        first = self.request.cluster.plan(
            'expandVolume', {'manage_ip': 'm', 'volName': 'a',
                             'volSize': '3000'}, base.HOST)
        for pool, mib in first.room:
            pool.pending += mib
        self.refused(codes.SPACE_NOT_ENOUGH, 'expandVolume', volName='b',
                     volSize=1097)
        self.ok('expandVolume', volName='b', volSize=1096)

    def test_delete_gives_back(self):
        self.volume('a', pool=1, size=4000, thin=0)
        self.volume('b', pool=1, size=500)
        self.request.write('b', 50)
        self.ok('deleteVolume', volName='a')
        self.ok('deleteVolume', volName='b')
        self.assertEqual((0, 0), self.pool())

    def test_snapshots_and_clones_use_what_they_hold(self):
        self.volume('a', pool=1, size=500)
        self.request.write('a', 50)
        self.snapshot('a', 's')
        self.ok('createVolumeFromSnap', volName='c', volSize=600,
                snapNameSrc='s')
        self.assertEqual((150, 1100), self.pool())


class FullCopyTestCase(base.RulesTestCase):
    """createFullVolumeFromSnap."""

    def setUp(self):
        super().setUp()
        self.volume('src', size=100)
        self.snapshot('src', 's')

    def fill(self, code=codes.OK, name='v', snapshot='s'):
        args = {'volName': name, 'snapName': snapshot}
        if code == codes.OK:
            self.ok('createFullVolumeFromSnap', **args)
        else:
            self.refused(code, 'createFullVolumeFromSnap', **args)

    def test_states(self):
        self.volume(pool=1, size=150)
        self.fill()
        self.assertEqual('6', self.query('v')['status'])
        self.request.end_copies()
        record = self.query('v')
        self.assertEqual(('0', '150', '', '1'), (
            record['status'], record['vol_size'], record['father_name'],
            record['pool_id']))

    def test_refused_while_copying(self):
        self.volume()
        self.fill()
        busy = codes.VOLUME_IS_DUPLICATING
        self.refused(busy, 'deleteVolume', volName='v')
        self.refused(busy, 'attachVolume', volName='v')
        self.refused(busy, 'expandVolume', volName='v', volSize=2000)
        self.refused(busy, 'createSnapshot', volName='v', snapName='t')
        self.refused(busy, 'migrateVolumeCold', volNameSrc='v', poolIdDst=1)
        self.fill(busy)
        self.refused(codes.SNAPSHOT_IS_DUPLICATING, 'deleteSnapshot',
                     snapName='s')
        self.request.end_copies()
        self.ok('deleteSnapshot', snapName='s')
        self.ok('deleteVolume', volName='v')

    def test_target_must_be_empty_and_large_enough(self):
        self.volume('small', size=99)
        self.fill(codes.VOLUME_SIZE_INVALID, 'small')
        self.volume('used')
        self.request.write('used', 1)
        self.fill(codes.NODE_TYPE_ERROR, 'used')
        self.ok('createVolumeFromSnap', volName='clone', volSize=100,
                snapNameSrc='s')
        self.fill(codes.NODE_TYPE_ERROR, 'clone')
        self.volume('attached')
        self.ok('attachVolume', volName='attached')
        self.fill(codes.NODE_IN_USE, 'attached')
        self.fill(codes.VOLUME_NOT_EXIST, 'none')
        self.volume('v')
        self.fill(codes.SNAPSHOT_NOT_EXIST, 'v', 'none')

    def test_failure(self):
        self.volume()
        self.fill()
        self.request.end_copies('job_failed')
        self.assertEqual('9', self.query('v')['status'])
        self.refused(codes.NODE_DATA_IN_BAD_SECTOR, 'attachVolume',
                     volName='v')
        self.ok('deleteSnapshot', snapName='s')
        self.ok('deleteVolume', volName='v')


class MigrationTestCase(base.RulesTestCase):
    """migrateVolumeCold."""

    def migrate(self, code=codes.OK, name='v', pool=1):
        args = {'volNameSrc': name, 'poolIdDst': pool}
        if code == codes.OK:
            self.ok('migrateVolumeCold', **args)
        else:
            self.refused(code, 'migrateVolumeCold', **args)

    def test_moves_at_the_end(self):
        self.volume(size=2000, thin=0)
        self.migrate()
        record = self.query('v')
        self.assertEqual(('6', '0'), (record['status'], record['pool_id']))
        self.refused(codes.VOLUME_IS_MIGRATING, 'deleteVolume', volName='v')
        self.request.end_copies()
        record = self.query('v')
        self.assertEqual(('0', '1'), (record['status'], record['pool_id']))
        self.assertEqual(['v'], [one['vol_name'] for one in self.ok(
            'queryAllVolume', poolId=1)])
        self.assertEqual([], self.ok('queryAllVolume', poolId=0))
        self.assertEqual((0, 2000), (self.state.pools[0].used,
                                     self.state.pools[1].used))

    def test_refused(self):
        self.volume(size=10)
        self.migrate(codes.POOL_ID_NOT_IN_USE, pool=7)
        self.migrate(codes.POOL_ID_OUT_OF_RANGE, pool=0)
        self.migrate(codes.VOLUME_NOT_EXIST, 'w')
        self.ok('attachVolume', volName='v')
        self.migrate(codes.NODE_IN_USE)
        self.ok('detachVolume', volName='v')
        self.snapshot()
        self.migrate(codes.NODE_IN_USE)

    def test_room_counts_what_is_coming(self):
        self.volume('a', size=3000, thin=0)
        self.volume('b', size=3000, thin=0)
        self.migrate(name='a')
        self.migrate(codes.SPACE_NOT_ENOUGH, 'b')

    def test_failure_leaves_it_where_it_is(self):
        self.volume()
        self.migrate()
        self.request.end_copies('job_failed')
        record = self.query('v')
        self.assertEqual(('0', '0'), (record['status'], record['pool_id']))
        self.ok('attachVolume', volName='v')

    def test_refused_meanwhile(self):
        self.volume()
        self.migrate()
        busy = codes.VOLUME_IS_MIGRATING
        self.migrate(busy)
        self.refused(busy, 'attachVolume', volName='v')
        self.refused(busy, 'expandVolume', volName='v', volSize=2000)
        self.refused(busy, 'createSnapshot', volName='v', snapName='s')

    def test_clones(self):
        """A clone that leaves its snapshot's pool is no longer linked."""
        self.volume()
        self.snapshot()
        self.ok('createVolumeFromSnap', volName='clone', volSize=1024,
                snapNameSrc='s')
        self.migrate(name='clone')
        self.request.end_copies()
        record = self.query('clone')
        self.assertEqual(('', '1'), (record['father_name'],
                                     record['pool_id']))
        self.refused(codes.SNAPSHOT_HAS_NO_VOLUME, 'queryVolumeOfSnap',
                     snapName='s')
        self.ok('deleteSnapshot', snapName='s')
        self.migrate()
