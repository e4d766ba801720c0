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

"""A cluster that wants TLS and a password, which change while Cinder runs."""

import os

from functional.tests import stacks
from tools import secret_marks

NEW = secret_marks.secret('changed')


class PasswordRotation(object):
    """The driver signs in with what cinder.conf says at the time."""

    def setUp(self):
        super().setUp()
        self.simulator = self.stack.simulators['secure']
        self.control = self.simulator.control
        _user, self.old = stacks.CREDENTIALS
        self.before = len(self.sign_ins_refused())

    def configure(self, old, new):
        """Change the password in cinder.conf."""
        path = self.stack.cinder.config_path
        text = path.read_text()
        self.assertIn(old, text)
        changed = path.with_name('cinder.conf.new')
        changed.write_text(text.replace(old, new))
        os.replace(changed, path)

    def sign_ins_refused(self):
        """The sign-ins whose password was not accepted."""
        return [agent for agent, op, _args, result in self.control.log()
                if op == 'login' and result]

    def back(self):
        """Let all be as it was."""
        self.control.set_passwords(self.old, NEW)
        self.configure(NEW, self.old)
        self.control.set_passwords(self.old, keep_sessions=False)

    def test_password_is_changed_without_a_restart(self):
        volume = self.create_volume()
        self.assertIsNotNone(self.volume_on_cluster(volume))

        self.control.set_passwords(self.old, NEW)
        self.configure(self.old, NEW)
        self.addCleanup(self.back)
        self.control.set_passwords(NEW, keep_sessions=False)

        self.assertIsNotNone(self.volume_on_cluster(self.create_volume()))
        self.create_snapshot(volume)
        self.assertEqual(self.before, len(self.sign_ins_refused()))

    def test_password_is_changed_in_the_configuration_first(self):
        self.configure(self.old, NEW)
        self.addCleanup(self.back)
        self.control.set_passwords(self.old, keep_sessions=False)

        volume = self.create_volume()

        self.assertIsNotNone(self.volume_on_cluster(volume))
        self.assertEqual(self.before + 1, len(self.sign_ins_refused()))
        self.control.set_passwords(NEW, keep_sessions=False)
        self.cloud.delete_volume(volume)
        log = (self.stack.directory / 'cinder' / 'cinder.log').read_text()
        self.assertIn('The one before is used on', log)
        self.assertNotIn(secret_marks.MARK, log)
