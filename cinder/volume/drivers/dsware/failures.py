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

"""Errors of the cluster: what Cinder gets for them, and one record each.

Cinder's manager logs the exceptions of its drivers, some with a traceback
and some, like those that only say that something is busy, without what the
cluster said. So the driver tells every failure that came from the cluster
itself, once.
"""

import contextlib
import functools
import inspect
import re
import time

from oslo_log import log as logging

from cinder import exception
from cinder.i18n import _
from cinder.objects import base
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import naming
from cinder.volume.drivers.dsware import reporting
from cinder.volume.drivers.dsware import result_codes
from cinder.volume import volume_utils

LOG = logging.getLogger(__name__)

_UPPER = re.compile('([A-Z])')
_SOURCE_LIMITS = frozenset((
    result_codes.SNAPSHOT_CHILD_TOO_MUCH, result_codes.DUPLICATE_LIMIT,
    result_codes.SNAPSHOT_BEYOND_MAX, result_codes.BRANCH_LEVEL_BEYOND_MAX))

# What is not there is neither a volume nor a snapshot.
_OTHER_OBJECTS = frozenset((
    result_codes.POOL_NOT_EXIST, result_codes.POOL_ID_NOT_IN_USE,
    result_codes.QOS_NOT_EXIST))

# On the object of a new volume: why no more attempts are made to make it.
_DOUBT = '_dsware_doubt'


def logged(method):
    """Log an operation that Cinder asks a driver for, and its failures.

    That it begins tells what a service was at that died.

    :param method: of the driver
    """
    @functools.wraps(method)
    def wrapper(self, *args, **kwargs):
        started = time.monotonic()
        given = *args, *kwargs.values()
        if LOG.isEnabledFor(logging.DEBUG):
            LOG.debug('%s begins.', _about(method.__name__, given))
        try:
            return method(self, *args, **kwargs)
        except Exception as error:
            # What is not the cluster's word is logged by Cinder's manager.
            if reporting.source_of(error) is not None:
                reporting.log_once(
                    LOG, logging.ERROR, error,
                    f'{_about(method.__name__, given)} is given up after '
                    f'{time.monotonic() - started:.1f} s; Cinder gets '
                    f'{type(error).__name__}.')
            raise

    # For those who look at a driver's parameters without unwrapping.
    wrapper.__signature__ = inspect.signature(method)
    return wrapper


def _about(operation, args):
    """Name an operation and the first of Cinder's objects it is given."""
    for arg in args:
        # A list of volumes is an object, too.
        if isinstance(arg, base.CinderObject) and 'id' in arg.fields:
            kind = _UPPER.sub(r' \1', arg.obj_name()).strip().lower()
            return f'{operation} of {kind} {arg.id}'
    return operation


def for_volume(*volumes, busy=None):
    """Translate errors of a call that acts on a volume, or on several.

    :param volumes: the Cinder volumes, the source of a clone for example
    :param busy: makes an exception of a message, in place of VolumeIsBusy
    :returns: a context manager for the call
    :raises VolumeNotFound: one is not on the cluster
    :raises VolumeIsBusy: the state of one forbids the call
    :raises SnapshotLimitReached: one cannot have more snapshots or clones
    :raises VolumeBackendAPIException: for all other reasons
    """
    name = ', '.join(volume.name for volume in volumes)
    return _translated(
        name, ', '.join(map(naming.volume_name, volumes)),
        functools.partial(exception.VolumeNotFound, volume_id=', '.join(
            volume.id for volume in volumes)),
        busy or functools.partial(exception.VolumeIsBusy, volume_name=name))


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
    return for_volume(volume, busy=lambda message: _unfinished(
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


def for_snapshot(snapshot, busy=None):
    """Translate errors of a call that acts on a snapshot.

    :param snapshot: the Cinder snapshot
    :param busy: makes an exception of a message, in place of SnapshotIsBusy
    :returns: a context manager for the call
    :raises SnapshotNotFound: it is not on the cluster
    :raises SnapshotIsBusy: its state forbids the call
    :raises SnapshotLimitReached: it cannot have more clones
    :raises VolumeBackendAPIException: for all other reasons
    """
    return _translated(
        snapshot.name, naming.snapshot_name(snapshot),
        functools.partial(exception.SnapshotNotFound,
                          snapshot_id=snapshot.id),
        busy or functools.partial(exception.SnapshotIsBusy,
                                  snapshot_name=snapshot.name))


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
    return for_snapshot(snapshot, busy=_unfinished)


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
    return f'{naming.both(name, on_cluster)}: {error.summary}'
