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

"""What a dead service was taking over, with Cinder's own database."""

import ddt

from cinder import objects
from cinder.tests.unit import utils
from cinder.tests.unit.volume.drivers.dsware import test_interrupted_changes
from cinder.volume.drivers.dsware import interrupted_managing
from cinder.volume.drivers.dsware import translation

NAME = 'legacy'


@ddt.ddt
class VolumeTestCase(test_interrupted_changes.ChangesTestCase):

    kind = interrupted_managing.Volumes

    def make_taking(self, status='creating', **values):
        volume = self.make(status, **values)
        del self.cluster.volumes[volume.name]
        self.cluster.volumes[NAME] = self.record
        volume.provider_id = translation.volume_provider_id(volume, NAME)
        volume.save()
        return volume

    def assert_given_back(self, volume):
        found = objects.Volume.get_by_id(self.context, volume.id)
        self.assertEqual(('error_managing', None),
                         (found.status, found.provider_id))
        self.assertIn(NAME, self.cluster.volumes)

    def test_nothing(self):
        self.make('creating')
        # What Cinder has copied from another volume binds nothing.
        copied = self.make('creating')
        copied.provider_id = self.make_taking('available').provider_id
        copied.save()
        self.make_taking(host='other@dsware#0')
        self.assertFalse(self.settle())

    def test_it_is_given_back(self):
        volume = self.make_taking()
        with self.assertLogs(interrupted_managing.LOG.logger,
                             'WARNING') as logs:
            self.assertTrue(self.settle())
        self.assert_given_back(volume)
        self.assertIn(NAME, logs.output[0])

    def test_its_limits_are_taken_away(self):
        volume = self.make_taking()
        self.dsware._array.limit(NAME, {'maxIOPS': 10})
        self.assertEqual([NAME + '.qos'], list(self.cluster.qos))
        self.settle()
        self.assert_given_back(volume)
        self.assertEqual({}, self.cluster.qos)

    def test_it_was_reset_meanwhile(self):
        volume = self.make_taking('available')
        kind = self.kind(self.dsware, self.dsware._array, self.context)
        self.assertTrue(kind.settle(volume.id))
        self.assert_status('available', volume)


class SnapshotTestCase(test_interrupted_changes.ChangesTestCase):

    kind = interrupted_managing.Snapshots

    def make_taking(self, status='creating', **values):
        volume = self.make('available', **values)
        made = utils.create_snapshot(self.context, volume.id, status=status)
        made.provider_id = translation.snapshot_provider_id(made, NAME)
        made.save()
        self.cluster.add_snapshot(NAME, volume.name)
        return made

    def test_nothing(self):
        self.make_taking('available')
        self.make_taking(host='other@dsware#0')
        utils.create_snapshot(self.context, self.make('available').id,
                              status='creating')
        self.assertFalse(self.settle())

    def test_it_is_given_back(self):
        snapshot = self.make_taking()
        self.assertTrue(self.settle())
        found = objects.Snapshot.get_by_id(self.context, snapshot.id)
        self.assertEqual(('error', None), (found.status, found.provider_id))
        self.assertIn(NAME, self.cluster.snapshots)
