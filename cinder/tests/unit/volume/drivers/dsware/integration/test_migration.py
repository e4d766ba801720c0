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
from cinder.tests.unit.volume.drivers.dsware.integration import base

DATA = b'some bytes' * 1000


class MoveTests:

    OPTIONS = {'dsware_request_timeout': 5}

    def setUp(self):
        super().setUp()
        self.dsware = self.make_driver()
        self.host = base.Host(self.simulator)

    def written(self, **values):
        volume = self.created(self.dsware, **values)
        self.host.write(volume.name, 1 << 20, DATA)
        return volume

    def migrate(self, volume, pool=1):
        return self.dsware.migrate_volume(
            context.get_admin_context(), volume,
            base.make_destination(self.dsware, pool))

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

    def test_the_cluster_fails_meanwhile(self):
        volume = self.written()
        self.control.set(copy_seconds=1)
        answers = []
        thread = threading.Thread(
            target=lambda: answers.append(self.migrate(volume)))
        thread.start()
        base.wait_until(
            lambda: 'migrateVolumeCold' in self.ops(), 'a move')
        self.simulator.kill()
        self.simulator.start()
        self.control.set(copy_seconds=0)
        thread.join(base.PATIENCE)
        self.assertEqual([(True, None)], answers)
        self.assert_in_pool(volume, 1)


class SocketMoveTestCase(MoveTests, base.SocketTestCase):
    pass


class RESTMoveTestCase(MoveTests, base.RESTTestCase):
    pass
