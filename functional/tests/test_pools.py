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

"""Pools, as the scheduler sees and uses them."""

from functional.services import waiting
from functional.tests import base

REPORT_SECONDS = 60


class PoolTest(base.FunctionalTestCase):
    """Two pools."""

    def test_what_is_reported(self):
        pools = self.pools()

        self.assertEqual({'0', '1'}, set(pools))
        for pool in pools.values():
            self.assertEqual('up', pool['backend_state'])
            self.assertEqual(1024, pool['total_capacity_gb'])
            self.assertEqual('Huawei', pool['vendor_name'])
            self.assertEqual('dsware', pool['storage_protocol'])
            for feature in ('thin_provisioning_support',
                            'thick_provisioning_support',
                            'multiattach', 'online_extend_support'):
                self.assertIs(True, pool[feature], feature)

    def test_provisioned_capacity_follows(self):
        before = self.pools()
        volume = self.create_volume(7)
        pool = volume.host.partition('#')[2]

        def provisioned():
            after = self.pools()[pool]['provisioned_capacity_gb']
            return after == before[pool]['provisioned_capacity_gb'] + 7

        waiting.wait_for(provisioned, REPORT_SECONDS,
                         '7 GiB more provisioned in pool ' + pool)

    def test_volume_type_chooses_the_pool(self):
        for pool in ('0', '1'):
            chosen = self.volume_type('in-pool-' + pool, pool_name=pool)

            volume = self.create_volume(volume_type=chosen)

            self.assertEqual(pool, volume.host.partition('#')[2])
            self.assertEqual(
                pool, str(self.volume_on_cluster(volume)['pool_id']))

    def test_clone_stays_in_its_pool(self):
        chosen = self.volume_type('in-pool-1', pool_name='1')
        volume = self.create_volume(volume_type=chosen)

        clone = self.create_volume(source_volume_id=volume.id,
                                   volume_type=chosen)

        self.assertEqual(1, self.volume_on_cluster(clone)['pool_id'])

    def test_full_pool_sends_the_volume_to_the_other_one(self):
        self.control.add_fault(kind='pool_full', pool=0)

        volumes = [self.create_volume() for _each in range(2)]

        self.assertEqual(
            [1, 1], [self.volume_on_cluster(volume)['pool_id']
                     for volume in volumes])
