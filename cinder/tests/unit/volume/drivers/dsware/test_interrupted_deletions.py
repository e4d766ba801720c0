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

"""Deletions that a dead service has begun, with Cinder's own database."""

import datetime

import ddt

from cinder.db import api as db
from cinder import objects
from cinder.tests.unit import utils
from cinder.tests.unit.volume.drivers.dsware import test_interrupted_changes
from cinder.volume.drivers.dsware import interrupted_deletions


MADE = datetime.datetime(2020, 1, 1)


class DeletionTestCase(test_interrupted_changes.ChangesTestCase):

    def snapshot(self, volume, status, stored=True, name='mine', **values):
        made = utils.create_snapshot(self.context, volume.id, name,
                                     status=status)
        made.update({'progress': '100%', **values})
        made.save()
        if stored:
            self.cluster.add_snapshot(made.name, volume.name)
        return objects.Snapshot.get_by_id(self.context, made.id)

    def group(self, status, host='host@dsware#0'):
        return utils.create_group(
            self.context, host=host, status=status,
            group_type_id=self.make_id())

    def assert_asked(self, method, *things):
        self.assertEqual(
            [thing.id for thing in things],
            [call.args[1].id
             for call in getattr(self.api, method).call_args_list])


class UnmanagingTestCase(DeletionTestCase):

    kind = interrupted_deletions.Unmanaging

    def test_nothing(self):
        self.make('available')
        self.make('deleting')
        self.make('unmanaging', host='other@dsware#0')
        self.assertFalse(self.settle())

    def test_it_is_repeated(self):
        volume = self.make('unmanaging')
        self.assertTrue(self.settle())
        self.assert_asked('delete_volume', volume)
        self.assertEqual(
            {'unmanage_only': True},
            self.api.delete_volume.call_args.kwargs)

    def test_it_was_reset_meanwhile(self):
        volume = self.make('unmanaging')
        kind = self.kind(self.dsware, self.dsware._array, self.context)
        self.assertEqual([volume.id], list(kind.find()))
        volume.status = 'available'
        volume.save()
        self.assertTrue(kind.settle(volume.id))
        self.assert_asked('delete_volume')


@ddt.ddt
class SnapshotTestCase(DeletionTestCase):

    kind = interrupted_deletions.Snapshots

    def setUp(self):
        super().setUp()
        self.volume = self.make('available')

    def temporary(self, status='creating', name='backup-snap-%s', **values):
        return self.snapshot(
            self.volume, status, False, name % self.volume.id,
            **{'use_quota': False, **values})

    def test_nothing(self):
        self.snapshot(self.volume, 'available', False)
        # With its group, with its volume's revert, and another service's.
        group = self.group('available')
        together = utils.create_group_snapshot(self.context, group.id)
        self.snapshot(self.volume, 'deleting', False,
                      group_snapshot_id=together.id)
        self.snapshot(self.volume, 'deleting', False,
                      '[revert] volume %s backup snapshot' % self.volume.id)
        self.snapshot(self.make('available', host='other@dsware#0'),
                      'deleting', False)
        self.assertFalse(self.settle())

    def test_it_had_not_begun(self):
        snapshot = self.snapshot(self.volume, 'deleting')
        self.assertTrue(self.settle())
        self.assert_asked('delete_snapshot')
        self.assert_status('deleting', snapshot)

    def test_the_cluster_has_done_it(self):
        snapshot = self.snapshot(self.volume, 'deleting', False)
        self.settle()
        self.assert_asked('delete_snapshot', snapshot)

    def test_it_could_never_be_made(self):
        # The request may still wait, and would be counted twice.
        snapshot = self.snapshot(self.volume, 'deleting', False,
                                 progress='0%')
        self.assertTrue(self.settle())
        self.assert_asked('delete_snapshot')
        self.assert_status('deleting', snapshot)

    @ddt.data({'provider_id': 'theirs'}, {'use_quota': False})
    def test_no_progress_was_noted(self, values):
        snapshot = self.snapshot(self.volume, 'deleting', False,
                                 progress='0%', **values)
        self.settle()
        self.assert_asked('delete_snapshot', snapshot)

    def test_another_one_whose_volume_is_forgotten(self):
        forgotten = self.make('available')
        self.snapshot(forgotten, 'deleting', False)
        db.volume_update(self.context, forgotten.id, {'deleted': True})
        snapshot = self.snapshot(self.volume, 'deleting', False)
        self.settle()
        self.assert_asked('delete_snapshot', snapshot)

    def test_cinder_deletes_the_volume(self):
        self.snapshot(self.volume, 'deleting', False)
        self.volume.status = 'deleting'
        self.volume.save()
        self.settle()
        self.assert_asked('delete_snapshot')

    def test_it_was_reset_meanwhile(self):
        snapshot = self.snapshot(self.volume, 'available', False)
        kind = self.kind(self.dsware, self.dsware._array, self.context)
        self.assertTrue(kind.settle(snapshot.id))
        self.assert_asked('delete_snapshot')

    def test_an_outage(self):
        snapshot = self.snapshot(self.volume, 'deleting', False)
        self.cluster.fail('querySnapshot', 'unsent', times=6)
        self.settle()
        self.assert_asked('delete_snapshot', snapshot)

    def test_a_backup_had_not_noted_its_own(self):
        snapshot = self.temporary()
        self.settle()
        self.assert_asked('delete_snapshot', snapshot)
        self.assert_status('deleting', snapshot)

    def test_a_backup_has_noted_its_own(self):
        snapshot = self.temporary()
        utils.create_backup(self.context, self.volume.id,
                            temp_snapshot_id=snapshot.id)
        utils.create_backup(self.context, self.volume.id)
        self.assertFalse(self.settle())

    @ddt.data({'name': 'mine %s'}, {'use_quota': True},
              {'status': 'available'})
    def test_a_users_own(self, values):
        self.temporary(**values)
        self.assertFalse(self.settle())

    def test_nobody_claims_its_volume(self):
        kind = self.kind(self.dsware, self.dsware._array, self.context)
        self.assertEqual([], kind.volumes('snapshot'))


@ddt.ddt
class GroupTestCase(DeletionTestCase):

    kind = interrupted_deletions.Groups

    def member(self, group, stored=True, status='deleting',
               launched_at=MADE):
        volume = self.make(status, group_id=group.id,
                           launched_at=launched_at)
        if not stored:
            del self.cluster.volumes[volume.name]
        return volume

    def test_nothing(self):
        self.member(self.group('available'), False)
        self.member(self.group('deleting', 'other@dsware#0'), False)
        self.assertFalse(self.settle())

    def test_it_had_not_begun(self):
        self.member(self.group('deleting'))
        self.group('deleting')
        self.assertTrue(self.settle())
        self.assert_asked('delete_group')

    @ddt.data(('deleting', False, 'deleting'), ('deleting', True, 'deleted'),
              ('deleted', True, 'deleting'))
    @ddt.unpack
    def test_it_was_begun(self, status, stored, member):
        group = self.group(status)
        self.member(group)
        self.member(group, stored, member)
        self.settle()
        self.assert_asked('delete_group', group)

    def test_a_member_could_never_be_made(self):
        group = self.group('deleting')
        self.member(group)
        self.member(group, False, launched_at=None)
        self.assertTrue(self.settle())
        self.assert_asked('delete_group')
        self.assert_status('deleting', group)

    def test_all_members_are_gone(self):
        group = self.group('deleted')
        self.settle()
        self.assert_asked('delete_group', group)


@ddt.ddt
class GroupSnapshotTestCase(DeletionTestCase):

    kind = interrupted_deletions.GroupSnapshots

    def together(self, status, stored=True, host='host@dsware#0',
                 member='deleting', **values):
        group = self.group('available', host)
        volume = self.make('available', host=host, group_id=group.id)
        made = utils.create_group_snapshot(
            self.context, group.id, group_type_id=self.make_id(),
            status=status)
        self.snapshot(volume, member, stored, group_snapshot_id=made.id,
                      **values)
        return made

    def test_nothing(self):
        self.together('available', False)
        self.together('deleting', False, 'other@dsware#0')
        self.assertFalse(self.settle())

    def test_it_had_not_begun(self):
        self.together('deleting')
        self.assertTrue(self.settle())
        self.assert_asked('delete_group_snapshot')

    @ddt.data(('deleting', False, 'deleting'), ('deleting', True, 'deleted'),
              ('deleted', True, 'deleting'))
    @ddt.unpack
    def test_it_was_begun(self, status, stored, member):
        made = self.together(status, stored, member=member)
        self.settle()
        self.assert_asked('delete_group_snapshot', made)

    def test_a_member_could_never_be_made(self):
        made = self.together('deleting', False, progress='0%')
        self.assertTrue(self.settle())
        self.assert_asked('delete_group_snapshot')
        self.assert_status('deleting', made)
