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

"""Which password is sent, and when none is."""

import os
import threading
from unittest import mock

import fixtures
from oslo_config import cfg
import testtools

from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware import access
from cinder.volume.drivers.dsware import sign_in
from cinder.volume.drivers.dsware import waiting
from tools import secret_marks

OLD = sign_in.Credentials('admin', secret_marks.secret('old'))
NEW = sign_in.Credentials('admin', secret_marks.secret('new'))
AGENT = '192.0.2.1:10519'


class Source:
    """Credentials that a test changes."""

    def __init__(self, credentials=OLD):
        self.credentials = credentials

    def read(self):
        return self.credentials


class SignInTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.clock = fakes.Clock().install(self)
        self.source = Source()
        self.sign_in = sign_in.SignIn(self.source)
        # What the cluster accepts.
        self.good = {OLD}

    def sign(self):
        """Sign in as a connection does.

        :returns: what was sent, in order
        """
        sent = []
        with self.sign_in.turn(waiting.Deadline(5)) as candidates:
            for credentials in candidates:
                sent.append(credentials)
                if credentials in self.good:
                    self.sign_in.accepted(credentials)
                    break
                self.sign_in.refused(credentials, AGENT)
        return sent

    def test_accepted(self):
        self.assertEqual([OLD], self.sign())
        self.assertEqual([OLD], self.sign())
        self.assertIsNone(self.sign_in.refusal)

    def test_what_was_refused_is_left_alone_for_ever_longer(self):
        self.good.clear()
        sent = []
        for _second in range(3600):
            self.clock.now += 1
            sent += [self.clock.now] * len(self.sign())
        pauses = [after - before for before, after in zip(sent, sent[1:])]
        self.assertEqual([15, 30, 60, 120, 240, 300, 300], pauses[:7])
        self.assertEqual({300}, set(pauses[5:]))
        self.assertEqual(len(sent), self.sign_in.refusal.count)

    def test_it_is_told_who_refused_and_how_long_it_lasts(self):
        self.good.clear()
        self.sign()
        self.clock.now += 4
        refusal = self.sign_in.refusal
        self.assertEqual((AGENT, 4, 11),
                         (refusal.endpoint, refusal.age, refusal.left))

    def test_a_new_password_is_sent_at_once(self):
        self.good = {NEW}
        self.assertEqual([OLD], self.sign())
        self.assertEqual([], self.sign())
        self.source.credentials = NEW
        self.assertEqual([NEW], self.sign())
        self.assertIsNone(self.sign_in.refusal)

    def test_the_user_fixes_it_on_the_cluster(self):
        self.good.clear()
        self.sign()
        self.good = {OLD}
        self.clock.now += sign_in.FIRST_PAUSE
        self.assertEqual([OLD], self.sign())
        self.assertEqual([OLD], self.sign())

    def test_the_cluster_knows_the_new_one_later(self):
        self.sign()
        self.source.credentials = NEW
        self.assertEqual([NEW, OLD], self.sign())
        self.assertEqual([OLD], self.sign())
        self.good = {OLD, NEW}
        self.clock.now += sign_in.FIRST_PAUSE
        self.assertEqual([NEW], self.sign())
        self.assertEqual([NEW], self.sign())

    def test_the_cluster_forgets_the_old_one_before_the_pause_is_over(self):
        self.sign()
        self.source.credentials = NEW
        self.sign()
        self.good = {NEW}
        self.assertEqual([OLD, NEW], self.sign())
        self.assertEqual([NEW], self.sign())

    def test_others_that_sign_in_while_the_old_one_is_found_to_be_over(self):
        self.sign()
        self.source.credentials = NEW
        self.sign()
        self.good = {NEW}
        with self.sign_in.turn(waiting.Deadline(5)) as candidates:
            self.assertEqual(OLD, next(candidates))
            with self.sign_in.turn(waiting.Deadline(5)) as others:
                self.assertEqual(OLD, next(others))
                self.sign_in.refused(OLD, AGENT)
                self.sign_in.refused(OLD, AGENT)
                self.assertEqual([NEW], self.sign())
                self.assertEqual(NEW, next(others))
            self.assertEqual(NEW, next(candidates))

    def test_both_are_refused(self):
        self.sign()
        self.source.credentials = NEW
        self.sign()
        self.good = set()
        self.assertEqual([OLD, NEW], self.sign())
        self.assertEqual([], self.sign())

    def test_the_log_tells_and_keeps_the_secret(self):
        with self.assertLogs(sign_in.LOG.logger, 'INFO') as logs:
            self.sign()
            self.source.credentials = NEW
            self.sign()
            self.good = {NEW}
            self.sign()
        self.assertIn('is used on', logs.output[0])
        self.assertIn('configured now', logs.output[1])
        self.assertEqual(2, len(logs.output))
        self.assertNotIn(secret_marks.MARK, str(logs.output))

    def test_nothing_shows_a_password(self):
        self.assertNotIn(secret_marks.MARK, repr(vars(self.sign_in)))
        self.assertEqual('admin', self.sign_in.user)


class TogetherTestCase(testtools.TestCase):
    """Many connections at a time."""

    def test_one_tries_what_is_not_known_to_be_good(self):
        signing = sign_in.SignIn(Source())
        sent = []
        ready = threading.Barrier(8)

        def sign():
            ready.wait(30)
            with signing.turn(waiting.Deadline(60)) as candidates:
                for credentials in candidates:
                    sent.append(credentials)
                    signing.refused(credentials, AGENT)

        threads = [threading.Thread(target=sign) for _number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        self.assertEqual([OLD], sent)

    def test_an_agent_that_hangs_holds_nobody_up_for_ever(self):
        signing = sign_in.SignIn(Source())
        with signing.turn(waiting.Deadline(60)):
            with signing.turn(waiting.Deadline(0.02)) as candidates:
                self.assertEqual([OLD], list(candidates))
        # Nobody's turn was given back twice.
        with signing.turn(waiting.Deadline(1)) as candidates:
            self.assertEqual([OLD], list(candidates))


class ConfiguredTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        directory = self.useFixture(fixtures.TempDir()).path
        self.path = os.path.join(directory, 'cinder.conf')
        self.parts = os.path.join(directory, 'parts')
        os.mkdir(self.parts)
        self.written = 0

    def write(self, text, path=None):
        # As an editor does; a file in place has another time stamp, too.
        with open(self.path + '.new', 'w') as file:
            file.write(text)
        os.replace(self.path + '.new', path or self.path)

    def source(self):
        configuration = fakes.make_configuration()
        configuration.conf.local_conf(
            [], default_config_files=[self.path],
            default_config_dirs=[self.parts])
        return access.make_sign_in(self.secured(configuration))._source

    @staticmethod
    def secured(configuration):
        configuration.conf.local_conf.set_override(
            'driver_use_ssl', True, group='dsware')
        return configuration

    def test_a_password_that_changes(self):
        self.write(f'[dsware]\nsan_login = u\nsan_password = {OLD.password}')
        source = self.source()
        self.assertEqual(('u', OLD.password),
                         (source.read().user, source.read().password))
        self.write(f'[dsware]\nsan_login = v\nsan_password = {NEW.password}')
        self.assertEqual(('v', NEW.password),
                         (source.read().user, source.read().password))

    def test_in_the_section_that_backends_share(self):
        self.write('[backend_defaults]\nsan_password = before')
        source = self.source()
        self.assertEqual('admin', source.read().user)
        self.write('[backend_defaults]\nsan_password = after')
        self.assertEqual('after', source.read().password)
        self.write('[backend_defaults]\nsan_password = after\n'
                   '[dsware]\nsan_password = own')
        self.assertEqual('own', source.read().password)

    def test_in_a_directory(self):
        part = os.path.join(self.parts, 'secret.conf')
        self.write('')
        self.write('[dsware]\nsan_password = before', part)
        source = self.source()
        self.write('[dsware]\nsan_password = after', part)
        self.assertEqual('after', source.read().password)

    def test_what_makes_no_sense_changes_nothing(self):
        self.write('[dsware]\nsan_password = before')
        source = self.source()
        for text in ('[dsw', '[dsware]\nsan_password =', '',
                     '[dsware]\nsan_login=\nsan_password = after',
                     '[dsware]\nsan_password = $nothing'):
            self.write(text)
            self.assertEqual('before', source.read().password)
        os.remove(self.path)
        self.assertEqual('before', source.read().password)
        self.write('[dsware]\nsan_password = after')
        self.assertEqual('after', source.read().password)

    def test_files_that_stay_are_read_once(self):
        self.write('[dsware]\nsan_password = before')
        source = self.source()
        with mock.patch.object(cfg, 'ConfigOpts') as made:
            source.read()
        made.assert_not_called()

    def test_without_files(self):
        configuration = fakes.make_configuration(
            san_password='p', driver_use_ssl=True)
        self.assertEqual('p', access.make_sign_in(
            configuration)._source.read().password)
