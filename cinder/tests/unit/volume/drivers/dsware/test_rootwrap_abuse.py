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

"""Every small change to a command that root may be asked to run.

Each command that the driver runs is changed in one place, in every way that
is known to have fooled filters. What the filters let through is compared
with a second description of what is legal, which has no regular expressions.
"""

import itertools
import os
import string

import ddt
from oslo_rootwrap import wrapper
import testtools

from cinder.tests.unit.volume.drivers.dsware import test_rootwrap
from cinder.volume.drivers.dsware.array import models

WORD = frozenset(string.ascii_letters + string.digits + '_')
DIGITS = frozenset(string.digits)


def is_name(text):
    return (1 <= len(text) <= 95 and text[0] in WORD
            and set(text) <= WORD | set('.-'))


def is_names(text):
    return all(part and part[0] in WORD and set(part) <= WORD | set('.-')
               for part in text.split(','))


def is_number(text):
    return 1 <= len(text) <= 18 and set(text) <= DIGITS


def is_positive(text):
    return is_number(text) and text[0] != '0'


def is_address(text):
    host, percent, zone = text.partition('%')
    plain = set(host) <= WORD | set('.:-') and host[:1] not in ('', '.', '-')
    zoned = zone and set(zone) <= WORD | set('.-')
    return plain and len(text) <= 253 and bool(zoned if percent else True)


def is_port(text):
    return is_positive(text) and len(text) <= 5


def is_limit(text):
    return is_positive(text) and len(text) <= 6


KINDS = {
    'volNameList': is_names, 'snapNameList': is_names,
    'volName': is_name, 'snapName': is_name, 'volNameSrc': is_name,
    'snapNameSrc': is_name, 'qosName': is_name, 'poolId': is_number,
    'poolIdDst': is_number, 'volSize': is_positive, 'detachIp': is_address,
    'thinFlag': ('0', '1').__contains__, 'smartFlag': ('0',).__contains__,
    **dict.fromkeys(models.QOS_LIMITS, is_number)}
COMMON = ('timeout', '--kill-after=5', is_limit, 'fsc_cli', '--manage_ip',
          is_address, '--ip', is_address, '--port', is_port, '--op')


def legal_shapes():
    """Give what may stand at each place of each command."""
    for op, args in test_rootwrap.REQUESTS:
        shape = list(COMMON) + [op]
        for key in args:
            shape += ['--' + key, KINDS[key]]
        yield tuple(shape)


def is_legal(argv, shapes):
    """Tell whether a command is one that the driver may need."""
    return any(
        len(argv) == len(shape) and all(
            wanted(token) if callable(wanted) else wanted == token
            for wanted, token in zip(shape, argv))
        for shape in shapes)


# What stands in place of an argument, before it and after it.
OTHERS = (
    '', '-', '--', '---', '0', '00', '-0', '-1', '+1', '1e3', '0x10', '1_0',
    '1.0', '\u0661', '\uff11', '\u00b2', 'NaN', str(10 ** 30), '9' * 18,
    '9' * 19, 'sh', '/bin/sh', 'fsc_cli', '/tmp/fsc_cli', './fsc_cli',
    'timeout', '/usr/bin/timeout', '--help', '-s', '--foreground',
    '--signal=0', '--kill-after=0', '--kill-after=05', '--debug',
    '--authCredentials', '--op', '--op=login', 'login', 'startServer',
    '$(reboot)', '`reboot`', ';reboot', '|sh', '&', '>/etc/passwd', '*',
    '~root', '@/etc/shadow', '../../x', '/etc/shadow', 'LD_PRELOAD=/tmp/x',
    'PATH=/tmp', 'a\nb', '\n', '\0', '\x1b[2J', '\u202e', '\ufeff',
    'x' * 95, 'x' * 96, 'x' * 254, 'x' * 65537, 'a,b', ',', 'a,,b', 'a, b',
    '::1', 'fe80::1%eth0', 'fe80::1%', '%', '1.2.3.4,5.6.7.8', '[::1]',
    'host:1', 'a b', '"a"', "'a'", 'a\\nb', 'a%0Ab', '\ud800')
AFFIXES = ('\n', '\r', '\r\n', ' ', '\t', '\0', '\x0b', '\x85', '\u2028',
           '\u200b', '\u0301', '-', '--', '=', '=1', ',', ',a', ';', '/',
           './', '../', '/tmp/', '@', '+', '0', 'x', '.', '%', '\\', '"',
           '\nx', '\n--op\nlogin', '\ud800')
LOOKALIKES = {'a': '\u0430', 'e': '\u0435', 'o': '\u043e', 's': '\u017f',
              'k': '\u212a', 'i': '\u0131', '-': '\u2010', '0': '\u0660',
              '1': '\uff11', '_': '\uff3f', '.': '\u2024'}


def changed(token):
    """Give a token with every small change.

    :param token: one argument
    """
    yield from OTHERS
    for affix in AFFIXES:
        yield token + affix
        yield affix + token
        yield affix + token + affix
    yield from (token.upper(), token.lower(), token.swapcase(),
                token.title(), token * 2, token[::-1],
                token + '\n' + token, token.replace('-', '_'),
                token.replace('_', '-'), token.lstrip('-'))
    for index, char in enumerate(token):
        before, after = token[:index], token[index + 1:]
        yield before + after
        for other in ('\n', '\0', char * 2, '%00', LOOKALIKES.get(char, '?')):
            yield before + other + after


def mutations(argv):
    """Give a command with every change of one token.

    :param argv: the command
    """
    for index in range(len(argv)):
        before, after = argv[:index], argv[index + 1:]
        yield before + after
        yield before + [argv[index]] * 2 + after
        if after:
            yield before + [after[0], argv[index]] + after[1:]
            yield before + [argv[index] + after[0]] + after[1:]
            yield before + [f'{argv[index]}={after[0]}'] + after[1:]
            yield before + [f'{argv[index]} {after[0]}'] + after[1:]
        for token in itertools.chain(changed(argv[index]), argv):
            yield before + [token] + after
    for index, token in itertools.product(range(len(argv) + 1), OTHERS):
        yield argv[:index] + [token] + argv[index:]


@ddt.ddt
class RootwrapAbuseTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        # privsep-helper, which rootwrap itself adds, is not of this project.
        self.filters = [
            found for found in wrapper.load_filters(
                [str(test_rootwrap.FILTERS)])
            if found.name != 'privsep-helper']
        self.shapes = list(legal_shapes())

    def allowed(self, argv):
        return any(found.match(argv) for found in self.filters)

    @ddt.data(*(op for op, _args in test_rootwrap.REQUESTS))
    def test_a_changed_command_is_refused_unless_it_is_legal(self, op):
        argv = test_rootwrap.command(op, dict(test_rootwrap.REQUESTS)[op])
        self.assertTrue(is_legal(argv, self.shapes))
        self.assertTrue(self.allowed(argv))
        wrong = [mutant for mutant in mutations(argv)
                 if self.allowed(mutant) != is_legal(mutant, self.shapes)]
        self.assertEqual([], wrong[:5])

    def test_there_are_many_changes(self):
        count = sum(1 for op, args in test_rootwrap.REQUESTS
                    for _mutant in mutations(test_rootwrap.command(op, args)))
        self.assertGreater(count, 100_000)

    def test_only_root_and_only_timeout(self):
        # Rootwrap runs what its own directories hold, whatever was asked.
        for found in self.filters:
            self.assertEqual('root', found.run_as)
            self.assertEqual('timeout', found.exec_path)
            self.assertIsNone(found.get_environment([]))

    def test_what_runs_is_from_the_directories_of_rootwrap(self):
        directory = self.useFixture(test_rootwrap.Programs()).path
        argv = test_rootwrap.command('queryVolume', {'volName': 'v'})
        found = wrapper.match_filter(self.filters, argv, [directory])
        self.assertEqual([os.path.join(directory, 'timeout'), *argv[1:]],
                         found.get_command(argv, [directory]))
