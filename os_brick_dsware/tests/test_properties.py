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

"""What an attachment's connection information is read as."""

import testtools

from os_brick_dsware import exceptions
from os_brick_dsware import properties


class PropertiesTestCase(testtools.TestCase):

    def test_everything(self):
        self.assertEqual(
            properties.Connection('v', '688', 't', 'instance', '10.0.0.1',
                                  '127.0.0.1', 10519),
            properties.Connection.from_dict({
                'format_version': 1, 'volume_name': ' v ', 'wwn': '0x688',
                'attachment': 't', 'dsware_user_kind': 'instance',
                'manager_ip': '10.0.0.1', 'agent_ip': '127.0.0.1',
                'agent_port': '10519', 'novelty': object()}))

    def test_little(self):
        self.assertEqual(
            properties.Connection('v', '', '', 'process', '', '', None),
            properties.Connection.from_dict({'volume_name': 'v'}))

    def test_nonsense(self):
        for port in ('x', 0, -1, 65536, '1.5', [], True, '²', '9' * 5000):
            found = properties.Connection.from_dict({
                'volume_name': 'v', 'agent_port': port, 'wwn': {},
                'attachment': 7, 'manager_ip': [], 'dsware_user_kind': 1})
            self.assertEqual(
                properties.Connection('v', '', '', 'process', '', '', None),
                found)

    def test_no_volume(self):
        for found in ({}, {'volume_name': None}, {'volume_name': 7}):
            self.assertRaises(exceptions.InvalidConnectionProperties,
                              properties.Connection.from_dict, found)

    def test_device_info_fills_gaps(self):
        sent = {'volume_name': 'v', 'attachment': 't', 'wwn': None,
                'agent_port': 7, 'access_mode': 'rw'}
        info = properties.device_info('/dev/sdb', sent)
        self.assertEqual({'type': 'block', 'path': '/dev/sdb',
                          'volume_name': 'v', 'attachment': 't',
                          'agent_port': 7}, info)
        for pair in ((info, None), ({}, info),
                     ({'volume_name': 'v', 'attachment': None}, info)):
            found = properties.Connection.from_dict(*pair)
            self.assertEqual(('v', 't', 7), (found.volume, found.token,
                                             found.agent_port))
