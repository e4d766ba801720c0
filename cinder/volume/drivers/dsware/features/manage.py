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

import datetime
import operator

from oslo_log import log as logging
from oslo_utils import excutils

from cinder import coordination
from cinder import exception
from cinder.i18n import _
from cinder.volume.drivers.dsware.array import models
from cinder.volume.drivers.dsware.array import names
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import failures
from cinder.volume.drivers.dsware.features import owners
from cinder.volume.drivers.dsware.features import volume_types
from cinder.volume.drivers.dsware import naming
from cinder.volume import volume_utils

LOG = logging.getLogger(__name__)

# The key in a reference, as in Cinder's own drivers.
_SOURCE_NAME = 'source-name'
# Who manages an object takes turns with all services of the deployment.
_LOCK = 'dsware-manage-{name}'
_ORDERS = {'size': operator.itemgetter('size'),
           'reference': lambda entry: entry['reference'][_SOURCE_NAME]}


def whole_gib(mib: int) -> int:
    """Convert a size in MiB, rounding up as Cinder asks for."""
    return -(-mib // models.MIB_PER_GIB)


class Manage:
    """Makes Cinder's what is on the cluster already.

    :param backend: the :class:`config.Backend`
    :param pools: the :class:`stats.PoolWatch`
    :param limiter: the :class:`qos.Limiter`
    """

    def __init__(self, backend, pools, limiter):
        self._array = backend.array
        self._configuration = backend.configuration
        self._pools = pools
        self._limiter = limiter

    # -- volumes ----------------------------------------------------------

    def size_of_volume(self, volume, existing_ref):
        return whole_gib(
            self._manageable_volume(volume, existing_ref).size)

    def take_over_volume(self, volume, existing_ref):
        """Make a volume on the cluster a Cinder volume.

        One whose size is no whole number of GiB grows to the next one, so
        that Cinder's size is true.
        """
        found = self._manageable_volume(volume, existing_ref)
        return self._claim_volume(found.name, volume, found)

    @coordination.synchronized(_LOCK)
    def _claim_volume(self, name, volume, found):
        _check_owner(name, owners.volume_owner)
        # As Cinder's will be when all has gone well: the limits depend on the
        # size.
        managed = volume.obj_clone()
        managed.provider_id = naming.volume_provider_id(volume, name)
        managed.size = whole_gib(found.size)
        with failures.for_volume(managed):
            before = self._limiter.apply(managed,
                                         self._limiter.wanted(managed))
            try:
                # Nobody can make it smaller again.
                self._grow(found)
                return _claimed(volume, managed.provider_id)
            except BaseException:
                with excutils.save_and_reraise_exception():
                    self._array.qos.give_back(name, before)

    def _grow(self, found):
        size = whole_gib(found.size) * models.MIB_PER_GIB
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
        pool = naming.pool_of(volume)
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
        self._limiter.wanted(volume, size=whole_gib(found.size))
        return found

    def _why_no_volume(self, name):
        if self._array.queries.snapshot(name) is not None:
            return _('it is a snapshot on the cluster, not a volume')
        return _('the cluster has no volume of that name')

    def _check_type(self, volume, found):
        wishes = volume_types.wishes(volume, self._configuration)
        # Published records do not tell whether a volume is thin; a linked
        # clone is.
        if volume.volume_type and found.father and not wishes.thin:
            raise exception.ManageExistingVolumeTypeMismatch(reason=_(
                'volume %(name)s is a linked clone, which is thin, and type '
                '%(type)s makes thick volumes') % {
                    'name': found.name, 'type': volume.volume_type.name})

    def list_volumes(self, cinder_volumes, *page):
        """List the volumes in the pools of this backend.

        What belongs to other backends of this Cinder is told apart, too.
        """
        chosen = self._choose(self._array.queries.volumes_of_pool, page)
        managed = _managed(cinder_volumes, naming.volume_name, chosen,
                           owners.volume_owners)
        return [_entry(found, managed, _volume_info(found))
                for found in chosen]

    # -- snapshots --------------------------------------------------------

    def size_of_snapshot(self, snapshot, existing_ref):
        return whole_gib(
            self._manageable_snapshot(snapshot, existing_ref).size)

    def take_over_snapshot(self, snapshot, existing_ref):
        """Make a snapshot on the cluster a Cinder snapshot."""
        found = self._manageable_snapshot(snapshot, existing_ref)
        return self._claim_snapshot(found.name, snapshot)

    @coordination.synchronized(_LOCK)
    def _claim_snapshot(self, name, snapshot):
        _check_owner(name, owners.snapshot_owner)
        return _claimed(snapshot, naming.snapshot_provider_id(snapshot, name))

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

    def list_snapshots(self, cinder_snapshots, *page):
        """List the snapshots in the pools of this backend."""
        chosen = self._choose(self._array.queries.snapshots_of_pool, page)
        managed = _managed(cinder_snapshots, naming.snapshot_name,
                           chosen, owners.snapshot_owners)
        return [dict(_entry(found, managed, _info(found)),
                     source_reference=_reference(found.father))
                for found in chosen]

    # -- both -------------------------------------------------------------

    def _choose(self, listing, page):
        """Choose the objects of one page."""
        pools = [pool.pool_id for pool in self._pools.query()]
        try:
            return _chosen(listing, pools, *page)
        except exceptions.NO_ANSWER as error:
            # A listing that broke off is not taken up again half way.
            LOG.info('%s The listing is begun anew.', error)
            return _chosen(listing, pools, *page)


def _chosen(listing, pools, marker, limit, offset, keys, directions):
    entries = [{'reference': _reference(found.name),
                'size': whole_gib(found.size), 'found': found}
               for pool in pools for found in listing(pool)]
    # What is equal then stays in the order of the names, so that each has
    # but one place; and Cinder compares far less of what is sorted already.
    entries.sort(key=lambda entry: entry['found'].name)
    for key, direction in reversed(list(zip(keys, directions))):
        entries.sort(key=_ORDERS[key], reverse=direction == 'desc')
    return [entry['found'] for entry in volume_utils.paginate_entries_list(
        entries, marker, limit, offset, keys, directions)]


def _claimed(thing, provider_id):
    """Note whose an object is before others, who wait for the lock, look.

    Cinder itself notes it when the driver has returned, which may be too late.
    """
    thing.provider_id = provider_id
    thing.save()
    return {'provider_id': provider_id}


def _refused(reference, reason):
    return exception.ManageExistingInvalidReference(existing_ref=reference,
                                                    reason=reason)


def _legal_name(reference, what):
    name = (reference.get(_SOURCE_NAME) if isinstance(reference, dict)
            else None)
    if not isinstance(name, str) or not name:
        raise _refused(reference, _(
            'it must have source-name, the name of the %s on the Dsware '
            'cluster') % what)
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
        return _('It exists only while Cinder clones or moves a volume.')
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
    return {'reference': _reference(found.name),
            'size': whole_gib(found.size),
            'safe_to_manage': reason is None,
            'reason_not_safe': reason,
            'cinder_id': cinder_id,
            'extra_info': info}


def _volume_info(found):
    lun_id = None if found.lun_id is None else str(found.lun_id)
    return dict(_info(found), lun_id=lun_id,
                linked_clone_of=_shown(found.father or '') or None)


def _info(found):
    # Cinder takes texts only, and its API shows them as they are.
    return {'pool': str(found.pool_id), 'size_mib': str(found.size),
            'created_at': _date(found.create_time), 'wwn': found.wwn or None}


def _reference(name):
    return {_SOURCE_NAME: _shown(name)}


def _shown(name):
    """Make a name fit for a terminal; a legal one stays as it is."""
    return exceptions.printable(name)


def _date(seconds):
    try:
        return datetime.datetime.fromtimestamp(
            seconds, datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')
    except (OverflowError, ValueError, OSError):
        return str(seconds)
