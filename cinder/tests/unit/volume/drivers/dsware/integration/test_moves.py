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

"""Volumes that the cluster moves to another pool."""

import threading

from cinder import context
from cinder import exception
from cinder import objects
from cinder.tests.unit.volume.drivers.dsware.integration import base
from cinder.volume import volume_types

DATA = b'some bytes' * 1000


class MoveTests:

    OPTIONS = {'dsware_request_timeout': 5, 'dsware_copy_timeout': 60}

    def setUp(self):
        super().setUp()
        self.dsware = self.make_driver()
        self.host = base.Host(self.simulator)

    def written(self, **values):
        volume = self.created(self.dsware, **values)
        self.host.write(volume.name, 1 << 20, DATA)
        return volume

    def migrate(self, volume, pool=1, dsware=None, to=None):
        dsware = dsware or self.dsware
        return dsware.migrate_volume(
            context.get_admin_context(), volume,
            base.make_destination(to or dsware, pool))

    def assert_in_pool(self, volume, pool):
        found = self.on_cluster(volume.name)
        self.assertEqual((pool, 0), (found['pool_id'], found['status']))
        self.assertEqual(DATA, self.host.read(volume.name, 1 << 20,
                                              len(DATA)))

    def test_move_and_back(self):
        volume = self.written(size=2)
        self.control.set(copy_seconds=0.3)
        for pool in (1, 0, 0):
            self.assertEqual((True, None), self.migrate(volume, pool))
            self.assert_in_pool(volume, pool)
        self.assertEqual(2, self.ops().count('migrateVolumeCold'))
        self.dsware.delete_volume(volume)
        self.assertHolds()

    def test_to_another_backend(self):
        other = self.make_driver()
        volume = self.written()
        self.assertEqual((True, None), self.migrate(volume, to=other))
        volume.host = f'{other.host}#1'
        other.extend_volume(volume, 2)
        self.assert_in_pool(volume, 1)

    def test_to_a_backend_with_another_default(self):
        other = self.make_driver(san_thin_provision=False)
        volume = self.written()
        self.assertEqual((False, None), self.migrate(volume, to=other))
        self.assertEqual((True, None), self.migrate(self.written(
            volume_type=base.make_type(provisioning__type='thin')),
            to=other))

    def test_a_thick_volume(self):
        volume = self.written(
            volume_type=base.make_type(provisioning__type='thick'))
        self.assertEqual((True, None), self.migrate(volume))
        self.assertFalse(self.on_cluster(volume.name)['thin'])
        self.assert_in_pool(volume, 1)

    def test_linked_clones(self):
        """What shares data with others may leave them, and be left."""
        volume = self.written()
        snapshot = self.snapped(self.dsware, volume)
        clones = [base.make_volume(), base.make_volume()]
        for clone in clones:
            self.dsware.create_volume_from_snapshot(clone, snapshot)
        self.assertEqual((True, None), self.migrate(clones[0]))
        self.assertEqual((False, None), self.migrate(volume))
        self.dsware.delete_snapshot(snapshot)
        self.assertEqual((True, None), self.migrate(volume))
        self.assert_in_pool(clones[0], 1)
        self.assert_in_pool(clones[1], 0)
        self.assert_in_pool(volume, 1)
        self.dsware.delete_volume(volume)
        self.assert_in_pool(clones[1], 0)

    def test_in_use_behind_cinders_back(self):
        dsware = self.make_driver(dsware_request_timeout=1)
        volume = self.written()
        self.host.attach(volume.name)
        self.assertRaises(exception.VolumeIsBusy, self.migrate, volume,
                          dsware=dsware)
        self.host.detach(volume.name)
        self.assert_in_pool(volume, 0)

    def test_a_full_pool(self):
        volume = self.written()
        self.control.add_fault(kind='pool_full', pool=1)
        self.assertRaisesRegex(
            exception.VolumeBackendAPIException, 'Pool 1, asked for 1024',
            self.migrate, volume)
        self.control.clear_faults()
        self.assert_in_pool(volume, 0)

    def test_a_pool_that_is_not_there(self):
        volume = self.written()
        destination = dict(base.make_destination(self.dsware, 1),
                           host=f'{self.dsware.host}#7')
        self.assertRaisesRegex(
            exception.VolumeBackendAPIException, 'POOL',
            self.dsware.migrate_volume, context.get_admin_context(), volume,
            destination)
        self.assert_in_pool(volume, 0)

    def test_a_move_that_fails(self):
        volume = self.written()
        self.control.set(copy_seconds=0.2)
        self.control.add_fault(kind='copy_fails', op='migrateVolumeCold',
                               count=1)
        self.assertRaisesRegex(
            exception.VolumeBackendAPIException, 'ended without success',
            self.migrate, volume)
        self.assert_in_pool(volume, 0)
        self.assertEqual((True, None), self.migrate(volume))
        self.assert_in_pool(volume, 1)

    def test_a_move_that_takes_too_long(self):
        """It goes on, and whoever asks again finds it done."""
        dsware = self.make_driver(dsware_copy_timeout=1)
        volume = self.written()
        self.control.pause_copies()
        self.assertRaisesRegex(
            exception.VolumeBackendAPIException, 'dsware_copy_timeout',
            self.migrate, volume, dsware=dsware)
        self.control.resume_copies()
        self.assertEqual((True, None), self.migrate(volume))
        self.assert_in_pool(volume, 1)

    def test_the_cluster_fails_meanwhile(self):
        volume = self.written()
        self.control.set(copy_seconds=1)
        answers = []
        thread = threading.Thread(
            target=lambda: answers.append(self.migrate(volume)))
        thread.start()
        base.wait_until(
            lambda: self.on_cluster(volume.name)['status'] == 6, 'a move')
        self.simulator.kill()
        self.simulator.start()
        self.control.set(copy_seconds=0)
        thread.join(base.PATIENCE)
        self.assertEqual([(True, None)], answers)
        self.assert_in_pool(volume, 1)

    def test_retype_to_another_pool(self):
        admin = context.get_admin_context()
        made = volume_types.create(admin, 'full', {'dsware:clone': 'full'})
        volume = self.written(volume_type=base.make_type())
        retyped = self.dsware.retype(
            admin, volume, objects.VolumeType.get_by_id(admin, made['id']),
            {}, base.make_destination(self.dsware, 1))
        self.assertIs(True, retyped)
        self.assert_in_pool(volume, 1)


class SocketMoveTestCase(MoveTests, base.SocketTestCase):
    pass


class CLIMoveTestCase(MoveTests, base.CLITestCase):
    pass
