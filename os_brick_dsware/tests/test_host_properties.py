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

"""What the connector tells of its host."""

import fixtures

from os_brick_dsware.tests import fakes


class ConnectorPropertiesTestCase(fakes.ConnectorTestCase):

    def get(self):
        return self.connector.get_connector_properties(
            'sudo', host='h', multipath=False, enforce_multipath=False,
            execute=None)

    def test_nothing_here(self):
        self.conf.config(group='os_brick', dsware_fsc_cli='no-such-fsc-cli')
        self.assertEqual({}, self.get())
        self.conf.config(group='os_brick', dsware_agent_port=7)
        self.assertEqual({'dsware_cli': False, 'dsware_agent_port': 7},
                         self.get())

    def test_all_here(self):
        self.conf.config(group='os_brick', dsware_fsc_cli='/bin/sh',
                         dsware_agent_ip='127.0.1.1', dsware_agent_port=7)
        self.assertEqual({'dsware_cli': True, 'dsware_agent_port': 7,
                          'dsware_agent_ip': '127.0.1.1'}, self.get())

    def test_found_where_only_root_looks(self):
        self.useFixture(fixtures.EnvironmentVariable('PATH', '/nonexistent'))
        self.conf.config(group='os_brick', dsware_fsc_cli='sh')
        self.assertTrue(self.get()['dsware_cli'])

    def test_where_only_root_may_look(self):
        def stat(path, **kwargs):
            raise PermissionError(path)

        self.conf.config(group='os_brick', dsware_fsc_cli='/root/x/fsc_cli')
        self.useFixture(fixtures.MonkeyPatch('os.stat', stat))
        self.assertTrue(self.get()['dsware_cli'])

    def test_never_raises(self):
        self.useFixture(fixtures.FakeLogger())
        self.useFixture(fixtures.MonkeyPatch(
            'os_brick_dsware.connector._program_found', None))
        self.assertEqual({}, self.get())
