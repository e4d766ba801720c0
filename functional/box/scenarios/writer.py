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

"""What a guest writes and reads all the time, through one of its disks."""

import itertools
import threading

from functional.data import blocks
from functional.data import history as history_
from functional.services import guest_disk
from functional.services import waiting

SECONDS = 60


class Writer(threading.Thread):
    """Writes a block, reads it, and goes on with the next, until it is told.

    Attributes: ``history``, what was written and acknowledged; ``places``,
    the offsets that are written in turn, which may be replaced; ``latest``,
    where the last acknowledged write was, or None; ``looked``, how many
    blocks of another guest's were read.
    """

    def __init__(self, disk, places, history=None):
        """Prepare; start() begins.

        :param disk: a guest_disk.GuestDisk
        :param places: offsets in bytes
        :param history: a history.History to go on with, or None
        """
        super().__init__(daemon=True)
        self.history = history or history_.History()
        self.places = places
        self.latest = None
        self.looked = 0
        self._disk = disk
        self._other = None
        self._end = threading.Event()
        self._error = None

    def watch(self, other):
        """After each write, also read what another guest wrote last.

        :param other: its Writer, whose places are different ones
        """
        self._other = other

    def run(self):
        """Write and read."""
        try:
            for number in itertools.count():
                if self._end.is_set():
                    return
                self._write(self.places[number % len(self.places)])
                if self._other:
                    self._look()
        except BaseException as error:
            self._error = error

    def _write(self, offset):
        mark = self.history.begin(offset)
        self._disk.write(offset, blocks.encode(mark, offset))
        self.history.acknowledge()
        self.latest = offset
        blocks.compare(self._read(offset), mark, offset)

    def _look(self):
        offset = self._other.latest
        if offset is None:
            return
        before = self._other.history.acknowledged()
        mark = self._read(offset)
        self._other.history.point(before).check(offset, mark)
        self.looked += 1

    def _read(self, offset):
        return blocks.decode(self._disk.read(offset, blocks.SIZE), offset)

    def check(self):
        """See that all is well so far.

        :raises blocks.Wrong: what was read is not what was written
        :raises guest_disk.Failed: something could not be read or written
        """
        if self._error is not None:
            raise self._error

    def go_round(self):
        """Wait until every place has been written once more.

        :raises Exception: see check()
        """
        # One may be under way, and another one begun with other places.
        wanted = self.history.acknowledged() + len(self.places) + 2
        waiting.wait_for(lambda: self._has_written(wanted), SECONDS,
                         'The acknowledgement of so many writes')

    def _has_written(self, wanted):
        self.check()
        return self.history.acknowledged() >= wanted

    def wait_until_gone(self):
        """Wait until the guest does not have its device any more.

        :raises Exception: see check(); but guest_disk.Gone is not raised
        """
        waiting.wait_for(self._has_gone, SECONDS, 'The end of the device')

    def _has_gone(self):
        if isinstance(self._error, guest_disk.Gone):
            return True
        self.check()
        return False

    def stop(self):
        """Stop when what is under way is done.

        :raises Exception: see check()
        """
        self.end()
        self.check()

    def end(self):
        """Stop, whatever went wrong."""
        self._end.set()
        if self.is_alive():
            self.join()
