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

"""Statistics, and clusters of an older release."""

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
