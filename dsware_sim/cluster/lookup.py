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
"""Finding objects, and the refusals that many operations share."""

from dsware_sim.cluster import model
from dsware_sim import codes

_BUSY_VOLUME = {
    model.FULL_COPY: codes.VOLUME_IS_DUPLICATING,
    model.ROLLBACK: codes.SNAPSHOT_IS_ROLLING_BACK,
    model.MIGRATION: codes.VOLUME_IS_MIGRATING,
    model.EXCHANGE: codes.VOLUME_IS_MIGRATING,
}


def pool(state, pool_id):
    """Find a pool.

    :param state: the cluster's state
    :param pool_id: its number
    :returns: the pool
    :raises Refused: there is none of that number
    """
    found = state.pools.get(pool_id)
    if found is None:
        raise codes.Refused(codes.POOL_ID_NOT_IN_USE, 'pool %d' % pool_id)
    return found


def volume(state, name):
    """Find a volume.

    :param state: the cluster's state
    :param name: its whole name
    :returns: the volume
    :raises Refused: there is none of that name
    """
    found = state.volumes.get(name)
    if found is None:
        raise codes.Refused(codes.VOLUME_NOT_EXIST, name)
    return found


def snapshot(state, name):
    """Find a snapshot.

    :param state: the cluster's state
    :param name: its whole name
    :returns: the snapshot
    :raises Refused: there is none of that name
    """
    found = state.snapshots.get(name)
    if found is None:
        raise codes.Refused(codes.SNAPSHOT_NOT_EXIST, name)
    return found


def check_volume_name_free(state, name):
    """Refuse a name for a new volume that is taken.

    :param state: the cluster's state
    :param name: the name asked for
    :raises Refused: a volume or a snapshot has it
    """
    if state.find(name) is not None:
        raise codes.Refused(codes.VOLUME_ALREADY_EXIST, name)


def check_snapshot_name_free(state, name):
    """Refuse a name for a new snapshot that is taken.

    :param state: the cluster's state
    :param name: the name asked for
    :raises Refused: a volume or a snapshot has it
    """
    if name in state.snapshots:
        raise codes.Refused(codes.SNAPSHOT_ALREADY_EXIST, name)
    check_volume_name_free(state, name)


def check_idle(item):
    """Refuse an object that is being written by a copy.

    :param item: a volume or a snapshot
    :raises Refused: a copy into it, or its migration, is under way
    """
    if item.job is None:
        return
    code = codes.SNAPSHOT_IS_DUPLICATING
    if item.is_volume:
        code = _BUSY_VOLUME[item.job.kind]
    raise codes.Refused(code, item.name)


def check_sound(item):
    """Refuse an object that cannot be read or used now.

    :param item: a volume or a snapshot
    :raises Refused: it is being written by a copy, or a copy failed
    """
    check_idle(item)
    if item.status == model.FAILED:
        raise codes.Refused(codes.NODE_DATA_IN_BAD_SECTOR,
                            '%s: a copy into it failed' % item.name)


def check_unread(item):
    """Refuse an object that a copy reads.

    :param item: a volume or a snapshot
    :raises Refused: a copy of it is under way
    """
    if not item.readers:
        return
    code = codes.SNAPSHOT_IS_DUPLICATING
    if any(job.source is item and job.kind == model.ROLLBACK
           for job in _jobs_of(item)):
        code = codes.SNAPSHOT_IS_ROLLING_BACK
    raise codes.Refused(code, item.name)


def _jobs_of(item):
    # A rollback's target is the father of the snapshot that is read.
    return [item.father.job] if item.father and item.father.job else []


def check_detached(item):
    """Refuse an object that is attached.

    :param item: a volume or a snapshot
    :raises Refused: it is attached somewhere
    """
    if item.attachments:
        raise codes.Refused(codes.NODE_IN_USE, '%s is attached to %s' % (
            item.name, ', '.join(sorted(item.attachments))))


def check_room(target, needed):
    """Refuse what a pool has no room for.

    :param target: the pool
    :param needed: MiB that would be used; even with none, a full pool
                   takes no new object
    :raises Refused: the pool has less
    """
    if target.free < max(needed, 1):
        raise codes.Refused(
            codes.SPACE_NOT_ENOUGH, 'pool %d has %d MiB free, %d asked for'
            % (target.id, target.free, needed))
