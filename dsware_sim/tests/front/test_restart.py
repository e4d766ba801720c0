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
"""Clean stops and kills, and what is there afterwards."""

import os
import threading

from dsware_sim import codes
from dsware_sim.tests import base


class RestartTestCase(base.SimulatorTestCase):
    """Clean stops and kills."""

    def setUp(self):
        super().setUp()
        self.simulator = self.own_simulator(copy_seconds=0)
        self.control = self.simulator.control
        self.client = self.connect()

    def again(self, kill):
        if kill:
            self.simulator.kill()
            self.simulator.start()
        else:
            self.simulator.restart()
        self.client = self.connect()

    def _keeps_everything(self, kill):
        self.volume(self.client, size=8)
        device = self.attach(self.client)
        base.write_device(device, 0, b'kept')
        self.ok(self.client, 'createSnapshot', volName='v', snapName='s')
        self.ok(self.client, 'createQoS', qosName='q', maxIOPS=5)
        self.ok(self.client, 'associateQoSWithVolume', qosName='q',
                volName='v')
        self.control.fill_pool(1, 100)
        before = self.control.status()
        agents = self.simulator.agents
        self.again(kill)
        after = self.control.status()
        for status in (before, after):
            for agent in status['agents']:
                del agent['connections']
        self.assertEqual(before, after)
        self.assertEqual(agents, self.simulator.agents)
        self.assertEqual(b'kept', base.read_device(device, 0, 4))
        self.ok(self.client, 'detachVolume', volName='v')
        self.assertFalse(os.path.lexists(device))

    def test_stop(self):
        self._keeps_everything(False)

    def test_kill(self):
        self._keeps_everything(True)

    def test_stop_removes_devices_and_links(self):
        self.volume(self.client)
        device = self.attach(self.client)
        link, = os.listdir(self.simulator.by_id)
        self.control.stop()
        self.assertFalse(os.path.lexists(device))
        self.assertEqual([], os.listdir(self.simulator.by_id))
        self.simulator.kill()
        self.simulator.start()
        self.assertTrue(os.path.exists(device))
        self.assertEqual([link], os.listdir(self.simulator.by_id))

    def _copy_starts_again(self, kill):
        self.volume(self.client, size=8)
        base.write_device(self.attach(self.client), 0, b'copied')
        self.ok(self.client, 'createSnapshot', volName='v', snapName='s')
        self.volume(self.client, 'c', 8)
        self.control.pause_copies()
        self.ok(self.client, 'createFullVolumeFromSnap', volName='c',
                snapName='s')
        self.again(kill)
        self.wait_ready(self.client, 'c')
        self.assertEqual(b'copied', base.read_device(
            self.attach(self.client, 'c'), 0, 6))

    def test_copy_starts_again_after_a_stop(self):
        self._copy_starts_again(False)

    def test_copy_starts_again_after_a_kill(self):
        self._copy_starts_again(True)

    def test_leftovers_of_a_kill_are_removed(self):
        self.volume(self.client)
        self.attach(self.client)
        self.simulator.kill()
        state = self.simulator.state_dir
        for name in ('77', '78.part', '1.gone'):
            with open(os.path.join(state, 'data', name), 'w') as leftover:
                leftover.write('x')
        os.makedirs(os.path.join(state, 'hosts', '127.0.0.9'))
        os.symlink('nowhere', os.path.join(state, 'hosts', '127.0.0.9', 'x'))
        self.simulator.start()
        self.assertEqual(['1'], os.listdir(os.path.join(state, 'data')))
        self.assertEqual([], os.listdir(
            os.path.join(state, 'hosts', '127.0.0.9')))

    def test_kill_at_any_point_keeps_what_was_answered(self):
        # Clients create and delete as fast as they can, and the process is
        # killed under them, several times.
        answered = {}
        for turn in range(4):
            threads = [threading.Thread(
                target=self._work, args=(turn, worker, answered))
                for worker in range(3)]
            for thread in threads:
                thread.start()
            base.wait_for(lambda: self._done(answered, turn) > 150 * (
                turn + 1), 'enough work')
            self.simulator.kill()
            for thread in threads:
                thread.join()
            self.simulator.start()
            self._compare(answered)

    def _done(self, answered, turn):
        return sum(1 for name in list(answered)
                   if name.startswith('v-%d-' % turn))

    def _work(self, turn, worker, answered):
        client = base.Client(self.simulator.agents[worker % 2])
        for number in range(100000):
            name = 'v-%d-%d-%d' % (turn, worker, number)
            try:
                answered[name] = 'unknown'
                client('createVolume', volName=name, poolId=0, volSize=1,
                       thinFlag=1)
                answered[name] = 'there'
                if number % 3 == 0:
                    answered[name] = 'unknown'
                    client('deleteVolume', volName=name)
                    answered[name] = 'gone'
            except (EOFError, OSError):
                break
        client.close()

    def _compare(self, answered):
        client = self.connect()
        there = {one['vol_name'] for one in self.ok(
            client, 'queryAllVolume', poolId=0)}
        for name, what in answered.items():
            if what != 'unknown':
                self.assertEqual(what == 'there', name in there, name)
        self.assertEqual(set(), there - set(answered))

    def test_agent_that_is_gone(self):
        self.volume(self.client)
        self.attach(self.client)
        gone = self.simulator.agents.pop(0)
        self.simulator.restart()
        self.client = self.connect()
        self.assertEqual([{'agent': gone[0], 'name': 'v', 'device': ''}],
                         self.control.status()['attachments'])
        self.ok(self.client, 'detachVolumeByIp', volName='v',
                detachIp=gone[0])
        self.ok(self.client, 'deleteVolume', volName='v')

    def dies(self, kind):
        """Let the simulator kill itself at a request, and start it again.

        :returns: whether the request was carried out
        """
        self.control.add_fault(kind=kind, op='createVolume', count=1)
        self.assertRaises((EOFError, ConnectionError), self.client,
                          'createVolume', volName='v', poolId=0, volSize=8,
                          thinFlag=1)
        self.simulator.process.wait(base.testing._STOP_TIMEOUT)
        self.simulator.kill()
        self.simulator.start()
        self.client = self.connect()
        code, _records = self.client('queryVolume', volName='v')
        return code == codes.OK

    def test_dies_before_a_request(self):
        self.assertFalse(self.dies('die'))

    def test_dies_after_a_request(self):
        self.assertTrue(self.dies('die_after'))

    def test_dies_before_it_is_written_down(self):
        self.assertFalse(self.dies('die_writing'))
        # No trace of it is in the way.
        self.volume(self.client, size=8)
