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

"""What tests with a client share."""

import testtools

from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware.client import client


class ClientTestCase(testtools.TestCase):
    """Tests with a real client, and :attr:`cluster` in place of a cluster."""

    def setUp(self):
        super().setUp()
        self.clock = fakes.Clock().install(self)
        self.cluster = self.make_cluster()
        self.transports = {}
        self.client = self.make_client()

    def make_cluster(self):
        """Make the :class:`transport.Peer` that answers."""
        raise NotImplementedError

    def make_client(self, endpoints=fakes.ENDPOINTS, timeout=60):
        return client.Client(endpoints, self.make_transport, timeout)

    def make_transport(self, endpoint):
        self.transports[endpoint] = self.cluster.transport(endpoint)
        return self.transports[endpoint]

    def raises(self, error, function, *args, **kwargs):
        """Call what must raise exactly this class.

        :param error: the class
        :returns: the exception
        """
        raised = self.assertRaises(error, function, *args, **kwargs)
        self.assertIs(error, type(raised))
        return raised
