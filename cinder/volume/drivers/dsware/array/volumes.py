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

"""Volumes: making, deleting, making larger."""

from collections.abc import Callable

from oslo_log import log as logging

from cinder.i18n import _
from cinder.volume.drivers.dsware.array import names
from cinder.volume.drivers.dsware.array import operation
from cinder.volume.drivers.dsware.array import queries
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import result_codes

LOG = logging.getLogger(__name__)

_MAX_NAMED = 5


class Volumes:
    """Makes, deletes and expands volumes.

    :param changes: the :class:`operation.Operation` of the cluster
    :param snapshots: the :class:`snapshots.Snapshots` of the cluster
    """

    def __init__(self, changes, snapshots):
        self._queries = changes.queries
        self._operation = changes
        self._snapshots = snapshots

    def create(self, name: str, pool_id: int, size: int, thin: bool) -> None:
        """Create an empty volume.

        The interface does not tell whether a volume is thin, so that is the
        one property that settling an unknown outcome cannot compare.

        :param name: its name
        :param pool_id: the pool
        :param size: in MiB
        :param thin: whether space is allocated when it is written
        :raises ObjectExists: something of that name is there already
        :raises CapacityExceeded: the pool has no room
        :raises DSWareError: for all other reasons
        """
        def created(deadline):
            return queries.matches(self._queries.volume(name, deadline),
                                   pool_id=pool_id, size=size, father='')

        self._operation.create(
            'createVolume', name, created, self._queries.volume, self.delete,
            volName=name, poolId=pool_id, volSize=size, thinFlag=int(thin))

    def delete(self, name: str, patience: float | None = None) -> bool:
        """Delete a volume; one that is gone already is a success.

        :param name: its name
        :param patience: seconds after which to give up when no agent can
            be reached
        :returns: whether a request that is still under way could delete
            what gets this name next
        :raises HasSnapshots: it has snapshots other than those that clones
            are made through
        :raises ObjectBusy: it is attached, is cloned, or is in work
        :raises DSWareError: for all other reasons
        """
        return self._operation.delete(
            'deleteVolume', name, self._queries.volume, patience=patience,
            told=self._with_holder, volName=name)

    def _with_holder(self, error, deadline):
        """Add to an error about an object in use what uses it."""
        if error.result != result_codes.NODE_IN_USE:
            # Something under way, which its meaning names.
            return error
        try:
            snapshots = self._queries.snapshots_of(
                error.name, self._operation.look(deadline))
        except exceptions.DSWareError as failure:
            LOG.debug('What holds %(name)s is not known: %(failure)s',
                      {'name': error.name, 'failure': failure})
            return error
        kept = [snapshot for snapshot in snapshots
                if not names.is_temporary(snapshot)]
        if kept:
            raise error.advised(_(
                'It has snapshots, which do not go with it: %s. Manage them '
                'into Cinder, or delete them on the cluster, before it is '
                'deleted') % _listed(kept), exceptions.HasSnapshots)
        if snapshots:
            return error.advised(_(
                'It is cloned through these snapshots: %s')
                % _listed(snapshots), exceptions.ObjectBusy)
        return operation.attached(error)

    def delete_leftovers(self, name: str) -> None:
        """Delete what an interrupted creation of a volume left behind.

        :param name: the volume's name
        :raises DSWareError: when that does not work
        """
        self._snapshots.delete(names.temporary(name))

    def delete_temporaries_of(
            self, name: str,
            is_forgotten: Callable = lambda clone: False) -> bool:
        """Delete the snapshots that clones of a volume were made through.

        One stays when the cluster could not be reached at the end of a
        clone. Through one whose clone is not complete somebody may be making
        it: that one goes with the clone, unless nobody knows that any more.

        :param name: the name of the volume that was cloned
        :param is_forgotten: called with the name of a clone, tells whether
            nobody knows it
        :returns: whether there was one
        :raises DSWareError: when that does not work
        """
        left = [snapshot for snapshot in self._queries.snapshots_of(name)
                if names.is_temporary(snapshot)
                and self._is_over(names.clone_of(snapshot), is_forgotten)]
        for snapshot in left:
            self._snapshots.delete(snapshot)
        return bool(left)

    def _is_over(self, clone, is_forgotten):
        found = self._queries.volume(clone)
        return bool(found and found.ready) or is_forgotten(clone)

    def expand(self, name: str, size: int) -> None:
        """Make a volume larger; one of that size already is a success.

        :param name: its name
        :param size: the new size in MiB
        :raises ObjectAbsent: there is no such volume
        :raises DSWareError: for all other reasons
        """
        def expanded(deadline):
            found = self._queries.volume(name, deadline)
            return found is not None and found.size == size

        try:
            self._operation.change('expandVolume', expanded, volName=name,
                                   volSize=size)
        except exceptions.InvalidRequest as error:
            if (error.result != result_codes.VOLUME_SIZE_INVALID
                    or not expanded(None)):
                raise


def _listed(found):
    """Name some of many objects."""
    more = len(found) - _MAX_NAMED
    named = ', '.join(found[:_MAX_NAMED])
    return named if more <= 0 else _('%(named)s and %(more)d more') % {
        'named': named, 'more': more}
