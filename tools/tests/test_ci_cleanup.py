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

import os
import pathlib
import signal
import subprocess
import sys
import tempfile

import testtools

from tools import ci_cleanup


class CleanupTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.run_id = directory.name
        self.path = pathlib.Path(directory.name)

    def start(self, code, **environment):
        """Start a program, and wait until it runs.

        :param code: what it does once it has said so
        :param environment: what to add to its environment
        :returns: the process
        """
        process = subprocess.Popen(
            [sys.executable, '-c', 'print(flush=True)\n' + code],
            env={**os.environ, **environment}, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        process.stdout.readline()
        return process

    def test_processes_of_the_run_are_ended(self):
        process = self.start('input()', DSWARE_CI_RUN=self.run_id)
        [line] = ci_cleanup.end_processes(self.run_id, 0.2)
        self.assertIn('process %d: ' % process.pid, line)
        self.assertEqual(-signal.SIGTERM, process.wait(10))

    def test_processes_that_do_not_listen_are_killed(self):
        process = self.start(
            'import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n'
            'print(flush=True); input()', DSWARE_CI_RUN=self.run_id)
        process.stdout.readline()
        self.assertEqual(1, len(ci_cleanup.end_processes(self.run_id, 0.2)))
        self.assertEqual(-signal.SIGKILL, process.wait(10))

    def test_other_processes_are_not(self):
        process = self.start('input()', DSWARE_CI_RUN=self.run_id + 'x')
        self.assertEqual([], ci_cleanup.end_processes(self.run_id, 0.2))
        self.assertIsNone(process.poll())

    def test_loop_devices_are_found_by_their_files(self):
        for name, backing in (
                ('loop0', '/run/1/a'), ('loop1', '/run/1/b (deleted)'),
                ('loop2', '/run/11/a'), ('loop3', '/other')):
            (self.path / name / 'loop').mkdir(parents=True)
            (self.path / name / 'loop/backing_file').write_text(
                backing + '\n')
        (self.path / 'loop4').mkdir()
        (self.path / 'sda').mkdir()
        self.assertEqual(
            {'loop0', 'loop1'},
            ci_cleanup.loop_devices([pathlib.Path('/run/1')], self.path))

    def test_loop_devices_that_are_gone_are_known(self):
        (self.path / 'loop0/loop').mkdir(parents=True)
        (self.path / 'loop0/loop/backing_file').write_text('/plain\n')
        (self.path / 'loop1').mkdir()
        self.assertEqual({'loop0'}, ci_cleanup.still_attached(
            {'loop0', 'loop1', 'loop2'}, self.path))

    def test_nothing_is_mounted_below_a_new_directory(self):
        self.assertEqual([], ci_cleanup.unmount(self.path))
