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

"""The check of a configuration and a cluster, on the simulator."""

import json
from unittest import mock

import fixtures

from cinder.tests.unit.volume.drivers.dsware.fakes import database
from cinder.tests.unit.volume.drivers.dsware.integration import base
from cinder.tests.unit.volume.drivers.dsware.integration import test_security
from dsware_doctor.backend import agents
from dsware_doctor.backend import process
from dsware_doctor.backend import run
from dsware_doctor.backend import settings
from dsware_doctor import formats

FAILED = {'dsware_request_timeout': 2, 'dsware_connect_timeout': 1}


class CheckTestCase:
    """What tests of the check share."""

    def setUp(self):
        super().setUp()
        # These depend on who runs the tests, and where.
        self.patch(process.__name__ + '.check_privileges', lambda: [])
        self.patch(process.__name__ + '._services', lambda files: {})
        # A busy machine is no outage.
        self.patch(agents.__name__ + '.PATIENCE', 60)
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.flags(host='host')
        self.flags(backend_url='file://' + self.directory,
                   group='coordination')

    def backend(self, *args, **options):
        made = self.raw_driver(*args, **options).configuration
        backend = settings.Backend(made.config_group, made)
        self.flags(enabled_backends=[backend.name])
        return backend

    def check(self, *args, **options):
        """Check a backend.

        :param args: for raw_driver()
        :param options: for raw_driver()
        :returns: the text of the report, and its problems
        """
        checked = run.Check([self.backend(*args, **options)])
        with mock.patch.object(settings, 'files',
                               lambda: ['cinder.conf']):
            report = checked.all()
        json.loads(formats.as_json(report))
        formats.as_openmetrics(report)
        # Without the line breaks of the report.
        return (' '.join(formats.as_table(report, verbose=True).split()),
                report.problems())

    def assertOneProblem(self, pattern, *args, **options):
        """Check that a check finds a certain problem and no other."""
        text, problems = self.check(*args, **options)
        self.assertEqual(1, len(problems), text)
        self.assertRegex(problems[0].text + problems[0].cause, pattern)
        self.assertNotEqual('', problems[0].cure)
        return text


class ClusterCheckMixin(CheckTestCase):

    def test_all_is_well_and_nothing_is_changed(self):
        dsware = self.make_driver()
        database.add_volume(self.created(dsware))
        before = self.contents()
        asked = len(self.ops())
        text, problems = self.check()
        self.assertEqual([], problems, text)
        for address, port in self.simulator.agents:
            self.assertRegex(text, r'agent %s:%d: answers within \d+ ms, '
                             r'version ' % (address, port))
        self.assertIn('of all their users: 1 volume', text)
        self.assertEqual(before, self.contents())
        self.assertEqual(set(), {
            op for op in self.ops()[asked:]
            if not op.startswith(('query', 'getDSwareIdentifier'))})

    def test_one_agent_is_down(self):
        address, port = self.simulator.agents[1]
        self.control.agent_down(address)
        text = self.assertOneProblem(
            '^agent %s:%d does not answer' % (address, port), **FAILED)
        self.assertIn('pool 0: ', text)

    def test_no_agent_answers(self):
        for address, _port in self.simulator.agents:
            self.control.agent_down(address)
        text, problems = self.check(**FAILED)
        self.assertEqual(
            ['cluster-unreachable']
            + ['agent-down'] * len(self.simulator.agents),
            [one.code for one in problems])

    def test_a_pool_is_missing(self):
        self.assertOneProblem('pool 7 of dsware_pools is not there; the '
                              'cluster has pools 0, 1', dsware_pools=[0, 7])

    def test_the_pools_cannot_be_listed(self):
        self.control.add_fault(kind='result', op='queryAllVolume',
                               code=50151015)
        self.assertOneProblem('the pools cannot be listed.*50151015')


class SocketCheckTestCase(ClusterCheckMixin, base.SocketTestCase):
    """Over sockets."""


class CLICheckTestCase(ClusterCheckMixin, base.CLITestCase):

    def test_fsc_cli_is_missing(self):
        self.useFixture(fixtures.EnvironmentVariable(
            'PATH', self.directory))
        text, problems = self.check(**FAILED)
        self.assertEqual(len(self.simulator.agents), len(problems) - 1, text)
        for problem in problems[1:]:
            self.assertIn('fsc_cli was not started', problem.cause)
            self.assertIn('secure_path', problem.cure)


class RESTCheckTestCase(CheckTestCase, base.RESTTestCase):
    """The manager in place of agents."""

    def test_all_is_well(self):
        host, port = self.manager
        text, problems = self.check(dsware_host_agents={'a': '192.0.2.1'})
        self.assertEqual([], problems, text)
        self.assertRegex(text, r'manager %s:%d: answers within \d+ ms, '
                         r'version v1.3, signed in as cinder' % (host, port))
        self.assertIn('issued by CN=ca', text)
        self.assertNotIn('agent ', text)
        self.assertNotIn(self.PASSWORD, text)

    def test_wrong_password(self):
        _text, problems = self.check(san_password='wrong', **FAILED)
        self.assertEqual(['credentials-refused', 'cluster-unreachable'],
                         [one.code for one in problems])

    def test_it_is_down(self):
        self.control.agent_down('rest')
        text, problems = self.check(**FAILED)
        self.assertEqual(['cluster-unreachable', 'agent-down'],
                         [one.code for one in problems])
        self.assertIn('no manager answers', problems[0].text)
        self.assertIn('28443 or 8088', problems[1].cure)

    def test_it_is_at_another_port(self):
        host, port = self.manager
        self.patch(agents.__name__ + '._USUAL_PORTS', (1, port))
        text, problems = self.check([(host, 2)], **FAILED)
        self.assertIn('HTTPS is spoken at port %d' % port, problems[1].text)
        self.assertIn('set san_api_port = %d' % port, problems[1].cure)


class SecureCheckTestCase(CheckTestCase, test_security.SecureTestCase):
    """Certificates and credentials."""

    CREDENTIALS = {'user': test_security.USER,
                   'password': test_security.PASSWORD}
    DAYS = 365

    @classmethod
    def secure_simulator(cls, authority, days=DAYS, **settings):
        return super().secure_simulator(authority, days=days, **settings)

    def check(self, simulator=None, **options):
        text, problems = super().check(
            (simulator or self.simulator).agents, **{
                'driver_use_ssl': True, 'driver_ssl_cert_verify': True,
                'driver_ssl_cert_path': self.authority.path,
                'san_login': test_security.USER,
                'san_password': test_security.PASSWORD, **options})
        self.assertNotIn(test_security.PASSWORD, text)
        self.assertNotIn(test_security.PASSWORD, self.log.output)
        return text, problems

    def assertEachAgent(self, pattern, *args, **options):
        text, problems = self.check(*args, **{**FAILED, **options})
        self.assertEqual(len(test_security.AGENTS), len(problems) - 1, text)
        for problem in problems:
            if problem.code != 'cluster-unreachable':
                self.assertRegex(problem.cause, pattern)
        return text

    def test_all_is_well(self):
        text, problems = self.check()
        self.assertEqual([], problems, text)
        self.assertIn('issued by CN=ca', text)
        self.assertRegex(text, r'\(36[45] days left\)')
        self.assertIn('signed in as cinder', text)
        self.assertIn('san_password = ***', text)

    def test_unknown_authority(self):
        text = self.assertEachAgent('certificate was refused',
                                    driver_ssl_cert_path=self.other.path)
        # What is there is told all the same.
        self.assertIn('issued by CN=ca', text)

    def test_expired(self):
        simulator = self.secure_simulator(self.authority, days=-1)
        self.addCleanup(simulator.stop)
        text, problems = self.check(simulator, **FAILED)
        self.assertEqual(2 * len(test_security.AGENTS) + 1, len(problems),
                         text)
        self.assertIn('it has expired', text)

    def test_wrong_password(self):
        self.assertEachAgent('10000003', san_password='wrong')

    def test_not_verified(self):
        cert, key = self.authority.issue('client', days=2)
        self.check(dsware_client_cert=cert, dsware_client_key=key)
        backend = self.backend(
            self.simulator.agents, driver_use_ssl=True,
            driver_ssl_cert_verify=False, dsware_client_cert=cert,
            dsware_client_key=key, san_password=None)
        report = run.Check([backend]).all()
        texts = ' '.join(problem.text for problem in report.problems())
        self.assertIn('are not verified', texts)
        self.assertIn('dsware_client_cert for ', texts)
