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

import contextlib
import functools
import io
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import testtools

from tools import ci_totals

MIXED = '''
import unittest
class T(unittest.TestCase):
    def test_1(self):
        pass
    def test_2(self):
        pass
    def test_3(self):
        self.fail('')
    def test_4(self):
        self.skipTest('')
'''
GOOD = '''
import unittest
class T(unittest.TestCase):
    def test_1(self):
        pass
'''
CRASH = GOOD + '''
    def test_2(self):
        import os
        os._exit(1)
'''


@functools.cache
def _results(source):
    """What stestr leaves of a run of some tests, made once in a process.

    :param source: the tests
    :returns: the directory
    """
    temporary = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(temporary.cleanup)
    directory = pathlib.Path(temporary.name)
    tests = directory / 'tests'
    tests.mkdir()
    (tests / '__init__.py').touch()
    (tests / 'test_it.py').write_text(source)
    subprocess.run(
        [pathlib.Path(sys.prefix, 'bin', 'stestr'), '--repo-url', directory,
         '--test-path', './tests', '--top-dir', './', 'run', '--serial'],
        cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        check=False)
    return directory


class TotalsTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = pathlib.Path(directory.name)

    def environment(self, name, source=None):
        """Make what tox and stestr leave of an environment.

        :param name: the environment's
        :param source: the tests that it ran, none when None
        """
        directory = self.path / name
        if source is not None:
            shutil.copytree(_results(source), directory)
        else:
            directory.mkdir()
        (directory / 'bin').symlink_to(pathlib.Path(sys.prefix, 'bin'))

    def totals(self, environments):
        """Print the totals.

        :param environments: whether they passed, by name
        :returns: the exit status and the last line that was printed
        """
        status, printed = self.printed(environments)
        return status, printed.splitlines(keepends=True)[-1]

    def printed(self, environments):
        """Print the totals.

        :param environments: whether they passed, by name
        :returns: the exit status and all that was printed
        """
        result = self.path / 'result.json'
        result.write_text(json.dumps({'testenvs': {
            '.pkg': {'setup': []},
            **{name: {'result': {'success': passed}}
               for name, passed in environments.items()}}}))
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            status = ci_totals.main(result, self.path)
        return status, printed.getvalue()

    def test_tests_are_added_up(self):
        self.environment('pep8')
        self.environment('py3', GOOD)
        self.environment('cover', MIXED)
        self.assertEqual(
            (1, '3 passed, 1 failed, 1 skipped\n'),
            self.totals({'pep8': True, 'py3': True, 'cover': False}))

    def test_all_passed(self):
        self.environment('py3', GOOD)
        self.assertEqual((0, '1 passed, 0 failed, 0 skipped\n'),
                         self.printed({'py3': True}))

    def test_what_failed_is_named(self):
        self.environment('pep8')
        self.environment('cover', MIXED)
        self.assertEqual(
            (1, 'pep8: no failed test\ncover: tests.test_it.T.test_3\n'
                '2 passed, 2 failed, 1 skipped\n'),
            self.printed({'pep8': False, 'cover': False}))

    def test_an_environment_without_failed_tests_may_fail(self):
        self.environment('pep8')
        self.environment('py3', GOOD)
        self.assertEqual((1, '1 passed, 2 failed, 0 skipped\n'),
                         self.totals({'pep8': False, 'py3': False}))

    def test_a_crash_is_a_failure(self):
        self.environment('py3', CRASH)
        status, printed = self.totals({'py3': False})
        self.assertEqual(1, status)
        self.assertRegex(printed, r'^[01] passed, 1 failed, 0 skipped\n$')

    def test_no_test_is_not_a_success(self):
        self.environment('pep8')
        self.assertEqual((1, '0 passed, 0 failed, 0 skipped\n'),
                         self.totals({'pep8': True}))

    def test_no_result_is_a_failure(self):
        self.environment('py3', GOOD)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            self.assertEqual(1, ci_totals.main(self.path / 'none', self.path))
        self.assertEqual('1 passed, 1 failed, 0 skipped\n',
                         printed.getvalue())
