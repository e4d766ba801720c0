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

"""One Dsware cluster, as calls that are safe to repeat.

Nothing here knows Cinder's objects: names are names on the cluster, sizes
are in MiB. "Already exists" is a success only when this very call may have
made the object and the cluster shows what was asked for.
"""

from cinder.volume.drivers.dsware.array import copies
from cinder.volume.drivers.dsware.array import hosts
from cinder.volume.drivers.dsware.array import moves
from cinder.volume.drivers.dsware.array import operation
from cinder.volume.drivers.dsware.array import qos
from cinder.volume.drivers.dsware.array import queries
from cinder.volume.drivers.dsware.array import rollbacks
from cinder.volume.drivers.dsware.array import snapshots
from cinder.volume.drivers.dsware.array import volumes


class Array:
    """One Dsware cluster.

    :param client: the :class:`client.Client` that carries the calls
    :param copy_timeout: seconds that a copy inside the cluster may take
    :param exchanges: whether volumes move by exchanging their places
    :ivar client: what carries the calls
    :ivar queries: what there is
    :ivar volumes: makes, deletes and expands volumes
    :ivar moves: moves volumes to other pools
    :ivar snapshots: makes and deletes snapshots
    :ivar copies: makes volumes from snapshots and from volumes
    :ivar rollbacks: puts volumes back to their snapshots
    :ivar qos: gives limits to volumes
    :ivar hosts: attaches volumes to hosts
    """

    def __init__(self, client, copy_timeout, exchanges=False):
        self.client = client
        self.queries = queries.Queries(client)
        changes = operation.Operation(client, self.queries, copy_timeout)
        self.snapshots = snapshots.Snapshots(changes)
        self.volumes = volumes.Volumes(changes, self.snapshots)
        self.moves = (moves.Exchanges(changes, self.volumes) if exchanges
                      else moves.Moves(changes))
        self.copies = copies.Copies(changes, self.volumes, self.snapshots)
        self.rollbacks = rollbacks.Rollbacks(changes, self.volumes)
        self.qos = qos.QoS(changes, self.volumes)
        self.hosts = hosts.Hosts(client)
