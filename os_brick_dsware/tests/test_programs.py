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

"""Programs that do not do as they should, run for real."""

import os
import subprocess

from os_brick.privileged import rootwrap
import testtools

import fixtures

from os_brick_dsware import exceptions
from os_brick_dsware import programs
from os_brick_dsware import result_codes

#: More than any answer may have; ending it is up to who reads.
ENDLESS = 'while :; do echo "%s"; done' % ('x' * 1000)


def execute(*cmd, **kwargs):
    """Run a command as os-brick's privileged process does."""
    return rootwrap.custom_execute(*cmd, **kwargs)


class ProgramTestCase(testtools.TestCase):

    def program(self, script, timeout=60):
        """Make a program of a script.

        :param script: what the program does, for a shell
        """
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'cli')
        with open(path, 'w') as stream:
            stream.write('#!/bin/sh\n%s\n' % script)
            os.fchmod(stream.fileno(), 0o755)
        return programs.FSCCli(
            execute, path, timeout, programs.Target('10.0.0.1', '127.0.0.1'))

    def assert_reply(self, kind, part, script):
        reply = self.program(script).attach('volume-1')
        self.assertEqual(kind, reply.kind)
        self.assertIn(part, reply.text)
        return reply

    def test_answer(self):
        reply = self.assert_reply(
            result_codes.OK, 'OK',
            'echo result=0; echo "DSwareAttachResult [result=0, '
            'devName=/dev/sdb]"; echo noise >&2')
        self.assertEqual('/dev/sdb', reply.device)

    def test_arguments_arrive_whole(self):
        made = self.program('for one; do echo "desc=$one"; done; exit 3')
        self.assertIn('exit code 3', made.attach('volume-1').text)
        made = self.program('[ "$*" = "--manage_ip 10.0.0.1 --ip 127.0.0.1 '
                            '--op detachVolume --volName volume-1" ] && '
                            'echo result=0')
        self.assertEqual(result_codes.OK, made.detach('volume-1').kind)

    def test_exit_code_and_messages(self):
        self.assert_reply(result_codes.UNKNOWN, 'exit code 5: out of memory',
                          'echo out of memory >&2; exit 5')
        self.assert_reply(result_codes.UNKNOWN, 'exit code 5: late after '
                          'success', 'echo result=0; echo late >&2; exit 5')
        self.assert_reply('invalid', '50150003',
                          'echo result=50150003; exit 5')

    def test_killed(self):
        self.assert_reply(result_codes.UNKNOWN, 'did not end', 'kill -9 $$')

    def test_prints_without_end(self):
        self.assert_reply(result_codes.UNKNOWN, 'more than 1048576 bytes',
                          'echo result=0; ' + ENDLESS)
        self.assert_reply(result_codes.UNKNOWN, 'more than 1048576 bytes',
                          'trap "" PIPE; head -c 3000000 /dev/zero')

    def test_complains_without_end(self):
        reply = self.assert_reply(result_codes.UNKNOWN, 'xxxx',
                                  '(%s) >&2' % ENDLESS)
        self.assertGreater(1000, len(reply.text))

    def test_only_what_may_be_said_is_collected(self):
        script = 'yes; echo result=0'
        limit = ['sh', '-c', programs.BOUNDED, 'sh', '100', '10']
        done = subprocess.run([*limit, 'sh', '-c', script],
                              capture_output=True, timeout=60)
        self.assertEqual((100, b'y\n' * 50), (len(done.stdout), done.stdout))
        done = subprocess.run([*limit, 'sh', '-c', '(%s) >&2' % script],
                              capture_output=True, timeout=60)
        self.assertEqual(b'y\n' * 5, done.stderr[:10])
        self.assertGreater(100, len(done.stderr))

    def test_listing_may_be_long(self):
        lines = 20000
        made = self.program(
            'echo result=0; awk \'BEGIN { for (i = 0; i < %d; i++) printf '
            '"vol_name=volume-%%d,wwn=68886030%%08d,%s\\n", i, i }\'' % (
                lines, ','.join('a%d=1' % number for number in range(10))))
        reply, found = made.call('queryAllVolume', poolId='0')
        self.assertEqual((result_codes.OK, lines), (reply.kind, len(found)))

    def test_is_not_there(self):
        made = programs.FSCCli(execute, '/nonexistent/fsc_cli', 60,
                               programs.Target('10.0.0.1', '127.0.0.1'))
        error = self.assertRaises(exceptions.ConfigurationError, made.attach,
                                  'volume-1')
        self.assertIn('/nonexistent/fsc_cli', str(error))
