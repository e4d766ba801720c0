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

"""The driver's operations through real services."""

from functional.services import waiting
from functional.tests import base
from functional.tests import operations
from functional.tests import stacks
from tools import secret_marks

SECONDS = 120


class SocketTest(operations.VolumeOperations,
                 operations.SnapshotOperations,
                 operations.AttachOperations,
                 operations.ImageOperations,
                 base.FunctionalTestCase):
    """The driver talks to the agents over sockets."""

    backend = 'socket'


class CLITest(operations.VolumeBasics,
              operations.SnapshotBasics,
              operations.AttachBasics,
              operations.ImageBasics,
              base.FunctionalTestCase):
    """The driver runs fsc_cli."""

    backend = 'cli'

    def test_nothing_is_connected_to_the_agents(self):
        self.create_volume()

        counts = self.control.counts()
        self.assertLessEqual(1, counts['createVolume'])
        log = (self.stack.directory / 'cinder' / 'cinder.log').read_text()
        # Cinder's own privileged daemon ran fsc_cli.
        self.assertLessEqual(1, log.count('cinder.privsep.sys_admin_pctxt'))


class RESTTest(operations.VolumeBasics,
               operations.SnapshotBasics,
               operations.AttachBasics,
               operations.ImageBasics,
               base.FunctionalTestCase):
    """The driver talks to the manager over REST."""

    backend = 'rest'


class FullCloneTest(operations.LargerCopies,
                    operations.SnapshotBasics,
                    base.FunctionalTestCase):
    """Volumes from snapshots and volumes are independent copies."""

    backend = 'full'

    def test_clone_has_no_father(self):
        volume = self.create_volume()

        clone = self.create_volume(source_volume_id=volume.id)

        self.assertFalse(self.volume_on_cluster(clone)['father'])
        self.assertIn('createFullVolumeFromSnap', self.control.counts())


class OldClusterTest(operations.VolumeBasics,
                     operations.SnapshotBasics,
                     operations.AttachBasics,
                     operations.ImageBasics,
                     base.FunctionalTestCase):
    """An older cluster with one pool; Cinder runs on native threads."""

    make_stack = staticmethod(stacks.make_old)
    backend = 'old'

    def test_the_only_pool_is_reported(self):
        self.assertEqual({'0': 512.0}, {
            name: pool['total_capacity_gb']
            for name, pool in self.pools().items()})

    def test_formulas_and_automatic_ratio(self):
        volume = self.create_volume(2)

        (pool,) = self.pools().values()
        self.assertIn('free_capacity_gb', pool['goodness_function'])
        self.assertLessEqual(1, float(pool['max_over_subscription_ratio']))
        log = (self.stack.directory / 'cinder' / 'cinder.log').read_text()
        for what in ('filtering function', 'goodness_function'):
            self.assertNotIn('Error in ' + what, log)
        self.assertIsNotNone(self.volume_on_cluster(volume))

    def test_a_pool_with_only_its_reserve_left(self):
        """What needs no new volume is still done, also with DriverFilter."""
        volume = self.create_volume()
        self.addCleanup(self.control.fill_pool, 0, None)
        self.control.fill_pool(0, free=1024)
        waiting.wait_for(
            lambda: self.pools()['0']['free_capacity_gb'] <= 1, SECONDS,
            'The scheduler sees that the pool is full')
        self.create_snapshot(volume)
        full = self.volume_type('old-full', **{'dsware:clone': 'full'})
        self.volumes.retype_volume(volume, full, 'never')
        self.cloud.wait_for_volume(volume)
        self.assertEqual(full,
                         self.volumes.get_volume(volume.id).volume_type)


class OldStackSecurityTest(base.FunctionalTestCase):
    """A cluster beside the older one, which wants TLS and a password."""

    make_stack = staticmethod(stacks.make_old)
    backend = 'secure'

    def setUp(self):
        super().setUp()
        self.simulator = self.stack.simulators['secure']
        self.control = self.simulator.control

    def test_volume(self):
        volume = self.create_volume()
        self.assertIsNotNone(self.volume_on_cluster(volume))
        self.create_snapshot(volume)
        log = (self.stack.directory / 'cinder' / 'cinder.log').read_text()
        self.assertNotIn(secret_marks.MARK, log)
