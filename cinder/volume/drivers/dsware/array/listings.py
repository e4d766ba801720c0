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


"""All volumes or snapshots of a pool, however many.

They are read one by one while the answer arrives, so that a pool of any size
costs the memory of one frame, and are not looked into: whoever uses a few of
them reads those. The deadline is for the cluster: the time of the user does
not count.
"""

from collections.abc import Iterator
from collections.abc import Mapping

from cinder.volume.drivers.dsware.array import operation


class Listings(operation.Calls):
    """Listings of whole pools: a part of :class:`array.Array`."""

    def volume_records(self, pool_id: int) -> Iterator[Mapping[str, str]]:
        """List the volumes of a pool.

        :param pool_id: the pool
        :returns: an iterator of records, for :class:`models.Volume`; it must
            be used up or closed
        :raises DSWareError: when the cluster does not answer
        """
        return self._client.stream('queryAllVolume', poolId=pool_id)

    def snapshot_records(self, pool_id: int) -> Iterator[Mapping[str, str]]:
        """List the snapshots of a pool.

        :param pool_id: the pool
        :returns: an iterator of records, for :class:`models.Snapshot`; it
            must be used up or closed
        :raises DSWareError: when the cluster does not answer
        """
        return self._client.stream('queryAllSnapshot', poolId=pool_id)
