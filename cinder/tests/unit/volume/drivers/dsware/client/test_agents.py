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

import functools
import itertools
import threading
import time
from unittest import mock

import ddt
import testtools

from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.tests.unit.volume.drivers.dsware.fakes import thread_clock
from cinder.volume.drivers.dsware.client import agents
from cinder.volume.drivers.dsware.client import client
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware.client import protocol
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import waiting

ONE, TWO = fakes.ENDPOINTS
THREE = endpoints.Endpoint('192.0.2.3', 10519)
_PATIENCE = 30
_FAILURE = exceptions.EndpointUnavailable(desc='cannot connect')


def no_jitter(case):
    patcher = mock.patch.object(waiting, 'jittered', lambda s: s)
    patcher.start()
    case.addCleanup(patcher.stop)


class Caller(threading.Thread):
    """Takes a place, and tells in which order that came."""

    def __init__(self, places, chosen, order, deadline=_PATIENCE):
        super().__init__(daemon=True)
        self.places = places
        self.chosen = chosen
        self.order = order
        self.deadline = waiting.Deadline(deadline)
        self.place = None

    def run(self):
        self.place = self.places.take(self.chosen, self.deadline)
        self.order.append(self)


class AgentsTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        no_jitter(self)
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

    def caller(self, *chosen, **kwargs):
        """Start a caller, and wait until it waits."""
        made = Caller(self.agents, list(chosen), self.order, **kwargs)
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

    def test_many_threads(self):
        """As many work as may, and each gets its turn."""
        self.one.capacity, self.two.capacity = 2, 3
        most = dict.fromkeys(self.both, 0)
        working = dict.fromkeys(self.both, 0)
        lock = threading.Lock()
        done = []

        def work():
            for _n in range(50):
                place = self.take(*self.both, seconds=_PATIENCE)
                agent = place.agent
                with lock:
                    working[agent] += 1
                    most[agent] = max(most[agent], working[agent])
                with lock:
                    working[agent] -= 1
                self.agents.give_back(place)
                done.append(agent)

        threads = [threading.Thread(target=work) for _n in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(_PATIENCE)
        self.assertEqual(16 * 50, len(done))
        for agent in self.both:
            self.assertLessEqual(most[agent], agent.capacity)
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


@ddt.ddt
class OutageTestCase(testtools.TestCase):
    """Ten calls at a time on agents that do not answer."""

    CALLERS = 10
    SECONDS = 94

    def setUp(self):
        super().setUp()
        no_jitter(self)
        self.time = thread_clock.Time()
        for module in (agents, client, waiting):
            self.turn(module, 'time')
        self.turn(agents, 'threading')
        self.start = self.time.now
        # When each agent was asked, and when it is back.
        self.attempts = {ONE: [], TWO: [], THREE: []}
        self.back = dict.fromkeys(self.attempts, float('inf'))
        self.takes = 0
        self.client = client.Client((ONE, TWO), self.make_transport, 60)
        self.answered = []
        self.errors = []

    def turn(self, module, name):
        patcher = mock.patch.object(module, name, self.time)
        patcher.start()
        self.addCleanup(patcher.stop)

    def make_transport(self, endpoint):
        return mock.Mock(exchange=functools.partial(self.exchange, endpoint))

    def exchange(self, endpoint, request, deadline):
        self.attempts[endpoint].append(self.elapsed())
        self.time.sleep(min(self.takes, deadline.remaining))
        if self.elapsed() < self.back[endpoint]:
            raise exceptions.EndpointUnavailable(
                desc='cannot connect', endpoint=str(endpoint))
        yield protocol.Frame(1, 0, '', False, [])

    def elapsed(self):
        return self.time.now - self.start

    def call(self, **kwargs):
        try:
            self.client.call('deleteVolume', volName='v', **kwargs)
        except exceptions.DSWareError as error:
            self.errors.append((self.elapsed(), error))
        else:
            self.answered.append(self.elapsed())

    def call_again_and_again(self, **kwargs):
        while self.elapsed() < self.SECONDS:
            self.call(**kwargs)

    @ddt.data((0, {}), (0, {'agent': THREE}), (5, {}), (45, {}))
    @ddt.unpack
    def test_attempts(self, takes, kwargs):
        """No more for each agent than there are pauses."""
        self.takes = takes
        self.time.run(*[functools.partial(self.call_again_and_again,
                                          **kwargs)] * self.CALLERS)
        for endpoint, attempts in self.attempts.items():
            if (endpoint == THREE) == bool(kwargs):
                self.assertGreater(len(attempts), 15)
            # The first ones are made before anybody knows.
            later = attempts[self.CALLERS:]
            pauses = [b - a for a, b in zip(later, later[1:])]
            self.assertLess(len(later), 80)
            for pause in pauses[5:]:
                self.assertGreaterEqual(round(pause, 3), 2)

    def test_the_deadline(self):
        self.time.run(*[self.call] * self.CALLERS)
        self.assertEqual(self.CALLERS, len(self.errors))
        for elapsed, error in self.errors:
            self.assertAlmostEqual(60, elapsed, delta=0.01)
            self.assertIs(exceptions.EndpointUnavailable, type(error))
            self.assertEqual(
                ('deleteVolume', 'v', 'cannot connect'),
                (error.op, error.name, error.desc))
            self.assertIn(error.endpoint, [str(e) for e in (ONE, TWO)])

    def test_a_call_during_an_outage_carries_its_cause(self):
        at_once = functools.partial(self.call, patience=0)
        self.time.run(at_once)
        self.errors.clear()
        self.attempts[ONE].clear()
        self.attempts[TWO].clear()
        self.time.run(at_once)
        (_elapsed, error), = self.errors
        self.assertEqual('cannot connect', error.desc)
        self.assertEqual([], self.attempts[ONE] + self.attempts[TWO])

    @ddt.data(ONE, TWO)
    def test_all_go_on_once_one_agent_is_back(self, endpoint):
        self.back[endpoint] = 31
        self.time.run(*[self.call] * self.CALLERS)
        self.assertEqual([], self.errors)
        first = next(when for when in self.attempts[endpoint] if when >= 31)
        self.assertLess(first, 31 + 5.1)
        self.assertEqual(self.CALLERS, len(self.answered))
        self.assertLess(max(self.answered), first + 0.01)

    def test_an_attempt_that_hangs_keeps_nobody_from_the_next(self):
        self.takes = 20
        self.time.run(*[self.call] * 2)
        self.takes = 0
        self.errors.clear()
        self.answered.clear()
        self.back[ONE] = 0

        def hang():
            # It may take as long as there is time.
            self.takes = 40
            self.call()

        def call_then():
            self.time.sleep(0.1)
            self.takes = 0
            self.call()

        began = self.elapsed()
        self.time.run(hang, call_then)
        self.assertEqual([], self.errors)
        self.assertLess(self.answered[0] - began, 6)
