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

from cinder import exception
from cinder.i18n import _
from cinder.volume.drivers.dsware import naming

_MIB_PER_GIB = units.Gi // units.Mi


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
            self._put_back(volume, snapshot)
        except (AttributeError, NotImplementedError) as error:
            # Cinder takes these to say that the driver cannot revert, and
            # would go on to copy the snapshot over the volume.
            raise exception.VolumeBackendAPIException(data=_(
                'Volume %(volume)s was not reverted: %(error)r') % {
                    'volume': naming.described(volume),
                    'error': error}) from error

    def _put_back(self, volume, snapshot):
        name = naming.volume_name(volume)
        with naming.for_snapshot(snapshot):
            source = self._array.rollbacks.source(
                naming.snapshot_name(snapshot), name)
        with naming.for_volume(volume):
            self._array.rollbacks.roll_back(name, source,
                                            volume.size * _MIB_PER_GIB)
