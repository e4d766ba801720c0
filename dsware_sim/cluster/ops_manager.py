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
"""Operations that only the manager has: what its REST interface tells.

Two volumes exchange their places: the one that moves keeps its name, number
and bytes and is in the other's pool afterwards, and the other in its. What
the manager tells of that stays until it is told to forget it.
"""

from dsware_sim.cluster import arguments
from dsware_sim.cluster import lookup
from dsware_sim.cluster import model
from dsware_sim.cluster import plan
from dsware_sim import codes


def cancel_rollback(state, call):
    """Stop a rollback, which leaves its volume neither old nor new."""
    snapshot = lookup.snapshot(state, call.args['snapName'])
    job = snapshot.father.job if snapshot.father else None
    if job is None or job.source is not snapshot:
        raise codes.Refused(codes.OPERATION_NOT_SUPPORTED,
                            'no rollback to %s is under way' % snapshot.name)
    return plan.Plan(events=[['job_cancelled', job.id, call.now]])


def exchange_volumes(state, call):
    """Start to let a volume and one made for it exchange their places."""
    volume = lookup.volume(state, call.args['volNameSrc'])
    other = lookup.volume(state, call.args['volNameDst'])
    if volume is other:
        raise codes.Refused(codes.VOLUME_TYPE_MISMATCH,
                            '%s with itself' % volume.name)
    if volume.id in state.exchanges:
        raise codes.Refused(codes.VOLUME_IS_MIGRATING, volume.name)
    for item in (volume, other):
        lookup.check_sound(item)
        lookup.check_detached(item)
        if item.snapshots:
            raise codes.Refused(codes.NODE_IN_USE, '%s has snapshots (%d)'
                                % (item.name, len(item.snapshots)))
    if other.father or other.real_bytes:
        raise codes.Refused(codes.NODE_TYPE_ERROR,
                            '%s is not an empty volume' % other.name)
    if other.size != volume.size:
        raise codes.Refused(
            codes.VOLUME_SIZE_INVALID, '%s has %d MiB, %s %d'
            % (volume.name, volume.size, other.name, other.size))
    if other.pool is volume.pool:
        raise codes.Refused(codes.POOL_ID_OUT_OF_RANGE, '%s is in pool %d '
                            'already' % (volume.name, volume.pool.id))
    lookup.check_room(other.pool, volume.real_size)
    return plan.Plan(events=[['job', {
        'id': state.take_id(), 'kind': model.EXCHANGE, 'target': volume.name,
        'source': other.name, 'pool': None}]])


def _exchange(state, call):
    number = call.args['volId']
    if number not in state.exchanges:
        raise codes.Refused(codes.OPERATION_NOT_SUPPORTED,
                            'no migration of volume %d is known' % number)
    return state.exchanges[number]


def query_exchange(state, call):
    """Tell how far an exchange is."""
    return plan.Plan((_exchange(state, call).line(),))


def forget_exchange(state, call):
    """Forget an exchange; one that is under way ends with no effect."""
    exchange = _exchange(state, call)
    events = [['exchange_gone', exchange.volume_id]]
    if exchange.state == 'running':
        job = state.by_id[exchange.volume_id].job
        events.insert(0, ['job_cancelled', job.id, call.now])
    return plan.Plan(events=events)


OPERATIONS = {
    'cancelRollback': plan.Operation(
        cancel_rollback, {'snapName': arguments.snapshot_name}, changes=True,
        manager=True),
    'exchangeVolumes': plan.Operation(
        exchange_volumes,
        {'volNameSrc': arguments.volume_name,
         'volNameDst': arguments.volume_name}, changes=True, manager=True),
    'queryExchange': plan.Operation(
        query_exchange, {'volId': arguments.integer}, manager=True),
    'forgetExchange': plan.Operation(
        forget_exchange, {'volId': arguments.integer}, changes=True,
        manager=True),
}
