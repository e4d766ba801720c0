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

"""What happens when the cluster, or a part of it, is not there."""

from functional.services import cloud
from functional.services import waiting
from functional.tests import base
from functional.tests import stacks


class OutageTest(base.FunctionalTestCase):
    """A cluster that goes away and comes back."""

    def start_again(self):
        """Start the cluster if it does not run, and wait for the backend."""
        if not self.simulator.process.is_running():
            self.simulator.start()
        self.wait_for_state('up')

    def test_killed_cluster_comes_back(self):
        volume = self.create_volume()
        with self.attached(volume) as path:
            self.write(path, 'kept', 0)
        # Before the volumes are deleted, for which the cluster is needed.
        self.addCleanup(self.start_again)

        self.simulator.kill()
        self.wait_for_state('down')

        self.assertRaises(cloud.Failed, self.create_volume)
        self.start_again()
        with self.attached(volume) as path:
            self.assert_written(path, 'kept', 0)
        self.create_volume()

    def test_stopped_cluster_comes_back(self):
        self.addCleanup(self.start_again)

        self.simulator.stop()
        self.wait_for_state('down')
        self.start_again()

        self.create_volume()

    def test_one_agent_is_enough(self):
        self.addCleanup(self.control.clear_faults)
        for address, _port in self.simulator.agents:
            self.control.agent_down(address)
            try:
                volume = self.create_volume()
                self.assertIsNotNone(self.volume_on_cluster(volume))
                self.cloud.delete_volume(volume)
            finally:
                self.control.agent_up(address)

    def test_lost_answer_makes_no_second_volume(self):
        self.control.add_fault(kind='drop_after', op='createVolume', count=1)

        volume = self.create_volume()

        self.assertIsNotNone(self.volume_on_cluster(volume))
        self.assertEqual(1, len(self.control.status()['volumes']))

    def test_refused_volume_is_an_error_and_can_be_deleted(self):
        # SPACE_NOT_ENOUGH, from every pool that is tried.
        self.control.add_fault(kind='result', op='createVolume',
                               code=50150009)

        self.assertRaises(cloud.Failed, self.create_volume)

        self.assertEqual([], self.control.status()['volumes'])

    def test_lost_answer_of_a_delete(self):
        volume = self.create_volume()
        self.control.add_fault(kind='drop_after', op='deleteVolume', count=1)

        self.cloud.delete_volume(volume)

        self.assertIsNone(self.volume_on_cluster(volume))


class LateClusterTest(base.FunctionalTestCase):
    """A cluster that is not there when Cinder starts."""

    make_stack = staticmethod(stacks.make_late)
    backend = 'late'
    volume_names = stacks.LONG_NAMES['volume_name_template']
    snapshot_names = stacks.LONG_NAMES['snapshot_name_template']

    def setUp(self):
        # The cluster has to run at the end, for the base class to look.
        stack = stacks.STACKS.get(self.make_stack)
        self.up_before = [
            pool['capabilities'].get('backend_state')
            for pool in stack.cinder.pools()]
        stack.simulator.start()
        super().setUp()

    def test_backend_comes_up_by_itself(self):
        self.assertNotIn('up', self.up_before)
        self.wait_for_state('up', timeout=120)

        waiting.wait_for(self._service_is_up, 60, 'The volume service')
        volume = self.create_volume()
        self.assertIsNotNone(self.volume_on_cluster(volume))
        self._check_long_names(volume)

    def _check_long_names(self, volume):
        """All that has a name works with the longest one, too."""
        with self.attached(volume) as path:
            self.write(path, 'shared', 0)
        snapshot = self.create_snapshot(volume)
        self.assertIsNotNone(self.snapshot_on_cluster(snapshot))
        for source in ({'source_volume_id': volume.id},
                       {'snapshot_id': snapshot.id}):
            copy = self.create_volume(**source)
            self.assertEqual(95, len(self.volume_on_cluster(copy)['name']))
            with self.attached(copy) as path:
                self.assert_written(path, 'shared', 0)

    def _service_is_up(self):
        return any(one['state'] == 'up' and one['host'].endswith('@late')
                   for one in self.stack.cinder.services())
