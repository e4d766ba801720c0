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
"""The client of Cinder's FusionStorage driver works with the simulator.

It is the witness that the simulator speaks what is published: it knows
nothing of this project, and it has been in use with clusters.
"""

from unittest import mock

from cinder import exception
from cinder.tests.unit import test
from cinder.volume.drivers.fusionstorage import fs_client
from dsware_sim import testing

_USER, _PASSWORD = 'witness', 'a password of tests'


class WitnessTestCase(test.TestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.simulator = testing.Simulator(rest=True, devices='file',
                                          user=_USER, password=_PASSWORD)
        cls.addClassCleanup(cls.simulator.stop)
        cls.simulator.start()

    def setUp(self):
        super().setUp()
        self.control = self.simulator.control
        self.addCleanup(self.control.reset)
        # Linked clones have the size asked for; it never grows them.
        self.control.set_rest(clone_size='asked')
        # It turns warnings off for the whole process.
        self.enterContext(mock.patch.object(fs_client.urllib3,
                                            'disable_warnings'))
        self.client = fs_client.RestCommon(self.simulator.rest, _USER,
                                           _PASSWORD)
        self.addCleanup(self.client.session.close)
        self.client.login()
        self.address = self.simulator.agents[0][0]

    def names(self, what='volumes'):
        """Tell which objects there are, as the cluster knows it."""
        return sorted(one['name'] for one in self.control.status()[what])

    def test_pools(self):
        first, second = self.client.query_pool_info()
        self.assertEqual([second],
                         self.client.query_pool_info(second['poolId']))
        self.assertEqual(1024 * 1024, first['totalCapacity'])

    def test_volumes(self):
        self.client.create_volume('v', 1024, 0)
        found = self.client.query_volume_by_name('v')
        self.assertEqual(('v', 1024, 0), (
            found['volName'], found['volSize'], found['poolId']))
        self.assertEqual(found, self.client.query_volume_by_id(
            str(found['volId'])))
        self.client.expand_volume('v', 2048)
        self.assertEqual(2048,
                         self.client.query_volume_by_name('v')['volSize'])
        self.client.delete_volume('v')
        self.assertIsNone(self.client.query_volume_by_name('v'))
        self.assertRaises(exception.VolumeBackendAPIException,
                          self.client.delete_volume, 'v')

    def test_snapshots(self):
        self.client.create_volume('v', 1024, 0)
        self.client.create_snapshot('s', 'v')
        found = self.client.query_snapshot_by_name(0, 's')
        self.assertEqual((1, 's', 1024), (
            found['totalNum'], found['snapshotList'][0]['snapName'],
            found['snapshotList'][0]['snapSize']))
        self.client.create_volume_from_snapshot('s', 'c', 2048)
        self.client.create_volume_from_volume('d', 1024, 'v')
        self.assertEqual(['c', 'd', 'v'], self.names())
        self.assertEqual(['s'], self.names('snapshots'))
        self.client.delete_snapshot('s')
        found = self.client.query_snapshot_by_name(0, 's')
        self.assertEqual(0, found['totalNum'])

    def test_hosts(self):
        self.client.create_volume('v', 1024, 0)
        answer = self.client.attach_volume('v', self.address)
        with open(answer['v'][0]['devName'], 'rb') as device:
            self.assertEqual(bytes(512), device.read(512))
        self.assertRaises(exception.VolumeBackendAPIException,
                          self.client.attach_volume, 'v', '192.0.2.1')
        self.client.detach_volume('v', self.address)
        self.assertEqual([], self.control.status()['attachments'])

    def test_end_of_a_session(self):
        self.client.keep_alive()
        self.control.expire_tokens()
        self.assertRaises(exception.VolumeBackendAPIException,
                          self.client.query_pool_info)
        self.client.keep_alive()
        self.assertEqual(2, len(self.client.query_pool_info()))
        self.client.logout()
        self.assertRaises(exception.VolumeBackendAPIException,
                          self.client.query_pool_info)
