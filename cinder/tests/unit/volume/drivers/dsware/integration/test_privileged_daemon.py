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

"""fsc_cli in a real privileged daemon, which programs stand in to start."""

from concurrent import futures
import itertools
import os
import signal
import threading
import time

import fixtures
from oslo_config import cfg
import testtools

import cinder.privsep
from cinder.tests.unit.privsep.dsware import test_abuse
from cinder.tests.unit.privsep.dsware import test_command
from cinder.tests.unit.privsep.dsware import test_run
from cinder.tests.unit.volume.drivers.dsware.integration import base
from cinder.tests.unit.volume.drivers.dsware.integration import making
from cinder.volume.drivers.dsware.client import cli_transport
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import waiting

CONTEXT = cinder.privsep.sys_admin_pctxt
QUERY = endpoints.Request('queryVolume', {'volName': 'volume-1'})
CREATE = endpoints.Request('createVolume', {
    'volName': 'volume-1', 'poolId': 0, 'volSize': 1024, 'thinFlag': 1})
THREADS = 8
# Tells the process that runs it.
ANSWER = 'echo result=0; echo desc=$PPID'
SECONDS = 60
HOSTILE = ('', '--op', 'a b', 'a;reboot', '$(reboot)', 'a\n', '../a', '\ud800',
           *test_abuse.NO_TEXTS)


class DaemonTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.helper('exec "$@"')
        self.addCleanup(CONTEXT.stop)

    def helper(self, sudo, threads=THREADS):
        """Say how the daemon is started.

        :param sudo: what a shell script in the place of sudo does
        :param threads: how many programs it may run at a time
        """
        self.write('sudo', '#!/bin/sh\n%s\n' % sudo)
        os.chmod(self.path('sudo'), 0o755)
        helper = making.privileged_helper(self.path('conf'), threads)
        cfg.CONF.set_override('helper_command', '%s %s' % (
            self.path('sudo'), helper), CONTEXT.cfg_section)
        self.addCleanup(cfg.CONF.clear_override, 'helper_command',
                        CONTEXT.cfg_section)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        with open(self.path(name), 'w') as file:
            file.write(text)

    def program(self, script=ANSWER):
        """Let fsc_cli be a shell script, for a daemon that starts then."""
        self.useFixture(test_run.Program(script))

    def ask(self, request=QUERY, seconds=SECONDS, run=cli_transport.run):
        transport = cli_transport.CLITransport(
            endpoints.Endpoint('192.0.2.1', 10519), '192.0.2.9', run)
        frame, = transport.exchange(request, waiting.Deadline(seconds))
        return frame

    def daemon(self):
        """Tell the process of the daemon."""
        return int(self.ask().desc)

    def in_threads(self, number, call):
        """Call something in many threads.

        :returns: what it gave
        """
        with futures.ThreadPoolExecutor(number) as pool:
            return list(pool.map(lambda _number: call(), range(number)))

    def test_many_start_one_daemon_and_run_at_a_time(self):
        # None ends before the last one has begun.
        self.program('touch %s.$$; while set -- %s.*; [ $# -lt %d ]; do\n'
                     'sleep 0.01; done; %s' % (
                         self.path('run'), self.path('run'), THREADS, ANSWER))
        found = self.in_threads(THREADS, self.daemon)
        self.assertEqual(THREADS, len(found))
        self.assertEqual(1, len(set(found)), found)
        self.assertNotEqual(os.getpid(), found[0])

    def test_one_that_died_is_started_anew(self):
        self.program()
        first = self.daemon()
        os.kill(first, signal.SIGKILL)
        base.wait_until(lambda: not CONTEXT.channel.running, 'its end')
        found = set(self.in_threads(THREADS, self.daemon))
        self.assertEqual(1, len(found), found)
        self.assertNotIn(first, found)

    def test_it_dies_while_it_runs_something(self):
        self.program('kill -9 $PPID; touch %s' % self.path('run'))
        error = self.assertRaises(exceptions.OutcomeUnknown, self.ask, CREATE)
        self.assertEqual('volume-1', error.name)
        self.program()
        self.assertNotEqual(0, self.daemon())

    def test_it_hangs(self):
        self.program()
        stopped = self.daemon()
        os.kill(stopped, signal.SIGSTOP)
        self.addCleanup(os.kill, stopped, signal.SIGCONT)
        self.useFixture(fixtures.MockPatchObject(
            cli_transport, '_MARGIN', 0))
        error = self.assertRaises(exceptions.OutcomeUnknown, self.ask,
                                  CREATE, 1)
        self.assertIn('does not answer', str(error))

    def test_others_leave_no_time(self):
        self.program('echo >> %s; until [ -e %s ]; do sleep 0.01; done; %s' % (
            self.path('runs'), self.path('go'), ANSWER))
        self.helper('exec "$@"', 1)
        ends = []

        def run(*args, **kwargs):
            ends.append(args[5])
            return cli_transport.run(*args, **kwargs)

        def let_the_first_end():
            base.wait_until(lambda: ends and time.monotonic() > ends[0],
                            'the end of the time of the second')
            self.write('go', '')

        threads = [threading.Thread(target=self.ask),
                   threading.Thread(target=let_the_first_end)]
        for thread in threads:
            thread.start()
            self.addCleanup(thread.join)
        base.wait_until(lambda: os.path.exists(self.path('runs')),
                        'the first')
        late = self.assertRaises(exceptions.TryAgain, self.ask, CREATE, 1, run)
        with open(self.path('runs')) as runs:
            self.assertEqual(1, len(runs.readlines()))
        self.assertIn('thread_pool_size', late.advice)

    def test_it_cannot_be_started(self):
        self.program()
        for sudo in ('echo "sudo: a password is required" >&2; exit 1',
                     'exit 0'):
            with self.subTest(sudo=sudo):
                self.helper('echo >> %s; %s' % (self.path('runs'), sudo))
                if 'exit 0' in sudo:
                    os.unlink(self.path('sudo'))
                error = self.assertRaises(exceptions.CommandUnavailable,
                                          self.ask)
                self.assertIn('sudoers', error.advice)
        with open(self.path('runs')) as runs:
            self.assertEqual(1, len(runs.readlines()))

    def test_its_python_does_not_have_the_driver(self):
        self.program()
        self.helper('exec env PYTHONPATH=%s "$@"' % self.directory)
        os.makedirs(self.path('os_brick_dsware'))
        self.write('os_brick_dsware/__init__.py', 'raise ImportError("no")')
        error = self.assertRaises(exceptions.CommandUnavailable, self.ask)
        self.assertIn('privsep-helper', error.advice)

    def test_nothing_else_is_run(self):
        """What the caller does not check, the daemon does."""
        self.program('touch %s' % self.path('run'))
        for op, args in test_command.REQUESTS[-3:]:
            for key, value in itertools.product(args, HOSTILE):
                self.assertRaises(exceptions.InvalidRequest, self.ask,
                                  endpoints.Request(op, {**args, key: value}))
        for name in ('os.system', cli_transport.privileged.__name__ + '._run'):
            self.assertRaises(
                NameError, CONTEXT.channel.remote_call, name,
                ('touch %s' % self.path('run'),), {}, SECONDS)
        self.assertFalse(os.path.exists(self.path('run')))
