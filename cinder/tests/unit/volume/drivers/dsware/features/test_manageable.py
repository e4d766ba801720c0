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


"""One page of a listing, against Cinder's own way to make one."""

import json
import random
import types

import ddt
import hypothesis
from hypothesis import strategies as st
import testtools

from cinder import exception
from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware.features import manageable
from cinder.volume import volume_utils

KEYS = (['reference'], ['size'], ['size', 'reference'],
        ['reference', 'size'])
DIRS = st.lists(st.sampled_from(['asc', 'desc']), min_size=2, max_size=2)


def make(name, size=1024):
    return types.SimpleNamespace(name=name, size=size)


def records(items):
    for item in items:
        yield {'the_name': item.name, 'the_size': str(item.size)}


def in_cinders_way(items, marker, limit, offset, keys, dirs):
    entries = [{'reference': {'source-name': item.name},
                'size': manageable.whole_gib(item.size)}
               for item in sorted(items, key=lambda item: item.name)]
    return [entry['reference']['source-name']
            for entry in volume_utils.paginate_entries_list(
                entries, marker, limit, offset, keys, dirs)]


@ddt.ddt
class PageTestCase(testtools.TestCase):

    def names(self, items, *page):
        found = {item.name: item for item in items}
        return [record['the_name'] for record in manageable.Page(
            *page).choose(records(items), 'the_name', 'the_size', found.get)]

    @fakes.HYPOTHESIS
    @hypothesis.given(
        st.dictionaries(st.sampled_from('abcdefghij'),
                        st.integers(1, 5 * 1024), min_size=1),
        st.booleans(), st.integers(0, 12), st.integers(0, 12),
        st.sampled_from(KEYS), DIRS, st.randoms(use_true_random=False))
    def test_the_page_is_cinders(self, sizes, marked, limit, offset, keys,
                                 dirs, chance):
        dirs = dirs[:len(keys)]
        items = [make(name, size) for name, size in sizes.items()]
        marker = None
        if marked:
            marker = json.dumps(
                {'source-name': chance.choice(sorted(sizes))})
        page = (marker, limit, offset, keys, dirs)
        self.assertEqual(in_cinders_way(items, *page),
                         self.names(items, *page))

    def test_all_of_it(self):
        items = [make(str(n)) for n in random.sample(range(10, 99), 40)]
        names = sorted(item.name for item in items)
        self.assertEqual(names, self.names(items, None, None, None, [], []))
        self.assertEqual(names[3:], self.names(items, None, None, 3, None,
                                               None))
        self.assertEqual(names[::-1], self.names(
            items, None, None, 0, ['reference'], ['desc']))

    def test_deep_pages_are_the_same(self):
        items = [make(str(n), n) for n in random.sample(range(9000), 9000)]
        found = [self.names(items, None, limit, 0, ['size', 'reference'],
                            ['desc', 'asc']) for limit in (100, 8000)]
        self.assertEqual(found[0], found[1][:100])
        self.assertEqual(8000, len(set(found[1])))

    def test_a_deep_page_with_a_value_that_cannot_be_packed(self):
        items = [make('a'), make('b\0c')]
        error = self.assertRaises(ValueError, self.names, items, None, None,
                                  0, ['reference'], ['asc'])
        self.assertIn('null character', str(error))

    @ddt.data('no JSON', '[]', '1', '{"source-id": "1"}', {'name': 'x'},
              '{"source-name": 5}', '{"source-name": null}',
              {'source-name': ''}, {'source-name': ['a']})
    def test_what_is_no_marker(self, marker):
        self.assertRaises(exception.InvalidInput, manageable.Page, marker,
                          1, 0, ['reference'], ['asc'])

    def test_a_marker_that_is_not_there(self):
        error = self.assertRaises(
            exception.InvalidInput, self.names, [make('a')],
            {'source-name': 'b'}, 1, 0, ['reference'], ['asc'])
        self.assertIn('marker not found: b', str(error))

    def test_a_marker_that_no_cluster_can_be_asked_for(self):
        items = [make(name) for name in ('a', 'b c', 'd')]
        for order, expected in (('asc', ['d']), ('desc', ['a'])):
            self.assertEqual(expected, self.names(
                items, {'source-name': 'b c'}, 1, 0, ['reference'], [order]))

    @ddt.data((1, 1), (1024, 1), (1025, 2), (1536, 2), (2048, 2))
    @ddt.unpack
    def test_sizes_are_rounded_up(self, mib, gib):
        self.assertEqual(gib, manageable.whole_gib(mib))

    @ddt.data(None, 'name', {}, {'source-name': ''}, {'source-name': 1},
              {'source-id': 'x'}, ['source-name'])
    def test_what_is_no_reference(self, reference):
        error = self.assertRaises(
            exception.ManageExistingInvalidReference, manageable.name_in,
            reference, 'volume')
        self.assertIn('source-name, the name of the volume', str(error))
