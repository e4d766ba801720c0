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

"""Volumes made from snapshots and from other volumes."""

from collections.abc import Callable

from oslo_log import log as logging

from cinder.i18n import _
from cinder.volume.drivers.dsware.array import names
from cinder.volume.drivers.dsware.array import operation
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import reporting

LOG = logging.getLogger(__name__)


class Copies(operation.Calls):
    """Linked clones and full copies: a part of :class:`array.Array`."""

    def linked_clone(self, name: str, size: int, snapshot: str) -> None:
        """Make a volume that shares unchanged data with a snapshot.

        It is ready at once, in the snapshot's pool, and lives on when the
        snapshot is deleted.

        :param name: the new volume's name
        :param size: in MiB, at least the snapshot's
        :param snapshot: the snapshot's name
        :raises ObjectAbsent: there is no such snapshot
        :raises CapacityExceeded: no room, or too many clones
        :raises DSWareError: for all other reasons
        """
        names.check(name)
        names.check(snapshot)

        def created(deadline):
            return self._matches(self.volume(name, deadline), size=size,
                                 father=snapshot)

        deadline = self._client.deadline()
        late = self._create(
            'createVolumeFromSnap', name, created, deadline, volName=name,
            volSize=size, snapNameSrc=snapshot)
        with self._marked(late), self._undone(self.delete_volume, name):
            self._wait(lambda limit: self.volume(name, limit), name,
                       'createVolumeFromSnap', deadline)

    def full_copy(self, name: str, pool_id: int, size: int, thin: bool,
                  snapshot: str) -> None:
        """Make a volume with a copy of a snapshot's data, and wait for it.

        :param name: the new volume's name
        :param pool_id: the pool of the new volume
        :param size: in MiB, at least the snapshot's
        :param thin: whether the new volume is thin
        :param snapshot: the snapshot's name
        :raises ObjectAbsent: there is no such snapshot
        :raises CapacityExceeded: no room, or too many copies
        :raises BackendFault: the copy failed, or took too long
        :raises DSWareError: for all other reasons
        """
        names.check(name)
        source = self.snapshot(snapshot)
        if source is None:
            raise exceptions.ObjectAbsent(op='querySnapshot', name=snapshot)
        doubts = []
        with self._marked(doubts):
            self._copy(name, pool_id, source, size, thin, doubts)

    def _copy(self, name, pool_id, source, size, thin, doubts):
        deadline = self._client.deadline()
        for _elapsed in self._tries(deadline):
            # Made with the snapshot's size and grown afterwards: nothing
            # published says that a copy may have another size.
            self.create_volume(name, pool_id, source.size, thin)
            with self._undone(self.delete_volume, name):
                if self._start_copy(name, source, doubts):
                    self._wait(lambda limit: self.volume(name, limit),
                               name, 'createFullVolumeFromSnap')
                    if size > source.size:
                        self.expand_volume(name, size)
                    return
            # Whether a copy into this volume began is beyond finding out;
            # a new empty volume is the only sure start, unless a request to
            # delete this one could still come upon that.
            if self.delete_volume(name):
                break
        raise exceptions.OutcomeUnknown(
            op='createFullVolumeFromSnap', name=name,
            desc=_('the cluster did not say whether the copy began; the '
                   'volume was removed'))

    def _start_copy(self, name, source, doubts):
        """Start a copy; tell whether it is certain that it runs.

        :param doubts: gets the errors of requests that may be carried out
        """
        deadline = self._client.deadline()
        series = reporting.Series(LOG)
        for _elapsed in self._tries(deadline):
            try:
                self._client.call('createFullVolumeFromSnap', volName=name,
                                  snapName=source.name, deadline=deadline)
                return True
            except exceptions.CapacityExceeded as error:
                raise self._with_room(
                    error, {'volSize': source.size}) from error
            except exceptions.ObjectBusy as error:
                failure = error
                operation.note(series, error, deadline)
            except exceptions.OutcomeUnknown as error:
                doubts.append(error)
                operation.note(series, error, deadline)
                found = self.volume(name)
                return found is not None and found.working
        raise failure

    def clone(self, name: str, source: str, make: Callable) -> None:
        """Make a volume from another volume, through a snapshot of now.

        :param name: the new volume's name
        :param source: the source volume's name
        :param make: called with the name of the temporary snapshot to make
            the new volume
        :raises ObjectAbsent: there is no such source volume
        :raises DSWareError: for all other reasons
        """
        names.check(source)
        temporary = names.temporary(name)
        # One that an earlier, interrupted attempt left holds old data.
        self.delete_snapshot(temporary)
        with self._undone(self.delete_snapshot, temporary):
            self.create_snapshot(temporary, source)
            make(temporary)
        self._remove_quietly(self.delete_snapshot, temporary)
