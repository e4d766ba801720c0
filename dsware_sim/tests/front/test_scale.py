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
"""A pool with 100,000 volumes."""

import os

from dsware_sim.cluster import state
from dsware_sim.cluster import store
from dsware_sim import codec
from dsware_sim import testing
from dsware_sim.tests import base

COUNT = 100000


def _memory(pid):
    with open('/proc/%d/status' % pid) as status:
        for line in status:
            if line.startswith('VmRSS:'):
                return int(line.split()[1]) / 1024
    raise AssertionError('no VmRSS')


def _fill(directory):
    """Write the volumes into a state while nobody serves it."""
    stored = store.Store(os.path.join(directory, 'journal'))
    loaded = state.State()
    stored.load(loaded)
    loaded.apply([['pool', 0, 1024 * 1024], *(['volume', {
        'id': number, 'name': 'volume-%06d' % number, 'pool': 0,
        'size': 1024, 'thin': True, 'father': '', 'created': 1,
        'status': 0}] for number in range(1, COUNT + 1))])
    stored.compact(loaded)
    stored.close()


class ScaleTestCase(base.SimulatorTestCase):
    """Listing 100,000 volumes takes bounded memory."""

    def setUp(self):
        super().setUp()
        directory = self.directory()
        _fill(directory)
        self.simulator = testing.Simulator(directory, devices='file')
        self.addCleanup(self.simulator.stop)
        self.simulator.start()

    def _list(self, client, after_third=lambda: None):
        """List all volumes.

        :param client: a :class:`dsware_sim.tests.base.Client`
        :param after_third: called after the third frame
        :returns: list of names
        """
        client.send('queryAllVolume', poolId=0)
        names = []
        frames = 0
        more = True
        while more:
            payload = client.receive_payload()
            head, _, body = payload.partition(b'\n\n')
            names += [line[len('vol_name='):line.index(b',')].decode()
                      for line in body.split(b'\n')]
            more = b'more=1' in head
            frames += 1
            if frames == 3:
                after_third()
        self.assertGreater(frames, 100)
        return names

    def test_listing(self):
        before = _memory(self.simulator.pid)
        client = self.connect()
        other = self.connect(1)

        def change():
            # Others are served while the listing is under way, and what
            # they do does not disturb it.
            self.ok(other, 'deleteVolume', volName='volume-099999')
            self.volume(other, 'late')
        names = self._list(client, change)
        self.assertEqual(['volume-%06d' % number
                          for number in range(1, COUNT + 1)], names)
        # The records are kept once they are written, and that is all.
        self.assertLess(_memory(self.simulator.pid) - before, 120)
        names = self._list(client)
        self.assertEqual((COUNT, 'late'), (len(names), names[-1]))
        record, = self.ok(client, 'queryPoolInfo', poolId=0)
        self.assertEqual(str((COUNT - 1) * 1024 + 64),
                         record['alloc_capacity'])

    def test_reader_that_stops_reading(self):
        self._list(self.connect())
        before = _memory(self.simulator.pid)
        for _ in range(20):
            stopped = self.connect()
            stopped.send('queryAllVolume', poolId=0)
            self.assertTrue(stopped.receive_frame().more)
        self.ok(self.connect(1), 'queryVolume', volName='volume-000001')
        # Twenty listings of about 16 MiB are held back.
        self.assertLess(_memory(self.simulator.pid) - before,
                        20 + 20 * 8 * codec.STREAM_CHUNK / 2 ** 20)
