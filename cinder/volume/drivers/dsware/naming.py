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

"""Cinder's objects and the array's: their names, and their errors.

An object that Cinder took over keeps its name on the cluster, because no
published operation renames one. That name is in its provider_id, bound to
the id that Cinder would derive a name from: Cinder copies provider_id to the
records of other volumes (the target of a migration, an entry of its image
cache), and those must never be taken for the original.
"""

import contextlib
import functools

from cinder import exception
from cinder.i18n import _
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import reporting
from cinder.volume.drivers.dsware import result_codes
from cinder.volume import volume_utils

# Between a name on the cluster, which cannot contain it, and an id.
_BINDING = '@'

# Limits that another source, a new snapshot for example, is not subject to.
# Cinder's image cache makes a new entry when it sees SnapshotLimitReached.
_SOURCE_LIMITS = frozenset((
    result_codes.SNAPSHOT_CHILD_TOO_MUCH, result_codes.DUPLICATE_LIMIT,
    result_codes.SNAPSHOT_BEYOND_MAX, result_codes.BRANCH_LEVEL_BEYOND_MAX))

# What is not there is neither a volume nor a snapshot.
_OTHER_OBJECTS = frozenset((
    result_codes.POOL_NOT_EXIST, result_codes.POOL_ID_NOT_IN_USE,
    result_codes.QOS_NOT_EXIST))

# On the object of a new volume: why no more attempts are made to make it.
_DOUBT = '_dsware_doubt'


def volume_name(volume):
    """Name the object on the cluster that a volume is.

    :param volume: the Cinder volume
    :returns: the name that it was taken over with, else the one that Cinder
        derives from its name_id
    """
    return _bound_name(volume, volume.name_id) or volume.name


def is_taken_over(volume):
    """Tell whether a volume has the name that it was taken over with.

    :param volume: the Cinder volume
    """
    return bool(_bound_name(volume, volume.name_id))


def snapshot_name(snapshot):
    """Name the object on the cluster that a snapshot is.

    :param snapshot: the Cinder snapshot
    :returns: the name that it was taken over with, else the one that Cinder
        derives from its id
    """
    return _bound_name(snapshot, snapshot.id) or snapshot.name


def _bound_name(thing, owner):
    name, _binding, bound_to = (thing.provider_id or '').rpartition(_BINDING)
    return name if bound_to == owner else ''


def volume_provider_id(volume, name):
    """Give the provider_id that makes a volume the object of a name.

    :param volume: the Cinder volume
    :param name: the object's name on the cluster
    :returns: for Cinder's database; None when Cinder derives that very name
    """
    return None if name == volume.name else _bind(name, volume.name_id)


def snapshot_provider_id(snapshot, name):
    """Give the provider_id that makes a snapshot the object of a name.

    :param snapshot: the Cinder snapshot
    :param name: the object's name on the cluster
    :returns: for Cinder's database; None when Cinder derives that very name
    """
    return None if name == snapshot.name else _bind(name, snapshot.id)


def bound(name):
    """Give what the provider_id of an object of a name begins with.

    :param name: the object's name on the cluster
    """
    return name + _BINDING


def complete_exchange(volume, other):
    """Let a volume be the object that another one, its copy, has not taken.

    Cinder exchanges both names when it has copied a volume. Where that broke
    off between the two records, both name the same object.

    :param volume: the Cinder volume that gets the other name
    :param other: the Cinder volume that keeps the common one
    """
    if volume.name_id == volume.id:
        volume._name_id = other.id
        volume.provider_id = other.provider_id
    else:
        volume._name_id = None


def _bind(name, owner):
    return bound(name) + owner


def pool_id(host):
    """Read the pool in a host of Cinder, ``HOST@BACKEND#POOL``.

    :param host: the host
    :returns: the id of the pool, or None when the host does not end with one
    """
    pool = volume_utils.extract_host(host, level='pool')
    if pool is None or not (pool.isascii() and pool.isdigit()):
        return None
    return int(pool)


def for_new(volume):
    """Give the update of Cinder's record of a volume that was just created.

    :param volume: the Cinder volume
    :returns: clears a provider_id that Cinder copied from another volume;
        None when there is none
    """
    return {'provider_id': None} if volume.provider_id else None


def described(volume):
    """Name a volume for people.

    :param volume: the Cinder volume
    :returns: Cinder's name, and the one on the cluster when it differs
    """
    return _both(volume.name, volume_name(volume))


def _both(name, on_cluster):
    if name == on_cluster:
        return name
    return _('%(name)s (%(on_cluster)s on the cluster)') % {
        'name': name, 'on_cluster': on_cluster}


def for_volume(volume):
    """Translate errors of a call that acts on a volume.

    :param volume: the Cinder volume, the source of a clone for example
    :returns: a context manager for the call
    :raises VolumeNotFound: it is not on the cluster
    :raises VolumeIsBusy: its state forbids the call
    :raises SnapshotLimitReached: it cannot have more snapshots or clones
    :raises VolumeBackendAPIException: for all other reasons
    """
    return _for_volume(volume, functools.partial(
        exception.VolumeIsBusy, volume_name=volume.name))


def _for_volume(volume, busy):
    return _translated(
        volume.name, volume_name(volume),
        functools.partial(exception.VolumeNotFound, volume_id=volume.id),
        busy)


def for_volumes(volumes):
    """Translate errors of a call that acts on several volumes at once.

    :param volumes: the Cinder volumes; the error tells what it is about
    :returns: a context manager for the call
    :raises VolumeNotFound: one is not on the cluster
    :raises VolumeIsBusy: the state of one forbids the call
    :raises SnapshotLimitReached: one cannot have more snapshots or clones
    :raises VolumeBackendAPIException: for all other reasons
    """
    ids = ', '.join(volume.id for volume in volumes)
    return _translated(
        ids, ids,
        functools.partial(exception.VolumeNotFound, volume_id=ids),
        functools.partial(exception.VolumeIsBusy, volume_name=ids))


@contextlib.contextmanager
def for_creation(volume, is_there=False):
    """Keep Cinder from handing on a creation whose outcome is not certain.

    Cinder tries several ways to make a volume from an image, one after the
    other and with the same object: after the first one that leaves a doubt
    there is no other one.

    :param volume: the new Cinder volume
    :param is_there: whether it is on the cluster, so that every failure
        leaves something there
    :returns: a context manager for the call
    :raises CreationInDoubt: the cluster may have made the volume, or may yet
    """
    if hasattr(volume, _DOUBT):
        raise exceptions.CreationInDoubt(data=getattr(volume, _DOUBT))
    try:
        yield
    except exception.VolumeNotFound:
        # Cinder does not hand that on.
        raise
    except Exception as error:
        if not (is_there or exceptions.is_in_doubt(error)):
            raise
        problem = _('%(name)s stays in status error, because the cluster '
                    'may have made it, or may do so yet. Deleting it removes '
                    'what was made. %(error)s') % {
                        'name': volume.name,
                        'error': reporting.text(error)}
        setattr(volume, _DOUBT, problem)
        raise exceptions.CreationInDoubt(data=problem) from error


def for_extension(volume):
    """Translate errors of the extension of a volume.

    Cinder makes some volumes from images with the size of the image, and
    extends them when the image is in them.

    :param volume: the Cinder volume
    :returns: a context manager for the call
    :raises CreationInDoubt: the volume is not finished yet
    """
    if _is_finished(volume):
        return contextlib.nullcontext()
    return for_creation(volume, is_there=True)


def for_deletion(volume):
    """Translate errors of the deletion of a volume.

    Cinder calls a volume available that is busy, whatever it was before. So
    only one that was available once is busy.

    :param volume: the Cinder volume
    :returns: a context manager for the call
    :raises VolumeIsBusy: its state forbids it, or it has snapshots
    :raises VolumeBackendAPIException: for all other reasons
    """
    if _is_finished(volume):
        return for_volume(volume)
    host = volume_utils.extract_host(volume.host, level='host')
    return _for_volume(volume, lambda message: _unfinished(
        message, _('Its creation was never finished. If it is attached, '
                   'that is most likely to host %s, which was filling it')
        % host))


def _unfinished(message, hint=''):
    # Messages that are translated late refuse to be added.
    return exception.VolumeBackendAPIException(
        data='. '.join(filter(None, (message, hint))))


def _is_finished(volume):
    """Tell whether Cinder has ever called a volume available."""
    return volume.launched_at is not None


def for_snapshot(snapshot):
    """Translate errors of a call that acts on a snapshot.

    :param snapshot: the Cinder snapshot
    :returns: a context manager for the call
    :raises SnapshotNotFound: it is not on the cluster
    :raises SnapshotIsBusy: its state forbids the call
    :raises SnapshotLimitReached: it cannot have more clones
    :raises VolumeBackendAPIException: for all other reasons
    """
    return _for_snapshot(snapshot, functools.partial(
        exception.SnapshotIsBusy, snapshot_name=snapshot.name))


def _for_snapshot(snapshot, busy):
    return _translated(
        snapshot.name, snapshot_name(snapshot),
        functools.partial(exception.SnapshotNotFound,
                          snapshot_id=snapshot.id), busy)


def for_snapshot_deletion(snapshot):
    """Translate errors of the deletion of a snapshot.

    As with volumes, only one that was available once is busy.

    :param snapshot: the Cinder snapshot
    :returns: a context manager for the call
    :raises SnapshotIsBusy: its state forbids it
    :raises VolumeBackendAPIException: for all other reasons
    """
    # Cinder notes no progress of one that is taken over, or of its own.
    if (snapshot.progress == '100%' or snapshot.provider_id
            or not snapshot.use_quota):
        return for_snapshot(snapshot)
    return _for_snapshot(snapshot, _unfinished)


@contextlib.contextmanager
def _translated(name, on_cluster, absent, busy):
    try:
        yield
    except exceptions.ObjectAbsent as error:
        if error.result in _OTHER_OBJECTS:
            raise
        raise absent(_message(name, on_cluster, error)) from error
    except exceptions.ObjectBusy as error:
        raise busy(_message(name, on_cluster, error)) from error
    except exceptions.CapacityExceeded as error:
        if error.result not in _SOURCE_LIMITS:
            raise
        raise exception.SnapshotLimitReached(
            _message(name, on_cluster, error),
            set_limit=_('cluster')) from error


def _message(name, on_cluster, error):
    if name == on_cluster:
        return error.summary
    # The error names the object on the cluster.
    return f'{_both(name, on_cluster)}: {error.summary}'
