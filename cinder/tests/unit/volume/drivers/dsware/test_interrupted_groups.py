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

"""What a dead service has begun with groups, with a database."""

import itertools

import ddt

from cinder.tests.unit import fake_constants
from cinder.tests.unit import utils
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.tests.unit.volume.drivers.dsware import locks
from cinder.volume.drivers.dsware import interrupted_groups
from cinder.volume.drivers.dsware import recovery
from cinder.volume.drivers.dsware import settling

CLUSTER = 'services@dsware'


class GroupsTestCase(base.DriverTestCase):
    """With groups in Cinder's database, and members on the cluster."""

    def setUp(self):
        super().setUp()
        self.locks = locks.Locks().install(self)
        self.consistent = '<is> True'
        self.patch('cinder.volume.group_types.get_group_type_specs',
                   lambda group_type_id, key: self.consistent)
        self.dsware = self.make_started_driver()

    def make_group(self, status='creating', members='creating', **values):
        """Put a group with two volumes into the database."""
        place = {key: values.pop(key) for key in ('host', 'cluster_name')
                 if key in values}
        place = {'host': 'host@dsware#0', **place}
        group = utils.create_group(
            self.context, status=status,
            group_type_id=fake_constants.GROUP_TYPE_ID, **place, **values)
        self.volumes = [
            utils.create_volume(self.context, size=1, status=members,
                                volume_type_id=None, group_id=group.id,
                                **place)
            for _n in range(2)]
        return group

    def make_from_other(self, *args, **values):
        return self.make_group(
            *args, source_group_id=fake_constants.GROUP2_ID, **values)

    def make_group_snapshot(self, status='creating', members='creating',
                            **values):
        group = self.make_group('available', 'available', **values)
        for volume in self.volumes:
            self.stored(volume)
        made = utils.create_group_snapshot(
            self.context, group.id, fake_constants.GROUP_TYPE_ID,
            status=status)
        self.snapshots = [
            utils.create_snapshot(self.context, volume.id, status=members,
                                  group_snapshot_id=made.id)
            for volume in self.volumes]
        return made

    def settle(self):
        """Do what a start does, and wait for the end."""
        facts = self.dsware, self.dsware._array, self.context
        thread = settling.Settler(
            [interrupted_groups.Groups(*facts),
             interrupted_groups.GroupSnapshots(*facts)],
            self.context, 100).start()
        if thread:
            thread.join(60)
        return bool(thread)

    def assert_statuses(self, expected, *records):
        self.assertEqual([expected] * len(records), [
            type(record).get_by_id(self.context, record.id).status
            for record in records])

    def on_cluster(self, snapshot):
        self.cluster.add_snapshot(snapshot.name, snapshot.volume.name)


@ddt.ddt
class CreationTestCase(GroupsTestCase):

    def test_nothing(self):
        self.make_from_other('available', 'available')
        self.make_from_other(host='other@dsware#0')
        # It has no volumes: Cinder adds them later.
        self.make_group()
        self.assertFalse(self.settle())

    def test_it_had_not_begun(self):
        group = self.make_from_other()
        self.assertTrue(self.settle())
        self.assert_statuses('creating', group, *self.volumes)

    @ddt.data('source_group_id', 'group_snapshot_id')
    def test_a_member_is_there(self, field):
        group = self.make_group(**{field: fake_constants.GROUP2_ID})
        self.stored(self.volumes[1])
        self.settle()
        self.assert_statuses('error', group, *self.volumes)

    def test_what_it_was_made_through_is_there(self):
        group = self.make_from_other()
        self.cluster.add_volume('source')
        for volume in self.volumes:
            self.cluster.add_snapshot(volume.name + '.clone', 'source')
        recovery.clear_leftovers(self.dsware._array, self.context,
                                 'host@dsware')
        self.settle()
        self.assert_statuses('error', group, *self.volumes)
        self.assertEqual({}, self.cluster.snapshots)

    def test_it_is_not_cleared_in_an_outage(self):
        group = self.make_from_other()
        self.stored(self.volumes[0])
        self.cluster.fail('deleteSnapshot', 'unsent', times=10 ** 9)
        self.settle()
        self.assert_statuses('error', group, *self.volumes)

    def test_other_volumes_of_a_group_are_cleared(self):
        self.make_group('available')
        self.cluster.add_volume('source')
        self.cluster.add_snapshot(self.volumes[0].name + '.clone', 'source')
        recovery.clear_leftovers(self.dsware._array, self.context,
                                 'host@dsware')
        self.assertEqual({}, self.cluster.snapshots)

    def test_cinder_had_recorded_a_part(self):
        group = self.make_from_other()
        used, other = self.volumes
        used.status = 'in-use'
        used.save()
        self.settle()
        self.assert_statuses('error', group, other)
        self.assert_statuses('in-use', used)

    def test_it_ends_meanwhile(self):
        group = self.make_from_other('available')
        self.stored(self.volumes[0])
        kind = interrupted_groups.Groups(
            self.dsware, self.dsware._array, self.context)
        self.assertTrue(kind.settle(group.id))
        self.assert_statuses('available', group)

    def test_a_group_snapshot(self):
        made = self.make_group_snapshot()
        self.on_cluster(self.snapshots[0])
        self.assertTrue(self.settle())
        self.assert_statuses('error', made, *self.snapshots)
        self.assert_statuses('available', *self.volumes)

    def test_a_group_snapshot_that_had_not_begun(self):
        made = self.make_group_snapshot()
        self.settle()
        self.assert_statuses('creating', made, *self.snapshots)

    def test_a_group_snapshot_of_others(self):
        self.make_group_snapshot(host='other@dsware#0')
        self.assertFalse(self.settle())


@ddt.ddt
class ClusterTestCase(GroupsTestCase):
    """As one of several services of a Cinder cluster."""

    def setUp(self):
        super().setUp()
        self.dsware = self.make_driver(CLUSTER)

    @ddt.data(('<is> True', CLUSTER, True), ('<is> False', CLUSTER, True),
              ('<is> True', 'others@dsware', False))
    @ddt.unpack
    def test_whose_it_is(self, consistent, cluster, expected):
        self.consistent = consistent
        self.make_from_other(cluster_name=cluster + '#0')
        self.stored(self.volumes[0])
        self.assertEqual(expected, self.settle())

    def test_a_group_that_was_not_scheduled(self):
        self.make_from_other(cluster_name=None)
        self.assertFalse(self.settle())

    @ddt.data(*itertools.product(
        ('delete_group', 'delete_group_snapshot', 'create_group_snapshot',
         'create_group_from_src'), ('<is> True', '<is> False')))
    @ddt.unpack
    def test_what_is_done_with_a_group_is_claimed(self, call, consistent):
        self.consistent = consistent
        record = self.make_group_snapshot(cluster_name=CLUSTER + '#0')
        args = record, self.snapshots
        if call.startswith('delete_group'):
            for snapshot in self.snapshots:
                self.on_cluster(snapshot)
        if call == 'delete_group':
            self.cluster.snapshots.clear()
            record = record.group
            args = record, self.volumes
        if call == 'create_group_from_src':
            made = [self.make_volume() for _volume in self.volumes]
            args = record, made, None, None, record.group, self.volumes
        getattr(self.dsware, call)(self.context, *args)
        self.assertIn('dsware-work-' + record.id, self.locks.acquired)
        self.assertEqual({}, self.locks.holders)
