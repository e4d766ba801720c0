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

"""Snapshots of several volumes at one point in time."""

from collections.abc import Callable
from collections.abc import Mapping

from oslo_log import log as logging
from oslo_utils import excutils

from cinder.i18n import _
from cinder.volume.drivers.dsware.array import names
from cinder.volume.drivers.dsware.array import operation
from cinder.volume.drivers.dsware import exceptions

LOG = logging.getLogger(__name__)

_OPERATION = 'activeSnapshots'


class Consistency(operation.Calls):
    """Several volumes at once: a part of :class:`array.Array`."""

    def snapshot_together(self, sources: Mapping[str, str]) -> None:
        """Make snapshots of volumes at one point in time, all or none.

        :param sources: the volumes' names, by the snapshots' names
        :raises ObjectExists: something of such a name is there already
        :raises ObjectAbsent: there is no such volume
        :raises CapacityExceeded: no room, or too many snapshots
        :raises InvalidRequest: a name is not allowed, or they are too many
            for one request
        :raises DSWareError: for all other reasons
        """
        for name, source in sources.items():
            names.check(name)
            names.check(source)
        # When the outcome is not known, what is there afterwards is this
        # call's own, and may be removed, only if it was not there before.
        for name in sources:
            self._check_free(name)
        self._activate(sources)

    def clone_together(self, sources: Mapping[str, str],
                       make: Callable) -> None:
        """Make volumes from volumes, as they are at one point in time.

        :param sources: the sources' names, by the names of the new volumes
        :param make: called for each new volume, with its name and that of
            the temporary snapshot to make it from
        :raises ObjectAbsent: there is no such source volume
        :raises DSWareError: for all other reasons
        """
        temporaries = {names.temporary(name): source
                       for name, source in sources.items()}
        for temporary, source in temporaries.items():
            names.check(source)
            # One that an earlier, interrupted attempt left holds old data.
            self.delete_snapshot(temporary)
        with self._undone(self.delete_snapshot, *temporaries):
            self._activate(temporaries)
            for name in sources:
                make(name, names.temporary(name))
        self._remove_quietly(self.delete_snapshot, *temporaries)

    def _check_free(self, name):
        if self.snapshot(name) is not None:
            raise exceptions.ObjectExists(
                op=_OPERATION, name=name,
                advice=self._what_is_there(name, {'snapName': name}))

    def _activate(self, sources):
        """Make snapshots whose names are known to be free."""
        try:
            self._change(
                _OPERATION, lambda deadline: self._all_there(sources,
                                                             deadline),
                volNameList=','.join(sources.values()),
                snapNameList=','.join(sources))
        except exceptions.CapacityExceeded as error:
            raise self._with_room(error, {}) from error
        except exceptions.OutcomeUnknown:
            self._late.expect(*sources)
            with excutils.save_and_reraise_exception():
                self._remove_quietly(self.delete_snapshot, *sources)
        with self._undone(self.delete_snapshot, *sources):
            for name in sources:
                self._wait(lambda limit, name=name: self.snapshot(
                    name, limit), name, _OPERATION, self._client.deadline())

    def _all_there(self, sources, deadline):
        """Tell whether all the snapshots are there, or none is.

        :raises ObjectMismatch: one is a snapshot of another volume
        :raises OutcomeUnknown: some are there, to the end of the deadline
        """
        for _elapsed in self._tries(deadline):
            # Each query has a deadline of its own: how long finding out
            # takes depends on how many there are.
            there = [name for name, source in sources.items()
                     if self._matches(self.snapshot(name), father=source)]
            if len(there) in (0, len(sources)):
                return bool(there)
            # Published as all or none: the queries came in between.
            LOG.debug('%(there)d of %(all)d snapshots are there; they are '
                      'looked at again.', {'there': len(there),
                                           'all': len(sources)})
        raise exceptions.OutcomeUnknown(
            op=_OPERATION, name=there[0],
            desc=_('snapshots that are there: %(there)d of %(all)d') % {
                'there': len(there), 'all': len(sources)})
