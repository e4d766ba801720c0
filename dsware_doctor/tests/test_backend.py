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

"""The check of a configuration: command line, options, reports."""

import contextlib
import io
import json
import os
import textwrap
from unittest import mock

import ddt
import fixtures
from oslo_config import cfg

from cinder.tests.unit import test
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.tests.unit.volume.drivers.dsware.fakes import cluster
from cinder.volume.drivers.dsware import config as backends
from dsware_doctor.backend import agents
from dsware_doctor.backend import command
from dsware_doctor.backend import process
from dsware_doctor.backend import settings
from dsware_doctor import findings
from dsware_doctor import formats
from dsware_doctor import report as reports
from tools import secret_marks

CONF = cfg.CONF
SECRET = secret_marks.secret('configured')


class CommandTestCase(test.TestCase):
    """The whole command, on a cluster in memory."""

    def setUp(self):
        super().setUp()
        # Reading a configuration leaves more than the values of options.
        self.patch('logging.basicConfig', lambda **kwargs: None)
        self.addCleanup(CONF.reset)
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.cluster = cluster.FakeCluster(fakes.Clock().install(self))
        self.patch(backends.__name__ + '.transport.SocketTransport',
                   lambda endpoint, settings:
                   self.cluster.transport(endpoint))
        self.patch(agents.__name__ + '.resolve', lambda host, port: [host])
        # These depend on who runs the tests, and where.
        self.patch(process.__name__ + '.check_privileges', lambda: [])
        self.patch(process.__name__ + '._services', lambda files: {})

    def configure(self, text='', enabled='dsware', **values):
        """Write a cinder.conf.

        :param text: more sections
        :param enabled: the backends
        :param values: options of the section of the backend
        :returns: arguments for the command
        """
        path = os.path.join(self.directory, 'cinder.conf')
        section = {'volume_driver': settings.DRIVER,
                   'san_ip': '192.0.2.10', **values}
        common = f'''
            [DEFAULT]
            host = here
            enabled_backends = {enabled}
            state_path = {self.directory}
            [coordination]
            backend_url = file://{self.directory}
            [oslo_concurrency]
            lock_path = {self.directory}
            [lvm]
            volume_driver = cinder.volume.drivers.lvm.LVMVolumeDriver
            [dsware]
            '''
        parts = [textwrap.dedent(common), *map(' = '.join, section.items()),
                 textwrap.dedent(text)]
        with open(path, 'w') as stream:
            stream.write('\n'.join(parts))
        return ['--config-file', path]

    def run_command(self, *argv):
        """Run the command.

        :returns: its exit status and what it printed
        """
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(
                out):
            try:
                status = command.main(list(argv))
            except SystemExit as end:
                status = end.code
        return status, ' '.join(out.getvalue().split())


@ddt.ddt
class WholeCommandTestCase(CommandTestCase):

    def test_all_is_well(self):
        # A clock of its own: nothing takes time.
        self.patch(agents.__name__ + '.time', fakes.Clock())
        status, printed = self.run_command('--verbose', *self.configure())
        self.assertEqual(0, status, printed)
        for text in ('dsware-doctor backend on here: 2 notes (',
                     'reads %s/cinder.conf' % self.directory,
                     'san_ip = 192.0.2.10 (%s/cinder.conf)' % self.directory,
                     'agent 192.0.2.10:10519: answers within 0 ms, version '
                     '8.0', 'pool 0: 1024 GiB, ', 'NOTE service-unknown'):
            self.assertIn(text, printed)

    def test_an_older_cluster(self):
        self.cluster.single_pool = True
        self.cluster.pools = {0: 1024}
        status, printed = self.run_command('-v', *self.configure())
        self.assertEqual(0, status, printed)
        self.assertIn('an older cluster with one pool', printed)

    def test_without_a_listing(self):
        status, printed = self.run_command('--no-listing',
                                           *self.configure())
        self.assertNotIn('queryAllVolume', self.cluster.ops())
        self.assertEqual(0, status)

    def test_json(self):
        path = self.configure(dsware_pools='0,9')
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            status = command.main(['--json', *path])
        printed = json.loads(out.getvalue())
        self.assertEqual(
            (2, 2, 'backend', 'critical', 'here'),
            (status, printed['format'], printed['check'], printed['status'],
             printed['host']))
        problem = printed['findings'][0]
        self.assertEqual(
            ('critical', 'pool-missing', 'dsware', 'Pools'),
            (problem['severity'], problem['code'], problem['backend'],
             problem['section']))
        self.assertIn('pool 9 ', problem['text'])
        self.assertIn('dsware_pools', problem['cure'])

    def test_several_backends(self):
        status, printed = self.run_command('-v', *self.configure(
            f'''
            [second]
            volume_driver = {settings.DRIVER}
            san_ip = 192.0.2.11
            ''', enabled='lvm,dsware,second'))
        self.assertEqual(0, status, printed)
        self.assertIn('dsware: Agents', printed)
        self.assertIn('second: Agents', printed)
        self.assertNotIn('lvm: ', printed)

    def test_one_backend(self):
        status, printed = self.run_command(
            '--backend', 'dsware', *self.configure(enabled='lvm'))
        self.assertEqual(1, status)
        self.assertIn('backend dsware is not in enabled_backends', printed)

    @ddt.data(['--backend', 'lvm'], ['--backend', 'none'], ['--nonsense'],
              ['--config-file', '/no/such/file'], ['--format', 'xml'],
              ['--older', '-1'], ['--older', 'x'])
    def test_what_cannot_be_checked(self, argv):
        status, printed = self.run_command(*self.configure(), *argv)
        self.assertEqual(2, status, printed)

    def test_a_value_that_cannot_be_read(self):
        status, printed = self.run_command(*self.configure(
            dsware_request_timeout='soon'))
        self.assertEqual(2, status)
        self.assertIn('dsware_request_timeout', printed)

    def test_no_backend(self):
        status, printed = self.run_command(*self.configure(enabled='lvm'))
        self.assertEqual(2, status)
        self.assertIn('no backend of enabled_backends (lvm)', printed)

    def test_a_directory_of_files(self):
        self.configure()
        os.mkdir(os.path.join(self.directory, 'd'))
        os.rename(os.path.join(self.directory, 'cinder.conf'),
                  os.path.join(self.directory, 'd/cinder.conf'))
        status, printed = self.run_command(
            '--config-dir', os.path.join(self.directory, 'd'))
        self.assertEqual(0, status, printed)
        # Like a service that finds nothing, this one has nothing to do.
        self.patch(settings.__name__ + '.files', lambda: [])
        status, printed = self.run_command('--config-dir', self.directory)
        self.assertEqual(2, status)
        self.assertIn('no configuration file was found', printed)

    def test_every_wrong_option_is_named(self):
        status, printed = self.run_command('-v', *self.configure(
            san_ip='192.0.2.10:80', dsware_agents='a b',
            dsware_host_agents='h:[', san_password=SECRET))
        self.assertEqual(2, status)
        self.assertIn('CRITICAL option-wrong dsware ', printed)
        for name in ('san_ip', 'dsware_agents', 'dsware_host_agents'):
            self.assertIn(' Option %s = ' % name, printed)
        self.assertIn('san_password = ***', printed)
        self.assertNotIn(SECRET, printed)
        self.assertEqual([], self.cluster.ops())

    def test_a_wrong_template(self):
        path = self.configure()
        with open(path[1]) as stream:
            text = stream.read()
        with open(path[1], 'w') as stream:
            stream.write(text.replace(
                '[DEFAULT]', '[DEFAULT]\nvolume_name_template = v/%s'))
        status, printed = self.run_command(*path)
        self.assertEqual(2, status)
        self.assertIn('Option volume_name_template = v/%s', printed)

    def test_an_empty_password_is_told(self):
        _status, printed = self.run_command('-v', *self.configure(
            san_password=''))
        self.assertIn('san_password = (empty)', printed)

    def test_there_is_no_pool(self):
        self.cluster.pools = {}
        status, printed = self.run_command(*self.configure())
        self.assertEqual(2, status)
        self.assertIn('there is no pool to use', printed)

    def test_the_pools_cannot_be_queried(self):
        self.cluster.fail('queryAllPoolInfo', 'result', 50151015)
        status, printed = self.run_command(*self.configure())
        self.assertEqual(2, status)
        self.assertIn('the pools cannot be queried', printed)

    def test_a_full_pool(self):
        self.cluster.add_volume('v', 2 * 1024 * 1024)
        status, printed = self.run_command(*self.configure(
            dsware_pools='0'))
        self.assertEqual(2, status)
        self.assertIn('no volume is created there', printed)

    def test_a_pool_that_is_almost_full(self):
        self.cluster.add_volume('v', 1900 * 1024)
        status, printed = self.run_command(*self.configure(
            dsware_pools='0', reserved_percentage='1'))
        self.assertEqual(1, status, printed)
        self.assertIn('WARNING pool-near-full dsware pool 0: ', printed)

    def test_a_pool_in_which_all_is_provisioned(self):
        self.cluster.add_volume('v', 1024 * 1024)
        status, printed = self.run_command(*self.configure(
            dsware_pools='0', max_over_subscription_ratio='1.0'))
        self.assertEqual(1, status)
        self.assertIn('no thin volume is created there', printed)
        status, printed = self.run_command(*self.configure(
            dsware_pools='0', max_over_subscription_ratio='auto'))
        self.assertEqual(0, status)


class ReportTestCase(base.DriverTestCase):

    def test_text_of_others_is_made_harmless(self):
        hostile = 'a\x1b[2J\nPROBLEM b\x7f\u202e\x9b\udc80'
        report = reports.Report('backend', hostile)
        report.add('One ' + hostile, [
            findings.ok(hostile), findings.problem(
                'size-differs', 'c' * 9999, hostile, hostile, hostile)],
            hostile)
        report.measure('agent_up', 1, agent=hostile)
        text = formats.as_table(report, verbose=True)
        as_json = formats.as_json(report)
        for printed in (text, as_json, formats.as_openmetrics(report)):
            for line in printed.split('\n'):
                if printed in (text, as_json):
                    self.assertTrue(line.isprintable(), line)
                self.assertNotIn('\n', line)
            self.assertNotIn('\nPROBLEM', printed)
            printed.encode('ascii' if printed is as_json else 'utf-8')
        self.assertLess(len(text), 6000)
        self.assertEqual(hostile, json.loads(as_json)['host'])

    def test_wrong_configuration_is_told_harmlessly(self):
        err = io.StringIO()
        with (mock.patch('logging.basicConfig'),
              mock.patch.object(settings, 'load',
                                side_effect=ValueError('\x1b[2J\u202e')),
              contextlib.redirect_stderr(err)):
            self.assertRaises(SystemExit, command.main, [])
        self.assertIn(r'\x1b[2J\u202e', err.getvalue())
