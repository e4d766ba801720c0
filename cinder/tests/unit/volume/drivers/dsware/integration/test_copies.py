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

"""Snapshots, and volumes made from snapshots and volumes."""

import threading

from cinder import exception
from cinder.tests.unit.volume.drivers.dsware.integration import base

OLD = b'old bytes' * 1000
NEW = b'new bytes' * 1000


class CopyTests:

    OPTIONS = {'dsware_request_timeout': 5, 'dsware_copy_timeout': 60}

    def setUp(self):
        super().setUp()
        self.dsware = self.make_driver()
        self.host = base.Host(self.simulator)

    def read(self, item, count=len(OLD), offset=0):
        return self.host.read(item.name, offset, count)

    def written(self, **values):
        """Make a volume with data, a snapshot of it, and change it then."""
        volume = self.created(self.dsware, **values)
        self.host.write(volume.name, 0, OLD)
        snapshot = self.snapped(self.dsware, volume)
        self.host.write(volume.name, 0, NEW)
        return volume, snapshot

    # -- snapshots --------------------------------------------------------

    def test_a_snapshot_keeps_the_bytes(self):
        volume, snapshot = self.written(size=2, pool=1)
        self.assertEqual(OLD, self.read(snapshot))
        self.assertEqual(NEW, self.read(volume))
        self.assertEqual(
            {(volume.name, 2 * base.GIB, 0, 1, ''),
             (snapshot.name, 2 * base.GIB, 0, 1, volume.name)},
            self.contents())
        self.dsware.delete_snapshot(snapshot)
        self.dsware.delete_volume(volume)
        self.assertHolds()

    # -- volumes from snapshots -------------------------------------------

    def test_linked(self):
        source, snapshot = self.written()
        volume = base.make_volume()
        self.dsware.create_volume_from_snapshot(volume, snapshot)
        self.assertEqual(OLD, self.read(volume))
        self.assertEqual(snapshot.name,
                         self.on_cluster(volume.name)['father'])
        self.host.write(volume.name, 0, b'mine')
        self.assertEqual(OLD, self.read(snapshot))
        self.assertEqual(NEW, self.read(source))

    def test_linked_lives_on_without_its_snapshot(self):
        source, snapshot = self.written()
        volume = base.make_volume()
        self.dsware.create_volume_from_snapshot(volume, snapshot)
        self.dsware.delete_snapshot(snapshot)
        self.dsware.delete_volume(source)
        self.assertHolds(volume)
        self.assertEqual(OLD, self.read(volume))

    def test_a_volume_that_is_there_is_never_adopted_nor_removed(self):
        other = self.created(self.dsware)
        self.host.write(other.name, 0, b'precious')
        source, snapshot = self.written()
        for clone in ('linked', 'full'):
            dsware = self.make_driver(dsware_clone=clone)
            self.assertRaises(exception.VolumeBackendAPIException,
                              dsware.create_volume_from_snapshot,
                              other, snapshot)
            self.assertRaises(exception.VolumeBackendAPIException,
                              dsware.create_cloned_volume, other, source)
        self.assertEqual(b'precious', self.read(other, 8))
        self.assertHolds(other, source, snapshot)

    # -- clones -----------------------------------------------------------

    def test_clone(self):
        source, snapshot = self.written()
        clone = base.make_volume()
        self.dsware.create_cloned_volume(clone, source)
        self.assertEqual(NEW, self.read(clone))
        self.host.write(source.name, 0, OLD)
        self.assertEqual(NEW, self.read(clone))
        self.assertHolds(source, snapshot, clone)
        self.dsware.delete_snapshot(snapshot)
        self.dsware.delete_volume(source)
        self.assertEqual(NEW, self.read(clone))

    def test_clone_into_another_pool_full_and_larger(self):
        source = self.created(self.dsware)
        self.host.write(source.name, (1 << 30) - len(OLD), OLD)
        for values in ({'pool': 1}, {'size': 2, 'pool': 1}, {'size': 2},
                       {'volume_type': base.make_type(
                           dsware__clone='full')}):
            with self.subTest(**values):
                clone = base.make_volume(**values)
                self.dsware.create_cloned_volume(clone, source)
                self.assertEqual(
                    OLD, self.read(clone, len(OLD), (1 << 30) - len(OLD)))
                self.assertEqual(clone.size << 30,
                                 self.host.size(clone.name))
                self.assertHolds(source, clone)
                self.dsware.delete_volume(clone)

    # -- copies that take time --------------------------------------------

    def in_background(self, call, *args):
        """Start a call; returns a function that waits for its outcome."""
        outcome = []

        def run():
            try:
                outcome.append(call(*args))
            except BaseException as error:
                outcome.append(error)

        thread = threading.Thread(target=run)
        thread.start()

        def wait():
            thread.join(base.PATIENCE)
            self.assertFalse(thread.is_alive())
            return outcome[0]
        return wait

    def wait_for_copy(self):
        base.wait_until(lambda: self.control.status()['copies'],
                        'a copy starts')

    def test_an_outage_during_a_copy_is_waited_out(self):
        full = self.make_driver(dsware_clone='full',
                                dsware_request_timeout=1)
        source, snapshot = self.written()
        self.control.pause_copies()
        volume = base.make_volume()
        wait = self.in_background(full.create_volume_from_snapshot, volume,
                                  snapshot)
        self.wait_for_copy()
        for address, _port in self.simulator.agents:
            self.control.agent_down(address)
        self.control.resume_copies()
        base.wait_until(lambda: not self.control.status()['copies'],
                        'the copy ends')
        for address, _port in self.simulator.agents:
            self.control.agent_up(address)
        self.assertIsNone(wait())
        self.assertEqual(OLD, self.read(volume))
        self.assertHolds(source, snapshot, volume)

    def test_a_killed_cluster_goes_on_with_its_copy(self):
        full = self.make_driver(dsware_clone='full',
                                dsware_request_timeout=2)
        source, _snapshot = self.written()
        self.control.pause_copies()
        clone = base.make_volume()
        wait = self.in_background(full.create_cloned_volume, clone, source)
        self.wait_for_copy()
        self.simulator.kill()
        self.simulator.start()
        self.assertIsNone(wait())
        self.assertEqual(NEW, self.read(clone))
        self.assertHolds(source, _snapshot, clone)


class SocketCopyTestCase(CopyTests, base.SocketTestCase):
    pass


class RESTCopyTestCase(CopyTests, base.RESTTestCase):
    pass
