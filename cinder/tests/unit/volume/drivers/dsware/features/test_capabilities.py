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

"""What the scheduler and administrators are told of a backend."""

import math

import ddt

from cinder.scheduler.filters import driver_filter
from cinder.scheduler import host_manager
from cinder.scheduler.weights import goodness
from cinder.tests.unit.volume.drivers.dsware import base

GIB = base.GIB


def scheduled(capabilities, name='host@dsware#0'):
    """Make of statistics what the scheduler's filters are given.

    :param capabilities: the statistics of a pool
    :returns: the pool as the scheduler knows it
    """
    state = host_manager.PoolState(name, None, {}, '0')
    state.update_from_volume_capability({'timestamp': None,
                                         **capabilities})
    return state


@ddt.ddt
class SchedulerTestCase(base.DriverTestCase):
    """Formulas, as the scheduler evaluates them."""

    def pool(self, used=0, **overrides):
        self.cluster.pools = {0: 100 * GIB}
        if used:
            # Half of a volume is in use.
            self.cluster.add_volume('big', 2 * used * GIB)
        driver = self.make_started_driver(**overrides)
        stats = driver.get_volume_stats(True)
        return scheduled({**stats, **stats['pools'][0]})

    def passes(self, state, size=10):
        return driver_filter.DriverFilter().backend_passes(
            state, {'request_spec': {'volume_properties': {'size': size}},
                    'volume_type': {'extra_specs': {}}})

    def rating(self, state):
        return goodness.GoodnessWeigher()._weigh_object(
            state, {'request_spec': {'volume_properties': {'size': 10}},
                    'volume_type': {'extra_specs': {}}})

    @ddt.data((90, 10), (100, 0))
    @ddt.unpack
    def test_no_pool_is_too_full_for_all(self, used, reserved):
        """DriverFilter is asked for snapshots and retypes in place, too."""
        self.assertTrue(self.passes(
            self.pool(used, reserved_percentage=reserved)))

    @ddt.data((0, 0, True), (90, 0, True), (100, 0, False), (90, 9, True),
              (90, 10, False), (50, 10, True))
    @ddt.unpack
    def test_the_documented_formula(self, used, reserved, passes):
        self.assertIs(passes, self.passes(self.pool(
            used, reserved_percentage=reserved,
            filter_function='capabilities.free_capacity_gb > '
            'capabilities.total_capacity_gb '
            '* capabilities.reserved_percentage / 100')))

    @ddt.data((0, 100), (25, 75), (100, 0))
    @ddt.unpack
    def test_the_share_that_is_free(self, used, expected):
        self.assertAlmostEqual(expected, self.rating(self.pool(used)))

    def test_a_pool_that_is_down(self):
        self.cluster.pools = {0: 100 * GIB}
        driver = self.make_started_driver()
        self.cluster.fail('', 'unsent', times=10 ** 9)
        stats = driver.get_volume_stats(True)
        state = scheduled({**stats, **stats['pools'][0]})
        self.assertEqual(0, self.rating(state))

    @ddt.data(('volume.size < 5', False), ('volume.size < 50', True),
              ('capabilities.provisioned_capacity_gb + volume.size < '
               'capabilities.total_capacity_gb', True),
              ('stats.free_capacity_gb > 95', False),
              ('capabilities.QoS_support', True))
    @ddt.unpack
    def test_formulas_of_the_operator(self, formula, passes):
        state = self.pool(10, filter_function=formula)
        self.assertIs(passes, bool(self.passes(state)))
        rated = self.pool(10, goodness_function='50 + volume.size')
        self.assertEqual(60, self.rating(rated))

    def test_auto(self):
        state = self.pool(10, max_over_subscription_ratio='auto')
        self.assertAlmostEqual(1 + 20 / 11, state.max_over_subscription_ratio)
        self.assertTrue(math.isfinite(state.max_over_subscription_ratio))


class CapabilitiesTestCase(base.DriverTestCase):

    def capabilities(self, **overrides):
        driver = self.make_started_driver(**overrides)
        driver.init_capabilities()
        return driver.capabilities

    def test_vendor_properties(self):
        found = self.capabilities(dsware_clone='full')['properties']
        clone = found['dsware:clone']
        self.assertEqual(('string', ['linked', 'full'], 'full'),
                         (clone['type'], clone['enum'], clone['default']))
        self.assertIn('linked', clone['description'])

    def test_standard_ones(self):
        found = self.capabilities()
        self.assertIn('qos', found['properties'])
        self.assertEqual('Huawei', found['vendor_name'])
        self.assertTrue(found['pools'][0]['QoS_support'])
