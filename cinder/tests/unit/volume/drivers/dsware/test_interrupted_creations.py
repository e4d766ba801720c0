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

"""Volumes that a dead service was making, with Cinder's own database."""

import ddt

from cinder.db import api as db
from cinder.tests.unit.volume.drivers.dsware import test_interrupted_changes
from cinder.volume.drivers.dsware import interrupted_creations


@ddt.ddt
class CreationTestCase(test_interrupted_changes.ChangesTestCase):

    kind = interrupted_creations.Creations

    @ddt.data({'status': 'available'}, {'status': 'downloading'},
              {'host': 'other@dsware#0'}, {'migration_status': 'target:x'},
              {'group_id': '00000000-0000-4000-8000-00000000000e'})
    def test_nothing(self, values):
        self.make(**{'status': 'creating', **values})
        self.assertFalse(self.settle())

    def test_taken_over(self):
        volume = self.make('creating')
        volume.size = 0
        volume.save()
        self.assertFalse(self.settle())

    def test_there_is_no_worker(self):
        volume = self.make('creating')
        self.assertTrue(self.settle())
        self.assert_status('error', volume)

    @ddt.data(('creating', 'creating'), ('downloading', 'error'))
    @ddt.unpack
    def test_a_worker_is_left(self, noted, expected):
        volume = self.make('creating')
        db.worker_create(self.context, resource_type='Volume',
                         resource_id=volume.id, status=noted)
        self.settle()
        self.assert_status(expected, volume)

    def test_it_is_done_meanwhile(self):
        volume = self.make('creating')
        kind = self.kind(self.dsware, self.dsware._array, self.context)
        self.assertEqual([volume.id], list(kind.find()))
        volume.status = 'available'
        volume.save()
        self.assertTrue(kind.settle(volume.id))
        self.assert_status('available', volume)
