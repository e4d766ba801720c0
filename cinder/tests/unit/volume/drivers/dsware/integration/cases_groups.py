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

"""Operations on groups of volumes that meet faults; see matrix."""

from cinder import exception
from cinder.tests.unit.volume.drivers.dsware.integration import base
from cinder.tests.unit.volume.drivers.dsware.integration import cases


class _Group(cases.Operation):
    """What needs nothing of the cluster."""

    def prepare(self):
        self.group = base.make_group(self.test)


class CreateGroup(_Group):

    def run(self, dsware):
        dsware.create_group(None, self.group)


class UpdateGroup(_Group):

    def run(self, dsware):
        dsware.update_group(None, self.group, [self.source], [])


class CreateGroupSnapshot(cases.Operation):
    """Snapshots of two volumes at one point in time."""

    steps = ('activeSnapshots',)
    needs_room = True

    def prepare(self):
        self.second = base.make_volume()
        self.host.create(self.second.name, 1)
        self.host.write(self.second.name, 0, cases.OLD)
        self.group = base.make_group(self.test)
        self.members = (self.source, self.second)
        self.snapshots = [base.make_snapshot(volume)
                          for volume in self.members]

    def own(self):
        return [snapshot.name for snapshot in self.snapshots]

    def run(self, dsware):
        dsware.create_group_snapshot(None, self.group, self.snapshots)

    def changes(self):
        return set(), {(snapshot.name, base.GIB, 0, 0, volume.name)
                       for snapshot, volume in zip(self.snapshots,
                                                   self.members)}

    def recover(self, dsware):
        dsware.delete_group_snapshot(None, self.group, self.snapshots)

    def data(self):
        return {**super().data(), self.second.name: cases.OLD,
                self.snapshots[0].name: cases.NEW,
                self.snapshots[1].name: cases.OLD}


class GroupFromSnapshot(CreateGroupSnapshot):
    steps = ('createVolumeFromSnap', 'createVolumeFromSnap 2')
    about = 'snapshot'

    def prepare(self):
        super().prepare()
        for volume, snapshot in zip(self.members, self.snapshots):
            self.host.run('createSnapshot', volName=volume.name,
                          snapName=snapshot.name)
        self.copies = [base.make_volume() for _volume in self.members]

    def renew(self):
        self.copies = [volume.obj_clone() for volume in self.copies]

    def run(self, dsware):
        dsware.create_group_from_src(None, self.group, self.copies,
                                     self.group, self.snapshots)

    def changes(self):
        return set(), {(volume.name, base.GIB, 0, 0, snapshot.name)
                       for volume, snapshot in zip(self.copies,
                                                   self.snapshots)}

    def own(self):
        return [volume.name for volume in self.copies]

    def recover(self, dsware):
        dsware.delete_group(None, self.group, self.copies)

    def data(self):
        return {**super().data(), self.copies[0].name: cases.NEW,
                self.copies[1].name: cases.OLD}


class GroupFromGroup(CreateGroupSnapshot):
    steps = ('deleteSnapshot', 'deleteSnapshot 2', 'activeSnapshots',
             'createVolumeFromSnap', 'createVolumeFromSnap 2',
             'deleteSnapshot 3', 'deleteSnapshot 4')
    empty_steps = ('deleteSnapshot', 'deleteSnapshot 2')
    quiet_steps = ('deleteSnapshot 3', 'deleteSnapshot 4')

    def prepare(self):
        super().prepare()
        self.copies = [base.make_volume() for _volume in self.members]

    def renew(self):
        self.copies = [volume.obj_clone() for volume in self.copies]

    def run(self, dsware):
        dsware.create_group_from_src(
            None, self.group, self.copies, source_group=self.group,
            source_vols=self.members)

    def changes(self):
        return set(), {(volume.name, base.GIB, 0, 0, '')
                       for volume in self.copies}

    def own(self):
        return [volume.name for volume in self.copies]

    def tidy(self, dsware):
        # As deleting the sources does.
        for volume in self.members:
            dsware._array.volumes.delete_temporaries_of(volume.name)

    def recover(self, dsware):
        dsware.delete_group(None, self.group, self.copies)

    def data(self):
        return {**cases.Operation.data(self), self.second.name: cases.OLD,
                self.copies[0].name: cases.NEW, self.copies[1].name: cases.OLD}


def _raise_failure(updates):
    """Raise an error for what Cinder is told by a model update."""
    group, members = updates
    statuses = {member['status'] for member in members}
    if 'available' in statuses:
        raise exception.VolumeIsBusy(volume_name='a member')
    if group['status'] != 'deleted':
        raise exception.VolumeBackendAPIException(data='not all deleted')


class DeleteGroupSnapshot(CreateGroupSnapshot):
    """What is not deleted yet is, in another attempt."""

    steps = ('deleteSnapshot', 'deleteSnapshot 2')
    halfway = steps
    tells_limits = False
    needs_room = False

    def prepare(self):
        super().prepare()
        for volume, snapshot in zip(self.members, self.snapshots):
            self.host.run('createSnapshot', volName=volume.name,
                          snapName=snapshot.name)

    def run(self, dsware):
        _raise_failure(dsware.delete_group_snapshot(
            None, self.group, self.snapshots))

    def changes(self):
        _gone, come = super().changes()
        return come, set()

    def recover(self, dsware):
        """Nothing has to be done."""

    @classmethod
    def recovers(cls):
        return False

    def data(self):
        return cases.Operation.data(self)


class DeleteGroup(cases.Operation):
    steps = ('deleteSnapshot', 'deleteVolume', 'deleteSnapshot 2',
             'deleteVolume 2')
    empty_steps = ('deleteSnapshot', 'deleteSnapshot 2')
    halfway = steps
    tells_limits = False

    def prepare(self):
        self.group = base.make_group(self.test)
        self.members = [self.new, base.make_volume()]
        for volume in self.members:
            self.host.create(volume.name, 1)

    def own(self):
        return [volume.name for volume in self.members]

    def run(self, dsware):
        _raise_failure(dsware.delete_group(None, self.group, self.members))

    def changes(self):
        return {(volume.name, base.GIB, 0, 0, '')
                for volume in self.members}, set()


OPERATIONS = (CreateGroup, UpdateGroup, CreateGroupSnapshot,
              DeleteGroupSnapshot, GroupFromSnapshot, GroupFromGroup,
              DeleteGroup)
