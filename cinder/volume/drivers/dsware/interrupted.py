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

"""Migrations and changes of type that the death of a service interrupted.

Cinder leaves such a volume in its state for good. What tells how far it
came, in Cinder's records and on the cluster:

- status retyping, and migration status starting: the driver was changing it
  in place, or Cinder was about to copy it. Without that, the request may
  still wait somewhere, and nothing was changed: that is left alone;
- migration status migrating, and no record with migration status
  target:ID: the cluster was moving it, and goes on without a service;
- such a record: Cinder was copying the volume. Until the two records have
  changed places, the source is whole, so the copy is given up. Cinder writes
  the volume's record first; once that is done the copy is the volume, and
  what is left to do is done.

Every step may be repeated. Volumes in use are left alone: Nova copies them,
and goes on without this service.
"""

from oslo_log import log as logging

from cinder import exception
from cinder import objects
from cinder.volume.drivers.dsware import settling
from cinder.volume.drivers.dsware import translation
from cinder.volume import rpcapi
from cinder.volume import volume_utils

LOG = logging.getLogger(__name__)

# Migration status until the two records of a copy change places. "starting"
# is also that of a request that still waits, except while retyping.
_UNDER_WAY = ('migrating', 'completing')
_BEGUN = ('starting', *_UNDER_WAY)
# Before the id of the volume that is copied, in the record of its copy.
_TARGET = 'target:'


class Migrations(settling.Kind):
    """Migrations and changes of type.

    :param driver: the driver
    :param array: its :class:`array.Array`
    :param context: the admin context
    :param limiter: its :class:`qos.Limiter`
    """

    subject = 'migration of volume'

    def __init__(self, driver, array, context, limiter):
        super().__init__(driver, array, context)
        self._limiter = limiter

    def find(self) -> dict:
        """Look for volumes that are on their way, or look so."""
        volumes = [
            *self._own_volumes(migration_status=list(_UNDER_WAY)),
            *self._own_volumes(status='retyping',
                               migration_status=list(_BEGUN)),
            # Its record was exchanged, and then it was not deleted.
            *self._own_volumes(status='deleting', migration_status='deleting'),
            *self._half_exchanged()]
        return {volume.id: volume.updated_at for volume in volumes
                if not _nova_copies(volume)}

    def _half_exchanged(self):
        """List volumes whose copies have not got the rest of the exchange."""
        volumes = []
        # Cinder looks for a part of the text.
        for target in self._own_volumes(**{'migration_status~': _TARGET}):
            try:
                volume = objects.Volume.get_by_id(
                    self._context, target.migration_status[len(_TARGET):])
            except exception.VolumeNotFound:
                continue
            if _is_exchanged(volume, target):
                volumes.append(volume)
        return volumes

    def settle(self, volume_id) -> bool:
        """Let Cinder's records say what is so, or give a copy up."""
        volume = objects.Volume.get_by_id(self._context, volume_id)
        if volume.status == 'deleting':
            rpcapi.VolumeAPI().delete_volume(self._context, volume)
            return True
        targets = objects.VolumeList.get_all(
            self._context, filters={
                'migration_status': _TARGET + volume.id})
        for target in targets:
            if _is_exchanged(volume, target):
                self._exchange_rest(volume, target)
            elif not self._give_up(volume, target):
                return False
        return self._end(volume, bool(targets))

    # -- copies by Cinder -------------------------------------------------

    def _give_up(self, volume, target):
        """Remove a copy; False while its own service still makes it."""
        if target.status == 'creating':
            return False
        _part_names(volume, target)
        if target.status == 'available':
            # Whatever the dead service had attached. An attachment that is
            # there already is taken over, and then there is only one user.
            self._detach(volume, False)
            self._detach(target, True)
        LOG.info('The copy %(target)s of volume %(volume)s is given up.',
                 {'target': target.id, 'volume': volume.id})
        rpcapi.VolumeAPI().delete_volume(self._context, target)
        return True

    def _exchange_rest(self, volume, target):
        """Give the record of the copy the object that the volume was.

        Before that both records have the object that is the volume now.
        """
        target.update({'_name_id': target._name_id or volume.id,
                       'status': 'deleting', 'migration_status': 'deleting',
                       'display_description':
                           'migration src for ' + volume.id})
        target.save()
        LOG.info('The migration of volume %(volume)s had ended; what it was '
                 'before is deleted: %(name)s. Where that is not on this '
                 'cluster, it has to be deleted by hand.', {
                     'volume': volume.id,
                     'name': translation.volume_name(target)})
        volume.migration_status = 'success'
        volume.save()
        rpcapi.VolumeAPI().delete_volume(self._context, target)

    def _detach(self, volume, remote):
        properties = volume_utils.brick_get_connector_properties()
        attached, volume = self._driver._attach_volume(
            self._context, volume, properties, remote=remote)
        self._driver._detach_volume(self._context, attached, volume,
                                    properties, remote=remote)

    # -- what the cluster did ---------------------------------------------

    def _end(self, volume, copied):
        """Let Cinder's record say what is so; False while it moves."""
        found = self._array.volume(translation.volume_name(volume))
        if found is not None and found.working:
            return False
        updates = {}
        if volume.status in ('retyping', 'maintenance'):
            updates['status'] = volume.previous_status
        if volume.status == 'retyping' and found is not None:
            self._limiter.apply(volume)
        moved = (found is not None and not copied
                 and found.pool_id != translation.pool_id(volume.host))
        if moved:
            updates['host'] = volume_utils.append_host(
                self._driver.host, str(found.pool_id))
        if volume.migration_status in _BEGUN:
            updates['migration_status'] = 'success' if moved else 'error'
        LOG.info('The interrupted migration of volume %(volume)s is '
                 'settled: %(updates)s.', {
                     'volume': translation.described(volume),
                     'updates': updates})
        volume.update(updates)
        volume.save()
        return True


def is_under_way(volume) -> bool:
    """Tell whether Cinder moves a volume, or changes its type.

    :param volume: the Cinder volume
    """
    return volume.status == 'retyping' or volume.migration_status in _BEGUN


def _is_exchanged(volume, target):
    """Tell whether the volume is its copy already, and its copy still too."""
    return (volume.name_id == target.id and target.status == 'available'
            and not is_under_way(volume))


def _nova_copies(volume):
    return volume.migration_status in _UNDER_WAY and bool(
        volume.volume_attachment or volume.previous_status == 'in-use')


def _part_names(volume, target):
    """Undo an exchange of names, so that each record has its own object.

    Cinder first gives the volume the name of its copy, then exchanges all
    else, and neither of both at once.
    """
    if volume.name_id == target.id:
        volume.update({'_name_id': target._name_id,
                       'provider_location': target.provider_location})
        volume.save()
    if target._name_id:
        target._name_id = None
        target.save()
