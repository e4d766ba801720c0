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
"""The command line of the simulator."""

import contextlib
import importlib.metadata
import io
import json
import pathlib
import socket
import subprocess
import sys

from dsware_sim import cli
from dsware_sim.front import faults
from dsware_sim.front import settings
from dsware_sim.tests import base


def run(*argv):
    """Run a command in this process.

    :param argv: the arguments
    :returns: (exit status, standard output, standard error)
    """
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = cli.main(argv)
        except SystemExit as exit_:
            code = exit_.code
    return code, out.getvalue(), err.getvalue()


class HelpTestCase(base.TestCase):
    """Help and mistakes."""

    def test_help(self):
        code, out, _ = run('--help')
        self.assertEqual(0, code)
        for command in ('serve', 'status', 'fault', 'reset', 'stop'):
            self.assertIn(command, out)
            self.assertEqual(0, run(command, '--help')[0])

    def test_help_of_faults(self):
        out = run('fault', 'add', '--help')[1]
        self.assertIn('--state', out)
        for kind in faults.KINDS:
            self.assertIn(kind, out)

    def test_rest_needs_more_than_python(self):
        # A module of that name that cannot be found, nor the installed one.
        program = ('import sys; sys.modules["h11"] = None; '
                   'from dsware_sim import cli; sys.exit(cli.main())')
        done = subprocess.run(
            [sys.executable, '-c', program, 'serve', '--state',
             self.directory(), '--agent', '127.0.0.1:0', '--rest',
             '127.0.0.1:0'], stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        self.assertEqual((1, ''), (done.returncode, done.stdout))
        self.assertIn('cinder-dsware[rest]', done.stderr)

    def test_no_fixed_name_that_all_users_share(self):
        self.assertNotIn('/tmp', run('--help')[1])

    def test_version(self):
        code, out, _ = run('--version')
        self.assertEqual(0, code)
        self.assertIn(importlib.metadata.version('cinder-dsware'), out)

    def test_mistakes(self):
        for argv, message in (
                ((), 'COMMAND'),
                (('serve',), '--state'),
                (('serve', '--state', 'x', '--agent', 'host'), 'IP address'),
                (('serve', '--state', 'x', '--agent', '127.0.0.1:99999'),
                 '65535'),
                (('serve', '--state', 'x', '--pool', '0'), '0:1024'),
                (('serve', '--state', 'x', '--pool', '0:0'), '0:1024'),
                (('serve', '--state', 'x', '--pool', '0:16', '--pool',
                  '1:16', '--pool', '0:32'), 'pool 0 is there already'),
                (('serve', '--state', 'x', '--copy-rate', '1',
                  '--copy-seconds', '1'), 'not allowed'),
                (('serve', '--state', 'x', '--agent', '127.0.0.1', '--agent',
                  '127.0.0.1:5'), 'address of its own'),
                (('serve', '--state', 'x', '--single-pool', '--pool',
                  '1:5'), 'pool 0'),
                (('serve', '--state', 'x', '--copy-rate', '0'), 'than 0'),
                (('serve', '--state', 'x', '--copy-seconds', '-1'),
                 'than 0'),
                (('serve', '--state', 'x', '--tls-cert', 'c'), '--tls-key'),
                (('serve', '--state', 'x', '--tls-client-ca', 'c'),
                 '--tls-cert'),
                (('serve', '--state', 'x', '--user', 'u'),
                 '--password-file'),
                (('fault', '--state', 'x', 'add', 'nonsense'), 'hang'),
                (('fault', 'list'), '--state'),
                (('status', '--state', '/nonexistent'),
                 'no simulator serves /nonexistent')):
            code, out, err = run(*argv)
            self.assertNotEqual(0, code, argv)
            self.assertEqual('', out)
            self.assertIn(message, err)
            self.assertNotIn('Traceback', err)
            self.assertNotIn('Errno', err)


class AddressTestCase(base.TestCase):
    """Addresses of agents."""

    def test_forms(self):
        for text, expected in (
                ('127.0.0.1', ('127.0.0.1', 10519)),
                ('127.0.0.1:0', ('127.0.0.1', 0)),
                ('::1', ('::1', 10519)), ('[::1]', ('::1', 10519)),
                ('[::1]:7', ('::1', 7))):
            self.assertEqual(expected, settings.parse_agent(text))
        for text in ('', 'host', '127.0.0.1:', '127.0.0.1:x', '[::1',
                     '[::1]7x', '127.0.0.1:-1'):
            self.assertRaises(settings.SettingError, settings.parse_agent,
                              text)


class CommandTestCase(base.SimulatorTestCase):
    """Commands to a running simulator."""

    def command(self, *argv):
        code, out, err = run(*argv, '--state', self.simulator.state_dir)
        self.assertEqual((0, ''), (code, err))
        return out

    def test_status(self):
        client = self.connect()
        self.volume(client, 'vol-1', 2048)
        self.ok(client, 'createSnapshot', volName='vol-1', snapName='snap-1')
        self.attach(client, 'vol-1')
        self.volume(client, 'vol-2')
        self.control.pause_copies()
        self.ok(client, 'migrateVolumeCold', volNameSrc='vol-2', poolIdDst=1)
        self.control.add_fault(kind='delay', seconds=0, count=7)
        out = self.command('status')
        address, port = self.simulator.agents[0]
        for expected in (
                'Agents: 2\n', '  %s  %d' % (address, port), 'Pools: 2\n',
                'Volumes: 2\n', '2.00', 'thin  0 ready', '6 copying',
                'Snapshots: 1\n', 'snap-1', 'Attachments: 1\n',
                'Copies under way (paused): 1\n', 'vol-2, pool 1',
                'Faults: 1\n', 'delay', 'seconds=0'):
            self.assertIn(expected, out)
        self.assertTrue(all(len(line) < 120 and line == line.rstrip()
                            for line in out.splitlines()))

    def test_empty_status(self):
        out = self.command('status')
        for kind in ('Volumes', 'Snapshots', 'Attachments',
                     'Copies under way', 'Faults'):
            self.assertIn('%s: none' % kind, out)

    def test_status_as_json(self):
        status = json.loads(self.command('status', '--json'))
        self.assertEqual(2, len(status['pools']))

    def test_faults(self):
        number = self.command('fault', 'add', 'result', '--code', '50150012',
                              '--op', 'queryVolume', '--count', '3').strip()
        self.assertTrue(number.isdigit())
        listed = self.command('fault', 'list')
        for expected in (number, 'result', 'queryVolume', 'code=50150012'):
            self.assertIn(expected, listed)
        self.command('fault', 'add', 'down', '--agent',
                     self.simulator.agents[1][0])
        self.command('fault', 'clear', number)
        self.assertEqual(['down'], [fault['kind'] for fault in
                                    self.control.faults()])
        self.command('fault', 'clear')
        self.assertIn('Faults: none', self.command('fault', 'list'))

    def test_directory_before_the_action(self):
        code, out, _ = run('fault', '--state', self.simulator.state_dir,
                           'list')
        self.assertEqual((0, 'Faults: none\n'), (code, out))

    def test_wrong_fault(self):
        code, _, err = run('fault', '--state', self.simulator.state_dir,
                           'add', 'delay')
        self.assertEqual(1, code)
        self.assertIn('delay needs seconds', err)

    def test_reset(self):
        self.volume(self.connect())
        self.command('reset')
        self.assertEqual([], self.control.status()['volumes'])

    def test_stop(self):
        simulator = self.own_simulator()
        # A connection that is open does not matter, or make it complain.
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as connection:
            connection.connect(simulator.ready['control'])
            self.assertEqual(
                0, run('stop', '--state', simulator.state_dir)[0])
            self.assertEqual(0, simulator.process.wait(base.DEADLINE))
        self.assertEqual('', pathlib.Path(
            simulator.state_dir, 'log').read_text())
