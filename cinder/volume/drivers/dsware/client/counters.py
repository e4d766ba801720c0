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

"""Counts what is asked of a cluster, and what became of it.

The counts are those of one backend in one process, since it started. There
is one for each operation, class of failure and agent that is in the
configuration; hosts that volumes are attached to may be many, so that from
some number on they are counted together.
"""

import collections
import os
import threading

# Agents that are counted one by one.
_MOST_AGENTS = 64
#: All others together.
OTHERS = 'others'
#: The groups of counts that are kept for each agent. Each holds counts by
#: operation or by class of failure, and connections those by what happened.
REQUESTS = 'requests'
FAILURES = 'failures'
CONNECTIONS = 'connections'
#: Those that are kept for the backend as a whole.
CALLS = 'calls'
FAILED_CALLS = 'failed_calls'
ATTEMPTS = 'attempts'
SETTLED = 'settled'
WAITS = 'waits'


class Tally:
    """Counts by group and key; safe for threads, and after a fork.

    :ivar groups: the groups that there always are
    """

    def __init__(self, *groups):
        self._groups = groups
        self._begin()

    def _begin(self):
        self._lock = threading.Lock()
        self._counts = {name: collections.Counter() for name in self._groups}
        self._pid = os.getpid()

    def add(self, group: str, key: str, number: int = 1) -> None:
        """Count something.

        :param group: one of the groups
        :param key: what is counted
        :param number: how many; less than 0 when something has ended
        """
        if self._pid != os.getpid():
            # A child counts what it does itself; a thread of its parent
            # may hold the lock for ever.
            self._begin()
        with self._lock:
            self._counts[group][key] += number

    def snapshot(self) -> dict[str, dict[str, int]]:
        """Give the counts as they are now.

        :returns: counts by key, by group
        """
        with self._lock:
            return {group: dict(sorted(counts.items()))
                    for group, counts in self._counts.items()}


def agent_tally() -> Tally:
    """Make the counts of one agent.

    :returns: a new :class:`Tally`
    """
    return Tally(REQUESTS, FAILURES, CONNECTIONS)


class Counters(Tally):
    """The counts of one backend.

    Beside the groups of the backend there is a :class:`Tally` for each
    agent.
    """

    def __init__(self):
        super().__init__(CALLS, FAILED_CALLS, ATTEMPTS, SETTLED, WAITS)
        self._agents = {}
        self._agents_lock = threading.Lock()

    def agent(self, endpoint) -> Tally:
        """Give the counts of an agent.

        :param endpoint: the :class:`operations.Endpoint`
        :returns: its counts, or those of all that have none of their own
        """
        name = str(endpoint)
        with self._agents_lock:
            if name not in self._agents and len(self._agents) >= _MOST_AGENTS:
                name = OTHERS
            return self._agents.setdefault(name, agent_tally())

    def report(self) -> dict:
        """Give all the counts.

        :returns: those of the backend by group; "agents" has those of each
            agent, "all_agents" their sums
        """
        with self._agents_lock:
            agents = dict(self._agents)
        by_agent = {name: tally.snapshot() for name, tally in agents.items()}
        return {**self.snapshot(), 'all_agents': _sum(by_agent.values()),
                'agents': by_agent}


def _sum(snapshots):
    sums = {REQUESTS: collections.Counter(),
            FAILURES: collections.Counter(),
            CONNECTIONS: collections.Counter()}
    for one in snapshots:
        for group, counts in one.items():
            # Not update(), which has no place for what is less than 0.
            for key, number in counts.items():
                sums[group][key] += number
    return {group: dict(sorted(counts.items()))
            for group, counts in sums.items()}


def class_of(error: Exception) -> str:
    """Name the class that a failure is counted as.

    :param error: the failure
    :returns: the name of its class, as in the documentation for operators
    """
    return type(error).__name__
