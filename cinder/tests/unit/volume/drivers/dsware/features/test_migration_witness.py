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

"""Which backends are certainly of one cluster."""

import certifi
import ddt

from cinder.tests.unit import utils
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.volume.drivers.dsware import config
from cinder.volume.drivers.dsware.features import migration
from tools import secret_marks

SECRET = secret_marks.secret('same')


@ddt.ddt
class SameClusterTestCase(base.DriverTestCase):

    def setUp(self):
        super().setUp()
        self.dsware = self.make_started_driver()

    def backend(self):
        return config.Backend(
            self.dsware.configuration, self.dsware.host,
            self.dsware.cluster_name, self.dsware._array)

    def certain(self, host='there@dsware#1', cluster=None):
        return migration.leads_here(
            self.context, self.backend(), {
                'host': host, 'cluster_name': cluster, 'capabilities': {
                    'location_info': 'dsware:192.0.2.10'}})

    def witness(self, host='there@dsware#1', on_cluster=True, **values):
        """Put a volume into Cinder's database, and on the cluster."""
        volume = utils.create_volume(
            self.context, host=host, size=1, status='available',
            volume_type_id=None, **values)
        if on_cluster:
            self.stored(volume)
        return volume

    def test_another_backend_of_this_host(self):
        self.assertTrue(self.certain('host@other#0'))
        self.assertEqual([], self.cluster.ops())

    def test_another_service_of_this_cluster_of_services(self):
        self.dsware.cluster_name = 'services@dsware'
        self.assertTrue(self.certain(cluster='services@dsware#1'))

    @ddt.data(None, 'services@dsware')
    def test_an_address_alone_is_not_enough(self, cluster):
        self.assertFalse(self.certain(cluster=cluster))

    def test_a_volume_bears_witness(self):
        self.witness()
        self.assertTrue(self.certain())

    def test_a_volume_in_a_cluster_of_services_bears_witness(self):
        self.witness(cluster_name='services@dsware')
        self.assertTrue(self.certain(cluster='services@dsware#1'))

    def test_one_of_several_is_enough(self):
        self.witness()
        self.witness(on_cluster=False)
        self.witness()
        self.assertTrue(self.certain())

    def test_volumes_that_are_elsewhere(self):
        self.witness(on_cluster=False)
        self.witness('there@another#1')
        self.witness(on_cluster=False, cluster_name='services@dsware')
        self.assertFalse(self.certain())

    def test_another_size(self):
        volume = self.witness()
        self.cluster.volumes[volume.name]['vol_size'] += 1
        self.assertFalse(self.certain())

    def test_a_volume_that_failed(self):
        volume = self.witness()
        volume.status = 'error'
        volume.save()
        self.assertFalse(self.certain())

    def test_a_given_name_may_be_there_twice(self):
        volume = self.witness(on_cluster=False)
        volume.provider_id = f'legacy@{volume.id}'
        volume.save()
        self.stored(volume)
        self.assertIn('legacy', self.cluster.volumes)
        self.assertFalse(self.certain())

    @ddt.data(None, {}, {'location_info': None},
              {'location_info': 'dsware:192.0.2.11'})
    def test_no_or_another_location(self, capabilities):
        self.witness()
        for host in ('host@other#1', 'there@dsware#1'):
            self.assertFalse(migration.leads_here(
                self.context, self.backend(),
                {'host': host, 'capabilities': capabilities}))

    @ddt.data(('192.0.2.10', '192.0.2.10'), ('Manager.example.org.',
                                             'manager.example.org'),
              ('2001:DB8:0::10', '2001:db8::10'))
    @ddt.unpack
    def test_location(self, address, expected):
        made = self.make_driver(san_ip=address, san_login='user',
                                san_password=SECRET, driver_use_ssl=True,
                                driver_ssl_cert_path=certifi.where())
        self.assertEqual('dsware:' + expected,
                         config.location_info(made.configuration))
