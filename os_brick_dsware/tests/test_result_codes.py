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

import csv
from importlib import resources

import testtools

from os_brick_dsware import result_codes

CSV = resources.files(__package__).joinpath('result_codes.csv')


class ResultCodesTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        with CSV.open(newline='') as file:
            self.rows = list(csv.DictReader(file))

    def test_the_table_is_what_is_published(self):
        self.assertGreater(len(self.rows), 60)
        self.assertEqual(
            [(int(row['code']), row['name'], row['class'], row['meaning'])
             for row in self.rows],
            [(code, *known) for code, known in result_codes.CODES.items()])

    def test_classes_are_those_that_the_module_names(self):
        named = {value for name, value in vars(result_codes).items()
                 if name.isupper() and isinstance(value, str)}
        self.assertEqual(named, {row['class'] for row in self.rows})
