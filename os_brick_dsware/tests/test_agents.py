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

"""Nothing is detached through the agent of another host."""

import os
from unittest import mock

import fixtures

from os_brick_dsware import addresses
from os_brick_dsware import exceptions
from os_brick_dsware import ledger as ledgers
from os_brick_dsware.tests import fakes

#: For documentation (RFC 5737): never an address of a host.
ELSEWHERE = '192.0.2.77'
INSTANCE = '6e1f8d8e-0000-4000-8000-000000000001'


class LeavingTestCase(fakes.ConnectorTestCase):
    """The host has no setting of its own, and is told another's agent."""

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())

    def connect(self, token='here', **changes):
        self.connector.connect_volume(self.properties(
            token, dsware_user_kind='instance', dsware_instance=INSTANCE,
            **changes))

    def disconnect(self, token='elsewhere', **changes):
        self.connector.disconnect_volume(self.properties(token, **{
            'agent_ip': ELSEWHERE, 'dsware_user_kind': 'instance',
            'dsware_instance': INSTANCE, **changes}), None)

    def agents_asked(self):
        return {agent for _op, agent, _name in self.cluster.calls}

    def attach_elsewhere(self):
        self.cluster.nodes = False
        self.cluster.attachVolume(ELSEWHERE, fakes.NAME)
        self.cluster.nodes = True

    def test_volume_of_another_host_is_left_alone(self):
        self.attach_elsewhere()
        self.disconnect()
        self.assertEqual([], self.cluster.calls)
        self.assertEqual(1, len(self.cluster.attached))
        self.assertIn('nothing is detached', self.log.output)

    def test_instance_was_evacuated(self):
        """Nova knows only the new attachment, which another host has."""
        self.connect()
        self.attach_elsewhere()
        self.disconnect()
        self.assertEqual({fakes.AGENT}, self.agents_asked())
        self.assertEqual([(ELSEWHERE, fakes.NAME)],
                         list(self.cluster.attached))
        self.assertEqual([], self.users())

    def test_evacuated_but_shared(self):
        self.connect()
        self.connector.connect_volume(self.properties('another'))
        self.attach_elsewhere()
        self.disconnect()
        self.assertEqual(2, len(self.cluster.attached))
        self.assertEqual(['another'], [user.token for user in self.users()])

    def test_own_setting_wins(self):
        self.conf.config(group='os_brick', dsware_agent_ip=fakes.AGENT)
        self.connect()
        self.attach_elsewhere()
        self.disconnect()
        self.assertEqual([(ELSEWHERE, fakes.NAME)],
                         list(self.cluster.attached))

    def test_agent_elsewhere_that_serves_this_host(self):
        """The one that is recorded, which a setting named at that time."""
        self.conf.config(group='os_brick', dsware_agent_ip=ELSEWHERE)
        self.connect()
        self.conf.config(group='os_brick', dsware_agent_ip=None)
        self.assertEqual([self.link], self.connector.get_volume_paths(
            self.properties('here', agent_ip='missing')))
        self.assertEqual(fakes.MIB, self.connector.extend_volume(
            self.properties('here', agent_ip='missing')))
        self.disconnect('here', agent_ip='missing')
        self.assertEqual({}, self.cluster.attached)

    def test_agent_elsewhere_and_a_device_here(self):
        self.connect()
        os.unlink(self.connector._ledger().record(fakes.NAME))
        for agent in (ELSEWHERE, 'missing'):
            error = self.assertRaises(exceptions.ConfigurationError,
                                      self.disconnect, agent_ip=agent)
            for part in (fakes.NAME, agent if agent == ELSEWHERE
                         else 'not named', 'dsware_agent_ip'):
                self.assertIn(part, str(error))
        self.assertEqual(1, len(self.cluster.attached))

    def test_no_agent_at_all(self):
        """As on a host that was evacuated, of a host that has a setting."""
        self.attach_elsewhere()
        self.disconnect(agent_ip='missing')
        self.assertEqual([], self.cluster.calls)
        sent = self.properties(agent_ip='missing')
        self.assertEqual([], self.connector.get_volume_paths(sent))
        self.assertRaises(exceptions.DeviceNotFound,
                          self.connector.extend_volume, sent)

    def test_recorded_manager_and_port(self):
        self.connect(agent_port=1234)
        user, = self.users()
        self.assertEqual((1234, '10.0.0.1', INSTANCE),
                         (user.port, user.manager, user.instance))
        self.disconnect(manager_ip='10.9.9.9')
        argv = self.cluster.commands[-1][0]
        self.assertEqual('1234', argv[argv.index('--port') + 1])
        self.assertEqual('10.0.0.1', argv[argv.index('--manage_ip') + 1])


class ForeignAgentTestCase(fakes.ConnectorTestCase):
    """What an API user writes does not decide where a host connects to."""

    def refused(self, **changes):
        error = self.assertRaises(
            exceptions.ConfigurationError, self.connector.connect_volume,
            self.properties(**changes))
        self.assertEqual([], self.cluster.commands)
        self.assertEqual([], self.users())
        return str(error)

    def test_address_of_another_host(self):
        for agent in (ELSEWHERE, 'no-such-host.invalid', '192.0.2.1\n'):
            with mock.patch.object(addresses, '_look_up', return_value=[]):
                text = self.refused(agent_ip=agent, agent_port=6666)
            self.assertIn('dsware_agent_ip', text)
            self.assertTrue(text.isprintable())

    def test_address_that_is_configured(self):
        self.conf.config(group='os_brick', dsware_agent_ip=ELSEWHERE)
        for sent in (ELSEWHERE, '192.0.2.78', 'missing'):
            self.connector.connect_volume(self.properties(
                agent_ip=sent, agent_port=6666))
            argv = self.cluster.commands[-1][0]
            self.assertEqual(ELSEWHERE, argv[argv.index('--ip') + 1])
            # Of an agent elsewhere the port is configured, too.
            self.assertNotIn('--port', argv)

    def test_port_of_an_own_address(self):
        self.connector.connect_volume(self.properties(agent_port=10600))
        argv = self.cluster.commands[0][0]
        self.assertEqual('10600', argv[argv.index('--port') + 1])


class InstancesTestCase(fakes.ConnectorTestCase):
    """An instance has a volume once on a host."""

    def properties(self, token='token-1', number=1, **changes):
        return super().properties(
            token, dsware_user_kind='instance',
            dsware_instance='instance-%d' % number, **changes)

    def connect(self, *args, **changes):
        return self.connector.connect_volume(
            self.properties(*args, **changes))['path']

    def disconnect(self, *args, **changes):
        self.connector.disconnect_volume(self.properties(*args, **changes))

    def tokens(self):
        return sorted(user.token for user in self.users())

    def test_nova_made_a_new_attachment(self):
        self.connect('lost')
        self.connect('other', 2)
        self.connect('new')
        self.assertEqual(['new', 'other'], self.tokens())
        self.disconnect('new')
        self.assertEqual(['other'], self.tokens())
        self.disconnect('other', 2)
        self.assertEqual({}, self.cluster.attached)
        self.assertEqual([], self.users())

    def test_new_attachment_that_fails(self):
        self.connect('lost')
        self.cluster.script['attachVolume'] = [50150002]
        self.assertRaises(exceptions.CommandRefused, self.connect, 'new')
        self.assertEqual(['lost'], self.tokens())
        self.assertEqual(1, len(self.cluster.attached))

    def test_source_and_destination_on_one_machine(self):
        """Records of two agents that one machine plays do not mix."""
        self.connect('source')
        self.connect('destination', agent_ip='127.0.1.2')
        self.assertEqual(['destination', 'source'], self.tokens())
        self.disconnect('source')
        self.assertEqual([('127.0.1.2', fakes.NAME)],
                         list(self.cluster.attached))
        self.disconnect('destination', agent_ip='127.0.1.2')
        self.assertEqual({}, self.cluster.attached)

    def test_attached_before_instances_were_recorded(self):
        ledger = self.connector._ledger()
        self.connect('old')
        with ledger.lock(fakes.NAME, 5):
            ledger.save(fakes.NAME, [
                ledgers.User.from_dict({
                    key: value for key, value in user.to_dict().items()
                    if key != 'instance'}) for user in self.users()])
        self.assertEqual([''], [user.instance for user in self.users()])
        # A reboot of the instance connects again.
        self.connect('old')
        self.assertEqual(['instance-1'],
                         [user.instance for user in self.users()])
        self.disconnect('old')
        self.assertEqual({}, self.cluster.attached)

    def test_process_is_no_instance(self):
        self.connect('instance')
        self.connector.connect_volume(super().properties('process'))
        self.connector.disconnect_volume(super().properties('process'))
        self.assertEqual(['instance'], self.tokens())
