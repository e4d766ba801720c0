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
"""To whom a password is sent, and when to nobody."""

import testtools

from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware.client import login
from cinder.volume.drivers.dsware import waiting
from tools import secret_marks

CREDENTIALS = login.Credentials('admin', secret_marks.secret('signed'))
AGENT = endpoints.Endpoint('192.0.2.1', 10519)
OF_HOST = endpoints.Endpoint('192.0.2.7', 10519)
OTHER = endpoints.Endpoint('192.0.2.8', 10519)


class SignInTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.clock = fakes.Clock().install(self)
        self.sign_ins = login.SignIns(CREDENTIALS, [AGENT],
                                      [OF_HOST, OTHER])
        self.sign_in = self.sign_ins.of(AGENT)
        # Who refuses.
        self.refusing = set()

    def sign(self, agent=AGENT):
        """Sign in as a connection does.

        :returns: whether the password was sent
        """
        used = self.sign_ins.of(agent)
        with used.turn(waiting.Deadline(5)) as credentials:
            if credentials is None:
                return False
            self.assertEqual(CREDENTIALS, credentials)
            if agent in self.refusing:
                used.refused(str(agent))
            else:
                used.accepted()
            return True

    def test_what_was_refused_is_left_alone_for_ever_longer(self):
        self.refusing.add(AGENT)
        sent = []
        for _second in range(3600):
            self.clock.now += 1
            sent += [self.clock.now] * self.sign()
        pauses = [after - before for before, after in zip(sent, sent[1:])]
        self.assertEqual([15, 30, 60, 120, 240, 300, 300], pauses[:7])
        self.assertEqual({300}, set(pauses[5:]))
        self.assertEqual(len(sent), self.sign_in.refusal.count)

    def test_the_user_fixes_it_on_the_cluster(self):
        self.refusing.add(AGENT)
        self.sign()
        self.refusing.clear()
        self.clock.now += login.FIRST_PAUSE
        self.assertTrue(self.sign())
        self.assertTrue(self.sign())
        self.assertIsNone(self.sign_in.refusal)

    def test_an_agent_of_a_host_refuses(self):
        """It says nothing of the others."""
        self.refusing.add(OF_HOST)
        self.assertTrue(self.sign(OF_HOST))
        self.assertFalse(self.sign(OF_HOST))
        self.assertTrue(self.sign())
        self.assertTrue(self.sign(OTHER))
        self.assertFalse(self.sign(OF_HOST))
        self.assertEqual(str(OF_HOST),
                         self.sign_ins.of(OF_HOST).refusal.endpoint)

    def test_an_agent_of_the_cluster_refuses(self):
        """Nobody else is given what is wrong."""
        self.sign(OTHER)
        self.refusing.add(AGENT)
        self.sign()
        for agent in (AGENT, OF_HOST, OTHER):
            self.assertFalse(self.sign(agent))
            self.assertEqual(str(AGENT),
                             self.sign_ins.of(agent).refusal.endpoint)
        self.clock.now += login.FIRST_PAUSE
        self.assertTrue(self.sign(OTHER))

    def test_an_agent_that_nobody_wrote_down(self):
        for host, port in (('192.0.2.9', 10519), ('192.0.2.1', 10520),
                           ('192.0.2.7', 1)):
            self.assertIsNone(self.sign_ins.of(
                endpoints.Endpoint(host, port)))


class TogetherTestCase(testtools.TestCase):
    """Many connections at a time."""

    def test_an_agent_that_hangs_holds_nobody_up_for_ever(self):
        signing = login.SignIn(CREDENTIALS)
        with signing.turn(waiting.Deadline(60)):
            with signing.turn(waiting.Deadline(0.02)) as credentials:
                self.assertEqual(CREDENTIALS, credentials)
        # Nobody's turn was given back twice.
        with signing.turn(waiting.Deadline(1)) as credentials:
            self.assertEqual(CREDENTIALS, credentials)
