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

"""The driver's start."""

from unittest import mock

import certifi
import ddt

from cinder.tests.unit.volume.drivers.dsware import base
from cinder.volume.drivers.dsware import driver
from cinder.volume.drivers.dsware import exceptions
from os_brick_dsware import connector
from tools import secret_marks


@ddt.ddt
class StartTestCase(base.DriverTestCase):

    def test_start(self):
        made = self.make_driver()
        made.check_for_setup_error()
        self.assertEqual(['getDSwareIdentifier', 'queryAllPoolInfo'],
                         self.cluster.ops())
        self.assertFalse(made.initialized)
        made.set_initialized()
        self.assertTrue(made.initialized)

    def test_a_start_is_told_once_and_without_secrets(self):
        made = self.make_driver(
            dsware_agents=['192.0.2.1', '[2001:db8::1]:1'],
            dsware_pools=[1, 0], driver_use_ssl=True,
            driver_ssl_cert_path=certifi.where(), san_login='me',
            san_password=secret_marks.secret('started'))
        with self.assertLogs('cinder.volume.drivers.dsware',
                             'INFO') as logs:
            made.check_for_setup_error()
            made.set_initialized()
            made.get_volume_stats(True)
        record, = logs.records
        self.assertEqual('INFO', record.levelname)
        self.assertEqual(
            f'Dsware driver {made.VERSION}: the cluster answers; transport '
            f'socket, agents 192.0.2.1:10519, [2001:db8::1]:1, pools 1, 0.',
            record.getMessage())

    @ddt.data(({}, 1), ({'dsware_attach_by': 'manager'}, 0))
    @ddt.unpack
    def test_what_killed_processes_left_attached(self, options, times):
        made = self.make_driver(**options)
        with mock.patch.object(connector.DSWareConnector,
                               'release_abandoned') as release:
            made.check_for_setup_error()
        self.assertEqual([mock.call(None)] * times, release.mock_calls)

    @ddt.data(('unsent', None), ('lost', None), ('hangs', None),
              ('result', 50150016), ('result', 50150017))
    @ddt.unpack
    def test_an_unreachable_cluster_leaves_the_backend_down(self, kind,
                                                            value):
        self.cluster.fail('', kind, value, times=10 ** 9)
        made = self.make_driver()
        with self.assertLogs(driver.LOG.logger, 'ERROR') as logs:
            made.check_for_setup_error()
        self.assertIn('comes up when the cluster answers', logs.output[0])
        made.set_initialized()
        self.assertEqual(
            'down', made.get_volume_stats(True)['backend_state'])
        self.cluster.faults.clear()
        self.assertEqual('up', made.get_volume_stats(True)['backend_state'])

    @ddt.data((10000003, exceptions.AccessDenied),
              (50090153, exceptions.BackendFault),
              (50150003, exceptions.InvalidRequest))
    @ddt.unpack
    def test_what_does_not_mend_by_itself(self, code, error):
        self.cluster.fail('', 'result', code, times=10 ** 9)
        self.assertRaises(error, self.make_driver().check_for_setup_error)

    @ddt.data(exceptions.CertificateRefused, exceptions.CommandUnavailable)
    def test_what_keeps_requests_from_being_sent(self, error):
        self.cluster.fail('', 'frames', [error(desc='bad')], times=10 ** 9)
        raised = self.assertRaises(
            error, self.make_driver().check_for_setup_error)
        self.assertIn('bad', str(raised))
