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

"""The command line transport with an injected privileged function."""

import os
import traceback
from unittest import mock

import ddt
from oslo_privsep import comm
from oslo_privsep import daemon
import testtools

from cinder.privsep import dsware as privileged
from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware.client import cli_transport
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware.client import protocol
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import waiting
from os_brick_dsware import fsc_cli
from tools import secret_marks

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

    def run_privileged(self, *args, **kwargs):
        self.runs.append((args, kwargs))
        if isinstance(self.output, BaseException):
            raise self.output
        if isinstance(self.output, tuple):
            return self.output
        return 0, os.fsencode(self.output), b'a warning'

    def run_in_process(self, *args, _wrap_timeout):
        return privileged.run.args[0](*args)

    def transport(self):
        return cli_transport.CLITransport(ENDPOINT, '192.0.2.10',
                                          self.run_privileged)

    def exchange(self, request=QUERY, seconds=60):
        return list(self.transport().exchange(request,
                                              waiting.Deadline(seconds)))

    def fails(self, error, request=CREATE):
        raised = self.assertRaises(error, self.exchange, request)
        self.assertIs(error, type(raised))
        self.assertEqual(
            (request.op, 'volume-1', '192.0.2.1:10519', None),
            (raised.op, raised.name, raised.endpoint, raised.result))
        return raised

    @ddt.data((60, 60), (1.5, 1.5), (0.2, 1), (0, 1))
    @ddt.unpack
    def test_what_is_run(self, seconds, given):
        self.exchange(CREATE, seconds)
        (args, kwargs), = self.runs
        self.assertEqual(
            ('createVolume', '192.0.2.10', '192.0.2.1', 10519, CREATE.args),
            args[:-1])
        self.assertEqual(self.clock.now + given, args[-1])
        # The daemon has a little longer than the program.
        self.assertEqual({'_wrap_timeout': given + 5}, kwargs)

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
        given = 0
        with mock.patch.object(fsc_cli, '_record',
                               wraps=fsc_cli._record) as read:
            for frame in self.transport().exchange(
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

    @ddt.data(
        (daemon.FailedToDropPrivileges('exited non-zero (1)'),
         exceptions.CommandUnavailable,
         'fsc_cli was not started: exited non-zero', 'sudoers'),
        (privileged.NotStarted('no such file'), exceptions.CommandUnavailable,
         'fsc_cli was not started: no such file', 'secure_path'),
        (ImportError('no such module'), exceptions.CommandUnavailable,
         'fsc_cli was not started: no such module', 'Python'),
        (NameError('Invalid privsep function'), exceptions.CommandUnavailable,
         'fsc_cli was not started: Invalid', 'Python'),
        (privileged.TooLate('no time'), exceptions.TryAgain,
         'fsc_cli was not started: no time', 'thread_pool_size'),
        (privileged.Killed('it hangs'), exceptions.OutcomeUnknown,
         'no valid answer: it hangs', ''),
        (OSError('Premature eof'), exceptions.OutcomeUnknown,
         'no valid answer: Premature eof', ''),
        (BrokenPipeError(32, 'Broken pipe'), exceptions.OutcomeUnknown,
         'no valid answer: .*Broken pipe', ''),
        (comm.PrivsepTimeout(), exceptions.OutcomeUnknown,
         'daemon does not answer', ''),
        (fsc_cli.ArgumentError('volName is wrong'), exceptions.InvalidRequest,
         'volName is wrong', ''))
    @ddt.unpack
    def test_no_exit_code(self, failure, error, desc, advice):
        self.output = failure
        raised = self.fails(error)
        self.assertRegex(raised.desc, desc)
        self.assertIn(advice, raised.advice)
        self.assertIn(raised.advice, str(raised))

    @ddt.data(((1, b'', b'broken\n'), '1: broken'),
              ((-9, b'printed', b''), '-9: printed'),
              ((3, b'', b'\xff\x1b[2J'), '3: '), ((7, b'', b''), '7: '))
    @ddt.unpack
    def test_any_other_exit_code(self, output, said):
        self.output = output
        error = self.fails(exceptions.OutcomeUnknown)
        self.assertIn('exit code ' + said, error.desc)
        self.assertTrue(str(error).isprintable())

    @ddt.data('', '\n', 'desc=success\n', 'result=\n', 'result=x\n',
              'result=0\nresult=1\n', '\x00\x1b[31m', 'xresult=0\n',
              'result=0\nvol_name=a,b\n')
    def test_garbage(self, output):
        self.output = output
        error = self.fails(exceptions.OutcomeUnknown, QUERY)
        self.assertIn('no valid answer', str(error))
        self.assertTrue(str(error).isprintable())

    def test_a_password_is_never_an_argument(self):
        secret = secret_marks.secret('argument')
        carrier = cli_transport.CLITransport(ENDPOINT, '192.0.2.10',
                                             self.run_in_process)
        error = self.assertRaises(
            exceptions.InvalidRequest, list, carrier.exchange(
                endpoints.Request('login', {'userName': 'u',
                                            'password': secret}),
                waiting.Deadline(60)))
        self.assertNotIn(secret, ''.join(traceback.format_exception(error)))

    def test_a_traceback_shows_nothing_of_what_was_printed(self):
        self.output = 3, b'a\n2026-01-01 ERROR forged\n', b'\x1b[2J\n b'
        error = self.assertRaises(exceptions.OutcomeUnknown, self.exchange)
        shown = ''.join(traceback.format_exception(error))
        self.assertNotIn('forged', shown)
        self.assertNotIn('\x1b', shown)

    def test_close(self):
        self.assertIsNone(self.transport().close())
