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

"""How often agents that do not answer are asked by many calls at a time."""

from concurrent import futures
import contextlib
import os
import socket
import threading

import ddt
import fixtures
import testtools

from cinder.tests.unit.volume.drivers.dsware.integration import base
from cinder.tests.unit.volume.drivers.dsware.integration import malicious
from cinder.volume.drivers.dsware.client import cli_transport
from cinder.volume.drivers.dsware.client import client
from cinder.volume.drivers.dsware.client import connection
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware.client import transport
from cinder.volume.drivers.dsware import exceptions

MANAGER = '192.0.2.10'
CALLS = 10
SECONDS = 4
# Pauses of 0.25, 0.5, 1, 2 and 4 seconds, at the shortest.
PAUSES = 5


class OutageTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.FakeLogger(level=0))

    def outage(self, endpoint, make_transport):
        """Have many calls at a time, and check how they end."""
        caller = client.Client([endpoint], make_transport, SECONDS)
        self.addCleanup(caller.close)

        def call(number):
            return self.assertRaises(exceptions.DSWareError, caller.call,
                                     'queryVolume', volName=f'v{number}')

        with futures.ThreadPoolExecutor(CALLS) as pool:
            for error in pool.map(call, range(CALLS)):
                self.assertEqual(str(endpoint), error.endpoint)


@ddt.ddt
class SocketTestCase(OutageTestCase):

    def listen(self):
        listener = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(listener.close)
        return listener, endpoints.Endpoint(*listener.getsockname())

    @ddt.data(True, False)
    def test_connections(self, closes):
        """To one that closes them at once, or says nothing."""
        listener, endpoint = self.listen()
        connections = []

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    made, _address = listener.accept()
                    connections.append(made)
                    if closes:
                        made.close()

        threading.Thread(target=accept, daemon=True).start()
        self.outage(endpoint, lambda endpoint: transport.SocketTransport(
            endpoint, connection.SocketSettings(MANAGER, connect_timeout=1)))
        base.wait_until(lambda: connections, 'a connection')
        # The first ones are made before anybody knows.
        self.assertLessEqual(len(connections), CALLS + PAUSES)
        for made in connections:
            made.close()


class CLITestCase(OutageTestCase):

    def test_processes(self):
        directory = self.useFixture(fixtures.TempDir()).path
        malicious.write_program(directory, 'exit 1')
        self.useFixture(fixtures.EnvironmentVariable(
            'PATH', directory + os.pathsep + os.environ['PATH']))
        self.useFixture(fixtures.MockPatch(
            'cinder.privsep.sys_admin_pctxt.client_mode', False))
        self.outage(endpoints.Endpoint('127.0.0.1', 10519),
                    lambda endpoint: cli_transport.CLITransport(
                        endpoint, MANAGER))
        with open(os.path.join(directory, 'ops')) as ops:
            started = ops.read().split()
        self.assertLessEqual(len(started), CALLS + PAUSES)
