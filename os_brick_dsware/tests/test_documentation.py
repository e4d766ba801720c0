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

"""The documentation names tests that there are."""

import ast
import pathlib
import re
import unittest

import testtools

ROOT = pathlib.Path(__file__).parents[2]
PAGE = ROOT / 'doc/source/contributor/sharing.rst'
_NAME = re.compile(r'``((?:dsware_doctor|functional|os_brick_dsware)\.tests'
                   r'\.\w+)\.(\w+)\.(test_\w+)``')


def _tests(module: str) -> set[tuple[str, str]]:
    """List a module's tests without importing it.

    :param module: its name
    :returns: pairs of class and method
    """
    path = ROOT / (module.replace('.', '/') + '.py')
    return {(made.name, method.name)
            for made in ast.parse(path.read_text()).body
            if isinstance(made, ast.ClassDef)
            for method in made.body if isinstance(method, ast.FunctionDef)}


@unittest.skipUnless(PAGE.exists(), 'not run from the source tree')
class SharingPageTestCase(testtools.TestCase):

    def test_named_tests_are_there(self):
        text = PAGE.read_text()
        found = _NAME.findall(text)
        self.assertEqual(len(re.findall(r'\.test_\w+``', text)), len(found))
        for module, made, method in found:
            self.assertIn((made, method), _tests(module), module)

    def test_every_case_has_one(self):
        rows = PAGE.read_text().split('   * - ')[2:]
        self.assertLess(20, len(rows))
        for row in rows:
            self.assertTrue(_NAME.search(row), row)
