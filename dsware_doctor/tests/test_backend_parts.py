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

"""Parts of the check that look at this host."""

import socket
from unittest import mock

import ddt
import fixtures
from oslo_config import cfg

from cinder.tests.unit import test
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.tests.unit.volume.drivers.dsware.fakes import certificates
from cinder.tests.unit.volume.drivers.dsware.fakes import cluster
from cinder.volume.drivers.dsware.client import client
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware import exceptions
from dsware_doctor.backend import agents
from dsware_doctor.backend import certificates as checked
from dsware_doctor.backend import coordination
from dsware_doctor.backend import locks
from dsware_doctor.backend import settings
from dsware_doctor import findings
from tools import secret_marks

SECRET = secret_marks.secret('section')

CONF = cfg.CONF
ONE = fakes.ENDPOINTS[0]
PROBLEMS = findings.SEVERITIES[:2]


class PartTestCase(test.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = self.useFixture(fixtures.TempDir()).path

    def assertProblem(self, text, finding):
        self.assertIn(finding.severity, PROBLEMS, finding)
        self.assertIn(text, finding.text)
        self.assertNotEqual('', finding.cure)


class LocksTestCase(PartTestCase):

    def test_no_lock_path(self):
        self.flags(lock_path=None, group='os_brick')
        self.flags(lock_path=None, group='oslo_concurrency')
        found, = locks.check()
        self.assertProblem('lock_path', found)
        self.assertIn('`', found.cure)

    def test_it_cannot_be_made(self):
        path = self.directory + '/file'
        with open(path, 'w'):
            pass
        self.flags(lock_path=path, group='os_brick')
        found, = locks.check()
        self.assertProblem(path, found)
        self.assertIn('`install -d ', found.cure)

    def test_all_is_well(self):
        self.flags(lock_path=self.directory, group='os_brick')
        found, = locks.check()
        self.assertEqual(findings.OK, found.severity)
        self.assertIn(self.directory + '/dsware', found.text)


@ddt.ddt
class CoordinationTestCase(PartTestCase):

    def check(self, url, cluster=''):
        self.flags(backend_url=url, group='coordination')
        found, = coordination.check(cluster)
        self.assertNotIn(SECRET, found.text)
        return found

    def test_files(self):
        url = 'file://%s/deeper/still' % self.directory
        self.assertEqual(findings.OK, self.check(url).severity)
        found = self.check(url, 'cluster')
        self.assertEqual(findings.NOTE, found.severity)
        self.assertIn('share it', found.text)
        with mock.patch.object(coordination.os, 'access',
                               return_value=False):
            self.assertProblem('cannot be written to', self.check(url))

    def test_one_of_this_host_alone(self):
        self.assertEqual(findings.OK, self.check('ipc://').severity)
        self.assertProblem('in cluster c', self.check('ipc://', 'c'))

    @ddt.data('', 'nonsense://', 'file')
    def test_none(self, url):
        self.assertProblem('tooz knows no coordination backend',
                           self.check(url))

    def test_a_server(self):
        with socket.create_server(('127.0.0.1', 0)) as server:
            port = server.getsockname()[1]
            found = self.check(
                'redis://user:secret@127.0.0.1:%d,192.0.2.1:1' % port)
        self.assertEqual(findings.OK, found.severity)
        self.assertProblem('cannot be reached', self.check(
            'redis://:secret@127.0.0.1:%d' % port))

    @ddt.data('redis://:secret@[::1', 'redis://:secret@h:port')
    def test_an_address_that_is_none(self, url):
        if '[' in url:
            self.assertRaises(ValueError, self.check, url)
        else:
            self.assertEqual(findings.NOTE, self.check(url).severity)


@ddt.ddt
class CertificateTestCase(PartTestCase):

    def setUp(self):
        super().setUp()
        self.authority = certificates.Authority(self.directory, 'ca')

    @ddt.data((365, findings.OK, '(364 days left)'),
              (3, findings.WARNING, '(2 days left)'),
              (-1, findings.CRITICAL, 'it has expired'))
    @ddt.unpack
    def test_until_when(self, days, level, text):
        path, _key = self.authority.issue('c', ['192.0.2.1'], days)
        found = checked.of_file('dsware_client_cert', path)
        self.assertEqual(level, found.severity, found)
        self.assertIn(text, found.text)
        self.assertIn('for 192.0.2.1, issued by CN=ca, valid from',
                      found.text)

    def test_not_yet(self):
        path, _key = self.authority.issue('c')
        with mock.patch.object(checked.timeutils, 'utcnow') as now:
            now.return_value = checked.datetime.datetime(
                1999, 1, 1, tzinfo=checked.datetime.timezone.utc)
            self.assertProblem('not valid yet',
                               checked.of_file('dsware_client_cert', path))

    def test_no_alternative_name(self):
        self.assertIn('for nobody, ', checked.of_file(
            'dsware_client_cert', self.authority.path).text)

    @ddt.data('/no/such/file', '/dev/null')
    def test_none(self, path):
        self.assertProblem('%s cannot be read' % path, checked.of_file(
            'dsware_client_cert', path))

    def test_an_agent_without_tls(self):
        with socket.create_server(('127.0.0.1', 0)) as server:
            endpoint = endpoints.Endpoint('127.0.0.1',
                                          server.getsockname()[1])
            self.assertEqual([], checked.of_agent('agent', endpoint, 0.1))


@ddt.ddt
class AgentTestCase(PartTestCase):

    def setUp(self):
        super().setUp()
        self.cluster = cluster.FakeCluster(fakes.Clock().install(self))
        caller = client.Client([ONE], self.cluster.transport, 60)
        self.array = mock.Mock(client=caller)
        self.conf = base.make_configuration()
        self.measure = mock.Mock()
        self.patch(agents.__name__ + '.probe.speaks_http',
                   lambda *address: '')

    def look(self, **answers):
        with mock.patch.object(agents.socket, 'getaddrinfo',
                               **answers or {'return_value': [
                                   (0, 0, 0, '', ('192.0.2.1', 1))]}):
            return agents.check(self.conf, self.array, self.measure)

    def test_no_name_resolves(self):
        found, answers = self.look(side_effect=OSError('no such name'))
        self.assertEqual([], answers)
        for finding in found[:2]:
            self.assertProblem('no such name', finding)
        self.assertEqual('cluster-unreachable', found[2].code)

    def test_a_name(self):
        found, answers = self.look(return_value=[
            (0, 0, 0, '', ('192.0.2.77', 1))] * 2)
        self.assertEqual([ONE], answers)
        self.measure.assert_called_once_with('agent_up', 1, agent=str(ONE))
        self.assertIn('agent 192.0.2.1:10519 (192.0.2.77): answers',
                      found[1].text)

    def test_whether_certificates_are_verified(self):
        def check(**options):
            return agents._security(base.make_configuration(**options))

        self.assertEqual([], check(driver_use_ssl=True))
        self.assertEqual([], check(driver_ssl_cert_verify=False))
        found, = check(driver_use_ssl=True, driver_ssl_cert_verify=False)
        self.assertProblem('are not verified', found)

    @ddt.data('HTTP', 'HTTPS')
    def test_something_else_listens(self, spoken):
        self.patch(agents.__name__ + '.probe.speaks_http',
                   lambda *address: spoken)
        self.cluster.fail('getDSwareIdentifier', 'lost', None, times=9)
        found, _answers = self.look()
        self.assertEqual('transport-mismatch', found[1].code)
        self.assertIn('speaks ' + spoken, found[1].text)
        self.assertIn('dsware_transport in section [dsware]', found[1].cure)
        self.conf = base.make_configuration(dsware_transport='cli')
        self.assertEqual('agent-down', self.look()[0][1].code)

    def test_no_version(self):
        self.cluster.fail('getDSwareIdentifier', 'records', [{}])
        self.assertIn('version not told', self.look()[0][1].text)

    @ddt.data(('result', 10000003, 'credentials-refused',
               'san_password in section [dsware]'),
              ('unsent', None, 'agent-down', '`nc -vz 192.0.2.1 10519`'),
              ('lost', None, 'agent-down', 'driver_use_ssl'),
              ('result', 50150002, 'agent-down', 'page on result codes'))
    @ddt.unpack
    def test_failures(self, kind, value, code, advice):
        self.cluster.fail('getDSwareIdentifier', kind, value, times=9)
        found, answers = self.look()
        self.assertEqual([], answers)
        self.measure.assert_called_once_with('agent_up', 0, agent=str(ONE))
        self.assertProblem('does not answer', found[1])
        self.assertEqual(code, found[1].code)
        self.assertIn('getDSwareIdentifier failed', found[1].cause)
        self.assertIn(advice, found[1].cure)

    @ddt.data((exceptions.CertificateRefused,
               "-connect '[2001:db8::1]:443' </dev/null"),
              (exceptions.CertificateRefused,
               'driver_ssl_cert_path (/etc/ca.pem)'))
    @ddt.unpack
    def test_advice_can_be_pasted(self, error, text):
        conf = base.make_configuration(driver_ssl_cert_path='/etc/ca.pem')
        agent = agents._Agent(
            conf, None, endpoints.Endpoint('2001:db8::1', 443), 1)
        self.assertIn(text, agent._advice(error('x')))

    def test_no_advice_has_a_placeholder(self):
        agent = agents._Agent(self.conf, None, ONE, 1)
        for kind in agents._ADVICE:
            advice = agent._advice(kind('x'))
            self.assertNotIn('{', advice)
            self.assertEqual(0, advice.count('`') % 2, advice)

    def test_what_is_more_than_unavailable_comes_first(self):
        # Before what it is a kind of.
        kinds = list(agents._ADVICE)
        self.assertLess(kinds.index(exceptions.CertificateRefused),
                        kinds.index(exceptions.EndpointUnavailable))


class SettingsTestCase(PartTestCase):

    def test_the_cluster_of_a_service_that_registered_it_itself(self):
        try:
            CONF.register_opt(cfg.StrOpt('cluster', help='other'))
        except cfg.DuplicateOptError:
            pass
        settings.load(['/dev/null'], None)
        self.flags(cluster=' c ')
        self.assertEqual('c', settings.cluster())
