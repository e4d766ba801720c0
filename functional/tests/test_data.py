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

"""Every byte of volumes that are written while all is done to them."""

import os
import subprocess
import sys

import testtools

from functional.data import blocks
from functional.data import history
from functional.services import programs

OWNER, OTHER = b'a' * 16, b'b' * 16
SIZE = blocks.SIZE
# Of the short form; it does everything once however long that takes.
_SECONDS = 12
_PATIENCE = 600


def mark(generation, owner=OWNER):
    return blocks.Mark(owner, generation)


class BlockTest(testtools.TestCase):
    """What a single block tells."""

    def setUp(self):
        super().setUp()
        self.block = blocks.encode(mark(7), SIZE)

    def wrong(self, error, block, offset=SIZE):
        self.assertRaises(error, blocks.decode, block, offset)

    def test_what_was_written(self):
        self.assertEqual(mark(7), blocks.decode(self.block, SIZE))
        self.assertIsNone(blocks.decode(bytes(SIZE), SIZE))

    def test_each_byte_counts(self):
        for position in range(0, SIZE, 61):
            block = bytearray(self.block)
            block[position] ^= 1
            self.wrong(blocks.Corrupt, bytes(block))

    def test_corrupt(self):
        self.wrong(blocks.Corrupt, b'x' * SIZE)
        # Sectors that changed places.
        self.wrong(blocks.Corrupt, self.block[512:] + self.block[:512])

    def test_torn(self):
        newer = blocks.encode(mark(8), SIZE)
        self.wrong(blocks.Torn, newer[:512] + self.block[512:])
        self.wrong(blocks.Torn, self.block[:-512] + bytes(512))

    def test_misplaced(self):
        self.wrong(blocks.Misplaced, self.block, 2 * SIZE)

    def test_compare(self):
        blocks.compare(None, None, 0)
        blocks.compare(mark(7), mark(7), 0)
        for error, found, wanted in (
                (blocks.Lost, None, mark(7)),
                (blocks.NotZero, mark(7), None),
                (blocks.Foreign, mark(7, OTHER), mark(7)),
                (blocks.Stale, mark(6), mark(7)),
                (blocks.Early, mark(8), mark(7))):
            self.assertRaises(error, blocks.compare, found, wanted, 0)


class HistoryTest(testtools.TestCase):
    """What may be there at a point in time."""

    def setUp(self):
        super().setUp()
        self.history = history.History()
        self.marks = []

    def write(self, offset):
        self.marks.append(self.history.begin(offset))

    def written(self, *offsets):
        for offset in offsets:
            self.write(offset)
            self.history.acknowledge()

    def test_nobody_writes(self):
        self.written(0, SIZE)
        point = self.history.now()
        self.assertTrue(point.resolved)
        wanted = {0: self.marks[0], SIZE: self.marks[1]}
        self.assertEqual(wanted, point.resolve(dict(wanted)))
        self.assertRaises(blocks.Lost, point.resolve, {0: self.marks[0]})
        self.assertRaises(blocks.NotZero, point.resolve,
                          {**wanted, 2 * SIZE: self.marks[1]})

    def during(self):
        """Three writes, of which the request saw the first acknowledged."""
        self.written(0)
        before = self.history.acknowledged()
        self.written(SIZE)
        self.write(0)
        return self.history.point(before)

    def test_any_time_between_request_and_answer(self):
        for content_ in ({0: 0}, {0: 0, SIZE: 1}, {0: 2, SIZE: 1}):
            self.history, self.marks = history.History(), []
            point = self.during()
            self.assertFalse(point.resolved)
            found = {offset: self.marks[number]
                     for offset, number in content_.items()}
            self.assertEqual(found, point.resolve(found))
            self.assertTrue(point.resolved)

    def test_what_has_been_seen_stays(self):
        point = self.during()
        point.resolve({0: self.marks[0], SIZE: self.marks[1]})
        self.assertRaises(blocks.Lost, point.resolve, {0: self.marks[0]})
        self.assertRaises(blocks.Early, point.resolve,
                          {0: self.marks[2], SIZE: self.marks[1]})

    def test_older_than_the_request(self):
        self.assertRaises(blocks.Lost, self.during().resolve, {})

    def test_a_stale_block(self):
        self.written(0, 0)
        point = self.during()
        self.assertRaises(blocks.Stale, point.resolve, {0: self.marks[0]})

    def test_newer_than_the_answer(self):
        point = self.during()
        self.history.acknowledge()
        self.written(0)
        self.assertRaises(blocks.Early, point.resolve, {
            0: self.marks[3], SIZE: self.marks[1]})

    def test_blocks_of_different_times(self):
        """Each is possible, but the later one is there alone."""
        point = self.during()
        self.assertRaises(blocks.Stale, point.resolve, {0: self.marks[2]})

    def test_single_blocks(self):
        point = self.during()
        for number in (0, 2):
            point.check(0, self.marks[number])
        point.check(SIZE, None)
        self.assertFalse(point.resolved)
        self.assertRaises(blocks.Lost, point.check, 0, None)
        self.assertRaises(blocks.NotZero, point.check, 2 * SIZE,
                          self.marks[0])
        self.written(0)
        self.assertRaises(blocks.Early, point.check, 0, self.marks[3])

    def test_begun_anew(self):
        self.written(0, 0)
        self.history.settle({0: self.marks[0]})
        self.written(SIZE)
        self.assertEqual(3, self.marks[-1].generation)
        self.history.now().resolve({0: self.marks[0], SIZE: self.marks[2]})


class RunTest(testtools.TestCase):
    """The whole, in a process of its own."""

    def run_checker(self, *arguments):
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', '-m', 'functional.data',
             *arguments], cwd=programs.project_root(), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            timeout=_PATIENCE)
        # The seed is the first line of it.
        self.assertEqual(0, done.returncode, done.stdout
                         + done.stderr[-4000:])
        return done.stdout

    def test_everything_at_random(self):
        seed = os.environ.get('DSWARE_TEST_SEED')
        printed = self.run_checker('--seconds', str(_SECONDS),
                                   *(['--seed', seed] if seed else []))
        self.assertIn('GiB compared', printed)
        for operation in ('snapshot_in_use', 'clone_in_use', 'revert',
                          'backup', 'migrate', 'extend_in_use', 'restart'):
            self.assertIn(operation + ' ', printed)

    def test_what_is_spoilt_is_found(self):
        self.assertIn(
            'found: Corrupt, Stale, Foreign, Torn, Lost, Misplaced, '
            'NotZero; missed: nothing',
            self.run_checker('--self-test'))
