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

"""What the environments in tox.ini choose by name is there."""

import configparser
import pathlib
import re

import testtools

_TOP = pathlib.Path(__file__).resolve().parent.parent.parent
_TESTS = ('cinder/tests', 'dsware_doctor', 'dsware_sim', 'os_brick_dsware')
# What stands for one or several modules in a regular expression.
_NAMES = re.compile(r'\b(test_\w+)|\btest_\(([^)]*)\)')


class EnvironmentsTestCase(testtools.TestCase):

    def test_modules_that_are_chosen_exist(self):
        tox = configparser.RawConfigParser()
        tox.read(_TOP / 'tox.ini')
        modules = {path.stem for top in _TESTS
                   for path in (_TOP / top).rglob('test_*.py')}
        for option in ('under_eventlet', 'with_oldest', 'slow',
                       'beside_cover'):
            chosen = {one or 'test_' + name
                      for one, names in _NAMES.findall(tox['testenv'][option])
                      for name in names.split('|')}
            self.assertLess(3, len(chosen))
            self.assertEqual(set(), chosen - modules, option)
