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

"""Every option, checked at the start, and what is said about it."""

import os

import certifi
import ddt
import fixtures
import testtools

from cinder import exception
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.volume.drivers.dsware.client import cli_transport
from cinder.volume.drivers.dsware.client import connection
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware.client import transport
from cinder.volume.drivers.dsware import config
from tools import secret_marks

SECRET = secret_marks.secret('configured')


class BackendTestCase(testtools.TestCase):

    def refused(self, *words, **overrides):
        """Check that a configuration is refused.

        :param words: what the message must contain
        :param overrides: the options
        :returns: the message
        """
        error = self.assertRaises(
            exception.InvalidConfigurationValue, config.make_array,
            base.make_configuration(**overrides))
        for word in words:
            self.assertIn(word, str(error))
        return str(error)

    def transport(self, **overrides):
        """Make an array and look at the transport of its first agent."""
        made = config.make_array(base.make_configuration(**overrides))
        self.addCleanup(made.client.close)
        return made.client._agents.order()[0].transport


@ddt.ddt
class AddressTestCase(BackendTestCase):

    def test_the_manager_is_the_agent_by_default(self):
        self.assertEqual(
            [endpoints.Endpoint('192.0.2.10', 10519)],
            config.agents(base.make_configuration()))

    def test_agents(self):
        found = config.agents(base.make_configuration(
            dsware_agents=['192.0.2.1', ' 192.0.2.2:80', '[2001:db8::1]',
                           '192.0.2.1:10519'], san_api_port=10519))
        self.assertEqual([
            endpoints.Endpoint('192.0.2.1', 10519),
            endpoints.Endpoint('192.0.2.2', 80),
            endpoints.Endpoint('2001:db8::1', 10519)], found)

    def test_the_default_port(self):
        conf = base.make_configuration(san_api_port=8080)
        self.assertEqual([endpoints.Endpoint('192.0.2.10', 8080)],
                         config.agents(conf))
        self.assertEqual({'h': endpoints.Endpoint('192.0.2.1', 8080)},
                         config.host_agents(base.make_configuration(
                             san_api_port=8080,
                             dsware_host_agents={'h': '192.0.2.1'})))

    @ddt.data(
        *((address, 'missing', 'floating') for address in ('', None)),
        *((address, 'san_api_port') for address in (
            '192.0.2.10:80', '[2001:db8::1]:80', '[2001:db8::1]')),
        *((address, f'san_ip = {address}') for address in (
            '256.0.0.1', '1.2.3', 'a b', 'http://192.0.2.1', '-v', ' ',
            '[::1]')))
    @ddt.unpack
    def test_a_wrong_manager(self, address, *words):
        self.refused('san_ip', address or '', *words, san_ip=address)

    @ddt.data('', 'a b', '192.0.2.1:0', '192.0.2.1:x', '[::1', '1.2.3')
    def test_a_malformed_agent(self, text):
        self.refused('dsware_agents', text, 'host:port',
                     dsware_agents=['192.0.2.1', text])

    @ddt.data('192.0.2.1/24', '192.0.2.0/33', '192.0.2', 'a.example.org', '',
              '192.0.2.0-192.0.2.9', '::1/x')
    def test_a_malformed_network_of_hosts(self, text):
        error = self.assertRaises(
            exception.InvalidConfigurationValue, config.host_networks,
            base.make_configuration(
                dsware_host_networks=['192.0.2.0/24', text]))
        self.assertIn(f'dsware_host_networks = {text}: ', str(error))
        self.assertIn('expected a network such as 192.0.2.0/24', str(error))


class ReplicationTestCase(BackendTestCase):

    def test_a_password_in_it_is_not_shown(self):
        error = self.refused('replication_device', replication_device=[
            {'backend_id': 'other', 'san_password': SECRET}])
        self.assertNotIn(SECRET, str(error))


@ddt.ddt
class SocketTestCase(BackendTestCase):

    def setUp(self):
        super().setUp()
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.file = os.path.join(self.directory, 'file.pem')
        with open(self.file, 'w') as file:
            file.write('no certificate')

    def test_settings(self):
        found = self.transport(dsware_connect_timeout=7)
        self.assertIsInstance(found, transport.SocketTransport)
        self.assertEqual(
            connection.SocketSettings('192.0.2.10', 7), found._settings)

    def test_timeouts(self):
        made = config.make_array(base.make_configuration(
            dsware_request_timeout=17, dsware_copy_timeout=34))
        self.assertEqual(17, made.client.request_timeout)
        self.assertEqual(34, made.volumes._operation._copy_timeout)

    def test_a_password_needs_tls(self):
        message = self.refused('san_password', 'driver_use_ssl',
                               san_password=SECRET)
        self.assertNotIn(SECRET, message)

    def test_a_password_needs_a_name(self):
        self.refused('san_login', san_password=SECRET, san_login='',
                     driver_use_ssl=True)

    def with_password(self, **options):
        return {'san_password': SECRET, 'driver_use_ssl': True,
                'driver_ssl_cert_path': certifi.where(), **options}

    @ddt.data({}, {'dsware_attach_by': 'manager'})
    def test_a_password_is_for_agents_that_prove_who_they_are(self, options):
        options = self.with_password(**options)
        message = self.refused(
            'san_password = ***', 'set driver_ssl_cert_verify = true',
            **{**options, 'driver_ssl_cert_verify': False})
        self.assertNotIn(SECRET, message)
        for path in (None, ''):
            message = self.refused(
                "Option driver_ssl_cert_path = ''", 'san_password is set',
                **{**options, 'driver_ssl_cert_path': path})
            self.assertNotIn(SECRET, message)
        self.assertIsNotNone(self.transport(**options)._settings.sign_in)

    def test_a_password_is_for_agents_that_are_written_down(self):
        made = config.make_array(base.make_configuration(
            **self.with_password(
                dsware_agents=['192.0.2.1', '192.0.2.2'],
                dsware_host_agents={'compute': '192.0.2.7:80'},
                dsware_host_networks=['192.0.2.0/24'])))
        self.addCleanup(made.client.close)
        one, two, host, port, other = (
            made.client._agents._make_agent(
                endpoints.Endpoint(*place)).transport._settings
            for place in (('192.0.2.1', 10519), ('192.0.2.2', 10519),
                          ('192.0.2.7', 80), ('192.0.2.7', 10519),
                          ('192.0.2.9', 10519)))
        self.assertIs(one.sign_in, two.sign_in)
        self.assertIsNot(one.sign_in, host.sign_in)
        self.assertIsNotNone(host.sign_in)
        for settings in (port, other):
            self.assertIsNone(settings.sign_in)
            self.assertIs(one.tls_settings, settings.tls_settings)

    def test_what_is_known_of_a_password_survives_another_start(self):
        configuration = base.make_configuration(**self.with_password())
        made = config.make_sign_ins(configuration)
        self.assertIs(made, config.make_sign_ins(configuration, made))

    @ddt.data('driver_ssl_cert_verify', 'driver_ssl_cert_path',
              'dsware_client_cert', 'dsware_client_key')
    def test_certificates_need_tls(self, option):
        value = True if option.endswith('verify') else self.file
        self.refused(option, 'driver_use_ssl', **{option: value})

    def test_a_key_needs_a_certificate(self):
        self.refused('dsware_client_key', 'dsware_client_cert',
                     dsware_client_key=self.file, driver_use_ssl=True)

    @ddt.data('driver_ssl_cert_path', 'dsware_client_cert')
    def test_a_file_that_is_not_there(self, option):
        self.refused(option, '/no/such/file', 'No such file', **{
            option: '/no/such/file', 'driver_use_ssl': True,
            'driver_ssl_cert_verify': True})

    @ddt.data('driver_ssl_cert_path', 'dsware_client_cert')
    def test_a_file_that_is_no_certificate(self, option):
        self.refused(option, self.file, 'can be loaded', **{
            option: self.file, 'driver_use_ssl': True,
            'driver_ssl_cert_verify': True})

    def test_tls_that_is_not_verified_is_warned_of(self):
        with self.assertLogs(config.LOG.logger, 'WARNING') as logs:
            settings = self.transport(
                driver_use_ssl=True, driver_ssl_cert_verify=False)._settings
        self.assertFalse(settings.tls_settings.verify)
        self.assertIn('driver_ssl_cert_verify = false', logs.output[0])

    def test_tls_is_verified_unless_somebody_chose_otherwise(self):
        for chosen in ({}, {'driver_ssl_cert_verify': True}):
            settings = self.transport(driver_use_ssl=True,
                                      **chosen)._settings
            self.assertTrue(settings.tls_settings.verify)

    def verified(self, **sections):
        """Whether certificates are verified with a cinder.conf."""
        made = base.make_configuration(driver_use_ssl=True)
        path = os.path.join(self.directory, 'cinder.conf')
        with open(path, 'w') as file:
            for name, value in sections.items():
                file.write(f'[{name}]\ndriver_ssl_cert_verify = {value}\n')
        made.conf.local_conf([], default_config_files=[path])
        return config.is_verified(made)

    def test_the_choice_in_a_file(self):
        self.assertTrue(self.verified())
        self.assertTrue(self.verified(dsware='true'))
        self.assertFalse(self.verified(dsware='false'))
        self.assertFalse(self.verified(backend_defaults='false'))
        self.assertTrue(self.verified(backend_defaults='false',
                                      dsware='true'))
        self.assertFalse(self.verified(backend_defaults='true',
                                       dsware='false'))

    def test_the_choice_of_another_driver_is_not_the_operators(self):
        made = base.make_configuration(driver_use_ssl=True)
        made.conf.local_conf.set_default(
            'driver_ssl_cert_verify', False, group='backend_defaults')
        self.assertTrue(config.is_verified(made))


@ddt.ddt
class CLITestCase(BackendTestCase):

    def test_settings(self):
        found = self.transport(dsware_transport='cli')
        self.assertIsInstance(found, cli_transport.CLITransport)
        self.assertEqual('192.0.2.10', found._manage_ip)

    @ddt.data('driver_use_ssl', 'san_password')
    def test_what_has_no_effect(self, option):
        value = SECRET if option == 'san_password' else True
        message = self.refused('dsware_transport', option,
                               dsware_transport='cli', **{option: value})
        self.assertNotIn(SECRET, message)

    def test_certificates(self):
        self.refused('dsware_client_cert', dsware_transport='cli',
                     dsware_client_cert='/some/file')
