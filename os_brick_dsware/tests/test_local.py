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

"""Volumes that a command attaches which ends at once."""

from os_brick_dsware import ledger as ledgers
from os_brick_dsware import properties
from os_brick_dsware.tests import fakes

ENDED = ledgers.Process(1, 1, ledgers.this_process().namespace)


class LocalTestCase(fakes.ConnectorTestCase):
    """What python-brick-cinderclient-ext does, step by step."""

    def local(self):
        """Make a connector as the command line makes its own."""
        made = self.connector_class('sudo', execute=self.cluster.execute,
                                    do_local_attach=True)
        made.cluster, made.host = self.cluster, self.host
        return made

    def attach_locally(self, token='local'):
        """Attach a volume by a process that has ended then."""
        path = self.local().connect_volume(self.properties(token))['path']
        ledger = self.connector._ledger()
        ledger.save(fakes.NAME, [
            ledgers.User(**{**vars(user), 'process': ENDED})
            if user.token == token else user
            for user in ledger.users(fakes.NAME)])
        return path

    def detach_locally(self, token='local', **options):
        self.local().disconnect_volume(self.properties(token), {}, **options)

    def connect(self, token, **changes):
        return self.new_connector().connect_volume(
            self.properties(token, **changes))['path']

    def disconnect(self, token, **changes):
        self.new_connector().disconnect_volume(
            self.properties(token, **changes), None)

    def assert_attached(self, *tokens):
        self.assertEqual(bool(tokens), bool(self.cluster.attached))
        self.assertEqual(sorted(tokens),
                         sorted(user.token for user in self.users()))

    def test_outlives_its_process(self):
        path = self.attach_locally()
        user, = self.users()
        self.assertEqual(ledgers.LOCAL, user.kind)
        self.assertTrue(self.connector._ledger().alive(user))
        self.assertFalse(self.connector._ledger().gone(user))

        guest = {properties.USER_KIND: ledgers.INSTANCE}
        self.assertEqual(path, self.connect('guest', **guest))
        self.disconnect('guest', **guest)
        self.connect('upload')
        self.disconnect('upload')

        self.assert_attached('local')
        self.detach_locally()
        self.assert_attached()

    def test_does_not_take_it_from_an_instance(self):
        guest = {properties.USER_KIND: ledgers.INSTANCE}
        self.connect('guest', **guest)
        self.attach_locally()

        self.detach_locally()

        self.assert_attached('guest')
        self.disconnect('guest', **guest)
        self.assert_attached()

    def test_stays_what_it_was_when_it_is_attached_again(self):
        self.attach_locally()
        self.connect('local')

        self.assertEqual(ledgers.LOCAL, self.users()[0].kind)

    def test_nova_says_it_better(self):
        self.local().connect_volume(self.properties(
            **{properties.USER_KIND: ledgers.INSTANCE}))

        self.assertEqual(ledgers.INSTANCE, self.users()[0].kind)

    def test_killed_before_it_had_a_path(self):
        self.attach_locally()
        ledger = self.connector._ledger()
        user, = self.users()
        ledger.save(fakes.NAME, [ledgers.User(
            **{**vars(user), 'path': '', 'device': ''})])

        self.assertTrue(ledger.gone(self.users()[0]))

    def test_attachment_that_is_told_anew(self):
        # Up to version 3.43 of the Block Storage API.
        self.attach_locally('then')

        self.detach_locally('now')

        self.assert_attached()

    def test_attachment_that_is_told_anew_beside_others(self):
        self.attach_locally('first')
        self.attach_locally('second')
        self.detach_locally('unknown')
        self.assert_attached('first', 'second')

        self.detach_locally('first')
        self.connect('upload')
        self.detach_locally('unknown')
        self.assert_attached('second', 'upload')

    def test_nobody_else_detaches_it_by_an_unknown_attachment(self):
        self.attach_locally()

        self.disconnect('unknown')

        self.assert_attached('local')
