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
costs the memory of one frame. The time of whoever uses the iterator counts:
the whole listing has one deadline.
"""

from collections.abc import Iterator

from cinder.volume.drivers.dsware import calls
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import models


class Listings(calls.Calls):
    """Listings of whole pools: a part of :class:`array.Array`."""

    def all_volumes(self, pool_id: int) -> Iterator[models.Volume]:
        """List the volumes of a pool.

        :param pool_id: the pool
        :returns: an iterator that must be used up or closed
        :raises DSWareError: when the cluster does not answer
        """
        return self._listed(models.Volume, 'queryAllVolume', pool_id)

    def all_snapshots(self, pool_id: int) -> Iterator[models.Snapshot]:
        """List the snapshots of a pool.

        :param pool_id: the pool
        :returns: an iterator that must be used up or closed
        :raises DSWareError: when the cluster does not answer
        """
        return self._listed(models.Snapshot, 'queryAllSnapshot', pool_id)

    def _listed(self, model, op, pool_id):
        read = model.from_record
        for record in self._client.stream(op, poolId=pool_id):
            try:
                found = read(record)
            except models.RecordError as error:
                raise exceptions.OutcomeUnknown(
                    op=op, desc=str(error)) from error
            yield found
