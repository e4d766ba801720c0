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

"""Moving volumes to other pools.

A cluster has one operation for that. The manager's REST interface has another
one: a volume and one that was made for it exchange their places. What that
leaves is found by its name, see :func:`names.moved`, and goes with the volume.
"""

import functools

from oslo_log import log as logging

from cinder.i18n import _
from cinder.volume.drivers.dsware.array import models
from cinder.volume.drivers.dsware.array import names
from cinder.volume.drivers.dsware.array import queries
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import result_codes
from cinder.volume.drivers.dsware import waiting

LOG = logging.getLogger(__name__)


class Moves:
    """Moves volumes by the one operation of agents that does so.

    :param changes: the :class:`operation.Operation` of the cluster
    """

    _OP = 'migrateVolumeCold'

    def __init__(self, changes):
        self._queries = changes.queries
        self._operation = changes

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
        found = self._at_rest(name)
        if found.pool_id == pool_id:
            LOG.info('Volume %(name)s is in pool %(pool)d already.',
                     {'name': name, 'pool': pool_id})
        else:
            self._move(found, pool_id)

    def _at_rest(self, name):
        return self._operation.at_rest(name, self._OP)

    def _move(self, found, pool_id):
        def begun(deadline):
            now = self._queries.volume(found.name, deadline)
            return now is not None and (now.working
                                        or now.pool_id == pool_id)

        self._operation.change(
            self._OP, begun, volNameSrc=found.name, poolIdDst=pool_id,
            room={'poolId': pool_id, 'volSize': found.size})
        self._check_moved(self._operation.wait(
            self._queries.volume, found.name, self._OP), pool_id)

    def _check_moved(self, found, pool_id):
        if found.pool_id != pool_id:
            raise exceptions.BackendFault(
                op=self._OP, name=found.name,
                desc=_('the move to pool %(pool)d ended without success; '
                       'there is: %(found)s') % {
                           'pool': pool_id, 'found': found})

    def delete_leftovers(self, name: str) -> None:
        """Delete what an interrupted move of a volume has left: nothing.

        :param name: the volume's name
        :raises ObjectBusy: it is being moved
        :raises DSWareError: for all other reasons
        """


class Exchanges(Moves):
    """Moves volumes by letting them exchange their places with others.

    The other volume is made for that, and deleted, with the old data, when a
    query shows that no exchange is under way.

    :param changes: the :class:`operation.Operation` of the cluster
    :param volumes: the :class:`volumes.Volumes` of the cluster
    """

    _OP = 'exchangeVolumes'

    def __init__(self, changes, volumes):
        super().__init__(changes)
        self._volumes = volumes

    def _at_rest(self, name):
        """Give a volume when what an earlier attempt left is gone."""
        found = super()._at_rest(name)
        if self._is_under_way(found):
            LOG.info('Volume %s is being moved already; that is waited for.',
                     name)
            self._wait(found)
            found = self._volume(name)
        self.delete_leftovers(name)
        return found

    def _move(self, found, pool_id):
        target = names.moved(found.name)
        self._volumes.create(target, pool_id, found.size, True)
        remove = functools.partial(self._remove, found.name)
        with self._operation.undone(remove, target):
            self._exchange(found, self._volume(target))
        self._operation.remove_quietly(remove, target)

    def delete_leftovers(self, name):
        if self._queries.volume(names.moved(name)) is not None:
            self._remove(name, names.moved(name))

    def _remove(self, name, target, patience=None):
        """Delete the volume that was made for a move, unless that goes on."""
        found = self._queries.volume(name)
        if found is not None:
            if self._is_under_way(found):
                raise exceptions.ObjectBusy(
                    op=self._OP, name=found.name,
                    result=result_codes.VOLUME_IS_MIGRATING)
            self._forget(found)
        return self._volumes.delete(target, patience)

    def _is_under_way(self, found):
        migration = self._migration(found)
        if migration is not None:
            return migration.working
        # The manager tells of none, which need not mean that there is none.
        target = self._queries.volume(names.moved(found.name))
        return target is not None and target.working

    def _exchange(self, found, target):
        def begun(deadline=None):
            migration = self._migration(found, deadline)
            return (migration is not None
                    and migration.target == target.lun_id)

        try:
            self._operation.change(
                self._OP, begun, volName=found.name, volIdSrc=found.lun_id,
                volIdDst=target.lun_id,
                room={'poolId': target.pool_id, 'volSize': found.size})
        except exceptions.InvalidRequest:
            # A page in place of the answer is read as that, too.
            if not begun():
                raise
        self._wait(found)
        self._check_moved(self._volume(found.name), target.pool_id)

    def _wait(self, found):
        self._operation.wait(
            lambda name, deadline: (self._migration(found, deadline)
                                    or self._queries.volume(name, deadline)),
            found.name, self._OP)

    def _forget(self, found):
        """Have the manager forget a move that has ended."""
        if self._migration(found) is None:
            return
        try:
            self._operation.change(
                'deleteMigration',
                lambda deadline: self._migration(found, deadline) is None,
                volName=found.name, volId=found.lun_id)
        except exceptions.ObjectAbsent:
            LOG.debug('The cluster has forgotten the move of volume %s.',
                      found.name)

    def _migration(self, found, deadline: waiting.Deadline | None = None
                   ) -> models.Migration | None:
        return self._queries.migration(found.name, found.lun_id, deadline)

    def _volume(self, name):
        return queries.needed(self._queries.volume(name), self._OP, name)
