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

"""Spoils a volume in every way there is, and lets the checker find it."""

from functional import content
from functional.data import blocks
from functional.data import checker

_OTHER = b'somebody else is'
_SECTOR = 512


class _SelfTest:
    """One volume with one block, which nobody writes to any more."""

    def __init__(self, made):
        self._checker = made
        self._checker._create()
        (self._owned,) = made._volumes
        self._offset = 5 * blocks.SIZE
        self._free = content.GIB - blocks.SIZE
        # Written twice, so that the first one is stale.
        for _n in range(2):
            self._mark = self._owned.history.begin(self._offset)
            self._owned.history.acknowledge()
        self._block = blocks.encode(self._mark, self._offset)
        self._put_right()

    def _spoil(self, offset, block):
        with self._checker._connected(self._owned) as path:
            content.write(path, offset, block)

    def _put_right(self):
        self._spoil(self._offset, self._block)
        self._spoil(self._free, blocks.ZEROS)
        self._checker._do('verify')

    def ways(self):
        """Give what is found, where, and what is there instead."""
        stale = blocks.encode(blocks.Mark(self._mark.owner, 1),
                              self._offset)
        corrupt = bytearray(self._block)
        corrupt[1000] ^= 0x80
        yield blocks.Corrupt, self._offset, bytes(corrupt)
        yield blocks.Stale, self._offset, stale
        yield blocks.Foreign, self._offset, blocks.encode(
            blocks.Mark(_OTHER, 2), self._offset)
        yield (blocks.Torn, self._offset,
               stale[:_SECTOR] + self._block[_SECTOR:])
        yield blocks.Lost, self._offset, blocks.ZEROS
        yield blocks.Misplaced, self._free, self._block
        yield blocks.NotZero, self._free, blocks.encode(self._mark,
                                                        self._free)

    def finds(self, error, offset, block):
        """Tell whether the checker says what is wrong.

        :param error: the class of blocks.Wrong that it has to tell
        :param offset: of the block that is spoilt
        :param block: what is there instead
        :returns: bool
        """
        self._spoil(offset, block)
        try:
            self._checker._do('verify')
        except checker.Found as found:
            self._put_right()
            return type(found.__cause__) is error
        return False


def run(made):
    """Spoil a volume in every way there is.

    :param made: a :class:`functional.data.checker.Checker`
    :returns: names of what was found, and of what was not
    """
    found, missed = [], []
    with made.simulator:
        made.set_up()
        try:
            test = _SelfTest(made)
            for error, offset, block in test.ways():
                done = test.finds(error, offset, block)
                (found if done else missed).append(error.__name__)
        finally:
            made.let_go()
    return found, missed
