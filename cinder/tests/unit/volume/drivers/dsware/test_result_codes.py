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

"""The driver's table of result codes against the published ones."""

import csv
from importlib import resources

import testtools

from cinder.volume.drivers.dsware import result_codes

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
            [(code.code, code.name, code.result_class.value, code.meaning)
             for code in result_codes.RESULT_CODES.values()])

    def test_constants_are_the_codes_of_their_names(self):
        by_name = {row['name']: int(row['code']) for row in self.rows}
        constants = {name: value for name, value
                     in vars(result_codes).items()
                     if name.isupper() and isinstance(value, int)}
        self.assertIn('OK', constants)
        for name, value in constants.items():
            self.assertEqual(by_name[name], value, name)

    def test_classify(self):
        for row in self.rows:
            for changes in (True, False):
                self.assertEqual(
                    row['class'],
                    result_codes.classify(int(row['code']), changes).value)

    def test_a_code_that_is_not_published(self):
        self.assertEqual(result_codes.ResultClass.UNKNOWN,
                         result_codes.classify(7, True))
        self.assertEqual(result_codes.ResultClass.RETRY,
                         result_codes.classify(7, False))
        self.assertIn('not in the published table',
                      result_codes.describe(7))
