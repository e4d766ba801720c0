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

"""Errors of the array as the errors that Cinder expects."""

import contextlib
import functools

from oslo_log import log as logging

from cinder import exception
from cinder.i18n import _
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import result_codes

LOG = logging.getLogger(__name__)

# Limits that another source, a new snapshot for example, is not subject to.
# Cinder's image cache makes a new entry when it sees SnapshotLimitReached.
_SOURCE_LIMITS = frozenset((
    result_codes.SNAPSHOT_CHILD_TOO_MUCH, result_codes.DUPLICATE_LIMIT,
    result_codes.SNAPSHOT_BEYOND_MAX, result_codes.BRANCH_LEVEL_BEYOND_MAX))

# What is not there is neither a volume nor a snapshot.
_OTHER_OBJECTS = frozenset((
    result_codes.POOL_NOT_EXIST, result_codes.POOL_ID_NOT_IN_USE,
    result_codes.QOS_NOT_EXIST))


def for_volume(volume):
    """Translate errors of a call that acts on a volume.

    :param volume: the Cinder volume, the source of a clone for example
    :returns: a context manager for the call
    :raises VolumeNotFound: it is not on the cluster
    :raises VolumeIsBusy: its state forbids the call
    :raises SnapshotLimitReached: it cannot have more snapshots or clones
    :raises VolumeBackendAPIException: for all other reasons
    """
    return _translated(
        functools.partial(exception.VolumeNotFound, volume_id=volume.id),
        functools.partial(exception.VolumeIsBusy, volume_name=volume.name))


def for_snapshot(snapshot):
    """Translate errors of a call that acts on a snapshot.

    :param snapshot: the Cinder snapshot
    :returns: a context manager for the call
    :raises SnapshotNotFound: it is not on the cluster
    :raises SnapshotIsBusy: its state forbids the call
    :raises SnapshotLimitReached: it cannot have more clones
    :raises VolumeBackendAPIException: for all other reasons
    """
    return _translated(
        functools.partial(exception.SnapshotNotFound,
                          snapshot_id=snapshot.id),
        functools.partial(exception.SnapshotIsBusy,
                          snapshot_name=snapshot.name))


@contextlib.contextmanager
def _translated(absent, busy):
    try:
        yield
    except exceptions.ObjectAbsent as error:
        if error.result in _OTHER_OBJECTS:
            raise
        _log(error)
        raise absent(error.msg) from error
    except exceptions.ObjectBusy as error:
        _log(error)
        raise busy(error.msg) from error
    except exceptions.CapacityExceeded as error:
        if error.result not in _SOURCE_LIMITS:
            raise
        _log(error)
        raise exception.SnapshotLimitReached(
            error.msg, set_limit=_('cluster')) from error


def _log(error):
    # These of Cinder's errors are shown to users with a text of their own.
    LOG.error('%s', error)
