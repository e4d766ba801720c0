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

"""What stands in for a web server and a database server.

One SQLite database for all the threads of some services, and a server for
their WSGI applications.
"""

import fcntl
import threading
import time
import types

from oslo_db.sqlalchemy import engines
from sqlalchemy import engine
from sqlalchemy import event
from sqlalchemy import pool

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


class _Kept(pool.QueuePool):
    """As many connections as are wanted at a time, kept for the next one."""

    def __init__(self, creator, **options):
        super().__init__(creator, **dict(options, pool_size=0))


def _keep_connections():
    """Have oslo.db keep connections of SQLite's, as it does all others.

    To open one for each transaction is a fourth of all that Cinder does.
    """
    engines.pool = types.SimpleNamespace(**dict(vars(pool), NullPool=_Kept))


def take_turns(path=None):
    """Let the transactions of all engines of this process take turns.

    SQLite lets one transaction write at a time, and makes one that has read
    and then wants to write fail at once when another one wrote meanwhile.
    Services are made for databases where that does not happen, and none of
    them tries again. So the transactions take turns, which with SQLite costs
    nothing: those of a process, and those of all processes that name the same
    lock file.
    Works with eventlet, when it has patched this process, and without it.

    :param path: file that other processes with the same database name too
    """
    _keep_connections()
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


def _keep_open(application):
    """Keep an application from closing what it reads a request from.

    Glance does after an upload. It is the connection, whose next request
    would fail.
    """
    def wrapped(environ, start_response):
        environ['wsgi.input'].close = lambda: None
        return application(environ, start_response)
    return wrapped


def make_server(application, address, port, threads=10):
    """Make a server that is ready to be started in a thread.

    Cheroot was chosen because it is pure Python (uWSGI needs a C compiler),
    runs each request in a native thread as Glance and Cinder expect of a WSGI
    server, and hands a chunked upload of any length to the application as it
    arrives (waitress first spools the whole body to a temporary file, 1 GiB at
    most).

    :param application: the WSGI application
    :param address: the address to listen on
    :param port: the port to listen on
    :param threads: how many requests are served at a time
    :returns: an object with serve(), to be called in a thread of its own,
              and stop()
    """
    # What needs a database only has not got it.
    from cheroot import wsgi as cheroot_wsgi

    server = cheroot_wsgi.Server((address, port),
                                 _keep_open(application),
                                 numthreads=threads, timeout=60,
                                 shutdown_timeout=2)
    server.prepare()
    return server
