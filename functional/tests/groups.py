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

"""Groups of volumes, through the Block Storage API."""

import contextlib
import mmap
import os
import threading

from openstack import exceptions as sdk_exceptions

from functional.services import cloud
from functional.services import waiting
from functional.tests import base

MIB = base.MIB
CONSISTENT = {'consistent_group_snapshot_enabled': '<is> True'}
WAIT_SECONDS = 60
# The activeSnapshots and createVolumeFromSnap of a pool that is faulty.
POOL_FAULTY = 50150015


class OrderedWriter(object):
    """Writes rising numbers to two devices, each to the first one first."""

    BLOCK = 4096

    def __init__(self, paths):
        self._devices = [os.open(path, os.O_RDWR | os.O_DIRECT | os.O_SYNC)
                         for path in paths]
        # Direct I/O wants an aligned address.
        self._block = mmap.mmap(-1, self.BLOCK)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.number = 0

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc_info):
        self._stop.set()
        self._thread.join()
        for device in self._devices:
            os.close(device)

    def _run(self):
        # A pause, so that there are moments without a write.
        while not self._stop.wait(0.01):
            self._block[:8] = (self.number + 1).to_bytes(8, 'big')
            for device in self._devices:
                os.pwrite(device, self._block, 0)
            self.number += 1

    @classmethod
    def read(cls, path):
        with open(path, 'rb') as device:
            return int.from_bytes(device.read(8), 'big')


class GroupBasics(object):
    """Groups, group snapshots, and groups made from either."""

    def setUp(self):
        super().setUp()
        self.types = [
            self.volume_type('%s-pool-%d' % (self.backend, pool),
                             pool_name=str(pool)) for pool in (0, 1)]
        self._counts = self.control.counts()

    # -- the API ----------------------------------------------------------

    def group_type(self, name, **specs):
        """A group type, made when it is first asked for.

        :param name: its name
        :param specs: its group specs
        :returns: its id
        """
        found = self.volumes.find_group_type(name)
        if not found:
            found = self.volumes.create_group_type(name=name)
            if specs:
                self.volumes.create_group_type_group_specs(found, specs)
        return found.id

    def create_group(self, group_type=None):
        """Create a group that is deleted at the end of the test."""
        types = [self.volumes.find_type(name).id for name in self.types]
        made = self.volumes.create_group(
            name=self.id(), volume_types=types,
            group_type=group_type or self.group_type('consistent',
                                                     **CONSISTENT))
        return self.keep(made)

    def keep(self, group, status='available'):
        """Delete a group at the end of the test; wait for it now."""
        self.addCleanup(self.delete_group, group)
        return self.wait(self.volumes.get_group, group, status)

    def delete_group(self, group):
        with contextlib.suppress(sdk_exceptions.NotFoundException):
            self.volumes.delete_group(group, delete_volumes=True)
            self.wait(self.volumes.get_group, group, None)

    def create_group_snapshot(self, group, status='available'):
        made = self.volumes.create_group_snapshot(
            name=self.id(), group_id=group.id)
        self.addCleanup(self.delete_group_snapshot, made)
        return self.wait(self.volumes.get_group_snapshot, made, status)

    def delete_group_snapshot(self, group_snapshot):
        with contextlib.suppress(sdk_exceptions.NotFoundException):
            self.volumes.delete_group_snapshot(group_snapshot)
            self.wait(self.volumes.get_group_snapshot, group_snapshot, None)

    def from_source(self, status='available', snapshot=None, group=None):
        source = ({'group_snapshot_id': snapshot.id} if snapshot
                  else {'source_group_id': group.id})
        # Not with the SDK, which always names both kinds of source.
        answer = self.volumes.post('/groups/action', json={
            'create-from-src': {'name': self.id(), **source}},
            microversion='3.14')
        sdk_exceptions.raise_from_response(answer)
        made = self.volumes.get_group(answer.json()['group']['id'])
        return self.keep(made, status)

    def wait(self, get, resource, status):
        """Wait for a status of a group or group snapshot.

        :param get: how to ask for it
        :param resource: which one
        :param status: the status, or None: until it is gone
        :returns: the resource
        """
        def arrived():
            try:
                found = get(resource.id)
            except sdk_exceptions.NotFoundException:
                return status is None
            if found.status == 'error' != status:
                raise cloud.Failed('%s is in error' % resource.id)
            return found if found.status == status else None

        return waiting.wait_for(arrived, WAIT_SECONDS, '%s: %s' % (
            resource.id, status or 'deleted'), interval=0.1)

    def create_members(self, group):
        """Create two volumes of a group, one in each pool.

        The group's deletion deletes them, too.
        """
        made = [self.volumes.create_volume(size=1, volume_type=name,
                                           group_id=group.id)
                for name in self.types]
        return [self.cloud.wait_for_volume(volume) for volume in made]

    def members(self, group):
        """The volumes of a group, in the order of the pools of its types."""
        found = [self.volumes.get_volume(volume.id)
                 for volume in self.volumes.volumes(group_id=group.id)]
        return sorted(found, key=lambda volume: self.types.index(
            volume.volume_type))

    def counted(self, operation):
        """How many requests of a kind there were in this test."""
        return (self.control.counts().get(operation, 0)
                - self._counts.get(operation, 0))

    def snapshots_on_cluster(self):
        return self.control.status()['snapshots']

    def check_pools(self, members):
        """Cinder and the cluster agree on the pools of a group's volumes."""
        self.assertEqual(['0', '1'], [
            volume.host.partition('#')[2] for volume in members])
        self.assertEqual([0, 1], [
            self.volume_on_cluster(volume)['pool_id'] for volume in members])

    # -- the tests --------------------------------------------------------

    def test_group_snapshot_is_of_one_point_in_time(self):
        group = self.create_group()
        attached = [self.attach(volume)
                    for volume in self.create_members(group)]
        with OrderedWriter([one.path for one in attached]) as writer:
            waiting.wait_for(lambda: writer.number > 2, WAIT_SECONDS,
                             'Some writes')
            snapshot = self.create_group_snapshot(group)
            self.assertEqual(1, self.counted('activeSnapshots'))
            copy = self.from_source(snapshot=snapshot)
        members = self.members(copy)
        self.check_pools(members)
        first, second = (OrderedWriter.read(self.attach(volume).path)
                         for volume in members)
        self.assertIn(first - second, (0, 1))
        self.assertTrue(0 < first < writer.number)


class GroupOperations(GroupBasics):
    """The rest of it."""

    def test_members_come_and_go(self):
        group = self.create_group()
        first, second = self.create_members(group)
        third = self.create_volume(volume_type=self.types[0])

        self.volumes.update_group(group, add_volumes=third.id,
                                  remove_volumes=second.id)
        self.wait(self.volumes.get_group, group, 'available')

        self.assertEqual({first.id, third.id}, {
            volume.id for volume in self.members(group)})
        self.delete_group(group)
        self.assertIsNone(self.volume_on_cluster(first))
        self.assertIsNone(self.volume_on_cluster(third))
        self.assertIsNotNone(self.volume_on_cluster(second))
        self.cloud.delete_volume(second)

    def test_group_from_group(self):
        group = self.create_group()
        for number, volume in enumerate(self.create_members(group)):
            with self.attached(volume) as path:
                self.write(path, 'member %d' % number, MIB)

        copy = self.from_source(group=group)

        self.assertEqual([], self.snapshots_on_cluster())
        self.assertEqual(1, self.counted('activeSnapshots'))
        self.assertEqual(0, self.counted('createSnapshot'))
        self.check_pools(self.members(copy))
        for number, volume in enumerate(self.members(copy)):
            with self.attached(volume) as path:
                self.assert_written(path, 'member %d' % number, MIB)
        self.delete_group(copy)
        self.assertEqual(2, len(self.control.status()['volumes']))

    def test_failed_group_snapshot_leaves_nothing(self):
        group = self.create_group()
        self.create_members(group)
        self.control.add_fault(kind='result', op='activeSnapshots',
                               code=POOL_FAULTY)

        snapshot = self.create_group_snapshot(group, 'error')

        self.assertEqual([], self.snapshots_on_cluster())
        self.assert_soon({'error'}, lambda: {
            one.status for one in self.volumes.snapshots()})
        self.control.clear_faults()
        self.delete_group_snapshot(snapshot)
        self.assertEqual([], list(self.volumes.snapshots()))

    def test_failed_group_from_group_leaves_nothing(self):
        group = self.create_group()
        self.create_members(group)
        self.control.add_fault(kind='drop_after', op='createVolumeFromSnap',
                               count=1)
        self.control.add_fault(kind='result', op='createVolumeFromSnap',
                               code=POOL_FAULTY)

        copy = self.from_source('error', group=group)

        status = self.control.status()
        self.assertEqual(2, len(status['volumes']))
        self.assertEqual([], status['snapshots'])
        # Cinder records what became of the group first.
        self.assert_soon(['error'] * 2, lambda: [
            volume.status for volume in self.members(copy)])

    def test_snapshots_of_a_group_of_another_type(self):
        group = self.create_group(self.group_type('any'))
        self.create_members(group)

        self.create_group_snapshot(group)

        self.assertEqual(2, self.counted('createSnapshot'))
        self.assertEqual(0, self.counted('activeSnapshots'))
