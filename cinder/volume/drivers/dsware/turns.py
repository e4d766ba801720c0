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

"""Who may use which agent next, when all their connections are in use.

An agent carries a bounded number of requests at a time. A call takes a place
at any of its agents that has one; when none has, calls queue up and get the
places that become free in the order in which they came. So nobody waits for
an agent that hangs while others have room, and nobody is overtaken for ever.
"""

import collections
import os
import threading

# Seconds after which a call that waits looks itself, since an agent that had
# failed may have become well without anybody having said so.
_LOOK = 1.0


class _Waiter:
    """A call that waits for a place at one of some agents."""

    def __init__(self, agents):
        self.agents = agents
        self.agent = None
        self.called = threading.Event()

    def accepts(self, agent):
        """Whether a place at an agent is of use.

        One at an agent that failed only is when there is no better one.
        """
        return agent in self.agents and (agent.healthy or not any(
            other.healthy for other in self.agents))


class _State:
    """Who works and who waits, in one process."""

    def __init__(self):
        self.pid = os.getpid()
        self.lock = threading.Lock()
        self.users = collections.Counter()
        self.waiting = collections.deque()


class Turns:
    """Places at agents.

    An agent here is anything that is hashable, and has ``capacity``, the
    number of requests that it may carry at a time, and ``healthy``.
    """

    def __init__(self):
        self._state = _State()

    def _current(self):
        # A forked child has none of its parent's threads. Two of its own
        # that make it at one moment lose a count at most, and the
        # transports have bounds of their own.
        if self._state.pid != os.getpid():
            self._state = _State()
        return self._state

    def take(self, agents, deadline):
        """Take a place, and wait for it if need be.

        :param agents: the agents to choose from, the first one that has
            room is taken
        :param deadline: the :class:`waiting.Deadline` of the wait
        :returns: the agent, for :meth:`give_back`; None when the deadline
            is over before there is room
        """
        state = self._current()
        with state.lock:
            agent = self._free(state, agents)
            if agent is not None:
                return agent
            waiter = _Waiter(agents)
            state.waiting.append(waiter)
        try:
            self._wait(state, waiter, deadline)
        except BaseException:
            # An eventlet time-out is no Exception.
            self._leave(state, waiter)
            if waiter.agent is not None:
                self.give_back(waiter.agent)
            raise
        self._leave(state, waiter)
        return waiter.agent

    @staticmethod
    def _free(state, agents):
        for agent in agents:
            if state.users[agent] < agent.capacity:
                state.users[agent] += 1
                return agent
        return None

    def _wait(self, state, waiter, deadline):
        while not waiter.called.wait(min(_LOOK, deadline.remaining)):
            with state.lock:
                if waiter.agent is None:
                    waiter.agent = self._free(state, waiter.agents)
                if waiter.agent is not None or deadline.expired:
                    return

    @staticmethod
    def _leave(state, waiter):
        with state.lock:
            if waiter in state.waiting:
                state.waiting.remove(waiter)

    def give_back(self, agent):
        """Let the next one have a place.

        :param agent: what :meth:`take` returned
        """
        state = self._current()
        with state.lock:
            for waiter in state.waiting:
                if waiter.agent is None and waiter.accepts(agent):
                    state.waiting.remove(waiter)
                    waiter.agent = agent
                    waiter.called.set()
                    return
            state.users[agent] -= 1
            if state.users[agent] <= 0:
                # The agents of hosts come and go.
                del state.users[agent]

    def used(self, agent) -> int:
        """Count the requests that an agent carries now.

        :param agent: the agent
        """
        return self._current().users.get(agent, 0)
