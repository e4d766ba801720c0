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

from functional.services import waiting
from functional.tests import base

REPORT_SECONDS = 60


class CheckTest(base.FunctionalTestCase):
    """python -m cinder.volume.drivers.dsware."""

    def check(self, *argv):
        """Run the check with the services' own configuration.

        :returns: its exit status and what it found
        """
        done = subprocess.run(
            [sys.executable, '-m', 'cinder.volume.drivers.dsware',
             '--config-file', str(self.stack.cinder.config_path),
             '--format', 'json', *argv],
            env=self.stack.cinder.environment(), stdout=subprocess.PIPE,
            timeout=300, check=False)
        return done.returncode, json.loads(done.stdout)

    def test_the_services_as_they_are(self):
        volume = self.create_volume()
        created = 'createVolume'

        def reported():
            _status, found = self.check('--counters', '--backend', 'socket')
            state = found['states'].get('socket')
            return state and created in state['counters']['calls']

        waiting.wait_for(reported, REPORT_SECONDS, 'The counters of socket')
        before = self.control.status()['volumes']
        status, found = self.check('--backend', 'socket', '--backend', 'cli')
        self.assertEqual((0, []), (status, found['problems']))
        self.assertIn(volume.host.partition('@')[2].partition('#')[0],
                      found['states'])
        for name in ('socket', 'cli'):
            self.assertFalse(found['states'][name]['stale'])
            self.assertTrue(found['states'][name]['up'])
        self.assertEqual(before, self.control.status()['volumes'])

    def test_an_agent_that_is_down(self):
        address, port = self.simulator.agents[1]
        self.addCleanup(self.control.agent_up, address)
        self.control.agent_down(address)
        status, found = self.check('--backend', 'socket', '--no-listing')
        self.assertEqual(1, status)
        self.assertIn('agent %s:%d: ' % (address, port),
                      ' '.join(one['text'] for one in found['problems']))
