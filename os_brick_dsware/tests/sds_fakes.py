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

"""A cluster and a host of SDSHypervisor, which its sds_cli reaches."""

import re

from oslo_concurrency import processutils

from os_brick_dsware import programs
from os_brick_dsware import sds_connector
from os_brick_dsware.tests import fakes


class FakeCluster(fakes.FakeCluster):
    """What sds_cli reaches, as the host of agent AGENT."""

    as_root = False

    def program(self, cmd):
        (option, action), (other, name) = cmd[1:3], cmd[3:]
        assert (option, other) == ('-c', '-v'), cmd
        op = {'attach': 'attachVolume', 'detach': 'detachVolume',
              'querydev': 'querydev'}[action]
        self.calls.append((op, fakes.AGENT, name))
        try:
            return self.as_sds(self.run(op, fakes.AGENT, name)), ''
        except processutils.ProcessExecutionError as exc:
            exc.stdout = self.as_sds(exc.stdout or '')
            raise

    def as_sds(self, text):
        lines = (line for line in text.splitlines(True)
                 if not line.startswith('DSwareAttachResult'))
        return ''.join(re.sub('^desc=', 'ret_desc=', re.sub(
            '^result=', 'ret_code=', line)) for line in lines).replace(
                '=50151601', '=50155007')

    def querydev(self, agent, name):
        device = self.attached.get((agent, name))
        return ('result=0\ndev_addr=%s\n' % device if device
                else 'result=50151601\n')


class QuickSDSConnector(fakes.Quick, sds_connector.SDSHypervisorConnector):
    """Runs sds_cli."""


class SDSTestCase(fakes.ConnectorTestCase):
    """The same, with SDSHypervisor's program and connection properties."""

    cluster_class = FakeCluster
    connector_class = QuickSDSConnector
    agent = programs.THIS_HOST
    asked = 'sds_cli'
    option = 'dsware_sds_cli'
    query = 'querydev'

    def setUp(self):
        super().setUp()
        self.conf.config(group='os_brick', dsware_sds_cli='sds_cli')

    def properties(self, token='token-1', **changes):
        found = super().properties(token, **changes)
        for key in ('manager_ip', 'agent_ip', 'agent_port'):
            found.pop(key, None)
        if 'volume_name' in found:
            found['volume_id'] = found.pop('volume_name')
        return found
