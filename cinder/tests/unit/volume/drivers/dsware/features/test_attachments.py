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

"""Attaching: what a host is told, and who is detached when."""

import itertools
import json
from unittest import mock
import uuid

import certifi
import ddt

from cinder import exception
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware.client import agents
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware.features import attachments
from tools import secret_marks

SECRET = secret_marks.secret('attaching')

ONE, TWO = (endpoint.host for endpoint in fakes.ENDPOINTS)
connector = base.connector


class AttachTestCase(base.AttachingTestCase):

    def setUp(self):
        super().setUp()
        self.driver = self.make_started_driver()
        self.volume = self.make_volume(pool=1)
        self.record = self.stored(self.volume)

    def make_started_driver(self, **options):
        return super().make_started_driver(
            **{'dsware_agents': [ONE, TWO], **options})

    def on(self):
        return set(self.cluster.attached[self.volume.name])

    def users(self, *connectors):
        """Let Cinder know of these attachments of the volume."""
        self.volume.volume_attachment = None
        found = self.attachments(*connectors)
        self.patch('cinder.objects.Volume.volume_attachment', found)
        self.patch('cinder.objects.Volume.get_by_id',
                   lambda *_args: mock.Mock(volume_attachment=found))


@ddt.ddt
class HostTestCase(AttachTestCase):
    """The connector on the host attaches."""

    def test_what_the_host_is_told(self):
        found = self.attach()
        attachment = found['data'].pop('attachment')
        self.assertEqual({
            'driver_volume_type': 'dsware',
            'data': {
                'format_version': 1, 'volume_name': self.volume.name,
                'wwn': self.record['wwn'], 'discard': True,
                'manager_ip': '192.0.2.10', 'agent_ip': ONE,
                'agent_port': 10519}}, found)
        self.assertEqual(attachment, str(uuid.UUID(attachment)))
        # It goes through RPC and lives in Nova's database.
        json.dumps(found)

    def test_nothing_secret_is_told(self):
        made = self.make_started_driver(
            san_password=SECRET, san_login='admin', driver_use_ssl=True,
            driver_ssl_cert_path=certifi.where())
        self.assertNotIn(SECRET, json.dumps(
            made.initialize_connection(self.volume, connector())))

    def test_the_cluster_is_only_queried(self):
        self.attach()
        self.detach()
        self.assertEqual(['queryVolume'], self.cluster.ops())

    def test_a_thick_volume_keeps_its_space(self):
        thick = self.stored_volume(specs={'provisioning:type': 'thick'})
        self.assertFalse(self.attach(volume=thick)['data']['discard'])

    def test_a_host_without_fsc_cli(self):
        self.assertRaises(exception.InvalidConnectorException,
                          self.driver.validate_connector,
                          connector(dsware_cli=False))
        error = self.assertRaises(exception.InvalidInput, self.attach,
                                  dsware_cli=False)
        for word in ('compute-1', 'fsc_cli', 'dsware_attach_by'):
            self.assertIn(word, str(error))
        self.attach(dsware_cli=True)

    @ddt.data(
        # Among dsware_agents, however it is written.
        ({}, {}, (ONE, 10519)),
        ({'dsware_agent_ip': TWO}, {}, (TWO, 10519)),
        ({'ip': None, 'dsware_agent_ip': TWO}, {}, (TWO, 10519)),
        ({'ip': '::ffff:' + ONE}, {}, (ONE, 10519)),
        ({'ip': '2001:0DB8::0:7'}, {'dsware_agents': ['[2001:db8::7]:81']},
         ('2001:db8::7', 81)),
        ({'ip': 'A.Example.org.'}, {'dsware_agents': ['a.example.org:81']},
         ('a.example.org', 81)),
        ({}, {'dsware_agents': [ONE + ':80', TWO + ':81']}, (ONE, 80)),
        ({}, {'san_api_port': 8080, 'dsware_agents': [ONE]}, (ONE, 8080)),
        ({'ip': '192.0.2.10'}, {'dsware_agents': []}, ('192.0.2.10', 10519)),
        # By the name of the host, before all else.
        ({}, {'dsware_host_agents': {'compute-1': '192.0.2.9:80'}},
         ('192.0.2.9', 80)),
        ({}, {'dsware_host_agents': {'Compute-1.': '192.0.2.9'}},
         ('192.0.2.9', 10519)),
        ({'dsware_agent_ip': TWO},
         {'dsware_host_agents': {'compute-1': '192.0.2.9'}},
         ('192.0.2.9', 10519)),
        ({}, {'dsware_host_agents': {'compute-10': '192.0.2.9'}},
         (ONE, 10519)),
        # In a network.
        ({'ip': '198.51.100.7'},
         {'dsware_host_networks': ['203.0.113.0/24', '198.51.100.0/24']},
         ('198.51.100.7', 10519)),
        ({'ip': '198.51.100.7'},
         {'dsware_host_networks': ['198.51.100.7'], 'san_api_port': 8080},
         ('198.51.100.7', 8080)),
        ({'ip': '2001:DB8:0::7'}, {'dsware_host_networks': ['2001:db8::/32']},
         ('2001:db8::7', 10519)),
        ({'ip': '::ffff:198.51.100.7'},
         {'dsware_host_networks': ['198.51.100.0/24']},
         ('198.51.100.7', 10519)),
        # The port is never the host's own.
        ({'dsware_agent_port': 82}, {'dsware_agents': [ONE + ':80']},
         (ONE, 80)),
        ({'ip': '198.51.100.7', 'dsware_agent_port': 82},
         {'dsware_host_networks': ['198.51.100.0/24']},
         ('198.51.100.7', 10519)))
    @ddt.unpack
    def test_the_agent_of_a_host(self, properties, options, expected):
        made = self.make_started_driver(**options)
        data = made.initialize_connection(
            self.volume, connector(**properties))['data']
        self.assertEqual(expected, (data['agent_ip'], data['agent_port']))

    @ddt.data(('198.51.100.8', '198.51.100.8'), ('203.0.113.1',) * 2,
              ('agent.Example.org', 'agent.example.org'), ('::1', '::1'))
    @ddt.unpack
    def test_a_host_whose_agent_nobody_has_named(self, address, told):
        """It believes the address only if it is its own."""
        made = self.make_started_driver(
            dsware_host_networks=['198.51.100.0/29', 'fe80::/10'])
        data = made.initialize_connection(
            self.volume, connector(ip=address, dsware_agent_port=82))['data']
        self.assertEqual((told, 10519),
                         (data['agent_ip'], data['agent_port']))
        self.assertEqual('192.0.2.10', data['manager_ip'])

    @ddt.data(None, '')
    def test_a_host_without_an_address(self, address):
        """It may know its agent itself."""
        data = self.attach(ip=address)['data']
        self.assertNotIn('agent_ip', data)
        self.assertNotIn('agent_port', data)

    @ddt.data({'ip': None}, {'ip': ''}, {'ip': '198.51.100.8'},
              {'ip': '203.0.113.1'}, {'ip': 'agent.example.org'},
              {'ip': 'fe80::1%eth0'}, {'ip': '::1'},
              {'dsware_agent_ip': '203.0.113.1'})
    def test_no_host_is_attached_to_whose_agent_nobody_has_named(
            self, properties):
        by_manager = self.make_started_driver(
            dsware_attach_by='manager',
            dsware_host_networks=['198.51.100.0/29', 'fe80::/10'])
        error = self.assertRaises(
            exception.InvalidInput, by_manager.initialize_connection,
            self.volume, connector(**properties))
        for word in ('compute-1', 'dsware_host_agents',
                     'dsware_host_networks'):
            self.assertIn(word, str(error))
        self.assertEqual(0, self.cluster.count('attachVolume'))

    @ddt.data('192.0.2.99', '::ffff:192.0.2.99')
    def test_force_detach_from_an_address_nobody_has_named(self, address):
        """The cluster is asked; that address is not."""
        self.cluster.attached[self.volume.name] |= {ONE, '192.0.2.99'}
        self.users(connector(ip=address), connector('compute-2', ONE))
        self.driver.terminate_connection(self.volume, None)
        self.assertEqual(set(), self.on())
        self.assertEqual({'detachVolume', 'detachVolumeByIp'},
                         set(self.cluster.ops()))

    def test_force_detach_without_attachments(self):
        self.users()
        self.driver.terminate_connection(self.volume, None)
        self.users(None, {})
        self.driver.terminate_connection(self.volume, None)
        self.assertEqual([], self.cluster.requests)

    @ddt.data(connector('x', None), connector('x', 'x.example.org'),
              connector('x\ny', None), {'host': ['x']})
    def test_force_detach_where_one_attachment_is_odd(self, odd):
        """All the others are detached; the error is told."""
        self.cluster.attached[self.volume.name] |= {ONE, TWO}
        self.users(odd, connector(), connector('compute-2', TWO))
        error = self.assertRaises(
            exception.InvalidInput, self.driver.terminate_connection,
            self.volume, None)
        self.assertEqual(set(), self.on())
        self.assertIn('host', str(error))

    def test_force_detach_in_an_outage(self):
        self.cluster.attached[self.volume.name] |= {ONE, TWO}
        self.users(connector(), connector('compute-2', TWO))
        self.cluster.fail('', 'unsent', times=10 ** 9)
        start = self.clock.now
        self.assertRaises(exceptions.EndpointUnavailable,
                          self.driver.terminate_connection, self.volume,
                          None)
        self.assertLess(self.clock.now - start, 91)

    def test_force_detach_where_one_host_is_in_use(self):
        """Nothing is taken away from a host that is alive and writes."""
        self.cluster.attached[self.volume.name] |= {ONE, TWO}
        self.users(connector(), connector('compute-2', TWO))
        self.fail_only('detachVolume', 'result', 50150013)
        self.assertRaises(exception.VolumeIsBusy,
                          self.driver.terminate_connection, self.volume,
                          None)
        self.assertEqual({ONE, TWO}, self.on())
        self.assertEqual(0, self.cluster.count('detachVolumeByIp'))

    @ddt.data(*itertools.product((50150013, 50150001),
                                 ('hangs', 'lost', 'unsent')))
    @ddt.unpack
    def test_force_detach_where_an_agent_falls_silent(self, code, silence):
        """It has answered once: its host is alive and may write."""
        self.cluster.attached[self.volume.name] |= {ONE}
        self.users(connector())
        self.cluster.fail('detachVolume', 'result', code)
        self.fail_only('detachVolume', silence)
        error = self.assertRaises(exception.CinderException,
                                  self.driver.terminate_connection,
                                  self.volume, None)
        self.assertEqual(code == 50150013,
                         isinstance(error, exception.VolumeIsBusy))
        self.assertEqual({ONE}, self.on())

    def test_force_detach_without_time_to_ask(self):
        """A busy driver knows nothing of a host."""
        self.cluster.attached[self.volume.name] |= {ONE}
        self.users(connector())
        # Only the first request waits; one by force would not.
        waits = [True]

        def take(_agents, order, deadline=None):
            if waits and deadline is None:
                return None
            if waits:
                waits.pop()
                self.clock.now += deadline.remaining
            return agents.Place(order[0])

        self.patch('cinder.volume.drivers.dsware.client.client.agents.'
                   'Agents.take', take)
        self.assertRaises(exceptions.EndpointUnavailable,
                          self.driver.terminate_connection, self.volume,
                          None)
        self.assertEqual({ONE}, self.on())
        self.assertEqual([], self.cluster.requests)

    def test_force_detach_where_one_agent_has_a_wrong_certificate(self):
        self.cluster.attached[self.volume.name] |= {ONE, TWO}
        self.users(connector(), connector('compute-2', TWO))
        detach = self.driver._array.hosts.detach

        def refused(name, agent):
            if agent.host == ONE:
                raise exceptions.CertificateRefused(
                    op='detachVolume', endpoint=str(agent))
            detach(name, agent)

        with mock.patch.object(self.driver._array.hosts, 'detach', refused):
            self.assertRaises(exceptions.CertificateRefused,
                              self.driver.terminate_connection, self.volume,
                              None)
        self.assertEqual({ONE}, self.on())


@ddt.ddt
class ConnectorTestCase(AttachTestCase):
    """What users of the API write is checked where it comes in."""

    GOOD = ({}, {'host': 'x' * 255}, {'host': 'h\u00f6st'}, {'ip': None},
            {'ip': ''}, {'ip': '::1'}, {'ip': 'a.example.org'},
            {'dsware_agent_ip': ONE, 'dsware_agent_port': 65535},
            {'dsware_cli': True}, {'other': ['\n', {}]})
    WRONG = (
        ('host', None), ('host', ''), ('host', 'x' * 256), ('host', {}),
        ('host', {'a': 1}), ('host', 7), ('host', ['x']), ('host', True),
        ('host', 'a\n2026-01-01 CRITICAL cinder.forged'), ('host', 'a\r'),
        ('host', 'a\x1b[2J'), ('host', 'a\u2028b'), ('host', 'a\u202eb'),
        ('host', 'a\0'),
        *((field, value) for field in ('ip', 'dsware_agent_ip')
          for value in ('a b', '192.0.2.1:80', '-v', '1.2.3', 'a\nb',
                        '[::1]', ['::1'], {'a': 1}, 7, True, '192.0.2.1\0')),
        *(('dsware_agent_port', value)
          for value in (0, 65536, -1, 'x', '80', [80], True, 1.5)),
        *(('dsware_cli', value) for value in ('true', 1, 'no')))
    # Options of a backend whose hosts attach, and of one that does it itself.
    BACKENDS = ({}, {'dsware_attach_by': 'manager'})

    def refused(self, dsware, wrong, field):
        """Try to attach and to detach with it."""
        for method, error in (
                (dsware.validate_connector,
                 exception.InvalidConnectorException),
                (lambda properties: dsware.initialize_connection(
                    self.volume, properties), exception.InvalidInput)):
            raised = self.assertRaises(error, method, wrong)
            self.assertIn(field, str(raised))
            self.assertTrue(str(raised).isprintable())
        with self.assertLogs(attachments.LOG.logger, 'WARNING') as logs:
            self.assertFalse(dsware.terminate_connection(self.volume, wrong))
        self.assertTrue(all(line.isprintable() for line in logs.output))
        self.assertEqual([], self.cluster.requests)

    @ddt.data(*BACKENDS)
    def test_fields(self, options):
        dsware = self.make_started_driver(**options)
        for field, value in self.WRONG:
            with self.subTest(field=field, value=value):
                self.refused(dsware, {**connector(), field: value}, field)

    @ddt.data({}, {'ip': ONE}, 'x', ['x'], 7, '')
    def test_what_is_no_connector(self, wrong):
        for options in self.BACKENDS:
            dsware = self.make_started_driver(**options)
            self.refused(dsware, wrong, 'connector')

    @ddt.data(*GOOD)
    def test_what_is_right(self, properties):
        for options in self.BACKENDS:
            dsware = self.make_started_driver(**options, dsware_host_agents={
                properties.get('host', 'compute-1'): ONE})
            dsware.validate_connector({**connector(), **properties})
            dsware.initialize_connection(self.volume,
                                         {**connector(), **properties})
