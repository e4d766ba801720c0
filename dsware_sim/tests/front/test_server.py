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
"""A running simulator over real sockets."""

import json
import os
import signal
import socket
import subprocess
import threading

from dsware_sim.cluster import model
from dsware_sim import codec
from dsware_sim import codes
from dsware_sim.front import control
from dsware_sim.host import devices
from dsware_sim import testing
from dsware_sim.tests import base


class ConnectionTestCase(base.SimulatorTestCase):
    """Frames on a connection."""

    def test_requests_in_one_go_are_answered_in_order(self):
        client = self.connect()
        for number in range(200):
            client.send('createVolume', volName='v%d' % number, poolId=0,
                        volSize=1, thinFlag=1)
        for _ in range(200):
            self.assertEqual((codes.OK, []), client.receive())
        self.assertEqual(200, len(client('queryAllVolume', poolId=0)[1]))

    def test_byte_by_byte(self):
        client = self.connect()
        for number in codec.encode_request(1, 'queryAllPoolInfo',
                                           base.MANAGER, {}):
            client.socket.sendall(bytes((number,)))
        self.assertEqual(2, len(client.receive()[1]))

    def test_protocol_errors_close_the_connection(self):
        for data in (b'\0\0\0\0', b'\xff\xff\xff\xff',
                     (65537).to_bytes(4, 'big'), codec.frame(b'\xff\xfe'),
                     codec.frame(b'seq=1\nno operation=1'),
                     codec.encode_request(2, 'queryAllPoolInfo', 'm', {})):
            client = self.connect()
            client.socket.sendall(data)
            self.assertRaises(EOFError, client.receive)
        self.assertEqual(
            6, len(self.control.status()['protocol_errors']))

    def test_resources(self):
        client = self.connect()
        before = self.control.resources()
        for number in range(300):
            client('createVolume', volName='v%d' % number, poolId=0,
                   volSize=1, thinFlag=1)
        after = self.control.resources()
        self.assertGreater(after['blocks'], before['blocks'] + 300)
        self.assertEqual(before['tasks'], after['tasks'])

    def test_sequence_must_go_up_by_one(self):
        client = self.connect()
        client('queryAllPoolInfo')
        client.seq = 0
        client.send('queryAllPoolInfo')
        self.assertRaises(EOFError, client.receive)

    def test_any_agent_answers_for_the_cluster(self):
        self.volume(self.connect(0))
        self.assertEqual(1, len(self.ok(self.connect(1), 'queryVolume',
                                        volName='v')))

    def test_login_without_need_is_fine(self):
        client = self.connect()
        self.assertEqual(codes.OK, client(
            'login', userName='a', password='secret')[0])
        agent, op, args, result = self.control.log()[-1]
        self.assertEqual(('login', '***', 0),
                         (op, args['password'], result))

    def test_text_of_the_client_cannot_break_a_reply(self):
        client = self.connect()
        code, _ = client('x\nresult=0', volName='a')
        self.assertEqual(codes.OPERATION_UNKNOWN, code)
        code, _ = client('createVolume', volName='a\n\nvol_name=b', poolId=0,
                         volSize=1, thinFlag=1)
        self.assertEqual(codes.VOLUME_NAME_INVALID, code)

    def test_counts_and_log(self):
        client = self.connect()
        self.volume(client)
        client('queryVolume', volName='none')
        self.assertEqual({'createVolume': 1, 'queryVolume': 1},
                         self.control.counts())
        log = self.control.log()
        self.assertEqual(
            [(self.simulator.agents[0][0], 'createVolume', 0),
             (self.simulator.agents[0][0], 'queryVolume',
              codes.VOLUME_NOT_EXIST)],
            [(agent, op, result) for agent, op, _, result in log])

    def test_slow_reader_holds_up_nobody(self):
        maker = self.connect()
        for number in range(3000):
            maker.send('createVolume', volName='volume-%06d' % number,
                       poolId=0, volSize=1, thinFlag=1)
        for _ in range(3000):
            maker.receive()
        slow = self.connect()
        for _ in range(40):
            slow.send('queryAllVolume', poolId=0)
        self.assertEqual(codes.OK, maker('queryVolume',
                                         volName='volume-000000')[0])
        for _ in range(40):
            self.assertEqual(3000, len(slow.receive()[1]))


class ConcurrencyTestCase(base.SimulatorTestCase):
    """Many clients at once."""

    def test_one_of_many_wins(self):
        results = []

        def create(agent):
            client = base.Client(self.simulator.agents[agent])
            for number in range(30):
                results.append(client('createVolume', volName='v%d' % number,
                                      poolId=0, volSize=1, thinFlag=1)[0])
            client.close()
        threads = [threading.Thread(target=create, args=(number % 2,))
                   for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(30, results.count(codes.OK))
        self.assertEqual(210, results.count(codes.VOLUME_ALREADY_EXIST))

    def test_changes_of_one_object_do_not_overlap(self):
        client = self.connect()
        self.volume(client, size=64)
        device = self.attach(client)
        base.write_device(device, 0, b'x' * 32 * model.MIB)
        codes_seen = []

        def snapshot(name):
            other = base.Client(self.simulator.agents[0])
            codes_seen.append(other('createSnapshot', volName='v',
                                    snapName=name)[0])
            codes_seen.append(other('createVolumeFromSnap', volName='c' +
                                    name, volSize=64, snapNameSrc=name)[0])
            codes_seen.append(other('deleteSnapshot', snapName=name)[0])
            other.close()
        threads = [threading.Thread(target=snapshot, args=('s%d' % number,))
                   for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([codes.OK] * 18, codes_seen)
        clone = self.attach(client, 'cs3')
        self.assertEqual(b'x' * 10, base.read_device(clone, 0, 10))


class DataTestCase(base.SimulatorTestCase):
    """Real bytes, with files in the place of devices."""

    def setUp(self):
        super().setUp()
        self.client = self.connect()
        self.volume(self.client, size=8)
        self.device = self.attach(self.client)
        base.write_device(self.device, model.MIB, b'first')

    def read(self, name, offset=model.MIB, count=5):
        device = self.attach(self.client, name)
        try:
            return base.read_device(device, offset, count)
        finally:
            self.ok(self.client, 'detachVolume', volName=name)

    def snapshot(self, name='s'):
        self.ok(self.client, 'createSnapshot', volName='v', snapName=name)

    def test_snapshot_holds_what_was(self):
        self.snapshot()
        base.write_device(self.device, model.MIB, b'later')
        self.ok(self.client, 'createVolumeFromSnap', volName='c', volSize=9,
                snapNameSrc='s')
        self.ok(self.client, 'deleteSnapshot', snapName='s')
        self.assertEqual(b'first', self.read('c'))
        self.assertEqual(b'\0' * 5, self.read('c', 8 * model.MIB))
        self.assertEqual(b'later', base.read_device(self.device, model.MIB,
                                                    5))

    def test_clone_is_written_alone(self):
        self.snapshot()
        self.ok(self.client, 'createVolumeFromSnap', volName='c', volSize=8,
                snapNameSrc='s')
        clone = self.attach(self.client, 'c')
        base.write_device(clone, model.MIB, b'clone')
        self.assertEqual(b'first', self.read('s'))
        self.assertEqual(b'first', base.read_device(self.device, model.MIB,
                                                    5))

    def test_full_copy(self):
        self.snapshot()
        self.volume(self.client, 'c', 9, pool=1)
        self.ok(self.client, 'createFullVolumeFromSnap', volName='c',
                snapName='s')
        self.assertEqual('0', self.wait_ready(self.client, 'c')['status'])
        self.assertEqual(b'first', self.read('c'))
        self.assertEqual(b'\0' * 5, self.read('c', 8 * model.MIB))

    def test_duplicate(self):
        self.snapshot()
        self.control.pause_copies()
        self.ok(self.client, 'duplicateSnapshot', snapNameSrc='s',
                snapNameDst='d', poolId=1, fullCopyFlag=1, smartFlag=0)
        record, = self.ok(self.client, 'querySnapshot', snapName='d')
        self.assertEqual('5', record['status'])
        self.control.resume_copies()

        def ended():
            record, = self.ok(self.client, 'querySnapshot', snapName='d')
            return record['status'] == '0'
        base.wait_for(ended, 'the duplicate')
        self.assertEqual(b'first', self.read('d'))

    def test_rollback(self):
        self.snapshot()
        base.write_device(self.device, model.MIB, b'later')
        self.ok(self.client, 'expandVolume', volName='v', volSize=16)
        base.write_device(self.device, 12 * model.MIB, b'grown')
        self.ok(self.client, 'detachVolume', volName='v')
        self.ok(self.client, 'rollbackSnapshot', snapName='s', volName='v')
        self.assertEqual('8', self.wait_ready(self.client, 'v')['vol_size'])
        self.assertEqual(b'first', self.read('v'))
        self.ok(self.client, 'expandVolume', volName='v', volSize=16)
        self.assertEqual(b'\0' * 5, self.read('v', 12 * model.MIB))

    def test_migration(self):
        self.ok(self.client, 'detachVolume', volName='v')
        self.ok(self.client, 'migrateVolumeCold', volNameSrc='v',
                poolIdDst=1)
        self.assertEqual('1', self.wait_ready(self.client, 'v')['pool_id'])
        self.assertEqual(b'first', self.read('v'))

    def test_active_snapshots(self):
        self.volume(self.client, 'w')
        base.write_device(self.attach(self.client, 'w'), 0, b'other')
        self.ok(self.client, 'activeSnapshots', volNameList='v,w',
                snapNameList='sv,sw')
        self.assertEqual(b'first', self.read('sv'))
        self.assertEqual(b'other', self.read('sw', 0))

    def test_real_size(self):
        record, = self.ok(self.client, 'queryVolume', volName='v')
        self.assertEqual('1', record['real_size'])
        base.write_device(self.device, 4 * model.MIB, b'x' * 2 * model.MIB)
        record, = self.ok(self.client, 'queryVolume', volName='v')
        self.assertEqual('3', record['real_size'])
        record, = self.ok(self.client, 'queryPoolInfo', poolId=0)
        self.assertEqual('3', record['used_capacity'])

    def test_deleted_bytes_are_gone(self):
        self.ok(self.client, 'detachVolume', volName='v')
        self.ok(self.client, 'deleteVolume', volName='v')
        data = os.path.join(self.simulator.state_dir, 'data')
        base.wait_for(lambda: not os.listdir(data), 'an empty directory')
        self.volume(self.client)
        self.assertEqual(b'\0' * 5, self.read('v'))

    def test_paused_copy_shows_its_state(self):
        self.snapshot()
        self.volume(self.client, 'c')
        self.control.pause_copies()
        self.ok(self.client, 'createFullVolumeFromSnap', volName='c',
                snapName='s')
        job, = self.control.status()['copies']
        self.assertEqual(('full', 's', 'c'),
                         (job['kind'], job['source'], job['target']))
        self.assertEqual(codes.VOLUME_IS_DUPLICATING,
                         self.client('deleteVolume', volName='c')[0])
        self.control.resume_copies()
        self.wait_ready(self.client, 'c')
        self.assertEqual([], self.control.status()['copies'])

    def test_copy_takes_its_time(self):
        self.snapshot()
        self.volume(self.client, 'c', 100)
        for setting in ({'copy_rate': 0.001}, {'copy_seconds': 3600}):
            self.control.set(**setting)
            self.ok(self.client, 'createFullVolumeFromSnap', volName='c',
                    snapName='s')
            record, = self.ok(self.client, 'queryVolume', volName='c')
            self.assertEqual('6', record['status'])
            self.control.reset()
            self.volume(self.client)
            self.snapshot()
            self.volume(self.client, 'c', 100)
        self.control.set(copy_rate=1000000)
        self.ok(self.client, 'createFullVolumeFromSnap', volName='c',
                snapName='s')
        self.wait_ready(self.client, 'c')
        self.control.set(copy_seconds=0)


class ProcessTestCase(base.SimulatorTestCase):
    """Starting and stopping the process."""

    # A second server is refused, and says so in the same log.
    quiet = False

    def test_ready_line(self):
        ready = self.simulator.ready
        self.assertEqual(
            {'state', 'agents', 'control', 'bin', 'by_id', 'devices', 'pid',
             'rest'},
            set(ready))
        with open(os.path.join(self.simulator.state_dir,
                               'ready.json')) as stored:
            self.assertEqual(ready, json.load(stored))
        self.assertEqual(self.simulator.process.pid, ready['pid'])
        for address, port in ready['agents']:
            self.assertTrue(address.startswith('127.') and port)

    def test_second_server_is_refused(self):
        second = testing.Simulator(self.simulator.state_dir, devices='file')
        error = self.assertRaises(testing.SimulatorError, second.start)
        self.assertIn('in use by another dsware-sim', str(error))
        self.assertIn(str(self.simulator.pid), str(error))
        self.connect()('queryAllPoolInfo')

    def test_signals(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            simulator = self.own_simulator()
            process = simulator.process
            process.send_signal(number)
            self.assertEqual(0, process.wait(base.DEADLINE))
            self.assertFalse(os.path.exists(
                os.path.join(simulator.state_dir, 'ready.json')))

    def test_stop_command_waits(self):
        simulator = self.own_simulator()
        simulator.control.stop()
        second = testing.Simulator(simulator.state_dir, devices='file')
        self.addCleanup(second.stop)
        second.start()

    def test_dies_with_its_parent(self):
        simulator = self.own_simulator()
        simulator.process.stdin.close()
        self.assertEqual(0, simulator.process.wait(base.DEADLINE))

    def test_port_in_use(self):
        taken = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(taken.close)
        simulator = testing.Simulator(agents=[taken.getsockname()])
        self.addCleanup(simulator.stop)
        self.assertIn('address already in use', str(self.assertRaises(
            testing.SimulatorError, simulator.start)))

    def test_sockets_of_fsc_cli_need_no_capabilities(self):
        run_dir = os.path.dirname(self.simulator.ready['control'])
        modes = {entry: os.stat(os.path.join(run_dir, entry)).st_mode & 0o777
                 for entry in os.listdir(run_dir)}
        self.assertEqual(0o600, modes.pop('control'))
        self.assertEqual([0o666, 0o666], list(modes.values()))

    def test_loop_devices_need_root(self):
        simulator = testing.Simulator(devices='loop')
        self.addCleanup(simulator.stop)
        if devices.have_loop_devices():
            self.assertEqual('loop', simulator.start().devices)
        else:
            self.assertIn('need root', str(self.assertRaises(
                testing.SimulatorError, simulator.start)))

    def test_long_state_directory(self):
        state = os.path.join(self.directory(), 'x' * 100)
        simulator = self.own_simulator(state_dir=state)
        self.assertLess(len(simulator.ready['control']), 60)
        outside = os.path.dirname(simulator.ready['control'])
        simulator.kill()
        simulator.start()
        self.assertFalse(os.path.exists(outside))
        outside = os.path.dirname(simulator.ready['control'])
        simulator.stop()
        self.assertFalse(os.path.exists(outside))

    def test_ready_fd(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        simulator = testing.Simulator(devices='file')
        self.addCleanup(simulator.stop)
        command = simulator._command()
        command.remove('--stop-on-eof')
        process = subprocess.Popen(
            [*command, '--ready-fd', str(writer)], pass_fds=[writer],
            stdout=subprocess.PIPE, env=simulator._environment())
        os.close(writer)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        with open(os.dup(reader), 'rb') as pipe:
            line = pipe.readline()
            self.assertEqual(line, process.stdout.readline())
            self.assertEqual(b'', pipe.read())

    def test_ipv6(self):
        simulator = self.own_simulator(agents=[('::1', 0)])
        client = base.Client(simulator.agents[0])
        self.addCleanup(client.close)
        self.assertEqual(codes.OK, client('queryAllPoolInfo')[0])

    def test_single_pool(self):
        simulator = self.own_simulator(single_pool=True)
        client = base.Client(simulator.agents[0])
        self.addCleanup(client.close)
        self.assertEqual(codes.OPERATION_UNKNOWN,
                         client('getDSwareIdentifier')[0])
        self.volume(client)
        self.attach(client)
        self.assertEqual([], os.listdir(simulator.by_id))


class ControlTestCase(base.SimulatorTestCase):
    """The control socket."""

    def test_reset(self):
        client = self.connect()
        self.volume(client)
        device = self.attach(client)
        self.ok(client, 'createSnapshot', volName='v', snapName='s')
        self.control.add_fault(kind='result', code=5, op='queryVolume')
        self.control.pause_copies()
        self.control.reset()
        status = self.control.status()
        for key in ('volumes', 'snapshots', 'attachments', 'qos', 'copies',
                    'faults'):
            self.assertEqual([], status[key])
        self.assertFalse(status['copies_paused'])
        self.assertEqual([0, 0], [pool['used'] for pool in status['pools']])
        self.assertFalse(os.path.lexists(device))
        self.assertEqual([], os.listdir(self.simulator.by_id))
        self.assertEqual({}, self.control.counts())

    def test_reset_while_clients_work(self):
        # Whatever is under way, a reset leaves nothing, and breaks nothing.
        client = self.connect()
        stopped = threading.Event()

        def work():
            busy = base.Client(self.simulator.agents[1])
            number = 0
            while not stopped.is_set():
                number += 1
                name = 'w%d' % number
                for op, args in (
                        ('createVolume', {'volName': name, 'poolId': 0,
                                          'volSize': 8, 'thinFlag': 1}),
                        ('attachVolume', {'volName': name}),
                        ('createSnapshot', {'volName': name,
                                            'snapName': 's' + name}),
                        ('detachVolume', {'volName': name}),
                        ('rollbackSnapshot', {'volName': name,
                                              'snapName': 's' + name})):
                    busy(op, **args)
            busy.close()
        thread = threading.Thread(target=work)
        thread.start()
        for _ in range(10):
            base.wait_for(lambda: self.control.counts().get(
                'rollbackSnapshot', 0) > 3, 'some work')
            self.control.reset()
        stopped.set()
        thread.join()
        self.control.reset()
        self.assertEqual([], self.ok(client, 'queryAllVolume', poolId=0))
        data = os.path.join(self.simulator.state_dir, 'data')
        base.wait_for(lambda: not os.listdir(data), 'an empty directory')
        with open(os.path.join(self.simulator.state_dir, 'log')) as log:
            self.assertEqual('', log.read())

    def test_fill_pool(self):
        client = self.connect()
        self.control.fill_pool(1)
        record, = self.ok(client, 'queryPoolInfo', poolId=1)
        self.assertEqual(record['total_capacity'], record['used_capacity'])
        self.assertEqual(codes.SPACE_NOT_ENOUGH, client(
            'createVolume', volName='v', poolId=1, volSize=1,
            thinFlag=1)[0])
        self.control.fill_pool(1, free=10)
        self.volume(client, 'v', size=10, pool=1, thin=0)
        self.control.fill_pool(1, free=None)
        self.volume(client, 'w', size=100, pool=1, thin=0)

    def test_agent_down_and_up(self):
        client = self.connect(0)
        other = self.connect(1)
        address = self.simulator.agents[0][0]
        self.control.agent_down(address)
        self.assertRaises((EOFError, ConnectionError), client,
                          'queryAllPoolInfo')
        self.assertRaises(ConnectionRefusedError, base.Client,
                          self.simulator.agents[0])
        self.ok(other, 'queryAllPoolInfo')
        self.assertEqual([False, True], [agent['up'] for agent in
                                         self.control.status()['agents']])
        self.control.agent_up(address)
        self.ok(self.connect(0), 'queryAllPoolInfo')

    def test_mistakes(self):
        for command, arguments in (
                ('nonsense', {}), ('status', {'x': 1}),
                ('fill_pool', {'pool_id': 9}), ('set', {'copy_rate': 0}),
                ('add_fault', {'kind': 'pool_full', 'pool': 9}),
                ('add_fault', {'kind': 'nonsense'}),
                ('add_fault', {'kind': 'hang', 'op': 'createvolume'}),
                ('add_fault', {'kind': 'hang', 'agent': '192.0.2.1'}),
                ('add_fault', {'kind': 'hang', 'colour': 'red'})):
            self.assertRaises(control.ControlError, self.control.call,
                              command, **arguments)
        self.assertEqual([], self.control.faults())

    def test_nobody_there(self):
        error = self.assertRaises(control.ControlError, control.Control(
            '/nonexistent').status)
        self.assertIn('/nonexistent', str(error))
