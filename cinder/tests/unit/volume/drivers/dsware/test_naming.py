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

"""Which object on the cluster is Cinder's."""

import types

import ddt
import testtools

from cinder.volume.drivers.dsware import naming

THING = types.SimpleNamespace(id='the-id', name='the-name',
                              name_id='the-name-id', provider_id=None)


@ddt.ddt
class NamesTestCase(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.thing = types.SimpleNamespace(**vars(THING))

    def names(self):
        return (naming.volume_name(self.thing),
                naming.snapshot_name(self.thing))

    @ddt.data(None, '', 'legacy', '@', 'legacy@', 'legacy@other',
              '@the-id', '@the-name-id')
    def test_cinders_name(self, provider_id):
        self.thing.provider_id = provider_id
        self.assertEqual(('the-name', 'the-name'), self.names())

    def test_a_volume_that_was_taken_over(self):
        self.thing.provider_id = naming.volume_provider_id(self.thing,
                                                           'legacy')
        # A copy of a record has another id, and so is another volume.
        self.assertEqual(('legacy', 'the-name'), self.names())
        self.thing.name_id = 'other'
        self.assertEqual(('the-name', 'the-name'), self.names())

    def test_a_snapshot_that_was_taken_over(self):
        self.thing.provider_id = naming.snapshot_provider_id(self.thing,
                                                             'legacy')
        self.assertEqual(('the-name', 'legacy'), self.names())

    def test_one_that_has_cinders_name_already(self):
        self.assertIsNone(naming.volume_provider_id(self.thing,
                                                    'the-name'))
        self.assertIsNone(naming.snapshot_provider_id(self.thing,
                                                      'the-name'))

    def test_the_longest_names_fit_into_cinders_database(self):
        self.thing.name_id = self.thing.id = 'i' * 36
        for bind in (naming.volume_provider_id,
                     naming.snapshot_provider_id):
            self.assertLessEqual(len(bind(self.thing, 'n' * 95)), 255)

    def test_described(self):
        self.assertEqual('the-name', naming.described(self.thing))
        self.thing.provider_id = 'legacy@the-name-id'
        self.assertEqual('the-name (legacy on the cluster)',
                         naming.described(self.thing))

    def test_a_record_that_cinder_copied_is_put_right(self):
        self.assertIsNone(naming.for_new(self.thing))
        self.thing.provider_id = 'legacy@other'
        self.assertEqual({'provider_id': None},
                         naming.for_new(self.thing))
