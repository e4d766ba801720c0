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
from collections.abc import Mapping
import contextlib

from cinder.i18n import _
from cinder.volume.drivers.dsware.array import models
from cinder.volume.drivers.dsware.array import names
from cinder.volume.drivers.dsware.array import operation
from cinder.volume.drivers.dsware.array import queries
from cinder.volume.drivers.dsware import exceptions

_LINKED = 'createVolumeFromSnap'
_FULL = 'createFullVolumeFromSnap'


class Copies:
    """Makes linked clones and full copies.

    :param changes: the :class:`operation.Operation` of the cluster
    :param volumes: the :class:`volumes.Volumes` of the cluster
    :param snapshots: the :class:`snapshots.Snapshots` of the cluster
    """

    def __init__(self, changes, volumes, snapshots):
        self._client = changes.client
        self._queries = changes.queries
        self._operation = changes
        self._volumes = volumes
        self._snapshots = snapshots

    def linked(self, name: str, size: int, snapshot: str) -> None:
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
        def created(deadline):
            found = self._queries.volume(name, deadline)
            wanted = size
            if found is not None and found.size < size:
                # It is grown when it is ready.
                source = self._queries.snapshot(snapshot, deadline)
                wanted = source.size if source else size
            return queries.matches(found, size=wanted, father=snapshot)

        def grow(made):
            if made.size < size:
                # Over REST some clusters make it as large as the snapshot.
                self._volumes.expand(name, size)

        self._operation.create(
            _LINKED, name, created, self._queries.volume,
            self._volumes.delete, finish=grow, volName=name, volSize=size,
            snapNameSrc=snapshot)

    def source(self, snapshot: str) -> models.Snapshot:
        """Find the snapshot that a volume is to be made from.

        :param snapshot: the snapshot's name
        :raises ObjectAbsent: there is no such snapshot
        :raises DSWareError: when the cluster does not answer
        """
        return queries.needed(self._queries.snapshot(snapshot),
                              'querySnapshot', snapshot)

    def full(self, name: str, pool_id: int, size: int, thin: bool,
             source: models.Snapshot) -> None:
        """Make a volume with a copy of a snapshot's data, and wait for it.

        :param name: the new volume's name
        :param pool_id: the pool of the new volume
        :param size: in MiB, at least the snapshot's
        :param thin: whether the new volume is thin
        :param source: the snapshot, from :meth:`source`
        :raises CapacityExceeded: no room, or too many copies
        :raises BackendFault: the copy failed, or took too long
        :raises DSWareError: for all other reasons
        """
        doubts = []
        with operation.marked(doubts):
            self._copy(name, pool_id, source, size, thin, doubts)

    def _copy(self, name, pool_id, source, size, thin, doubts):
        deadline = self._client.deadline()
        for _elapsed in operation.tries(deadline):
            # Made with the snapshot's size and grown afterwards: nothing
            # published says that a copy may have another size.
            self._volumes.create(name, pool_id, source.size, thin)
            with self._operation.undone(self._volumes.delete, name):
                if self._start_copy(name, source, doubts):
                    self._operation.wait(self._queries.volume, name, _FULL)
                    if size > source.size:
                        self._volumes.expand(name, size)
                    return
            # Whether a copy into this volume began is beyond finding out;
            # a new empty volume is the only sure start, unless a request to
            # delete this one could still come upon that.
            if self._volumes.delete(name):
                break
        raise exceptions.OutcomeUnknown(
            op=_FULL, name=name,
            desc=_('the cluster did not say whether the copy began; the '
                   'volume was removed'))

    def _start_copy(self, name, source, doubts):
        """Start a copy; tell whether it is certain that it runs.

        :param doubts: gets the errors of requests that may be carried out
        """
        def begun(deadline):
            found = self._queries.volume(name, self._operation.look(deadline))
            if found is not None and found.working:
                return True
            # It may be over already, or begin yet.
            raise exceptions.OutcomeUnknown(op='queryVolume', name=name)

        try:
            self._operation.change(_FULL, begun, volName=name,
                                   snapName=source.name,
                                   room={'volSize': source.size})
            return True
        except exceptions.OutcomeUnknown as error:
            doubts.append(error)
            return False

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
        with self._only_meanwhile(temporary):
            self._snapshots.create(temporary, source)
            make(temporary)

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
        names.check(*sources.values())
        with self._only_meanwhile(*temporaries):
            self._snapshots.activate(temporaries)
            for name in sources:
                make(name, names.temporary(name))

    @contextlib.contextmanager
    def _only_meanwhile(self, *temporaries):
        """Have snapshots only while the block makes and uses them."""
        for temporary in temporaries:
            # One that an earlier, interrupted attempt left holds old data.
            self._snapshots.delete(temporary)
        with self._operation.undone(self._snapshots.delete, *temporaries):
            yield
        self._operation.remove_quietly(self._snapshots.delete, *temporaries)
