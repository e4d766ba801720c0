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

"""Operations on groups that are interrupted."""

from cinder import objects

from functional.crashes import operations
from functional.crashes import setup

MEMBERS = ('first', 'second')


class GroupOperation(operations.Operation):
    """What is done with a group of two volumes.

    :ivar group_kind: the name of its type
    """

    group_kind = setup.CONSISTENT

    def prepare(self):
        group = self.setup.new_group(self.group_kind, status='available')
        self.setup.remember('source group', group)
        for key in MEMBERS:
            volume = self.setup.made_volume(key)
            volume.group_id = group.id
            volume.save()

    def is_there(self, read, key):
        """Tell whether a record is there still."""
        return bool(setup.exists(read, key))


class MakeGroupSnapshot(GroupOperation):
    """Snapshots of all members at one point in time."""

    def request(self):
        group = self.setup.group('source group')
        made = objects.GroupSnapshot(
            self.ctxt, group_id=group.id, status='creating', name='snapshot',
            user_id=setup.USER, project_id=setup.PROJECT,
            group_type_id=group.group_type_id)
        made.create()
        self.setup.remember('group snapshot', made)
        for key in MEMBERS:
            snapshot = self.setup.new_snapshot(
                self.setup.volume(key), group_snapshot_id=made.id)
            self.setup.remember('snapshot of ' + key, snapshot,
                                self.setup.content_of(key))

    def group_snapshot(self):
        """Read the group snapshot."""
        return objects.GroupSnapshot.get_by_id(
            self.ctxt, self.setup.state['ids']['group snapshot'])

    def run(self):
        self.manager.create_group_snapshot(self.ctxt, self.group_snapshot())

    def check(self):
        assert self.group_snapshot().status == 'available'


class DeleteGroupSnapshot(MakeGroupSnapshot):
    """All snapshots of a group go."""

    def prepare(self):
        super().prepare()
        super().request()
        super().run()

    def request(self):
        made = setup.exists(self.group_snapshot)
        if not made:
            return
        for record in (made, *objects.SnapshotList.get_all_for_group_snapshot(
                self.ctxt, made.id)):
            record.status = 'deleting'
            record.save()

    def run(self):
        made = setup.exists(self.group_snapshot)
        if made:
            self.manager.delete_group_snapshot(self.ctxt, made)

    def check(self):
        assert not setup.exists(self.group_snapshot)


class DeleteGroup(GroupOperation):
    """A group goes with its volumes."""

    def request(self):
        if not self.is_there(self.setup.group, 'source group'):
            return
        group = self.setup.group('source group')
        for record in (group, *objects.VolumeList.get_all_by_generic_group(
                self.ctxt, group.id)):
            record.status = 'deleting'
            record.save()

    def run(self):
        if self.is_there(self.setup.group, 'source group'):
            self.manager.delete_group(self.ctxt,
                                      self.setup.group('source group'))

    def check(self):
        assert not self.is_there(self.setup.group, 'source group')


class GroupFromGroup(GroupOperation):
    """Clones of all members at one point in time."""

    def origin(self, key):
        """Tell what a member is made from: a field, and what it holds."""
        return ({'source_volid': self.setup.state['ids'][key]},
                self.setup.content_of(key))

    def request(self):
        source_id = self.setup.state['ids']['source group']
        group = self.setup.new_group(self.group_kind,
                                     source_group_id=source_id)
        self.setup.remember('group', group)
        for key in MEMBERS:
            origin, content = self.origin(key)
            volume = self.setup.new_volume(group_id=group.id, **origin)
            self.setup.remember('copy of ' + key, volume, content)

    def run(self):
        self.manager.create_group_from_src(
            self.ctxt, self.setup.group('group'),
            source_group=self.setup.group('source group'))

    def check(self):
        found = {self.setup.volume('copy of ' + key).status
                 for key in MEMBERS}
        assert found == {'available'}, found
        assert self.setup.group('group').status == 'available'


class GroupFromSnapshot(GroupFromGroup, MakeGroupSnapshot):
    """Volumes from the snapshots of a group."""

    def prepare(self):
        MakeGroupSnapshot.prepare(self)
        MakeGroupSnapshot.request(self)
        MakeGroupSnapshot.run(self)

    def origin(self, key):
        key = 'snapshot of ' + key
        return ({'snapshot_id': self.setup.state['ids'][key]},
                self.setup.content_of(key))

    def run(self):
        self.manager.create_group_from_src(
            self.ctxt, self.setup.group('group'),
            group_snapshot=self.group_snapshot())


class MakeOtherGroupSnapshot(MakeGroupSnapshot):
    """Snapshots of the members, one after the other."""

    group_kind = setup.OTHER


class DeleteOtherGroupSnapshot(DeleteGroupSnapshot):
    """Such snapshots go."""

    group_kind = setup.OTHER


class DeleteOtherGroup(DeleteGroup):
    """Such a group goes with its volumes."""

    group_kind = setup.OTHER


class OtherGroupFromGroup(GroupFromGroup):
    """Clones of the members, one after the other."""

    group_kind = setup.OTHER


OPERATIONS = (MakeGroupSnapshot, DeleteGroupSnapshot, DeleteGroup,
              GroupFromGroup, GroupFromSnapshot, MakeOtherGroupSnapshot,
              DeleteOtherGroupSnapshot, DeleteOtherGroup,
              OtherGroupFromGroup)
