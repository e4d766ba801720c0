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

"""The steps of an operation, and the end of a process at one of them.

A step is what others see: a request that changes something on the cluster
has been answered, or a transaction that wrote has been committed. Between
two steps it makes no difference when a process is killed, so it is killed
after each of them, and before the first.
"""

import os
import signal

from sqlalchemy.engine import default

_QUERIES = ('query', 'get')
_WRITES = ('INSERT', 'UPDATE', 'DELETE')


class Steps(object):
    """Counts the steps of this process, and ends it at one of them."""

    def __init__(self):
        self.names = []
        self._kill_at = None
        self._counts = False
        # Called with the number of a request and its operation.
        self._before_request = None

    def watch(self, client):
        """Take notice of the steps; to be called once.

        :param client: the driver's :class:`client.Client`
        """
        self._watch_requests(client)
        self._watch_database()

    def start(self, kill_at=None, before_request=None):
        """Start to count.

        :param kill_at: the number of steps after which this process ends
        :param before_request: called before each request, with how many
                               were made before and its operation
        """
        self._kill_at, self._counts = kill_at, True
        self._before_request = before_request
        self._end_if_due()

    def stop(self):
        """Count no more.

        :returns: the names of the steps, requests by their operation
        """
        self._counts = False
        return self.names

    def _add(self, name):
        if self._counts:
            self.names.append(name)
            self._end_if_due()

    def _end_if_due(self):
        if self._kill_at == len(self.names):
            os.kill(os.getpid(), signal.SIGKILL)

    def _watch_requests(self, client):
        call = client.call
        made = []

        def watched(op, **kwargs):
            if op.startswith(_QUERIES) or not self._counts:
                return call(op, **kwargs)
            if self._before_request:
                self._before_request(len(made), op)
            made.append(op)
            try:
                return call(op, **kwargs)
            finally:
                self._add(op)

        client.call = watched

    def _watch_database(self):
        execute = default.DefaultDialect.do_execute
        commit = default.DefaultDialect.do_commit
        wrote = set()

        def do_execute(dialect, cursor, statement, *args, **kwargs):
            if statement.lstrip().upper().startswith(_WRITES):
                wrote.add(id(cursor.connection))
            return execute(dialect, cursor, statement, *args, **kwargs)

        def do_commit(dialect, connection):
            commit(dialect, connection)
            key = id(getattr(connection, 'driver_connection', connection))
            if key in wrote:
                wrote.discard(key)
                self._add('record')

        default.DefaultDialect.do_execute = do_execute
        default.DefaultDialect.do_commit = do_commit
