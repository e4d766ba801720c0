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
"""Operations on the cluster, its pools and its QoS."""

from dsware_sim.cluster import arguments
from dsware_sim.cluster import lookup
from dsware_sim.cluster import model
from dsware_sim.cluster import plan
from dsware_sim import codec
from dsware_sim import codes

VERSION = 'V100R006C30'
# The type that queryPoolType is asked for; simulated pools have no other.
POOL_TYPE = 0


def identify(state, call):
    """Tell the cluster's version."""
    return plan.Plan((codec.encode_record({'version': VERSION}),))


def query_pool(state, call):
    """Tell about one pool."""
    return plan.Plan((lookup.pool(state, call.args['poolId']).line(),))


def query_all_pools(state, call):
    """Tell about all the pools."""
    return plan.Plan([pool.line() for pool in state.pools.values()])


def query_pool_type(state, call):
    """Tell about the pools of one type."""
    if call.args['poolType'] != POOL_TYPE:
        return plan.Plan()
    return query_all_pools(state, call)


def _qos(state, name):
    found = state.qos.get(name)
    if found is None:
        raise codes.Refused(codes.QOS_NOT_EXIST, name)
    return found


def _limits(call):
    return {key: value for key, value in call.args.items()
            if key in model.QOS_FIELDS}


def create_qos(state, call):
    """Make a QoS."""
    name = call.args['qosName']
    if name in state.qos:
        raise codes.Refused(codes.VOLUME_ALREADY_EXIST, 'QoS %s' % name)
    return plan.Plan(events=[['qos', name, _limits(call)]])


def set_qos(state, call):
    """Change some limits of a QoS."""
    qos = _qos(state, call.args['qosName'])
    return plan.Plan(events=[['qos', qos.name, _limits(call)]])


def delete_qos(state, call):
    """Delete a QoS that no volume has."""
    qos = _qos(state, call.args['qosName'])
    if qos.volumes:
        raise codes.Refused(codes.NODE_IN_USE, 'volumes have QoS %s (%d)'
                            % (qos.name, len(qos.volumes)))
    return plan.Plan(events=[['qos_gone', qos.name]])


def associate_qos(state, call):
    """Give a QoS to a volume."""
    qos = _qos(state, call.args['qosName'])
    volume = lookup.volume(state, call.args['volName'])
    if volume.qos and volume.qos != qos.name:
        raise codes.Refused(codes.NODE_IN_USE, '%s has QoS %s'
                            % (volume.name, volume.qos))
    return plan.Plan(events=[['qos_of', volume.name, qos.name]])


def disassociate_qos(state, call):
    """Take a QoS from a volume."""
    qos = _qos(state, call.args['qosName'])
    volume = lookup.volume(state, call.args['volName'])
    if volume.qos != qos.name:
        raise codes.Refused(codes.QOS_NOT_EXIST, '%s does not have QoS %s'
                            % (volume.name, qos.name))
    return plan.Plan(events=[['qos_of', volume.name, '']])


def query_volume_qos(state, call):
    """Tell which QoS a volume has."""
    volume = lookup.volume(state, call.args['volName'])
    limits = state.qos[volume.qos].limits if volume.qos else {}
    fields = {'qosName': volume.qos}
    fields.update((key, limits.get(key, 0)) for key in model.QOS_FIELDS)
    return plan.Plan((codec.encode_record(fields),))


_QOS = {'qosName': arguments.qos_name}
_LIMITS = {key: arguments.limit for key in model.QOS_FIELDS}
_QOS_AND_VOLUME = {**_QOS, 'volName': arguments.volume_name}

OPERATIONS = {
    'getDSwareIdentifier': plan.Operation(identify, {}, modern=True),
    'queryPoolInfo': plan.Operation(query_pool, {'poolId': arguments.pool}),
    'queryAllPoolInfo': plan.Operation(query_all_pools, {}, modern=True),
    'queryPoolType': plan.Operation(
        query_pool_type, {'poolType': arguments.integer}, modern=True),
    'createQoS': plan.Operation(create_qos, _QOS, _LIMITS, changes=True),
    'setQoS': plan.Operation(set_qos, _QOS, _LIMITS, changes=True),
    'deleteQoS': plan.Operation(delete_qos, _QOS, changes=True),
    'associateQoSWithVolume': plan.Operation(
        associate_qos, _QOS_AND_VOLUME, changes=True),
    'disassociateQoSWithVolume': plan.Operation(
        disassociate_qos, _QOS_AND_VOLUME, changes=True),
    'queryVolumeQoSInfo': plan.Operation(
        query_volume_qos, {'volName': arguments.volume_name}),
}
