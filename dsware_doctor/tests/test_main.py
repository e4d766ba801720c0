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

"""The program, and what it needs."""

import contextlib
import io
import os
import pathlib
import runpy
import subprocess
import sys
from unittest import mock

import fixtures
import testtools

import dsware_doctor
from dsware_doctor import __main__ as program
from dsware_doctor.host import command

ROOT = pathlib.Path(dsware_doctor.__file__).parent.parent
# As where Cinder is not installed.
WITHOUT_CINDER = (
    'import sys; sys.modules["cinder"] = None; '
    'from dsware_doctor import __main__; sys.exit(__main__.main())')


class ProgramTestCase(testtools.TestCase):

    def run_program(self, *argv):
        return subprocess.run(
            [sys.executable, '-W', 'ignore', *argv], cwd=ROOT,
            capture_output=True, text=True)

    def test_options_go_to_the_check(self):
        for argv in (['--json', '--search'], ['--help'], []):
            with mock.patch.object(command, 'main', return_value=7) as main:
                self.assertEqual(7, program.main(['host', *argv]))
            main.assert_called_once_with(argv)

    def test_as_a_module(self):
        with (mock.patch.object(command, 'main', return_value=7),
              mock.patch('sys.argv', ['x', 'host'])):
            end = self.assertRaises(SystemExit, runpy.run_module,
                                    'dsware_doctor', None, '__main__')
        self.assertEqual(7, end.code)

    def test_wrong_command_lines(self):
        for argv in ([], ['nothing'], ['--json']):
            printed = io.StringIO()
            with contextlib.redirect_stderr(printed):
                end = self.assertRaises(SystemExit, program.main, argv)
            self.assertEqual(2, end.code)
            self.assertIn('usage: dsware-doctor', printed.getvalue())

    def test_backend_without_cinder(self):
        ended = self.run_program('-c', WITHOUT_CINDER, 'backend')
        self.assertEqual(1, ended.returncode)
        line, = ended.stderr.splitlines()
        for part in ('needs Cinder', sys.executable, 'cinder-volume'):
            self.assertIn(part, line)

    def test_host_without_cinder(self):
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'x')
        with open(path, 'w') as stream:
            stream.write('[os_brick]\nlock_path = %s\n' % path)
        ended = self.run_program('-c', WITHOUT_CINDER, 'host',
                                 '--config-file', path)
        self.assertEqual((2, ''), (ended.returncode, ended.stderr))
        self.assertIn('dsware-doctor host on ', ended.stdout)

    def test_without_anything(self):
        """Python is started without what is installed."""
        for check, needed in (('backend', 'Cinder'), ('host', 'os-brick')):
            ended = self.run_program('-S', '-m', 'dsware_doctor', check)
            self.assertEqual(1, ended.returncode)
            line, = ended.stderr.splitlines()
            for part in ('needs ' + needed, sys.executable,
                         'No module named'):
                self.assertIn(part, line)
