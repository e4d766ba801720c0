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
"""The journal and its image."""

import errno
import os

from dsware_sim.cluster import state
from dsware_sim.cluster import store
from dsware_sim.tests import base


def _volume(number, name=None):
    return ['volume', {'id': number, 'name': name or 'v%d' % number,
                       'pool': 0, 'size': 5, 'thin': True, 'father': '',
                       'created': 1, 'status': 0}]


class StoreTestCase(base.TestCase):
    """What is appended is there again, whatever happens to the process."""

    def setUp(self):
        super().setUp()
        self.path = self.directory()

    def open(self):
        """Load the store, as a new process does.

        :returns: (store, state)
        """
        opened = store.Store(self.path)
        self.addCleanup(opened.close)
        loaded = state.State()
        opened.load(loaded)
        return opened, loaded

    def make(self, count=3):
        """Make a store of some volumes.

        :param count: how many
        :returns: the store
        """
        opened, loaded = self.open()
        for events in ([['cluster', 9, 1], ['pool', 0, 100]],
                       *([_volume(number)] for number in
                         range(1, count + 1))):
            opened.append(events)
            loaded.apply(events)
        return opened, loaded

    def journal(self):
        """Find the journal.

        :returns: its path
        """
        names = [entry for entry in os.listdir(self.path)
                 if entry.startswith('journal.')]
        self.assertEqual(1, len(names))
        return os.path.join(self.path, names[0])

    def test_replay(self):
        self.make()[0].close()
        opened, loaded = self.open()
        self.assertEqual(['v1', 'v2', 'v3'], list(loaded.volumes))
        self.assertEqual((9, 4), (loaded.cluster_id, loaded.next_id))

    def test_compact(self):
        opened, loaded = self.make()
        opened.compact(loaded)
        self.assertEqual(0, os.path.getsize(self.journal()))
        opened.append([['volume_gone', 'v2']])
        opened.close()
        again, reloaded = self.open()
        self.assertEqual(['v1', 'v3'], list(reloaded.volumes))
        again.compact(reloaded)
        again.close()
        self.assertEqual(['v1', 'v3'], list(self.open()[1].volumes))

    def test_torn_tail_at_every_byte(self):
        self.make()[0].close()
        path = self.journal()
        with open(path, 'rb') as journal:
            whole = journal.read()
        last = len(whole) - len(whole.splitlines(True)[-1])
        for cut in range(last, len(whole)):
            with open(path, 'wb') as journal:
                journal.write(whole[:cut])
            opened, loaded = self.open()
            self.assertEqual(['v1', 'v2'], list(loaded.volumes))
            self.assertEqual(last, os.path.getsize(path))
            opened.append([_volume(8)])
            opened.close()
            self.assertIn('v8', self.open_and_close().volumes)

    def open_and_close(self):
        """Load the store.

        :returns: the state
        """
        opened, loaded = self.open()
        opened.close()
        return loaded

    def test_damage_in_the_middle_is_reported(self):
        self.make()[0].close()
        path = self.journal()
        with open(path, 'r+b') as journal:
            journal.seek(20)
            journal.write(b'#')
        error = self.assertRaises(store.StoreError, self.open)
        self.assertIn('damaged at byte 0', str(error))

    def test_damaged_image_is_reported(self):
        opened, loaded = self.make()
        opened.compact(loaded)
        opened.close()
        path = os.path.join(self.path, store.IMAGE)
        os.truncate(path, os.path.getsize(path) - 3)
        self.assertRaises(store.StoreError, self.open)

    def test_killed_before_the_image_is_in_place(self):
        self.make()[0].close()
        with open(os.path.join(self.path, 'image.new'), 'w') as image:
            image.write('half an image')
        self.assertEqual(3, len(self.open()[1].volumes))

    def test_killed_after_the_image_is_in_place(self):
        opened, loaded = self.make()
        old = self.journal()
        with open(old, 'rb') as journal:
            content = journal.read()
        opened.compact(loaded)
        new = self.journal()
        opened.close()
        os.unlink(new)
        with open(old, 'wb') as journal:
            journal.write(content)
        again, reloaded = self.open()
        self.assertEqual(3, len(reloaded.volumes))
        again.compact(reloaded)
        self.assertNotEqual(old, self.journal())

    def test_locked(self):
        self.make()
        error = self.assertRaises(store.StoreError, store.Store, self.path)
        self.assertIn(self.path, str(error))
        self.assertIn(str(os.getpid()), str(error))

    def test_full_disk_leaves_the_journal_as_it_was(self):
        opened, _ = self.make()
        size = os.path.getsize(self.journal())
        real_write = os.write

        def write_half(handle, data):
            real_write(handle, data[:len(data) // 2])
            raise OSError(errno.ENOSPC, 'full')
        self.patch(os, 'write', write_half)
        self.assertRaises(OSError, opened.append, [_volume(4)])
        self.patch(os, 'write', real_write)
        self.assertEqual(size, os.path.getsize(self.journal()))
        opened.append([_volume(5)])
        opened.close()
        self.assertEqual(['v1', 'v2', 'v3', 'v5'],
                         list(self.open()[1].volumes))

    def test_wants_compaction(self):
        self.patch(store, 'COMPACT_AT', 1000)
        opened, loaded = self.make(2)
        self.assertFalse(opened.wants_compaction())
        opened, loaded = opened, loaded
        for number in range(10, 40):
            opened.append([_volume(number)])
        self.assertTrue(opened.wants_compaction())
        opened.compact(loaded)
        self.assertFalse(opened.wants_compaction())
