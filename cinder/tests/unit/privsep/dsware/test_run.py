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

"""What the privileged daemon runs for the driver, called in this process."""

import os
import select
import time

import ddt
import fixtures
import testtools

from cinder.privsep import dsware as privileged
from cinder.tests.unit.privsep.dsware import test_command
from os_brick_dsware import fsc_cli

MANAGER = test_command.MANAGER
AGENT = test_command.AGENT
PORT = test_command.PORT
REQUESTS = dict(test_command.REQUESTS)
SECONDS = 60


class Program(fixtures.Fixture):
    """A shell script in the place of fsc_cli.

    :param script: what it does
    """

    def __init__(self, script, mode=0o755):
        self._script = script
        self._mode = mode

    def _setUp(self):
        self.directory = self.useFixture(fixtures.TempDir()).path
        path = os.path.join(self.directory, 'fsc_cli')
        with open(path, 'w') as program:
            program.write('#!/bin/sh\n%s\n' % self._script)
        os.chmod(path, self._mode)
        self.useFixture(fixtures.EnvironmentVariable(
            'PATH', self.directory + os.pathsep + os.environ['PATH']))


@ddt.ddt
class RunTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.MockPatch(
            'cinder.privsep.sys_admin_pctxt.client_mode', False))

    def run_it(self, script, seconds=SECONDS, op='queryVolume'):
        self.useFixture(Program(script))
        return privileged.run(op, MANAGER, AGENT, PORT, REQUESTS[op],
                              time.monotonic() + seconds)

    def test_what_it_gives(self):
        self.assertEqual(
            (7, b'--manage_ip 192.0.2.9 --ip 192.0.2.1 --port 10519 --op '
                b'queryVolume --volName volume-1\n', b'b\xff\n'),
            self.run_it(r'echo "$@"; printf "b\377\n" >&2; exit 7'))

    def test_there_is_nothing_to_read(self):
        self.assertEqual((0, b'', b''), self.run_it('exec cat'))

    def test_it_is_killed_with_what_it_started(self):
        # What it prints ends it, when it has surely started the child.
        self.assertRaisesRegex(
            privileged.Killed, 'more than', self.run_it,
            'sleep 1000 & echo $! > "$(dirname "$0")/child"\n'
            'trap "" TERM; yes; sleep 1000')
        with open(os.environ['PATH'].split(os.pathsep)[0] + '/child') as file:
            self.assertDies(int(file.read()))

    def assertDies(self, pid):
        """A process that was killed may take a moment to be gone."""
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        self.addCleanup(os.close, process)
        ended, _out, _exceptional = select.select([process], [], [], SECONDS)
        self.assertEqual([process], ended, 'the child lives')

    @ddt.data('exec >&- 2>&-; sleep 1000', 'sleep 1000 & echo result=0',
              'exec yes >&2')
    def test_it_does_not_end(self, script):
        self.assertRaises(privileged.Killed, self.run_it, script, 0.5)

    @ddt.data(('queryVolume', 2 ** 20), ('querySnapOfVolume', 2 ** 22),
              ('queryAllVolume', 2 ** 26))
    @ddt.unpack
    def test_it_prints_too_much(self, op, bound):
        self.assertRaisesRegex(
            privileged.Killed, 'more than %d bytes' % bound,
            self.run_it, 'exec yes', op=op)
        # To the last byte that it may.
        _code, printed, _said = self.run_it(
            'head -c %d /dev/zero' % bound, op=op)
        self.assertEqual(bound, len(printed))

    def test_it_complains_a_lot(self):
        code, _printed, said = self.run_it(
            'yes | head -c 1000000 >&2; exit 3')
        self.assertEqual((3, 64 * 1024), (code, len(said)))

    @ddt.data(0, -1, float('-inf'), float('nan'))
    def test_no_time_is_left(self, seconds):
        self.assertRaises(privileged.TooLate, self.run_it,
                          'touch "$0.was-run"', seconds)
        directory = os.environ['PATH'].split(os.pathsep)[0]
        self.assertEqual(['fsc_cli'], os.listdir(directory))

    def test_time_without_end_has_one(self):
        self.useFixture(fixtures.MockPatchObject(privileged, '_LONGEST', 0.3))
        self.assertRaises(privileged.Killed, self.run_it, 'sleep 1000',
                          float('inf'))

    def test_there_is_no_program(self):
        self.useFixture(fixtures.EnvironmentVariable('PATH', '/no/such'))
        self.assertRaisesRegex(
            privileged.NotStarted, 'No such file.*fsc_cli', privileged.run,
            'getDSwareIdentifier', MANAGER, AGENT, PORT, {},
            time.monotonic() + SECONDS)

    def test_it_cannot_be_executed(self):
        directory = self.useFixture(Program('exit', 0o644)).directory
        self.useFixture(fixtures.EnvironmentVariable('PATH', directory))
        self.assertRaisesRegex(
            privileged.NotStarted, 'Permission denied', privileged.run,
            'getDSwareIdentifier', MANAGER, AGENT, PORT, {},
            time.monotonic() + SECONDS)

    def test_nothing_is_run_that_is_refused(self):
        directory = self.useFixture(Program('touch "$0.was-run"')).directory
        self.assertRaises(
            fsc_cli.ArgumentError, privileged.run, 'login', MANAGER, AGENT,
            PORT, {}, time.monotonic() + SECONDS)
        self.assertEqual(['fsc_cli'], os.listdir(directory))
