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

"""Volumes are made, grown and deleted."""

from unittest import mock

from cinder.tests.unit.volume.drivers.dsware.integration import base
from cinder.volume.drivers.dsware.array import operation


class VolumeTests:

    OPTIONS = {'dsware_request_timeout': 5}

    def setUp(self):
        super().setUp()
        self.dsware = self.make_driver()

    def test_create_and_delete(self):
        volume = self.created(self.dsware, size=3, pool=1)
        self.assertEqual({(volume.name, 3 * base.GIB, 0, 1, '')},
                         self.contents())
        self.assertTrue(self.on_cluster(volume.name)['thin'])
        self.assertEqual('1', self.dsware.get_pool(volume))
        self.dsware.delete_volume(volume)
        self.assertHolds()


class SocketVolumeTestCase(VolumeTests, base.SocketTestCase):

    def test_idle_connections_that_the_peer_closed_are_not_used(self):
        self.created(self.dsware)
        addresses = [address for address, _port in self.simulator.agents]
        for address in addresses:
            self.control.agent_down(address)
        for address in addresses:
            self.control.agent_up(address)
        with mock.patch.object(operation, 'settled') as settled:
            self.created(self.dsware)
        settled.assert_not_called()


class CLIVolumeTestCase(VolumeTests, base.CLITestCase):
    pass


class RESTVolumeTestCase(VolumeTests, base.RESTTestCase):
    pass
