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

"""Volumes and snapshots: making, deleting, extending, cloning, reverting."""

from oslo_log import log as logging

from cinder import exception
from cinder.i18n import _
from cinder.volume.drivers.dsware.array import models
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import failures
from cinder.volume.drivers.dsware.features import owners
from cinder.volume.drivers.dsware.features import volume_types
from cinder.volume.drivers.dsware import naming
from cinder.volume.drivers.dsware import reporting

LOG = logging.getLogger(__name__)


class Volumes:
    """Does with one volume or snapshot what Cinder asks for.

    :param backend: the :class:`config.Backend`
    :param limiter: the :class:`qos.Limiter`
    :param attachments: the :class:`attachments.Attachments`
    """

    def __init__(self, backend, limiter, attachments):
        self._array = backend.array
        self._attachments = attachments
        self._configuration = backend.configuration
        self._limiter = limiter

    def create(self, volume):
        wishes = volume_types.wishes(volume, self._configuration)
        with failures.for_creation(volume), self._limiter.of_new(volume):
            self._array.volumes.create(
                naming.volume_name(volume), naming.pool_of(volume),
                volume.size * models.MIB_PER_GIB, wishes.thin)
        return naming.for_new(volume)

    def delete(self, volume):
        if not volume.host:
            # No user asks for that. Cinder has handed the creation of this
            # volume on and clears up: what is there by now was made by
            # another attempt, in another pool or by another backend of the
            # same cluster. A creation that may have left something is not
            # handed on: see CreationInDoubt.
            LOG.info('Volume %s is made elsewhere; nothing is deleted.',
                     volume.name)
        elif naming.is_taken_over(volume) and not volume.launched_at:
            # Managing it broke off, so it is still its former owner's.
            self.unmanage(volume)
        else:
            self._delete(volume)

    def _delete(self, volume):
        if other := owners.other_record(volume):
            # What both name is the other one's.
            naming.complete_exchange(volume, other)
        self._attachments.release_abandoned(volume)
        with failures.for_deletion(volume):
            # An interrupted clone may have left the snapshot that it was
            # made through; nothing else would ever find it again. It has
            # Cinder's name of the volume, whatever that is called by now.
            self._array.volumes.delete_leftovers(volume.name)
            # And an interrupted move what it was to exchange the volume for.
            self._array.moves.delete_leftovers(naming.volume_name(volume))
            self._delete_unless_used(volume, naming.volume_name(volume))
        self._limiter.delete(volume)

    def _delete_unless_used(self, volume, name):
        try:
            self._array.volumes.delete(name)
        except exceptions.HasSnapshots:
            raise
        except exceptions.ObjectBusy:
            if not (self._array.volumes.delete_temporaries_of(
                    name, owners.is_forgotten)
                    or self._attachments.detach_from_here(volume)):
                raise
            self._array.volumes.delete(name)

    def unmanage(self, volume):
        """Let go of a volume, which stays on the cluster with its limits."""
        name = naming.volume_name(volume)
        try:
            # Nobody would remove what clones have left any more.
            self._array.volumes.delete_leftovers(volume.name)
            self._array.moves.delete_leftovers(name)
            self._array.volumes.delete_temporaries_of(
                name, owners.is_forgotten)
        except exceptions.DSWareError as error:
            reporting.log_once(
                LOG, logging.WARNING, error,
                f'Temporary objects of volume '
                f'{naming.described(volume)} may be left on the cluster.')
        LOG.info('Volume %(volume)s stays on the cluster as %(name)s.',
                 {'volume': volume.id, 'name': name})

    def extend(self, volume, new_size):
        with failures.for_extension(volume), failures.for_volume(volume):
            # A qos spec that is wrong is refused before anything is changed.
            limits = self._limiter.wanted(volume, size=new_size)
            if not limits:
                # Nobody can make the volume smaller again when that fails.
                self._limiter.apply(volume, limits)
            self._array.volumes.expand(naming.volume_name(volume),
                                       new_size * models.MIB_PER_GIB)
            if limits:
                self._limiter.apply(volume, limits)

    def pool(self, volume):
        return str(existing(self._array, volume).pool_id)

    def create_snapshot(self, snapshot):
        with failures.for_volume(snapshot.volume):
            self._array.snapshots.create(
                naming.snapshot_name(snapshot),
                naming.volume_name(snapshot.volume))

    def delete_snapshot(self, snapshot):
        with failures.for_snapshot_deletion(snapshot):
            self._array.snapshots.delete(naming.snapshot_name(snapshot))

    def create_from_snapshot(self, volume, snapshot):
        with failures.for_creation(volume), self._limiter.of_new(volume), \
                failures.for_snapshot(snapshot):
            self.make_from(volume, naming.snapshot_name(snapshot))
        return naming.for_new(volume)

    def clone(self, volume, source):
        # A type that is wrong is refused before anything is made.
        volume_types.wishes(volume, self._configuration)
        with failures.for_creation(volume), self._limiter.of_new(volume), \
                failures.for_volume(source):
            self._array.copies.clone(
                naming.volume_name(volume), naming.volume_name(source),
                lambda snapshot: self.make_from(volume, snapshot))
        return naming.for_new(volume)

    def make_from(self, volume, snapshot):
        """Make a volume from a snapshot of this name on the cluster."""
        name = naming.volume_name(volume)
        wishes = volume_types.wishes(volume, self._configuration)
        pool_id = naming.pool_of(volume)
        size = volume.size * models.MIB_PER_GIB
        source = self._array.copies.source(snapshot)
        # A linked clone is always in its snapshot's pool.
        if wishes.full_clone or source.pool_id != pool_id:
            self._array.copies.full(name, pool_id, size, wishes.thin, source)
        else:
            self._array.copies.linked(name, size, snapshot)

    def revert(self, volume, snapshot):
        name = naming.volume_name(volume)
        with failures.for_snapshot(snapshot):
            source = self._array.rollbacks.source(
                naming.snapshot_name(snapshot), name)
        with failures.for_volume(volume):
            self._array.rollbacks.roll_back(name, source,
                                            volume.size * models.MIB_PER_GIB)


def existing(array, volume):
    """Look a volume up that has to be there.

    :param array: the :class:`array.Array`
    :param volume: the Cinder volume
    :returns: the :class:`models.Volume`
    :raises VolumeNotFound: it is not on the cluster
    """
    found = array.queries.volume(naming.volume_name(volume))
    if found is None:
        raise exception.VolumeNotFound(
            _('Volume %(name)s is not on the Dsware cluster.')
            % {'name': naming.described(volume)},
            volume_id=volume.id)
    return found
