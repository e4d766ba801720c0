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

"""What is said when the service starts and something is not right."""

import socket

import fixtures

from cinder.tests.unit.volume.drivers.dsware.integration import base

ADDRESS = '127.0.78.1'


class StartTests:

    OPTIONS = {'dsware_request_timeout': 1}

    def assertDown(self, dsware):
        stats = dsware.get_volume_stats(refresh=True)
        self.assertEqual('down', stats['backend_state'])

    def test_nobody_listens(self):
        with socket.create_server((ADDRESS, 0)) as listening:
            address = listening.getsockname()
        log = self.useFixture(fixtures.FakeLogger(level=0))
        self.assertDown(self.make_driver([address]))
        self.assertIn('The backend starts down', log.output)
        self.assertIn('%s:%d' % address, log.output)

    def test_agent_that_hangs(self):
        # It never accepts.
        with socket.create_server((ADDRESS, 0)) as listening:
            self.assertDown(self.make_driver([listening.getsockname()]))


class SocketStartTestCase(StartTests, base.SocketTestCase):

    def test_host_name_that_is_unknown(self):
        self.assertDown(self.make_driver([('no-such-host.invalid', 1)]))


class OtherTransportTestCase(base.RESTTestCase):
    """The manager is asked as an agent would be, or an agent as it would."""

    OPTIONS = {'dsware_request_timeout': 1}
    # With the name that is in the certificate.
    SIMULATOR = {'agents': [(base.RESTTestCase.ADDRESS, 0)]}

    def log_of_start(self, **options):
        log = self.useFixture(fixtures.FakeLogger(level=0))
        stats = self.make_driver(**options).get_volume_stats(refresh=True)
        self.assertEqual('down', stats['backend_state'])
        return log.output

    def test_http(self):
        self.assertIn('set dsware_transport = rest', self.log_of_start(
            dsware_transport='socket', driver_use_ssl=True))

    def test_http_over_tls(self):
        self.assertIn('set dsware_transport = rest', self.log_of_start(
            dsware_transport='socket', san_password='', san_login='',
            driver_ssl_cert_path=None))

    def test_an_agent(self):
        self.assertIn('set dsware_transport = socket', self.log_of_start(
            agents=self.simulator.agents))


class CLIStartTestCase(StartTests, base.CLITestCase):

    def test_agent_that_hangs(self):
        # What cannot be reached looks the same from outside fsc_cli.
        self.control.add_fault(kind='cli_hang')
        self.assertDown(self.make_driver())
