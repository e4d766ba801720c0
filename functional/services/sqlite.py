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

"""One SQLite database for all the threads of a service.

SQLite lets one transaction write at a time, and makes one that has read and
then wants to write fail at once when another one wrote meanwhile. Services
are made for databases where that does not happen, and none of them tries
again. So the transactions of a process take turns, which with SQLite costs
nothing.
"""

import threading

from sqlalchemy import engine
from sqlalchemy import event

# Should a transaction ever be forgotten, the others go on without its lock.
TURN_SECONDS = 60

_HELD = 'functional_transaction_lock'


def take_turns():
    """Let the transactions of all engines of this process take turns.

    Works with eventlet, when it has patched this process, and without it.
    """
    lock = threading.RLock()

    def begin(connection):
        connection.info[_HELD] = lock.acquire(timeout=TURN_SECONDS)

    def end(connection):
        if connection.info.pop(_HELD, False):
            lock.release()

    event.listen(engine.Engine, 'begin', begin)
    event.listen(engine.Engine, 'commit', end)
    event.listen(engine.Engine, 'rollback', end)
