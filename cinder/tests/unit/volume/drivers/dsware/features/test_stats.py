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

"""Statistics: the numbers, and what an outage makes of them."""

import ddt

from cinder import objects
from cinder.scheduler.filters import driver_filter
from cinder.scheduler import host_manager
from cinder.scheduler.weights import goodness
from cinder.tests.unit.volume.drivers.dsware.array import base as array_base
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware.features import stats
from cinder.volume import volume_types


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
class GibTestCase(base.DriverTestCase):

    @ddt.data((0, 0), (1024, 1), (1536, 1.5), (1, 0), (11, 0.01),
              (1024 * 1024 * 1024, 1024 * 1024))
    @ddt.unpack
    def test_gib(self, mib, gib):
        self.assertEqual(gib, stats.gib(mib))


@ddt.ddt
class StatsTestCase(base.DriverTestCase):

    def get(self, made):
        return made.get_volume_stats(refresh=True)

    def outage(self, times=10 ** 9):
        self.cluster.fail('', 'unsent', times=times)

    def test_the_backend(self):
        found = self.get(self.make_started_driver(
            volume_backend_name='storage'))
        pools = found.pop('pools')
        self.assertEqual({
            'volume_backend_name': 'storage', 'vendor_name': 'Huawei',
            'driver_version': '1.0.0', 'storage_protocol': 'dsware',
            'backend_state': 'up', 'sparse_copy_volume': True}, found)
        self.assertEqual(['0', '1'], [pool['pool_name'] for pool in pools])

    def test_a_pool(self):
        self.cluster.pools = {3: 100 * 1024}
        self.cluster.add_volume('v', 30 * 1024, 3)
        pool, = self.get(self.make_started_driver(
            max_over_subscription_ratio='7.5',
            reserved_percentage=12))['pools']
        self.assertIn('capabilities.free_capacity_gb',
                      pool.pop('goodness_function'))
        self.assertEqual({
            'pool_name': '3', 'backend_state': 'up',
            'total_capacity_gb': 100, 'free_capacity_gb': 85,
            'provisioned_capacity_gb': 30,
            'thin_provisioning_support': True,
            'thick_provisioning_support': True,
            'max_over_subscription_ratio': 7.5, 'reserved_percentage': 12,
            'multiattach': True, 'online_extend_support': True,
            'location_info': 'dsware:192.0.2.10',
            'dsware_provisioning': 'thin',
            'QoS_support': True, 'filter_function': None,
            'consistent_group_snapshot_enabled': True,
            'replication_enabled': False}, pool)

    @ddt.data(({}, True), ({'dsware_attach_by': 'manager'}, False))
    @ddt.unpack
    def test_online_extend(self, options, expected):
        pool, _other = self.get(self.make_started_driver(**options))['pools']
        self.assertIs(expected, pool['online_extend_support'])

    def test_without_refresh_nothing_is_asked(self):
        made = self.make_started_driver()
        first = self.get(made)
        self.cluster.requests.clear()
        self.assertEqual(first, made.get_volume_stats(refresh=False))
        self.assertEqual([], self.cluster.requests)

    def test_only_configured_pools(self):
        self.cluster.pools = {0: 1024, 1: 2048, 2: 4096}
        found = self.get(self.make_started_driver(dsware_pools=[2, 0, 2]))
        self.assertEqual([('2', 4), ('0', 1)], [
            (pool['pool_name'], pool['total_capacity_gb'])
            for pool in found['pools']])

    def test_an_outage(self):
        made = self.make_started_driver()
        before = self.get(made)['pools']
        self.outage()
        found = self.get(made)
        self.assertEqual('down', found['backend_state'])
        for old, pool in zip(before, found['pools']):
            self.assertEqual('down', pool['backend_state'])
            self.assertEqual(0, pool['free_capacity_gb'])
            self.assertEqual(old['total_capacity_gb'],
                             pool['total_capacity_gb'])
        self.cluster.faults.clear()
        self.assertEqual(before, self.get(made)['pools'])

    @ddt.data(('unsent', None), ('lost', None), ('hangs', None),
              ('result', 50150016), ('result', 50090153),
              ('result', 10000003), ('result', 50150003),
              ('records', [{'pool_id': 'x'}]), ('records', [{}]))
    @ddt.unpack
    def test_no_failure_is_raised(self, kind, value):
        made = self.make_started_driver()
        self.cluster.fail('queryAllPoolInfo', kind, value, times=10 ** 9)
        self.assertEqual('down', self.get(made)['backend_state'])

    def test_an_outage_from_the_start(self):
        self.outage()
        made = self.make_started_driver(dsware_pools=[1])
        pool, = self.get(made)['pools']
        self.assertEqual(('1', 'down', 0, 0), (
            pool['pool_name'], pool['backend_state'],
            pool['total_capacity_gb'], pool['free_capacity_gb']))
        self.cluster.faults.clear()
        pool, = self.get(made)['pools']
        self.assertEqual('up', pool['backend_state'])

    def test_an_outage_does_not_hold_up_the_service(self):
        made = self.make_started_driver()
        self.outage()
        start = self.clock.now
        self.get(made)
        self.assertLess(self.clock.now - start, 13)

    def test_a_pool_that_vanishes(self):
        made = self.make_started_driver(dsware_pools=[0, 1])
        del self.cluster.pools[1]
        found = self.get(made)
        self.assertEqual('down', found['backend_state'])
        self.assertEqual(['0', '1'], [p['pool_name']
                                      for p in found['pools']])


class PoolWatchTestCase(array_base.ArrayTestCase):

    def test_a_configured_pool_that_is_not_there(self):
        watch = stats.PoolWatch(self.array, [0, 7, 8])
        error = self.raises(exceptions.ObjectAbsent, watch.query)
        self.assertIn('dsware_pools names pool 7, 8; the cluster has pools '
                      '0, 1', str(error))
        self.assertFalse(watch.up)


@ddt.ddt
class SparseCopyTestCase(base.DriverTestCase):
    """Whether blocks of zeros may be left out of copies to the backend."""

    def setUp(self):
        super().setUp()
        self.driver = self.make_started_driver()
        self.driver.init_capabilities()
        self.changed = self.patch(
            'cinder.volume.volume_types.volume_types_encryption_changed',
            side_effect=lambda context, one, other: one != other)

    def copied(self, status, to):
        volume = self.record(status, None)
        self.record('available', 'target:' + volume.id, to)

    def record(self, status, migration_status, volume_type_id=None):
        volume = objects.Volume(
            self.context, size=1, host='other@dsware#0', status=status,
            volume_type_id=volume_type_id or self.vt['id'],
            migration_status=migration_status)
        volume.create()
        return volume

    @ddt.data(('retyping', 'another', False), ('retyping', None, True),
              ('maintenance', 'another', True))
    @ddt.unpack
    def test_what_is_copied(self, status, to, expected):
        self.record('retyping', None)
        self.copied(status, to and volume_types.create(
            self.context, to).id)
        found = self.driver.capabilities
        self.assertIs(expected, found['sparse_copy_volume'])
        self.assertIn('properties', found)

    def test_a_service_that_starts_meanwhile(self):
        self.copied('retyping', volume_types.create(self.context, 'x').id)
        self.driver.init_capabilities()
        self.assertIn('vendor_prefix', self.driver.capabilities)


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
