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
"""Operations on volumes."""

from dsware_sim.cluster import arguments
from dsware_sim.cluster import lookup
from dsware_sim.cluster import model
from dsware_sim.cluster import plan
from dsware_sim import codes


def new_volume(state, call, pool, size, thin, father=''):
    """Make the event that makes a volume.

    :param state: the cluster's state
    :param call: the request
    :param pool: the volume's pool
    :param size: its size
    :param thin: whether it is thin
    :param father: name of the snapshot that it is a linked clone of
    :returns: an event
    """
    return ['volume', {
        'id': state.take_id(), 'name': call.args['volName'], 'pool': pool.id,
        'size': size, 'thin': thin, 'father': father, 'created': call.now,
        'status': model.READY}]


def create_volume(state, call):
    """Make an empty volume."""
    name, size = call.args['volName'], call.args['volSize']
    pool = lookup.pool(state, call.args['poolId'])
    lookup.check_volume_name_free(state, name)
    thin = call.args['thinFlag']
    lookup.check_room(pool, 0 if thin else size)
    return plan.Plan(events=[new_volume(state, call, pool, size, thin)])


def delete_volume(state, call):
    """Delete a volume that nothing refers to."""
    volume = lookup.volume(state, call.args['volName'])
    lookup.check_idle(volume)
    lookup.check_detached(volume)
    if volume.snapshots:
        raise codes.Refused(codes.NODE_IN_USE, '%s has snapshots (%d)'
                            % (volume.name, len(volume.snapshots)))
    return plan.Plan(events=[['volume_gone', volume.name]])


def query_volume(state, call):
    """Tell about one volume."""
    volume = lookup.volume(state, call.args['volName'])
    return plan.Plan((volume.line(not state.single_pool),))


def query_all_volume(state, call):
    """Tell about all the volumes of a pool."""
    pool = lookup.pool(state, call.args['poolId'])
    modern = not state.single_pool
    return plan.Plan(volume.line(modern)
                     for volume in list(pool.volumes.values()))


def expand_volume(state, call):
    """Make a volume larger, attached or not."""
    volume = lookup.volume(state, call.args['volName'])
    size = call.args['volSize']
    lookup.check_sound(volume)
    if size <= volume.size:
        raise codes.Refused(codes.VOLUME_SIZE_INVALID, '%s has %d MiB, %d '
                            'is not more' % (volume.name, volume.size, size))
    needed = 0 if volume.thin else size - volume.size
    lookup.check_room(volume.pool, needed)
    return plan.Plan(events=[['resize', volume.name, size]],
                     work=plan.Grow(volume, size),
                     room=[(volume.pool, needed)])


def create_volume_from_snap(state, call):
    """Make a linked clone of a snapshot."""
    snapshot = lookup.snapshot(state, call.args['snapNameSrc'])
    size = call.args['volSize']
    lookup.check_volume_name_free(state, call.args['volName'])
    lookup.check_sound(snapshot)
    if size < snapshot.size:
        raise codes.Refused(
            codes.VOLUME_SIZE_INVALID, 'snapshot %s has %d MiB, %d is less'
            % (snapshot.name, snapshot.size, size))
    lookup.check_room(snapshot.pool, snapshot.real_size)
    event = new_volume(state, call, snapshot.pool, size, True, snapshot.name)
    copy = plan.Copy(snapshot, event[1]['id'], size)
    return plan.Plan(events=[event], work=plan.CopyAll([copy]),
                     room=[(snapshot.pool, snapshot.real_size)])


def create_full_volume_from_snap(state, call):
    """Start to fill an empty volume from a snapshot."""
    volume = lookup.volume(state, call.args['volName'])
    snapshot = lookup.snapshot(state, call.args['snapName'])
    lookup.check_sound(volume)
    lookup.check_sound(snapshot)
    lookup.check_detached(volume)
    if volume.snapshots or volume.father or volume.real_bytes:
        raise codes.Refused(codes.NODE_TYPE_ERROR,
                            '%s is not an empty volume' % volume.name)
    if volume.size < snapshot.size:
        raise codes.Refused(
            codes.VOLUME_SIZE_INVALID, 'snapshot %s has %d MiB, volume %s '
            '%d, which is less' % (snapshot.name, snapshot.size, volume.name,
                                   volume.size))
    if volume.thin:
        lookup.check_room(volume.pool, snapshot.real_size)
    return plan.Plan(events=[['job', {
        'id': state.take_id(), 'kind': model.FULL_COPY, 'target': volume.name,
        'source': snapshot.name, 'pool': None}]])


def migrate_volume(state, call):
    """Start to move a volume to another pool."""
    volume = lookup.volume(state, call.args['volNameSrc'])
    pool = lookup.pool(state, call.args['poolIdDst'])
    lookup.check_sound(volume)
    lookup.check_detached(volume)
    if volume.snapshots:
        raise codes.Refused(codes.NODE_IN_USE, '%s has snapshots (%d)'
                            % (volume.name, len(volume.snapshots)))
    if pool is volume.pool:
        raise codes.Refused(codes.POOL_ID_OUT_OF_RANGE, '%s is in pool %d '
                            'already' % (volume.name, pool.id))
    coming = sum(job.target.footprint for job in state.jobs.values()
                 if job.pool_id == pool.id)
    lookup.check_room(pool, coming + volume.footprint)
    return plan.Plan(events=[['job', {
        'id': state.take_id(), 'kind': model.MIGRATION, 'target': volume.name,
        'source': '', 'pool': pool.id}]])


OPERATIONS = {
    'createVolume': plan.Operation(
        create_volume,
        {'volName': arguments.volume_name, 'poolId': arguments.pool,
         'volSize': arguments.size, 'thinFlag': arguments.flag},
        changes=True),
    'deleteVolume': plan.Operation(
        delete_volume, {'volName': arguments.volume_name}, changes=True),
    'queryVolume': plan.Operation(
        query_volume, {'volName': arguments.volume_name}),
    'queryAllVolume': plan.Operation(
        query_all_volume, {'poolId': arguments.pool}),
    'expandVolume': plan.Operation(
        expand_volume,
        {'volName': arguments.volume_name, 'volSize': arguments.size},
        changes=True),
    'createVolumeFromSnap': plan.Operation(
        create_volume_from_snap,
        {'volName': arguments.volume_name, 'volSize': arguments.size,
         'snapNameSrc': arguments.snapshot_name}, changes=True),
    'createFullVolumeFromSnap': plan.Operation(
        create_full_volume_from_snap,
        {'volName': arguments.volume_name,
         'snapName': arguments.snapshot_name}, changes=True),
    'migrateVolumeCold': plan.Operation(
        migrate_volume,
        {'volNameSrc': arguments.volume_name, 'poolIdDst': arguments.pool},
        changes=True),
}
