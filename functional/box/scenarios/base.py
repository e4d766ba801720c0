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

"""What all scenarios have in common."""

import fixtures
import testtools

from functional import content
from functional.services import cloud
from functional.services import waiting

GIB = content.GIB
MIB = content.MIB
SECONDS = 180


class ScenarioTestCase(testtools.TestCase):
    """A test on the box's control plane, through the public APIs.

    ``plane`` is the control_plane.ControlPlane, and set by who runs the test.
    Whatever a test makes it also deletes; one that leaves something on the
    cluster has failed.
    """

    plane = None

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.FakeLogger(
            format='%(asctime)s %(levelname)s %(name)s %(message)s'))
        self.cloud = cloud.Cloud(self.plane.connection)
        self.volumes = self.plane.connection.block_storage
        self.compute = self.plane.connection.compute
        self.control = self.plane.simulator.control
        self.addCleanup(self._check_that_nothing_is_left)
        self.addCleanup(self.control.clear_faults)

    def wait_for(self, condition, what, seconds=SECONDS):
        """Wait until something has happened; see waiting.wait_for()."""
        return waiting.wait_for(condition, seconds, what)

    def objects(self):
        """What is on the cluster.

        :returns: a dict of kind to a set of names
        """
        status = self.control.status()
        return {kind: {one['name'] for one in status[kind]}
                for kind in ('volumes', 'snapshots', 'attachments')}

    def _check_that_nothing_is_left(self):
        # Cinder deletes what was temporary a moment later.
        self.wait_for(lambda: not any(self.objects().values()),
                      'The end of all that was made')
