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

"""Agents: which one is asked, when, and who gets the next place."""

import itertools
import threading
import time
from unittest import mock

import testtools

from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware.client import agents
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import waiting

_PATIENCE = 30
_FAILURE = exceptions.EndpointUnavailable(desc='cannot connect')


class Caller(threading.Thread):
    """Takes a place, and tells in which order that came."""

    def __init__(self, places, chosen, order):
        super().__init__(daemon=True)
        self.places = places
        self.chosen = chosen
        self.order = order
        self.deadline = waiting.Deadline(_PATIENCE)
        self.place = None

    def run(self):
        self.place = self.places.take(self.chosen, self.deadline)
        self.order.append(self)


class AgentsTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        patcher = mock.patch.object(waiting, 'jittered', lambda s: s)
        patcher.start()
        self.addCleanup(patcher.stop)
        self.agents = agents.Agents(fakes.ENDPOINTS, self.make_agent, 60)
        self.both = self.agents.order()
        self.one, self.two = self.both
        self.order = []

    @staticmethod
    def make_agent(endpoint):
        return agents.Agent(endpoint, None, 1)

    def take(self, *chosen, seconds=0):
        return self.agents.take(list(chosen), waiting.Deadline(seconds))

    def asked(self, *chosen, seconds=0):
        """Take a place, and tell at which agent."""
        place = self.take(*chosen, seconds=seconds)
        return place and place.agent

    def fail(self, *failed):
        """Let agents fail one after another, each once."""
        for agent in failed:
            place = self.take(agent)
            self.agents.failed(place, _FAILURE)
            self.agents.give_back(place)

    def assertIdle(self):
        self.assertEqual([0, 0], [agent.users for agent in self.both])
        self.assertEqual([], list(self.agents._waiting))


class PlaceTestCase(AgentsTestCase):
    """Who gets a place at agents that answer."""

    def caller(self, *chosen):
        """Start a caller, and wait until it waits."""
        made = Caller(self.agents, list(chosen), self.order)
        before = len(self.agents._waiting)
        made.start()
        self.wait(lambda: len(self.agents._waiting) > before)
        return made

    def wait(self, condition):
        end = time.monotonic() + _PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.001)

    def ended(self, *callers):
        for caller in callers:
            caller.join(_PATIENCE)
            self.assertFalse(caller.is_alive())

    def test_as_many_as_it_carries(self):
        self.one.capacity = 3
        self.assertEqual([self.one] * 3 + [None],
                         [self.asked(self.one) for _n in range(4)])

    def test_those_who_wait_get_places_in_their_order(self):
        place = self.take(self.one)
        callers = [self.caller(self.one) for _n in range(5)]
        for done, caller in enumerate(callers, 1):
            self.agents.give_back(place)
            self.wait(lambda: len(self.order) == done)
            # Nobody who comes now is faster.
            self.assertIsNone(self.take(self.one))
            place = caller.place
        self.assertEqual(callers, self.order)
        self.agents.give_back(place)
        self.ended(*callers)
        self.assertIdle()

    def test_nobody_waits_for_one_that_hangs_while_another_has_room(self):
        self.take(self.one)
        place = self.take(self.two)
        caller = self.caller(*self.both)
        self.agents.give_back(place)
        self.ended(caller)
        self.assertIs(self.two, caller.place.agent)

    def test_one_that_failed_is_passed_over(self):
        one, two = self.take(self.one), self.take(self.two)
        caller = self.caller(*self.both)
        self.agents.failed(one, _FAILURE)
        self.agents.give_back(one)
        self.agents.give_back(two)
        self.ended(caller)
        self.assertIs(self.two, caller.place.agent)

    def test_all_go_on_together_once_one_is_answered(self):
        # Nobody makes the next attempt at that agent during this test.
        self.agents._pauses_when_needed = 10 ** 6, 10 ** 6
        self.one.capacity = 4
        before = self.take(self.one)
        self.fail(self.one)
        callers = [self.caller(self.one) for _n in range(3)]
        self.agents.answered(before.agent)
        self.ended(*callers)
        self.assertEqual([self.one] * 3,
                         [caller.place.agent for caller in callers])

    def interrupt(self, before=lambda: None):
        """End a wait with what is no Exception."""
        place = self.take(self.one)
        wait = self.agents._wait

        def interrupted(waiter, deadline):
            wait(waiter, waiting.Deadline(0))
            before(place)
            raise fakes.Interrupted()

        with mock.patch.object(self.agents, '_wait', interrupted):
            self.assertRaises(fakes.Interrupted, self.take, self.one)
        return place

    def test_what_is_no_exception(self):
        self.agents.give_back(self.interrupt(lambda place: None))
        self.assertIdle()

    def test_what_is_no_exception_when_a_place_was_just_given(self):
        self.interrupt(self.agents.give_back)
        self.assertIdle()


class PauseTestCase(AgentsTestCase):
    """Which agents are left alone, and until when."""

    def setUp(self):
        self.clock = fakes.Clock().install(self)
        super().setUp()
        for agent in self.both:
            agent.capacity = 10

    def test_pauses_while_another_one_carries_on(self):
        self.fail(self.one)
        for pause in (1, 2, 4, 8, 16, 32, 60, 60, 60):
            self.clock.now += pause - 0.01
            self.assertIs(self.two, self.asked(*self.both))
            self.clock.now += 0.02
            self.fail(self.one)
            self.assertIs(self.two, self.asked(*self.both))
            self.two.capacity += 2

    def test_pauses_when_there_is_no_other(self):
        self.fail(*self.both)
        for pause in (0.25, 0.5, 1, 2, 2, 2, 2):
            self.clock.now += pause - 0.01
            self.assertIsNone(self.take(*self.both))
            self.clock.now += 0.02
            self.fail(*self.both)

    def test_one_attempt_for_each_pause(self):
        """However many wait, and however long it takes."""
        self.fail(self.one)
        for pause in (0.25, 0.5, 1, 2, 2, 2):
            self.clock.now += pause + 0.01
            self.assertIs(self.one, self.asked(self.one))
            self.assertIsNone(self.take(self.one))

    def test_an_attempt_that_took_long_is_followed_by_a_pause(self):
        self.fail(self.one)
        self.clock.now += 1
        place = self.take(self.one)
        self.clock.now += 50
        self.agents.failed(place, _FAILURE)
        self.agents.give_back(place)
        self.assertIs(self.two, self.asked(*self.both))
        self.assertIsNone(self.take(self.one))
        self.clock.now += 2
        self.assertIs(self.one, self.asked(self.one))

    def test_one_outage_seen_by_many_is_one(self):
        places = [self.take(self.one) for _n in range(5)]
        for place in places:
            self.agents.failed(place, _FAILURE)
            self.clock.now += 0.1
        self.assertEqual(1, self.one.failures)

    def test_a_pause_that_ends_between_two_looks_at_it(self):
        end = self.clock.now
        self.one.capacity = 20
        for early in range(12):
            self.one.failures, self.one.since = 1, end - 0.25
            looks = itertools.count(-early)
            self.clock.now = end - 0.0005
            with mock.patch.object(
                    self.clock, 'monotonic',
                    lambda: self.clock.now + next(looks) / 1000):
                self.assertIs(self.one, self.asked(self.one, seconds=60))
            self.assertAlmostEqual(end, self.clock.now, delta=1)

    def test_an_answer_ends_the_outage(self):
        before = self.take(self.one)
        for _n in range(3):
            self.fail(self.one)
            self.clock.now += 10
        # Of a request that was sent before counts, too.
        self.agents.answered(before.agent)
        self.assertEqual([self.one] * 3, [
            self.asked(self.one) for _n in range(3)])
        # The next outage begins with a short pause again.
        self.fail(self.one)
        self.clock.now += 0.26
        self.assertIs(self.one, self.asked(self.one))
