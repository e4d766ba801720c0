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

"""What users of the API write never decides where the driver connects."""

import contextlib
import socket

from cinder import exception
from cinder.tests.unit.volume.drivers.dsware.fakes import database
from cinder.tests.unit.volume.drivers.dsware.integration import base

# Where somebody listens who has no part in the cluster.
STRANGER = '127.66.6.6'


class AttachTestCase(base.SocketTestCase):

    OPTIONS = {'dsware_request_timeout': 5}

    @contextlib.contextmanager
    def listener(self):
        """Listen, and check that nobody connects."""
        with socket.create_server((STRANGER, 0)) as server:
            server.settimeout(0)
            yield server.getsockname()[1]
            self.assertRaises(BlockingIOError, server.accept)

    def reached(self, dsware, volume, connector):
        """Attach and detach, as far as a project's member can."""
        with contextlib.suppress(exception.CinderException):
            dsware.validate_connector(connector)
            dsware.initialize_connection(volume, connector)
        base.make_attachment(volume, connector)
        database.add_attachment(volume, connector)
        for detached in (connector, None):
            with contextlib.suppress(exception.CinderException):
                dsware.terminate_connection(volume, detached)

    def test_nobody_makes_the_driver_connect_anywhere(self):
        """Not with any field of a connector, nor with its port."""
        for by in ('host', 'manager'):
            for field in ('ip', 'dsware_agent_ip', 'host'):
                with self.subTest(by=by, field=field), \
                        self.listener() as port:
                    # Even with it as the port that agents have.
                    dsware = self.make_driver(
                        dsware_attach_by=by, san_api_port=port,
                        dsware_request_timeout=2)
                    volume = self.created(dsware)
                    database.add_volume(volume)
                    connector = {'host': 'compute', 'ip': '127.66.6.7',
                                 'dsware_cli': True, field: STRANGER}
                    self.reached(dsware, volume, connector)
                    self.reached(dsware, volume,
                                 {**connector, 'dsware_agent_port': port})
