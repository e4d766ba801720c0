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

"""What the checks print, and the parts that look at processes and ports."""

import os
import pathlib
import re
from unittest import mock

import fixtures
from oslo_privsep import daemon
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client import parser as prometheus
import testtools

import cinder.privsep
from cinder.tests.unit import test
from cinder.tests.unit.volume.drivers.dsware.fakes import certificates
from dsware_doctor.backend import probe
from dsware_doctor.backend import process
from dsware_doctor import findings
from dsware_doctor import formats
from dsware_doctor import metrics
from dsware_doctor import report as reports
from dsware_sim import testing

ROOT = pathlib.Path(formats.__file__).parent.parent
PAGES = ROOT / 'doc/source'


def made():
    report = reports.Report('backend', 'host')
    report.add('Agents', [findings.note('n'), findings.ok('fine')], 'one')
    report.add('Pools', [findings.problem(
        'pool-full', 'pool %d is full' % number, 'free space', 'it is full')
        for number in range(9)], 'one')
    report.add('Services', [findings.problem('agent-down', 'x', 'y')], 'two')
    report.measure('agent_up', 1, backend='one', agent='[::1]:10519')
    report.measure('pool_free_bytes', 1 << 50, backend='one', pool='0')
    report.end()
    return report


class FormatsTestCase(testtools.TestCase):

    def test_table(self):
        lines = formats.as_table(made()).split('\n')
        self.assertEqual(
            'dsware-doctor backend on host: 9 critical, 1 warning, 1 note '
            '(0.0 s)', re.sub(r'\(\d+\.\d s', '(0.0 s', lines[0]))
        self.assertEqual(
            ['CRITICAL  pool-full                one', ' pool 0 is full',
             ' Cause: it is full', ' Cure: free space', ' pool 1 is full'],
            lines[3:8])
        self.assertEqual(' ... and 4 more: see --verbose, or --json',
                         lines[11])
        self.assertEqual('WARNING   agent-down               two', lines[12])
        self.assertNotIn('  ok  fine', lines)

    def test_verbose(self):
        lines = formats.as_table(made(), verbose=True).split('\n')
        self.assertEqual(9, lines.count(' Cure: free space'))
        self.assertIn('  ok  fine', lines)

    def test_it_fits_a_terminal(self):
        volume = '3f0c9d5e-7a41-4a52-9d0c-2b6f1f2b8a11'
        longest = findings.command('openstack', 'volume', 'set', '--state',
                                   'available', volume)
        report = reports.Report('host', 'host')
        report.add('x', [findings.problem(
            'lock-directories-differ', 'word ' * 99, 'type ' + longest,
            'word ' * 99)])
        self.assertLessEqual(max(map(len, formats.as_table(
            report).split('\n'))), 80)

    def test_text_of_others_forges_no_cure(self):
        """Wherever a line is broken."""
        for blanks in range(80):
            report = reports.Report('host', 'host')
            report.add('x', [findings.problem(
                'agent-down', 'x' * blanks + ' Cure: rm', 'mend it')])
            self.assertEqual(1, len(re.findall(
                '^ Cure: ', formats.as_table(report), re.MULTILINE)))

    def test_severities_are_exit_statuses(self):
        self.assertEqual(set(findings.SEVERITIES), set(reports.STATUS))
        for code, status in (('', 0), (findings.REMARK, 0),
                             ('agent-down', 1), ('pool-full', 2)):
            report = reports.Report('host', 'host')
            report.add('x', [findings.problem(code, 'x', 'y')])
            self.assertEqual(status, reports.STATUS[report.severity])

    def test_openmetrics(self):
        """For OpenMetrics, and for what node_exporter reads of a file."""
        text = formats.as_openmetrics(made())
        for parser in (openmetrics, prometheus):
            families = list(parser.text_string_to_metric_families(text))
            self.assertEqual({'gauge'}, {one.type for one in families})
            found = {(one.name, *one.labels.items()): one.value
                     for family in families for one in family.samples}
            self.assertEqual(9, found[
                'dsware_doctor_findings', ('check', 'backend'),
                ('backend', 'one'), ('severity', 'critical')])
            self.assertEqual(2 ** 50, found[
                'dsware_doctor_pool_free_bytes', ('check', 'backend'),
                ('backend', 'one'), ('pool', '0')])
            self.assertTrue(all(one.timestamp is None for family in families
                                for one in family.samples))

    def test_what_is_documented(self):
        page = ''.join(path.read_text() for path in PAGES.rglob('*.rst'))
        for code in findings.CODES:
            self.assertIn('``%s``' % code, page)
        for name in metrics.HELP:
            self.assertIn('dsware_doctor_' + name, page)


class ProbeTestCase(test.TestCase):

    def spoken(self, **settings):
        with testing.Simulator(devices='file', rest=True,
                               **settings) as simulator:
            return probe.speaks_http(*simulator.manager, 10)

    def test_http(self):
        self.assertEqual('HTTP', self.spoken())

    def test_https(self):
        directory = self.useFixture(fixtures.TempDir()).path
        cert, key = certificates.Authority(directory, 'ca').issue(
            'manager', ['127.0.0.1'])
        self.assertEqual('HTTPS', self.spoken(
            tls={'cert': cert, 'key': key}))

    def test_nobody(self):
        self.assertEqual('', probe.speaks_http('127.0.0.1', 1, 1))


class ProcessTestCase(test.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.path = os.path.join(self.directory, 'cinder.conf')
        pathlib.Path(self.path).touch()
        self.changed = os.stat(self.path).st_mtime
        self.processes = []
        self.patch(process.__name__ + '.psutil.process_iter',
                   lambda fields: self.processes)

    def run_process(self, line, started, pid=7, parent=1):
        self.processes.append(mock.Mock(info={
            'pid': pid, 'ppid': parent, 'cmdline': line.split(' '),
            'create_time': started, 'cwd': self.directory}))

    def check(self):
        found, = process.check_configuration([self.path])
        return found

    def test_a_process_that_has_not_read_it(self):
        for line in (
                'python -u /opt/bin/cinder-volume --config-file cinder.conf',
                'cinder-volume --config-file=%s' % self.path,
                'cinder-volume: master process [/opt/bin/cinder-volume '
                '--config-file %s]' % self.path):
            self.processes.clear()
            self.run_process(line, self.changed - 60)
            # What it starts later has read nothing by itself.
            self.run_process(line, self.changed + 60, 8, 7)
            found = self.check()
            self.assertEqual('configuration-changed', found.code, line)
            self.assertIn('(process 7)', found.text)

    def test_a_process_that_has(self):
        self.run_process('cinder-volume --config-file cinder.conf',
                         self.changed + 60)
        self.assertIn('was started after', self.check().text)

    def test_others(self):
        for line in ('cinder-volume --config-file other.conf',
                     'cinder-volume', 'tail -f cinder-volume',
                     'cinder-backup --config-file cinder.conf', ''):
            self.run_process(line, self.changed - 60)
            self.assertIn('is seen on this host', self.check().text, line)

    def test_files_of_a_directory(self):
        path = os.path.join(self.directory, 'a.conf')
        self.run_process('cinder-volume --config-dir .', self.changed + 30)
        pathlib.Path(path).touch()
        os.utime(path, (self.changed + 60, self.changed + 60))
        found, = process.check_configuration([self.directory])
        self.assertIn('does not use %s as it is now' % path, found.text)


class PrivilegesTestCase(test.TestCase):

    def setUp(self):
        super().setUp()
        self.context = cinder.privsep.sys_admin_pctxt

    def check(self):
        found, = process.check_privileges()
        return found

    def test_the_daemon_of_a_service(self):
        with mock.patch.object(self.context, 'client_mode', True):
            with mock.patch.object(self.context, 'start'):
                self.assertEqual('', self.check().code)
            for error in (OSError('no sudo'),
                          daemon.FailedToDropPrivileges('no sudo')):
                with mock.patch.object(self.context, 'start',
                                       side_effect=error):
                    found = self.check()
                self.assertEqual('privileged-helper', found.code)
                self.assertIn('no sudo', found.cause)
                self.assertIn('sudoers', found.cure)

    def ask(self, account=mock.Mock(uid=4001), **answer):
        if account:
            account.name = 'cinder'
        with (mock.patch.object(self.context, 'client_mode', False),
              mock.patch.object(process.directory, 'of_service',
                                return_value=account),
              mock.patch.object(process.subprocess, 'run',
                                **answer) as run):
            return self.check(), run

    def test_root_asks_sudo_as_the_user(self):
        found, run = self.ask(return_value=mock.Mock(
            returncode=0, stdout='/usr/bin/cinder-rootwrap'))
        self.assertEqual('', found.code)
        argv, = run.call_args[0]
        self.assertEqual(['sudo', '-n', '-l', 'cinder-rootwrap'], argv[:4])
        self.assertEqual(4001, run.call_args[1]['user'])
        self.assertEqual('privsep-helper', argv[-1])
        for answer in ({'return_value': mock.Mock(returncode=1, stderr='')},
                       {'side_effect': OSError('not found')}):
            self.assertEqual('privileged-helper', self.ask(**answer)[0].code)

    def test_no_such_user(self):
        found, run = self.ask(None)
        self.assertEqual('', found.code)
        run.assert_not_called()
