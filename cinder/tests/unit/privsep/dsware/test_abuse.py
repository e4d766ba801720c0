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

"""Every small change to what root may be asked to run.

Each request that the driver makes is changed in one place, in every way that
is known to have fooled filters. What the privileged function accepts is
compared with a second description of what is legal, which has no regular
expressions.
"""

import string

import ddt
import testtools

from cinder.privsep import dsware as privileged
from cinder.tests.unit.privsep.dsware import test_command
from os_brick_dsware import fsc_cli

WORD = frozenset(string.ascii_letters + string.digits + '_')
DIGITS = frozenset(string.digits)
REQUESTS = dict(test_command.REQUESTS)


def is_name(text):
    return (1 <= len(text) <= 95 and text[0] in WORD
            and set(text) <= WORD | set('.-'))


def is_names(text):
    return len(text) <= 65536 and all(map(is_name, text.split(',')))


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


KINDS = {
    'volNameList': is_names, 'snapNameList': is_names,
    'volName': is_name, 'snapName': is_name, 'volNameSrc': is_name,
    'snapNameSrc': is_name, 'qosName': is_name, 'poolId': is_number,
    'poolIdDst': is_number, 'volSize': is_positive, 'detachIp': is_address,
    'thinFlag': ('0', '1').__contains__, 'smartFlag': ('0',).__contains__,
    **dict.fromkeys(fsc_cli.QOS_LIMITS, is_number)}


def is_text(kind, value):
    """Tell whether a value is text, or a number, of that kind."""
    return type(value) in (str, int) and kind(str(value))


def is_legal(op, manage_ip, agent_ip, port, args):
    """Tell whether a request is one that the driver may need."""
    return (type(op) is str and op in REQUESTS
            and is_text(is_address, manage_ip)
            and is_text(is_address, agent_ip) and is_text(is_port, port)
            and isinstance(args, dict)
            and set(args) == set(REQUESTS[op])
            and all(is_text(KINDS[key], args[key]) for key in args))


OTHERS = (
    '', '-', '--', '---', '0', '00', '-0', '-1', '+1', '1e3', '0x10', '1_0',
    '1.0', '\u0661', '\uff11', '\u00b2', 'NaN', str(10 ** 30), '9' * 18,
    '9' * 19, 'sh', '/bin/sh', 'fsc_cli', '/tmp/fsc_cli', './fsc_cli',
    '--help', '-s', '--debug',
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


# What is neither text nor a number, as it may come over the wire.
NO_TEXTS = (None, True, False, b'volume-1', 1.5, float('nan'), (), ('a', 'b'),
            {}, {'a': 'b'})


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


def mutations(op, *request):
    """Give a request with every change of one of its parts.

    :param op: the operation
    :param request: the addresses, the port and the arguments
    """
    whole = [op, *request]
    for index, part in enumerate(whole[:-1]):
        for other in (*changed(str(part)), *NO_TEXTS):
            yield [*whole[:index], other, *whole[index + 1:]]
    args = whole.pop()
    for other in NO_TEXTS[:-2]:
        yield [*whole, other]
    for key, value in args.items():
        rest = {name: args[name] for name in args if name != key}
        yield [*whole, rest]
        for other in (*changed(str(value)), *args.values(), *NO_TEXTS):
            yield [*whole, {**args, key: other}]
        for other in (*changed(key), *KINDS, *NO_TEXTS[:5]):
            yield [*whole, {**rest, other: value}]
    for other in (*OTHERS, *KINDS):
        yield [*whole, {**args, other: 'volume-1'}]


def is_accepted(*request):
    try:
        argv = privileged.command(*request)
    except fsc_cli.ArgumentError:
        return False
    return all(type(word) is str for word in argv)


@ddt.ddt
class PrivilegedAbuseTestCase(testtools.TestCase):

    def request(self, op):
        return (op, test_command.MANAGER, test_command.AGENT,
                test_command.PORT, REQUESTS[op])

    @ddt.data(*REQUESTS)
    def test_a_changed_request_is_refused_unless_it_is_legal(self, op):
        request = self.request(op)
        self.assertTrue(is_legal(*request))
        self.assertTrue(is_accepted(*request))
        wrong = [mutant for mutant in mutations(*request)
                 if is_accepted(*mutant) != is_legal(*mutant)]
        self.assertEqual([], wrong[:5])
