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

"""What is on a cluster: pools, volumes, snapshots, limits.

Names are compared whole, and a record of another object is never believed.
"""

from collections.abc import Iterator
import contextlib

from oslo_log import log as logging

from cinder.i18n import _
from cinder.volume.drivers.dsware.array import models
from cinder.volume.drivers.dsware.array import names
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import result_codes
from cinder.volume.drivers.dsware import waiting

LOG = logging.getLogger(__name__)

_ONLY_POOL = 0
_MAX_DESCRIPTION = 500


class Queries:
    """Asks a cluster what there is; nothing is changed.

    :param client: the :class:`client.Client` that carries the calls
    """

    def __init__(self, client):
        self._client = client
        self._single_pool = None

    def single_pool(self, patience: float | None = None) -> bool:
        """Tell whether this is an older cluster with the one pool 0.

        Such a cluster does not know the operation getDSwareIdentifier
        (published: it answers 50500001). Asked once, then remembered.

        :param patience: seconds after which to give up when no agent can
            be reached
        :raises DSWareError: when the cluster does not answer
        """
        if self._single_pool is None:
            try:
                self._client.call('getDSwareIdentifier', patience=patience)
                self._single_pool = False
            except exceptions.InvalidRequest as error:
                if error.result != result_codes.OPERATION_UNKNOWN:
                    raise
                self._single_pool = True
        return self._single_pool

    def pools(self, patience: float | None = None) -> list[models.Pool]:
        """Query all pools with one request.

        :param patience: seconds after which to give up when no agent can
            be reached
        :returns: the pools, capacities in MiB
        :raises DSWareError: when the cluster does not answer
        """
        op, args = 'queryAllPoolInfo', {}
        if self.single_pool(patience):
            op, args = 'queryPoolInfo', {'poolId': _ONLY_POOL}
        reply = self._client.call(op, patience=patience, **args)
        return [self._read(models.Pool, record, op, reply.endpoint)
                for record in reply.records]

    def volume(self, name: str, deadline: waiting.Deadline | None = None
               ) -> models.Volume | None:
        """Query a volume.

        :param name: its whole name
        :param deadline: when to give up
        :returns: the volume, or None when there is none of that name
        :raises DSWareError: when the cluster does not answer
        """
        return self._one(models.Volume, 'queryVolume', {'volName': name},
                         name, deadline)

    def snapshot(self, name: str, deadline: waiting.Deadline | None = None
                 ) -> models.Snapshot | None:
        """Query a snapshot.

        :param name: its whole name
        :param deadline: when to give up
        :returns: the snapshot, or None when there is none of that name
        :raises DSWareError: when the cluster does not answer
        """
        return self._one(models.Snapshot, 'querySnapshot',
                         {'snapName': name}, name, deadline)

    def _one(self, model, op, args, name, deadline):
        names.check(name)
        try:
            reply = self._client.call(op, deadline=deadline, **args)
        except exceptions.ObjectAbsent:
            return None
        found = [self._read(model, record, op, reply.endpoint)
                 for record in reply.records]
        # Names are compared whole: never trust a record of another object.
        exact = [item for item in found if item.name == name]
        if len(exact) != 1:
            raise _odd(op, name, reply, _(
                'records: %(found)d, of that name: %(exact)d') % {
                    'found': len(found), 'exact': len(exact)})
        return exact[0]

    def snapshots_of(self, volume: str,
                     deadline: waiting.Deadline | None = None) -> list[str]:
        """Name the snapshots of a volume.

        :param volume: the volume's name
        :param deadline: when to give up
        :returns: the snapshots' names
        :raises DSWareError: when the cluster does not answer
        """
        names.check(volume)
        try:
            reply = self._client.call('querySnapOfVolume',
                                      deadline=deadline, volName=volume)
        except exceptions.ObjectAbsent:
            return []
        found = [self._read(models.Snapshot, record, 'querySnapOfVolume',
                            reply.endpoint) for record in reply.records]
        # Some of them are deleted: never those of another volume.
        wrong = [item for item in found if item.father != volume
                 or not names.is_legal(item.name)]
        if wrong:
            raise _odd('querySnapOfVolume', volume, reply, _(
                'it names a snapshot that is of another volume, or has an '
                'illegal name: %s') % (wrong[0],))
        return [item.name for item in found]

    def migration(self, volume: str, lun_id: int,
                  deadline: waiting.Deadline | None = None
                  ) -> models.Migration | None:
        """Query how far a volume is that exchanges its place with another.

        :param volume: its name, for messages
        :param lun_id: its number
        :param deadline: when to give up
        :returns: None when the cluster tells of none
        :raises DSWareError: when the cluster does not answer
        """
        op = 'queryMigration'
        try:
            reply = self._client.call(op, deadline=deadline, volName=volume,
                                      volId=lun_id)
        except (exceptions.InvalidRequest, exceptions.ObjectAbsent):
            # How that is told nobody has published.
            return None
        if not reply.records:
            return None
        return self._read(models.Migration, reply.records[0], op,
                          reply.endpoint)

    def qos_of(self, volume: str,
               deadline: waiting.Deadline | None = None
               ) -> models.QoS | None:
        """Query the QoS of a volume.

        :param volume: the volume's name
        :param deadline: when to give up
        :returns: its QoS, whoever made that, or None when it has none
        :raises ObjectAbsent: there is no such volume
        :raises DSWareError: when the cluster does not answer
        """
        names.check(volume)
        reply = self._client.call('queryVolumeQoSInfo', deadline=deadline,
                                  volName=volume)
        if len(reply.records) != 1:
            raise _odd('queryVolumeQoSInfo', volume, reply,
                       _('records: %d') % len(reply.records))
        found = self._read(models.QoS, reply.records[0],
                           'queryVolumeQoSInfo', reply.endpoint)
        if not found.name:
            return None
        if not names.is_legal(found.name):
            raise _odd('queryVolumeQoSInfo', volume, reply,
                       _('%r cannot be the name of a QoS') % found.name)
        return found

    def volumes_of_pool(self, pool_id: int) -> Iterator[models.Volume]:
        """List the volumes of a pool, however many, as they arrive.

        :param pool_id: the pool
        :raises DSWareError: when the cluster does not answer
        """
        return self._listed(models.Volume, 'queryAllVolume', pool_id)

    def snapshots_of_pool(self, pool_id: int) -> Iterator[models.Snapshot]:
        """List the snapshots of a pool, however many, as they arrive.

        :param pool_id: the pool
        :raises DSWareError: when the cluster does not answer
        """
        return self._listed(models.Snapshot, 'queryAllSnapshot', pool_id)

    def _listed(self, model, op, pool_id):
        unread, first = 0, None
        with contextlib.closing(self._client.stream(
                op, poolId=pool_id)) as records:
            for record in records:
                try:
                    yield model.from_record(record)
                except models.RecordError as error:
                    unread, first = unread + 1, first or error
        if unread:
            LOG.warning('%(op)s of pool %(pool)d: records that cannot be read '
                        'are left out: %(number)d. The first: %(error)s.', {
                            'op': op, 'pool': pool_id,
                            'number': unread, 'error': first})

    @staticmethod
    def _read(model, record, op, endpoint):
        try:
            return model.from_record(record)
        except models.RecordError as error:
            raise exceptions.OutcomeUnknown(
                op=op, desc=str(error), endpoint=str(endpoint)) from error

    def with_room(self, error, args):
        """Add to an error about a full pool how full the pools are."""
        if error.result != result_codes.SPACE_NOT_ENOUGH:
            return error
        try:
            room = ', '.join(f'{p.pool_id}: {p.free}' for p in self.pools())
        except exceptions.DSWareError as failure:
            room = failure.msg
        return exceptions.full_pool(error, args, room)

    def what_is_there(self, name, args):
        asked = ', '.join(f'{k}={v}' for k, v in args.items())
        try:
            found = self.volume(name) or self.snapshot(name)
        except exceptions.DSWareError as error:
            found = error.msg
        return _('Asked for: %(asked)s. There is: %(found)s. It was left '
                 'alone; remove or rename it on the cluster if it is not in '
                 'use') % {'asked': asked, 'found': exceptions.printable(
                     str(found), _MAX_DESCRIPTION)}


def _odd(op, name, reply, problem):
    return exceptions.OutcomeUnknown(
        op=op, name=name, endpoint=str(reply.endpoint), desc=problem)


def needed(found, op, name):
    """Give an object that has to be there.

    :raises ObjectAbsent: it is None
    """
    if found is None:
        raise exceptions.ObjectAbsent(op=op, name=name)
    return found


def matches(found, **expected):
    """Tell whether an object is there; it must be the one asked for.

    What a cluster does not tell, which is None, cannot be compared.
    """
    if found is None:
        return False
    wrong = {key: getattr(found, key) for key in expected
             if getattr(found, key) not in (None, expected[key])}
    if wrong:
        raise exceptions.ObjectMismatch(
            op=_('settling the creation'), name=found.name,
            desc=_('asked for %(expected)s, found %(wrong)s') % {
                'expected': expected, 'wrong': wrong})
    return True
