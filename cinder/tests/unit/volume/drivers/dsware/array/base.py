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

"""What tests with an array share."""

from cinder.tests.unit.volume.drivers.dsware.client import base
from cinder.tests.unit.volume.drivers.dsware.fakes import cluster
from cinder.volume.drivers.dsware.array import array


class ArrayTestCase(base.ClientTestCase):
    """Tests with a real client and array on a cluster in memory."""

    def setUp(self):
        super().setUp()
        self.array = array.Array(self.client, copy_timeout=3600)

    def make_cluster(self):
        return cluster.FakeCluster(self.clock)
