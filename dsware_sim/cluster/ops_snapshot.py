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
"""Operations on snapshots."""

import collections

from dsware_sim.cluster import arguments
from dsware_sim.cluster import lookup
from dsware_sim.cluster import model
from dsware_sim.cluster import plan
from dsware_sim import codes


def _new_snapshot(call, number, name, source, pool, father):
    return ['snapshot', {
        'id': number, 'name': name, 'pool': pool.id, 'size': source.size,
        'father': father, 'created': call.now, 'status': model.READY}]


def _check_can_snapshot(state, volume_name, snapshot_name):
    if volume_name in state.snapshots:
        raise codes.Refused(codes.SNAPSHOT_SOURCE_TYPE_INVALID,
                            '%s is a snapshot' % volume_name)
    volume = lookup.volume(state, volume_name)
    lookup.check_snapshot_name_free(state, snapshot_name)
    lookup.check_sound(volume)
    lookup.check_room(volume.pool, volume.real_size)
    return volume


def create_snapshot(state, call):
    """Make a snapshot of a volume, at once."""
    return _snapshots(state, call, [call.args['volName']],
                      [call.args['snapName']])


def active_snapshots(state, call):
    """Make snapshots of several volumes at one point in time, or none."""
    volumes, names = call.args['volNameList'], call.args['snapNameList']
    if len(volumes) != len(names):
        raise codes.Refused(
            codes.COMMAND_FORMAT_ERROR, 'there are %d in volNameList and '
            '%d in snapNameList' % (len(volumes), len(names)))
    if len(set(names)) != len(names) or len(set(volumes)) != len(volumes):
        raise codes.Refused(codes.COMMAND_FORMAT_ERROR,
                            'a name is listed twice')
    return _snapshots(state, call, volumes, names)


def _snapshots(state, call, volume_names, names):
    copies, events, needed = [], [], collections.Counter()
    for volume_name, name in zip(volume_names, names):
        volume = _check_can_snapshot(state, volume_name, name)
        needed[volume.pool] += volume.real_size
        number = state.take_id()
        events.append(_new_snapshot(call, number, name, volume, volume.pool,
                                    volume.name))
        copies.append(plan.Copy(volume, number, volume.size))
    for pool, mib in needed.items():
        lookup.check_room(pool, mib)
    return plan.Plan(events=events, work=plan.CopyAll(copies),
                     room=list(needed.items()))


def delete_snapshot(state, call):
    """Delete a snapshot; its linked clones live on."""
    snapshot = lookup.snapshot(state, call.args['snapName'])
    lookup.check_idle(snapshot)
    lookup.check_unread(snapshot)
    lookup.check_detached(snapshot)
    return plan.Plan(events=[['snapshot_gone', snapshot.name]])


def query_snapshot(state, call):
    """Tell about one snapshot."""
    snapshot = lookup.snapshot(state, call.args['snapName'])
    return plan.Plan((snapshot.line(not state.single_pool),))


def query_all_snapshot(state, call):
    """Tell about all the snapshots of a pool."""
    pool = lookup.pool(state, call.args['poolId'])
    modern = not state.single_pool
    return plan.Plan(snapshot.line(modern)
                     for snapshot in list(pool.snapshots.values()))


def query_snap_of_volume(state, call):
    """Tell about the snapshots of one volume."""
    volume = lookup.volume(state, call.args['volName'])
    if not volume.snapshots:
        raise codes.Refused(codes.VOLUME_HAS_NO_SNAPSHOT, volume.name)
    modern = not state.single_pool
    return plan.Plan(snapshot.line(modern)
                     for snapshot in list(volume.snapshots.values()))


def query_volume_of_snap(state, call):
    """Tell about the linked clones of one snapshot."""
    snapshot = lookup.snapshot(state, call.args['snapName'])
    if not snapshot.clones:
        raise codes.Refused(codes.SNAPSHOT_HAS_NO_VOLUME, snapshot.name)
    modern = not state.single_pool
    return plan.Plan(volume.line(modern)
                     for volume in list(snapshot.clones.values()))


def duplicate_snapshot(state, call):
    """Start to copy a snapshot."""
    source = lookup.snapshot(state, call.args['snapNameSrc'])
    name = call.args['snapNameDst']
    pool = lookup.pool(state, call.args['poolId'])
    lookup.check_snapshot_name_free(state, name)
    lookup.check_sound(source)
    full = call.args['fullCopyFlag']
    if pool is not source.pool and not full:
        raise codes.Refused(codes.COMMAND_FORMAT_ERROR, 'only a full copy '
                            'can be in another pool than its source')
    lookup.check_room(pool, source.real_size)
    father = '' if full else source.father_name
    number = state.take_id()
    return plan.Plan(events=[
        _new_snapshot(call, number, name, source, pool, father),
        ['job', {'id': state.take_id(), 'kind': model.DUPLICATE,
                 'target': name, 'source': source.name, 'pool': None}]])


def rollback_snapshot(state, call):
    """Start to put a volume back to what a snapshot of it holds."""
    volume = lookup.volume(state, call.args['volName'])
    snapshot = lookup.snapshot(state, call.args['snapName'])
    if snapshot.father is not volume:
        raise codes.Refused(codes.SNAPSHOT_VOLUME_MISMATCH,
                            '%s is not a snapshot of %s'
                            % (snapshot.name, volume.name))
    lookup.check_idle(volume)
    lookup.check_sound(snapshot)
    lookup.check_detached(volume)
    if volume.thin:
        lookup.check_room(volume.pool,
                          max(0, snapshot.real_size - volume.real_size))
    elif snapshot.size > volume.size:
        lookup.check_room(volume.pool, snapshot.size - volume.size)
    return plan.Plan(events=[['job', {
        'id': state.take_id(), 'kind': model.ROLLBACK, 'target': volume.name,
        'source': snapshot.name, 'pool': None}]])


OPERATIONS = {
    'createSnapshot': plan.Operation(
        create_snapshot,
        {'volName': arguments.volume_name,
         'snapName': arguments.snapshot_name},
        {'smartFlag': arguments.integer}, changes=True),
    'activeSnapshots': plan.Operation(
        active_snapshots,
        {'volNameList': arguments.volume_names,
         'snapNameList': arguments.snapshot_names},
        {'smartFlag': arguments.integer}, changes=True),
    'deleteSnapshot': plan.Operation(
        delete_snapshot, {'snapName': arguments.snapshot_name},
        changes=True),
    'querySnapshot': plan.Operation(
        query_snapshot, {'snapName': arguments.snapshot_name}),
    'queryAllSnapshot': plan.Operation(
        query_all_snapshot, {'poolId': arguments.pool}),
    'querySnapOfVolume': plan.Operation(
        query_snap_of_volume, {'volName': arguments.volume_name}),
    'queryVolumeOfSnap': plan.Operation(
        query_volume_of_snap, {'snapName': arguments.snapshot_name}),
    'duplicateSnapshot': plan.Operation(
        duplicate_snapshot,
        {'snapNameSrc': arguments.snapshot_name,
         'snapNameDst': arguments.snapshot_name, 'poolId': arguments.pool,
         'fullCopyFlag': arguments.flag},
        {'smartFlag': arguments.integer}, changes=True),
    'rollbackSnapshot': plan.Operation(
        rollback_snapshot,
        {'snapName': arguments.snapshot_name,
         'volName': arguments.volume_name}, changes=True),
}
