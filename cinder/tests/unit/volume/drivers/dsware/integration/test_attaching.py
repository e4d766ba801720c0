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

"""Attachments: what hosts are told, and what the driver does itself."""

import json
import os

from cinder import exception
from cinder.tests.unit.volume.drivers.dsware.integration import base


class AttachTests:

    OPTIONS = {'dsware_request_timeout': 5}

    def setUp(self):
        super().setUp()
        self.hosts = [base.Host(self.simulator, n) for n in range(2)]
        self.connectors = [
            {'host': f'compute{n}', 'ip': host.address}
            for n, host in enumerate(self.hosts)]
        self.mapping = {
            f'compute{n}': '%s:%d' % agent
            for n, agent in enumerate(self.simulator.agents)}

    def attached(self):
        return {(item['agent'], item['name'])
                for item in self.control.status()['attachments']}

    # -- the connector attaches -------------------------------------------

    def test_connection_info(self):
        dsware = self.make_driver()
        volume = self.created(dsware)
        info = dsware.initialize_connection(volume, self.connectors[0])
        data = info['data']
        self.assertEqual('dsware', info['driver_volume_type'])
        self.assertEqual(
            (1, volume.name, self.on_cluster(volume.name)['wwn'], True,
             self.hosts[0].address),
            tuple(data[key] for key in (
                'format_version', 'volume_name', 'wwn', 'discard',
                'agent_ip')))
        self.assertEqual(info, json.loads(json.dumps(info)))
        self.assertEqual(set(), self.attached())
        dsware.terminate_connection(volume, self.connectors[0])

    def test_connection_to_what_is_gone(self):
        dsware = self.make_driver()
        self.assertRaises(
            exception.VolumeNotFound, dsware.initialize_connection,
            base.make_volume(), self.connectors[0])

    def test_let_go_of_what_is_gone(self):
        dsware = self.make_driver()
        dsware.terminate_connection(base.make_volume(), self.connectors[0])
        dsware.terminate_connection(base.make_volume(), None)

    def test_let_go_of_all_hosts(self):
        dsware = self.make_driver(dsware_host_agents=self.mapping)
        volume, other = self.created(dsware), self.created(dsware)
        for host, connector in zip(self.hosts, self.connectors):
            host.attach(volume.name)
            host.attach(other.name)
            base.make_attachment(volume, connector)
        dsware.terminate_connection(volume, None)
        self.assertEqual({(host.address, other.name)
                          for host in self.hosts}, self.attached())

    # -- the driver attaches ----------------------------------------------

    def manager(self, **options):
        return self.make_driver(dsware_attach_by='manager',
                                dsware_host_agents=self.mapping, **options)

    def test_attach_by_the_manager(self):
        dsware = self.manager()
        volume = self.created(dsware)
        info = dsware.initialize_connection(volume, self.connectors[0])
        self.assertEqual('local', info['driver_volume_type'])
        self.assertEqual({(self.hosts[0].address, volume.name)},
                         self.attached())
        with open(info['data']['device_path'], 'r+b') as device:
            device.write(b'data')
        dsware.terminate_connection(volume, self.connectors[0])
        self.assertEqual(b'data', self.hosts[1].read(volume.name, 0, 4))
        self.assertEqual(set(), self.attached())
        dsware.terminate_connection(volume, self.connectors[0])

    def test_attach_to_two_hosts(self):
        dsware = self.manager()
        volume = self.created(dsware)
        for connector in self.connectors:
            dsware.initialize_connection(volume, connector)
            base.make_attachment(volume, connector)
        self.assertEqual(2, len(self.attached()))
        dsware.terminate_connection(volume, self.connectors[1])
        self.assertEqual({(self.hosts[0].address, volume.name)},
                         self.attached())
        dsware.terminate_connection(volume, None)
        self.assertEqual(set(), self.attached())

    def test_two_users_on_one_host(self):
        dsware = self.manager()
        volume = self.created(dsware)
        for _n in range(2):
            dsware.initialize_connection(volume, self.connectors[0])
            base.make_attachment(volume, self.connectors[0])
        dsware.terminate_connection(volume, self.connectors[0])
        self.assertEqual(1, len(self.attached()))
        volume.volume_attachment.objects.pop()
        dsware.terminate_connection(volume, self.connectors[0])
        self.assertEqual(set(), self.attached())

    def test_attach_what_is_gone(self):
        dsware = self.manager()
        self.assertRaises(
            exception.VolumeNotFound, dsware.initialize_connection,
            base.make_volume(), self.connectors[0])

    def test_host_whose_agent_is_down(self):
        dsware = self.manager(dsware_request_timeout=1)
        volume = self.created(dsware)
        address = self.hosts[0].address
        dsware.initialize_connection(volume, self.connectors[0])
        self.control.agent_down(address)
        # Another agent detaches in the place of the one that is down.
        dsware.terminate_connection(volume, self.connectors[0])
        self.assertEqual(set(), self.attached())
        self.control.agent_up(address)
        dsware.initialize_connection(volume, self.connectors[0])
        self.control.agent_down(address)
        self.assertRaises(exception.VolumeBackendAPIException,
                          dsware.initialize_connection, volume,
                          self.connectors[0])
        # Other hosts are not concerned, and a dead host can be detached.
        dsware.initialize_connection(volume, self.connectors[1])
        base.make_attachment(volume, self.connectors[0])
        dsware.terminate_connection(volume, None)
        self.assertEqual({(self.hosts[1].address, volume.name)},
                         self.attached())
        self.control.agent_up(address)
        dsware.terminate_connection(volume, self.connectors[1])
        self.assertEqual(set(), self.attached())

    def test_faults(self):
        """An attachment is made or removed once, whatever gets lost."""
        # A little more than the agent's cool-down after a failure.
        dsware = self.manager(dsware_request_timeout=6)
        volume = self.created(dsware)
        for op, call in (('attachVolume', dsware.initialize_connection),
                         ('detachVolume', dsware.terminate_connection)):
            for kind in ('drop_before', 'drop_after', 'cut_frame',
                         'garbage', 'wrong_seq'):
                with self.subTest(op=op, kind=kind):
                    self.set_attached(volume, op == 'detachVolume')
                    self.control.add_fault(kind=kind, op=op, count=1)
                    call(volume, self.connectors[0])
                    self.assertEqual(int(op == 'attachVolume'),
                                     len(self.attached()))

    def set_attached(self, volume, wanted):
        if wanted and not self.attached():
            self.hosts[0].attach(volume.name)
        elif self.attached() and not wanted:
            self.hosts[0].detach(volume.name)

    def test_results_of_every_class(self):
        dsware = self.manager(dsware_request_timeout=1)
        volume = self.created(dsware)
        for code, error in (
                (50151402, exception.VolumeBackendAPIException),
                (50151404, exception.VolumeNotFound),
                (50150012, exception.VolumeBackendAPIException),
                (50150003, exception.VolumeBackendAPIException),
                (50150015, exception.VolumeBackendAPIException),
                (10000003, exception.VolumeBackendAPIException),
                (50151211, exception.VolumeIsBusy)):
            with self.subTest(code=code):
                fault = self.control.add_fault(
                    kind='result', op='attachVolume', code=code)
                self.assertRaises(error, dsware.initialize_connection,
                                  volume, self.connectors[0])
                self.control.clear_faults(fault)
                self.assertEqual(set(), self.attached())

    def test_device_is_there(self):
        dsware = self.manager()
        volume = self.created(dsware, size=2)
        info = dsware.initialize_connection(volume, self.connectors[0])
        self.assertEqual(2 << 30, os.stat(
            info['data']['device_path']).st_size)
        dsware.terminate_connection(volume, self.connectors[0])


class SocketAttachTestCase(AttachTests, base.SocketTestCase):
    pass


class CLIAttachTestCase(AttachTests, base.CLITestCase):
    pass
