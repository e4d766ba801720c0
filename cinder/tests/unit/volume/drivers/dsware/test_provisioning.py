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

"""Thin provisioning: what may be provisioned, and what the scheduler sees."""

import math
import types

import ddt
import hypothesis
from hypothesis import strategies
import testtools

from cinder import exception
from cinder.scheduler.filters import capacity_filter
from cinder.scheduler.filters import driver_filter
from cinder.scheduler import host_manager
from cinder.scheduler.weights import goodness
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware import models
from cinder.volume.drivers.dsware import provisioning

GIB = base.GIB


def options(ratio='20.0', reserved=0):
    return types.SimpleNamespace(max_over_subscription_ratio=ratio,
                                 reserved_percentage=reserved)


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
class RoomTestCase(testtools.TestCase):

    def room(self, thin=True, total=100, used=30, provisioned=150, **values):
        pool = models.Pool(0, total * GIB, used * GIB, provisioned * GIB)
        return provisioning.room(pool, thin, options(**values)) / GIB

    @ddt.data(({}, 1850), ({'ratio': '1'}, -50), ({'ratio': '2.5'}, 100),
              ({'ratio': '2.5', 'reserved': 10}, 75),
              ({'provisioned': 0}, 2000),
              ({'ratio': 'auto', 'provisioned': 0}, 2000),
              ({'ratio': 'auto', 'provisioned': 62}, 238),
              ({'total': 0, 'used': 0, 'provisioned': 0}, 0))
    @ddt.unpack
    def test_thin(self, values, expected):
        self.assertAlmostEqual(expected, self.room(**values))

    @ddt.data(({}, 70), ({'reserved': 10}, 60), ({'used': 95}, 5),
              ({'used': 95, 'reserved': 10}, -5),
              # The ratio is for what is thin only.
              ({'ratio': '1'}, 70))
    @ddt.unpack
    def test_thick(self, values, expected):
        self.assertAlmostEqual(expected, self.room(False, **values))

    @hypothesis.given(
        total=strategies.integers(1, 2000), used=strategies.integers(0, 100),
        provisioned=strategies.integers(0, 5000),
        growth=strategies.integers(1, 4000),
        ratio=strategies.sampled_from(('1', '1.5', '20', 'auto')),
        reserved=strategies.integers(0, 99))
    @fakes.HYPOTHESIS
    def test_thin_as_the_scheduler(self, total, used, provisioned, growth,
                                   ratio, reserved):
        used = total * used // 100
        state = scheduled({
            'total_capacity_gb': total, 'free_capacity_gb': total - used,
            'provisioned_capacity_gb': provisioned, 'pool_name': '0',
            'allocated_capacity_gb': 0, 'reserved_percentage': reserved,
            'thin_provisioning_support': True,
            'thick_provisioning_support': True,
            'max_over_subscription_ratio': ratio})
        room = self.room(True, total, used, provisioned, ratio=ratio,
                         reserved=reserved)
        # The scheduler rounds to two digits.
        hypothesis.assume(abs(room - growth) > 0.01)
        self.assertEqual(
            capacity_filter.CapacityFilter().backend_passes(state, {
                'size': 1, 'new_size': 1 + growth}), growth <= room)


@ddt.ddt
class ExtendTestCase(base.DriverTestCase):

    def setUp(self):
        super().setUp()
        # Half of what is provisioned is in use.
        self.cluster.pools = {0: 100 * GIB, 1: 100 * GIB}

    def extend(self, size, specs=None, **overrides):
        volume = self.make_volume(10, specs=specs)
        self.stored(volume)
        driver = self.make_started_driver(**overrides)
        driver.extend_volume(volume, size)
        return self.cluster.volumes[volume.name]['vol_size'] // GIB

    @ddt.data(({}, {}, 99), ({'provisioning:type': 'thick'}, {}, 99),
              ({}, {'san_thin_provision': False}, 99),
              ({}, {'max_over_subscription_ratio': '1'}, 99),
              ({}, {'max_over_subscription_ratio': 'auto'}, 99),
              ({'provisioning:type': 'thin'},
               {'max_over_subscription_ratio': '1.1',
                'reserved_percentage': 10}, 99))
    @ddt.unpack
    def test_fits(self, specs, overrides, size):
        self.assertEqual(size, self.extend(size, specs, **overrides))

    @ddt.data(({}, {'max_over_subscription_ratio': '1',
                    'reserved_percentage': 10}, 91, 'thin', 'ratio 1,'),
              ({'provisioning:type': 'thick'}, {'reserved_percentage': 10},
               99, 'thick', 'reserved_percentage 10'),
              ({}, {'san_thin_provision': False, 'reserved_percentage': 10},
               99, 'thick', 'free 97280'))
    @ddt.unpack
    def test_does_not_fit(self, specs, overrides, size, kind, word):
        overrides = dict(overrides)
        error = self.assertRaises(
            exception.VolumeBackendAPIException, self.extend, size, specs,
            **overrides)
        for part in (kind, word.rstrip(','), 'pool 0', 'MiB more'):
            self.assertIn(part, str(error))
        self.assertNotIn('expandVolume', self.cluster.ops())

    def test_again_when_nothing_more_may_be_provisioned(self):
        volume = self.make_volume(10)
        self.stored(volume)
        self.cluster.pools[0] = GIB
        self.make_started_driver().extend_volume(volume, 10)

    def test_a_pool_that_is_not_listed(self):
        volume = self.make_volume(10)
        self.stored(volume)
        driver = self.make_started_driver()
        self.cluster.fail('queryAllPoolInfo', 'records', [])
        driver.extend_volume(volume, 20)
        self.assertEqual(20 * GIB,
                         self.cluster.volumes[volume.name]['vol_size'])


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

    @ddt.data((0, 0, True), (90, 0, True), (100, 0, False), (90, 9, True),
              (90, 10, False), (50, 10, True))
    @ddt.unpack
    def test_a_pool_with_only_its_reserve_left(self, used, reserved, passes):
        self.assertIs(passes, self.passes(
            self.pool(used, reserved_percentage=reserved)))

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
        self.assertFalse(self.passes(state))
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
