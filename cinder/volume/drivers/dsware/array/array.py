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
are in MiB. "Already exists" is a success only when this very call may have
made the object and the cluster shows what was asked for.
"""

from collections.abc import Callable
import contextlib

from oslo_log import log as logging

from cinder.i18n import _
from cinder.volume.drivers.dsware.array import consistency
from cinder.volume.drivers.dsware.array import copies
from cinder.volume.drivers.dsware.array import hosts
from cinder.volume.drivers.dsware.array import listings
from cinder.volume.drivers.dsware.array import models
from cinder.volume.drivers.dsware.array import moves
from cinder.volume.drivers.dsware.array import names
from cinder.volume.drivers.dsware.array import qos
from cinder.volume.drivers.dsware.array import rollbacks
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import result_codes
from cinder.volume.drivers.dsware import waiting

LOG = logging.getLogger(__name__)

_ONLY_POOL = 0
# Characters that tell what is there in place of a new object.
_MAX_DESCRIPTION = 500
# Snapshots that an error names.
_MAX_NAMED = 5


def _asked(args):
    """Give the words for a full pool, with what a request says itself."""
    if 'volSize' not in args:
        return _('Free MiB by pool: %(room)s')
    if 'poolId' not in args:
        return _('Asked for %(volSize)d MiB; free MiB by pool: %(room)s')
    return _('Pool %(poolId)d, asked for %(volSize)d MiB; free MiB by pool: '
             '%(room)s')


class Array(consistency.Consistency, copies.Copies, hosts.Hosts,
            listings.Listings, moves.Moves, qos.Policies,
            rollbacks.Rollbacks):
    """One Dsware cluster.

    :param client: the :class:`client.Client` that carries the calls
    :param copy_timeout: seconds that a copy inside the cluster may take
    """

    def __init__(self, client, copy_timeout):
        super().__init__(client, copy_timeout)
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
        names.check(name)
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
                desc=_('records: %(found)d, of that name: %(exact)d')
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
                            reply) for record in reply.records]
        # Some of them are deleted: never those of another volume.
        wrong = [item for item in found if item.father != volume
                 or not names.is_legal(item.name)]
        if wrong:
            raise exceptions.OutcomeUnknown(
                op='querySnapOfVolume', name=volume,
                endpoint=str(reply.endpoint),
                desc=_('there is an answer about another volume: %s')
                % (wrong[0],))
        return [item.name for item in found]

    # -- volumes and snapshots --------------------------------------------

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
        names.check(name)

        def created(deadline):
            return self._matches(self.volume(name, deadline),
                                 pool_id=pool_id, size=size, father='')

        deadline = self._client.deadline()
        late = self._create(
            'createVolume', name, created, deadline, volName=name,
            poolId=pool_id, volSize=size, thinFlag=int(thin))
        with self._marked(late), self._undone(self.delete_volume, name):
            self._wait(lambda limit: self.volume(name, limit), name,
                       'createVolume', deadline)

    def _create(self, op, name, settle, deadline, **args):
        """Make an object.

        :returns: whether an earlier request may still make it
        """
        try:
            with self._expected(name):
                return self._change(op, settle, deadline=deadline, **args)
        except exceptions.ObjectExists as error:
            raise exceptions.ObjectExists(
                op=op, name=name, result=error.result, desc=error.desc,
                endpoint=error.endpoint,
                advice=self._what_is_there(name, args)) from error
        except exceptions.CapacityExceeded as error:
            raise self._with_room(error, args) from error

    @contextlib.contextmanager
    def _expected(self, name):
        """Expect what a request makes late, if the block leaves a doubt."""
        try:
            yield
        except exceptions.DSWareError as error:
            if error.in_doubt:
                self._late.expect(name)
            raise

    def _with_room(self, error, args):
        """Add to an error about a full pool how full the pools are."""
        if error.result != result_codes.SPACE_NOT_ENOUGH:
            return error
        try:
            room = ', '.join(f'{p.pool_id}: {p.free}' for p in self.pools())
        except exceptions.DSWareError as failure:
            room = failure.msg
        return exceptions.CapacityExceeded(
            op=error.op, name=error.name, result=error.result,
            desc=error.desc, endpoint=error.endpoint,
            advice=_asked(args) % {**args, 'room': room})

    def _what_is_there(self, name, args):
        asked = ', '.join(f'{k}={v}' for k, v in args.items())
        try:
            found = self.volume(name) or self.snapshot(name)
        except exceptions.DSWareError as error:
            found = error.msg
        return _('Asked for: %(asked)s. There is: %(found)s. It was left '
                 'alone; remove or rename it on the cluster if it is not in '
                 'use') % {'asked': asked, 'found': exceptions.printable(
                     str(found), _MAX_DESCRIPTION)}

    @staticmethod
    def _matches(found, **expected):
        """Tell whether an object is there; it must be the one asked for."""
        if found is None:
            return False
        wrong = {key: getattr(found, key) for key in expected
                 if getattr(found, key) != expected[key]}
        if wrong:
            raise exceptions.ObjectMismatch(
                op=_('settling the creation'), name=found.name,
                desc=_('asked for %(expected)s, found %(wrong)s') % {
                    'expected': expected, 'wrong': wrong})
        return True

    def delete_volume(self, name: str,
                      patience: float | None = None) -> bool:
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
        names.check(name)
        late = self._delete_volume(name, patience)
        if patience is None:
            self._outlast(self.volume, self._delete_volume, name)
        return late

    def _delete_volume(self, name, patience=None):
        try:
            return self._change(
                'deleteVolume',
                lambda deadline: not self.volume(name, deadline),
                patience=patience, told=self._with_holder, volName=name)
        except exceptions.ObjectAbsent as error:
            LOG.info('Volume %s is gone already.', name)
            return error.in_doubt

    def _with_holder(self, error, deadline):
        """Add to an error about an object in use what uses it."""
        if error.result != result_codes.NODE_IN_USE:
            # Something under way, which its meaning names.
            return error
        try:
            snapshots = self.snapshots_of(error.name, self._look(deadline))
        except exceptions.DSWareError as failure:
            LOG.debug('What holds %(name)s is not known: %(failure)s',
                      {'name': error.name, 'failure': failure})
            return error
        kept = [snapshot for snapshot in snapshots
                if not names.is_temporary(snapshot)]
        if kept:
            raise self._held(error, exceptions.HasSnapshots, _(
                'It has snapshots, which do not go with it: %s. Manage them '
                'into Cinder, or delete them on the cluster, before it is '
                'deleted') % _listed(kept))
        if snapshots:
            return self._held(error, exceptions.ObjectBusy, _(
                'It is cloned through these snapshots: %s')
                % _listed(snapshots))
        return self._attached(error)

    def _attached(self, error, _deadline=None):
        """Add to an error about an object in use that a host has it."""
        if error.result != result_codes.NODE_IN_USE:
            return error
        return self._held(error, exceptions.ObjectBusy, _(
            'It is attached to a host; it can be deleted when it is detached '
            'there'))

    @staticmethod
    def _held(error, kind, advice):
        return kind(op=error.op, name=error.name, result=error.result,
                    desc=error.desc, endpoint=error.endpoint, advice=advice)

    def delete_leftovers(self, name: str) -> None:
        """Delete what an interrupted creation of a volume left behind.

        :param name: the volume's name
        :raises DSWareError: when that does not work
        """
        self.delete_snapshot(names.temporary(name))

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
        left = [snapshot for snapshot in self.snapshots_of(name)
                if names.is_temporary(snapshot)
                and self._is_over(names.clone_of(snapshot), is_forgotten)]
        for snapshot in left:
            self.delete_snapshot(snapshot)
        return bool(left)

    def _is_over(self, clone, is_forgotten):
        found = self.volume(clone)
        return bool(found and found.ready) or is_forgotten(clone)

    def expand_volume(self, name: str, size: int) -> None:
        """Make a volume larger; one of that size already is a success.

        :param name: its name
        :param size: the new size in MiB
        :raises ObjectAbsent: there is no such volume
        :raises DSWareError: for all other reasons
        """
        names.check(name)

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
        names.check(name)
        names.check(volume)

        def created(deadline):
            return self._matches(self.snapshot(name, deadline),
                                 father=volume)

        deadline = self._client.deadline()
        self._create('createSnapshot', name, created, deadline,
                     volName=volume, snapName=name, smartFlag=0)
        with self._undone(self.delete_snapshot, name):
            self._wait(lambda limit: self.snapshot(name, limit), name,
                       'createSnapshot', deadline)

    def delete_snapshot(self, name: str,
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
        names.check(name)
        late = self._delete_snapshot(name, patience)
        if patience is None:
            self._outlast(self.snapshot, self._delete_snapshot, name)
        return late

    def _delete_snapshot(self, name, patience=None):
        try:
            return self._change(
                'deleteSnapshot',
                lambda deadline: not self.snapshot(name, deadline),
                patience=patience, told=self._attached, snapName=name)
        except exceptions.ObjectAbsent as error:
            LOG.debug('Snapshot %s is gone already.', name)
            return error.in_doubt


def _listed(found):
    """Name some of many objects."""
    more = len(found) - _MAX_NAMED
    named = ', '.join(found[:_MAX_NAMED])
    return named if more <= 0 else _('%(named)s and %(more)d more') % {
        'named': named, 'more': more}
