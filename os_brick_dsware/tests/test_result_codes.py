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

"""The table of result codes against the published ones."""

import re

import testtools

from os_brick_dsware import result_codes


class ResultCodesTestCase(testtools.TestCase):

    def test_classes(self):
        kinds = {kind for _name, kind, _meaning
                 in result_codes.CODES.values()}
        self.assertEqual(set(re.findall(r'(?m)^([a-z]+)  +[a-z]',
                                        result_codes.__doc__)), kinds)
        named = {value for name, value in vars(result_codes).items()
                 if name.isupper() and isinstance(value, str)}
        self.assertLessEqual(named, kinds)

    def test_describe(self):
        self.assertEqual('50150005 VOLUME_NOT_EXIST (no such volume)',
                         result_codes.describe(50150005))
        self.assertEqual('1 (a code that is not known)',
                         result_codes.describe(1))
