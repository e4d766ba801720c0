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

"""What the fakes share: agents, and a clock that a test turns."""

import threading
from unittest import mock

import hypothesis

from cinder.volume.drivers.dsware.client import agents
from cinder.volume.drivers.dsware.client import cli_transport
from cinder.volume.drivers.dsware.client import client
from cinder.volume.drivers.dsware.client import connection
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware.client import login
from cinder.volume.drivers.dsware.client import tls
from cinder.volume.drivers.dsware import waiting

# Nothing is kept in the tree; how long an example takes says nothing.
HYPOTHESIS = hypothesis.settings(deadline=None, database=None)

ENDPOINTS = (endpoints.Endpoint('192.0.2.1', 10519),
             endpoints.Endpoint('192.0.2.2', 10519))


class Interrupted(BaseException):
    """What an eventlet time-out is: no Exception."""


class Clock:
    """Stands for the module time; sleeping turns it.

    Waiting for an event does, too: for all of its time, as nobody else is
    there who could set it.
    """

    Lock = staticmethod(threading.Lock)

    def __init__(self):
        self.now = 1000.0
        self.sleeps = []

    def monotonic(self):
        return self.now

    time = monotonic

    def sleep(self, seconds):
        self.sleeps.append(seconds)
        # Time goes by, however short the sleep is.
        self.now += max(seconds, 1e-6)

    def Event(self):
        event = threading.Event()
        event.wait = lambda seconds: event.is_set() or self.sleep(seconds)
        return event

    def install(self, case):
        """Let the driver's modules use this clock during a test.

        :param case: the test case
        :returns: this clock
        """
        patcher = mock.patch.object(agents, 'threading', self)
        patcher.start()
        case.addCleanup(patcher.stop)
        for module in (waiting, agents, cli_transport, client, connection,
                       login, tls):
            patcher = mock.patch.object(module, 'time', self)
            patcher.start()
            case.addCleanup(patcher.stop)
        return self
