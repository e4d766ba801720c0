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

"""Operations beyond those of plain volumes and snapshots; see model.

Limits and types, managing and unmanaging, revert to snapshot, groups.
"""

import dataclasses
import math
import uuid

from hypothesis import stateful
from hypothesis import strategies
from oslo_utils import timeutils

from cinder import context
from cinder import objects
from cinder.tests.unit.volume.drivers.dsware.integration import base
from cinder.tests.unit.volume.drivers.dsware.integration import model

# What the specs of a group's type say of its snapshots.
_TOGETHER, _EACH = '<is> True', '<is> False'
_GIVING = ('createQoS', 'associateQoSWithVolume')
_TAKING = ('disassociateQoSWithVolume',)
_LIMITING = _GIVING + _TAKING + ('setQoS', 'deleteQoS')

kind_numbers = strategies.integers(0, 2)
group_types = strategies.sampled_from((_TOGETHER, _EACH))


@dataclasses.dataclass(frozen=True)
class Kind:
    """A volume type.

    :ivar id: its id
    :ivar fixed: limits that do not depend on the size
    :ivar per_gib: limits for each GiB
    """

    id: str
    fixed: dict
    per_gib: dict

    def of(self, size):
        """Tell the limits of a volume.

        :param size: its size in GiB
        :returns: a dict
        """
        return {**self.fixed, **{key: value * size for key, value
                                 in self.per_gib.items()}}


def make_kinds():
    """Make volume types in Cinder's database, the last without limits.

    :returns: a tuple of each :class:`Kind`
    """
    return (Kind(base.make_limited_type(total_iops_sec_per_gb='10',
                                        maxMBPS='7'),
                 {'maxMBPS': 7}, {'maxIOPS': 10}),
            Kind(base.make_limited_type(maxIOPS='100'),
                 {'maxIOPS': 100}, {}),
            Kind(base.make_limited_type(), {}, {}))


def _group(group_type):
    return objects.Group(context.get_admin_context(), id=str(uuid.uuid4()),
                         group_type_id=group_type)


class Machine(model.Machine):
    """Drives one driver and one simulator through all its operations."""

    def some_foreign(self):
        return bool(self.foreign)

    def some_foreign_snapshots(self):
        return bool(self.foreign_snapshots)

    # -- limits -----------------------------------------------------------

    @stateful.precondition(model.Machine.some_volumes)
    @stateful.rule(index=model.indexes, number=kind_numbers,
                   trouble=model.troubles)
    def retype(self, index, number, trouble):
        volume, kind = self.volume(index), self.kind(number)
        refusable, more = self.limiting(volume, kind)
        if self.call(trouble, refusable, self.retype_in_place, volume.cinder,
                     kind, more_steps=more):
            volume.cinder.volume_type_id = kind.id
            self.limited(volume, kind)

    def retype_in_place(self, volume, kind):
        done = self.dsware.retype(
            context.get_admin_context(), volume, objects.VolumeType(
                id=kind.id, name='new', extra_specs={}),
            {'qos_specs': {'maxIOPS': ('before', 'after')}},
            {'host': volume.host})
        self.test.assertTrue(done)

    def limiting(self, volume, kind):
        """Tell the steps of giving a volume the limits of a type.

        :returns: those that may be refused, and the others
        """
        if not kind.of(volume.size):
            refusable = _TAKING if self.is_limited(volume) else ()
        elif volume.shared:
            # Giving back what it had may be refused as well.
            refusable = ('createQoS',)
        else:
            refusable = ('setQoS',) if self.is_limited(volume) else _GIVING
        return refusable, tuple(step for step in _LIMITING
                                if step not in refusable)

    def is_limited(self, volume):
        return bool(volume.limits and volume.limits.of(volume.size))

    def limited(self, volume, kind):
        """Note that a volume has the limits of a type."""
        volume.limits = kind
        # What others gave it is replaced, not taken away.
        volume.shared = volume.shared and not self.is_limited(volume)

    @stateful.precondition(model.Machine.some_volumes)
    @stateful.rule(index=model.indexes)
    def share_limits(self, index):
        volume = self.volume(index)
        if not volume.shared and not self.is_limited(volume):
            with self.no_faults():
                self.host.run('associateQoSWithVolume',
                              qosName=model.SHARED, volName=volume.name)
            volume.shared = True

    # -- managing ---------------------------------------------------------

    @stateful.precondition(model.Machine.room)
    @stateful.rule(size=strategies.sampled_from((1, 1.5)), pool=model.pools)
    def others_create(self, size, pool):
        name = 'other-' + uuid.uuid4().hex
        with self.no_faults():
            self.host.run('createVolume', volName=name, poolId=pool,
                          volSize=int(size * base.GIB), thinFlag=1)
        self.foreign.append(model.Item(name, None, size, pool))

    @stateful.precondition(model.Machine.some_volumes)
    @stateful.rule(index=model.indexes)
    def unmanage(self, index):
        volume = self.volume(index)
        # Cinder does not let go of a volume that has snapshots.
        if any(item.father is volume for item in self.snapshots):
            return
        self.dsware.unmanage(volume.cinder)
        self.forget_record(volume)
        self.volumes.remove(volume)
        self.foreign.append(volume)

    def forget_record(self, volume):
        """Delete what a managed volume has in Cinder's database."""
        if volume.cinder.provider_id:
            volume.cinder.destroy()
        volume.cinder = None

    @stateful.precondition(some_foreign)
    @stateful.rule(index=model.indexes, number=kind_numbers,
                   trouble=model.troubles)
    def manage(self, index, number, trouble):
        volume = self.foreign[index % len(self.foreign)]
        kind = self.kind(number)
        taken = objects.Volume(
            context.get_admin_context(), size=0, volume_type_id=kind.id,
            host=f'host@backend#{volume.pool}')
        taken.create()
        # One that had limits has lost them when its growth is refused.
        refusable = (() if volume.shared or self.is_limited(volume)
                     else ('expandVolume', *_GIVING))
        if not self.call(trouble, refusable, self.take_over, taken,
                         volume.name, more_steps=_LIMITING,
                         recover=objects.Volume.destroy):
            return
        volume.cinder = taken
        volume.size = taken.size
        self.limited(volume, kind)
        self.foreign.remove(volume)
        self.volumes.append(volume)

    def take_over(self, volume, name):
        reference = {'source-name': name}
        size = self.dsware.manage_existing_get_size(volume, reference)
        volume.update(self.dsware.manage_existing(volume, reference))
        volume.size = size
        volume.launched_at = timeutils.utcnow()

    @stateful.precondition(model.Machine.some_snapshots)
    @stateful.rule(index=model.indexes)
    def unmanage_snapshot(self, index):
        snapshot = self.snapshot(index)
        # Cinder does not let go of one that is part of a group snapshot.
        if snapshot.group is None:
            self.dsware.unmanage_snapshot(snapshot.cinder)
            self.snapshots.remove(snapshot)
            self.foreign_snapshots.append(snapshot)

    @stateful.precondition(some_foreign_snapshots)
    @stateful.rule(index=model.indexes, trouble=model.troubles)
    def manage_snapshot(self, index, trouble):
        snapshot = self.foreign_snapshots[
            index % len(self.foreign_snapshots)]
        if snapshot.father not in self.volumes:
            return
        taken = base.make_snapshot(snapshot.father.cinder)
        if self.call(trouble, (), self.take_over_snapshot, taken,
                     snapshot.name):
            self.test.assertEqual(snapshot.size, taken.volume_size)
            snapshot.cinder = taken
            self.foreign_snapshots.remove(snapshot)
            self.snapshots.append(snapshot)

    def take_over_snapshot(self, snapshot, name):
        reference = {'source-name': name}
        snapshot.volume_size = self.dsware.manage_existing_snapshot_get_size(
            snapshot, reference)
        snapshot.update(self.dsware.manage_existing_snapshot(snapshot,
                                                             reference))

    @stateful.rule()
    def list_manageable(self):
        found = self.dsware.get_manageable_volumes(
            [volume.cinder for volume in self.volumes], None, 100, 0,
            ['reference'], ['asc'])
        self.test.assertEqual(
            sorted([(volume.name, math.ceil(volume.size), volume.cinder is
                     None) for volume in self.volumes + self.foreign]),
            [(entry['reference']['source-name'], entry['size'],
              entry['safe_to_manage']) for entry in found])

    # -- revert -----------------------------------------------------------

    @stateful.precondition(model.Machine.some_snapshots)
    @stateful.rule(index=model.indexes, trouble=model.troubles)
    def revert(self, index, trouble):
        volume = self.snapshot(index).father
        # Cinder reverts to the latest one only.
        latest = [item for item in self.snapshots
                  if item.father is volume][-1]
        if self.call(trouble, ('rollbackSnapshot',),
                     self.dsware.revert_to_snapshot,
                     context.get_admin_context(), volume.cinder,
                     latest.cinder, more_steps=('expandVolume',)):
            volume.data = dict(latest.data)

    # -- groups -----------------------------------------------------------

    def members(self, items, numbers):
        """Choose some of the volumes or snapshots."""
        return [items[number] for number in sorted({
            number % len(items) for number in numbers})]

    @stateful.precondition(model.Machine.some_volumes)
    @stateful.rule(numbers=strategies.lists(model.indexes, min_size=1,
                                            max_size=3),
                   group_type=group_types, trouble=model.troubles)
    def snap_group(self, numbers, group_type, trouble):
        members = self.members(self.volumes, numbers)
        snapshots = [base.make_snapshot(volume.cinder) for volume in members]
        group = _group(group_type)
        steps = ('activeSnapshots' if group_type == _TOGETHER
                 else 'createSnapshot',)
        if self.call(trouble, steps, self.snapshot_group, group, snapshots,
                     more_steps=('deleteSnapshot',)):
            for volume, snapshot in zip(members, snapshots):
                self.snapped(volume, snapshot, group)

    def snapshot_group(self, group, snapshots):
        self.dsware.create_group_snapshot(None, group, snapshots)

    def snapshots_of_group(self, index):
        group = self.snapshot(index).group
        return [item for item in self.snapshots
                if group is not None and item.group is group]

    @stateful.precondition(model.Machine.some_snapshots)
    @stateful.rule(index=model.indexes, trouble=model.troubles)
    def delete_group_snapshot(self, index, trouble):
        members = self.snapshots_of_group(index)
        if members and self.call(
                trouble, (), self.unsnapshot_group, members[0].group,
                [item.cinder for item in members],
                more_steps=('deleteSnapshot',)):
            for snapshot in members:
                self.forget_snapshot(snapshot)

    def unsnapshot_group(self, group, snapshots):
        update, _members = self.dsware.delete_group_snapshot(None, group,
                                                             snapshots)
        self.test.assertEqual('deleted', update['status'])

    @stateful.precondition(model.Machine.some_snapshots)
    @stateful.rule(index=model.indexes, limits=model.kinds,
                   trouble=model.troubles)
    def group_from_snapshot(self, index, limits, trouble):
        members = self.snapshots_of_group(index)
        if not members or not self.room(len(members)):
            return
        made = self.make_group(trouble, members[0].group, members, limits,
                               (), snapshots=True)
        for volume, snapshot in zip(made, members):
            volume.father = snapshot

    @stateful.precondition(model.Machine.some_volumes)
    @stateful.rule(numbers=strategies.lists(model.indexes, min_size=1,
                                            max_size=3),
                   group_type=group_types, limits=model.kinds,
                   trouble=model.troubles)
    def group_from_group(self, numbers, group_type, limits, trouble):
        members = self.members(self.volumes, numbers)
        if self.room(len(members)):
            steps = ('activeSnapshots' if group_type == _TOGETHER
                     else 'createSnapshot',)
            self.make_group(trouble, _group(group_type), members, limits,
                            steps)

    def make_group(self, trouble, group, sources, limits, steps,
                   snapshots=False):
        """Make the volumes of a group from volumes or snapshots.

        :returns: a list of what was made, which is all or nothing
        """
        kind = self.kind(limits)
        volumes = [base.make_volume(source.size, volume_type_id=kind and
                                    kind.id) for source in sources]
        # The pool is that of the source, whatever Cinder has chosen.
        steps += ('createVolumeFromSnap', *(_GIVING if kind else ()))
        if not self.call(trouble, steps, self.create_group, group, volumes,
                         [source.cinder for source in sources], snapshots,
                         more_steps=('deleteSnapshot', 'deleteVolume')):
            return []
        return [self.made(volume, source.size, source.pool, source, kind)
                for volume, source in zip(volumes, sources)]

    def create_group(self, group, volumes, sources, snapshots):
        kinds = ({'group_snapshot': group, 'snapshots': sources} if snapshots
                 else {'source_group': group, 'source_vols': sources})
        self.dsware.create_group_from_src(None, group, volumes, **kinds)

    @stateful.precondition(model.Machine.some_volumes)
    @stateful.rule(index=model.indexes, trouble=model.troubles)
    def delete_group(self, index, trouble):
        """A group of one, because more would soon leave nothing to test."""
        volume = self.volume(index)
        if not self.has_snapshots(volume) and self.call(
                trouble, (), self.remove_group, [volume.cinder],
                more_steps=('deleteVolume', 'deleteSnapshot', 'deleteQoS')):
            self.volumes.remove(volume)

    def remove_group(self, volumes):
        update, _members = self.dsware.delete_group(
            None, _group(_TOGETHER), volumes)
        self.test.assertEqual('deleted', update['status'])
