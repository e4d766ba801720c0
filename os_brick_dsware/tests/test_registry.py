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

"""os-brick and Nova know our classes, or say clearly why not."""

import types

from os_brick.initiator import connector
from os_brick.initiator.connectors import huawei
from oslo_config import cfg
from oslo_config import fixture as config_fixture
import testtools

import fixtures

from os_brick_dsware import connector as dsware_connector
from os_brick_dsware import options
from os_brick_dsware import registry
from os_brick_dsware import sds_connector

LOCAL = 'os_brick.initiator.connectors.local.LocalConnector'


class RegistryTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())

    def os_brick(self, **changes):
        module = types.ModuleType('os_brick.initiator.connector')
        module._connector_mapping_linux = {'LOCAL': LOCAL}
        module.unix_connector_list = [LOCAL]
        vars(module).update(changes)
        return module

    def test_os_brick(self):
        module = self.os_brick()
        for _time in range(2):
            self.assertTrue(registry.register_into(module))
            self.assertEqual(
                {'LOCAL': LOCAL, 'DSWARE': registry.CONNECTOR,
                 'HUAWEISDSHYPERVISOR': registry.SDS_CONNECTOR},
                module._connector_mapping_linux)
            self.assertEqual([LOCAL, registry.CONNECTOR],
                             module.unix_connector_list)
        self.assertEqual('', self.log.output)

    def sds(self, there):
        module = self.os_brick(_connector_mapping_linux={
            'HUAWEISDSHYPERVISOR': there})
        self.assertTrue(registry.register_into(module))
        return module._connector_mapping_linux['HUAWEISDSHYPERVISOR']

    def test_takes_the_place_of_the_sdshypervisor_connector(self):
        """What is there chooses later: see the tests of the start."""
        self.assertEqual(registry.SDS_REPLACED,
                         '%s.HuaweiStorHyperConnector' % huawei.__name__)
        self.assertTrue(huawei.HuaweiStorHyperConnector)
        self.assertEqual(registry.SDS_CONNECTOR,
                         self.sds(registry.SDS_REPLACED))
        self.assertEqual('theirs.Connector', self.sds('theirs.Connector'))

    def test_shape_has_changed(self):
        for changes in ({'_connector_mapping_linux': None},
                        {'_connector_mapping_linux': []},
                        {'_connector_mapping_linux': {'LOCAL': object}},
                        {'unix_connector_list': ()},
                        {'unix_connector_list': {}},
                        {'unix_connector_list': [object]}):
            self.log.reset_output()
            module = self.os_brick(**changes)
            before = {name: repr(value)
                      for name, value in vars(module).items()}
            self.assertFalse(registry.register_into(module))
            self.assertEqual(1, self.log.output.count('\n'))
            self.assertIn('cannot be attached by this process',
                          self.log.output)
            self.assertEqual(before, {name: repr(value) for name, value
                                      in vars(module).items()})

    def test_attribute_is_gone(self):
        module = self.os_brick()
        del module.unix_connector_list
        self.assertFalse(registry.register_into(module))
        self.assertNotIn('DSWARE', module._connector_mapping_linux)
        self.assertIn('unix_connector_list', self.log.output)

    def test_somebody_else_provides_it(self):
        module = self.os_brick()
        module._connector_mapping_linux['DSWARE'] = 'theirs.Connector'
        self.assertFalse(registry.register_into(module))
        self.assertEqual('theirs.Connector',
                         module._connector_mapping_linux['DSWARE'])
        self.assertEqual([LOCAL], module.unix_connector_list)
        self.assertIn('theirs.Connector', self.log.output)

    def test_our_connector_cannot_be_imported(self):
        self.useFixture(fixtures.MonkeyPatch(
            'os_brick_dsware.registry.CONNECTOR', 'os_brick_dsware.none.No'))
        module = self.os_brick()
        self.assertFalse(registry.register_into(module))
        self.assertEqual([LOCAL], module.unix_connector_list)

    def nova(self, drivers, module='os_brick_dsware.connector'):
        """Register into Nova, or into what looks like it."""
        self.useFixture(fixtures.MonkeyPatch(
            'os_brick_dsware.registry.NOVA_MODULE', module))
        made = types.ModuleType('nova.virt.libvirt.driver')
        made.VOLUME_DRIVERS = drivers
        return registry.register_into(made)

    def test_nova(self):
        drivers = {'local': 'nova.x.Y'}
        for _time in range(2):
            self.assertTrue(self.nova(drivers))
            self.assertEqual(
                {'local': 'nova.x.Y', 'dsware': registry.NOVA_DRIVER},
                drivers)
        self.assertEqual('', self.log.output)
        self.assertFalse(self.nova(['dsware']))
        self.assertIn('VOLUME_DRIVERS', self.log.output)

    def test_our_volume_driver_cannot_be_imported(self):
        drivers = {'local': 'nova.x.Y'}
        self.assertFalse(self.nova(drivers, 'os_brick_dsware.none'))
        self.assertEqual({'local': 'nova.x.Y'}, drivers)
        self.assertIn('os_brick_dsware.none', self.log.output)

    def replace_sds(self, asked=True):
        self.useFixture(config_fixture.Config(cfg.CONF)).config(
            group='os_brick', dsware_replace_sdshypervisor=asked)

    def test_nova_gets_a_sdshypervisor_driver_on_demand(self):
        self.replace_sds()
        for drivers, expected in (
                ({}, registry.SDS_NOVA_DRIVER),
                ({'huaweisdshypervisor': 'theirs.Driver'}, 'theirs.Driver')):
            self.assertTrue(self.nova(drivers))
            self.assertEqual({'dsware': registry.NOVA_DRIVER,
                              'huaweisdshypervisor': expected}, drivers)
        self.assertIn('theirs.Driver', self.log.output)

    def register(self):
        self.assertTrue(registry.register_into(connector))

    def test_register(self):
        self.register()
        self.assertIs(dsware_connector.DSWareConnector, self.made('dsware'))

    def test_sdshypervisor(self):
        self.register()
        self.assertIs(huawei.HuaweiStorHyperConnector,
                      self.made('huaweisdshypervisor'))
        self.replace_sds()
        self.assertIs(sds_connector.SDSHypervisorConnector,
                      self.made('huaweisdshypervisor'))

    def made(self, protocol):
        return type(connector.InitiatorConnector.factory(
            protocol, 'sudo', execute=lambda *cmd, **kwargs: ('', '')))


class OptionsTestCase(testtools.TestCase):

    def test_options_are_told_to_the_sample_generator(self):
        (group, found), = options.list_opts()
        self.assertEqual('os_brick', group)
        self.assertEqual(
            ['dsware_manager_ip', 'dsware_agent_ip', 'dsware_agent_port',
             'dsware_fsc_cli', 'dsware_cli_timeout',
             'dsware_simulated_devices', 'dsware_sds_cli',
             'dsware_replace_sdshypervisor'],
            [option.name for option in found])
        self.assertTrue(all(option.help for option in found))


class CommandLineTestCase(fixtures.TestWithFixtures):
    """The extension of the cinder client."""

    def module(self, protocols):
        made = types.ModuleType(registry.CLI_MODULE)
        made.VerifyProtocol = types.SimpleNamespace(
            SUPPORTED_PROCOTOLS=protocols)
        return made

    def test_lets_our_volumes_through(self):
        protocols = ['ISCSI', 'RBD']
        for _time in range(2):
            self.assertTrue(registry.register_into(self.module(protocols)))
        self.assertEqual(['ISCSI', 'RBD', 'DSWARE'], protocols)

    def test_other_shapes(self):
        log = self.useFixture(fixtures.FakeLogger())
        for module in (self.module(('ISCSI',)), self.module(None),
                       types.ModuleType(registry.CLI_MODULE)):
            self.assertFalse(registry.register_into(module))
        self.assertEqual(3, log.output.count('cannot be attached'))
