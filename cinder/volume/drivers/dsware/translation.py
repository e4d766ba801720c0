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


@contextlib.contextmanager
def for_volume(volume):
    """Translate errors of a call that acts on a volume.

    :param volume: the Cinder volume, the source of a clone for example
    :raises VolumeNotFound: it is not on the cluster
    :raises VolumeIsBusy: its state forbids the call
    :raises SnapshotLimitReached: it cannot have more snapshots or clones
    :raises VolumeBackendAPIException: for all other reasons
    """
    try:
        yield
    except exceptions.ObjectAbsent as error:
        if error.result in _OTHER_OBJECTS:
            raise
        _log(error)
        raise exception.VolumeNotFound(
            error.msg, volume_id=volume.id) from error
    except exceptions.ObjectBusy as error:
        _log(error)
        raise exception.VolumeIsBusy(
            error.msg, volume_name=volume.name) from error
    except exceptions.CapacityExceeded as error:
        _raise_limit(error)


@contextlib.contextmanager
def for_snapshot(snapshot):
    """Translate errors of a call that acts on a snapshot.

    :param snapshot: the Cinder snapshot
    :raises SnapshotNotFound: it is not on the cluster
    :raises SnapshotIsBusy: its state forbids the call
    :raises SnapshotLimitReached: it cannot have more clones
    :raises VolumeBackendAPIException: for all other reasons
    """
    try:
        yield
    except exceptions.ObjectAbsent as error:
        if error.result in _OTHER_OBJECTS:
            raise
        _log(error)
        raise exception.SnapshotNotFound(
            error.msg, snapshot_id=snapshot.id) from error
    except exceptions.ObjectBusy as error:
        _log(error)
        raise exception.SnapshotIsBusy(
            error.msg, snapshot_name=snapshot.name) from error
    except exceptions.CapacityExceeded as error:
        _raise_limit(error)


def _log(error):
    # These of Cinder's errors are shown to users with a text of their own.
    LOG.error('%s', error)


def _raise_limit(error):
    if error.result not in _SOURCE_LIMITS:
        raise error
    _log(error)
    raise exception.SnapshotLimitReached(
        error.msg, set_limit=_('cluster')) from error
