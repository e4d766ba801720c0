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

"""Putting a volume back to what a snapshot of it holds.

Rolling back twice gives the same as once, and nobody may use the volume
meanwhile: so it is begun again when nobody can tell whether it was begun.
"""

import contextlib

from oslo_log import log as logging

from cinder.i18n import _
from cinder.volume.drivers.dsware.array import models
from cinder.volume.drivers.dsware.array import queries
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import reporting
from cinder.volume.drivers.dsware import result_codes
from cinder.volume.drivers.dsware import waiting

LOG = logging.getLogger(__name__)

_OP = 'rollbackSnapshot'


class Rollbacks:
    """Puts volumes back to their snapshots.

    :param changes: the :class:`operation.Operation` of the cluster
    :param volumes: the :class:`volumes.Volumes` of the cluster
    """

    def __init__(self, changes, volumes):
        self._client = changes.client
        self._queries = changes.queries
        self._operation = changes
        self._volumes = volumes

    def source(self, snapshot: str, volume: str) -> models.Snapshot:
        """Find the snapshot that a volume is to be put back to.

        :param snapshot: the snapshot's name
        :param volume: the volume's name
        :returns: the snapshot
        :raises ObjectAbsent: there is no such snapshot
        :raises InvalidRequest: it is not one of that volume
        :raises BackendFault: it is not ready
        :raises DSWareError: when the cluster does not answer
        """
        found = queries.needed(self._queries.snapshot(snapshot), _OP,
                               snapshot)
        if found.father != volume:
            raise exceptions.InvalidRequest(
                op=_OP, name=snapshot,
                result=result_codes.SNAPSHOT_VOLUME_MISMATCH,
                desc=_('it is a snapshot of %(found)s, not of %(volume)s') % {
                    'found': found.father or _('no volume'),
                    'volume': volume})
        if not found.ready:
            raise exceptions.BackendFault(
                op=_OP, name=snapshot,
                desc=_('the snapshot is in status %d') % found.status)
        return found

    def roll_back(self, volume: str, source: models.Snapshot,
                  size: int) -> None:
        """Put a volume back to what a snapshot holds, and wait for it.

        The cluster gives the volume the snapshot's size (published); one
        that was larger is made as large as it was. A rollback that breaks
        off is tried once more: Cinder cannot begin it anew, since it would
        have to make a snapshot of the broken volume first.

        :param volume: the volume's name
        :param source: the snapshot, from :meth:`source`
        :param size: what the volume has to have afterwards, in MiB
        :raises ObjectAbsent: there is no such volume
        :raises ObjectBusy: it is attached, or in work
        :raises OutcomeUnknown: the cluster does not say whether it was
            done; the volume has its old data or the snapshot's
        :raises BackendFault: it broke off or took too long
        :raises DSWareError: for all other reasons
        """
        # What an interrupted attempt has begun, maybe with another snapshot.
        # After that a volume in work is this call's doing.
        before = self._operation.at_rest(volume, _OP)
        late = self._start_rollback(before, source)
        with self._advised(_(
                'It holds neither its old data nor those of snapshot %s, '
                'which is as it was: roll it back to that on the cluster, or '
                'make a new volume of it') % source.name):
            self._end_rollback(before, source, late)
        if size > source.size:
            with self._advised(_(
                    'It was put back to snapshot %(snapshot)s, but has '
                    '%(now)d MiB in place of %(size)d MiB. Revert it again, '
                    'or make it that large on the cluster.') % {
                        'snapshot': source.name, 'now': source.size,
                        'size': size}):
                self._volumes.expand(volume, size)

    def _start_rollback(self, before, source):
        """Start; return when it is certain that it runs, or was done.

        :returns: whether another request may yet begin one more
        """
        try:
            return self._operation.change(
                _OP, lambda deadline: self._rolled_back(before, source,
                                                        deadline),
                told=_unless_begun, snapName=source.name, volName=before.name)
        except exceptions.ObjectBusy as error:
            if error.result != result_codes.SNAPSHOT_IS_ROLLING_BACK:
                raise
            # One of those in doubt runs; of several another may yet.
            return error.in_doubt

    def _end_rollback(self, before, source, late):
        try:
            self._wait(before, source)
        except exceptions.BackendFault as error:
            found = self._queries.volume(before.name)
            if found is None or found.ready or found.working:
                raise
            reporting.log_once(LOG, logging.WARNING, error,
                               'The rollback is begun once more.')
            late = self._start_rollback(found, source) or late
            self._wait(before, source)
        if late:
            # It would take away again what is written after this.
            for _elapsed in waiting.pauses(self._client.deadline()):
                self._wait(before, source)

    def _wait(self, before, source):
        self._operation.wait(self._queries.volume, before.name, _OP)
        # Over REST it is the snapshot that surely tells.
        self._operation.wait(self._queries.snapshot, source.name, _OP)

    def _rolled_back(self, before, source, deadline):
        """Tell whether it certainly runs, or ran."""
        found = self._queries.volume(before.name, deadline)
        return found is not None and (
            found.working or before.size != found.size == source.size)

    @staticmethod
    @contextlib.contextmanager
    def _advised(advice):
        """Add to an error what state the volume is in."""
        try:
            yield
        except exceptions.DSWareError as error:
            raise error.advised(advice) from error


def _unless_begun(error, _deadline):
    """Have a snapshot in work waited for, unless a rollback goes on."""
    if error.result == result_codes.SNAPSHOT_IS_ROLLING_BACK:
        raise error
    return error
