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

from nova import test
from nova.virt.libvirt import driver
from nova.virt.libvirt.volume import iscsi
from nova.virt.libvirt.volume import nfs


class CountsUsersTestCase(test.NoDBTestCase):

    def should_disconnect(self, volume_driver):
        libvirt = mock.Mock()
        libvirt._volume_api.get.return_value = {
            'attachments': {'server-1': {}, 'server-2': {}}}
        with mock.patch.object(driver.objects.InstanceList,
                               'get_uuids_by_host',
                               return_value=['server-1', 'server-2']):
            return driver.LibvirtDriver._should_disconnect_target(
                libvirt, mock.sentinel.context, mock.Mock(host='host'), True,
                volume_driver, 'volume')

    def test_driver_that_does_not(self):
        self.assertFalse(iscsi.LibvirtISCSIVolumeDriver.counts_users)
        self.assertFalse(self.should_disconnect(
            mock.Mock(counts_users=False)))

    def test_driver_that_does(self):
        self.assertTrue(nfs.LibvirtNFSVolumeDriver.counts_users)
        self.assertTrue(self.should_disconnect(mock.Mock(counts_users=True)))
