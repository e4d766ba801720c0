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

"""Images that are volumes: clones, the image-volume cache, uploads."""

import contextlib

from functional.services import cloud
from functional.tests import base

GIB = base.GIB
MIB = base.MIB
# SNAPSHOT_BEYOND_MAX: the source can have no more clones.
LIMIT = 50152502


class ImageVolumeOperations(object):
    """With image_volume_cache_enabled and image_upload_use_cinder_backend.

    The cache holds one image.
    """

    SIZE = 8 * MIB

    def setUp(self):
        super().setUp()
        self.type = self.default_type()

    def default_type(self):
        """Let Cinder's default volume type have its volumes in one pool.

        The cache has an image for each pool. Glance knows volumes of the
        default type as images of its store of volumes.

        :returns: the type's name
        """
        default = self.volumes.find_type('__DEFAULT__')
        self.volumes.update_type_extra_specs(
            default, volume_backend_name=self.backend, pool_name='0')
        self.addCleanup(self.volumes.delete_type_extra_specs, default,
                        ['volume_backend_name', 'pool_name'])
        return default.name

    def in_pool(self, pool):
        return self.volume_type('%s-in-pool-%s' % (self.backend, pool),
                                pool_name=pool)

    def create_volume(self, size=1, **attributes):
        attributes.setdefault('volume_type', self.type)
        return super().create_volume(size, **attributes)

    def make_image(self, seed):
        """Make an image whose second MiB is data.

        :param seed: text that chooses the data
        :returns: the image
        """
        path = self.directory / seed
        with open(path, 'wb') as image_file:
            image_file.truncate(self.SIZE)
        self.write(path, seed, MIB)
        image = self.create_image(path)
        # After the volumes that are made from it.
        self.addCleanup(self.delete_image_volumes, image.id)
        return image

    def image_volumes(self, image_id):
        """The volumes that hold an image, whoever owns them."""
        name = 'image-' + image_id
        return [volume for volume in self.volumes.volumes(
            all_projects=True, name=name) if volume.name == name]

    def delete_image_volumes(self, image_id):
        for volume in self.image_volumes(image_id):
            if volume.status == 'deleting':
                self.cloud.wait_until_deleted(volume)
            else:
                self.cloud.delete_volume(volume)

    def upload(self, volume):
        """Upload a volume, which Cinder does by cloning it.

        :param volume: the volume
        :returns: the image
        """
        answer = self.volumes.upload_volume_to_image(
            volume, self.id(), disk_format='raw', container_format='bare')
        image_id = answer['image_id']
        self.addCleanup(self.delete_image_volumes, image_id)
        self.addCleanup(self.delete_image, image_id)
        self.cloud.wait_for_volume(volume)
        return self.cloud.wait_for_image(image_id)

    def delete_image(self, image_id):
        if self.images.find_image(image_id):
            self.images.delete_image(image_id)

    @contextlib.contextmanager
    def made_by_cloning(self, linked, full):
        """Check that the cluster makes what a with statement makes.

        :param linked: how many linked clones are made
        :param full: how many full ones
        """
        ops = ('attachVolume', 'createVolumeFromSnap',
               'createFullVolumeFromSnap')
        before = self.control.counts()
        yield
        after = self.control.counts()
        self.assertEqual([0, linked, full],
                         [after.get(op, 0) - before.get(op, 0)
                          for op in ops])

    def assert_holds(self, volume, seed, gib=1):
        """Check what is in a volume.

        :param volume: the volume
        :param seed: text that chose its data
        :param gib: its size
        """
        with self.attached(volume) as path:
            self.assert_device_size(path, gib)
            self.assert_zero(path, 0)
            self.assert_written(path, seed, MIB)
            self.assert_zero(path, 2 * MIB)

    # -- the image-volume cache ---------------------------------------------

    def test_cached_image(self):
        image = self.make_image('cached')
        first = self.create_volume(image_id=image.id)
        (entry,) = self.image_volumes(image.id)

        with self.made_by_cloning(*self.one_clone):
            second = self.create_volume(2, image_id=image.id)

        self.cloud.delete_volume(first)
        self.assert_holds(second, 'cached', 2)
        self.limit_is_reached(image, entry)
        self.another_image_takes_the_place(image)

    def limit_is_reached(self, image, entry):
        """Cinder makes a new entry when the old one has all its clones.

        It deletes the old entry and has the volume scheduled again, for
        which no pool is left here that was not tried.
        """
        self.control.add_fault(kind='result', op='createSnapshot',
                               code=LIMIT, count=1)
        self.assertRaises(cloud.Failed, self.create_volume,
                          image_id=image.id)
        self.cloud.wait_until_deleted(entry)
        self.assertIsNone(self.volume_on_cluster(entry))

        third = self.create_volume(image_id=image.id)

        (renewed,) = self.image_volumes(image.id)
        self.assertIsNotNone(self.volume_on_cluster(renewed))
        self.assert_holds(third, 'cached')

    def another_image_takes_the_place(self, image):
        """What is evicted from the cache is deleted from the cluster."""
        (entry,) = self.image_volumes(image.id)
        other = self.make_image('other')

        volume = self.create_volume(image_id=other.id)

        self.cloud.wait_until_deleted(entry)
        self.assertIsNone(self.volume_on_cluster(entry))
        self.assertEqual(1, len(self.image_volumes(other.id)))
        self.assert_holds(volume, 'other')

    # -- images in volumes ----------------------------------------------------

    def uploaded(self):
        """An image that is a volume of this backend.

        :returns: the image
        """
        volume = self.create_volume()
        with self.attached(volume) as path:
            self.write(path, 'uploaded', MIB)
        with self.made_by_cloning(*self.one_clone):
            image = self.upload(volume)
        self.cloud.delete_volume(volume)
        return image

    def test_image_in_a_volume(self):
        image = self.uploaded()
        (image_volume,) = self.image_volumes(image.id)
        self.assertEqual(
            'cinder://volumes/' + image_volume.id,
            self.images.get_image(image.id).direct_url)

        with self.made_by_cloning(*self.one_clone):
            clone = self.create_volume(2, image_id=image.id)
        with self.made_by_cloning(linked=0, full=1):
            elsewhere = self.create_volume(
                image_id=image.id, volume_type=self.in_pool('1'))

        self.assert_holds(clone, 'uploaded', 2)
        self.assert_holds(elsewhere, 'uploaded')
        self.images.delete_image(image.id)
        self.cloud.wait_until_deleted(image_volume)


class OtherOwners(object):
    """Images of another backend, and of another user."""

    def test_image_of_another_backend_of_the_cluster(self):
        image = self.uploaded()
        self.backend = self.other_backend

        with self.made_by_cloning(*reversed(self.one_clone)):
            clone = self.create_volume(image_id=image.id,
                                       volume_type=self.in_pool('0'))

        self.assertIn('@%s#' % self.other_backend, clone.host)
        self.assert_holds(clone, 'uploaded')

    def test_location_that_names_a_volume_of_somebody_else(self):
        theirs = self.create_volume()
        with self.attached(theirs) as path:
            self.write(path, 'secret', MIB)
        image = self.images.create_image(
            self.id(), disk_format='raw', container_format='bare',
            owner='somebody')
        self.addCleanup(self.delete_image, image.id)
        self.add_location(image, 'cinder://volumes/' + theirs.id)
        somebody = cloud.Cloud(cloud.connect(
            self.stack.cinder.url, self.stack.glance.url,
            token='somebody:somebody'))

        with self.made_by_cloning(linked=0, full=0):
            made = somebody.volumes.create_volume(
                size=1, volume_type=self.type, image_id=image.id)
            self.addCleanup(self.cloud.delete_volume, made)
            # Glance of these tests has no connector, so it cannot send what
            # is in the volume, either.
            self.assertRaises(cloud.Failed, somebody.wait_for_volume, made)

        self.take_from_glance(theirs)
        # Glance, which may do all here, deletes what an image is said to be
        # stored in.
        self.images.delete_image(image)
        self.cloud.wait_until_deleted(theirs)

    def add_location(self, image, url):
        change = {'op': 'add', 'path': '/locations/-', 'value': {
            'url': url, 'metadata': {'store': 'volumes'}}}
        answer = self.images.patch(
            '/images/' + image.id, json=[change], headers={
                'Content-Type':
                    'application/openstack-images-v2.1-json-patch'})
        self.assertEqual(200, answer.status_code, answer.text)

    def take_from_glance(self, volume):
        """End what Glance began when it could not attach a volume."""
        for attachment in self.volumes.attachments():
            if attachment.volume_id == volume.id:
                self.volumes.delete_attachment(attachment)
        self.cloud.wait_for_volume(volume)


class SocketTest(OtherOwners, ImageVolumeOperations,
                 base.FunctionalTestCase):
    """Linked clones, over sockets."""

    backend = 'images'
    other_backend = 'images-cli'
    one_clone = (1, 0)


class CLITest(ImageVolumeOperations, base.FunctionalTestCase):
    """Full clones, with fsc_cli."""

    backend = 'images-cli'
    one_clone = (0, 1)
