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

"""What a volume or snapshot may hold, by what was written when.

A volume has one writer, which begins a write when the one before has been
acknowledged. So what it holds at a point in time is what all writes up to
some generation leave; which generations are possible is told by the writes
that had been acknowledged before an operation was asked for, and by those
that had begun before it was answered.
"""

import threading
import uuid

from functional.data import blocks


class Point:
    """What an object held at a point in time.

    It is one of several possibilities until somebody has looked; from then on
    it has to be that one for ever.
    """

    def __init__(self, possible):
        """Know what is possible.

        :param possible: list of dicts of offset to Mark, the oldest first
        """
        self._possible = possible

    @property
    def resolved(self):
        """Whether only one possibility is left."""
        return len(self._possible) == 1

    def resolve(self, found):
        """Check what was found.

        :param found: dict of offset to Mark of the blocks that are not zeros
        :returns: the possibility that it is
        :raises blocks.Wrong: it is none of them
        """
        for content in self._possible:
            if found == content:
                self._possible = [content]
                return content
        self._complain(found)

    def check(self, offset, mark):
        """Check a single block; what is possible stays so.

        :param offset: its place
        :param mark: the Mark that was found there, None for zeros
        :raises blocks.Wrong: no possibility has it
        """
        if not any(mark == content.get(offset) for content in self._possible):
            blocks.compare(mark, self._possible[-1].get(offset), offset)

    def _complain(self, found):
        """Tell of the first block that no possibility has, if there is one."""
        oldest, newest = self._possible[0], self._possible[-1]
        for offset in sorted(set(found) | set(newest)):
            mark = found.get(offset)
            if not any(mark == content.get(offset)
                       for content in self._possible):
                blocks.compare(mark, oldest.get(offset)
                               if _before(mark, oldest.get(offset))
                               else newest.get(offset), offset)
        raise blocks.Stale(
            'each block is possible, but not all of them at one time')


def _before(mark, other):
    return bool(mark and other and mark.owner == other.owner
                and mark.generation < other.generation)


class History:
    """The writes to a volume."""

    def __init__(self, base=None):
        """Begin.

        :param base: what it holds already, dict of offset to Mark
        """
        self.owner = uuid.uuid4().bytes
        self._lock = threading.Lock()
        self._base = dict(base or {})
        self._writes = []
        self._acknowledged = 0
        self._before = 0

    def begin(self, offset):
        """Begin a write.

        :param offset: its place
        :returns: the Mark to write there
        """
        with self._lock:
            mark = blocks.Mark(self.owner,
                               self._before + len(self._writes) + 1)
            self._writes.append((offset, mark))
            return mark

    def acknowledge(self):
        """Note that the write that was begun last is acknowledged."""
        with self._lock:
            self._acknowledged = len(self._writes)

    def acknowledged(self):
        """Tell how many writes are acknowledged, before something is asked.

        :returns: what point() wants
        """
        return self._acknowledged

    def point(self, acknowledged):
        """Tell what is possible when the answer is there.

        :param acknowledged: what acknowledged() told before the request
        :returns: a :class:`Point`
        """
        with self._lock:
            writes = list(self._writes)
        content = dict(self._base)
        for offset, mark in writes[:acknowledged]:
            content[offset] = mark
        possible = [dict(content)]
        for offset, mark in writes[acknowledged:]:
            content[offset] = mark
            possible.append(dict(content))
        return Point(possible)

    def now(self):
        """Tell what a volume holds that nobody writes to.

        :returns: a :class:`Point`
        """
        return self.point(self._acknowledged)

    def settle(self, content):
        """Begin anew with what the volume was found to hold.

        :param content: dict of offset to Mark
        """
        with self._lock:
            self._before += len(self._writes)
            self._base, self._writes = dict(content), []
            self._acknowledged = 0
