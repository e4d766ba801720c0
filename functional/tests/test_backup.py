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

"""cinder-backup: what it reads, and what is left when something fails."""

import os
import unittest

from functional.services import rabbitmq
from functional.services import stack
from functional.services import waiting
from functional.tests import base
from functional.tests import stacks

GIB = base.GIB
MIB = base.MIB
MOMENT = 60
WHY_NOT = rabbitmq.why_not()


@unittest.skipIf(WHY_NOT, WHY_NOT)
class BackupTestCase(base.FunctionalTestCase):

    make_stack = stacks.BackupStack

    def setUp(self):
        super().setUp()
        self.agent = self.simulator.agents[stack.MANAGER]

    def start_backup(self, volume, **attributes):
        """Start a backup that is deleted at the end of the test.

        :param volume: the volume
        :param attributes: what else the Block Storage API wants
        :returns: the backup
        """
        made = self.volumes.create_backup(
            volume_id=volume.id, name=self.id(), force=True, **attributes)
        self.addCleanup(self._delete, self.cloud.delete_backup, made,
                        self.volumes.find_backup)
        return made

    def create_backup(self, volume, **attributes):
        """Make a backup; see start_backup()."""
        return self.cloud.wait_for_backup(
            self.start_backup(volume, **attributes))

    def restore(self, backup, volume=None):
        """Restore a backup.

        :param backup: the backup
        :param volume: what is overwritten; a new volume when it is None
        :returns: the volume
        """
        made = self.volumes.restore_backup(
            backup, volume_id=volume and volume.id, name=self.id())
        if volume is None:
            volume = self.volumes.get_volume(made.volume_id)
            self.addCleanup(self._delete, self.cloud.delete_volume, volume,
                            self.volumes.find_volume)
        self.cloud.wait_for_backup(backup)
        return self.cloud.wait_for_volume(volume)

    def being_read(self, volume):
        """Wait until a backup has the clone of a volume attached.

        :param volume: the volume, which is in use
        """
        def attached():
            found = [one for one in self.control.status()['attachments']
                     if one['agent'] == self.agent[0]
                     and one['name'] != 'volume-' + volume.id]
            if not found:
                raise waiting.NotYet('nothing is attached')
            return found[0]

        return waiting.wait_for(attached, MOMENT, 'An attachment', 0.01)

    def assert_backed_up(self, seed, offset, backup):
        """Check that a full backup has the bytes that write() wrote.

        :param seed: text that chose the bytes
        :param offset: their position, in the first of the backup's files
        :param backup: the backup
        """
        (path,) = self.stack.backup.directory.rglob(
            '*_backup_%s-00001' % backup.id)
        self.assert_written(path, seed, offset)

    def wait_for_only(self, *volumes):
        """Wait until there are these volumes and nothing else at all.

        Neither on the cluster nor in Cinder's records.
        """
        def what_is_there():
            status = self.control.status()
            return {
                'on the cluster': sorted(
                    one['name'] for one in status['volumes']),
                'snapshots': status['snapshots'],
                'attachments': status['attachments'],
                "Cinder's volumes": {one.id for one in self.volumes.volumes()},
                "Cinder's snapshots": list(self.volumes.snapshots())}

        self.assert_soon({
            'on the cluster': sorted(
                'volume-' + volume.id for volume in volumes),
            'snapshots': [], 'attachments': [],
            "Cinder's volumes": {volume.id for volume in volumes},
            "Cinder's snapshots": []}, what_is_there)


class SocketBackupTest(BackupTestCase):
    """Backups of volumes and snapshots; the host's connector attaches."""

    def test_incremental_and_restore(self):
        volume = self.create_volume()
        with self.attached(volume) as path:
            self.write(path, 'first', 0)
        full = self.create_backup(volume)
        with self.attached(volume) as path:
            self.write(path, 'second', GIB - MIB)
        snapshot = self.create_snapshot(volume)
        increment = self.create_backup(volume, is_incremental=True,
                                       snapshot_id=snapshot.id)
        self.assertEqual(
            'available', self.volumes.get_snapshot(snapshot.id).status)
        self.cloud.delete_snapshot(snapshot)
        self.wait_for_only(volume)
        larger = self.create_volume(2)
        with self.attached(larger) as path:
            self.write(path, 'overwritten', GIB - MIB)
            self.write(path, 'beyond', GIB)

        self.restore(full, larger)
        new = self.restore(increment)

        with self.attached(larger) as path:
            self.assert_written(path, 'first', 0)
            self.assert_zero(path, GIB - MIB)
            self.assert_written(path, 'beyond', GIB)
        with self.attached(new) as path:
            self.assert_written(path, 'first', 0)
            self.assert_written(path, 'second', GIB - MIB)
        self.cloud.delete_backup(increment)

    def test_of_a_volume_in_use(self):
        volume = self.create_volume(volume_type=self.volume_type(
            'full-clones', **{'dsware:clone': 'full'}))
        attached = self.attach(volume)
        self.write(attached.path, 'before', 0)
        os.sync()
        before = self.control.counts()

        backup = self.start_backup(volume)
        self.being_read(volume)
        self.write(attached.path, 'after', 0)

        self.cloud.wait_for_backup(backup)
        self.assert_backed_up('before', 0, backup)
        self.assert_written(attached.path, 'after', 0)
        self.detach(attached)
        self.wait_for_only(volume)
        # What is read is a linked clone.
        self.assertEqual(*(counts.get('createFullVolumeFromSnap', 0)
                           for counts in (before, self.control.counts())))

    def test_cancel(self):
        volume = self.create_volume()
        attached = self.attach(volume)
        backup = self.start_backup(volume)
        self.being_read(volume)

        self.cloud.delete_backup(backup, force=True)

        self.cloud.wait_for_volume(volume, 'in-use')
        self.detach(attached)
        self.wait_for_only(volume)

    def test_nothing_can_be_attached(self):
        volume = self.create_volume()
        # ATTACHED_BEYOND_MAX
        self.control.add_fault(kind='result', op='attachVolume',
                               code=50151402)

        backup = self.start_backup(volume)

        self.cloud.wait_for_backup(backup, 'error')
        self.cloud.wait_for_volume(volume)
        self.wait_for_only(volume)


class OneHost(object):
    """Instances and cinder-backup on one host; needs a BackupTestCase."""

    def test_all_in_one_host(self):
        volume = self.create_volume()
        locks = self.stack.directory / 'cinder' / 'locks'
        with self.host.moved(self.agent, locks):
            attached = self.attach(volume)
            self.write(attached.path, 'before', MIB)
            os.sync()

            backup = self.create_backup(volume)

            self.write(attached.path, 'after', MIB)
            self.detach(attached)
        self.assert_backed_up('before', MIB, backup)
        self.wait_for_only(volume)


class CLIBackupTest(OneHost, BackupTestCase):
    """By way of fsc_cli."""

    backend = 'cli'


class ManagerBackupTest(OneHost, BackupTestCase):
    """The driver attaches what is read."""

    backend = 'manager'
