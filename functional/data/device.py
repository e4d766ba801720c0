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

"""Writing to devices, and reading all of them."""

import os
import random
import threading

from functional import content
from functional.data import blocks

# Blocks at each end of each GiB, and anywhere in it.
_EDGE = 6
_ANYWHERE = 12
_LONGEST_PAUSE = 0.4


class Unwritable(Exception):
    """A write to a device failed."""


def places(size):
    """Choose where a volume of some size is written.

    A larger volume is written at the same places, and behind them.

    :param size: GiB
    :returns: list of offsets in bytes
    """
    found = []
    for gib in range(size):
        begin = gib * content.GIB
        end = begin + content.GIB
        for number in range(_EDGE):
            found += [begin + number * blocks.SIZE,
                      end - (number + 1) * blocks.SIZE]
        chance = random.Random(gib)
        found += [begin + chance.randrange(
            _EDGE, content.GIB // blocks.SIZE - _EDGE) * blocks.SIZE
            for _n in range(_ANYWHERE)]
    return sorted(set(found))


class Writer(threading.Thread):
    """Writes to an attached volume until it is stopped."""

    def __init__(self, path, history, size, seed):
        """Prepare; start() begins.

        :param path: of the device
        :param history: a :class:`functional.data.history.History`
        :param size: GiB
        :param seed: text that chooses what is done
        """
        super().__init__(daemon=True)
        self._path = path
        self._history = history
        self._chance = random.Random(seed)
        self._end = threading.Event()
        self._error = None
        self.places = places(size)

    def run(self):
        """Write, with pauses that are mostly short and sometimes long.

        The simulator makes a snapshot when nobody writes for a moment.
        """
        try:
            while not self._end.wait(self._pause()):
                offset = self._chance.choice(self.places)
                mark = self._history.begin(offset)
                content.write(self._path, offset,
                              blocks.encode(mark, offset))
                self._history.acknowledge()
        except BaseException as error:
            self._error = error

    def _pause(self):
        return self._chance.random() ** 4 * _LONGEST_PAUSE

    def stop(self):
        """Stop when the write that is under way is acknowledged.

        :raises Unwritable: one failed
        """
        self._end.set()
        self.join()
        if self._error is not None:
            raise Unwritable('%s: %s' % (self._path, self._error))


def read(path, size, begin=0):
    """Read a whole device.

    :param path: of the device
    :param size: that it should have, GiB
    :param begin: offset of the first block that is looked at
    :returns: dict of offset to Mark of all blocks that are not zeros
    :raises blocks.Wrong: a block is corrupt, torn or misplaced
    :raises content.Different: the device has another size
    """
    os.sync()
    found = {}
    for position, chunk in content.data_chunks(path, size * content.GIB):
        for start in range(max(0, begin - position), len(chunk), blocks.SIZE):
            mark = blocks.decode(chunk[start:start + blocks.SIZE],
                                 position + start)
            if mark is not None:
                found[position + start] = mark
    return found
