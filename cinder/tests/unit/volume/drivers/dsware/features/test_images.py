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

"""Volumes made from images that are volumes of the same cluster."""

from unittest import mock

import ddt
from oslo_config import cfg

from cinder import context
from cinder.db import api as db
from cinder.tests.unit import test
from cinder.tests.unit import utils
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.volume import configuration
from cinder.volume.drivers.dsware.features import images
from cinder.volume.drivers.san import san
from cinder.volume.flows.manager import create_volume

CONF = cfg.CONF
GIB = 1 << 30

OWNER = 'project of the image'
OTHER = 'project of somebody else'
SERVICE = 'project of a service'
IMAGE_ID = '00000000-0000-4000-9000-000000000001'
ONE = '00000000-0000-4000-9000-000000000011'
TWO = '00000000-0000-4000-9000-000000000022'


@ddt.ddt
class LocationTestCase(test.TestCase):

    @ddt.data(
        (f'cinder://{ONE}', [ONE]),
        (f'cinder://store/{ONE}', [ONE]),
        (f'cinder://my%20store/{ONE}', [ONE]),
        (None, []),
        ('', []),
        (ONE, []),
        ('cinder://', []),
        ('cinder:///', []),
        (f'cinder:///{ONE}', []),
        ('cinder://volume', []),
        ('cinder://store/../etc/passwd', []),
        (f'cinder://store/dir/{ONE}', []),
        (f'cinder://{ONE}?size=1', []),
        (f'cinder://{ONE}#1', []),
        (f'cinder://{ONE}\n', []),
        (f'rbd://fsid/pool/{ONE}/snap', []),
        (f'file:///images/{ONE}', []),
        (f'http://cinder://{ONE}', []))
    @ddt.unpack
    def test_one(self, url, ids):
        self.assertEqual(ids, images.image_volume_ids((url, None)))
        self.assertEqual(
            ids, images.image_volume_ids((None, [{'url': url}])))

    def test_several(self):
        self.assertEqual([TWO, ONE], images.image_volume_ids((
            f'cinder://{TWO}',
            [{'url': f'file:///{IMAGE_ID}', 'metadata': {}},
             {'url': f'cinder://{TWO}', 'metadata': {}},
             {'metadata': {}},
             {'url': f'cinder://store/{ONE}', 'metadata': {}}])))

    def test_none(self):
        for locations in (None, (), (None, None), (None, [])):
            self.assertEqual([], images.image_volume_ids(locations))


class ImageTestCase(base.DriverTestCase):

    def setUp(self):
        super().setUp()
        self.flags(allowed_direct_url_schemes=['cinder'])
        self.driver = self.make_started_driver()
        self.image = {'id': IMAGE_ID, 'owner': OWNER, 'size': GIB // 2,
                      'disk_format': 'raw', 'container_format': 'bare'}
        self.warning = self.patch(images.__name__ + '.LOG.warning')

    def make_image_volume(self, pool=0, on_cluster=True, **values):
        """Make a volume in Cinder's database and on the cluster."""
        made = utils.create_volume(self.context, **{
            'host': f'host@dsware#{pool}', 'project_id': OWNER,
            'volume_type_id': None, **values})
        if on_cluster:
            self.cluster.add_volume(made.name, made.size * base.GIB, pool,
                                    data='the image')
        return made

    def make_kept_volume(self, **values):
        """Make one that a service keeps for the image, as Glance does."""
        return self.make_image_volume(**{
            'project_id': SERVICE,
            'metadata': {'image_owner': OWNER, 'glance_image_id': IMAGE_ID,
                         'image_size': str(GIB // 2)},
            'admin_metadata': {'readonly': 'True'}, **values})

    def clone(self, *image_volumes, volume=None):
        self.volume = volume or self.make_volume(project_id=OWNER)
        locations = [{'url': f'cinder://{one.id}', 'metadata': {}}
                     for one in image_volumes]
        return self.driver.clone_image(
            self.context, self.volume, (None, locations), self.image, None)

    def assertCloned(self, *image_volumes, **values):
        self.assertEqual((None, True), self.clone(*image_volumes, **values))
        made = self.cluster.volumes[self.volume.name]
        self.assertEqual('the image', made['data'])
        self.assertEqual(self.volume.size * base.GIB, made['vol_size'])
        self.assertEqual({}, self.cluster.snapshots)
        self.assertFalse(self.warning.called)
        return made

    def assertNotCloned(self, message, *image_volumes, **values):
        """Check that nothing is made, and what is said about it.

        :param message: part of the warning; None when nothing is said
        """
        before = dict(self.cluster.volumes)
        self.assertEqual((None, False), self.clone(*image_volumes, **values))
        self.assertEqual(before, self.cluster.volumes)
        self.assertEqual({}, self.cluster.snapshots)
        if message is None:
            self.assertFalse(self.warning.called)
            return
        (text, args), _kwargs = self.warning.call_args
        self.assertIn(message, text % args)
        self.assertIn(IMAGE_ID, text % args)


@ddt.ddt
class CloneTestCase(ImageTestCase):

    def test_linked(self):
        source = self.make_image_volume()
        self.assertIn('.clone', self.assertCloned(source)['father_name'])

    def test_full(self):
        source = self.make_image_volume()
        volume = self.make_volume(specs={'dsware:clone': 'full'})
        self.assertEqual(
            '', self.assertCloned(source, volume=volume)['father_name'])

    def test_the_second_location(self):
        self.image['size'] = GIB
        small = self.make_image_volume(on_cluster=False)
        self.cluster.add_volume(small.name, base.GIB - 1)
        good = self.make_image_volume()
        self.assertEqual((None, True), self.clone(small, good))
        self.assertEqual(
            'the image', self.cluster.volumes[self.volume.name]['data'])

    def test_by_an_unprivileged_request(self):
        source = self.make_image_volume()
        self.context = context.RequestContext('user', OTHER)
        self.assertCloned(source)

    # Parts of what is said, which may be nothing; values of the image, of
    # its volume and of the new one.
    @ddt.data(
        # The bytes are not those of a disk that anybody may read.
        (None, {'disk_format': 'qcow2'}, {}, {}),
        (None, {'container_format': 'compressed'}, {}, {}),
        (None, {'container_format': None}, {}, {}),
        (None, {}, {}, {'encryption_key_id': ONE}),
        ('encrypted', {}, {'encryption_key_id': ONE}, {}),
        # Somebody may write to it.
        *((f'in status {status}', {}, {'status': status}, {}) for status in (
            'creating', 'error', 'deleting', 'in-use', 'attaching')),
        ('has 2 GiB and the new volume has 1', {}, {'size': 2}, {}),
        ('on the cluster there is', {'size': 2 * GIB}, {}, {}),
        *((host, {}, {'host': host}, {}) for host in (
            'host@other#0', 'other@dsware#0', 'host@dsware2#0', 'host#0')))
    @ddt.unpack
    def test_unfit(self, message, image, values, wanted):
        self.image.update(image)
        self.assertNotCloned(message, self.make_image_volume(**values),
                             volume=self.make_volume(**{
                                 'project_id': OWNER, **wanted}))

    def test_the_operator_has_not_allowed_it(self):
        self.flags(allowed_direct_url_schemes=['file'])
        self.assertNotCloned(None, self.make_image_volume())

    def test_unknown_to_cinder(self):
        self.assertNotCloned('could not be found',
                             self.make_volume(project_id=OWNER))

    @ddt.data('creating', 'error', 'deleting', 'maintenance')
    def test_read_only_and_not_usable(self, status):
        self.assertNotCloned(f'in status {status}',
                             self.make_kept_volume(status=status))

    @ddt.data('in-use', 'reserved', 'attaching', 'detaching', 'uploading')
    def test_glance_is_reading_it(self, status):
        self.assertCloned(self.make_kept_volume(status=status))

    @ddt.data({'status': 9}, {'vol_size': 2 * base.GIB},
              {'vol_size': base.GIB // 2 - 1})
    def test_another_one_on_the_cluster(self, difference):
        source = self.make_image_volume()
        self.cluster.volumes[source.name].update(difference)
        self.assertNotCloned('there is: Volume(', source)

    # -- which cluster -------------------------------------------------------

    def test_of_another_service_of_the_same_cinder_cluster(self):
        source = self.make_image_volume(host='other@dsware#0',
                                        cluster_name='cluster@dsware#0')
        self.assertNotCloned('other@dsware', source)
        self.warning.reset_mock()
        self.driver.cluster_name = 'others@dsware'
        self.driver.do_setup(None)
        self.assertNotCloned('other@dsware', source)
        self.warning.reset_mock()
        self.driver.cluster_name = 'cluster@dsware'
        self.driver.do_setup(None)
        self.assertCloned(source)

    def configure(self, section, address):
        self.patch('oslo_config.cfg.ConfigOpts.list_all_sections',
                   return_value=[section])
        configuration.Configuration(san.san_opts, config_group=section)
        CONF.set_override('san_ip', address, group=section)
        self.addCleanup(CONF.clear_override, 'san_ip', group=section)

    def test_another_backend_of_the_same_cluster(self):
        self.configure('other', '192.0.2.10')
        self.assertCloned(self.make_image_volume(host='host@other#0'))

    # The last is what a backend of another kind has.
    @ddt.data('192.0.2.11', '')
    def test_a_backend_of_another_cluster(self, address):
        self.configure('other', address)
        self.assertNotCloned('host@other#0',
                             self.make_image_volume(host='host@other#0'))

    # -- whose it is ---------------------------------------------------------

    def test_kept_for_the_owner_of_the_image(self):
        self.assertCloned(self.make_kept_volume())

    @ddt.data(
        {'project_id': OTHER, 'metadata': {}},
        {'metadata': {'image_owner': OTHER, 'glance_image_id': IMAGE_ID}},
        {'metadata': {'image_owner': OWNER, 'glance_image_id': ONE}},
        {'metadata': {'image_owner': OWNER}},
        {'metadata': {'glance_image_id': IMAGE_ID}},
        {'admin_metadata': {'readonly': 'False'}},
        {'admin_metadata': {'attached_mode': 'rw'}})
    def test_not_shown_to_be_the_images(self, values):
        self.assertNotCloned('nothing shows that it is kept for the image',
                             self.make_kept_volume(**values))

    @ddt.data(None, '')
    def test_an_image_without_an_owner(self, owner):
        self.image['owner'] = owner
        self.assertNotCloned(
            'nothing shows', self.make_kept_volume(
                project_id=owner, metadata={'image_owner': '',
                                            'glance_image_id': IMAGE_ID}))

    # -- failures ------------------------------------------------------------

    @ddt.data(50152401, 50152502, 50153012, 50150009, 50090153)
    def test_the_cluster_refuses(self, code):
        source = self.make_image_volume()
        self.cluster.fail('createVolumeFromSnap', 'result', code)
        self.assertNotCloned(str(code), source)


@ddt.ddt
class FlowTestCase(ImageTestCase):
    """With what Cinder does before and afterwards."""

    def setUp(self):
        super().setUp()
        self.task = create_volume.CreateVolumeFromSpecTask(
            mock.Mock(), db, self.driver)
        self.patch(create_volume.__name__ + '.CreateVolumeFromSpecTask.'
                   '_handle_bootable_volume_glance_meta')
        self.download = self.patch(
            create_volume.__name__ + '.CreateVolumeFromSpecTask.'
            '_create_from_image_cache_or_download')

    def create(self, source):
        self.volume = self.make_volume(project_id=OWNER)
        return self.task._create_from_image(
            self.context, self.volume, (f'cinder://{source.id}', None),
            IMAGE_ID, self.image, None)

    def test_a_clone_is_not_copied(self):
        self.create(self.make_image_volume(pool=1))
        self.assertFalse(self.download.called)
        self.assertIn(self.volume.name, self.cluster.volumes)

    @ddt.data({'project_id': OTHER}, {'encryption_key_id': ONE},
              {'status': 'in-use'})
    def test_cinder_does_not_clone_what_was_refused(self, values):
        source = self.make_image_volume(**values)
        self.create(source)
        self.assertTrue(self.download.called)
        self.assertEqual([source.name], list(self.cluster.volumes))
        self.assertNotIn('createSnapshot', self.cluster.ops())

    def test_a_clone_that_fails_is_not_tried_twice(self):
        source = self.make_image_volume()
        self.cluster.fail('createSnapshot', 'result', 50152502)
        self.create(source)
        self.assertEqual(1, self.cluster.ops().count('createSnapshot'))
        self.assertTrue(self.download.called)

    def test_other_volumes_may_be_cloned_from_it(self):
        source = self.make_image_volume(project_id=OTHER)
        self.create(source)
        self.driver.create_cloned_volume(self.make_volume(), source)
