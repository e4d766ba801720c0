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

"""Managing what is on the cluster already, and reverting to snapshots."""

from functional.tests import base
from functional.tests import managing


class SocketManagingTest(managing.RevertOperations,
                         managing.ManageOperations,
                         base.FunctionalTestCase):
    """The driver talks to the agents over sockets."""

    backend = 'socket'


class CLIManagingTest(managing.RevertBasics,
                      managing.ManageBasics,
                      base.FunctionalTestCase):
    """The driver runs fsc_cli."""

    backend = 'cli'


class RESTManagingTest(managing.RevertBasics,
                       managing.ManageBasics,
                       base.FunctionalTestCase):
    """The driver talks to the manager over REST."""

    backend = 'rest'
