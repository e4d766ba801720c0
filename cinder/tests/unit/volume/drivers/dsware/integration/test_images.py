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

"""Volumes made from images that are volumes, on a simulated cluster."""

from unittest import mock

from oslo_config import cfg
from oslo_utils import units

from cinder import context
from cinder.tests.unit.volume.drivers.dsware.integration import base
from cinder.volume.drivers.dsware.features import images

CONF = cfg.CONF
DATA = b'the image' * 1000
OWNER = 'project of the image'
IMAGE = {'id': '00000000-0000-4000-9000-000000000001', 'owner': OWNER,
         'size': units.Gi, 'disk_format': 'raw', 'container_format': 'bare'}


class ImageTests:

    OPTIONS = {'dsware_request_timeout': 5, 'dsware_copy_timeout': 60}

    def setUp(self):
        super().setUp()
        self.flags(allowed_direct_url_schemes=['cinder'])
        self.dsware = self.make_driver()
        self.host = base.Host(self.simulator)
        self.image_volume = self.new_volume(
            status='available', cluster_name=None, metadata={},
            admin_metadata={}, project_id=OWNER)
        self.dsware.create_volume(self.image_volume)
        self.host.write(self.image_volume.name, 0, DATA)
        self.patch(images.__name__ + '.objects.Volume.get_by_id',
                   return_value=self.image_volume)

    def new_volume(self, pool=0, **values):
        return base.make_volume(**{
            'encryption_key_id': None,
            'host': f'{self.dsware.host}#{pool}', **values})

    def clone(self, volume):
        url = 'cinder://store/' + self.image_volume.id
        return self.dsware.clone_image(
            context.get_admin_context(), volume, (url, [{'url': url}]),
            IMAGE, mock.sentinel.image_service)

    def assertCloned(self, volume):
        self.assertEqual((None, True), self.clone(volume))
        self.assertEqual(DATA, self.host.read(volume.name, 0, len(DATA)))
        self.assertEqual(volume.size * units.Gi, self.host.size(volume.name))
        self.assertHolds(self.image_volume, volume)

    def test_larger_and_in_another_pool(self):
        volume = self.new_volume(pool=1, size=2)
        self.assertCloned(volume)
        self.assertEqual(1, self.on_cluster(volume.name)['pool_id'])

    def test_extended_afterwards(self):
        """Neither the image nor a later volume from it notices."""
        for kind in ('linked', 'full'):
            volume = self.new_volume(
                volume_type=base.make_type(dsware__clone=kind))
            self.assertCloned(volume)
            self.dsware.extend_volume(volume, 3)
            self.assertEqual(3 * units.Gi, self.host.size(volume.name))
            self.assertEqual(DATA, self.host.read(volume.name, 0, len(DATA)))
            grown = self.host.read(volume.name, 2 * units.Gi, len(DATA))
            self.assertEqual(bytes(len(DATA)), grown)
            self.assertEqual(units.Gi, self.host.size(self.image_volume.name))
            self.dsware.delete_volume(volume)
        self.assertCloned(self.new_volume())


class SocketImageTestCase(ImageTests, base.SocketTestCase):
    pass


class RESTImageTestCase(ImageTests, base.RESTTestCase):
    pass
