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

"""Places at agents, and who gets the next one."""

import threading
import time
from unittest import mock

import testtools

from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware import turns
from cinder.volume.drivers.dsware import waiting

_PATIENCE = 30


class Agent:

    def __init__(self, capacity=1, healthy=True):
        self.capacity = capacity
        self.healthy = healthy


class Caller(threading.Thread):
    """Takes a place, and tells in which order that came."""

    def __init__(self, places, agents, order, deadline=_PATIENCE):
        super().__init__(daemon=True)
        self.places = places
        self.agents = agents
        self.order = order
        self.deadline = waiting.Deadline(deadline)
        self.agent = None

    def run(self):
        self.agent = self.places.take(self.agents, self.deadline)
        self.order.append(self)


class TurnsTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.places = turns.Turns()
        self.one, self.two = Agent(), Agent()
        self.both = [self.one, self.two]
        self.order = []

    def take(self, *agents, seconds=0):
        return self.places.take(list(agents), waiting.Deadline(seconds))

    def caller(self, *agents, **kwargs):
        """Start a caller, and wait until it waits."""
        made = Caller(self.places, list(agents), self.order, **kwargs)
        before = len(self.places._state.waiting)
        made.start()
        self.wait(lambda: len(self.places._state.waiting) > before)
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

    def assertIdle(self):
        self.assertEqual({}, dict(self.places._state.users))
        self.assertEqual([], list(self.places._state.waiting))

    def test_the_first_with_room(self):
        self.assertIs(self.one, self.take(*self.both))
        self.assertIs(self.two, self.take(*self.both))
        self.assertIsNone(self.take(*self.both))
        self.assertEqual([1, 1], [self.places.used(a) for a in self.both])
        for agent in self.both:
            self.places.give_back(agent)
        self.assertIdle()

    def test_as_many_as_it_carries(self):
        agent = Agent(capacity=3)
        taken = [self.take(agent) for _n in range(4)]
        self.assertEqual([agent] * 3 + [None], taken)

    def test_those_who_wait_get_places_in_their_order(self):
        self.take(self.one)
        callers = [self.caller(self.one) for _n in range(5)]
        for done in range(1, 6):
            self.places.give_back(self.one)
            self.wait(lambda: len(self.order) == done)
            # Nobody who comes now is faster.
            self.assertIsNone(self.take(self.one))
        self.assertEqual(callers, self.order)
        self.places.give_back(self.one)
        self.ended(*callers)
        self.assertIdle()

    def test_nobody_waits_for_one_that_hangs_while_another_has_room(self):
        for agent in self.both:
            self.take(agent)
        caller = self.caller(*self.both)
        self.places.give_back(self.two)
        self.ended(caller)
        self.assertIs(self.two, caller.agent)

    def test_only_a_place_that_is_of_use(self):
        self.take(self.one)
        self.take(self.two)
        caller = self.caller(self.two)
        self.places.give_back(self.one)
        self.assertIs(self.one, self.take(*self.both))
        self.places.give_back(self.two)
        self.ended(caller)
        self.assertIs(self.two, caller.agent)

    def test_one_that_failed_is_passed_over(self):
        for agent in self.both:
            self.take(agent)
        caller = self.caller(*self.both)
        self.one.healthy = False
        with mock.patch.object(turns, '_LOOK', _PATIENCE):
            self.places.give_back(self.one)
            self.places.give_back(self.two)
        self.ended(caller)
        self.assertIn(caller.agent, self.both)

    def test_one_that_failed_is_better_than_none(self):
        self.one.healthy = self.two.healthy = False
        for agent in self.both:
            self.take(agent)
        caller = self.caller(*self.both)
        self.places.give_back(self.one)
        self.ended(caller)
        self.assertIs(self.one, caller.agent)

    def test_one_that_becomes_well_is_noticed(self):
        for agent in self.both:
            self.take(agent)
        self.patch_look(0.01)
        caller = self.caller(*self.both)
        self.one.healthy = False
        self.places.give_back(self.one)
        self.ended(caller)
        self.assertIs(self.one, caller.agent)
        self.assertEqual([1, 1], [self.places.used(a) for a in self.both])

    def patch_look(self, seconds):
        patcher = mock.patch.object(turns, '_LOOK', seconds)
        patcher.start()
        self.addCleanup(patcher.stop)

    def test_the_deadline(self):
        self.take(self.one)
        caller = self.caller(self.one, deadline=0.05)
        self.ended(caller)
        self.assertIsNone(caller.agent)
        self.places.give_back(self.one)
        self.assertIdle()

    def interrupt(self, before=lambda waiter: None):
        """End a wait with what is no Exception."""
        self.take(self.one)

        def wait(state, waiter, deadline):
            before(waiter)
            raise fakes.Interrupted()

        self.places._wait = wait
        self.assertRaises(fakes.Interrupted, self.take, self.one)

    def test_what_is_no_exception(self):
        self.interrupt()
        self.places.give_back(self.one)
        self.assertIdle()

    def test_what_is_no_exception_when_a_place_was_just_given(self):
        self.interrupt(lambda waiter: self.places.give_back(self.one))
        self.assertIdle()

    def test_many_threads(self):
        """As many work as may, and each gets its turn."""
        agents = [Agent(capacity=2), Agent(capacity=3)]
        most = dict.fromkeys(agents, 0)
        working = dict.fromkeys(agents, 0)
        lock = threading.Lock()
        done = []

        def work():
            for _n in range(50):
                agent = self.take(*agents, seconds=_PATIENCE)
                with lock:
                    working[agent] += 1
                    most[agent] = max(most[agent], working[agent])
                with lock:
                    working[agent] -= 1
                self.places.give_back(agent)
                done.append(agent)

        threads = [threading.Thread(target=work) for _n in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(_PATIENCE)
        self.assertEqual(16 * 50, len(done))
        for agent in agents:
            self.assertLessEqual(most[agent], agent.capacity)
        self.assertIdle()

    def test_in_a_forked_child(self):
        self.take(self.one)
        with mock.patch.object(turns.os, 'getpid', return_value=-1):
            self.assertIs(self.one, self.take(self.one))
            # The parent's call ends in the child, too.
            self.places.give_back(self.one)
            self.places.give_back(self.one)
        self.assertIdle()
