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

"""Waiting for a condition."""

import testtools

from os_brick_dsware import waiting


class WaitingTestCase(testtools.TestCase):

    def test_until(self):
        answers = [None, '', 0, 'yes', 'never asked']
        self.assertEqual('yes', waiting.until(lambda: answers.pop(0), 60))
        self.assertEqual(['never asked'], answers)

    def test_asks_at_least_once(self):
        self.assertEqual('yes', waiting.until(lambda: 'yes', 0))
        self.assertFalse(waiting.until(lambda: False, 0))

    def test_gives_up(self):
        self.assertEqual([], waiting.until(list, 0.1))
