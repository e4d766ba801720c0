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

"""Copies of volumes to images, and what is left of them."""

import datetime
from unittest import mock

import ddt

from cinder import objects
from cinder.tests.unit.volume.drivers.dsware import database
from cinder.tests.unit.volume.drivers.dsware import test_interrupted_changes
from cinder.volume.drivers.dsware import interrupted_uploads

CLUSTER = test_interrupted_changes.CLUSTER


@ddt.ddt
class UploadTestCase(test_interrupted_changes.ChangesTestCase):

    kind = interrupted_uploads.Uploads

    def setUp(self):
        super().setUp()
        self.copied = self.patch(
            'cinder.volume.driver.BaseVD.copy_volume_to_image')

    def uploading(self, **values):
        """Make a volume, and do what the API does."""
        volume = self.make('available', **values)
        self.request(volume)
        return volume

    def request(self, volume):
        volume.conditional_update({'status': 'uploading'}, {})

    def upload(self, volume):
        self.dsware.copy_volume_to_image(
            self.context, objects.Volume.get_by_id(self.context, volume.id),
            mock.sentinel.service, mock.sentinel.image)

    def test_it_is_left_to_cinder(self):
        self.upload(self.uploading())
        self.copied.assert_called_once_with(
            self.context, mock.ANY, mock.sentinel.service,
            mock.sentinel.image)

    def test_nothing(self):
        self.make('available')
        self.uploading(host='other@dsware#0')
        self.assertFalse(self.settle())

    def test_it_had_not_begun(self):
        volume = self.uploading()
        self.assertTrue(self.settle())
        self.assert_status('uploading', volume)

    def test_it_was_begun(self):
        volume = self.uploading()
        self.upload(volume)
        with self.assertLogs(interrupted_uploads.LOG.logger,
                             'WARNING') as logs:
            self.settle()
        self.assert_status('available', volume)
        self.assertIn(volume.name, logs.output[0])

    def test_it_was_in_use(self):
        volume = self.uploading()
        self.upload(volume)
        database.add_attachment(volume, {'host': 'compute'})
        self.settle()
        self.assert_status('in-use', volume)

    def test_the_next_one_had_not_begun(self):
        volume = self.uploading()
        self.upload(volume)
        volume.status = 'available'
        volume.save()
        self.request(volume)
        self.settle()
        self.assert_status('uploading', volume)

    def clone(self, volume, **values):
        return self.make('creating', **{
            'source_volid': volume.id, 'display_name': 'image-x',
            'updated_at': datetime.datetime(2020, 1, 1), **values})

    @ddt.data({'updated_at': None},
              {'updated_at': datetime.datetime(2200, 1, 1)})
    def test_it_is_uploaded_as_a_volume(self, values):
        volume = self.uploading()
        clone = self.clone(volume, **values)
        self.settle()
        self.assert_status('available', volume)
        kind = self.kind(self.dsware, self.dsware._array, self.context)
        self.assertEqual([volume.id, clone.id], kind.volumes(volume.id))

    @ddt.data({'updated_at': datetime.datetime(2020, 1, 1)},
              {'metadata': {'glance_image_id': 'x'}},
              {'display_name': None}, {'display_name': 'mine'})
    def test_another_clone(self, values):
        volume = self.uploading()
        self.clone(volume, **{
            'updated_at': datetime.datetime(2200, 1, 1), **values})
        self.settle()
        self.assert_status('uploading', volume)

    def test_it_was_reset_meanwhile(self):
        volume = self.uploading()
        self.upload(volume)
        volume.status = 'error'
        volume.save()
        kind = self.kind(self.dsware, self.dsware._array, self.context)
        self.assertTrue(kind.settle(volume.id))
        self.assert_status('error', volume)

    def test_it_is_claimed(self):
        self.dsware = self.make_driver(CLUSTER)
        volume = self.uploading(cluster_name=CLUSTER + '#0')
        self.upload(volume)
        self.assertEqual(['dsware-work-' + volume.id], self.locks.acquired)
        self.assertEqual({}, self.locks.holders)
