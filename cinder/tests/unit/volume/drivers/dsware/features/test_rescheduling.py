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

"""Creations that fail, and what Cinder does next.

Cinder's own code decides whether another pool or backend makes the volume,
here one of the same cluster, and clears up after the first attempt when the
second one has ended.
"""

from unittest import mock

import ddt
from oslo_utils import excutils
from taskflow.types import failure

from cinder import exception
from cinder import objects
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.flows.manager import create_volume

FOR_EVER = 10 ** 9
# The ways to make a volume: the function, its source, the extra specs, and
# the operation that makes it.
WAYS = {
    'empty': ('create_volume', None, {}, 'createVolume'),
    'from_snapshot': ('create_volume_from_snapshot', 'snapshot', {},
                      'createVolumeFromSnap'),
    'cloned': ('create_cloned_volume', 'volume', {}, 'createVolumeFromSnap'),
    'copied': ('create_volume_from_snapshot', 'snapshot',
               {'dsware:clone': 'full'}, 'createVolume'),
}


class ReschedulingTestCase(base.DriverTestCase):

    def setUp(self):
        super().setUp()
        self.patch('cinder.objects.Volume.save')
        self.driver = self.make_started_driver()
        self.other = self.make_started_driver()
        source = self.stored_volume(data='data')
        snapshot = self.make_snapshot(source)
        self.driver.create_snapshot(snapshot)
        self.sources = {'volume': source, 'snapshot': snapshot}
        self.volume = self.make_volume(specs={}, launched_at=None,
                                       status='creating')
        self.second = None

    def make(self, way, *fails, before_next=lambda: None):
        """Let Cinder make a volume in pool 0.

        :param way: one of WAYS
        :param fails: how the operation fails, see FakeCluster.fail()
        :param before_next: called when the first attempt has failed
        """
        function, source, specs, op = WAYS[way]
        self.volume.volume_type.extra_specs = specs
        if fails:
            self.cluster.fail(op, *fails, times=FOR_EVER)
        args = [self.sources[source]] if source else []
        self.assertRaises(exception.CinderException, self.attempt,
                          function, args, before_next)

    def attempt(self, function, args, before_next):

        def again(context, handed_on, **kwargs):
            """Make it in another pool, while the first attempt clears up."""
            self.cluster.faults.clear()
            before_next()
            self.second = objects.Volume(self.context, **{
                key: handed_on[key] for key in (
                    'id', 'size', 'volume_type', 'volume_type_id',
                    'provider_id', '_name_id', 'use_quota')})
            self.second.host = 'host@other#1'
            getattr(self.other, function)(self.second, *args)

        try:
            getattr(self.driver, function)(self.volume, *args)
        except Exception:
            with excutils.save_and_reraise_exception():
                self.revert(again)

    def revert(self, again):
        """Do what Cinder's flow does when a creation has failed."""
        manager = mock.Mock(driver_delete_volume=self.driver.delete_volume)
        task = create_volume.OnFailureRescheduleTask(
            self.context, None, manager, mock.Mock(create_volume=again),
            do_reschedule=True)
        task.revert(context=self.context, result=None, volume=self.volume,
                    flow_failures={'create': failure.Failure()},
                    request_spec={}, filter_properties={})

    def check_error(self):
        """Check that it is in error, where its user can delete it."""
        self.assertIsNone(self.second)
        self.assertEqual(('error', 'host@dsware#0'),
                         (self.volume.status, self.volume.host))
        self.cluster.faults.clear()
        self.driver.delete_volume(self.volume)
        self.assertEqual([self.sources['volume'].name],
                         list(self.cluster.volumes))
        self.assertEqual([self.sources['snapshot'].name],
                         list(self.cluster.snapshots))

    def check_made_by_second(self):
        self.assertEqual({self.sources['volume'].name, self.volume.name},
                         set(self.cluster.volumes))
        self.assertEqual(
            1, self.cluster.volumes[self.volume.name]['pool_id'])


@ddt.ddt
class OutcomeTestCase(ReschedulingTestCase):

    @ddt.data(*WAYS)
    def test_refused(self, way):
        """What certainly was not made is made elsewhere, and stays."""
        self.make(way, 'result', 50150009)
        self.check_made_by_second()

    @ddt.data(*WAYS)
    def test_no_agent_can_be_reached(self, way):
        self.make(way, 'unsent')
        self.check_made_by_second()

    @ddt.data(*WAYS)
    def test_lost(self, way):
        self.make(way, 'lost')
        self.check_error()

    @ddt.data(*WAYS)
    def test_the_answer_is_lost_and_then_all_agents(self, way):
        self.cluster.fail('queryVolume', 'unsent', times=FOR_EVER)
        self.make(way, 'unanswered')
        self.assertIn(self.volume.name, self.cluster.volumes)
        self.check_error()

    @ddt.data(*WAYS)
    def test_a_request_that_is_carried_out_late(self, way):
        """A query finds nothing, and another attempt is refused."""
        self.cluster.fail(WAYS[way][-1], 'lost')
        self.make(way, 'result', 50150009)
        self.cluster.add_volume(self.volume.name)
        self.check_error()

    def test_what_was_made_cannot_be_removed(self):
        """A copy fails, and its volume stays for now."""
        self.cluster.copy_ends_as = 9
        self.cluster.fail('deleteVolume', 'unsent', times=FOR_EVER)
        self.make('copied')
        self.assertIn(self.volume.name, self.cluster.volumes)
        self.check_error()

    def test_a_deletion_that_is_carried_out_late(self):
        """It could delete what the next attempt makes."""
        self.cluster.copy_ends_as = 9
        self.cluster.fail('deleteVolume', 'lost')
        self.make('copied')
        self.assertNotIn(self.volume.name, self.cluster.volumes)
        self.check_error()

    def test_what_was_made_is_removed(self):
        self.cluster.copy_ends_as = 9
        self.cluster.fail('deleteVolume', 'unanswered')
        self.make('copied', before_next=lambda: setattr(
            self.cluster, 'copy_ends_as', 0))
        self.check_made_by_second()

    def test_a_copy_that_may_begin_late(self):
        """It could overwrite what the next attempt makes."""
        self.cluster.fail('createFullVolumeFromSnap', 'lost')
        self.cluster.fail('createVolume', 'result', 50150009, skip=1)
        self.make('copied')
        self.check_error()

    @ddt.data(*WAYS)
    def test_a_volume_that_is_there_is_never_adopted(self, way):
        self.cluster.add_volume(self.volume.name, data='theirs')
        self.make(way)
        self.assertEqual(
            ('theirs', 0), (self.cluster.volumes[self.volume.name]['data'],
                            self.cluster.volumes[self.volume.name]['pool_id']))


class ImageTestCase(ReschedulingTestCase):
    """Cinder tries several ways to make a volume from an image."""

    def in_doubt(self, function, *args):
        error = self.assertRaises(exceptions.CreationInDoubt, function,
                                  self.volume, *args)
        self.assertIsInstance(error, exception.VolumeBackendAPIException)
        self.assertIn('Deleting it removes what was made', str(error))

    def test_no_other_way_after_a_doubt(self):
        self.cluster.fail('createVolumeFromSnap', 'lost', times=FOR_EVER)
        self.in_doubt(self.driver.create_cloned_volume,
                      self.sources['volume'])
        self.cluster.requests.clear()
        self.in_doubt(self.driver.create_volume)
        self.in_doubt(self.driver.extend_volume, 2)
        self.assertEqual([], self.cluster.ops())

    def test_a_volume_that_cannot_get_its_size(self):
        """It is there, and the image is in it."""
        self.driver.create_volume(self.volume)
        self.cluster.fail('expandVolume', 'result', 50150009)
        self.in_doubt(self.driver.extend_volume, 2)
