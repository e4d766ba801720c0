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

"""Copies by Cinder between two clusters, of which its host is a client."""

import contextlib

from openstack import exceptions as sdk_exceptions

from functional.services import waiting
from functional.tests import encryption
from functional.tests import managing
from functional.tests import stacks
from functional.tests import test_migration

GIB = test_migration.GIB
MIB = test_migration.MIB
SECONDS = test_migration.SECONDS
FAULTY = 50150015


class TwoClustersTest(encryption.Luks, test_migration.MigrationTestCase):
    """From a cluster that sockets lead to, to one that fsc_cli leads to."""

    make_stack = staticmethod(stacks.TwoClustersStack)
    backend, other = 'here', 'there'

    manage = managing.ManageOperations.manage
    pool_host = managing.ManageOperations.pool_host

    def setUp(self):
        super().setUp()
        self.there = self.stack.simulators['other'].control

    def create_here(self):
        """Create a volume with data in it, whose type fits both backends."""
        volume = self.retype(self.create_volume(), self.make_type())
        with self.attached(volume) as path:
            self.write(path, 'start', MIB)
            self.write(path, 'end', GIB - MIB)
        return volume

    def names(self, control):
        return [one['name'] for one in control.status()['volumes']]

    def assert_only_in(self, control, *names):
        """Wait until there are volumes in one cluster, and no others.

        What a copy by Cinder leaves is deleted a moment later.
        """
        def alone():
            for one in (self.control, self.there):
                found = self.names(one)
                if sorted(found) != (sorted(names) if one is control else []):
                    raise waiting.NotYet('%s: %s' % (one.state_dir, found))
            return True

        waiting.wait_for(alone, SECONDS, 'Volumes in one cluster only')

    def assert_failed(self, failed, volume):
        """Check that nothing has become of a migration but an error."""
        self.assertEqual(('available', volume.host, None), (
            failed.status, failed.host, failed.migration_id))
        self.assert_only_in(self.control, 'volume-' + volume.id)
        for control in (self.control, self.there):
            self.assertEqual([], control.status()['attachments'])

    def test_there_and_back(self):
        volume = self.create_here()
        there = self.make_type(volume_backend_name=self.other)

        moved = self.retype(volume, there, 'on-demand')

        moved = self.wait_for_migration(moved, 'success')
        self.assertEqual((there.name, self.other), (
            moved.volume_type,
            moved.host.partition('@')[2].partition('#')[0]))
        name = 'volume-' + moved.migration_id
        self.assertNotEqual(volume.id, moved.migration_id)
        self.assert_only_in(self.there, name)
        self.assert_kept(moved)
        # All that is done with it goes by the name of the copy.
        snapshot = self.create_snapshot(moved)
        found, = self.there.status()['snapshots']
        self.assertEqual(name, found['father'])
        self.retype(moved, self.make_type())
        self.assertRaises(sdk_exceptions.BadRequestException,
                          self.migrate, moved, self.backend, 1)
        self.cloud.delete_snapshot(snapshot)
        self.volumes.extend_volume(moved.id, 2)
        self.cloud.wait_for_volume(moved)
        found, = self.there.status()['volumes']
        self.assertEqual((name, 2048), (found['name'], found['size']))

        back = self.migrate(moved, self.backend, 1)

        self.assert_only_in(self.control, 'volume-' + back.migration_id)
        self.assertNotEqual(name, 'volume-' + back.migration_id)
        with self.attached(back) as path:
            self.assert_written(path, 'start', MIB)
            self.assert_written(path, 'end', GIB - MIB)
            self.assert_zero(path, GIB)

    def test_one_that_keeps_its_name(self):
        """Its name may be that of another volume in the other cluster."""
        for simulator in self.stack.simulators.values():
            simulator.run('createVolume', volName='legacy',
                          volSize=1024, poolId=0, thinFlag=1)
        self.addCleanup(self.stack.simulators['other'].run, 'deleteVolume',
                        volName='legacy')
        volume = self.manage('legacy')
        self.retype(volume, self.make_type())
        with self.attached(volume) as path:
            self.write(path, 'start', MIB)
            self.write(path, 'end', GIB - MIB)

        moved = self.migrate(volume, self.other, 1)

        copy = 'volume-' + moved.migration_id
        self.assert_only_in(self.there, 'legacy', copy)
        self.assert_kept(moved)
        foreign, = [one for one in self.there.status()['volumes']
                    if one['name'] == 'legacy']
        self.assertEqual(0, foreign['real_size'])
        self.cloud.delete_volume(moved)
        self.assert_only_in(self.there, 'legacy')

    def test_an_encrypted_volume(self):
        chosen = self.make_type()
        self.volumes.create_type_encryption(
            chosen, provider='luks', cipher='aes-xts-plain64', key_size=256,
            control_location='front-end')
        volume = self.create_volume(volume_type=chosen.name)
        here = volume.host.partition('@')[2].partition('#')[0]
        with self.attached(volume) as path:
            self.format(path)
            self.io(path, 'write -P 0x5a 8M 1M')

        moved = self.migrate(
            volume, self.other if here == self.backend else self.backend, 1)

        self.assertTrue(moved.is_encrypted)
        attached = self.attach(moved)
        self.assertTrue(attached.data['encrypted'])
        self.assertIn('read 1048576/1048576',
                      self.io(attached.path, 'read -P 0x5a 8M 1M'))
        self.detach(attached)

    def test_the_other_cluster_fails(self):
        """It is full, faulty, and goes down in the middle of the copy."""
        volume = self.create_here()
        for fault in ({'kind': 'pool_full'},
                      {'kind': 'result', 'op': 'attachVolume', 'count': 1,
                       'code': FAULTY}):
            self.there.add_fault(**fault)
            self.assert_failed(self.migrate(volume, self.other, 1, 'error'),
                               volume)
            self.there.clear_faults()

        moved = self.migrate(volume, self.other, 1)

        self.assert_only_in(self.there, 'volume-' + moved.migration_id)
        self.assert_kept(moved)

    def test_an_outage_of_the_other_cluster(self):
        """What it keeps is a volume of Cinder's that can be deleted."""
        volume = self.create_here()
        self.there.add_fault(kind='delay', op='attachVolume', seconds=30)
        self.volumes.migrate_volume(volume, host=self.on(self.other, 1))
        waiting.wait_for(lambda: self.there.counts().get('attachVolume'),
                         SECONDS, 'A copy under way')
        self.there.add_fault(kind='down')

        failed = self.wait_for_migration(volume, 'error')

        self.assertEqual(('available', volume.host, None), (
            failed.status, failed.host, failed.migration_id))
        self.assert_kept(volume)
        self.there.clear_faults()
        self.assert_gone_with_cinders_record(volume)

    def assert_gone_with_cinders_record(self, volume):
        def settled():
            left = [one for one in self.volumes.volumes()
                    if one.id != volume.id]
            for one in left:
                # Refused as long as Cinder itself is at work with it.
                with contextlib.suppress(
                        sdk_exceptions.BadRequestException):
                    self.volumes.delete_volume(one, force=True)
            if left:
                raise waiting.NotYet('there is %s' % left)
            return True

        waiting.wait_for(settled, SECONDS, 'The end of the copy')
        self.assert_only_in(self.control, 'volume-' + volume.id)
