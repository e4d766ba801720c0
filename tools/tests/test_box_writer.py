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

"""What the box's guests have written, and what a bad disk does to it."""

import testtools

from functional.box.scenarios import writer
from functional.data import blocks
from functional.data import device
from functional.services import guest_disk

PLACES = device.places(1)[:4]
LONG_AGO = blocks.Mark(b'somebody else is', 1)


class FakeDisk(object):
    """A disk in memory, on which something may be wrong from a write on."""

    def __init__(self, wrong=None, after=6):
        self.content = {}
        self.count = 0
        self._wrong = wrong or (lambda content, offset: None)
        self._after = after

    def write(self, offset, content):
        self.count += 1
        before = dict(self.content)
        self.content[offset] = content
        if self.count > self._after:
            self._wrong(self.content, offset, before)

    def read(self, offset, size):
        assert size == blocks.SIZE
        return self.content.get(offset, blocks.ZEROS)

    def marks(self):
        return {offset: blocks.decode(content, offset)
                for offset, content in self.content.items()}


class WriterTestCase(testtools.TestCase):

    def start(self, disk, places=PLACES, history=None):
        made = writer.Writer(disk, places, history)
        self.addCleanup(made.end)
        made.start()
        return made

    def test_all_is_well(self):
        disk = FakeDisk(after=1 << 30)
        made = self.start(disk)
        made.go_round()
        made.places = PLACES + [5 * blocks.SIZE]
        made.go_round()
        made.stop()
        self.assertEqual(disk.count, made.history.acknowledged())
        found = made.history.now().resolve(disk.marks())
        self.assertEqual(set(made.places), set(found))
        # Another one goes on with the same history.
        again = self.start(disk, history=made.history)
        again.go_round()
        again.stop()
        self.assertEqual(disk.count, again.history.acknowledged())

    def found(self, error, wrong):
        made = self.start(FakeDisk(wrong))
        self.assertRaises(error, made.go_round)
        self.assertRaises(error, made.stop)

    def test_byte_that_is_wrong(self):
        def spoil(content, offset, before):
            block = bytearray(content[offset])
            block[1000] ^= 1
            content[offset] = bytes(block)

        self.found(blocks.Corrupt, spoil)

    def test_write_that_is_lost(self):
        def lose(content, offset, before):
            content[offset] = before[offset]

        self.found(blocks.Stale, lose)

    def test_write_to_another_place(self):
        def misplace(content, offset, before):
            content[offset] = content[next(
                place for place in PLACES if place != offset)]

        self.found(blocks.Misplaced, misplace)

    def test_zeros(self):
        self.found(blocks.Lost, lambda content, offset, before:
                   content.pop(offset))

    def test_volume_of_somebody_else(self):
        self.found(blocks.Foreign, lambda content, offset, before:
                   content.update({offset: blocks.encode(LONG_AGO, offset)}))

    def test_error(self):
        def fail(content, offset, before):
            raise guest_disk.Failed('Input/output error')

        self.found(guest_disk.Failed, fail)
        made = self.start(FakeDisk(fail))
        self.assertRaises(guest_disk.Failed, made.wait_until_gone)

    def test_device_goes(self):
        def go(content, offset, before):
            raise guest_disk.Gone('not found')

        disk = FakeDisk(go)
        made = self.start(disk)
        made.wait_until_gone()
        self.assertEqual(6, made.history.acknowledged())
        self.assertRaises(guest_disk.Gone, made.stop)
        # Whether it was done or not, both may be.
        point = made.history.point(made.history.acknowledged())
        self.assertFalse(point.resolved)
        point.resolve(disk.marks())

    def test_two_guests(self):
        disk = FakeDisk(after=1 << 30)
        writers = [self.start(disk, PLACES[:2]), self.start(disk, PLACES[2:])]
        for one, other in zip(writers, reversed(writers)):
            one.watch(other)
        for one in writers:
            one.go_round()
            one.go_round()
            self.assertLess(0, one.looked)
        for one in writers:
            one.stop()

    def test_other_guest_does_not_see_it(self):
        ours, theirs = FakeDisk(after=1 << 30), FakeDisk(after=1 << 30)
        made = self.start(ours, PLACES[:2])
        made.watch(self.start(theirs, PLACES[2:]))
        self.assertRaises(blocks.Lost, made.go_round)
