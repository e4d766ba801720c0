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

"""What a Dsware cluster can do, as calls that are safe to repeat.

Nothing here knows Cinder's objects: names are names on the cluster, sizes
are in MiB. Every changing call settles an unknown outcome by a query before
it repeats anything or reports success, and reports "already exists" as
success only when this very call may have made the object and the cluster
shows what was asked for.
"""

from collections.abc import Callable
from collections.abc import Iterator
import re

from oslo_log import log as logging
from oslo_utils import excutils

from cinder.i18n import _
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import models
from cinder.volume.drivers.dsware import result_codes
from cinder.volume.drivers.dsware import waiting

LOG = logging.getLogger(__name__)

# Published rule for the names of volumes and snapshots.
_NAME = re.compile(r'[A-Za-z0-9_][A-Za-z0-9_.-]{0,94}', re.ASCII)
# A snapshot that exists only while a volume is made from another volume. It
# is named after the new volume, so that whoever cleans up can find it.
_TEMPORARY_SUFFIX = '.clone'
_ONLY_POOL = 0
# Errors that say nothing about the object: the cluster could not be asked.
_NO_ANSWER = (exceptions.EndpointUnavailable, exceptions.OutcomeUnknown,
              exceptions.TryAgain)


def check_name(name: str) -> None:
    """Check a name before it is sent.

    :param name: the name of a volume or snapshot
    :raises InvalidRequest: when the cluster could not take it
    """
    if not _NAME.fullmatch(name):
        raise exceptions.InvalidRequest(
            name=repr(name), desc=_(
                'a name on the cluster has 1 to 95 of the characters '
                'A-Z a-z 0-9 _ . - and does not start with - or .'))


def temporary_name(volume: str) -> str:
    """Name the snapshot that a volume is cloned through.

    :param volume: the name of the new volume
    :returns: the name of the temporary snapshot
    :raises InvalidRequest: when the volume's name leaves no room for it
    """
    name = volume + _TEMPORARY_SUFFIX
    check_name(name)
    return name


class Array:
    """One Dsware cluster.

    :param client: the :class:`client.Client` that carries the calls
    :param copy_timeout: seconds that a copy inside the cluster may take
    """

    def __init__(self, client, copy_timeout):
        self._client = client
        self._copy_timeout = copy_timeout
        self._single_pool = None

    # -- the cluster and its pools ----------------------------------------

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
        if self.single_pool(patience):
            reply = self._client.call('queryPoolInfo', patience=patience,
                                      poolId=_ONLY_POOL)
        else:
            reply = self._client.call('queryAllPoolInfo', patience=patience)
        return [self._read(models.Pool, record, 'queryAllPoolInfo', reply)
                for record in reply.records]

    @staticmethod
    def _read(model, record, op, reply):
        try:
            return model.from_record(record)
        except models.RecordError as error:
            raise exceptions.OutcomeUnknown(
                op=op, desc=str(error), endpoint=str(reply.endpoint)
            ) from error

    # -- queries ----------------------------------------------------------

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
        check_name(name)
        try:
            reply = self._client.call(op, deadline=deadline, **args)
        except exceptions.ObjectAbsent:
            return None
        found = [self._read(model, record, op, reply)
                 for record in reply.records]
        # Names are compared whole: never trust a record of another object.
        exact = [item for item in found if item.name == name]
        if len(exact) != 1:
            raise exceptions.OutcomeUnknown(
                op=op, name=name, endpoint=str(reply.endpoint),
                desc=_('%(found)d records, %(exact)d of them of that name')
                % {'found': len(found), 'exact': len(exact)})
        return exact[0]

    def is_in_pool(self, snapshot: str, pool_id: int) -> bool:
        """Tell whether a snapshot is in a pool.

        :param snapshot: the snapshot's name
        :param pool_id: the pool
        :raises ObjectAbsent: there is no such snapshot
        :raises DSWareError: when the cluster does not answer
        """
        found = self.snapshot(snapshot)
        if found is None:
            raise exceptions.ObjectAbsent(op='querySnapshot', name=snapshot)
        return found.pool_id == pool_id

    def all_snapshots(self, pool_id: int) -> Iterator[models.Snapshot]:
        """List the snapshots of a pool, however many.

        :param pool_id: the pool
        :returns: an iterator that must be used up or closed
        :raises DSWareError: when the cluster does not answer
        """
        for record in self._client.stream('queryAllSnapshot',
                                          poolId=pool_id):
            try:
                yield models.Snapshot.from_record(record)
            except models.RecordError as error:
                raise exceptions.OutcomeUnknown(
                    op='queryAllSnapshot', desc=str(error)) from error

    def snapshots_of(self, volume: str) -> list[str]:
        """Name the snapshots of a volume.

        :param volume: the volume's name
        :returns: the snapshots' names
        :raises DSWareError: when the cluster does not answer
        """
        try:
            reply = self._client.call('querySnapOfVolume', volName=volume)
        except exceptions.ObjectAbsent:
            return []
        return [record.get('snap_name', '') for record in reply.records]

    # -- changes ----------------------------------------------------------

    def _change(self, op: str, settle: Callable, **args) -> None:
        """Carry out a change; settle it when the outcome is unknown.

        Busy objects are waited for. Everything together ends by the request
        timeout.

        :param op: the operation
        :param settle: called with a deadline after an unknown outcome, and
            after "exists" when an earlier attempt's outcome was unknown;
            tells whether the change has been made
        :param args: the operation's arguments
        :raises DSWareError: when the change has not been made, or, as
            OutcomeUnknown, when that cannot be found out
        """
        deadline = self._client.deadline()
        doubt = None
        for _elapsed in self._tries(deadline):
            try:
                self._client.call(op, deadline=deadline, **args)
                return
            except exceptions.OutcomeUnknown as error:
                failure = doubt = error
            except exceptions.ObjectBusy as error:
                failure = error
            except exceptions.DSWareError:
                # What an attempt in doubt did may look like a refusal now:
                # it exists, or it is gone, because it was carried out.
                if doubt is None or not self._settled(settle, doubt,
                                                      deadline):
                    raise
                return
            LOG.info('%s It is looked into and tried again.', failure)
            if doubt is not None and self._settled(settle, doubt, deadline):
                return
        raise failure

    @staticmethod
    def _settled(settle, doubt, deadline):
        try:
            return settle(deadline)
        except _NO_ANSWER as error:
            LOG.error('%(doubt)s Whether it was carried out cannot be '
                      'found out: %(error)s', {'doubt': doubt,
                                               'error': error})
            raise doubt from error

    @staticmethod
    def _tries(deadline):
        yield 0.0
        for elapsed in waiting.pauses(deadline):
            if not deadline.expired:
                yield elapsed

    def create_volume(self, name: str, pool_id: int, size: int,
                      thin: bool) -> None:
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
        check_name(name)

        def created(deadline):
            return self._is_volume(name, deadline, pool_id=pool_id,
                                   size=size, father='')

        self._create('createVolume', name, created, volName=name,
                     poolId=pool_id, volSize=size, thinFlag=int(thin))
        with self._undone(name):
            self._wait(lambda: self.volume(name), name, 'createVolume')

    def _create(self, op, name, settle, **args):
        try:
            self._change(op, settle, **args)
        except exceptions.ObjectExists as error:
            raise exceptions.ObjectExists(
                op=op, name=name, result=error.result, desc=error.desc,
                endpoint=error.endpoint,
                advice=self._what_is_there(name, args)) from error
        except exceptions.CapacityExceeded as error:
            raise self._with_room(error, args) from error

    def _with_room(self, error, args):
        """Add to an error about a full pool how full the pools are."""
        if error.result != result_codes.SPACE_NOT_ENOUGH:
            return error
        asked = args.get('volSize', _('unknown'))
        where = args.get('poolId', _('of the source'))
        try:
            room = ', '.join(f'{p.pool_id}: {p.free}' for p in self.pools())
        except exceptions.DSWareError as failure:
            room = failure.msg
        return exceptions.CapacityExceeded(
            op=error.op, name=error.name, result=error.result,
            desc=error.desc, endpoint=error.endpoint,
            advice=_('Pool %(where)s, asked for %(asked)s MiB; free MiB by '
                     'pool: %(room)s') % {'where': where, 'asked': asked,
                                          'room': room})

    def _what_is_there(self, name, args):
        asked = ', '.join(f'{k}={v}' for k, v in args.items())
        try:
            found = self.volume(name) or self.snapshot(name)
        except exceptions.DSWareError as error:
            found = error.msg
        return _('Asked for: %(asked)s. There is: %(found)s. It was left '
                 'alone; remove or rename it on the cluster if it is not in '
                 'use') % {'asked': asked, 'found': found}

    def _is_volume(self, name, deadline, **expected):
        """Tell whether a volume is there, and is the one asked for."""
        found = self.volume(name, deadline)
        if found is None:
            return False
        self._compare(found, expected)
        return True

    def _is_snapshot(self, name, deadline, **expected):
        found = self.snapshot(name, deadline)
        if found is None:
            return False
        self._compare(found, expected)
        return True

    @staticmethod
    def _compare(found, expected):
        wrong = {key: getattr(found, key) for key in expected
                 if getattr(found, key) != expected[key]}
        if wrong:
            raise exceptions.ObjectMismatch(
                op=_('settling the creation'), name=found.name,
                desc=_('asked for %(expected)s, found %(wrong)s') % {
                    'expected': expected, 'wrong': wrong})

    def delete_volume(self, name: str) -> None:
        """Delete a volume; one that is gone already is a success.

        :param name: its name
        :raises ObjectBusy: it is attached, has snapshots, or is in work
        :raises DSWareError: for all other reasons
        """
        check_name(name)
        try:
            self._change('deleteVolume',
                         lambda deadline: not self.volume(name, deadline),
                         volName=name)
        except exceptions.ObjectAbsent:
            LOG.info('Volume %s is gone already.', name)

    def delete_leftovers(self, name: str) -> None:
        """Delete what an interrupted creation of a volume left behind.

        :param name: the volume's name
        :raises DSWareError: when that does not work
        """
        check_name(name)
        temporary = name + _TEMPORARY_SUFFIX
        if _NAME.fullmatch(temporary):
            self.delete_snapshot(temporary)

    def expand_volume(self, name: str, size: int) -> None:
        """Make a volume larger; one of that size already is a success.

        :param name: its name
        :param size: the new size in MiB
        :raises ObjectAbsent: there is no such volume
        :raises DSWareError: for all other reasons
        """
        check_name(name)

        def expanded(deadline):
            found = self.volume(name, deadline)
            return found is not None and found.size == size

        try:
            self._change('expandVolume', expanded, volName=name,
                         volSize=size)
        except exceptions.InvalidRequest as error:
            if (error.result != result_codes.VOLUME_SIZE_INVALID
                    or not expanded(None)):
                raise
        except exceptions.CapacityExceeded as error:
            raise self._with_room(error, {'volSize': size}) from error

    def create_snapshot(self, name: str, volume: str) -> None:
        """Make a crash-consistent snapshot.

        :param name: the snapshot's name
        :param volume: the volume's name
        :raises ObjectExists: something of that name is there already
        :raises ObjectAbsent: there is no such volume
        :raises DSWareError: for all other reasons
        """
        check_name(name)
        check_name(volume)

        def created(deadline):
            return self._is_snapshot(name, deadline, father=volume)

        self._create('createSnapshot', name, created, volName=volume,
                     snapName=name, smartFlag=0)
        self._wait(lambda: self.snapshot(name), name, 'createSnapshot')

    def delete_snapshot(self, name: str) -> None:
        """Delete a snapshot; one that is gone already is a success.

        :param name: its name
        :raises ObjectBusy: it is in use or in work
        :raises DSWareError: for all other reasons
        """
        check_name(name)
        try:
            self._change('deleteSnapshot',
                         lambda deadline: not self.snapshot(name, deadline),
                         snapName=name)
        except exceptions.ObjectAbsent:
            LOG.debug('Snapshot %s is gone already.', name)

    # -- volumes from snapshots and volumes -------------------------------

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
        check_name(name)
        check_name(snapshot)

        def created(deadline):
            return self._is_volume(name, deadline, size=size,
                                   father=snapshot)

        self._create('createVolumeFromSnap', name, created, volName=name,
                     volSize=size, snapNameSrc=snapshot)
        with self._undone(name):
            self._wait(lambda: self.volume(name), name,
                       'createVolumeFromSnap')

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
        check_name(name)
        source = self.snapshot(snapshot)
        if source is None:
            raise exceptions.ObjectAbsent(op='querySnapshot', name=snapshot)
        deadline = self._client.deadline()
        for _elapsed in self._tries(deadline):
            # Made with the snapshot's size and grown afterwards: nothing
            # published says that a copy may have another size.
            self.create_volume(name, pool_id, source.size, thin)
            with self._undone(name):
                started = self._start_copy(name, snapshot)
                if started:
                    self._wait(lambda: self.volume(name), name,
                               'createFullVolumeFromSnap')
                    if size > source.size:
                        self.expand_volume(name, size)
                    return
            # Whether a copy into this volume began is beyond finding out;
            # a new empty volume is the only sure start.
            self.delete_volume(name)
        raise exceptions.OutcomeUnknown(
            op='createFullVolumeFromSnap', name=name,
            desc=_('the cluster did not say whether the copy began; the '
                   'volume was removed'))

    def _start_copy(self, name, snapshot):
        """Start a copy; tell whether it is certain that it runs."""
        deadline = self._client.deadline()
        failure = None
        for _elapsed in self._tries(deadline):
            try:
                self._client.call('createFullVolumeFromSnap', volName=name,
                                  snapName=snapshot, deadline=deadline)
                return True
            except exceptions.ObjectBusy as error:
                failure = error
            except exceptions.OutcomeUnknown as error:
                LOG.info('%s It is looked into.', error)
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
        temporary = temporary_name(name)
        # One that an earlier, interrupted attempt left holds old data.
        self.delete_snapshot(temporary)
        self.create_snapshot(temporary, source)
        try:
            make(temporary)
        except BaseException:
            with excutils.save_and_reraise_exception():
                self._remove_quietly(self.delete_snapshot, temporary)
        self._remove_quietly(self.delete_snapshot, temporary)

    def _undone(self, name):
        """Remove a volume that this call has made, if the block fails."""
        return _Undo(lambda: self._remove_quietly(self.delete_volume, name))

    @staticmethod
    def _remove_quietly(remove, name):
        try:
            remove(name)
        except exceptions.DSWareError as error:
            LOG.warning('%(name)s stays on the cluster for now: %(error)s '
                        'It is removed when the volume that it was made for '
                        'is deleted, or at the next start.',
                        {'name': name, 'error': error})

    def _wait(self, query, name, op):
        """Wait until an object that is in work is ready.

        :param query: gives the object, or None
        :raises BackendFault: it failed, vanished or took too long
        """
        deadline = waiting.Deadline(self._copy_timeout)
        for _elapsed in self._tries(deadline):
            if self._is_ready(query, name, op):
                return
        raise exceptions.BackendFault(
            op=op, name=name,
            desc=_('not ready after %d seconds') % self._copy_timeout,
            advice=_('Raise dsware_copy_timeout if the copy only needs more '
                     'time'))

    @staticmethod
    def _is_ready(query, name, op):
        try:
            found = query()
        except _NO_ANSWER as error:
            # The copy goes on inside the cluster while nobody can ask.
            LOG.warning('Waiting for %(name)s: %(error)s',
                        {'name': name, 'error': error})
            return False
        if found is None:
            raise exceptions.BackendFault(
                op=op, name=name, desc=_('it is gone from the cluster'))
        if not (found.ready or found.working):
            raise exceptions.BackendFault(
                op=op, name=name,
                desc=_('it is in failure status %d') % found.status)
        return found.ready

    # -- attachments ------------------------------------------------------

    def attach(self, name: str, agent) -> str:
        """Attach a volume to the host of an agent.

        There is no query for attachments; attaching again settles an
        unknown outcome, because the agent then says that it is attached.

        :param name: the volume's name
        :param agent: the :class:`operations.Endpoint` of the host's agent
        :returns: the device's path on that host, or an empty string when
            it was attached already
        :raises ObjectAbsent: there is no such volume
        :raises DSWareError: for all other reasons
        """
        check_name(name)
        try:
            reply = self._on_host('attachVolume', name, agent)
        except exceptions.AlreadyAttached:
            return ''
        return reply.records[0].get('devName', '') if reply.records else ''

    def detach(self, name: str, agent) -> None:
        """Detach a volume from the host of an agent.

        A volume that is not attached there, or is gone, is a success.

        :param name: the volume's name
        :param agent: the :class:`operations.Endpoint` of the host's agent
        :raises ObjectBusy: the device is in use
        :raises DSWareError: for all other reasons
        """
        check_name(name)
        try:
            self._on_host('detachVolume', name, agent)
        except (exceptions.NotAttached, exceptions.ObjectAbsent):
            LOG.debug('Volume %s is not attached at %s.', name, agent)

    def detach_by_ip(self, name: str, address: str) -> None:
        """Detach a volume from a host whatever the state of that host.

        :param name: the volume's name
        :param address: the IP address of the host's agent
        :raises DSWareError: when that does not work
        """
        check_name(name)
        try:
            self._on_host('detachVolumeByIp', name, None, detachIp=address)
        except (exceptions.NotAttached, exceptions.ObjectAbsent):
            LOG.debug('Volume %s is not attached at %s.', name, address)

    def _on_host(self, op, name, agent, **args):
        deadline = self._client.deadline()
        for _elapsed in self._tries(deadline):
            try:
                return self._client.call(op, agent=agent, deadline=deadline,
                                         volName=name, **args)
            except (exceptions.OutcomeUnknown,
                    exceptions.ObjectBusy) as error:
                failure = error
        raise failure


class _Undo:
    """Runs something when the block ends with an error of any kind."""

    def __init__(self, undo):
        self._undo = undo

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if kind is not None:
            self._undo()
        return False
