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

"""Certificates that change while requests are carried out."""

import os
import shutil
import threading

import fixtures

from cinder.tests.unit.volume.drivers.dsware.integration import base
from cinder.tests.unit.volume.drivers.dsware.integration import test_security
from cinder.volume.drivers.dsware.client import connection

ADDRESSES = test_security.ADDRESSES


class Workers(fixtures.Fixture):
    """Threads that make and delete volumes until the test ends.

    :param dsware: the driver that they use
    :param count: how many there are
    :ivar errors: what failed
    """

    def __init__(self, dsware, count=3):
        super().__init__()
        self._dsware = dsware
        self._done = [0] * count
        self._stopping = False
        self.errors = []

    def _setUp(self):
        self._threads = [threading.Thread(target=self._work, args=[number])
                         for number in range(len(self._done))]
        for thread in self._threads:
            thread.start()
        self.addCleanup(self.stop)

    def stop(self):
        """Let them end."""
        self._stopping = True
        for thread in self._threads:
            thread.join(base.PATIENCE)

    def _work(self, number):
        while not self._stopping:
            try:
                volume = base.make_volume()
                self._dsware.create_volume(volume)
                self._dsware.delete_volume(volume)
            except Exception as error:
                self.errors.append(error)
            self._done[number] += 1

    def go_on(self):
        """Wait until each has begun and ended a round more."""
        goal = [done + 2 for done in self._done]
        base.wait_until(
            lambda: all(done >= due
                        for done, due in zip(self._done, goal)),
            'all go on')


class RotationTestCase(test_security.SecureTestCase):

    @classmethod
    def secure_simulator(cls, authority, **settings):
        cls.clients = authority.issue('client')
        # What the simulator checks clients with; it changes.
        cls.client_ca = authority.path + '.clients'
        shutil.copy(authority.path, cls.client_ca)
        return super().secure_simulator(
            authority, client_ca=cls.client_ca, **settings)

    def setUp(self):
        super().setUp()
        # Those that the driver makes.
        self.connections = []
        connect = connection.Connection.open

        def open_(made, *args):
            self.connections.append(made)
            return connect(made, *args)

        self.patch(connection.__name__ + '.Connection.open', open_)
        self.patch('cinder.volume.drivers.dsware.client.tls._LOOK_EVERY', 0)
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.mine = {name: os.path.join(self.directory, name)
                     for name in ('ca', 'cert', 'key')}
        self.put('ca', self.authority.path)
        self.put('cert', self.clients[0])
        self.put('key', self.clients[1])
        self.addCleanup(self.trust_clients, self.authority)

    def put(self, name, *sources):
        """Replace a file of the driver's, as tools do that renew them."""
        join(self.mine[name], *sources)

    def trust_clients(self, *authorities):
        """Let the agents accept the clients of certain authorities."""
        join(self.client_ca, *(one.path for one in authorities))
        self.control.reload_tls()

    def driver(self, **options):
        return self.secure_driver(
            driver_ssl_cert_path=self.mine['ca'],
            dsware_client_cert=self.mine['cert'],
            dsware_client_key=self.mine['key'], **options)

    def test_both_sides_get_another_authority(self):
        dsware = self.driver()
        workers = self.useFixture(Workers(dsware))
        workers.go_on()
        self.put('ca', self.authority.path, self.other.path)
        self.trust_clients(self.authority, self.other)
        workers.go_on()
        self.present(*self.other.issue('agent', ADDRESSES))
        cert, key = self.other.issue('client2')
        # Not at the same moment, as with most tools.
        self.put('key', key)
        self.put('cert', cert)
        workers.go_on()
        self.connections.clear()
        self.trust_clients(self.other)
        self.put('ca', self.other.path)
        workers.go_on()
        # None goes on that the old authority was trusted for.
        self.assertNotEqual([], self.connections)
        workers.stop()
        self.assertEqual([], workers.errors)


def join(target, *sources):
    """Put files together to one that takes the place of another."""
    with open(target + '.new', 'wb') as whole:
        for source in sources:
            with open(source, 'rb') as part:
                whole.write(part.read())
    os.replace(target + '.new', target)
