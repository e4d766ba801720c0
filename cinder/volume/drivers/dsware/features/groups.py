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

"""Groups of volumes whose snapshots are of one point in time.

A group exists in Cinder only: nothing published makes one on a cluster. What
the cluster does is snapshots of several volumes at one point in time.
"""

import contextlib

from oslo_log import log as logging
from oslo_utils import excutils
from oslo_utils import timeutils

from cinder import exception
from cinder.objects import fields
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import failures
from cinder.volume.drivers.dsware.features import volume_types
from cinder.volume.drivers.dsware import naming
from cinder.volume.drivers.dsware import reporting
from cinder.volume import volume_utils

LOG = logging.getLogger(__name__)


class Groups:
    """Does with groups what Cinder asks for.

    The snapshots of a group whose type does not have
    ``consistent_group_snapshot_enabled = <is> True`` are made one after the
    other. Cinder would do that too, but leave what it has made when one
    cannot be made, and forget members that are in use when a group goes.

    :param backend: the :class:`config.Backend`
    :param volumes: the :class:`volumes.Volumes`
    :param limiter: the :class:`qos.Limiter`
    """

    def __init__(self, backend, volumes, limiter):
        self._array = backend.array
        self._configuration = backend.configuration
        self._volumes = volumes
        self._limiter = limiter

    def delete(self, volumes):
        return _delete_each(volumes, self._volumes.delete)

    def create_snapshot(self, group_snapshot, snapshots):
        if volume_utils.is_group_a_cg_snapshot_type(group_snapshot):
            self._snapshot_together(snapshots)
        else:
            _make_each(self._volumes.create_snapshot,
                       self._volumes.delete_snapshot, snapshots)
        return ({'status': fields.GroupSnapshotStatus.AVAILABLE},
                [{'id': snapshot.id,
                  'status': fields.SnapshotStatus.AVAILABLE}
                 for snapshot in snapshots])

    def _snapshot_together(self, snapshots):
        with failures.for_volume(*(s.volume for s in snapshots)):
            self._array.snapshots.together({
                naming.snapshot_name(snapshot):
                    naming.volume_name(snapshot.volume)
                for snapshot in snapshots})

    def delete_snapshot(self, snapshots):
        return _delete_each(snapshots, self._volumes.delete_snapshot)

    def create_from_source(self, group, volumes, snapshots, source_vols):
        """Make the volumes of a group, from snapshots or from volumes."""
        sources = ([snapshot.volume for snapshot in snapshots]
                   if snapshots else source_vols)
        for volume, source in zip(volumes, sources):
            # Types that are not valid are refused before anything is made.
            volume_types.wishes(volume, self._configuration)
            self._limiter.wanted(volume)
            _move_to_pool_of(volume, source)
        if snapshots:
            _make_each(self._volumes.create_from_snapshot,
                       self._volumes.delete, volumes, snapshots)
        elif volume_utils.is_group_a_cg_snapshot_type(group):
            self._clone_together(volumes, source_vols)
        else:
            _make_each(self._volumes.clone, self._volumes.delete, volumes,
                       source_vols)
        # Cinder itself notes of no such volume that it was made.
        now = timeutils.utcnow()
        return {'status': fields.GroupStatus.AVAILABLE}, [
            {**(naming.for_new(volume) or {}), 'id': volume.id,
             'host': volume.host, 'status': fields.VolumeStatus.AVAILABLE,
             'launched_at': now} for volume in volumes]

    def _clone_together(self, volumes, source_vols):
        members = {naming.volume_name(volume): volume for volume in volumes}

        def make(name, snapshot):
            volume = members[name]
            with self._limiter.of_new(volume):
                self._volumes.make_from(volume, snapshot)
            made.append(volume)

        with (_all_or_none(self._volumes.delete) as made,
              failures.for_volume(*source_vols)):
            self._array.copies.clone_together(dict(zip(
                members, map(naming.volume_name, source_vols))), make)


def _make_each(make, delete, items, *sources):
    """Make the members of a group one after the other, all or none."""
    with _all_or_none(delete) as made:
        for item, *source in zip(items, *sources):
            make(item, *source)
            made.append(item)


@contextlib.contextmanager
def _all_or_none(delete):
    """Delete what has been made of a group, if the block fails.

    :param delete: deletes a Cinder volume or snapshot
    :returns: a context manager whose value is the list of what was made
    """
    made = []
    try:
        yield made
    except BaseException:
        with excutils.save_and_reraise_exception():
            _delete_each(made, delete)


def _move_to_pool_of(volume, source):
    """Let a volume be in the pool of its source.

    The scheduler chooses no pool for a volume of a group that is made from
    another one: Cinder gives all of them the pool that the group has. A
    linked clone is always in the pool of its source.
    """
    pool = volume_utils.extract_host(source.host, level='pool')
    backend = volume_utils.extract_host(volume.host, level='backend')
    volume.host = volume_utils.append_host(backend, pool)


def _delete_each(items, delete):
    """Delete the members of a group, as many as possible.

    :param items: Cinder volumes or snapshots
    :param delete: called with each one
    :returns: the model updates of the group and of each member. Cinder
        forgets all the members unless that of the group is an error.
    """
    statuses = {}
    unreachable = False
    for item in items:
        if unreachable:
            # Each of the others would have to wait as long.
            statuses[item.id] = 'error_deleting'
            continue
        try:
            delete(item)
            statuses[item.id] = 'deleted'
        except (exception.VolumeIsBusy, exception.SnapshotIsBusy) as error:
            reporting.log_once(
                LOG, logging.ERROR, error,
                f'{item.name} of a group is not deleted and stays '
                f'available.')
            statuses[item.id] = 'available'
        except exception.CinderException as error:
            reporting.log_once(
                LOG, logging.ERROR, error,
                f'{item.name} of a group is not deleted; delete it again.')
            statuses[item.id] = 'error_deleting'
            unreachable = isinstance(error, exceptions.EndpointUnavailable)
    deleted = set(statuses.values()) <= {'deleted'}
    return ({'status': 'deleted' if deleted else 'error'},
            [{'id': id_, 'status': status}
             for id_, status in statuses.items()])
