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


"""Reverting volumes to snapshots."""

from cinder import exception
from cinder.tests.unit.volume.drivers.dsware.integration import base

OLD, NEW = b'old data', b'new data'


class RevertTests:

    OPTIONS = {'dsware_request_timeout': 5}

    def setUp(self):
        super().setUp()
        self.dsware = self.make_driver()
        self.host = base.Host(self.simulator)
        self.volume = self.created(self.dsware)
        self.host.write(self.volume.name, 0, OLD)
        self.snapshot = self.snapped(self.dsware, self.volume)
        self.host.write(self.volume.name, 0, NEW)

    def revert(self, dsware=None):
        (dsware or self.dsware).revert_to_snapshot(None, self.volume,
                                                   self.snapshot)

    def check(self, data=OLD):
        self.assertEqual(data, self.host.read(self.volume.name, 0, 8))
        self.assertEqual(self.volume.size << 30,
                         self.host.size(self.volume.name))
        self.assertHolds(self.volume, self.snapshot)

    def test_revert_takes_time(self):
        self.control.set(copy_seconds=0.5)
        self.revert()
        self.check()
        self.revert()
        self.check()

    def test_a_volume_that_was_extended(self):
        self.dsware.extend_volume(self.volume, 2)
        self.volume.size = 2
        self.host.write(self.volume.name, 1 << 30, NEW)
        self.revert()
        self.check()
        self.assertEqual(bytes(8), self.host.read(self.volume.name, 1 << 30,
                                                  8))

    def test_it_breaks_off_once(self):
        self.control.add_fault(kind='copy_fails', op='rollbackSnapshot',
                               count=1)
        self.revert()
        self.check()

    def test_it_breaks_off_and_is_reverted_again(self):
        self.control.add_fault(kind='copy_fails', op='rollbackSnapshot',
                               count=2)
        error = self.assertRaises(exception.VolumeBackendAPIException,
                                  self.revert)
        self.assertIn('roll it back to that on the cluster', str(error))
        self.revert()
        self.check()

    def test_the_cluster_fails_half_way(self):
        self.control.set(copy_seconds=1)
        self.host.run('rollbackSnapshot', volName=self.volume.name,
                      snapName=self.snapshot.name)
        self.simulator.kill()
        self.simulator.start()
        # What goes on since then is waited for.
        self.revert()
        self.check()

    def test_attached(self):
        dsware = self.make_driver(dsware_request_timeout=1)
        self.host.attach(self.volume.name)
        self.assertRaises(exception.VolumeIsBusy, self.revert, dsware)
        self.host.detach(self.volume.name)
        self.check(NEW)

    def test_a_snapshot_of_another_volume(self):
        other = self.created(self.dsware)
        self.snapshot = self.snapped(self.dsware, other)
        self.assertRaisesRegex(exception.VolumeBackendAPIException,
                               'not of ' + self.volume.name, self.revert)

    def test_no_snapshot(self):
        self.dsware.delete_snapshot(self.snapshot)
        self.assertRaises(exception.SnapshotNotFound, self.revert)


class SocketRevertTestCase(RevertTests, base.SocketTestCase):
    pass


class CLIRevertTestCase(RevertTests, base.CLITestCase):
    pass
