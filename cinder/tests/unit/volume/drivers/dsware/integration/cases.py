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

"""Operations on volumes and snapshots that meet faults; see matrix."""

from cinder.tests.unit.volume.drivers.dsware.integration import base
from cinder.volume.drivers.dsware.array import models
from cinder.volume.drivers.dsware.array import names

OLD, NEW = b'old data', b'new data'


def occurrence(step):
    """Take a step apart.

    :param step: an operation of the interface, and a number when it is not
        the first request for it: "deleteSnapshot 2"
    :returns: the operation, and the number
    """
    op, _space, number = step.partition(' ')
    return op, int(number or 1)


class Operation:
    """An operation of the driver, with all that it needs.

    :ivar steps: the requests that change something, in order; for an
        operation that has none, those that it relies on
    :ivar empty_steps: those that find nothing to change: they only look
        after what an interrupted attempt may have left
    :ivar quiet_steps: those whose failure is no error: what they leave is
        removed later
    :ivar plain_steps: those whose errors name no object of Cinder's
    :ivar halfway: those after which an error leaves it half done; another
        attempt finishes it
    :ivar about: what an error is about: volume, snapshot or nothing
    :ivar tells_limits: whether an error tells that a limit is reached
    :ivar certain: whether a query tells what has been done, and there is
        but one way to do it
    :ivar forgiving: whether it never fails, but is done again later
    :ivar needs_room: whether a full pool prevents it
    :ivar timeout: seconds for one request when no fault needs another time
    """

    steps = ()
    empty_steps = ()
    quiet_steps = ()
    plain_steps = ()
    halfway = ()
    tells_limits = True
    certain = True
    forgiving = False
    needs_room = False
    about = 'volume'
    options = {}
    timeout = 10
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
        self.connector = {'host': 'compute', 'ip': self.host.address,
                          'dsware_cli': True}
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
        return set(), set()

    def own(self):
        """Name what may be left when it cannot be removed at once.

        :returns: what the names of objects on the cluster begin with
        """
        return [self.new.name]

    def come_to_rest(self):
        """Wait for what the cluster still does when the driver has failed."""

    def recover(self, dsware):
        """Do what Cinder, or its user, does before another attempt.

        :param dsware: the driver
        """

    def renew(self):
        """Take new objects, as each request of Cinder has its own."""
        self.new = self.new.obj_clone()

    @classmethod
    def recovers(cls):
        """Tell whether nothing is left after :meth:`recover`."""
        return cls.recover is not Operation.recover

    def tidy(self, dsware):
        """Do what removes later what could not be removed at the end.

        :param dsware: the driver
        """
        self.run(dsware)

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
    needs_room = True

    def run(self, dsware):
        dsware.create_volume(self.new)

    def changes(self):
        return set(), self.made()

    def recover(self, dsware):
        dsware.delete_volume(self.new)

    def data(self):
        return {**super().data(), self.new.name: bytes(len(OLD))}


class CreateThickVolume(CreateVolume):
    options = {'san_thin_provision': False}


class DeleteVolume(Operation):
    steps = ('deleteSnapshot', 'deleteVolume')
    empty_steps = ('deleteSnapshot',)

    def prepare(self):
        self.host.create(self.new.name, 1)

    def run(self, dsware):
        dsware.delete_volume(self.new)

    def changes(self):
        return self.made(), set()


class DeleteInterruptedClone(DeleteVolume):
    """A volume that was being cloned when the service died."""

    empty_steps = ()
    halfway = ('deleteVolume',)

    def prepare(self):
        super().prepare()
        self.host.run('createSnapshot', volName=self.source.name,
                      snapName=names.temporary(self.new.name))

    def changes(self):
        return self.made() | {(names.temporary(self.new.name), base.GIB, 0,
                               0, self.source.name)}, set()


class ExtendVolume(Operation):
    steps = ('deleteQoS', 'expandVolume')
    empty_steps = ('deleteQoS',)
    needs_room = True

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
    needs_room = True

    def prepare(self):
        self.another = base.make_snapshot(self.source)

    def own(self):
        return [self.another.name]

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

    def own(self):
        return [self.snapshot.name]

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
    needs_room = True

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
    steps = ('deleteSnapshot', 'createSnapshot', 'createVolumeFromSnap',
             'deleteSnapshot 2')
    empty_steps = ('deleteSnapshot',)
    quiet_steps = ('deleteSnapshot 2',)
    needs_room = True

    def run(self, dsware):
        dsware.create_cloned_volume(self.new, self.source)

    def changes(self):
        return set(), self.made()

    def recover(self, dsware):
        dsware.delete_volume(self.new)

    def tidy(self, dsware):
        # As deleting the source does, when that is all that keeps it.
        dsware._array.volumes.delete_temporaries_of(self.source.name)

    def data(self):
        return {**super().data(), self.new.name: NEW}


class FullClone(LinkedClone):
    steps = ('deleteSnapshot', 'createSnapshot', 'createVolume',
             'createFullVolumeFromSnap', 'deleteSnapshot 2')
    options = {'dsware_clone': 'full'}
    copy_seconds = 0.3


class Revert(Operation):
    steps = ('rollbackSnapshot',)
    copy_seconds = 0.3
    needs_room = True

    def own(self):
        return [self.source.name]

    def run(self, dsware):
        dsware.revert_to_snapshot(None, self.source, self.snapshot)

    def come_to_rest(self):
        # A rollback whose beginning no reply told ends by itself.
        base.wait_until(lambda: not any(
            name == self.source.name and status == models.VOLUME_COPYING
            for name, _size, status, *_place in self.test.contents()),
            'the end of a rollback')

    def data(self):
        return {**super().data(), self.source.name: OLD}


class RevertExtended(Revert):
    """A volume that was extended since the snapshot keeps its size."""

    steps = ('rollbackSnapshot', 'expandVolume')
    halfway = ('expandVolume',)

    def prepare(self):
        self.source.size = 2
        self.host.run('expandVolume', volName=self.source.name,
                      volSize=2 * base.GIB)


OPERATIONS = (CreateVolume, CreateThickVolume, DeleteVolume,
              DeleteInterruptedClone, ExtendVolume, CreateSnapshot,
              DeleteSnapshot, LinkedFromSnapshot, FullFromSnapshot,
              LinkedClone, FullClone, Revert, RevertExtended)
