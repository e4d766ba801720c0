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

"""A coordination backend in memory, for services that only seem to be many.

What a lock of tooz does for one holder at a time. Whoever is said to be
another service has a name; the driver has none.
"""


class Locks:
    """Locks by name; install() puts them in place of tooz's."""

    def __init__(self):
        self.holders = {}
        self.acquired = []

    def install(self, case):
        """Use them in a test.

        :param case: the test case, of Cinder
        :returns: itself
        """
        case.patch('cinder.coordination.Coordinator.get_lock', self.get)
        return self

    def get(self, name):
        """Give a lock, a new object each time.

        :param name: the lock's name
        """
        return Lock(self, name)

    def end(self, holder):
        """Let a service die.

        :param holder: as held_by() has it
        """
        self.holders = {name: who for name, who in self.holders.items()
                        if who != holder}


class Lock:
    """One attempt to hold a lock."""

    def __init__(self, locks, name):
        self._locks = locks
        self._name = name
        # As tooz has it; Cinder's decorator logs it.
        self.name = name.encode()

    def acquire(self, blocking=True):
        """Take it; one that would be waited for for ever is an error."""
        if self._name in self._locks.holders:
            if blocking is True:
                raise AssertionError('waits for ever: ' + self._name)
            return False
        self._locks.holders[self._name] = self
        self._locks.acquired.append(self._name)
        return True

    def release(self):
        """Let go of it, which only its holder can."""
        if self._locks.holders.pop(self._name, None) is not self:
            raise AssertionError('not held: ' + self._name)

    def __enter__(self):
        self.acquire()
        return self

    def __exit__(self, *error):
        self.release()
