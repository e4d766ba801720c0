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

"""What tests of managing and reverting do through the API."""

import json

from openstack import exceptions as sdk_exceptions

from functional.services import waiting
from functional.tests import base

GIB = base.GIB
MIB = base.MIB
# Both listings with details, and what they need.
_MICROVERSION = '3.8'
SECONDS = 60


class ManageBasics(object):
    """Manage, list and unmanage volumes and snapshots."""

    def setUp(self):
        super().setUp()
        self.addCleanup(self._remove_what_is_left)

    def _remove_what_is_left(self):
        status = self.control.status()
        for snapshot in status['snapshots']:
            self.simulator.run('deleteSnapshot', snapName=snapshot['name'])
        for volume in status['volumes']:
            self.simulator.run('deleteVolume', volName=volume['name'])

    def make_legacy(self, name, size=1536, pool=0):
        """Make a volume on the cluster, with a snapshot NAME-snap."""
        self.simulator.run('createVolume', volName=name, volSize=size,
                           poolId=pool, thinFlag=1)
        self.simulator.run('createSnapshot', volName=name,
                           snapName=name + '-snap', smartFlag=0)

    def pool_host(self, pool=0):
        """Name a pool of the backend as Cinder does."""
        mark = '@%s#%d' % (self.backend, pool)
        (found,) = [one['name'] for one in self.stack.cinder.pools()
                    if one['name'].endswith(mark)]
        return found

    def manage(self, name, pool=0, status='available'):
        made = self.volumes.manage_volume(
            host=self.pool_host(pool), ref={'source-name': name}, name=name,
            volume_type=self.volume_type())
        self.addCleanup(self._delete, self.cloud.delete_volume, made,
                        self.volumes.find_volume)
        return self.cloud.wait_for_volume(made, status)

    def manage_snapshot(self, volume, name):
        made = self.volumes.manage_snapshot(
            volume_id=volume.id, ref={'source-name': name})
        self.addCleanup(self._delete, self.cloud.delete_snapshot, made,
                        self.volumes.find_snapshot)
        return self.cloud.wait_for_snapshot(made)

    def listed(self, what, **query):
        """List what can be managed.

        :param what: volumes or snapshots
        :param query: what else the API is asked for
        :returns: the entries by name, in order
        """
        answer = self.volumes.get(
            '/manageable_%s/detail' % what, microversion=_MICROVERSION,
            params=dict(query, host=self.pool_host().partition('#')[0]))
        sdk_exceptions.raise_from_response(answer)
        return {entry['reference']['source-name']: entry
                for entry in answer.json()['manageable-' + what]}

    def test_manage_and_unmanage(self):
        self.make_legacy('legacy', pool=1)

        volume = self.manage('legacy', pool=1)
        snapshot = self.manage_snapshot(volume, 'legacy-snap')

        self.assertEqual((2, 2), (volume.size, snapshot.size))
        self.assertEqual(2048, self.on_cluster('legacy')['size'])
        with self.attached(volume) as path:
            self.assert_device_size(path, 2)
            self.write(path, 'through Cinder', 2 * GIB - MIB)
        copy = self.create_volume(2, source_volume_id=volume.id)
        with self.attached(copy) as path:
            self.assert_written(path, 'through Cinder', 2 * GIB - MIB)
        self.create_volume(2, snapshot_id=snapshot.id)
        found = self.listed('volumes')['legacy']
        self.assertEqual((volume.id, 'already managed'),
                         (found['cinder_id'], found['reason_not_safe']))
        found = self.listed('snapshots')['legacy-snap']
        self.assertEqual((snapshot.id, {'source-name': 'legacy'}),
                         (found['cinder_id'], found['source_reference']))

        self.volumes.unmanage_snapshot(snapshot)
        self.cloud.wait_until_snapshot_deleted(snapshot)
        self.volumes.unmanage_volume(volume)
        self.cloud.wait_until_deleted(volume)

        self.assertEqual(2048, self.on_cluster('legacy')['size'])
        self.assertIsNotNone(self.on_cluster('legacy-snap'))
        again = self.manage('legacy', pool=1)
        self.cloud.delete_snapshot(
            self.manage_snapshot(again, 'legacy-snap'))
        self.cloud.delete_volume(again)
        self.assertIsNone(self.on_cluster('legacy'))


class ManageOperations(ManageBasics):
    """What is refused, and long lists."""

    def test_what_is_refused_stays_as_it_is(self):
        self.make_legacy('legacy', 1024)
        before = self.control.status()['volumes']

        for name, pool in (('absent', 0), ('legacy', 1), ('legacy-snap', 0)):
            self.manage(name, pool, status='error')

        self.assertEqual(before, self.control.status()['volumes'])

    def test_pages(self):
        for number, size in enumerate((3072, 1024, 2048, 1024)):
            self.simulator.run('createVolume', volName='v%d' % number,
                               thinFlag=1, volSize=size, poolId=number % 2)

        self.assertEqual(['v0', 'v2', 'v1', 'v3'], list(self.listed(
            'volumes', sort='size:desc,reference:asc')))
        self.assertEqual(['v3', 'v2'], list(self.listed(
            'volumes', sort='reference:desc', limit=2)))
        self.assertEqual(['v0'], list(self.listed(
            'volumes', sort='reference:desc', limit=2, offset=1,
            marker=json.dumps({'source-name': 'v2'}))))
        self.assertRaises(
            sdk_exceptions.BadRequestException, self.listed, 'volumes',
            marker=json.dumps({'source-name': 'absent'}))

        for number in range(4):
            self.simulator.run('createSnapshot', volName='v%d' % number,
                               snapName='s%d' % number, smartFlag=0)
        self.assertEqual(['s0', 's2', 's1', 's3'], list(self.listed(
            'snapshots', sort='size:desc,reference:asc')))
        self.assertEqual(['s1'], list(self.listed(
            'snapshots', sort='size:desc,reference:asc', limit=1,
            marker=json.dumps({'source-name': 's2'}))))


class RevertBasics(object):
    """Revert to snapshot."""

    def revert(self, volume, snapshot):
        self.volumes.revert_volume_to_snapshot(volume, snapshot)
        self.cloud.wait_for_snapshot(snapshot)
        return self.cloud.wait_for_volume(volume)

    def make_changed(self):
        """Make a volume that was changed after a snapshot of it."""
        volume = self.create_volume()
        with self.attached(volume) as path:
            self.write(path, 'old', 0)
        snapshot = self.create_snapshot(volume)
        with self.attached(volume) as path:
            self.write(path, 'new', 0)
            self.write(path, 'more', GIB - MIB)
        return volume, snapshot

    def test_revert(self):
        volume, snapshot = self.make_changed()
        before = self.control.counts()

        self.control.set(copy_seconds=0.5)
        self.addCleanup(self.control.set, copy_seconds=0)
        self.revert(volume, snapshot)

        with self.attached(volume) as path:
            self.assert_written(path, 'old', 0)
            self.assert_zero(path, GIB - MIB)
        after = self.control.counts()
        self.assertEqual(1, after['rollbackSnapshot']
                         - before.get('rollbackSnapshot', 0))
        # Nothing was copied by Cinder.
        self.assertEqual(before.get('createVolumeFromSnap', 0),
                         after.get('createVolumeFromSnap', 0))


class RevertOperations(RevertBasics):
    """What goes wrong, or is refused."""

    def test_a_revert_that_breaks_off(self):
        """Of one that cannot be repaired the log tells how it is mended."""
        volume, snapshot = self.make_changed()
        self.control.add_fault(kind='copy_fails', op='rollbackSnapshot',
                               count=2)

        self.volumes.revert_volume_to_snapshot(volume, snapshot)

        self.cloud.wait_for_volume(volume, 'error')
        self.cloud.wait_for_snapshot(snapshot)
        log = (self.stack.directory / 'cinder' / 'cinder.log').read_text()
        self.assertIn('It holds neither its old data nor those of snapshot '
                      + self.snapshot_names % snapshot.id, log)
        # Cinder itself cannot: of such a volume there are no snapshots, and
        # it would make one first. One that it has made is kept.
        self.simulator.run('rollbackSnapshot',
                           volName=self.volume_names % volume.id,
                           snapName=self.snapshot_names % snapshot.id)
        waiting.wait_for(lambda: self.volume_on_cluster(volume)['status'] == 0,
                         SECONDS, 'The end of the rollback')
        kept, = [one for one in self.volumes.snapshots(volume_id=volume.id)
                 if one.id != snapshot.id]
        self.cloud.delete_snapshot(kept)
        self.volumes.reset_volume_status(volume, 'available', None, None)
        with self.attached(volume) as path:
            self.assert_written(path, 'old', 0)

    def test_revert_keeps_the_size(self):
        """Cinder's API lets pass only what has the size in GiB."""
        self.make_legacy('legacy')
        volume = self.manage('legacy')
        snapshot = self.manage_snapshot(volume, 'legacy-snap')
        with self.attached(volume) as path:
            self.write(path, 'new', 2 * GIB - MIB)

        self.revert(volume, snapshot)

        self.assertEqual(2048, self.on_cluster('legacy')['size'])
        with self.attached(volume) as path:
            self.assert_device_size(path, 2)
            self.assert_zero(path, 2 * GIB - MIB)

    def test_revert_after_an_extension_is_refused_by_cinder(self):
        volume = self.create_volume()
        snapshot = self.create_snapshot(volume)
        self.volumes.extend_volume(volume.id, 2)
        self.cloud.wait_for_volume(volume)

        self.assertRaises(
            sdk_exceptions.BadRequestException,
            self.volumes.revert_volume_to_snapshot, volume, snapshot)
