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

"""The rootwrap filters, with oslo.rootwrap's own matching."""

import ast
import os
import pathlib

import ddt
import fixtures
from oslo_rootwrap import wrapper

from cinder.tests.unit import test
from cinder.volume.drivers.dsware.array import array
from cinder.volume.drivers.dsware.client import cli_transport
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware import waiting
from dsware_doctor.backend import samples

FILTERS = pathlib.Path(__file__).parents[6] / 'etc/cinder/rootwrap.d'

REQUESTS = samples.REQUESTS
# What the simulator and the specification know and the driver may come to
# ask for; each needs a filter as soon as it does.
OPERATIONS = frozenset(op for op, _args in REQUESTS) | {
    'queryVolumeOfSnap', 'duplicateSnapshot',
    'queryPoolType', 'createQoS', 'setQoS', 'deleteQoS',
    'associateQoSWithVolume', 'disassociateQoSWithVolume',
    'queryVolumeQoSInfo'}


def command(op, args, host='192.0.2.1'):
    """Have the transport build a command.

    :param op: the operation
    :param args: its arguments
    :param host: the agent's address
    :returns: the command that is given to rootwrap
    """
    commands = []

    def execute(*argv, **kwargs):
        commands.append(list(argv))
        return b'result=0\nversion=1\n', b''

    transport = cli_transport.CLITransport(
        endpoints.Endpoint(host, 10519),
        '192.0.2.9', execute)
    list(transport.exchange(endpoints.Request(op, args),
                            waiting.Deadline(60)))
    return commands[0]


def asked_for(directory):
    """Find the operations that the modules of the driver name.

    :param directory: where the modules are
    :returns: a set of names
    """
    found = set()
    for module in directory.rglob('*.py'):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Constant) and node.value in OPERATIONS:
                found.add(node.value)
    return found


class Programs(fixtures.TempDir):
    """A directory with a program that is called timeout."""

    def _setUp(self):
        super()._setUp()
        self.program = os.path.join(self.path, 'timeout')
        with open(self.program, 'w') as program:
            program.write('#!/bin/sh\n')
        os.chmod(self.program, 0o755)


@ddt.ddt
class RootwrapFiltersTestCase(test.TestCase):

    def setUp(self):
        super().setUp()
        self.filters = wrapper.load_filters([str(FILTERS)])
        self.good = command('createVolume', {
            'volName': 'volume-1', 'poolId': 0, 'volSize': 1024,
            'thinFlag': 1})

    def allowed(self, argv):
        try:
            return wrapper.match_filter(
                self.filters, argv, os.environ['PATH'].split(':'))
        except wrapper.NoFilterMatched:
            return None

    @ddt.data(*REQUESTS)
    @ddt.unpack
    def test_every_operation_is_allowed(self, op, args):
        argv = command(op, args)
        found = self.allowed(argv)
        self.assertIsNotNone(found, argv)
        self.assertEqual('root', found.run_as)
        self.assertEqual(
            argv[1:], found.get_command(argv, ['/usr/bin', '/bin'])[1:])

    def test_every_operation_of_the_driver_has_a_filter(self):
        used = asked_for(pathlib.Path(array.__file__).parents[1])
        self.assertEqual({op for op, _args in REQUESTS}, used)

    def test_there_is_no_other_filter(self):
        # One more is privsep-helper, which rootwrap adds itself.
        self.assertEqual(len(REQUESTS) + 1, len(self.filters))

    @ddt.data('2001:db8::1', '::1', 'agent-1.example.org', '127.0.0.1')
    def test_every_kind_of_address_is_allowed(self, host):
        self.assertIsNotNone(
            self.allowed(command('getDSwareIdentifier', {}, host)))

    @ddt.data(
        ('volName', '-rf'), ('volName', '--op'), ('volName', ''),
        ('volName', 'a b'), ('volName', 'a;reboot'), ('volName', '$(reboot)'),
        ('volName', 'a\nb'), ('volName', 'a\n'), ('volName', '../../a'),
        ('volName', 'a,b'), ('volName', 'vol\u0430'), ('volSize', '1024\n'),
        ('volSize', '\u0661'), ('volSize', '-1'), ('poolId', '0x1'),
        ('thinFlag', '2'), ('ip', '-h'), ('ip', 'a b'), ('ip', '$HOME'),
        ('manage_ip', '1.2.3.4\n'), ('port', '80 --op'), ('op', 'login'),
        ('op', 'deleteVolume'), ('op', 'createVolume\n'))
    @ddt.unpack
    def test_no_other_value_is_allowed(self, key, value):
        argv = list(self.good)
        argv[argv.index('--' + key) + 1] = value
        self.assertIsNone(self.allowed(argv))

    @ddt.data('', ',', 'a,', ',a', 'a,,b', 'a,-b', 'a,b c', 'a,b\n',
              'a,b;reboot', '-a,b')
    def test_no_other_list_of_names_is_allowed(self, value):
        for key in ('--volNameList', '--snapNameList'):
            argv = command('activeSnapshots', {'volNameList': 'v,w',
                                               'snapNameList': 's,t'})
            argv[argv.index(key) + 1] = value
            self.assertIsNone(self.allowed(argv))

    @ddt.data(
        ['--op', 'deleteVolume'], ['--volName', 'volume-2'], ['--debug'],
        ['--authCredentials', 'x'], [';', 'reboot'], ['volume-2'], [''])
    def test_nothing_more_is_allowed(self, more):
        self.assertIsNotNone(self.allowed(self.good))
        self.assertIsNone(self.allowed(self.good + more))
        before_op = self.good.index('--op')
        self.assertIsNone(self.allowed(
            self.good[:before_op] + more + self.good[before_op:]))

    def test_nothing_less_is_allowed(self):
        for count in range(len(self.good)):
            self.assertIsNone(self.allowed(self.good[:count]))

    @ddt.data('sh', 'reboot', '/tmp/fsc_cli', './fsc_cli', 'fsc_cli2',
              'xfsc_cli')
    def test_no_other_program_is_allowed(self, program):
        argv = list(self.good)
        argv[argv.index('fsc_cli')] = program
        self.assertIsNone(self.allowed(argv))

    @ddt.data('--foreground', '--signal=0', '-k', '--kill-after=x')
    def test_no_other_option_of_timeout_is_allowed(self, option):
        argv = list(self.good)
        argv[1] = option
        self.assertIsNone(self.allowed(argv))

    def test_fsc_cli_is_not_allowed_without_a_limit_in_time(self):
        self.assertIsNone(
            self.allowed(self.good[self.good.index('fsc_cli'):]))
