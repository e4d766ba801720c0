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

"""Which agent a call may ask, and when.

An agent carries a bounded number of requests at a time. One that fails is
left alone for a while; then a single attempt, of the call that waits longest,
shows whether it is back, and begins the next and longer pause in case it is
not. All calls of a process share that: those that have no other agent queue
up, get the places that become free in the order in which they came, and go on
together as soon as one of them is answered.
"""

import itertools
import threading
import time

from oslo_log import log as logging

from cinder.volume.drivers.dsware import reporting
from cinder.volume.drivers.dsware import waiting

LOG = logging.getLogger(__name__)

# The first and the longest pause, in seconds, between two attempts at an
# agent that failed: while others carry on, since an attempt may cost a
# request the time to connect; and while requests can only wait for it, which
# are to be served soon after it is back.
_PAUSES = (1.0, 60.0)
_PAUSES_WHEN_NEEDED = (0.25, 2.0)
# Of the time of a request, what such a pause takes at most.
_SHARE = 0.25
# Seconds after which the agent of a host that nobody has attached to or
# detached from is forgotten, with its connections.
_FORGET_AFTER = 60.0


class Agent:
    """An endpoint's transport, and how it is.

    :ivar capacity: how many requests it carries at a time
    :ivar users: how many it carries now
    :ivar failures: attempts since it last answered
    :ivar error: what failed last
    :ivar attempt: the :class:`Place` of the last attempt to see whether it
        is back
    :ivar since: when its pause has begun
    """

    def __init__(self, endpoint, transport, capacity):
        self.endpoint = endpoint
        self.transport = transport
        self.capacity = capacity
        self.users = 0
        self.failures = 0
        self.error = None
        self.attempt = None
        self.wanted = time.monotonic()
        self.since = 0.0
        self._spread = 1.0

    @property
    def answers(self):
        return not self.failures

    def pause(self):
        """Leave it alone for a while, longer than before."""
        self.failures += 1
        self.since = time.monotonic()
        self._spread = waiting.jittered(1.0)

    def again_at(self, first, longest):
        """Tell when it may be asked again, by its first and longest pause."""
        return self.since + self._spread * min(
            first * 2 ** min(self.failures - 1, 10), longest)


class Place:
    """The right to send one request to an agent."""

    def __init__(self, agent):
        self.agent = agent


class _Waiter:
    """A call that waits for a place at one of some agents."""

    def __init__(self, agents):
        self.agents = agents
        self.place = None
        self.called = threading.Event()


class Agents:
    """The agents of one cluster, and who may ask them.

    :param endpoints: those that requests are spread over
    :param make_agent: makes the :class:`Agent` of an endpoint
    :param request_timeout: seconds for one request
    """

    def __init__(self, endpoints, make_agent, request_timeout):
        # No request fails without an attempt within its time.
        first, longest = _PAUSES_WHEN_NEEDED
        self._pauses_when_needed = first, min(longest,
                                              request_timeout * _SHARE)
        self._make_agent = make_agent
        self._agents_lock = threading.Lock()
        self._agents = {e: make_agent(e) for e in endpoints}
        self._rotation = list(self._agents.values())
        self._turn = itertools.count()
        # Of the places: who works and who waits.
        self._lock = threading.Lock()
        self._waiting = []

    @property
    def endpoints(self):
        return [agent.endpoint for agent in self._rotation]

    def order(self, endpoint=None):
        """Give the agents that a call may ask, the best ones first.

        :param endpoint: the one to ask, by default any
        """
        if endpoint is not None:
            return [self._agent(endpoint)]
        known = self._rotation
        ready = [agent for agent in known if self._may_be_asked(agent, known)]
        start = next(self._turn) % max(len(ready), 1)
        return ready[start:] + ready[:start] + [
            agent for agent in known if agent not in ready]

    def _agent(self, endpoint):
        with self._agents_lock:
            if endpoint not in self._agents:
                self._forget_unused()
                self._agents[endpoint] = self._make_agent(endpoint)
            agent = self._agents[endpoint]
            agent.wanted = time.monotonic()
            return agent

    def _forget_unused(self):
        """Forget hosts' agents, or there were ever more connections."""
        forgotten = time.monotonic() - _FORGET_AFTER
        for agent in list(self._agents.values()):
            if (agent.wanted < forgotten and not agent.users
                    and agent not in self._rotation):
                del self._agents[agent.endpoint]
                agent.transport.close()

    def take(self, agents, deadline=None):
        """Take a place, and wait for it if need be.

        :param agents: the agents to choose from, the first one that may be
            asked is taken
        :param deadline: the :class:`waiting.Deadline` of the wait; by
            default there is none
        :returns: the :class:`Place`, for :meth:`give_back`; None when there
            is none, or the deadline is over before
        """
        with self._lock:
            # Those who came before have the first choice.
            self._serve()
            place = self._place_at(agents)
            if place is not None or deadline is None:
                return place
            waiter = _Waiter(agents)
            self._waiting.append(waiter)
        try:
            self._wait(waiter, deadline)
        except BaseException:
            # An eventlet time-out is no Exception.
            self._leave(waiter)
            if waiter.place is not None:
                self.give_back(waiter.place)
            raise
        self._leave(waiter)
        return waiter.place

    def _wait(self, waiter, deadline):
        while True:
            with self._lock:
                waiter.called.clear()
                # Before it is looked who may be asked: a pause that is over
                # right after that must not be slept over.
                now = time.monotonic()
                self._serve()
                seconds = self._until_next(waiter.agents, now)
            if waiter.place is not None or deadline.expired:
                return
            waiter.called.wait(min(seconds, deadline.remaining))

    def _leave(self, waiter):
        with self._lock:
            if waiter in self._waiting:
                self._waiting.remove(waiter)

    def _serve(self):
        """Give those who wait what there is, in their order."""
        for waiter in list(self._waiting):
            waiter.place = self._place_at(waiter.agents)
            if waiter.place is not None:
                self._waiting.remove(waiter)
                waiter.called.set()

    def _place_at(self, agents):
        """Give a place at the first one that may be asked, or None."""
        for agent in agents:
            if (agent.users < agent.capacity
                    and self._may_be_asked(agent, agents)):
                agent.users += 1
                place = Place(agent)
                if not agent.answers:
                    # Others may make the next attempt if this one hangs.
                    agent.attempt = place
                    agent.pause()
                return place
        return None

    def _may_be_asked(self, agent, agents):
        """Tell whether one of some agents is not to be left alone."""
        return (not agent.failures
                or self._pause_end(agent, agents) <= time.monotonic())

    def _pause_end(self, agent, agents):
        return agent.again_at(*(
            _PAUSES if any(other.answers for other in agents)
            else self._pauses_when_needed))

    def _until_next(self, agents, now):
        """Tell in how many seconds the next pause is over."""
        ends = (self._pause_end(agent, agents) for agent in agents
                if not agent.answers)
        return min((end - now for end in ends if end > now),
                   default=float('inf'))

    def give_back(self, place):
        """Let the next one have a place.

        :param place: what :meth:`take` returned
        """
        with self._lock:
            place.agent.users -= 1
            self._serve()

    def answered(self, agent):
        """Note that an agent answers, and call those who wait for that."""
        if agent.answers:
            return
        with self._lock:
            again, agent.failures = agent.failures, 0
            self._serve()
        if again:
            LOG.info('Dsware agent %s answers again.', agent.endpoint)

    def end_pause(self, agent):
        """Let an agent be asked again at once."""
        with self._lock:
            agent.since = -float('inf')

    def failed(self, place, error):
        """Leave an agent alone for a growing while.

        :param error: what failed
        """
        agent = place.agent
        with self._lock:
            agent.error = error
            first = agent.answers
            if first:
                agent.pause()
                for waiter in self._waiting:
                    # It may have to wait for another agent now.
                    waiter.called.set()
            elif agent.attempt is place:
                agent.since = time.monotonic()
            # One outage that many calls run into is still one.
        if first:
            self._log(agent, error)

    def _log(self, agent, error):
        known = self._rotation if agent in self._rotation else [agent]
        seconds = self._pause_end(agent, known) - time.monotonic()
        others = ('the others carry on'
                  if any(other.answers for other in known)
                  else 'no other one is known to answer')
        reporting.log_once(
            LOG, logging.WARNING, error,
            f'Dsware agent {agent.endpoint} is left alone for {seconds:.1f} '
            f's, then longer; {others}.')

    def close(self):
        """Close all idle connections."""
        with self._agents_lock:
            agents = list(self._agents.values())
        for agent in agents:
            agent.transport.close()
