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

"""What the driver makes of os-brick's table of result codes."""

from unittest import mock

import testtools

from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import result_codes
from os_brick_dsware import result_codes as published

CODES = {0: ('OK', 'ok', 'done'),
         1: ('IN_USE', 'busy', 'somebody has it'),
         2: ('STRANGE', 'in a class of its own', 'something else')}


@mock.patch.object(result_codes, 'RESULT_CODES', CODES)
class ResultCodesTestCase(testtools.TestCase):

    def test_classify(self):
        for changes in (True, False):
            self.assertEqual(
                ['ok', 'busy'],
                [result_codes.classify(code, changes) for code in (0, 1)])

    def test_describe(self):
        self.assertEqual('IN_USE: somebody has it', result_codes.describe(1))

    def test_a_class_of_a_later_os_brick(self):
        for changes in (True, False):
            error = exceptions.from_result('op', 'name', 2, '', 'e', changes)
            self.assertIs(exceptions.OutcomeUnknown, type(error))
            self.assertIn('(STRANGE: something else)', str(error))

    def test_a_code_that_is_not_published(self):
        self.assertEqual(published.UNKNOWN,
                         result_codes.classify(7, True))
        self.assertEqual(published.RETRY,
                         result_codes.classify(7, False))
        self.assertIn('not in the published table',
                      result_codes.describe(7))


class PublishedTestCase(testtools.TestCase):

    def test_constants_are_the_codes_of_their_names(self):
        constants = {name: value for name, value
                     in vars(result_codes).items()
                     if name.isupper() and isinstance(value, int)}
        self.assertIn('OK', constants)
        for name, value in constants.items():
            self.assertEqual(name, published.CODES[value][0])
