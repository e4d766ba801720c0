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

"""The check of backends, next to the services that serve them."""

import json
import subprocess
import sys

from functional.tests import base


class CheckTest(base.FunctionalTestCase):
    """python -m dsware_doctor backend."""

    def check(self, *argv):
        """Run the check with the services' own configuration.

        :returns: its exit status and what it found
        """
        done = subprocess.run(
            [sys.executable, '-m', 'dsware_doctor', 'backend',
             '--config-file', str(self.stack.cinder.config_path),
             '--format', 'json', *argv],
            env=self.stack.cinder.environment(), stdout=subprocess.PIPE,
            timeout=300, check=False)
        return done.returncode, json.loads(done.stdout)

    def test_the_services_as_they_are(self):
        self.create_volume()
        before = self.control.status()['volumes']
        status, found = self.check('--backend', 'socket', '--backend', 'cli')
        self.assertEqual((0, []), (status, [
            one for one in found['findings'] if one['severity'] != 'note']))
        self.assertEqual(before, self.control.status()['volumes'])

    def test_an_agent_that_is_down(self):
        address, port = self.simulator.agents[1]
        self.addCleanup(self.control.agent_up, address)
        self.control.agent_down(address)
        status, found = self.check('--backend', 'socket', '--no-listing')
        self.assertEqual(1, status)
        self.assertIn('agent %s:%d does not answer' % (address, port),
                      [one['text'] for one in found['findings']])

    def test_a_volume_that_was_deleted_on_the_cluster(self):
        volume = self.create_volume()
        self.simulator.run('deleteVolume', volName='volume-' + volume.id)
        status, found = self.check('--backend', 'socket', '--backend', 'cli')
        one, = (one for one in found['findings']
                if one['severity'] != 'note')
        self.assertEqual(
            (2, 'volume-missing', volume.id),
            (status, one['code'], one['subject']))
