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
import io
import json
import os
import pathlib
import subprocess
import tempfile
from unittest import mock

import testtools

from tools import fault_matrix

_DONE = 'done'
_WRONG = 'TEST FAILED'
_FAILED = 'failed, nothing changed'


def _case(operation, family, outcome=_DONE, error='', **more):
    return {'operation': operation, 'request': 'createVolume',
            'fault': family, 'family': family, 'transport': 'socket',
            'outcome': outcome, 'error': error, **more}


class FaultMatrixTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = pathlib.Path(directory.name)

    def record(self, name, *cases, age=0):
        path = self.path / f'{name}.json'
        path.write_text(''.join(json.dumps(case) + '\n' for case in cases))
        then = path.stat().st_mtime - age
        os.utime(path, (then, then))

    def printed(self, *argv):
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            status = fault_matrix.main([*argv, '--results', str(self.path)])
        return status, output.getvalue()

    def test_the_last_outcome_counts(self):
        self.record('2', _case('Create', 'hang', _WRONG), age=100)
        self.record('1', _case('Create', 'hang'), _case('Delete', 'hang'))
        self.assertEqual(
            [('Create', _DONE), ('Delete', _DONE)],
            [(case['operation'], case['outcome'])
             for case in fault_matrix.read(self.path)])

    def test_matrix(self):
        cases = [_case('Create', 'hang'), _case('Create', 'hang'),
                 _case('Create', 'full', _FAILED), _case('Delete', 'hang'),
                 _case('Delete', 'hang', _FAILED),
                 _case('Delete', 'hang', _WRONG)]
        self.assertEqual([['operation', 'full', 'hang'],
                          ['Create', '+1', '2'],
                          ['Delete', '-', '1+1!1']],
                         fault_matrix.matrix(cases))

    def test_summary(self):
        cases = [_case('Create', 'hang'),
                 _case('Create', 'full', _FAILED, 'VolumeIsBusy'),
                 _case('Delete', 'hang', 'failed, repaired later', 'Other')]
        heading, create, delete, everything = fault_matrix.summary(
            cases, 'operation')
        self.assertEqual(['Create', '2', '1', '0', '1', '0', '0',
                          'VolumeIsBusy'], create)
        self.assertEqual('1', delete[heading.index('failed, repaired later')])
        self.assertEqual(['all', '3'], everything[:2])
        self.assertEqual('Other, VolumeIsBusy', everything[-1])

    def test_show(self):
        self.record('1', _case('Create', 'hang'), _case('Create', 'full'))
        status, output = self.printed('--show')
        self.assertEqual(0, status)
        self.assertIn('operation  1  2\nCreate     1  1\n\n   1  full\n'
                      '   2  hang\n', output)

    def test_show_nothing(self):
        self.assertEqual(
            (0, 'No case of the fault matrix was run.\n'),
            self.printed('--show'))

    def test_csv(self):
        self.record('1', _case('Create', 'hang'))
        tables = self.path / 'tables'
        self.printed('--show', '--csv', str(tables))
        self.assertEqual('operation,hang\nCreate,1\n',
                         (tables / 'matrix.csv').read_text())
        self.assertEqual(
            ['family.csv', 'matrix.csv', 'operation.csv', 'transport.csv'],
            sorted(path.name for path in tables.iterdir()))

    def test_run(self):
        repository = self.path / 'new' / 'repository'
        with mock.patch.object(subprocess, 'run') as runner:
            runner.return_value.returncode = 1
            status, _output = self.printed(
                '--long', '--workers', '7', '--repository', str(repository),
                'Create')
        self.assertEqual(1, status)
        self.assertTrue(repository.is_dir())
        (command,), options = runner.call_args
        self.assertEqual(['--repo-url', str(repository), 'run',
                          '--concurrency', '7', 'Create'], command[-6:])
        self.assertEqual(('all', str(self.path)), (
            options['env']['DSWARE_TEST_FAULTS'],
            options['env']['DSWARE_TEST_FAULTS_RESULTS']))
