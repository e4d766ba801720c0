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

"""Volumes that several hosts have attached."""

import re
import subprocess

from openstack import exceptions as sdk_exceptions

from functional.tests import base

GIB = base.GIB
MIB = base.MIB


class OtherHost(object):
    """A compute host besides the one that this process is.

    It attaches as its connector would: with fsc_cli, at its own agent.
    """

    def __init__(self, volumes, simulator):
        self._volumes = volumes
        self._fsc_cli = str(simulator.fsc_cli)
        self._address, self._port = simulator.agents[0]
        self.attachment = None

    def attach(self, volume, mode='rw'):
        """Attach a volume.

        :param volume: the volume
        :param mode: rw or ro
        :returns: path of the device
        """
        self.attachment = self._volumes.create_attachment(
            volume.id, mode=mode, connector={
                'host': 'other', 'ip': self._address, 'dsware_cli': True,
                'dsware_agent_ip': self._address,
                'dsware_agent_port': self._port})
        output = self._run('attachVolume')
        self._volumes.complete_attachment(self.attachment.id)
        return re.search(r'devName=([^\],\s]+)', output)[1]

    def detach(self):
        """Detach what is attached, if anything is."""
        if self.attachment:
            self._run('detachVolume')
            self._volumes.delete_attachment(self.attachment.id)
            self.attachment = None

    def _run(self, operation):
        info = self.attachment.connection_info
        return subprocess.run(
            [self._fsc_cli, '--manage_ip', info['manager_ip'],
             '--ip', self._address, '--port', str(self._port),
             '--op', operation, '--volName', info['volume_name']],
            check=True, capture_output=True, text=True).stdout


class MultiattachBasics(object):
    """One volume, two hosts."""

    def setUp(self):
        super().setUp()
        self.other = OtherHost(self.volumes, self.simulator)
        self.addCleanup(self.other.detach)

    def create_shared(self):
        return self.create_volume(volume_type=self.volume_type(
            self.backend + '-shared', multiattach='<is> True'))

    def attachments_on_cluster(self):
        return sorted(one['agent']
                      for one in self.control.status()['attachments'])

    def test_two_hosts_see_the_same_bytes(self):
        volume = self.create_shared()
        self.assertTrue(volume.is_multiattach)
        here = self.attach(volume)
        there = self.other.attach(volume)
        self.assertNotEqual(here.path, there)
        self.assertEqual(sorted(address for address, _port
                                in self.simulator.agents),
                         self.attachments_on_cluster())

        self.write(here.path, 'from here', 0)
        self.flush(here.path)
        self.assert_written(there, 'from here', 0)

        self.host.detach(here)
        self.assertEqual([self.simulator.agents[0][0]],
                         self.attachments_on_cluster())
        self.assertEqual('in-use', self.volumes.get_volume(volume.id).status)
        self.write(there, 'from there', MIB)
        self.other.detach()
        self.cloud.wait_for_volume(volume)
        self.assertEqual([], self.attachments_on_cluster())

    @staticmethod
    def flush(path):
        subprocess.run(['blockdev', '--flushbufs', path], check=True)


class MultiattachOperations(MultiattachBasics):
    """The rest of it."""

    def test_both_hosts_see_the_new_size(self):
        volume = self.create_shared()
        here = self.attach(volume)
        there = self.other.attach(volume)

        self.volumes.extend_volume(volume.id, 2)

        self.assertEqual(
            2, self.cloud.wait_for_volume(volume, 'in-use').size)
        self.assertEqual(2 * GIB, self.host.extend(here))
        for path in (here.path, there):
            self.assert_device_size(path, 2)
        self.host.detach(here)
        self.other.detach()
        self.cloud.wait_for_volume(volume)

    def test_a_read_only_volume_is_attached_as_such(self):
        volume = self.create_shared()
        self.volumes.set_volume_readonly(volume, True)
        self.other.attach(volume, mode='ro')
        self.assertEqual(
            'ro', self.other.attachment.connection_info['access_mode'])
        self.other.detach()
        self.cloud.wait_for_volume(volume)

    def test_a_volume_of_another_type_has_one_host(self):
        volume = self.create_volume()
        here = self.attach(volume)
        self.assertRaises(sdk_exceptions.BadRequestException,
                          self.other.attach, volume)
        self.assertEqual([self.simulator.agents[-1][0]],
                         self.attachments_on_cluster())
        self.detach(here)
