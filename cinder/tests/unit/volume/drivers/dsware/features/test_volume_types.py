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

"""What a volume's type asks for."""

import ddt
import testtools

from cinder import exception
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.volume.drivers.dsware.features import volume_types


class Thing:
    """A volume, as far as its type goes."""

    use_quota = True

    def __init__(self, specs=None, typed=True):
        self.volume_type = self if typed else None
        self.extra_specs = specs


@ddt.ddt
class WishesTestCase(testtools.TestCase):

    def wishes(self, volume, **overrides):
        return volume_types.wishes(volume,
                                   base.make_configuration(**overrides))

    @ddt.data(Thing(typed=False), Thing(None), Thing({}),
              Thing({'capabilities:x': 'y', 'multiattach': '<is> True'}))
    def test_defaults(self, volume):
        self.assertEqual(volume_types.Wishes(thin=True, full_clone=False),
                         self.wishes(volume))

    @ddt.data((True, 'linked', True, False), (True, 'full', True, True),
              (False, 'linked', False, True), (False, 'full', False, True))
    @ddt.unpack
    def test_options(self, thin_option, clone, thin, full):
        self.assertEqual(
            volume_types.Wishes(thin, full),
            self.wishes(Thing(typed=False), san_thin_provision=thin_option,
                        dsware_clone=clone))

    @ddt.data(({'provisioning:type': 'thick'}, False, True),
              ({'provisioning:type': 'thin'}, True, False),
              ({'dsware:clone': 'full'}, True, True),
              ({'dsware:clone': 'linked'}, True, False),
              ({'provisioning:type': 'thin', 'dsware:clone': 'linked'},
               True, False),
              ({'provisioning:type': 'thick', 'dsware:clone': 'full'},
               False, True))
    @ddt.unpack
    def test_a_type_overrides_the_options(self, specs, thin, full):
        self.assertEqual(volume_types.Wishes(thin, full),
                         self.wishes(Thing(specs)))
        self.assertEqual(
            thin, self.wishes(Thing(specs), san_thin_provision=thin).thin)

    @ddt.data(('dsware:clone', 'Full'), ('dsware:clone', ''),
              ('provisioning:type', 'thinn'), ('provisioning:type', None))
    @ddt.unpack
    def test_unknown_values(self, key, value):
        error = self.assertRaises(exception.InvalidInput, self.wishes,
                                  Thing({key: value}))
        self.assertIn(key, str(error))
        self.assertIn(str(value), str(error))
        self.assertRegex(str(error), 'thin|linked')

    @ddt.data(True, False)
    def test_a_contradiction(self, thin):
        """Whatever the backend's own options are."""
        error = self.assertRaises(
            exception.InvalidInput, self.wishes,
            Thing({'provisioning:type': 'thick', 'dsware:clone': 'linked'}),
            san_thin_provision=thin)
        self.assertIn('provisioning:type = thick', str(error))
        self.assertIn('dsware:clone = linked', str(error))

    @ddt.data('dsware:clones', 'dsware:', 'dsware:thin')
    def test_unknown_keys(self, key):
        error = self.assertRaises(exception.InvalidInput, self.wishes,
                                  Thing({key: 'full'}))
        self.assertIn(key, str(error))
        self.assertIn('dsware:clone', str(error))
