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

"""Deadlines, and how long to wait between two looks at something."""

from collections.abc import Iterator
import contextlib
import random
import time

# Between looks at a copy, and attempts at anything else.
# A first look after 0.1 s, then a twelfth of the time that has gone by: so the
# end of a copy is noticed within a tenth of the time that the copy took, or
# 0.2 s, which leaves the rest of that for the look itself.
_FIRST_WAIT = 0.1
_SHARE = 1 / 12
_LONGEST_WAIT = 5.0


class Deadline:
    """A moment by which something has to be done.

    :param seconds: seconds from now
    """

    __slots__ = ('seconds', '_start')

    def __init__(self, seconds: float):
        self.seconds = seconds
        self._start = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the deadline was set."""
        return time.monotonic() - self._start

    @property
    def remaining(self) -> float:
        """Seconds that are left, never less than 0."""
        return max(self._start + self.seconds - time.monotonic(), 0.0)

    @property
    def expired(self) -> bool:
        return self.elapsed >= self.seconds

    @contextlib.contextmanager
    def paused(self):
        """Stop the clock while somebody else has the say.

        :returns: a context manager
        """
        since = time.monotonic()
        try:
            yield
        finally:
            self._start += time.monotonic() - since


def pauses(deadline: Deadline) -> Iterator[float]:
    """Pause between looks at something, up to a deadline.

    Sleeps before each value that it yields; ends when the deadline is over.

    :param deadline: when to stop
    :returns: an iterator of the seconds that have gone by
    """
    while not deadline.expired:
        wait = min(max(deadline.elapsed * _SHARE, _FIRST_WAIT), _LONGEST_WAIT)
        time.sleep(min(wait, deadline.remaining))
        yield deadline.elapsed


def jittered(seconds: float) -> float:
    """Spread a delay so that many clients do not return at one moment.

    :param seconds: the delay
    :returns: between 0.75 and 1.25 times the delay
    """
    return seconds * random.uniform(0.75, 1.25)  # nosec
