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

"""Deletions that the death of a service interrupted.

Cinder itself resumes the deletion of a volume, and nothing else: a snapshot,
a group or a group snapshot stays in status deleting for good. The cluster
tells whether the driver had begun with it: something that Cinder still
records, and that was made, is gone there. So no other request is on its way
to it, and the request is made once more, of Cinder itself: deleting what is
gone is a success, and counts, records and tells all that belongs to it. Where
everything is there, or never was, the request may still wait somewhere, and
nothing was changed: that is left alone, since Cinder would count it twice.

A volume that is being unmanaged may be let go of twice: Cinder looks first
whether it has it still. So that request is always made once more.
"""

from oslo_log import log as logging

from cinder import objects
from cinder.volume.drivers.dsware import backups
from cinder.volume.drivers.dsware import revert
from cinder.volume.drivers.dsware import settling
from cinder.volume.drivers.dsware import translation
from cinder.volume import rpcapi

LOG = logging.getLogger(__name__)

_DELETING, _DELETED = 'deleting', 'deleted'
_AGAIN = 'The interrupted %(subject)s %(id)s is repeated.'


class Unmanaging(settling.Kind):
    """Volumes that leave Cinder."""

    subject = 'unmanaging of volume'

    def find(self) -> dict:
        """Look for volumes that are unmanaged."""
        return {volume.id: volume.updated_at
                for volume in self._own_volumes(status='unmanaging')}

    def settle(self, volume_id) -> bool:
        """Ask Cinder again to let go of a volume."""
        volume = objects.Volume.get_by_id(self._context, volume_id)
        if volume.status == 'unmanaging':
            LOG.info(_AGAIN, {'subject': self.subject, 'id': volume_id})
            rpcapi.VolumeAPI().delete_volume(self._context, volume,
                                             unmanage_only=True)
        return True


class Snapshots(settling.Kind):
    """Snapshots that users delete, and that backups made for themselves.

    Not those that Cinder deletes with their volume or their group.
    """

    subject = 'deletion of snapshot'

    def find(self) -> dict:
        """Look for snapshots that are deleted, or that no backup knows."""
        found = [snapshot for snapshot in self._in_status(_DELETING)
                 if not (snapshot.group_snapshot_id
                         or revert.is_of_before(snapshot))]
        unfinished = [snapshot for snapshot in self._in_status('creating')
                      if backups.is_temporary(snapshot)]
        if unfinished:
            known = backups.temporary_ids(self._context)
            found += [snapshot for snapshot in unfinished
                      if snapshot.id not in known]
        return {snapshot.id: snapshot.updated_at for snapshot in found}

    def _in_status(self, status):
        return [snapshot for snapshot in objects.SnapshotList.get_all(
            self._context, {'status': status})
            if self._is_of_own(snapshot)]

    def volumes(self, id_) -> list:
        """Tell that nobody claims a volume for this.

        What is gone from the cluster stays in Cinder for a moment only.

        :param id_: not used
        :returns: nothing
        """
        return []

    def settle(self, snapshot_id) -> bool:
        """Ask Cinder again to delete what is gone from the cluster."""
        snapshot = objects.Snapshot.get_by_id(self._context, snapshot_id)
        if snapshot.status == 'creating':
            # Between its record and its backup's there was no request yet.
            snapshot.status = _DELETING
            snapshot.save()
        if (snapshot.status == _DELETING
                and snapshot.volume.status != _DELETING
                and self._is_gone(snapshot)):
            LOG.info(_AGAIN, {'subject': self.subject, 'id': snapshot_id})
            rpcapi.VolumeAPI().delete_snapshot(self._context, snapshot)
        return True

    def _is_gone(self, snapshot):
        # Of its own ones Cinder counts none.
        counts = snapshot.use_quota and not _snapshot_was_made(snapshot)
        return not counts and self._array.snapshot(
            translation.snapshot_name(snapshot)) is None


class _Together(settling.Kind):
    """What goes with all its members."""

    @staticmethod
    def _is_begun(thing, members, is_gone):
        """Tell whether the driver has deleted any member.

        Cinder first records that each one is deleted, and then that all
        are, before it removes the first of these records.
        """
        return thing.status == _DELETED or any(
            member.status == _DELETED or is_gone(member)
            for member in members)


class Groups(_Together):
    """Groups with their volumes."""

    subject = 'deletion of group'

    def find(self) -> dict:
        """Look for groups that are deleted."""
        return {group.id: group.updated_at
                for status in (_DELETING, _DELETED)
                for group in objects.GroupList.get_all(
                    self._context, filters={'status': status})
                if self._is_own(group)}

    def settle(self, group_id) -> bool:
        """Ask Cinder again to delete the rest of a group."""
        group = objects.Group.get_by_id(self._context, group_id)
        volumes = objects.VolumeList.get_all_by_generic_group(
            self._context, group_id)
        if self._is_begun(group, volumes, self._is_gone):
            LOG.info(_AGAIN, {'subject': self.subject, 'id': group_id})
            rpcapi.VolumeAPI().delete_group(self._context, group)
        return True

    def _is_gone(self, volume):
        return _volume_was_made(volume) and self._array.volume(
            translation.volume_name(volume)) is None


class GroupSnapshots(_Together):
    """Group snapshots with their snapshots."""

    subject = 'deletion of group snapshot'

    def find(self) -> dict:
        """Look for group snapshots that are deleted."""
        return {found.id: found.updated_at
                for status in (_DELETING, _DELETED)
                for found in objects.GroupSnapshotList.get_all(
                    self._context, filters={'status': status})
                if self._is_own(found.group)}

    def settle(self, group_snapshot_id) -> bool:
        """Ask Cinder again to delete the rest of a group snapshot."""
        found = objects.GroupSnapshot.get_by_id(self._context,
                                                group_snapshot_id)
        snapshots = objects.SnapshotList.get_all_for_group_snapshot(
            self._context, group_snapshot_id)
        if self._is_begun(found, snapshots, self._is_gone):
            LOG.info(_AGAIN, {'subject': self.subject,
                              'id': group_snapshot_id})
            rpcapi.VolumeAPI().delete_group_snapshot(self._context, found)
        return True

    def _is_gone(self, snapshot):
        return _snapshot_was_made(snapshot) and self._array.snapshot(
            translation.snapshot_name(snapshot)) is None


def _volume_was_made(volume):
    """Tell whether Cinder has ever had a volume."""
    return volume.launched_at is not None


def _snapshot_was_made(snapshot):
    """Tell whether Cinder has ever had a snapshot.

    It notes no progress of one that is taken over.
    """
    return snapshot.progress == '100%' or bool(snapshot.provider_id)
