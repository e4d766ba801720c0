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

"""What root is asked to run, whatever a driver, a user or a cluster says."""

import os
import shutil
import string
import tempfile

import hypothesis
from hypothesis import strategies
from os_brick import exception
from oslo_concurrency import processutils
from oslo_config import cfg
import testtools

from os_brick_dsware import programs
from os_brick_dsware.tests import fakes

PLAIN = frozenset(string.ascii_letters + string.digits + '_.,:%-')
KEYS = ('--manage_ip', '--ip', '--port', '--op', '--volName')
OPS = ('attachVolume', 'detachVolume', 'queryVolume')

ODD = strategies.sampled_from((
    '-rf', '--op', '--op=deleteVolume', 'a b', 'a\nb', 'a\n', '\n', 'a=b',
    'a\0b', '"', "'", ';reboot', '$(reboot)', '`reboot`', '../../etc/passwd',
    '/etc/shadow', 'vol\u0430', '\u202e', '\x1b[2J', '\udc80', ' ', '', '*',
    'x' * 96, 'x' * 70000, 'volume-1\n--op\ndeleteVolume', '%n%s', '-', '.'))
TEXTS = strategies.one_of(
    ODD, strategies.just('127.0.1.1'), strategies.text(
        strategies.characters(exclude_categories=['Cs']), max_size=40))
ANYTHING = strategies.one_of(
    TEXTS, strategies.none(), strategies.integers(), strategies.booleans(),
    strategies.floats(), strategies.binary(max_size=8),
    strategies.lists(TEXTS, max_size=2))


def mostly(right):
    """Give the right value more often than not, or what gets as far."""
    return strategies.integers(0, 3).flatmap(
        lambda chance: strategies.just(right) if chance else ANYTHING)


PROPERTIES = strategies.fixed_dictionaries({
    'volume_name': mostly(fakes.NAME), 'wwn': mostly(fakes.WWN),
    'manager_ip': mostly('10.0.0.1'), 'agent_ip': mostly('127.0.1.1')},
    optional={
        'attachment': ANYTHING, 'agent_port': ANYTHING,
        'dsware_user_kind': ANYTHING, 'dsware_instance': ANYTHING,
        'access_mode': ANYTHING})
ANSWERS = strategies.one_of(TEXTS, strategies.builds(
    '\n'.join, strategies.lists(strategies.one_of(
        strategies.sampled_from((
            'result=0', 'result=50151401', 'result=50150005',
            'result=50151601', 'desc=\x1b[2J', 'wwn=../../sda',
            'vol_name=volume-1,vol_size=1', 'vol_name=volume-2,vol_size=1',
            'vol_name=volume-1,vol_size=1,wwn=6888603000000001',
            'DSwareAttachResult [result=0, devName=/dev/null]',
            'DSwareAttachResult [result=0, devName=/etc/../dev/sda]',
            'DSwareAttachResult [result=0, devName=-rf]')),
        TEXTS.map('DSwareAttachResult [result=0, devName=/dev/{}]'.format),
        TEXTS.map('wwn={}'.format)), max_size=6)))


def is_ours(argv):
    """Tell whether a command is one of those that the connector needs."""
    if argv[:2] == ('blockdev', '--flushbufs'):
        return len(argv) == 3 and argv[2].startswith('/')
    if argv[:2] == ('tee', '-a'):
        return (len(argv) == 3 and argv[2].startswith('/')
                and argv[2].endswith('/device/rescan'))
    limits = fakes.limits()
    if argv[:len(limits)] != limits:
        return False
    program, *args = argv[len(limits):]
    return program == 'fsc_cli' and is_request(args)


def is_request(args):
    keys, values = args[::2], args[1::2]
    named = dict(zip(keys, values))
    order = [key for key in KEYS if key in named]
    return (len(keys) == len(values) == len(named) and keys == order
            and {*KEYS} - {'--port'} <= set(keys)
            and named['--op'] in OPS
            and all(value and set(value) <= PLAIN and value[0] != '-'
                    for value in values))


class PrivilegesTestCase(testtools.TestCase):

    def answer(self, *argv, **kwargs):
        """Stand for os-brick's executor, with a program that lies."""
        self.commands.append(argv)
        self.assertTrue(kwargs['run_as_root'])
        if argv[0] != 'timeout':
            return '', ''
        answer = self.answers.pop(0) if self.answers else 'result=0\n'
        if len(answer) % 5 == 1:
            raise processutils.ProcessExecutionError(
                stdout=answer, stderr=answer, exit_code=len(answer) % 256)
        return answer, ''

    def connector(self, directory):
        made = fakes.QuickConnector('sudo', execute=self.answer)
        made.host = fakes.FakeDevices(directory + '/host')
        made.waits = fakes.waiting.Waits(0, 0, 0, 0, 0, 0, 0)
        return made

    @hypothesis.given(properties=PROPERTIES,
                      info=strategies.one_of(strategies.none(), PROPERTIES),
                      answers=strategies.lists(ANSWERS, max_size=6),
                      force=strategies.booleans())
    @hypothesis.settings(deadline=None, database=None, max_examples=60,
                         suppress_health_check=list(hypothesis.HealthCheck))
    def test_only_these_commands(self, properties, info, answers, force):
        self.commands, self.answers = [], list(answers)
        directory = tempfile.mkdtemp()
        try:
            os.makedirs(directory + '/host/proc')
            os.mkdir(directory + '/lock')
            cfg.CONF.set_override('lock_path', directory + '/lock',
                                  'os_brick')
            self.call_everything(self.connector(directory), properties,
                                 info, force)
        finally:
            cfg.CONF.clear_override('lock_path', 'os_brick')
            shutil.rmtree(directory)
        for argv in self.commands:
            self.assertTrue(is_ours(argv), argv)

    def call_everything(self, made, properties, info, force):
        calls = (
            lambda: made.connect_volume(properties),
            lambda: made.extend_volume(properties),
            lambda: made.get_volume_paths(properties),
            lambda: made.disconnect_volume(properties, info, force=force))
        for call in calls:
            try:
                call()
            except exception.BrickException as error:
                # ExceptionChainer has all that went wrong on the way.
                self.assertLess(len(str(error)), 8000)
                self.assertNotIn('\x1b', str(error))

    def test_the_script_of_the_shell_takes_all_else_as_arguments(self):
        self.assertEqual(fakes.limits()[6], programs.BOUNDED)
        # Only numbers, "$@" and their own variables are expanded.
        for part in programs.BOUNDED.split('$')[1:]:
            self.assertRegex(part, r'\A(1 |2$|2\n|\(|\?|out|err|status|@")')
