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
"""Snapshots, clones, rollbacks."""

from dsware_sim.tests import base
from dsware_sim.tests.front.rest import client

_SNAPSHOTS = 'block_service/snapshots'


class SnapshotTestCase(client.RestTestCase):
    """Snapshots themselves."""

    def test_record(self):
        self.make(pool=1)
        self.take()
        found = self.rest('GET', 'snapshot/queryByName?snapshotName=s')
        other, = self.control.status()['snapshots']
        record = found['snapshot']
        self.assertEqual(
            {'snapshotName': 's', 'snapshotId': record['snapshotId'],
             'fatherName': 'v', 'snapshotSize': 64, 'poolId': 1,
             'createTime': record['createTime'], 'status': 0,
             'wwn': other['wwn']}, record)
        self.assertIsInstance(record['createTime'], str)
        api = self.api_done(self.rest.api('GET', _SNAPSHOTS, {'name': 's'}))
        self.assertEqual(
            {'id': record['snapshotId'], 'name': 's', 'volume_name': 'v',
             'capacity': 64, 'running_status': 27, 'health_status': 1,
             'rollback_progress': 0, 'rollback_endtime': 0}, api)
        self.assertEqual([api], self.api_done(self.rest.api(
            'GET', _SNAPSHOTS + '?volume_name=v')))

    def test_refused(self):
        self.refused('50150005', self.rest('POST', 'snapshot/create', {
            'volName': 'v', 'snapshotName': 's'}))
        self.refused(50150006, self.rest('POST', 'snapshot/delete/',
                                         {'snapshotName': 's'}))
        self.refused(50150006, self.rest(
            'GET', 'snapshot/queryByName?snapshotName=s'))
        self.assertEqual(50150006, self.rest.api(
            'GET', _SNAPSHOTS, {'name': 's'})['result']['code'])

    def test_list_of_a_pool(self):
        self.make()
        for name in ('s1', 's2', 's3', 'other'):
            self.take(name=name)

        def page(number, wanted='s', size=2):
            found = self.rest('POST', 'snapshot/list', {
                'poolId': 0, 'pageNum': number, 'pageSize': size,
                'filters': {'volumeName': wanted}})
            return found['totalNum'], [one['snapName']
                                       for one in found['snapshotList']]

        self.assertEqual([(2, ['s1', 's2']), (1, ['s3']), (0, [])],
                         [page(number) for number in (1, 2, 3)])
        # Nor is it the name of a volume, nor a whole one.
        self.assertEqual((0, []), page(1, 'v'))
        self.assertEqual((1, ['other']), page(1, 'the'))
        self.control.set_rest(total='all')
        self.assertEqual((3, ['s3']), page(2))

    def test_list_of_a_volume(self):
        self.make()
        self.make('w')

        def page(volume, number):
            found = self.rest('POST', 'volume/snapshot/list', {
                'volName': volume, 'batchNum': number, 'batchLimit': 2})
            return found['totalNum'], [one['snapshotName']
                                       for one in found['snapshotList']]

        self.assertEqual((0, []), page('v', 1))
        for name in ('s1', 's2', 's3'):
            self.take(name=name)
        self.assertEqual([(2, ['s1', 's2']), (1, ['s3']), (0, [])],
                         [page('v', number) for number in (1, 2, 3)])
        self.assertEqual((0, []), page('w', 1))
        self.refused(50150005, self.rest('POST', 'volume/snapshot/list', {
            'volName': 'x', 'batchNum': 1, 'batchLimit': 2}))

    def test_together(self):
        self.make()
        self.make('w')
        path = 'block_service/consistency_snapshots'
        wanted = [{'name': 's' + name, 'sub_type': '0', 'volume_name': name}
                  for name in 'vw']
        made = self.api_done(self.rest.api('POST', path, wanted))
        self.assertEqual(['sv', 'sw'], [one['name'] for one in made])
        again = self.rest.api('POST', path, [
            {'name': 'new', 'sub_type': '0', 'volume_name': 'v'}, wanted[1]])
        self.assertEqual(50150008, again['result']['code'])
        self.assertEqual(2, len(self.control.status()['snapshots']))
        for wrong in ({}, [], ['v'], [{**wanted[0], 'name': 'a,b'}],
                      [{**wanted[0], 'sub_type': 0}]):
            self.assertEqual(50150003, self.rest.api(
                'POST', path, wrong)['result']['code'])


class CloneTestCase(client.RestTestCase):
    """Volumes from snapshots and from volumes."""

    def setUp(self):
        super().setUp()
        self.make()
        self.take()

    def test_linked(self):
        path = 'snapshot/volume/create/'
        self.done(self.rest('POST', path, {'src': 's', 'volName': 'c',
                                           'volSize': 128}))
        # Whether the size is heeded differs: the caller has to look.
        self.assertEqual(64, self.volume('c')['volSize'])
        self.control.set_rest(clone_size='asked')
        self.done(self.rest('POST', path, {'src': 's', 'volName': 'd',
                                           'volSize': 128}))
        self.assertEqual(128, self.volume('d')['volSize'])
        self.done(self.rest('POST', path, {'src': 's', 'volName': 'e'}))
        self.assertEqual(64, self.volume('e')['volSize'])
        self.refused('50150006', self.rest('POST', path, {
            'src': 'x', 'volName': 'f'}))

    def test_linked_by_api(self):
        path = 'block_service/clone_volumes'
        self.api_done(self.rest.api('POST', path, {
            'name': 'c', 'clone_snapshot_name': 's'}))
        self.api_done(self.rest.api('POST', path, {
            'name': 'd', 'source_volume_name': 'v'}))
        told = self.api_done(self.rest.api(
            'GET', 'block_service/volumes?name=c'))
        self.assertTrue(told['is_clone'])
        self.assertEqual(64, self.volume('d')['volSize'])
        self.assertEqual(['s'], [one['name'] for one
                                 in self.control.status()['snapshots']])
        self.assertEqual(50150003, self.rest.api(
            'POST', path, {'name': 'e'})['result']['code'])

    def test_full(self):
        self.make('c')
        self.control.pause_copies()
        path = 'block_service/createFullVolumeFromSnap'
        self.api_done(self.rest.api('POST', path, {
            'snap_name_src': 's', 'volume_name_dst': 'c'}))
        self.assertEqual(5, self.volume('c')['status'])
        self.control.resume_copies()
        self.wait_status('c')


class RollbackTestCase(client.RestTestCase):
    """Putting a volume back to a snapshot."""

    def setUp(self):
        super().setUp()
        self.make()
        device = self.rest('POST', 'volume/attach', {
            'volName': ['v'], 'ipList': [self.host]})['v'][0]['devName']
        base.write_device(device, 0, b'old')
        self.take()
        base.write_device(device, 0, b'new')
        self.rest('POST', 'volume/detach', {'volName': ['v'],
                                            'ipList': [self.host]})

    def start(self):
        return self.rest('POST', 'snapshot/rollback', {
            'snapshotName': 's', 'volumeName': 'v'})

    def told(self):
        found = self.api_done(self.rest.api('GET', _SNAPSHOTS,
                                            {'name': 's'}))
        return (found['running_status'], found['rollback_progress'],
                found['rollback_endtime'])

    def content(self):
        device = self.rest('POST', 'volume/attach', {
            'volName': ['v'], 'ipList': [self.host]})['v'][0]['devName']
        return base.read_device(device, 0, 3)

    def test_done(self):
        self.control.pause_copies()
        self.done(self.start())
        self.assertEqual((44, 0, 0), self.told())
        self.assertEqual(6, self.volume()['status'])
        self.assertEqual(16, self.rest(
            'GET', 'snapshot/queryByName?snapshotName=s')['snapshot'][
                'status'])
        self.refused(50153010, self.start())
        self.control.resume_copies()
        self.wait_status('v')
        running, progress, ended = self.told()
        self.assertEqual((27, 100), (running, progress))
        self.assertGreater(ended, 0)
        # The next one still tells the end of this one.
        self.control.pause_copies()
        self.done(self.start())
        self.assertEqual((44, 0, ended), self.told())
        self.control.resume_copies()
        self.wait_status('v')
        self.assertEqual(b'old', self.content())

    def test_cancelled(self):
        self.control.pause_copies()
        self.api_done(self.rest.api('POST', _SNAPSHOTS, {
            'name': 's', 'action': 'rollback', 'rollback_target_name': 'v'}))
        cancel = {'name': 's', 'action': 'cancel_rollback'}
        self.api_done(self.rest.api('POST', _SNAPSHOTS, cancel))
        self.control.resume_copies()
        # Neither old nor new, until a rollback has reached its end.
        self.assertEqual(9, self.volume()['status'])
        self.assertEqual(50150002, self.rest.api(
            'POST', _SNAPSHOTS, cancel)['result']['code'])
        self.done(self.start())
        self.wait_status('v')
        self.assertEqual(b'old', self.content())
        counts = self.control.counts()
        self.assertEqual((2, 2), (counts['cancelRollback'],
                                  counts['rollbackSnapshot']))

    def test_unknown_action(self):
        for wrong in ({'action': 'explode'}, {'action': 'rollback'}):
            self.assertEqual(50150003, self.rest.api('POST', _SNAPSHOTS, {
                'name': 's', **wrong})['result']['code'])
