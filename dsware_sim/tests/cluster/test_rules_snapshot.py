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
"""Rules about snapshots, clones and rollbacks."""

from dsware_sim import codes
from dsware_sim.tests import base


class SnapshotTestCase(base.RulesTestCase):
    """Creating, telling about, deleting."""

    def test_record(self):
        self.volume('v', pool=1, size=512)
        self.request.write('v', 3)
        self.request.now += 60
        self.snapshot('v', 's')
        record, = self.ok('querySnapshot', snapName='s')
        self.assertEqual({
            'snap_name': 's', 'father_name': 'v', 'status': '0',
            'snap_size': '512', 'real_size': '3', 'pool_id': '1',
            'delete_priority': '0', 'create_time': '1420070460',
            'wwn': '6888603%08x%017x' % (7, 2)}, record)

    def test_names_are_shared_with_volumes(self):
        self.volume('v')
        self.volume('w')
        self.snapshot('v', 's')
        self.refused(codes.SNAPSHOT_ALREADY_EXIST, 'createSnapshot',
                     volName='w', snapName='s')
        self.refused(codes.VOLUME_ALREADY_EXIST, 'createSnapshot',
                     volName='v', snapName='w')

    def test_refused(self):
        self.volume('v')
        self.snapshot('v', 's')
        self.refused(codes.VOLUME_NOT_EXIST, 'createSnapshot', volName='w',
                     snapName='t')
        self.refused(codes.SNAPSHOT_SOURCE_TYPE_INVALID, 'createSnapshot',
                     volName='s', snapName='t')
        self.refused(codes.SNAPSHOT_NAME_INVALID, 'createSnapshot',
                     volName='v', snapName='-t')
        self.refused(codes.COMMAND_FORMAT_ERROR, 'createSnapshot',
                     volName='v', snapName='t', smartFlag='x')
        for op in ('querySnapshot', 'deleteSnapshot', 'queryVolumeOfSnap'):
            self.refused(codes.SNAPSHOT_NOT_EXIST, op, snapName='v')

    def test_keeps_its_size(self):
        self.volume('v', size=100)
        self.snapshot()
        self.ok('expandVolume', volName='v', volSize=200)
        record, = self.ok('querySnapshot', snapName='s')
        self.assertEqual('100', record['snap_size'])

    def test_listings(self):
        self.volume('v')
        self.volume('w', pool=1)
        self.refused(codes.VOLUME_HAS_NO_SNAPSHOT, 'querySnapOfVolume',
                     volName='v')
        self.refused(codes.VOLUME_NOT_EXIST, 'querySnapOfVolume',
                     volName='x')
        self.snapshot('v', 's1')
        self.snapshot('v', 's2')
        self.snapshot('w', 's3')
        self.assertEqual(['s1', 's2'], [one['snap_name'] for one in self.ok(
            'querySnapOfVolume', volName='v')])
        self.assertEqual(['s3'], [one['snap_name'] for one in self.ok(
            'queryAllSnapshot', poolId=1)])

    def test_delete(self):
        self.volume()
        self.snapshot()
        self.ok('attachVolume', volName='s')
        self.refused(codes.NODE_IN_USE, 'deleteSnapshot', snapName='s')
        self.ok('detachVolume', volName='s')
        self.ok('deleteSnapshot', snapName='s')
        self.refused(codes.SNAPSHOT_NOT_EXIST, 'deleteSnapshot',
                     snapName='s')


class LinkedCloneTestCase(base.RulesTestCase):
    """createVolumeFromSnap."""

    def setUp(self):
        super().setUp()
        self.volume('v', pool=1, size=100)
        self.request.write('v', 7)
        self.snapshot()

    def clone(self, name='c', size=100):
        self.ok('createVolumeFromSnap', volName=name, volSize=size,
                snapNameSrc='s')

    def test_ready_at_once(self):
        self.clone(size=150)
        record = self.query('c')
        self.assertEqual(('0', '150', '7', '1', 's'), (
            record['status'], record['vol_size'], record['real_size'],
            record['pool_id'], record['father_name']))
        self.assertEqual(['c'], [one['vol_name'] for one in self.ok(
            'queryVolumeOfSnap', snapName='s')])

    def test_outlives_the_snapshot(self):
        self.clone()
        self.ok('deleteSnapshot', snapName='s')
        self.assertEqual('', self.query('c')['father_name'])
        self.ok('deleteVolume', volName='v')
        self.snapshot('c', 's')
        self.refused(codes.SNAPSHOT_HAS_NO_VOLUME, 'queryVolumeOfSnap',
                     snapName='s')
        self.ok('deleteSnapshot', snapName='s')
        self.ok('deleteVolume', volName='c')

    def test_refused(self):
        clone = {'volName': 'c', 'volSize': 100, 'snapNameSrc': 's'}
        self.refused(codes.VOLUME_SIZE_INVALID, 'createVolumeFromSnap',
                     **{**clone, 'volSize': 99})
        self.refused(codes.VOLUME_ALREADY_EXIST, 'createVolumeFromSnap',
                     **{**clone, 'volName': 'v'})
        self.refused(codes.SNAPSHOT_NOT_EXIST, 'createVolumeFromSnap',
                     **{**clone, 'snapNameSrc': 'v'})

    def test_deleted_clone_is_no_longer_told(self):
        self.clone()
        self.ok('deleteVolume', volName='c')
        self.refused(codes.SNAPSHOT_HAS_NO_VOLUME, 'queryVolumeOfSnap',
                     snapName='s')


class DuplicateTestCase(base.RulesTestCase):
    """duplicateSnapshot."""

    def setUp(self):
        super().setUp()
        self.volume('v', size=100)
        self.request.write('v', 5)
        self.snapshot()

    def args(self, **changes):
        return {'snapNameSrc': 's', 'snapNameDst': 'd', 'poolId': 1,
                'fullCopyFlag': 1, 'smartFlag': 0, **changes}

    def status(self):
        record, = self.ok('querySnapshot', snapName='d')
        return record['status']

    def test_full(self):
        self.ok('duplicateSnapshot', **self.args())
        self.assertEqual('5', self.status())
        busy = codes.SNAPSHOT_IS_DUPLICATING
        self.refused(busy, 'deleteSnapshot', snapName='d')
        self.refused(busy, 'deleteSnapshot', snapName='s')
        self.refused(busy, 'createVolumeFromSnap', volName='c', volSize=100,
                     snapNameSrc='d')
        self.request.end_copies()
        record, = self.ok('querySnapshot', snapName='d')
        self.assertEqual(('0', '', '5', '1'), (
            record['status'], record['father_name'], record['real_size'],
            record['pool_id']))
        self.ok('deleteSnapshot', snapName='s')
        self.ok('deleteVolume', volName='v')
        self.ok('createVolumeFromSnap', volName='c', volSize=100,
                snapNameSrc='d')

    def test_linked(self):
        self.ok('duplicateSnapshot', **self.args(poolId=0, fullCopyFlag=0))
        self.request.end_copies()
        record, = self.ok('querySnapshot', snapName='d')
        self.assertEqual('v', record['father_name'])

    def test_refused(self):
        for code, change in (
                (codes.COMMAND_FORMAT_ERROR, {'fullCopyFlag': 0}),
                (codes.SNAPSHOT_ALREADY_EXIST, {'snapNameDst': 's'}),
                (codes.VOLUME_ALREADY_EXIST, {'snapNameDst': 'v'}),
                (codes.SNAPSHOT_NOT_EXIST, {'snapNameSrc': 'x'}),
                (codes.POOL_ID_NOT_IN_USE, {'poolId': 9})):
            self.refused(code, 'duplicateSnapshot', **self.args(**change))

    def test_failure(self):
        self.ok('duplicateSnapshot', **self.args())
        self.request.end_copies('job_failed')
        self.assertEqual('9', self.status())
        self.ok('deleteSnapshot', snapName='d')


class RollbackTestCase(base.RulesTestCase):
    """rollbackSnapshot."""

    def setUp(self):
        super().setUp()
        self.volume('v', size=100)
        self.snapshot()

    def test_puts_back(self):
        self.request.write('v', 9)
        self.ok('expandVolume', volName='v', volSize=300)
        self.ok('rollbackSnapshot', snapName='s', volName='v')
        record = self.query('v')
        self.assertEqual(('6', '300'), (record['status'],
                                        record['vol_size']))
        self.refused(codes.SNAPSHOT_IS_ROLLING_BACK, 'rollbackSnapshot',
                     snapName='s', volName='v')
        self.refused(codes.SNAPSHOT_IS_ROLLING_BACK, 'deleteSnapshot',
                     snapName='s')
        self.refused(codes.SNAPSHOT_IS_ROLLING_BACK, 'attachVolume',
                     volName='v')
        self.request.end_copies()
        record = self.query('v')
        self.assertEqual(('0', '100', '0'), (
            record['status'], record['vol_size'], record['real_size']))

    def test_refused(self):
        self.volume('w')
        self.refused(codes.SNAPSHOT_VOLUME_MISMATCH, 'rollbackSnapshot',
                     snapName='s', volName='w')
        self.refused(codes.SNAPSHOT_NOT_EXIST, 'rollbackSnapshot',
                     snapName='x', volName='v')
        self.refused(codes.VOLUME_NOT_EXIST, 'rollbackSnapshot',
                     snapName='s', volName='x')
        self.ok('attachVolume', volName='v')
        self.refused(codes.NODE_IN_USE, 'rollbackSnapshot', snapName='s',
                     volName='v')

    def test_repairs_a_failed_volume(self):
        self.ok('rollbackSnapshot', snapName='s', volName='v')
        self.request.end_copies('job_failed')
        self.assertEqual('9', self.query('v')['status'])
        self.ok('rollbackSnapshot', snapName='s', volName='v')
        self.request.end_copies()
        self.assertEqual('0', self.query('v')['status'])


class ActiveSnapshotsTestCase(base.RulesTestCase):
    """activeSnapshots."""

    def setUp(self):
        super().setUp()
        self.volume('v1')
        self.volume('v2', pool=1)

    def active(self, volumes, names):
        return {'volNameList': volumes, 'snapNameList': names}

    def test_all(self):
        self.ok('activeSnapshots', **self.active('v1,v2', 's1,s2'))
        for volume, name in (('v1', 's1'), ('v2', 's2')):
            record, = self.ok('querySnapshot', snapName=name)
            self.assertEqual(volume, record['father_name'])

    def test_none(self):
        self.volume('taken')
        for code, args in (
                (codes.VOLUME_NOT_EXIST, ('v1,v3', 's1,s2')),
                (codes.VOLUME_ALREADY_EXIST, ('v1,v2', 's1,taken')),
                (codes.COMMAND_FORMAT_ERROR, ('v1,v2', 's1')),
                (codes.COMMAND_FORMAT_ERROR, ('v1,v2', 's1,s1')),
                (codes.COMMAND_FORMAT_ERROR, ('v1,v1', 's1,s2')),
                (codes.VOLUME_NAME_INVALID, ('v1,', 's1,s2')),
                (codes.SNAPSHOT_NAME_INVALID, ('v1,v2', 's1,-'))):
            self.refused(code, 'activeSnapshots', **self.active(*args))
        self.assertEqual({}, self.state.snapshots)

    def test_room_is_needed_for_all(self):
        self.volume('v3', pool=1)
        self.request.write('v2', 1200)
        self.request.write('v3', 1200)
        self.refused(codes.SPACE_NOT_ENOUGH, 'activeSnapshots',
                     **self.active('v2,v3', 's2,s3'))
        self.ok('activeSnapshots', **self.active('v2', 's2'))
