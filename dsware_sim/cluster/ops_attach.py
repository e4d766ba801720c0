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
"""Attaching to and detaching from hosts.

What is published of detaching says nothing about a device that is still
open. Here detachVolume answers NODE_IN_USE then and changes nothing, so that
a host never loses a device under a program that writes to it; only
detachVolumeByIp, which is for hosts that are gone, detaches all the same.
"""

from dsware_sim.cluster import arguments
from dsware_sim.cluster import lookup
from dsware_sim.cluster import plan
from dsware_sim import codec
from dsware_sim import codes


def attach_volume(state, call):
    """Attach a volume, or a snapshot read-only, to the agent's host."""
    name = call.args['volName']
    item = state.find(name)
    if item is None:
        raise codes.Refused(codes.VOLUME_OR_SNAPSHOT_NOT_EXIST, name)
    if call.agent in item.attachments:
        raise codes.Refused(codes.VOLUME_HAS_ATTACHED, '%s is %s on %s' % (
            name, item.attachments[call.agent], call.agent))
    lookup.check_sound(item)

    def finish(device):
        return ([['attach', call.agent, name, device]],
                (codec.encode_record({'devName': device}),))

    return plan.Plan(work=plan.Attach(item, call.agent), finish=finish)


def _detach(state, name, agent, force):
    item = state.find(name)
    if item is None or agent not in item.attachments:
        raise codes.Refused(codes.VOLUME_NOT_ATTACH,
                            '%s is not attached to %s' % (name, agent))
    return plan.Plan(events=[['detach', agent, name]],
                     work=plan.Detach(item, agent, force))


def detach_volume(state, call):
    """Detach from the agent's host, unless the device is open there."""
    return _detach(state, call.args['volName'], call.agent, False)


def detach_volume_by_ip(state, call):
    """Detach from a host that may be gone."""
    return _detach(state, call.args['volName'], call.args['detachIp'], True)


OPERATIONS = {
    'attachVolume': plan.Operation(
        attach_volume, {'volName': arguments.node_name}, changes=True),
    'detachVolume': plan.Operation(
        detach_volume, {'volName': arguments.node_name}, changes=True),
    'detachVolumeByIp': plan.Operation(
        detach_volume_by_ip,
        {'volName': arguments.node_name, 'detachIp': arguments.address},
        changes=True),
}
