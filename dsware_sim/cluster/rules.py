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
"""The rules of a cluster: requests in, plans out.

A pure state machine. It reads no file, no clock and no socket of its own:
the time and the allocated size of an object come from functions that are
given to it.
"""

import time
import types

from dsware_sim.cluster import arguments
from dsware_sim.cluster import ops_attach
from dsware_sim.cluster import ops_cluster
from dsware_sim.cluster import ops_manager
from dsware_sim.cluster import ops_snapshot
from dsware_sim.cluster import ops_volume
from dsware_sim.cluster import plan
from dsware_sim import codes

OPERATIONS = types.MappingProxyType({
    **ops_volume.OPERATIONS,
    **ops_snapshot.OPERATIONS,
    **ops_cluster.OPERATIONS,
    **ops_attach.OPERATIONS,
    **ops_manager.OPERATIONS,
})

_QUERIES_OF_ONE = types.MappingProxyType({
    'queryVolume': 'volName', 'querySnapshot': 'snapName'})


class Cluster:
    """What answers requests, from one state."""

    def __init__(self, state, clock=time.time, measure=None):
        """Put the rules on top of a state.

        :param state: a :class:`dsware_sim.cluster.state.State`
        :param clock: function that returns seconds since the epoch
        :param measure: function that returns the allocated bytes of an
                        object, or None when sizes are not measured
        """
        self.state = state
        self._clock = clock
        self._measure = measure

    def plan(self, op, args, agent):
        """Decide what a request does.

        :param op: name of the operation
        :param args: dict of texts, manage_ip included
        :param agent: address of the agent that was asked, None for the
                      manager
        :returns: :class:`dsware_sim.cluster.plan.Plan`
        :raises Refused: the request is answered with a result code
        """
        operation = OPERATIONS.get(op)
        if (operation is None
                or operation.modern and self.state.single_pool
                or operation.manager and agent is not None):
            raise codes.Refused(codes.OPERATION_UNKNOWN, op[:64])
        parsed = arguments.parse(operation, args)
        if self._measure is not None:
            self._refresh(op, parsed)
        call = plan.Call(op, parsed, agent, int(self._clock()))
        return operation.handler(self.state, call)

    def _refresh(self, op, parsed):
        # Only what is attached can have grown since it was last measured,
        # and a query for one object shows no other.
        if op in _QUERIES_OF_ONE:
            item = self.state.find(parsed[_QUERIES_OF_ONE[op]])
            items = [item] if item is not None and item.attachments else []
        else:
            items = [item for pool in self.state.pools.values()
                     for item in pool.live.values()]
        for item in items:
            self.state.set_real(item, self._measure(item))
