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

"""Reverting volumes to their latest snapshots."""

from oslo_utils import units

from cinder import context as cinder_context
from cinder import exception
from cinder.i18n import _
from cinder import objects
from cinder.volume.drivers.dsware import translation

_MIB_PER_GIB = units.Gi // units.Mi
# How Cinder's manager names the snapshot that it makes before a revert.
_OF_BEFORE = '[revert] volume %s backup snapshot'


class RevertedVolumes:
    """Revert to snapshot: a part of :class:`driver.DSWareDriver`."""

    def revert_to_snapshot(self, context, volume, snapshot):
        """Put a volume back to what a snapshot of it holds, inside the array.

        The volume keeps its size, also when it was extended since.

        :param context: the caller's context
        :param volume: the Cinder volume, not attached
        :param snapshot: the Cinder snapshot
        :raises VolumeNotFound: the volume is not on the cluster
        :raises SnapshotNotFound: the snapshot is not on the cluster
        :raises VolumeIsBusy: the volume is attached, or in work
        :raises VolumeBackendAPIException: for all other reasons
        """
        try:
            with self._claims.held(volume):
                self._check_reverting(context, volume)
                self.revert_now(volume, snapshot)
        except (AttributeError, NotImplementedError) as error:
            # Cinder takes these to say that the driver cannot revert, and
            # would go on to copy the snapshot over the volume.
            raise exception.VolumeBackendAPIException(data=_(
                'Volume %(volume)s was not reverted: %(error)r') % {
                    'volume': translation.described(volume),
                    'error': error}) from error

    def _check_reverting(self, context, volume):
        """Check that no other service has put it back meanwhile.

        It would have taken this one for dead, and the volume may be in use
        by now.
        """
        if not self.cluster_name:
            return
        found = objects.Volume.get_by_id(context, volume.id)
        if found.status != 'reverting':
            raise exception.VolumeBackendAPIException(data=_(
                'Volume %(volume)s is not reverted: it is %(status)s') % {
                    'volume': translation.described(volume),
                    'status': found.status})

    def revert_now(self, volume, snapshot):
        """Put a volume back that the caller has claimed.

        What Cinder has kept of before is not needed any more then, and is
        marked so, because the service may die before Cinder deletes it.

        :param volume: the Cinder volume, not attached
        :param snapshot: the Cinder snapshot
        :raises Exception: as :meth:`revert_to_snapshot`
        """
        self._put_back(volume, snapshot)
        admin = cinder_context.get_admin_context()
        for other in of_before(snapshot, objects.SnapshotList.
                               get_all_for_volume(admin, volume.id)):
            other.status = 'deleting'
            other.save()

    def _put_back(self, volume, snapshot):
        name = translation.volume_name(volume)
        with translation.for_snapshot(snapshot):
            source = self._array.rollback_source(
                translation.snapshot_name(snapshot), name)
        with translation.for_volume(volume):
            self._array.rollback(name, source, volume.size * _MIB_PER_GIB)


def is_of_before(snapshot) -> bool:
    """Tell whether Cinder made a snapshot before it reverted its volume.

    :param snapshot: the Cinder snapshot
    """
    return snapshot.display_name == _OF_BEFORE % snapshot.volume_id


def of_before(target, snapshots) -> list:
    """Find what Cinder made before it reverted a volume to a snapshot.

    Only the latest snapshot can be restored, so what is younger belongs to
    this revert.

    :param target: the snapshot that is restored
    :param snapshots: all snapshots of the volume
    """
    return [snapshot for snapshot in snapshots
            if is_of_before(snapshot) and snapshot.id != target.id
            and snapshot.created_at >= target.created_at]
