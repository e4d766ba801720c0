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

"""Reverts to snapshots that the death of a service interrupted.

The first that Cinder does is to record a snapshot of the volume as it was.
Where a volume in status reverting has such a one, younger than the snapshot
that is being restored, the request was begun, and Cinder will not carry it
out any more. Whether the cluster has put the volume back is beyond finding
out, and then it may be too small. So it is put back once more, which gives
the same as once, and nobody can use the volume before it is available.

The driver marks the snapshot of before as being deleted when the volume has
been put back: see :mod:`revert`.
"""

from oslo_log import log as logging

from cinder import exception
from cinder import objects
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import revert
from cinder.volume.drivers.dsware import settling
from cinder.volume.drivers.dsware import translation
from cinder.volume import rpcapi

LOG = logging.getLogger(__name__)

# What will not mend by itself.
_FINAL = (exception.VolumeNotFound, exception.SnapshotNotFound,
          exceptions.BackendFault, exceptions.InvalidRequest)


class Reverts(settling.Kind):
    """Reverts of volumes to their latest snapshots."""

    subject = 'revert of volume'

    def find(self) -> dict:
        """Look for volumes that are reverted, or whose snapshots tell so."""
        found = {snapshot.volume_id: snapshot.updated_at
                 for snapshot in self._snapshots()
                 if self._is_of_own(snapshot)}
        found.update((volume.id, volume.updated_at)
                     for volume in self._own_volumes(status='reverting'))
        return found

    def _snapshots(self):
        # Together with a host, Cinder takes the status for the volume's.
        yield from objects.SnapshotList.get_all(
            self._context, {'status': 'restoring'})
        yield from filter(revert.is_of_before, objects.SnapshotList.get_all(
            self._context, {'status': 'deleting'}))

    def settle(self, volume_id) -> bool:
        """Put a volume back, and clear up what belongs to it."""
        volume = objects.Volume.get_by_id(self._context, volume_id)
        snapshots = objects.SnapshotList.get_all_for_volume(
            self._context, volume_id)
        target = next((snapshot for snapshot in snapshots
                       if snapshot.status == 'restoring'), None)
        if volume.status == 'reverting':
            if not target or not revert.of_before(target, snapshots):
                # The request may still wait somewhere.
                return True
            self._put_back(volume, target)
        if target:
            target.update_single_status_where('available', 'restoring')
        self._delete_of_before(volume)
        return True

    def _put_back(self, volume, target):
        try:
            self._driver.revert_now(volume, target)
        except _FINAL as error:
            LOG.error('The interrupted revert of volume %(volume)s to '
                      'snapshot %(snapshot)s failed: %(error)s', {
                          'volume': translation.described(volume),
                          'snapshot': target.id, 'error': error})
            status = 'error'
        else:
            LOG.info('The interrupted revert of volume %(volume)s to '
                     'snapshot %(snapshot)s is settled.', {
                         'volume': translation.described(volume),
                         'snapshot': target.id})
            status = 'available'
        volume.update_single_status_where(status, 'reverting')

    def _delete_of_before(self, volume):
        for snapshot in objects.SnapshotList.get_all_for_volume(
                self._context, volume.id):
            if snapshot.status == 'deleting' and revert.is_of_before(
                    snapshot):
                rpcapi.VolumeAPI().delete_snapshot(self._context, snapshot)
