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
"""Each fault, over real sockets."""

import socket
import time

import ddt
import testtools

from dsware_sim import codec
from dsware_sim import codes
from dsware_sim.front import control
from dsware_sim.front import faults
from dsware_sim.tests import base


@ddt.ddt
class FaultTestCase(base.SimulatorTestCase):
    """Each fault, over real sockets."""

    def add(self, kind, **more):
        return self.control.add_fault(kind=kind, **more)

    def exists(self, name='v'):
        code, _ = self.connect()('queryVolume', volName=name)
        return code == codes.OK

    def create(self, client, name='v'):
        return client('createVolume', volName=name, poolId=0, volSize=8,
                      thinFlag=1)[0]

    def lost(self, client, op='createVolume'):
        self.assertRaises((EOFError, ConnectionError), self.create, client)

    def test_delay(self):
        self.add('delay', seconds=0.3, count=1)
        client = self.connect()
        started = time.monotonic()
        self.create(client)
        self.assertGreaterEqual(time.monotonic() - started, 0.3)
        self.assertEqual([], self.control.faults())

    def test_delay_of_one_holds_up_nobody(self):
        self.add('delay', seconds=3600, op='createVolume')
        client = self.connect()
        client.send('createVolume', volName='v', poolId=0, volSize=8,
                    thinFlag=1)
        self.assertFalse(self.exists())

    @ddt.data({'kind': 'delay', 'seconds': 0.5, 'count': 1},
              {'kind': 'hold'})
    def test_reset_forgets_requests_that_wait(self, fault):
        self.add(op='createVolume', **fault)
        client = self.connect()
        client.send('createVolume', volName='v', poolId=0, volSize=8,
                    thinFlag=1)
        base.wait_for(self.control.counts, 'the request')
        self.control.reset()
        self.assertRaises((EOFError, ConnectionError), client.receive)
        self.assertFalse(self.exists())

    def test_delay_and_another(self):
        self.add('delay', seconds=0.1)
        self.add('result', code=codes.VBS_QUEUE_BUSY)
        started = time.monotonic()
        self.assertEqual(codes.VBS_QUEUE_BUSY, self.create(self.connect()))
        self.assertGreaterEqual(time.monotonic() - started, 0.1)

    def test_hold(self):
        number = self.add('hold', op='createVolume')
        gone, client = self.connect(), self.connect()
        for one, name in ((gone, 'gone'), (client, 'v')):
            one.send('createVolume', volName=name, poolId=0, volSize=8,
                     thinFlag=1)
        base.wait_for(lambda: self.control.counts().get('createVolume') == 2,
                      'the requests')
        gone.close()
        self.assertFalse(self.exists())
        self.control.clear_faults(number)
        self.assertEqual(codes.OK, client.receive()[0])
        # Whoever has asked for it.
        base.wait_for(lambda: self.exists('gone'), 'the other volume')

    def test_refuse(self):
        client = self.connect()
        self.add('refuse')
        self.assertRaises(ConnectionRefusedError, self.connect)
        self.assertEqual(codes.OK, self.create(client))
        self.control.clear_faults()
        self.assertTrue(self.exists())

    def test_refuse_some(self):
        self.add('refuse', count=2, agent=self.simulator.agents[0][0])
        self.connect(1)('queryAllPoolInfo')
        for _ in range(2):
            client = self.connect()
            self.assertRaises((EOFError, ConnectionError), client,
                              'queryAllPoolInfo')
        self.ok(self.connect(), 'queryAllPoolInfo')

    def test_hang(self):
        self.add('hang', count=1)
        client = self.connect()
        client.socket.settimeout(0.2)
        self.assertRaises(socket.timeout, self.create, client)
        self.assertFalse(self.exists())
        self.assertEqual((self.simulator.agents[0][0], 'createVolume', None),
                         self.control.log()[0][:2] + (
                             self.control.log()[0][3],))

    def test_skip(self):
        self.add('result', code=codes.VBS_QUEUE_BUSY, op='createVolume',
                 skip=2, count=1)
        client = self.connect()
        self.assertEqual(
            [codes.OK, codes.OK, codes.VBS_QUEUE_BUSY, codes.OK],
            [self.create(client, name) for name in 'abcc'])
        self.assertEqual([], self.control.faults())

    def test_skip_a_copy(self):
        client = self.connect()
        self.create(client)
        client('createSnapshot', volName='v', snapName='s', smartFlag=0)
        self.add('copy_fails', skip=1)
        for name in 'ab':
            self.create(client, name)
            self.ok(client, 'createFullVolumeFromSnap', volName=name,
                    snapName='s')
        base.wait_for(lambda: not self.control.status()['copies'],
                      'the end of the copies')
        self.assertEqual({'v': 0, 'a': 0, 'b': 9}, {
            volume['name']: volume['status']
            for volume in self.control.status()['volumes']})

    def test_skip_is_a_number_of_requests(self):
        for fault in ({'kind': 'hang', 'skip': -1},
                      {'kind': 'hang', 'skip': 'two'},
                      {'kind': 'down', 'skip': 1}):
            self.assertRaises(control.ControlError, self.control.add_fault,
                              **fault)

    def test_drop_before(self):
        self.add('drop_before', op='createVolume', count=1)
        self.lost(self.connect())
        self.assertFalse(self.exists())

    def test_drop_after(self):
        self.add('drop_after', op='createVolume', count=1)
        self.lost(self.connect())
        self.assertTrue(self.exists())

    def test_drop_after_work(self):
        client = self.connect()
        self.create(client)
        self.add('drop_after', op='createSnapshot', count=1)
        self.assertRaises((EOFError, ConnectionError), client,
                          'createSnapshot', volName='v', snapName='s')
        self.ok(self.connect(), 'querySnapshot', snapName='s')

    def check_death(self, kind):
        """Let an agent die at a request; tell whether that was done."""
        address = self.simulator.agents[0][0]
        self.add(kind, op='createVolume', count=1)
        self.lost(self.connect())
        self.assertRaises(ConnectionRefusedError, self.connect)
        self.assertEqual([('down', address)], [
            (one['kind'], one['agent']) for one in self.control.faults()])
        self.control.agent_up(address)
        return self.exists()

    def test_agent_dies_before(self):
        self.assertFalse(self.check_death('agent_dies'))

    def test_agent_dies_after(self):
        self.assertTrue(self.check_death('agent_dies_after'))

    def test_cut_frame(self):
        self.add('cut_frame', count=1)
        client = self.connect()
        error = self.assertRaises(EOFError, self.create, client)
        got = error.args[0]
        length = int.from_bytes(got[:4], 'big')
        self.assertTrue(0 < len(got) - 4 < length)
        self.assertTrue(self.exists())

    def test_garbage(self):
        self.add('garbage', count=1)
        self.assertRaises(codec.ProtocolError, self.create, self.connect())
        self.assertTrue(self.exists())

    def test_wrong_seq(self):
        self.add('wrong_seq', count=1)
        client = self.connect()
        client.send('queryAllPoolInfo')
        self.assertEqual(client.seq + 1, client.receive_frame().seq)

    def test_result(self):
        self.add('result', code=codes.VBS_NOT_READY, count=2)
        client = self.connect()
        for _ in range(2):
            self.assertEqual(codes.VBS_NOT_READY, self.create(client))
        self.assertEqual(codes.OK, self.create(client))

    def test_unpublished_result(self):
        self.add('result', code=-7, count=1)
        self.assertEqual(-7, self.create(self.connect()))

    def test_result_after(self):
        self.add('result_after', code=codes.VBS_REQUEST_TIMEOUT, count=1)
        client = self.connect()
        self.assertEqual(codes.VBS_REQUEST_TIMEOUT, self.create(client))
        self.assertTrue(self.exists())

    def test_selection(self):
        self.add('result', code=1, op='createVolume',
                 agent=self.simulator.agents[0][0])
        first, second = self.connect(0), self.connect(1)
        self.assertEqual(1, self.create(first))
        self.assertEqual(codes.OK, self.create(second))
        self.ok(first, 'queryVolume', volName='v')

    def test_clear_one(self):
        number = self.add('result', code=1)
        self.add('result', code=2)
        client = self.connect()
        self.assertEqual(1, self.create(client))
        self.control.clear_faults(number)
        self.assertEqual(2, self.create(client))

    def test_pool_full(self):
        self.add('pool_full', pool=1)
        client = self.connect()
        self.assertEqual(codes.OK, self.create(client))
        self.assertEqual(codes.SPACE_NOT_ENOUGH, client(
            'createVolume', volName='w', poolId=1, volSize=1,
            thinFlag=1)[0])
        record, = self.ok(client, 'queryPoolInfo', poolId=1)
        self.assertEqual(record['total_capacity'], record['used_capacity'])
        self.control.clear_faults()
        record, = self.ok(client, 'queryPoolInfo', poolId=1)
        self.assertEqual('0', record['used_capacity'])

    def test_copy_fails(self):
        client = self.connect()
        self.create(client)
        self.create(client, 'w')
        self.ok(client, 'createSnapshot', volName='v', snapName='s')
        self.add('copy_fails', op='createFullVolumeFromSnap', count=1)
        self.ok(client, 'createFullVolumeFromSnap', volName='w',
                snapName='s')
        self.assertEqual('9', self.wait_ready(client, 'w')['status'])
        self.ok(client, 'rollbackSnapshot', volName='v', snapName='s')
        self.assertEqual('0', self.wait_ready(client, 'v')['status'])
        self.ok(client, 'deleteVolume', volName='w')

    def test_disk_full(self):
        client = self.connect()
        self.add('disk_full')
        self.assertEqual(codes.DSWARE_ERROR, self.create(client))
        self.ok(client, 'queryAllPoolInfo')
        self.control.clear_faults()
        self.assertFalse(self.exists())
        self.assertEqual(codes.OK, self.create(client))

    def test_disk_full_undoes_what_was_made(self):
        client = self.connect()
        self.create(client)
        self.ok(client, 'createSnapshot', volName='v', snapName='s')
        self.ok(client, 'createSnapshot', volName='v', snapName='free')
        self.create(client, 'w')
        self.attach(client, 's')
        for op, args in (
                ('createVolumeFromSnap', {'volName': 'c', 'volSize': 8,
                                          'snapNameSrc': 's'}),
                ('attachVolume', {'volName': 'v'}),
                ('detachVolume', {'volName': 's'}),
                ('expandVolume', {'volName': 'v', 'volSize': 9}),
                ('deleteSnapshot', {'snapName': 'free'}),
                ('deleteVolume', {'volName': 'w'})):
            self.add('disk_full', count=1)
            before = self.control.status()
            self.assertEqual(codes.DSWARE_ERROR, client(op, **args)[0])
            after = self.control.status()
            self.assertEqual(before | {'faults': []}, after)
        self.ok(client, 'detachVolume', volName='s')

    def test_disk_full_at_the_end_of_a_copy(self):
        client = self.connect()
        self.create(client)
        self.ok(client, 'createSnapshot', volName='v', snapName='s')
        self.control.pause_copies()
        self.ok(client, 'rollbackSnapshot', volName='v', snapName='s')
        self.add('disk_full', count=3)
        self.control.resume_copies()
        self.assertEqual('0', self.wait_ready(client, 'v')['status'])

    def test_cluster_down(self):
        client = self.connect()
        self.add('down')
        self.assertRaises((EOFError, ConnectionError), client,
                          'queryAllPoolInfo')
        for agent in (0, 1):
            self.assertRaises(ConnectionRefusedError, self.connect, agent)
        self.control.agent_up(self.simulator.agents[0][0])
        self.assertRaises(ConnectionRefusedError, self.connect)
        self.control.clear_faults()
        for agent in (0, 1):
            self.ok(self.connect(agent), 'queryAllPoolInfo')

    def test_cli_faults_are_not_for_sockets(self):
        self.add('cli_hang')
        self.add('cli_garbage')
        self.assertEqual(codes.OK, self.create(self.connect()))


class DescriptionTestCase(testtools.TestCase):
    """What a fault needs."""

    def test_mistakes(self):
        for wrong in ({'kind': 'delay'}, {'kind': 'delay', 'seconds': -1},
                      {'kind': 'delay', 'seconds': '1'}, {'kind': 'result'},
                      {'kind': 'result_after', 'code': 'x'},
                      {'kind': 'hang', 'count': 0},
                      {'kind': 'hang', 'count': 1.5}, {'kind': 'hung'},
                      {'kind': 'down', 'count': 1}, {},
                      {'kind': 'hold', 'count': 1},
                      {'kind': 'down', 'op': 'createVolume'},
                      {'kind': 'pool_full', 'count': 1}):
            switched = faults.Faults()
            self.assertRaises(faults.FaultError, switched.add, **wrong)
            self.assertFalse(switched)

    def test_every_kind_is_described(self):
        kinds = {value for name, value in vars(faults).items()
                 if name.isupper() and isinstance(value, str)}
        self.assertEqual(kinds, set(faults.KINDS))
