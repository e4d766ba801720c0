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

"""The operations of the driver, to be run on each kind of backend."""

import subprocess

from openstack import exceptions as sdk_exceptions

from functional import content
from functional.services import cloud
from functional.services import programs
from functional.tests import base

GIB = base.GIB
MIB = base.MIB


class VolumeBasics(object):
    """Create, delete and extend."""

    def test_create_and_delete(self):
        volume = self.create_volume()

        found = self.volume_on_cluster(volume)
        self.assertEqual(1024, found['size'])
        self.assertEqual(volume.host.partition('#')[2],
                         str(found['pool_id']))
        self.assertTrue(found['thin'])

        self.cloud.delete_volume(volume)
        self.assertIsNone(self.volume_on_cluster(volume))

    def test_extend_attached(self):
        volume = self.create_volume()
        attached = self.attach(volume)
        self.write(attached.path, 'before', 0)

        self.volumes.extend_volume(volume.id, 3)

        self.assertEqual(
            3, self.cloud.wait_for_volume(volume, 'in-use').size)
        self.assertEqual(3 * GIB, self.host.extend(attached))
        self.assert_device_size(attached.path, 3)
        self.assert_written(attached.path, 'before', 0)
        self.write(attached.path, 'after', 3 * GIB - MIB)
        self.detach(attached)


class VolumeOperations(VolumeBasics):
    """The rest of it."""

    def test_delete_what_is_gone_from_the_cluster(self):
        volume = self.create_volume()
        self.control.reset()

        self.cloud.delete_volume(volume)

    def test_extend_detached(self):
        volume = self.create_volume()
        with self.attached(volume) as path:
            self.write(path, 'before', GIB - MIB)

        self.volumes.extend_volume(volume.id, 2)

        self.assertEqual(2, self.cloud.wait_for_volume(volume).size)
        self.assertEqual(2048, self.volume_on_cluster(volume)['size'])
        with self.attached(volume) as path:
            self.assert_device_size(path, 2)
            self.assert_written(path, 'before', GIB - MIB)
            self.assert_zero(path, GIB)

    def test_shrink_is_refused(self):
        volume = self.create_volume(2)

        self.assertRaises(sdk_exceptions.BadRequestException,
                          self.volumes.extend_volume, volume.id, 1)

        self.assertEqual(2048, self.volume_on_cluster(volume)['size'])


class SnapshotBasics(object):
    """Snapshots, and volumes from snapshots and volumes."""

    def test_snapshot_and_volume_from_it(self):
        volume = self.create_volume()
        attached = self.attach(volume)
        self.write(attached.path, 'old', MIB)
        snapshot = self.create_snapshot(volume)
        self.write(attached.path, 'new', MIB)

        copy = self.create_volume(snapshot_id=snapshot.id)

        self.assert_written(attached.path, 'new', MIB)
        with self.attached(copy) as path:
            self.assert_device_size(path, 1)
            self.assert_written(path, 'old', MIB)
            self.assert_zero(path, 0)
        self.cloud.delete_snapshot(snapshot)
        self.assertIsNone(self.snapshot_on_cluster(snapshot))
        with self.attached(copy) as path:
            self.assert_written(path, 'old', MIB)

    def test_clone(self):
        volume = self.create_volume()
        attached = self.attach(volume)
        self.write(attached.path, 'shared', 0)

        clone = self.create_volume(source_volume_id=volume.id)

        self.write(attached.path, 'changed', 0)
        with self.attached(clone) as path:
            self.assert_written(path, 'shared', 0)
            self.write(path, 'own', 2 * MIB)
        self.assert_zero(attached.path, 2 * MIB)
        self.detach(attached)
        self.cloud.delete_volume(volume)
        with self.attached(clone) as path:
            self.assert_written(path, 'shared', 0)


class LargerCopies(object):
    """Volumes that are larger than what they are made of."""

    def test_volume_from_snapshot_larger(self):
        volume = self.create_volume()
        with self.attached(volume) as path:
            self.write(path, 'end', GIB - MIB)
        snapshot = self.create_snapshot(volume)

        copy = self.create_volume(3, snapshot_id=snapshot.id)

        self.assertEqual(3072, self.volume_on_cluster(copy)['size'])
        with self.attached(copy) as path:
            self.assert_device_size(path, 3)
            self.assert_written(path, 'end', GIB - MIB)
            self.assert_zero(path, GIB)

    def test_clone_larger(self):
        volume = self.create_volume()
        with self.attached(volume) as path:
            self.write(path, 'shared', 0)

        clone = self.create_volume(2, source_volume_id=volume.id)

        self.assertEqual(2048, self.volume_on_cluster(clone)['size'])
        with self.attached(clone) as path:
            self.assert_device_size(path, 2)
            self.assert_written(path, 'shared', 0)
            self.assert_zero(path, GIB)


class SnapshotOperations(LargerCopies, SnapshotBasics):
    """What is refused, and what goes together."""

    def test_volume_from_snapshot_smaller_is_refused(self):
        snapshot = self.create_snapshot(self.create_volume(2))

        self.assertRaises(sdk_exceptions.BadRequestException,
                          self.volumes.create_volume, size=1,
                          snapshot_id=snapshot.id)

    def test_volume_with_snapshots_is_not_deleted(self):
        volume = self.create_volume()
        snapshot = self.create_snapshot(volume)

        self.assertRaises(sdk_exceptions.BadRequestException,
                          self.volumes.delete_volume, volume)

        self.assertIsNotNone(self.volume_on_cluster(volume))
        self.assertIsNotNone(self.snapshot_on_cluster(snapshot))

    def test_delete_volume_and_its_snapshots(self):
        volume = self.create_volume()
        snapshot = self.create_snapshot(volume)

        self.volumes.delete_volume(volume, cascade=True)

        self.cloud.wait_until_deleted(volume)
        self.assertIsNone(self.volume_on_cluster(volume))
        self.assertIsNone(self.snapshot_on_cluster(snapshot))


class AttachBasics(object):
    """Attaching and detaching."""

    def test_attach_and_detach(self):
        volume = self.create_volume()

        attached = self.attach(volume)

        self.assertEqual('in-use', self.volumes.get_volume(volume).status)
        (found,) = self.control.status()['attachments']
        self.assertEqual('volume-' + volume.id, found['name'])
        self.assertEqual(self.simulator.agents[-1][0], found['agent'])
        self.write(attached.path, 'kept', MIB)
        self.detach(attached)
        self.assertEqual([], self.control.status()['attachments'])
        with self.attached(volume) as path:
            self.assert_written(path, 'kept', MIB)


class AttachOperations(AttachBasics):
    """What Cinder keeps from happening, and users side by side."""

    def test_attached_volume_is_not_deleted(self):
        volume = self.create_volume()
        with self.attached(volume) as path:
            self.assertRaises(sdk_exceptions.BadRequestException,
                              self.volumes.delete_volume, volume)
            self.write(path, 'still there', 0)

    def test_two_users_of_one_host_share_the_device(self):
        shared = self.volume_type(self.backend + '-shared',
                                  multiattach='<is> True')
        volume = self.create_volume(volume_type=shared)
        first = self.attach(volume)
        second = self.attach(volume)
        self.assertEqual(first.path, second.path)

        self.host.detach(first)

        self.write(second.path, 'still attached', 0)
        self.host.detach(second)
        self.cloud.wait_for_volume(volume)
        self.assertEqual([], self.control.status()['attachments'])


class ImageBasics(object):
    """Volumes from images and images from volumes."""

    SIZE = 24 * MIB
    # Only what is not zero has to be sent.
    UPLOAD_FORMAT = 'qcow2'

    def make_image_file(self):
        """A raw image with data at both of its ends.

        :returns: path
        """
        path = self.directory / 'image'
        with open(path, 'wb') as image:
            image.truncate(self.SIZE)
        self.write(path, 'image', 0)
        self.write(path, 'its end', self.SIZE - MIB)
        return path

    def test_image_to_volume_to_image(self):
        path = self.make_image_file()
        image = self.create_image(path)

        volume = self.create_volume(image_id=image.id)

        # What is zero in the image takes no room.
        self.assertEqual(2, self.volume_on_cluster(volume)['real_size'])
        with self.attached(volume) as device:
            self.assertEqual(GIB, content.compare(device, path, GIB))
        uploaded = self.upload(volume)
        downloaded = self.directory / 'downloaded'
        self.images.download_image(uploaded, output=str(downloaded),
                                   stream=True)
        raw = self.directory / 'raw'
        subprocess.run([programs.qemu_img(), 'convert', '-O', 'raw', '-f',
                        self.UPLOAD_FORMAT, str(downloaded), str(raw)],
                       check=True)
        content.compare(raw, path, GIB)

    def upload(self, volume):
        """Upload a volume as an image, deleted at the end of the test.

        :param volume: the volume
        :returns: the image
        """
        answer = self.volumes.upload_volume_to_image(
            volume, self.id(), disk_format=self.UPLOAD_FORMAT,
            container_format='bare')
        self.addCleanup(self.images.delete_image, answer['image_id'])
        image = self.cloud.wait_for_image(answer['image_id'])
        self.cloud.wait_for_volume(volume)
        return image


class ImageOperations(ImageBasics):
    """Images for volumes that there are, and what goes wrong."""

    def test_image_onto_a_volume_with_data(self):
        image = self.create_image(self.make_image_file())
        volume = self.create_volume()
        with self.attached(volume) as device:
            self.write(device, 'before', 0, self.SIZE)

        self.volumes.post(
            '/volumes/%s/action' % volume.id, microversion='3.68',
            json={'os-reimage': {'image_id': image.id,
                                 'reimage_reserved': False}})

        self.cloud.wait_for_volume(volume)
        with self.attached(volume) as device:
            self.assert_written(device, 'image', 0)
            self.assert_zero(device, MIB, self.SIZE - 2 * MIB)
            self.assert_written(device, 'its end', self.SIZE - MIB)

    def test_image_that_does_not_fit(self):
        path = self.directory / 'image'
        with open(path, 'wb') as image_file:
            image_file.truncate(2 * MIB)
        image = self.create_image(path, min_disk=2)

        self.assertRaises(sdk_exceptions.BadRequestException,
                          self.volumes.create_volume, size=1,
                          image_id=image.id)

    def test_image_that_was_damaged(self):
        image = self.create_image(self.make_image_file())
        stored = self.stack.directory / 'glance' / 'images' / image.id
        self.write(stored, 'damage', 2 * MIB, 1)

        self.assertRaises(cloud.Failed, self.create_volume,
                          image_id=image.id)

        self.assertEqual([], self.control.status()['attachments'])
