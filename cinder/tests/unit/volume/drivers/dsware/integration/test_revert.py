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

    def revert(self):
        self.dsware.revert_to_snapshot(None, self.volume, self.snapshot)
        self.assertEqual(OLD, self.host.read(self.volume.name, 0, 8))
        self.assertEqual(self.volume.size << 30,
                         self.host.size(self.volume.name))
        self.assertHolds(self.volume, self.snapshot)

    def test_a_volume_that_was_extended(self):
        self.dsware.extend_volume(self.volume, 2)
        self.volume.size = 2
        self.host.write(self.volume.name, 1 << 30, NEW)
        self.revert()
        self.assertEqual(bytes(8), self.host.read(self.volume.name, 1 << 30,
                                                  8))

    def test_the_cluster_fails_half_way(self):
        self.control.set(copy_seconds=1)
        self.host.run('rollbackSnapshot', volName=self.volume.name,
                      snapName=self.snapshot.name)
        self.simulator.kill()
        self.simulator.start()
        # What goes on since then is waited for.
        self.revert()


class SocketRevertTestCase(RevertTests, base.SocketTestCase):
    pass


class RESTRevertTestCase(RevertTests, base.RESTTestCase):
    pass
