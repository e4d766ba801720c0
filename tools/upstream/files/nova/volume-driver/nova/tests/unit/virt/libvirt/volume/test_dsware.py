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

from unittest import mock

import fixtures
from os_brick import initiator
from oslo_utils.fixture import uuidsentinel as uuids

from nova import exception
from nova.tests.unit.virt.libvirt.volume import test_volume
from nova.virt.libvirt import driver
from nova.virt.libvirt.volume import dsware

PATH = '/dev/disk/by-id/wwn-0x6888603000000001'


class LibvirtDSWareVolumeDriverTestCase(
        test_volume.LibvirtVolumeBaseTestCase):

    def setUp(self):
        super().setUp()
        self.factory = self.useFixture(fixtures.MockPatch(
            'os_brick.initiator.connector.InitiatorConnector.factory')).mock
        self.volume_driver = dsware.LibvirtDSWareVolumeDriver(self.fake_host)
        self.connector = self.factory.return_value
        self.instance = mock.Mock(uuid=uuids.instance)

    def info(self, **changes):
        return {'driver_volume_type': 'dsware', 'serial': uuids.volume,
                'data': {'volume_name': 'volume-1', **changes}}

    def test_driver_is_known(self):
        self.assertEqual(
            '%s.%s' % (dsware.__name__,
                       dsware.LibvirtDSWareVolumeDriver.__name__),
            driver.VOLUME_DRIVERS['dsware'])
        self.assertEqual(initiator.DSWARE, self.factory.call_args[0][0])
        self.assertTrue(self.volume_driver.counts_users)

    def test_config(self):
        disk = self.volume_driver.get_config(
            self.info(device_path=PATH), self.disk_info).format_dom()
        self.assertEqual('block', disk.get('type'))
        self.assertEqual(PATH, disk.find('source').get('dev'))
        self.assertEqual('native', disk.find('driver').get('io'))

    def test_connect(self):
        self.connector.connect_volume.return_value = {'path': PATH}
        info = self.info(attachment=uuids.attachment)
        self.volume_driver.connect_volume(info, self.instance)
        self.connector.connect_volume.assert_called_once_with({
            'volume_name': 'volume-1', 'attachment': uuids.attachment,
            'dsware_user_kind': 'instance',
            'dsware_instance': uuids.instance})
        self.assertEqual(PATH, info['data']['device_path'])
        self.assertNotIn('dsware_instance', info['data'])

    def test_disconnect(self):
        self.volume_driver.disconnect_volume(self.info(), self.instance,
                                             force=True)
        self.connector.disconnect_volume.assert_called_once_with({
            'volume_name': 'volume-1', 'attachment': uuids.instance,
            'dsware_user_kind': 'instance',
            'dsware_instance': uuids.instance}, None, force=True)

    def test_extend(self):
        self.connector.extend_volume.return_value = 2048
        self.assertEqual(2048, self.volume_driver.extend_volume(
            self.info(), self.instance, 2048))

    def test_extend_that_the_cluster_has_not_done(self):
        self.connector.extend_volume.return_value = 1024
        self.assertRaises(exception.VolumeExtendFailed,
                          self.volume_driver.extend_volume, self.info(),
                          self.instance, 2048)
