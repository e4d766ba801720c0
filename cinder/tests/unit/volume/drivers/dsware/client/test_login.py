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

import contextlib
import threading

import testtools

from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware.client import login
from cinder.volume.drivers.dsware import exceptions
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
        sent = []

        def login(credentials):
            sent.append(credentials)
            if agent in self.refusing:
                raise exceptions.AccessDenied(result=10000003)

        with contextlib.suppress(exceptions.AccessDenied):
            self.sign_ins.of(agent).sign(waiting.Deadline(5), agent, login)
        self.assertIn(sent, ([], [CREDENTIALS]))
        return bool(sent)

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

    def test_one_tries_what_is_not_known_to_be_good(self):
        signing = login.SignIn(CREDENTIALS)
        sent = []
        ready = threading.Barrier(8)

        def refuse(credentials):
            sent.append(credentials)
            raise exceptions.AccessDenied(result=10000003)

        def sign():
            ready.wait(30)
            self.assertRaises(exceptions.AccessDenied, signing.sign,
                              waiting.Deadline(60), AGENT, refuse)

        threads = [threading.Thread(target=sign) for _number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        self.assertEqual([CREDENTIALS], sent)

    def test_an_agent_that_hangs_holds_nobody_up_for_ever(self):
        signing = login.SignIn(CREDENTIALS)

        def sign(seconds, login):
            return signing.sign(waiting.Deadline(seconds), AGENT, login)

        # The second one has its turn while the first one has not ended.
        self.assertEqual(2, sign(60, lambda _credentials: sign(
            0.02, lambda _credentials: 2)))
        # Nobody's turn was given back twice.
        self.assertEqual(3, sign(1, lambda _credentials: 3))
