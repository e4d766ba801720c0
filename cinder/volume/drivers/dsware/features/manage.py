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


"""Volumes and snapshots that were on the cluster before Cinder knew them.

They keep their names there: no published operation renames an object.
"""

import contextlib
import dataclasses
import datetime

from oslo_log import log as logging
from oslo_utils import excutils
from oslo_utils import units

from cinder import coordination
from cinder import exception
from cinder.i18n import _
from cinder.volume.drivers.dsware.array import models
from cinder.volume.drivers.dsware.array import names
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware.features import manageable
from cinder.volume.drivers.dsware.features import owners
from cinder.volume.drivers.dsware.features import volume_types
from cinder.volume.drivers.dsware import naming
from cinder.volume.drivers.dsware import reporting
from cinder.volume import volume_utils

LOG = logging.getLogger(__name__)

_MIB_PER_GIB = units.Gi // units.Mi
_NO_ANSWER = (exceptions.EndpointUnavailable, exceptions.OutcomeUnknown,
              exceptions.TryAgain)


@dataclasses.dataclass(frozen=True)
class _Kind:
    """What is listed, and the fields of its records."""

    model: type
    op: str
    name: str
    size: str


_VOLUMES = _Kind(models.Volume, 'queryAllVolume', 'vol_name', 'vol_size')
_SNAPSHOTS = _Kind(models.Snapshot, 'queryAllSnapshot', 'snap_name',
                   'snap_size')


class ManagedObjects:
    """Manage and unmanage: a part of :class:`driver.DSWareDriver`."""

    # -- volumes ----------------------------------------------------------

    def manage_existing_get_size(self, volume, existing_ref):
        """Tell the size of a volume that is to be managed.

        :param volume: the new Cinder volume
        :param existing_ref: a dict with source-name
        :returns: GiB, rounded up
        :raises ManageExistingInvalidReference: there is no such volume, or
            it cannot be managed as it is
        :raises ManageExistingAlreadyManaged: it is a Cinder volume already
        :raises ManageExistingVolumeTypeMismatch: the type wants another kind
        """
        return manageable.whole_gib(
            self._manageable_volume(volume, existing_ref).size)

    def manage_existing(self, volume, existing_ref):
        """Make a volume on the cluster a Cinder volume.

        One whose size is no whole number of GiB grows to the next one, so
        that Cinder's size is true.

        :param volume: the new Cinder volume
        :param existing_ref: a dict with source-name
        :returns: what changes in Cinder's record
        :raises ManageExistingInvalidReference: there is no such volume, or
            it cannot be managed as it is
        :raises ManageExistingAlreadyManaged: it is a Cinder volume already
        :raises ManageExistingVolumeTypeMismatch: the type wants another kind
        :raises InvalidQoSSpecs: the type's qos spec is not valid
        :raises VolumeBackendAPIException: it could not be made larger, or
            not be given the limits of its type
        """
        found = self._manageable_volume(volume, existing_ref)
        self._claim(found.name, volume, owners.volume_owner,
                    naming.volume_provider_id(volume, found.name))
        with _given_back(volume), naming.for_volume(volume):
            # Cinder sets the size only afterwards, and limits depend on it.
            volume.size = manageable.whole_gib(found.size)
            before = self._qos.apply(volume)
            # At the very end, because nobody can make it smaller again.
            with self._limits_given_back(found.name, before):
                self._grow(found)
        return {'provider_id': volume.provider_id}

    @contextlib.contextmanager
    def _limits_given_back(self, name, before):
        """Let the volume have the limits that it had, if the block fails."""
        try:
            yield
        except BaseException:
            with excutils.save_and_reraise_exception():
                self._array.qos.give_back(name, before)

    def _grow(self, found):
        size = manageable.whole_gib(found.size) * _MIB_PER_GIB
        if size > found.size:
            LOG.info('Volume %(name)s has %(now)d MiB; it is made %(new)d '
                     'MiB large, a whole number of GiB.',
                     {'name': found.name, 'now': found.size, 'new': size})
            self._array.volumes.expand(found.name, size)

    def _manageable_volume(self, volume, reference):
        name = _legal_name(reference, _('volume'))
        found = self._array.queries.volume(name)
        if found is None:
            raise _refused(reference, self._why_no_volume(name))
        pool = self._pool_id(volume)
        if found.pool_id != pool:
            raise _refused(reference, _(
                'the volume is in pool %(found)d; the host %(host)s that was '
                'asked for is pool %(pool)d. Ask for %(right)s') % {
                    'found': found.pool_id, 'pool': pool,
                    'host': volume.host,
                    'right': volume_utils.append_host(
                        volume_utils.extract_host(volume.host),
                        str(found.pool_id))})
        _check(found, owners.volume_owner, reference)
        self._check_type(volume, found)
        self._qos.wanted(volume, size=manageable.whole_gib(found.size))
        return found

    def _why_no_volume(self, name):
        if self._array.queries.snapshot(name) is not None:
            return _('it is a snapshot on the cluster, not a volume')
        return _('the cluster has no volume of that name')

    def _check_type(self, volume, found):
        wishes = volume_types.wishes(volume, self.configuration)
        # Published records do not tell whether a volume is thin; a linked
        # clone is.
        if volume.volume_type and found.father and not wishes.thin:
            raise exception.ManageExistingVolumeTypeMismatch(reason=_(
                'volume %(name)s is a linked clone, which is thin, and type '
                '%(type)s makes thick volumes') % {
                    'name': found.name, 'type': volume.volume_type.name})

    def unmanage(self, volume):
        """Let go of a volume, which stays on the cluster with its limits.

        :param volume: the Cinder volume
        """
        name = naming.volume_name(volume)
        try:
            # Nobody would remove what clones have left any more.
            self._array.volumes.delete_leftovers(volume.name)
            self._array.volumes.delete_temporaries_of(
                name, owners.is_forgotten)
        except exceptions.DSWareError as error:
            reporting.log_once(
                LOG, logging.WARNING, error,
                f'Temporary snapshots of volume '
                f'{naming.described(volume)} may be left on the '
                f'cluster.')
        LOG.info('Volume %(volume)s stays on the cluster as %(name)s.',
                 {'volume': volume.id, 'name': name})

    def get_manageable_volumes(self, cinder_volumes, marker, limit, offset,
                               sort_keys, sort_dirs):
        """List the volumes in the pools of this backend.

        What belongs to other backends of this Cinder is told apart, too.

        :param cinder_volumes: the Cinder volumes of this host
        :param marker: the reference that the page begins after, or None
        :param limit: how many entries there are at most
        :param offset: how many entries after the marker are left out
        :param sort_keys: of ``reference`` and ``size``
        :param sort_dirs: ``asc`` or ``desc`` for each
        :returns: a list of dicts as Cinder's API shows them
        :raises InvalidInput: there is no such marker
        :raises VolumeBackendAPIException: the cluster does not answer
        """
        chosen = self._choose(
            manageable.Page(marker, limit, offset, sort_keys, sort_dirs),
            _VOLUMES, self._array.queries.volume_records,
            self._array.queries.volume)
        managed = _managed(cinder_volumes, naming.volume_name, chosen,
                           owners.volume_owners)
        return [_entry(found, managed, _volume_info(found))
                for found in chosen]

    # -- snapshots --------------------------------------------------------

    def manage_existing_snapshot_get_size(self, snapshot, existing_ref):
        """Tell the size of a snapshot that is to be managed.

        :param snapshot: the new Cinder snapshot
        :param existing_ref: a dict with source-name
        :returns: GiB, rounded up
        :raises ManageExistingInvalidReference: the volume has no such
            snapshot, or it cannot be managed as it is
        :raises ManageExistingAlreadyManaged: it is a Cinder snapshot already
        """
        return manageable.whole_gib(
            self._manageable_snapshot(snapshot, existing_ref).size)

    def manage_existing_snapshot(self, snapshot, existing_ref):
        """Make a snapshot on the cluster a Cinder snapshot.

        :param snapshot: the new Cinder snapshot
        :param existing_ref: a dict with source-name
        :returns: what changes in Cinder's record
        :raises ManageExistingInvalidReference: the volume has no such
            snapshot, or it cannot be managed as it is
        :raises ManageExistingAlreadyManaged: it is a Cinder snapshot already
        """
        found = self._manageable_snapshot(snapshot, existing_ref)
        self._claim(found.name, snapshot, owners.snapshot_owner,
                    naming.snapshot_provider_id(snapshot, found.name))
        return {'provider_id': snapshot.provider_id}

    def _manageable_snapshot(self, snapshot, reference):
        name = _legal_name(reference, _('snapshot'))
        found = self._array.queries.snapshot(name)
        if found is None:
            raise _refused(reference, _(
                'the cluster has no snapshot of that name'))
        volume = naming.volume_name(snapshot.volume)
        if found.father != volume:
            raise _refused(reference, _(
                'it is a snapshot of %(found)s, not of volume %(volume)s') % {
                    'found': found.father or _('no volume'),
                    'volume': naming.described(snapshot.volume)})
        _check(found, owners.snapshot_owner, reference)
        return found

    def unmanage_snapshot(self, snapshot):
        """Let go of a snapshot, which stays on the cluster as it is.

        :param snapshot: the Cinder snapshot
        """
        LOG.info('Snapshot %(snapshot)s stays on the cluster as %(name)s.',
                 {'snapshot': snapshot.id,
                  'name': naming.snapshot_name(snapshot)})

    def get_manageable_snapshots(self, cinder_snapshots, marker, limit,
                                 offset, sort_keys, sort_dirs):
        """List the snapshots in the pools of this backend.

        What belongs to other backends of this Cinder is told apart, too.

        :param cinder_snapshots: the Cinder snapshots of this host
        :param marker: the reference that the page begins after, or None
        :param limit: how many entries there are at most
        :param offset: how many entries after the marker are left out
        :param sort_keys: of ``reference`` and ``size``
        :param sort_dirs: ``asc`` or ``desc`` for each
        :returns: a list of dicts as Cinder's API shows them
        :raises InvalidInput: there is no such marker
        :raises VolumeBackendAPIException: the cluster does not answer
        """
        chosen = self._choose(
            manageable.Page(marker, limit, offset, sort_keys, sort_dirs),
            _SNAPSHOTS, self._array.queries.snapshot_records,
            self._array.queries.snapshot)
        managed = _managed(cinder_snapshots, naming.snapshot_name,
                           chosen, owners.snapshot_owners)
        return [dict(_entry(found, managed, _info(found)),
                     source_reference={
                manageable.SOURCE_NAME: _shown(found.father)})
                for found in chosen]

    # -- both -------------------------------------------------------------

    @coordination.synchronized('dsware-manage-{name}')
    def _claim(self, name, thing, owner_of, provider_id):
        """Note in Cinder's database whose object it is, if nobody's."""
        _check_owner(name, owner_of)
        thing.provider_id = provider_id
        thing.save()

    def _choose(self, page, kind, listing, query):
        pools = [pool.pool_id for pool in self._pools.query()]

        def find(name):
            try:
                found = query(name)
            except exceptions.InvalidRequest:
                return None
            return found if found and found.pool_id in pools else None

        try:
            return self._chosen(page, kind, listing, pools, find)
        except _NO_ANSWER as error:
            # A listing that broke off is not taken up again half way.
            LOG.info('%s The listing is begun anew.', error)
            return self._chosen(page, kind, listing, pools, find)

    @staticmethod
    def _chosen(page, kind, listing, pools, find):
        def records():
            for pool in pools:
                yield from listing(pool)

        with contextlib.closing(records()) as found:
            try:
                return [kind.model.from_record(record) for record in
                        page.choose(found, kind.name, kind.size, find)]
            except (KeyError, ValueError) as error:
                raise exceptions.OutcomeUnknown(
                    op=kind.op, desc=_('a record is not a valid one: %s')
                    % error) from error


@contextlib.contextmanager
def _given_back(thing):
    """Let another attempt manage the object, if the block fails."""
    size = thing.size
    try:
        yield
    except BaseException:
        with excutils.save_and_reraise_exception():
            thing.provider_id = None
            thing.size = size
            thing.save()


def _refused(reference, reason):
    return exception.ManageExistingInvalidReference(existing_ref=reference,
                                                    reason=reason)


def _legal_name(reference, what):
    name = manageable.name_in(reference, what)
    try:
        names.check(name)
    except exceptions.InvalidRequest as error:
        raise _refused(reference, error.desc) from error
    return name


def _check(found, owner_of, reference):
    _check_owner(found.name, owner_of)
    reason = _why_not(found)
    if reason:
        raise _refused(reference, reason)


def _check_owner(name, owner_of):
    owner = owner_of(name)
    if owner is not None:
        raise exception.ManageExistingAlreadyManaged(_(
            '%(name)s on the cluster is managed already: it is %(owner)s of '
            'Cinder.') % {'name': name, 'owner': owner.id})


def _why_not(found):
    """Say why an object cannot be managed as it is, or give None."""
    if not names.is_legal(found.name):
        return _('Its name is not a legal one, so it cannot be asked for.')
    if names.is_temporary(found.name):
        return _('It exists only while Cinder makes a volume from it.')
    if found.working:
        return _('The cluster is still creating or copying it.')
    if not found.ready:
        return _('It is in failure status %d.') % found.status
    return None


def _managed(cinders, name_of, chosen, owners_of):
    """Tell which of the chosen objects Cinder has, and where.

    Cinder lists what this host has, but other backends and hosts can use
    the same cluster.

    :returns: a dict of name to Cinder's id and the reason not to manage it
    """
    wanted = {found.name for found in chosen if names.is_legal(found.name)}
    named = ((name_of(thing), thing.id) for thing in cinders)
    managed = {name: (identity, _('already managed'))
               for name, identity in named if name in wanted}
    for name, thing in owners_of(wanted - set(managed)).items():
        managed[name] = thing.id, _('already managed, by another backend')
    return managed


def _entry(found, managed, info):
    cinder_id, reason = managed.get(found.name) or (None, _why_not(found))
    return {'reference': {manageable.SOURCE_NAME: _shown(found.name)},
            'size': manageable.whole_gib(found.size),
            'safe_to_manage': reason is None,
            'reason_not_safe': reason,
            'cinder_id': cinder_id,
            'extra_info': info}


def _volume_info(found):
    return dict(_info(found), lun_id=_text(found.lun_id),
                linked_clone_of=_shown(found.father) or None)


def _info(found):
    # Cinder takes texts only, and its API shows them as they are.
    return {'pool': str(found.pool_id), 'size_mib': str(found.size),
            'created_at': _date(found.create_time), 'wwn': found.wwn or None}


def _shown(name):
    """Make a name fit for a terminal; a legal one stays as it is."""
    return exceptions.printable(name)


def _text(number):
    return None if number is None else str(number)


def _date(seconds):
    try:
        return datetime.datetime.fromtimestamp(
            seconds, datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')
    except (OverflowError, ValueError, OSError):
        return str(seconds)
