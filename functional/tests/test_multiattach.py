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

"""Volumes of several hosts, on both ways to the cluster."""

from functional.tests import base
from functional.tests import multiattach


class SocketMultiattachTest(multiattach.MultiattachOperations,
                            base.FunctionalTestCase):
    """The driver talks to the agents over sockets."""

    backend = 'socket'


class CLIMultiattachTest(multiattach.MultiattachBasics,
                         base.FunctionalTestCase):
    """The driver runs fsc_cli."""

    backend = 'cli'


class RESTMultiattachTest(multiattach.MultiattachBasics,
                          base.FunctionalTestCase):
    """The driver talks to the manager over REST."""

    backend = 'rest'
