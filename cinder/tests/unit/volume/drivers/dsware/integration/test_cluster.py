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

"""Pools, statistics, outages of agents and of the whole cluster."""

import socket

from cinder import exception
from cinder.tests.unit.volume.drivers.dsware.integration import base


class StatisticsTests:

    SIMULATOR = {'pools': {0: 100, 3: 50}}
    OPTIONS = {'dsware_request_timeout': 2}
    thick = True

    def test_statistics(self):
        dsware = self.make_driver()
        self.created(dsware, size=7, pool=3)
        self.created(dsware, size=2, pool=3, volume_type=base.make_type(
            provisioning__type='thick' if self.thick else 'thin'))
        stats = dsware.get_volume_stats(refresh=True)
        self.assertEqual(
            ('Huawei', 'dsware', 'up', dsware.VERSION),
            tuple(stats[key] for key in (
                'vendor_name', 'storage_protocol', 'backend_state',
                'driver_version')))
        self.assertEqual(dsware.configuration.volume_backend_name,
                         stats['volume_backend_name'])
        pools = {pool['pool_name']: pool for pool in stats['pools']}
        self.assertEqual({'0', '3'}, set(pools))
        self.assertEqual(
            (50, 48 if self.thick else 50, 9, 'up', True, True, self.thick,
             True),
            tuple(pools['3'][key] for key in (
                'total_capacity_gb', 'free_capacity_gb',
                'provisioned_capacity_gb', 'backend_state', 'multiattach',
                'thin_provisioning_support', 'thick_provisioning_support',
                'online_extend_support')))

    def dsware_is(self, state, dsware):
        """Wait until the driver reports a state."""
        def refreshed():
            stats = dsware.get_volume_stats(refresh=True)
            return stats if stats['backend_state'] == state else None

        stats = base.wait_until(refreshed, state)
        for pool in stats['pools']:
            self.assertEqual(state, pool['backend_state'])
        return stats

    def dsware_works(self, dsware):
        dsware.delete_volume(self.created(dsware))
        self.assertHolds()

    def cluster_down(self):
        for address in self.doors():
            self.control.agent_down(address)

    def cluster_up(self):
        for address in self.doors():
            self.control.agent_up(address)

    def test_cluster_that_is_down_at_the_start(self):
        self.cluster_down()
        dsware = self.make_driver(dsware_pools=[3])
        stats = self.dsware_is('down', dsware)
        self.assertEqual(
            [('3', 0)], [(pool['pool_name'], pool['free_capacity_gb'])
                         for pool in stats['pools']])
        dsware.set_initialized()
        self.cluster_up()
        stats = self.dsware_is('up', dsware)
        self.assertEqual(50, stats['pools'][0]['free_capacity_gb'])
        self.dsware_works(dsware)

    def test_outage(self):
        dsware = self.make_driver()
        self.dsware_is('up', dsware)
        self.cluster_down()
        stats = self.dsware_is('down', dsware)
        self.assertEqual([0, 0], [pool['free_capacity_gb']
                                  for pool in stats['pools']])
        self.assertEqual([100, 50], [pool['total_capacity_gb']
                                     for pool in stats['pools']])
        self.assertRaises(exception.VolumeBackendAPIException,
                          dsware.create_volume, base.make_volume())
        self.cluster_up()
        self.dsware_is('up', dsware)
        self.dsware_works(dsware)

    def test_cluster_that_answers_nonsense(self):
        dsware = self.make_driver()
        for kind in ('garbage', 'hang'):
            fault = self.control.add_fault(kind=kind,
                                           op='queryAllPoolInfo')
            self.dsware_is('down', dsware)
            self.control.clear_faults(fault)
            self.dsware_is('up', dsware)

    def test_the_other_agent_carries_on(self):
        dsware = self.make_driver(dsware_request_timeout=5)
        for down in self.simulator.agents:
            self.control.agent_down(down[0])
            for _n in range(3):
                self.dsware_works(dsware)
            self.control.agent_up(down[0])


class OlderClusterTests:

    SIMULATOR = {'single_pool': True, 'pools': {0: 100}}
    OPTIONS = {'dsware_request_timeout': 5}

    def setUp(self):
        super().setUp()
        self.host = base.Host(self.simulator)

    def test_it_all_works_with_the_one_pool(self):
        dsware = self.make_driver()
        stats = dsware.get_volume_stats(refresh=True)
        self.assertEqual(
            [('0', 100)], [(pool['pool_name'], pool['total_capacity_gb'])
                           for pool in stats['pools']])
        volume = self.created(dsware)
        self.host.write(volume.name, 0, b'old')
        snapshot = self.snapped(dsware, volume)
        linked, full, clone = (base.make_volume(size=n) for n in (1, 2, 1))
        dsware.create_volume_from_snapshot(linked, snapshot)
        full.volume_type = base.make_type(dsware__clone='full')
        dsware.create_volume_from_snapshot(full, snapshot)
        dsware.create_cloned_volume(clone, volume)
        for made in (linked, full, clone):
            self.assertEqual(b'old', self.host.read(made.name, 0, 3))
        info = dsware.initialize_connection(
            volume, {'host': 'h', 'ip': self.host.address,
                     'dsware_cli': True})
        self.assertEqual('', info['data']['wwn'])
        dsware.delete_snapshot(snapshot)
        for made in (volume, linked, full, clone):
            dsware.delete_volume(made)
        self.assertHolds()


class SocketStatisticsTestCase(StatisticsTests, base.SocketTestCase):
    pass


class CLIStatisticsTestCase(StatisticsTests, base.CLITestCase):
    pass


class SocketOlderClusterTestCase(OlderClusterTests, base.SocketTestCase):
    pass


class CLIOlderClusterTestCase(OlderClusterTests, base.CLITestCase):
    pass


class RESTStatisticsTestCase(StatisticsTests, base.RESTTestCase):

    thick = False

    def test_the_other_agent_carries_on(self):
        """A manager, here."""
        with socket.create_server((self.ADDRESS, 0)) as listening:
            nobody = listening.getsockname()
        dsware = self.make_driver([nobody, self.manager])
        for _n in range(3):
            self.dsware_works(dsware)
