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

"""Snapshots, of one volume or of several at one point in time."""

from collections.abc import Mapping

from oslo_log import log as logging

from cinder.i18n import _
from cinder.volume.drivers.dsware.array import names
from cinder.volume.drivers.dsware.array import operation
from cinder.volume.drivers.dsware.array import queries
from cinder.volume.drivers.dsware import exceptions

LOG = logging.getLogger(__name__)

_TOGETHER = 'activeSnapshots'


class Snapshots:
    """Makes and deletes snapshots.

    :param changes: the :class:`operation.Operation` of the cluster
    """

    def __init__(self, changes):
        self._client = changes.client
        self._queries = changes.queries
        self._operation = changes

    def create(self, name: str, volume: str) -> None:
        """Make a crash-consistent snapshot.

        :param name: the snapshot's name
        :param volume: the volume's name
        :raises ObjectExists: something of that name is there already
        :raises ObjectAbsent: there is no such volume
        :raises DSWareError: for all other reasons
        """
        def created(deadline):
            return queries.matches(self._queries.snapshot(name, deadline),
                                   father=volume)

        self._operation.create(
            'createSnapshot', name, created, self._queries.snapshot,
            self.delete, volName=volume, snapName=name, smartFlag=0)

    def delete(self, name: str,
               patience: float | None = None) -> bool:
        """Delete a snapshot; one that is gone already is a success.

        :param name: its name
        :param patience: seconds after which to give up when no agent can
            be reached
        :returns: whether a request that is still under way could delete
            what gets this name next
        :raises ObjectBusy: it is in use or in work
        :raises DSWareError: for all other reasons
        """
        return self._operation.delete(
            'deleteSnapshot', name, self._queries.snapshot,
            patience=patience, told=operation.attached, snapName=name)

    def together(self, sources: Mapping[str, str]) -> None:
        """Make snapshots of volumes at one point in time, all or none.

        :param sources: the volumes' names, by the snapshots' names
        :raises ObjectExists: something of such a name is there already
        :raises ObjectAbsent: there is no such volume
        :raises CapacityExceeded: no room, or too many snapshots
        :raises InvalidRequest: a name is not allowed, or they are too many
            for one request
        :raises DSWareError: for all other reasons
        """
        names.check(*sources, *sources.values())
        # When the outcome is not known, what is there afterwards is this
        # call's own, and may be removed, only if it was not there before.
        for name in sources:
            if self._queries.snapshot(name) is not None:
                raise exceptions.ObjectExists(
                    op=_TOGETHER, name=name, advice=self._queries
                    .what_is_there(name, {'snapName': name}))
        self.activate(sources)

    def activate(self, sources):
        """Make snapshots whose names are known to be free."""
        try:
            if self._operation.change(
                    _TOGETHER, lambda deadline: self._all_there(sources,
                                                                deadline),
                    volNameList=','.join(sources.values()),
                    snapNameList=','.join(sources)):
                self._operation.expect(*sources)
        except (exceptions.ObjectExists, exceptions.ObjectMismatch):
            # Of these names one at least is somebody else's.
            raise
        except exceptions.DSWareError as error:
            if error.in_doubt:
                self._operation.expect(*sources)
            if isinstance(error, exceptions.OutcomeUnknown):
                self._operation.remove_quietly(self.delete, *sources)
            raise
        with self._operation.undone(self.delete, *sources):
            for name in sources:
                self._operation.wait(self._queries.snapshot, name, _TOGETHER,
                                     self._client.deadline())

    def _all_there(self, sources, deadline):
        """Tell whether all the snapshots are there, or none is.

        :raises ObjectMismatch: one is a snapshot of another volume
        :raises OutcomeUnknown: some are there, to the end of the deadline
        """
        for _elapsed in operation.tries(deadline):
            # Each query has a deadline of its own: how long finding out
            # takes depends on how many there are.
            there = [name for name, source in sources.items()
                     if queries.matches(self._queries.snapshot(name),
                                        father=source)]
            if len(there) in (0, len(sources)):
                return bool(there)
            # Published as all or none: the queries came in between.
            LOG.debug('%(there)d of %(all)d snapshots are there; they are '
                      'looked at again.', {'there': len(there),
                                           'all': len(sources)})
        raise exceptions.OutcomeUnknown(
            op=_TOGETHER, name=there[0],
            desc=_('snapshots that are there: %(there)d of %(all)d') % {
                'there': len(there), 'all': len(sources)})
