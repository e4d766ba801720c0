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

"""Both thread worlds, each in a process of its own."""

import json
import os
import subprocess
import sys

import fixtures

from cinder.tests.unit.volume.drivers.dsware.integration import base
from cinder.tests.unit.volume.drivers.dsware.integration import making

_PROGRAM = os.path.join(os.path.dirname(__file__), 'threads_child.py')
_TIMEOUT = 120


class ThreadTests:

    # Twice as many as there are connections to all agents.
    WORKERS = 12
    ROUNDS = 2

    def doors(self):
        """Tell the agents, and further options."""
        return self.simulator.agents, {}

    def run_child(self, eventlet):
        agents, options = self.doors()
        settings = json.dumps({
            'agents': agents, 'options': options, 'eventlet': eventlet,
            'state': self.simulator.state_dir,
            'helper': self.useFixture(fixtures.TempDir()).join('helper.conf'),
            'transport': self.TRANSPORT, 'workers': self.WORKERS,
            'rounds': self.ROUNDS})
        environment = {
            **os.environ, 'OS_CINDER_DISABLE_EVENTLET_PATCHING':
            '' if eventlet else '1'}
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', _PROGRAM], input=settings,
            env=environment, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, timeout=_TIMEOUT)
        self.assertEqual(0, done.returncode, done.stderr[-5000:])
        self.assertEqual(set(), self.contents())
        self.assertEqual([], self.control.status()['protocol_errors'])
        return json.loads(done.stdout)

    def test_eventlet(self):
        self.check(self.run_child(True))

    def test_native_threads(self):
        self.check(self.run_child(False))

    def check(self, result):
        """Check what a child tells."""


class SocketThreadTestCase(ThreadTests, base.SocketTestCase):

    def check(self, result):
        self.assertLessEqual(result['most'], making.CONNECTIONS)


class RESTThreadTestCase(ThreadTests, base.RESTTestCase):

    def doors(self):
        return [self.manager], {
            'san_login': self.USER, 'san_password': self.PASSWORD,
            'driver_ssl_cert_path': self.authority.path}

    def check(self, result):
        self.assertLessEqual(result['most'], making.CONNECTIONS)


class CLIThreadTestCase(ThreadTests, base.CLITestCase):

    WORKERS = 4
    ROUNDS = 1
