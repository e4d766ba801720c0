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

"""Volumes that move to another pool of their cluster."""

from oslo_log import log as logging

from cinder.i18n import _
from cinder.volume.drivers.dsware.array import names
from cinder.volume.drivers.dsware.array import operation
from cinder.volume.drivers.dsware import exceptions

LOG = logging.getLogger(__name__)


class Moves(operation.Calls):
    """Moves between pools: a part of :class:`array.Array`."""

    def move(self, name: str, pool_id: int) -> None:
        """Move a volume to another pool, and wait for the end.

        Only a volume that is detached and has no snapshots can be moved.
        Nothing published stops a move once it has begun. One that is in the
        pool already is a success, and one that is still moving, because an
        earlier attempt was interrupted, is waited for first.

        :param name: the volume's name
        :param pool_id: the pool that it goes to
        :raises ObjectAbsent: there is no such volume, or no such pool
        :raises ObjectBusy: it is attached, has snapshots, or is in work
        :raises CapacityExceeded: the pool has no room
        :raises BackendFault: the move failed, or took too long
        :raises DSWareError: for all other reasons
        """
        names.check(name)
        found = self._at_rest(name)
        if found.pool_id == pool_id:
            LOG.info('Volume %(name)s is in pool %(pool)d already.',
                     {'name': name, 'pool': pool_id})
            return
        self._start_move(found, pool_id)
        self._wait(lambda limit: self.volume(name, limit), name,
                   'migrateVolumeCold')
        self._check_moved(name, pool_id)

    def _at_rest(self, name):
        found = self.volume(name)
        if found is not None and found.working:
            self._wait(lambda limit: self.volume(name, limit), name,
                       'migrateVolumeCold')
            found = self.volume(name)
        if found is None:
            raise exceptions.ObjectAbsent(op='queryVolume', name=name)
        return found

    def _start_move(self, found, pool_id):
        def begun(deadline):
            now = self.volume(found.name, deadline)
            return now is not None and (now.working
                                        or now.pool_id == pool_id)

        try:
            self._change('migrateVolumeCold', begun, volNameSrc=found.name,
                         poolIdDst=pool_id)
        except exceptions.CapacityExceeded as error:
            raise self._with_room(error, {
                'poolId': pool_id, 'volSize': found.size}) from error

    def _check_moved(self, name, pool_id):
        found = self.volume(name)
        if found is None or found.pool_id != pool_id:
            raise exceptions.BackendFault(
                op='migrateVolumeCold', name=name,
                desc=_('the move to pool %(pool)d ended without success; '
                       'there is: %(found)s') % {
                           'pool': pool_id, 'found': found})
