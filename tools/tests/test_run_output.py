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

import testtools

from tools import run_output

STESTR = '''{0} tests.test_it.T.test_1 [0.000222s] ... ok
{1} tests.test_it.T.test_2 [0.000126s] ... SKIPPED: for a reason

tests.test_it.T.test_3
----------------------

Captured traceback:
~~~~~~~~~~~~~~~~~~~
    AssertionError: it is not ok

{0} tests.test_it.T.test_3 [0.000330s] ... FAILED

======
Totals
======
Ran: 3 tests in 0.0100 sec.
 - Passed: 1
 - Skipped: 1
 - Expected Fail: 0
 - Unexpected Success: 0
 - Failed: 1
'''
COVERAGE = '''Name      Stmts   Miss  Cover   Missing
driver.py    10      1  90.0%   7
TOTAL      7000    210  97.0%
'''


class RunOutputTestCase(testtools.TestCase):

    def test_tests_are_counted(self):
        self.assertEqual(
            'cover: FAILED, tests: 1 passed, 1 failed, 1 skipped, 2 min 05 s',
            run_output.end('cover', False, STESTR, 125.2))

    def test_tests_of_all_commands_are_counted(self):
        self.assertIn('tests: 2 passed, 2 failed, 2 skipped',
                      run_output.end('py3', False, STESTR + STESTR, 1))

    def test_an_environment_without_tests(self):
        self.assertEqual('pep8: passed, 0 min 59 s',
                         run_output.end('pep8', True, 'no line\n', 59.4))

    def test_coverage_is_told(self):
        self.assertEqual('cover: passed, coverage: 97.0%, 1 min 00 s',
                         run_output.end('cover', True, COVERAGE, 59.6))

    def test_failures_that_are_repeated_are_told_once(self):
        repeated = 'Failed 1 tests - output below:\ntest_3\nTotals\n'
        self.assertEqual(repeated, run_output.failures(STESTR + repeated))

    def test_failures_are_told_in_full(self):
        text = run_output.failures('a warning\n' + STESTR)
        self.assertNotIn('... ok', text)
        self.assertNotIn('a reason', text)
        self.assertIn('a warning\n', text)
        self.assertIn('test_3 [0.000330s] ... FAILED', text)
        self.assertIn('AssertionError: it is not ok\n', text)
        self.assertIn('Failed: 1', text)
