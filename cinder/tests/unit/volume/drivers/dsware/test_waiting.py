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

"""Deadlines and pauses, with a clock that the test turns."""

import hypothesis
from hypothesis import strategies
import testtools

from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware import waiting


class WaitingTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.clock = fakes.Clock().install(self)

    def test_deadline(self):
        deadline = waiting.Deadline(10)
        self.assertEqual((0, 10, False), (
            deadline.elapsed, deadline.remaining, deadline.expired))
        self.clock.now += 4
        self.assertEqual((4, 6, False), (
            deadline.elapsed, deadline.remaining, deadline.expired))
        self.clock.now += 6
        self.assertEqual((10, 0, True), (
            deadline.elapsed, deadline.remaining, deadline.expired))
        self.clock.now += 5
        self.assertEqual(0, deadline.remaining)

    def test_completion_is_noticed_within_a_tenth(self):
        """With time to spare for the look itself."""
        looks = [0, *waiting.pauses(waiting.Deadline(1000))]
        for before, now in zip(looks, looks[1:]):
            # What ends right after a look.
            self.assertLessEqual(now - before, max(before / 11, 0.15))

    def test_pauses_grow_to_a_few_seconds(self):
        self.clock.sleeps.clear()
        list(waiting.pauses(waiting.Deadline(1000)))
        self.assertEqual(0.1, self.clock.sleeps[0])
        self.assertEqual(5, max(self.clock.sleeps))
        self.assertEqual(self.clock.sleeps[:-1],
                         sorted(self.clock.sleeps[:-1]))

    @hypothesis.given(strategies.floats(0, 1000))
    @fakes.HYPOTHESIS
    def test_pauses_end_at_the_deadline(self, seconds):
        start = self.clock.now
        last = list(waiting.pauses(waiting.Deadline(seconds)))[-1:]
        self.assertAlmostEqual(seconds, self.clock.now - start, delta=1e-4)
        # The last look is at the very end.
        self.assertTrue(not last or abs(last[0] - seconds) < 1e-4)

    def test_no_pause_when_no_time_is_left(self):
        self.assertEqual([], list(waiting.pauses(waiting.Deadline(0))))
        self.assertEqual([], self.clock.sleeps)

    @hypothesis.given(strategies.floats(0, 1000))
    @fakes.HYPOTHESIS
    def test_jitter(self, seconds):
        value = waiting.jittered(seconds)
        self.assertTrue(0.75 * seconds <= value <= 1.25 * seconds)
