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

"""The command line transport with an injected execute."""

import errno
import os
import subprocess
import traceback
from unittest import mock

import ddt
from oslo_concurrency import processutils
import testtools

from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware.client import cli_transport
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware.client import protocol
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import waiting
from os_brick_dsware import fsc_cli
from tools import secret_marks

SECRET = secret_marks.secret('argument')

ENDPOINT = endpoints.Endpoint('192.0.2.1', 10519)
QUERY = endpoints.Request('queryVolume', {'volName': 'volume-1'})
CREATE = endpoints.Request('createVolume', {
    'volName': 'volume-1', 'poolId': 0, 'volSize': 1024, 'thinFlag': 1})
PRINTED = ('Dsware client 8.0\n'
           'result=0\n'
           'desc=success\n'
           'vol_name=volume-1,father_name=,status=0,vol_size=1024,'
           'real_size=0,pool_id=0,create_time=1420070400\n')


@ddt.ddt(testNameFormat=ddt.TestNameFormat.INDEX_ONLY)
class CLITransportTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.clock = fakes.Clock().install(self)
        self.runs = []
        self.output = PRINTED

    def execute(self, *argv, **kwargs):
        self.runs.append((argv, kwargs))
        if isinstance(self.output, BaseException):
            raise self.output
        return os.fsencode(self.output), b''

    def exchange(self, request=QUERY, seconds=60, endpoint=ENDPOINT):
        carrier = cli_transport.CLITransport(endpoint, '192.0.2.10',
                                             self.execute)
        return list(carrier.exchange(request, waiting.Deadline(seconds)))

    def fails(self, error, request=CREATE, **kwargs):
        raised = self.assertRaises(error, self.exchange, request, **kwargs)
        self.assertIs(error, type(raised))
        self.assertEqual(
            (request.op, 'volume-1', '192.0.2.1:10519'),
            (raised.op, raised.name, raised.endpoint))
        return raised

    def test_what_is_executed(self):
        self.exchange(CREATE)
        self.assertEqual([(
            ('timeout', '--kill-after=5', '60', 'fsc_cli',
             '--manage_ip', '192.0.2.10', '--ip', '192.0.2.1',
             '--port', '10519', '--op', 'createVolume',
             '--volName', 'volume-1', '--poolId', '0',
             '--volSize', '1024', '--thinFlag', '1'),
            {'bound': 1024 * 1024 + 1, 'timeout': 70})], self.runs)

    def test_ipv6(self):
        self.exchange(endpoint=endpoints.Endpoint('2001:db8::1', 80))
        argv = self.runs[0][0]
        self.assertEqual('2001:db8::1', argv[argv.index('--ip') + 1])
        self.assertEqual('80', argv[argv.index('--port') + 1])

    def test_what_is_printed(self):
        frame, = self.exchange()
        self.assertEqual(
            protocol.Frame(0, 0, 'success', False, [{
                'vol_name': 'volume-1', 'father_name': '', 'status': '0',
                'vol_size': '1024', 'real_size': '0', 'pool_id': '0',
                'create_time': '1420070400'}]), frame)

    def test_records_are_read_a_few_at_a_time(self):
        count = 10 * cli_transport._PART + 1
        self.output = 'result=0\n' + ''.join(
            f'vol_name=v{n}\n' for n in range(count))
        carrier = cli_transport.CLITransport(
            ENDPOINT, '192.0.2.10', self.execute)
        given = 0
        with mock.patch.object(fsc_cli, '_record',
                               wraps=fsc_cli._record) as read:
            for frame in carrier.exchange(
                    endpoints.Request('queryAllVolume', {'poolId': 0}),
                    waiting.Deadline(60)):
                given += len(frame.records)
                self.assertEqual(given, read.call_count)
                self.assertLessEqual(len(frame.records), cli_transport._PART)
        self.assertEqual(count, given)

    def test_an_error_of_the_cluster(self):
        self.output = 'result=50150005,no such volume\n'
        frame, = self.exchange()
        self.assertEqual((50150005, 'no such volume', []),
                         (frame.result, frame.desc, frame.records))

    @ddt.data((60, '60', 70), (0.2, '1', 11), (1.2, '2', 12), (0, '1', 11))
    @ddt.unpack
    def test_the_time_is_limited_twice(self, seconds, limit, timeout):
        self.exchange(seconds=seconds)
        argv, kwargs = self.runs[0]
        self.assertEqual(limit, argv[2])
        self.assertEqual(timeout, kwargs['timeout'])

    @ddt.data(*sorted(cli_transport._NOT_STARTED))
    def test_not_started(self, code):
        self.output = processutils.ProcessExecutionError(
            exit_code=code, stdout='', stderr='sh: fsc_cli: not found')
        error = self.fails(exceptions.CommandUnavailable)
        self.assertIsInstance(error, exceptions.EndpointUnavailable)
        reason, advice = cli_transport._NOT_STARTED[code]
        self.assertIn(f'fsc_cli was not started: {reason}: sh: fsc_cli',
                      str(error))
        self.assertIn(advice, str(error))

    @ddt.data(
        (1, 'sudo: cinder-rootwrap: command not found', 'secure_path'),
        (1, 'sudo: unable to resolve host a: Name or service not known\n'
            'sudo: cinder-rootwrap: command not found', 'secure_path'),
        (1, 'sudo: unable to execute /v/bin/cinder-rootwrap: No such file or '
            'directory', 'secure_path'),
        (1, 'Traceback (most recent call last):\n'
            "ModuleNotFoundError: No module named 'oslo_rootwrap'",
         'secure_path'),
        (1, 'We trust you have received the usual lecture\n\n'
            'sudo: a terminal is required to read the password; either use '
            'the -S option to read from standard input or configure an '
            'askpass helper\nsudo: a password is required', 'NOPASSWD'),
        # With a line for a path that is not in secure_path.
        (1, 'sudo: a terminal is required to read the password; either use '
            'the -S option to read from standard input or configure an '
            'askpass helper', 'to secure_path'),
        (1, 'sudo: no tty present and no askpass program specified',
         'NOPASSWD'),
        (1, 'cinder is not in the sudoers file.', 'NOPASSWD'),
        (1, "Sorry, user cinder is not allowed to execute 'cinder-rootwrap "
            "x' as root on a.", 'NOPASSWD'),
        (1, 'sudo: The "no new privileges" flag is set, which prevents sudo '
            'from running as root.', 'NoNewPrivileges'),
        (1, 'sudo: /usr/bin/sudo must be owned by uid 0 and have the setuid '
            'bit set', 'nosuid'),
        (1, 'sudo: /etc/sudoers is world writable\nsudo: no valid sudoers '
            'sources found, quitting', 'visudo'),
        (127, 'sh: 4: sudo: not found', 'Install sudo'))
    @ddt.unpack
    def test_sudo_that_runs_nothing(self, code, said, cure):
        self.output = processutils.ProcessExecutionError(
            exit_code=code, stdout='', stderr=said)
        error = self.fails(exceptions.CommandUnavailable)
        self.assertIn('fsc_cli was not started', str(error))
        self.assertIn(cure, error.advice)

    @ddt.data('fsc_cli: connection refused', 'sudo', '',
              'sudo: unable to resolve host a: Name or service not known')
    def test_what_may_have_been_started(self, said):
        """Its outcome has to be found out."""
        self.output = processutils.ProcessExecutionError(
            exit_code=1, stdout='', stderr=said)
        self.fails(exceptions.OutcomeUnknown)

    def test_what_sudo_says_is_not_translated(self):
        self.mock_root(1000)
        with mock.patch.object(cli_transport.utils, 'execute') as execute:
            self.bounded('echo a')
        variables = execute.call_args[1]['env_variables']
        self.assertEqual('en', variables['LANGUAGE'])
        self.assertEqual(os.environ['PATH'], variables['PATH'])

    @ddt.data(99, 127)
    def test_what_printed_something_was_started(self, code):
        self.output = processutils.ProcessExecutionError(
            exit_code=code, stdout='result=0\n', stderr='')
        self.fails(exceptions.OutcomeUnknown)

    def test_rootwrap_that_is_not_there(self):
        self.output = FileNotFoundError(errno.ENOENT, 'No such file', 'sudo')
        error = self.fails(exceptions.CommandUnavailable)
        self.assertIn('No such file', str(error))

    @ddt.data((1, '', 'broken\n', 'broken'), (124, '', '', '124'),
              (137, None, None, '137'), (-9, 'printed', '', 'printed'))
    @ddt.unpack
    def test_any_other_exit_code(self, code, stdout, stderr, said):
        self.output = processutils.ProcessExecutionError(
            exit_code=code, stdout=stdout, stderr=stderr)
        error = self.fails(exceptions.OutcomeUnknown)
        self.assertIn(said, str(error))
        self.assertIn(str(code), str(error))
        self.assertIsNone(error.result)

    def test_a_hanging_program(self):
        self.output = subprocess.TimeoutExpired(['timeout'], 70)
        error = self.fails(exceptions.OutcomeUnknown)
        self.assertIn('hangs', str(error))

    @ddt.data('', '\n', 'desc=success\n', 'result=\n', 'result=x\n',
              'result=0\nresult=1\n', '\x00\x1b[31m', 'xresult=0\n')
    def test_garbage(self, output):
        self.output = output
        error = self.fails(exceptions.OutcomeUnknown)
        self.assertIn('no valid answer', str(error))
        self.assertTrue(str(error).isprintable())

    def test_a_record_that_is_none(self):
        self.output = 'result=0\nvol_name=a,b\n'
        self.fails(exceptions.OutcomeUnknown, QUERY)

    @ddt.data('-rf', '--op', 'a b', 'a;b', '', 'a\nb', '$(id)')
    def test_what_the_command_line_cannot_carry(self, value):
        error = self.assertRaises(
            exceptions.InvalidRequest, self.exchange,
            endpoints.Request('queryVolume', {'volName': value}))
        self.assertEqual('queryVolume', error.op)
        self.assertEqual([], self.runs)

    def test_a_password_is_never_an_argument(self):
        error = self.assertRaises(
            exceptions.InvalidRequest, self.exchange,
            endpoints.Request('login', {'userName': 'u',
                                        'password': SECRET}))
        self.assertNotIn(SECRET, str(error))
        self.assertEqual([], self.runs)

    @ddt.data(('createVolume', 2 ** 20), ('queryVolume', 2 ** 20),
              ('queryAllVolume', 2 ** 26), ('querySnapOfVolume', 2 ** 22))
    @ddt.unpack
    def test_what_may_be_printed_has_a_bound(self, op, bound):
        self.output = 'result=0\n' + 'x\n' * (bound // 2)
        error = self.assertRaises(
            exceptions.OutcomeUnknown, self.exchange,
            endpoints.Request(op, {'volName': 'volume-1'}))
        self.assertIn(f'more than {bound} bytes', str(error))
        self.assertEqual(bound + 1, self.runs[0][1]['bound'])

    def test_a_traceback_shows_nothing_of_what_was_printed(self):
        self.output = processutils.ProcessExecutionError(
            stdout='a\n2026-01-01 ERROR forged\n', stderr='\x1b[2J',
            exit_code=3)
        error = self.assertRaises(exceptions.OutcomeUnknown, self.exchange)
        shown = ''.join(traceback.format_exception(error))
        self.assertNotIn('forged', shown)
        self.assertNotIn('\x1b', shown)

    def bounded(self, script, bound=1000):
        return cli_transport.execute_bounded('sh', '-c', script,
                                             bound=bound, timeout=60)

    def test_no_more_than_the_bound_is_collected(self):
        self.mock_root()
        out, _err = self.bounded('yes | head -c 100000; exit 0', 10)
        self.assertEqual(b'y\n' * 5, out)
        error = self.assertRaises(processutils.ProcessExecutionError,
                                  self.bounded, 'exec yes')
        self.assertEqual(1000, len(error.stdout))

    def test_how_it_ended_is_told(self):
        self.mock_root()
        self.assertEqual((b'a\n', b'b\n'),
                         self.bounded('echo a; echo b >&2'))
        error = self.assertRaises(processutils.ProcessExecutionError,
                                  self.bounded, 'echo a; exit 99')
        self.assertEqual((99, 'a\n'), (error.exit_code, error.stdout))

    def mock_root(self, user=0):
        patcher = mock.patch.object(cli_transport.os, 'geteuid',
                                    return_value=user)
        patcher.start()
        self.addCleanup(patcher.stop)

    def test_who_is_not_root_asks_rootwrap(self):
        self.mock_root(1000)
        with mock.patch.object(cli_transport.utils, 'execute') as execute:
            self.bounded('echo a')
        argv = execute.call_args[0]
        self.assertEqual(
            ('sh', '1000', '65536', 'sudo', 'cinder-rootwrap'), argv[3:8])
        self.assertEqual(('sh', '-c', 'echo a'), argv[9:])

    def test_close(self):
        self.assertIsNone(cli_transport.CLITransport(
            ENDPOINT, '192.0.2.10',
            self.execute).close())
