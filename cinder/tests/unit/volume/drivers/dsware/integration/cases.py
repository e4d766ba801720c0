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

"""Which operations meet which faults, and what has to come of it.

The tables here are multiplied: every request that changes something, of
every operation of the driver, meets every fault. All of the products are
run when DSWARE_TEST_FAULTS is "all", and a fixed choice of them otherwise.
"""

import dataclasses
import os
import zlib

from cinder import context
from cinder import exception
from cinder import objects
from cinder.tests.unit.volume.drivers.dsware import database
from cinder.tests.unit.volume.drivers.dsware.integration import base

ALL = os.environ.get('DSWARE_TEST_FAULTS') == 'all'
# Of the products that take no time, and of those that wait for a deadline,
# one of so many is chosen, for sockets and for the command line.
QUICK = {'socket': 3, 'cli': 14}
SLOW = {'socket': 10, 'cli': 20}

OLD, NEW = b'old data', b'new data'

# What the driver answers.
DONE = 'done'
FAILED = 'failed'
EITHER = 'either'


@dataclasses.dataclass(frozen=True)
class Fault:
    """Something that goes wrong.

    :ivar name: for the name of the test
    :ivar kind: the simulator's name for it, or one of the specials that
        are methods of the test
    :ivar outcome: what the driver has to answer
    :ivar count: how many requests meet it, None for all
    :ivar code: the result code, for those that have one
    :ivar kinds: what class of result the code is of
    :ivar timeout: the driver's request timeout
    :ivar transports: which transports can meet it
    """

    name: str
    kind: str
    outcome: str = DONE
    count: int | None = 1
    code: int | None = None
    seconds: float | None = None
    result: str = 'unknown'
    timeout: int = 10
    slow: bool = False
    transports: tuple = ('socket', 'cli')

    def settings(self):
        """Give what the simulator is told.

        :returns: a dict
        """
        given = {'count': self.count, 'code': self.code,
                 'seconds': self.seconds}
        return {'kind': self.kind,
                **{key: value for key, value in given.items()
                   if value is not None}}


def _once():
    """Faults that one request meets; the driver gets over them."""
    for kind in ('drop_before', 'drop_after', 'cut_frame', 'garbage'):
        yield Fault(kind, kind)
    yield Fault('wrong_seq', 'wrong_seq', transports=('socket',))
    yield Fault('cli_garbage', 'cli_garbage', transports=('cli',))
    yield Fault('refuse', 'refuse')
    yield Fault('delay', 'delay', seconds=0.2)
    yield Fault('agent_down', 'agent_down', slow=True)
    yield Fault('killed', 'killed', slow=True)
    yield Fault('hang', 'hang', timeout=4, slow=True)
    yield Fault('cli_hang', 'cli_hang', timeout=4, slow=True,
                transports=('cli',))
    for name, code in (('retry', 50150012), ('locked', 50150020),
                       ('busy', 50150013), ('busy_copying', 50151005),
                       ('unknown', 50150017), ('duplicate', 50150001),
                       ('unlisted', 59999999)):
        yield Fault('result_' + name, 'result', code=code)
    for name, code in (('unknown', 50000001), ('unlisted', -1)):
        yield Fault('after_' + name, 'result_after', code=code)


def _refused():
    """Results that say that it does not work, and it was not done."""
    for result, code in (
            ('capacity', 50150009), ('limit', 50152502),
            ('invalid', 50150003), ('denied', 10000003),
            ('fault', 50150015), ('exists', 50150007)):
        yield Fault(result, 'result', FAILED, code=code, result=result)


def _lasting():
    """Faults that last until the driver gives up, or finds out."""
    for kind in ('drop_before', 'hang'):
        yield Fault(kind + '_always', kind, FAILED, None, timeout=2,
                    slow=True)
    for result, code in (('retry', 50150016), ('unknown', 50150004),
                         ('busy', 50151005)):
        yield Fault(result + '_always', 'result', FAILED, None, code,
                    result=result, timeout=1, slow=True)
    for kind in ('drop_after', 'cut_frame', 'garbage'):
        yield Fault(kind + '_always', kind, DONE, None, timeout=4)
    yield Fault('after_unknown_always', 'result_after', DONE, None, 50000001,
                timeout=4)
    yield Fault('cluster_down', 'down', FAILED, None, timeout=1, slow=True)
    yield Fault('disk_full', 'disk_full', FAILED, None, timeout=1, slow=True)


FAULTS = (*_once(), *_refused(), *_lasting())


class Operation:
    """An operation of the driver, with all that it needs.

    :ivar steps: the requests that change something, in order
    :ivar empty_steps: those that find nothing to change: they only look
        after what an interrupted attempt may have left
    :ivar met: those of the steps that meet faults; all when empty
    :ivar halfway: those after which an error leaves it half done; another
        attempt finishes it
    :ivar about: what an error is about: volume, snapshot or nothing
    :ivar certain: whether a query tells what has been done, and there is
        but one way to do it
    :ivar makes_temporaries: whether it removes something at the end
    """

    steps = ()
    empty_steps = ()
    met = ()
    halfway = ()
    certain = True
    makes_temporaries = False
    about = 'volume'
    options = {}
    copy_seconds = 0

    def __init__(self, test):
        """Prepare a cluster with a volume and a snapshot of it.

        :param test: the test, a :class:`base.SimulatorTestCase`
        """
        self.test = test
        self.host = base.Host(test.simulator)
        self.control = test.simulator.control
        self.source = base.make_volume()
        self.snapshot = base.make_snapshot(self.source)
        self.host.create(self.source.name, 1)
        self.host.write(self.source.name, 0, OLD)
        self.host.run('createSnapshot', volName=self.source.name,
                      snapName=self.snapshot.name)
        self.host.write(self.source.name, 0, NEW)
        self.connector = {'host': 'compute', 'ip': self.host.address}
        self.new = base.make_volume()
        self.prepare()

    def prepare(self):
        """Make what else is needed."""

    def run(self, dsware):
        """Carry it out.

        :param dsware: the driver that is tested
        """
        raise NotImplementedError

    def changes(self):
        """Tell what it changes.

        :returns: what goes, what comes: sets of a test's contents
        """
        raise NotImplementedError

    def recover(self, dsware):
        """Do what Cinder, or its user, does before another attempt.

        :param dsware: the driver
        """

    def data(self):
        """Tell what volumes and snapshots contain at the end.

        :returns: dict of bytes by name
        """
        return {self.source.name: NEW, self.snapshot.name: OLD}

    def made(self, size=1, father=''):
        return {(self.new.name, size * base.GIB, 0, 0, father)}


class CreateVolume(Operation):
    steps = ('createVolume',)
    about = 'nothing'

    def run(self, dsware):
        dsware.create_volume(self.new)

    def changes(self):
        return set(), self.made()

    def recover(self, dsware):
        dsware.delete_volume(self.new)

    def data(self):
        return {**super().data(), self.new.name: bytes(len(OLD))}


class DeleteVolume(Operation):
    steps = ('deleteSnapshot', 'deleteVolume')
    empty_steps = ('deleteSnapshot',)

    def prepare(self):
        self.host.create(self.new.name, 1)

    def run(self, dsware):
        dsware.delete_volume(self.new)

    def changes(self):
        return self.made(), set()


class ExtendVolume(Operation):
    steps = ('expandVolume',)

    def prepare(self):
        self.host.create(self.new.name, 1)
        self.host.write(self.new.name, 0, NEW)

    def run(self, dsware):
        dsware.extend_volume(self.new, 2)

    def changes(self):
        return self.made(), self.made(2)

    def data(self):
        return {**super().data(), self.new.name: NEW}


class CreateSnapshot(Operation):
    steps = ('createSnapshot',)

    def prepare(self):
        self.another = base.make_snapshot(self.source)

    def run(self, dsware):
        dsware.create_snapshot(self.another)

    def changes(self):
        return set(), {(self.another.name, base.GIB, 0, 0,
                        self.source.name)}

    def recover(self, dsware):
        dsware.delete_snapshot(self.another)

    def data(self):
        return {**super().data(), self.another.name: NEW}


class DeleteSnapshot(Operation):
    steps = ('deleteSnapshot',)
    about = 'snapshot'

    def run(self, dsware):
        dsware.delete_snapshot(self.snapshot)

    def changes(self):
        return {(self.snapshot.name, base.GIB, 0, 0,
                 self.source.name)}, set()

    def data(self):
        return {self.source.name: NEW}


class LinkedFromSnapshot(Operation):
    steps = ('createVolumeFromSnap',)
    about = 'snapshot'

    def run(self, dsware):
        dsware.create_volume_from_snapshot(self.new, self.snapshot)

    def changes(self):
        return set(), self.made(father=self.snapshot.name)

    def recover(self, dsware):
        dsware.delete_volume(self.new)

    def data(self):
        return {**super().data(), self.new.name: OLD}


class FullFromSnapshot(LinkedFromSnapshot):
    """A full copy that has to be grown, too."""

    steps = ('createVolume', 'createFullVolumeFromSnap', 'expandVolume')
    options = {'dsware_clone': 'full'}
    copy_seconds = 0.3

    def prepare(self):
        self.new = base.make_volume(size=2)

    def changes(self):
        return set(), self.made(2)


class LinkedClone(Operation):
    steps = ('deleteSnapshot', 'createSnapshot', 'createVolumeFromSnap')
    empty_steps = ('deleteSnapshot',)
    makes_temporaries = True

    def run(self, dsware):
        dsware.create_cloned_volume(self.new, self.source)

    def changes(self):
        return set(), self.made()

    def recover(self, dsware):
        dsware.delete_volume(self.new)

    def data(self):
        return {**super().data(), self.new.name: NEW}


class FullClone(LinkedClone):
    steps = ('deleteSnapshot', 'createSnapshot', 'createVolume',
             'createFullVolumeFromSnap')
    options = {'dsware_clone': 'full'}
    copy_seconds = 0.3


class Revert(Operation):
    steps = ('rollbackSnapshot',)
    copy_seconds = 0.3

    def run(self, dsware):
        dsware.revert_to_snapshot(None, self.source, self.snapshot)

    def changes(self):
        return set(), set()

    def data(self):
        return {**super().data(), self.source.name: OLD}


class Manage(Operation):
    """A volume that grows to a whole number of GiB."""

    steps = ('disassociateQoSWithVolume', 'deleteQoS', 'expandVolume')
    # No limits are left of an earlier time.
    empty_steps = ('disassociateQoSWithVolume', 'deleteQoS')
    name = 'legacy'

    def prepare(self):
        self.host.run('createVolume', volName=self.name, volSize=1536,
                      poolId=0, thinFlag=1)
        self.host.write(self.name, 0, NEW)
        self.new = objects.Volume(
            context.get_admin_context(), size=0, host='host@backend#0',
            volume_type_id=self.test.vt['id'])
        self.new.create()

    def run(self, dsware):
        reference = {'source-name': self.name}
        self.new.size = dsware.manage_existing_get_size(self.new, reference)
        self.new.update(dsware.manage_existing(self.new, reference))

    def changes(self):
        return ({(self.name, 1536, 0, 0, '')},
                {(self.name, 2 * base.GIB, 0, 0, '')})

    def recover(self, dsware):
        # Nobody has it, so it can be managed.
        assert self.new.provider_id is None

    def data(self):
        return {**super().data(), self.name: NEW}


class CreateGroupSnapshot(Operation):
    """Snapshots of two volumes at one point in time."""

    steps = ('activeSnapshots',)

    def prepare(self):
        self.second = base.make_volume()
        self.host.create(self.second.name, 1)
        self.host.write(self.second.name, 0, OLD)
        self.group = base.make_group(self.test)
        self.members = (self.source, self.second)
        self.snapshots = [base.make_snapshot(volume)
                          for volume in self.members]

    def run(self, dsware):
        dsware.create_group_snapshot(None, self.group, self.snapshots)

    def changes(self):
        return set(), {(snapshot.name, base.GIB, 0, 0, volume.name)
                       for snapshot, volume in zip(self.snapshots,
                                                   self.members)}

    def recover(self, dsware):
        dsware.delete_group_snapshot(None, self.group, self.snapshots)

    def data(self):
        return {**super().data(), self.second.name: OLD,
                self.snapshots[0].name: NEW, self.snapshots[1].name: OLD}


class GroupFromSnapshot(CreateGroupSnapshot):
    steps = ('createVolumeFromSnap',)
    about = 'snapshot'

    def prepare(self):
        super().prepare()
        for volume, snapshot in zip(self.members, self.snapshots):
            self.host.run('createSnapshot', volName=volume.name,
                          snapName=snapshot.name)
        self.copies = [base.make_volume() for _volume in self.members]

    def run(self, dsware):
        dsware.create_group_from_src(None, self.group, self.copies,
                                     self.group, self.snapshots)

    def changes(self):
        return set(), {(volume.name, base.GIB, 0, 0, snapshot.name)
                       for volume, snapshot in zip(self.copies,
                                                   self.snapshots)}

    def recover(self, dsware):
        dsware.delete_group(None, self.group, self.copies)

    def data(self):
        return {**super().data(), self.copies[0].name: NEW,
                self.copies[1].name: OLD}


class GroupFromGroup(CreateGroupSnapshot):
    steps = ('deleteSnapshot', 'activeSnapshots', 'createVolumeFromSnap')
    empty_steps = ('deleteSnapshot',)
    makes_temporaries = True

    def prepare(self):
        super().prepare()
        self.copies = [base.make_volume() for _volume in self.members]

    def run(self, dsware):
        dsware.create_group_from_src(
            None, self.group, self.copies, source_group=self.group,
            source_vols=self.members)

    def changes(self):
        return set(), {(volume.name, base.GIB, 0, 0, '')
                       for volume in self.copies}

    def recover(self, dsware):
        dsware.delete_group(None, self.group, self.copies)

    def data(self):
        return {**Operation.data(self), self.second.name: OLD,
                self.copies[0].name: NEW, self.copies[1].name: OLD}


class Attach(Operation):
    steps = ('attachVolume',)
    certain = False
    options = {'dsware_attach_by': 'manager'}

    def prepare(self):
        database.add_volume(self.source)

    def run(self, dsware):
        dsware.initialize_connection(self.source, self.connector)

    def changes(self):
        return set(), {(self.host.address, self.source.name)}

    def recover(self, dsware):
        dsware.terminate_connection(self.source, self.connector)


class Detach(Operation):
    steps = ('detachVolume',)
    certain = False
    options = {'dsware_attach_by': 'manager'}

    def prepare(self):
        self.host.attach(self.source.name)
        database.add_volume(self.source)
        database.add_attachment(self.source, self.connector)

    def run(self, dsware):
        dsware.terminate_connection(self.source, self.connector)

    def changes(self):
        return {(self.host.address, self.source.name)}, set()


class DetachEverywhere(Detach):

    def run(self, dsware):
        dsware.terminate_connection(self.source, None)


class DetachDeadHost(Detach):
    steps = ('detachVolumeByIp',)

    def run(self, dsware):
        self.control.agent_down(self.host.address)
        try:
            super().run(dsware)
        finally:
            self.control.agent_up(self.host.address)


class Migrate(Operation):
    """A move to another pool; what the cluster refuses, Cinder copies."""

    steps = ('migrateVolumeCold',)
    copy_seconds = 0.3

    def prepare(self):
        self.host.create(self.new.name, 1)
        self.host.write(self.new.name, 0, NEW)

    def run(self, dsware):
        moved, update = dsware.migrate_volume(
            context.get_admin_context(), self.new, {
                'host': f'{dsware.host}#1', 'capabilities': {
                    'location_info': 'dsware:' + base.MANAGER}})
        if not moved or update:
            raise exception.VolumeBackendAPIException(data='not moved')

    def changes(self):
        (item,) = self.made()
        return {item}, {(*item[:3], 1, item[4])}

    def data(self):
        return {**super().data(), self.new.name: NEW}


OPERATIONS = (CreateVolume, DeleteVolume, ExtendVolume, CreateSnapshot,
              DeleteSnapshot, LinkedFromSnapshot, FullFromSnapshot,
              LinkedClone, FullClone, CreateGroupSnapshot,
              GroupFromSnapshot, GroupFromGroup, Manage, Revert, Migrate,
              Attach, Detach, DetachEverywhere, DetachDeadHost)


@dataclasses.dataclass(frozen=True)
class Case:
    """One operation, one of its requests, one fault."""

    operation: type
    step: str
    fault: Fault

    @property
    def name(self):
        """The case's part of a test's name."""
        return '_'.join((self.operation.__name__, self.step,
                         self.fault.name))

    @property
    def outcome(self):
        """What the driver has to answer."""
        fault = self.fault
        if self.step == 'createQoS' and fault.result == 'exists':
            # No volume has it, so it was left by a crash, and is replaced.
            return DONE
        if fault.count is not None:
            return fault.outcome
        if self.doubtful and self.step in ('createQoS', 'deleteQoS'):
            # There is no query; only asking again tells.
            return EITHER
        if self.doubtful and self.step in self.operation.empty_steps:
            # A look shows that it is gone, and that is all that is wanted.
            return DONE if fault.kind == 'result' else EITHER
        if self.doubtful and not self.operation.certain:
            return EITHER
        if (fault.outcome == DONE and self.step in (
                'createFullVolumeFromSnap', 'rollbackSnapshot')):
            # When the cluster never says whether a copy began, and it is
            # over before it is looked at, it has to be given up.
            return EITHER
        return fault.outcome

    @property
    def doubtful(self):
        """Whether nobody says what was done, but queries are answered."""
        return (self.fault.result == 'unknown'
                and self.fault.kind not in ('down', 'disk_full'))

    def error(self):
        """Tell what an error is reported as.

        :returns: an exception's class
        """
        about = self.operation.about
        if self.fault.result == 'busy' and about != 'nothing':
            return (exception.SnapshotIsBusy if about == 'snapshot'
                    else exception.VolumeIsBusy)
        if self.fault.result == 'limit' and about != 'nothing':
            return exception.SnapshotLimitReached
        return exception.VolumeBackendAPIException

    def leaves_something(self):
        """Tell whether a clone works but cannot be tidied up after.

        There is a test of its own for that.
        """
        return (self.fault.count is None and self.doubtful
                and self.step in self.operation.empty_steps
                and self.operation.makes_temporaries)

    def chosen(self, transport):
        """Tell whether the case is run every time.

        :param transport: socket or cli
        :returns: bool
        """
        if transport not in self.fault.transports or self.leaves_something():
            return False
        share = (SLOW if self.fault.slow else QUICK)[transport]
        return ALL or not zlib.crc32(self.name.encode()) % share


def products(transport, operations):
    """Multiply the tables.

    :param transport: socket or cli
    :param operations: subclasses of :class:`Operation`
    :returns: an iterator of the cases to run
    """
    for operation in operations:
        for step in operation.met or operation.steps:
            for fault in FAULTS:
                case = Case(operation, step, fault)
                if case.chosen(transport):
                    yield case
