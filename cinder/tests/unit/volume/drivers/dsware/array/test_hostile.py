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

"""A cluster that answers about something else than what was asked."""

import ddt
import testtools

from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware.array import array
from cinder.volume.drivers.dsware.client import client
from cinder.volume.drivers.dsware.client import protocol
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware.features import stats

VOLUME = {'vol_name': 'v', 'father_name': '', 'status': '0',
          'vol_size': '1024', 'real_size': '0', 'pool_id': '0',
          'create_time': '1'}
SNAPSHOT = {'snap_name': 'v.clone', 'father_name': 'v', 'status': '0',
            'snap_size': '1024', 'real_size': '0', 'pool_id': '0',
            'create_time': '1'}
POOL = {'pool_id': '0', 'total_capacity': '1000', 'used_capacity': '1',
        'alloc_capacity': '1'}
FORGED = 'busy\n2026-01-01 00:00:00.000 ERROR forged\x1b[2J\u202e' + 'x' * 9999


class Liar:
    """A transport whose agent says what the test wants."""

    def __init__(self):
        self.result = 0
        self.desc = ''
        self.records = []
        self.ops = []

    def exchange(self, request, deadline):
        self.ops.append(request.op)
        yield protocol.Frame(1, self.result, self.desc, False,
                             list(self.records))


@ddt.ddt(testNameFormat=ddt.TestNameFormat.INDEX_ONLY)
class HostileTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.clock = fakes.Clock().install(self)
        self.liar = Liar()
        self.array = array.Array(client.Client(
            fakes.ENDPOINTS, lambda endpoint: self.liar, 5), 5)

    def refused(self, call, *args, error=exceptions.OutcomeUnknown):
        raised = self.assertRaises(error, call, *args)
        self.assertTrue(str(raised).isprintable(), repr(str(raised)))
        self.assertLess(len(str(raised)), 1000)
        return raised

    @ddt.data('w', 'V', 'v1', 'v\n', ' v', 'v\0', 'v\u200b', '')
    def test_another_volume_than_asked_for(self, name):
        self.liar.records = [{**VOLUME, 'vol_name': name}]
        self.refused(self.array.queries.volume, 'v')

    @ddt.data({'father_name': 'w'}, {'snap_name': 'w\n.clone'},
              {'snap_name': '-rf'}, {'snap_name': ''})
    def test_a_snapshot_of_another_volume_is_not_deleted(self, lie):
        self.liar.records = [SNAPSHOT, {**SNAPSHOT, **lie}]
        self.refused(self.array.volumes.delete_temporaries_of, 'v')
        self.assertNotIn('deleteSnapshot', self.liar.ops)

    def test_a_snapshot_record_that_is_none(self):
        self.liar.records = [{'snap_name': 'v.clone'}]
        self.refused(self.array.queries.snapshots_of, 'v')

    @ddt.data('/etc/../dev/sda', 'sda', '/dev/sda\n', '/dev/sd a', '-rf',
              '/dev/sda;reboot', '/dev/\x1b[2J', '//dev', '/dev/./sda',
              '/dev/sd\u0430', '/')
    def test_a_device_that_is_none(self, path):
        self.liar.records = [{'devName': path}]
        self.refused(self.array.hosts.attach, 'v', fakes.ENDPOINTS[0])

    def test_two_devices(self):
        self.liar.records = [{'devName': '/dev/sda'}, {'devName': '/dev/sdb'}]
        self.refused(self.array.hosts.attach, 'v', fakes.ENDPOINTS[0])

    @ddt.data('a\nb', '-rf', 'a,b', '\x1b[2J', 'x' * 96)
    def test_a_qos_that_cannot_be_one(self, name):
        self.liar.records = [{'qosName': name}]
        self.refused(self.array.queries.qos_of, 'v')
        self.refused(self.array.qos.limit, 'v', {'maxIOPS': 1})
        self.assertEqual({'queryVolumeQoSInfo'}, set(self.liar.ops))

    @ddt.data('-1', str(10 ** 30), 'NaN', 'Infinity', '\u0661\u0662', '1e3',
              '', '1' * 20_000)
    def test_capacities_that_are_none(self, number):
        for key in POOL:
            self.liar.records = [{**POOL, key: number}]
            watch = stats.PoolWatch(self.array, [])
            watch.refresh()
            self.assertFalse(watch.up)

    @ddt.data(50150013, 50150005, 50150009, 50150016, 4711, -1, 10 ** 17)
    def test_what_the_cluster_says_forges_nothing(self, result):
        self.liar.result, self.liar.desc = result, FORGED
        raised = self.refused(self.array.queries.pools,
                              error=exceptions.DSWareError)
        self.assertIn('busy?2026', str(raised))
