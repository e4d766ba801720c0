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

"""One SQLite database for all the threads of some services.

SQLite lets one transaction write at a time, and makes one that has read and
then wants to write fail at once when another one wrote meanwhile. Services
are made for databases where that does not happen, and none of them tries
again. So the transactions take turns, which with SQLite costs nothing: those
of a process, and those of all processes that name the same lock file.
"""

import fcntl
import threading
import time

from sqlalchemy import engine
from sqlalchemy import event

# Should a transaction ever be forgotten, the others go on without its lock.
TURN_SECONDS = 60

_HELD = 'functional_transaction_lock'
_POLL = 0.002


class _Turn(object):
    """A lock between threads and processes, which a thread can take again."""

    def __init__(self, path):
        self._threads = threading.RLock()
        self._file = open(path, 'w') if path else None
        self._depth = 0

    def acquire(self):
        """Take it, or go on without it after a long while.

        :returns: whether it was taken
        """
        if not self._threads.acquire(timeout=TURN_SECONDS):
            return False
        self._depth += 1
        if self._file and self._depth == 1:
            self._lock_file()
        return True

    def release(self):
        """Give it back; once for each time that it was taken."""
        self._depth -= 1
        if self._file and not self._depth:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        self._threads.release()

    def _lock_file(self):
        # Polled, as waiting for it would stop all green threads.
        deadline = time.monotonic() + TURN_SECONDS
        while time.monotonic() < deadline:
            try:
                return fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_POLL)


def take_turns(path=None):
    """Let the transactions of all engines of this process take turns.

    Works with eventlet, when it has patched this process, and without it.

    :param path: file that other processes with the same database name too
    """
    lock = _Turn(path)

    def begin(connection):
        connection.info[_HELD] = lock.acquire()

    def end(connection):
        if connection.info.pop(_HELD, False):
            lock.release()

    def commit(connection):
        # SQLAlchemy tells before it commits, and the next one must not begin
        # to read before that is done.
        connection.connection.commit()
        end(connection)

    event.listen(engine.Engine, 'begin', begin)
    event.listen(engine.Engine, 'commit', commit)
    event.listen(engine.Engine, 'rollback', end)
