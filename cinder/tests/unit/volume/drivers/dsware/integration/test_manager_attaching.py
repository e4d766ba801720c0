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

"""Attachments that the driver makes, with Cinder's real database."""

import os

from cinder import exception
from cinder.tests.unit.volume.drivers.dsware.fakes import database
from cinder.tests.unit.volume.drivers.dsware.integration import base


class ManagerAttachTests:

    # A little more than an agent's cool-down after a failure.
    OPTIONS = {'dsware_request_timeout': 6, 'dsware_attach_by': 'manager'}

    def setUp(self):
        super().setUp()
        self.hosts = [base.Host(self.simulator, n) for n in range(2)]
        self.connectors = [
            {'host': f'compute{n}', 'ip': host.address}
            for n, host in enumerate(self.hosts)]
        self.mapping = {
            f'compute{n}': '%s:%d' % agent
            for n, agent in enumerate(self.simulator.agents)}

    def make_driver(self, **options):
        return super().make_driver(dsware_host_agents=self.mapping,
                                   **options)

    def created(self, dsware, *args, **values):
        volume = super().created(dsware, *args, **values)
        database.add_volume(volume)
        return volume

    def attached(self):
        return {(item['agent'], item['name'])
                for item in self.control.status()['attachments']}

    def on(self, volume, *numbers):
        return {(self.hosts[n].address, volume.name) for n in numbers}

    def use(self, dsware, volume, number=0):
        """Attach for a user, as Cinder does."""
        attachment = database.add_attachment(volume)
        dsware.initialize_connection(volume, self.connectors[number])
        database.set_connector(attachment, self.connectors[number])
        return attachment

    def leave(self, dsware, volume, attachment, number=0):
        """Detach for a user, as Cinder does."""
        dsware.terminate_connection(volume, self.connectors[number])
        database.remove_attachment(attachment)

    def test_attach_write_detach(self):
        dsware = self.make_driver()
        volume = self.created(dsware, size=2)
        info = dsware.initialize_connection(volume, self.connectors[0])
        self.assertEqual('local', info['driver_volume_type'])
        self.assertEqual(self.on(volume, 0), self.attached())
        path = info['data']['device_path']
        self.assertEqual(2 << 30, os.stat(path).st_size)
        with open(path, 'r+b') as device:
            device.write(b'data')
        dsware.terminate_connection(volume, self.connectors[0])
        self.assertEqual(b'data', self.hosts[1].read(volume.name, 0, 4))
        self.assertEqual(set(), self.attached())
        dsware.terminate_connection(volume, self.connectors[0])

    def test_host_whose_agent_is_down(self):
        dsware = self.make_driver(dsware_request_timeout=1)
        volume = self.created(dsware)
        address = self.hosts[0].address
        attachment = self.use(dsware, volume)
        self.control.agent_down(address)
        # Another agent detaches in the place of the one that is down.
        self.leave(dsware, volume, attachment)
        self.assertEqual(set(), self.attached())
        self.control.agent_up(address)
        attachment = self.use(dsware, volume)
        self.control.agent_down(address)
        self.assertRaises(exception.VolumeBackendAPIException,
                          dsware.initialize_connection, volume,
                          self.connectors[0])
        # Other hosts are not concerned, and a dead host can be detached.
        self.use(dsware, volume, 1)
        self.assertEqual(self.on(volume, 0, 1), self.attached())
        dsware.terminate_connection(volume, self.connectors[0])
        self.assertEqual(self.on(volume, 1), self.attached())
        self.control.agent_up(address)
        dsware.terminate_connection(volume, self.connectors[1])
        self.assertEqual(set(), self.attached())


class SocketManagerAttachTestCase(ManagerAttachTests, base.SocketTestCase):
    pass


class CLIManagerAttachTestCase(ManagerAttachTests, base.CLITestCase):
    pass


class RESTManagerAttachTestCase(ManagerAttachTests, base.RESTTestCase):
    pass
