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
"""Cinder's own FusionStorage driver works with the simulator as it is.

It is the witness that the simulator speaks what is published: it knows
nothing of this project, and it has been in use with clusters.
"""

from unittest import mock

from cinder import context
from cinder import exception
from cinder.tests.unit import fake_constants as fake
from cinder.tests.unit import fake_snapshot
from cinder.tests.unit import fake_volume
from cinder.tests.unit import test
from cinder.volume import configuration
from cinder.volume.drivers.fusionstorage import dsware
from cinder.volume.drivers.fusionstorage import fs_client
from cinder.volume.drivers.fusionstorage import fs_conf
from dsware_sim import testing

_USER, _PASSWORD = 'witness', 'a password of tests'
_GROUP = 'fusionstorage'
_HOST = 'compute1'


class WitnessTestCase(test.TestCase):
    """Has a simulator whose linked clones have the size asked for."""

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
        # What the witness never asks for after a clone.
        self.control.set_rest(clone_size='asked')
        # It turns warnings off for the whole process.
        self.enterContext(mock.patch.object(fs_client.urllib3,
                                            'disable_warnings'))

    def names(self, what='volumes'):
        """Tell which objects there are, as the cluster knows it."""
        return sorted(one['name'] for one in self.control.status()[what])


class ClientTestCase(WitnessTestCase):
    """Its client."""

    def setUp(self):
        super().setUp()
        self.client = fs_client.RestCommon(self.simulator.rest, _USER,
                                           _PASSWORD)
        self.addCleanup(self.client.session.close)
        self.client.login()
        self.address = self.simulator.agents[0][0]

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


class DriverTestCase(WitnessTestCase):
    """The driver itself, as far as it needs no services."""

    def setUp(self):
        super().setUp()
        # It writes the password into the machine's cinder.conf.
        self.enterContext(mock.patch.object(fs_conf.FusionStorageConf,
                                            '_rewrite_conf'))
        self.context = context.get_admin_context()
        self.driver = self.make_driver()
        self.driver.do_setup(None)
        self.addCleanup(self.driver.client.session.close)
        self.driver.check_for_setup_error()

    def make_driver(self):
        """Make a driver with a configuration of its own."""
        conf = configuration.Configuration(dsware.volume_opts,
                                           config_group=_GROUP)
        made = dsware.DSWAREDriver(configuration=conf,
                                   host='host@' + _GROUP)
        for name, value in {
                'dsware_rest_url': self.simulator.rest, 'san_login': _USER,
                'san_password': _PASSWORD,
                'dsware_storage_pools': 'pool0;pool1',
                'manager_ips': {_HOST: self.simulator.agents[0][0]}}.items():
            self.override_config(name, value, group=_GROUP)
        return made

    def volume(self, number=fake.VOLUME_ID, size=1):
        """Make a volume of Cinder's."""
        return fake_volume.fake_volume_obj(
            self.context, id=number, size=size, host='host@fs#pool1',
            provider_location=None)

    def snapshot(self, volume):
        """Make a snapshot of Cinder's."""
        made = fake_snapshot.fake_snapshot_obj(
            self.context, id=fake.SNAPSHOT_ID, volume_id=volume.id,
            provider_location=None)
        made.volume = volume
        return made

    def test_statistics(self):
        self.control.expire_tokens()
        stats = self.driver.get_volume_stats()
        self.assertEqual({'pool0': 1024.0, 'pool1': 1024.0}, {
            pool['pool_name']: pool['free_capacity_gb']
            for pool in stats['pools']})

    def test_life_of_a_volume(self):
        volume = self.volume()
        self.driver.create_volume(volume)
        self.driver.extend_volume(volume, 3)
        found, = self.control.status()['volumes']
        self.assertEqual((volume.name, 3072, 1), (
            found['name'], found['size'], found['pool_id']))
        self.driver.delete_volume(volume)
        self.assertEqual([], self.names())
        self.driver.delete_volume(volume)
        self.assertRaises(exception.VolumeBackendAPIException,
                          self.driver.extend_volume, volume, 4)

    def test_snapshots_and_clones(self):
        volume = self.volume()
        snapshot = self.snapshot(volume)
        self.driver.create_volume(volume)
        self.driver.create_snapshot(snapshot)
        clone = self.volume(fake.VOLUME2_ID, 2)
        self.driver.create_volume_from_snapshot(clone, snapshot)
        self.driver.create_cloned_volume(self.volume(fake.VOLUME3_ID, 2),
                                         clone)
        sizes = {one['name']: one['size']
                 for one in self.control.status()['volumes']}
        self.assertEqual(
            [1024, 2048, 2048], [
                sizes[self.volume(number).name] for number in
                (fake.VOLUME_ID, fake.VOLUME2_ID, fake.VOLUME3_ID)])
        self.driver.delete_snapshot(snapshot)
        self.assertEqual([], self.names('snapshots'))
        self.driver.delete_snapshot(snapshot)

    def test_attachments(self):
        volume = self.volume()
        self.driver.create_volume(volume)
        connector = {'host': _HOST}
        info, _ = self.driver._attach_volume(self.context, volume, connector)
        with open(info['device']['path'], 'r+b') as device:
            device.write(b'bytes')
        self.driver._detach_volume(self.context, info, volume, connector)
        info = self.driver.initialize_connection(volume, connector)
        found, = self.control.status()['volumes']
        self.assertEqual(
            {'driver_volume_type': 'local',
             'data': {'device_path':
                      '/dev/disk/by-id/wwn-0x' + found['wwn']}}, info)
        self.driver.terminate_connection(volume, connector)
        self.assertEqual([], self.control.status()['attachments'])
