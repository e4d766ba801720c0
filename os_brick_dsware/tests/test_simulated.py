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

"""The devices of a host of the simulator."""

import os

import fixtures
import testtools

from os_brick_dsware import devices
from os_brick_dsware import simulated


class SimulatedDevicesTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.root = self.useFixture(fixtures.TempDir()).path
        self.file = os.path.join(self.root, 'volume')
        with open(self.file, 'wb') as file:
            file.truncate(4096)

    def test_a_file_is_a_device_where_devices_are_simulated(self):
        host = simulated.devices_of_host(True)
        self.assertTrue(host.exists(self.file))
        self.assertEqual(4096, host.size(self.file))
        for path in (self.root, self.root + '/none', '/dev/null', 'a\0b'):
            self.assertFalse(host.exists(path), path)
            self.assertIsNone(host.size(path), path)

    def test_the_link_to_a_file(self):
        host = simulated.devices_of_host(True)
        link = os.path.join(self.root, 'link')
        os.symlink(self.file, link)
        self.assertTrue(host.exists(link))
        self.assertFalse(host.is_block(link))
        self.assertEqual(link, host.canonical(link))
        self.assertEqual([], host.holders(link))
        before = host.generation(link)
        self.assertEqual(before, host.generation(link))
        os.symlink(self.file, link + '.new')
        os.rename(link + '.new', link)
        self.assertNotEqual(before, host.generation(link))

    def test_a_file_is_none_elsewhere(self):
        host = simulated.devices_of_host(False)
        self.assertIs(devices.Devices, type(host))
        self.assertFalse(host.exists(self.file))
        self.assertIsNone(host.size(self.file))
