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

"""Which requests the privileged function takes, and what it makes of them."""

import ast
import pathlib

import ddt
import testtools

from cinder.privsep import dsware as privileged
from cinder.volume.drivers.dsware.array import array
from os_brick_dsware import fsc_cli

_LIMITS = {key: 100 for key in fsc_cli.QOS_LIMITS}
#: Each operation that the driver asks for, with arguments as it gives them.
REQUESTS = (
    ('getDSwareIdentifier', {}),
    ('queryAllPoolInfo', {}),
    ('queryPoolInfo', {'poolId': 0}),
    ('queryVolume', {'volName': 'volume-1'}),
    ('querySnapshot', {'snapName': 'snapshot-1'}),
    ('queryAllVolume', {'poolId': 12}),
    ('queryAllSnapshot', {'poolId': 12}),
    ('querySnapOfVolume', {'volName': 'volume-1'}),
    ('createVolume', {'volName': 'volume-1', 'poolId': 0, 'volSize': 1024,
                      'thinFlag': 1}),
    ('deleteVolume', {'volName': 'volume-1'}),
    ('expandVolume', {'volName': 'volume-1', 'volSize': 2048}),
    ('createSnapshot', {'volName': 'volume-1', 'snapName': 'snapshot-1',
                        'smartFlag': 0}),
    ('activeSnapshots', {'volNameList': 'volume-1,volume-2',
                         'snapNameList': 'snapshot-1,snapshot-2'}),
    ('deleteSnapshot', {'snapName': 'snapshot-1'}),
    ('createVolumeFromSnap', {'volName': 'volume-2', 'volSize': 1024,
                              'snapNameSrc': 'snapshot-1'}),
    ('createFullVolumeFromSnap', {'volName': 'volume-2',
                                  'snapName': 'snapshot-1'}),
    ('migrateVolumeCold', {'volNameSrc': 'volume-1', 'poolIdDst': 1}),
    ('rollbackSnapshot', {'snapName': 'snapshot-1', 'volName': 'volume-1'}),
    ('attachVolume', {'volName': 'volume-1'}),
    ('detachVolume', {'volName': 'volume-1'}),
    ('detachVolumeByIp', {'volName': 'volume-1', 'detachIp': '192.0.2.7'}),
    ('createQoS', {'qosName': 'volume-1.qos', **_LIMITS}),
    ('setQoS', {'qosName': 'volume-1.qos', **_LIMITS}),
    ('deleteQoS', {'qosName': 'volume-1.qos'}),
    ('associateQoSWithVolume', {'qosName': 'volume-1.qos',
                                'volName': 'volume-1'}),
    ('disassociateQoSWithVolume', {'qosName': 'volume-1.qos',
                                   'volName': 'volume-1'}),
    ('queryVolumeQoSInfo', {'volName': 'volume-1'}),
)
MANAGER = '192.0.2.9'
AGENT = '192.0.2.1'
PORT = 10519


def asked_for(directory):
    """Find the operations that the modules of the driver name.

    :param directory: where the modules are
    :returns: a set of names
    """
    known = {op for op, _args in REQUESTS} | {
        'queryVolumeOfSnap', 'duplicateSnapshot', 'queryPoolType'}
    return {node.value
            for module in directory.rglob('*.py')
            if module.name != 'privileged.py'
            for node in ast.walk(ast.parse(module.read_text()))
            if isinstance(node, ast.Constant) and node.value in known}


@ddt.ddt
class CommandTestCase(testtools.TestCase):

    @ddt.data(*REQUESTS)
    @ddt.unpack
    def test_every_operation(self, op, args):
        argv = privileged.command(op, MANAGER, AGENT, PORT, args)
        words = [word for key, value in args.items()
                 for word in ('--' + key, str(value))]
        self.assertEqual(
            ['fsc_cli', '--manage_ip', MANAGER, '--ip', AGENT, '--port',
             str(PORT), '--op', op, *words], argv)

    def test_these_are_all_operations_of_the_driver(self):
        used = asked_for(pathlib.Path(array.__file__).parents[1])
        self.assertEqual(used, set(privileged.OPERATIONS))
        self.assertEqual(used, {op for op, _args in REQUESTS})

    def test_the_order_of_arguments_is_not_the_callers(self):
        args = dict(REQUESTS)['createVolume']
        self.assertEqual(
            privileged.command('createVolume', MANAGER, AGENT, PORT, args),
            privileged.command('createVolume', MANAGER, AGENT, PORT,
                               dict(reversed(args.items()))))

    @ddt.data('2001:db8::1', 'fe80::1%eth0', 'agent-1.example.org')
    def test_every_kind_of_address(self, host):
        argv = privileged.command('getDSwareIdentifier', host, host, 1, {})
        self.assertEqual(2, argv.count(host))
