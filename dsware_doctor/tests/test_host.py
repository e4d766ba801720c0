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

import contextlib
import io
import json
import os
import sys
import types
from unittest import mock

from oslo_config import cfg
import testtools

import fixtures

from dsware_doctor import findings
from dsware_doctor import formats
from dsware_doctor.host import cluster
from dsware_doctor.host import command as program
from dsware_doctor.host import directory
from dsware_doctor.host import installation
from dsware_doctor.host import inventory
from dsware_doctor.host import settings
from dsware_doctor.host import states
from dsware_doctor import report as reports
from os_brick_dsware import _startup
from os_brick_dsware import ledger as ledgers
from os_brick_dsware import registry
from os_brick_dsware.tests import fakes

PROBLEMS = findings.SEVERITIES[:2]


class HostCheckTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.useFixture(fixtures.EnvironmentVariable('OSLO_LOCK_PATH'))

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as stream:
            stream.write(text)
        return path

    def patch(self, target, value):
        return self.useFixture(fixtures.MonkeyPatch(target, value))

    def assertProblem(self, expected, finding):
        self.assertIn(finding.severity, PROBLEMS, finding)
        self.assertIn(expected, finding.text)
        self.assertNotEqual('', finding.cure)


class InstallationTestCase(HostCheckTestCase):

    def test_versions(self):
        text = installation._versions().text
        for expected in ('os-brick ', sys.executable, 'Python 3.'):
            self.assertIn(expected, text)

    def test_package_that_is_not_there(self):
        self.assertEqual('not installed',
                         installation._version('no-such-package'))

    def test_hook(self):
        self.patch('dsware_doctor.host.installation.'
                   '_site_directories', lambda: [self.directory])
        self.assertProblem('no start-up hook', installation._hook())
        path = self.write(installation.HOOK, '')
        self.assertIn(path, installation._hook().text)
        self.assertEqual(findings.OK, installation._hook().severity)

    def test_armed(self):
        self.useFixture(fixtures.EnvironmentVariable(_startup.DISABLE))
        self.patch('sys.meta_path', [
            finder for finder in sys.meta_path
            if type(finder).__module__ != _startup.__name__])
        self.assertProblem('not armed', installation._armed())
        _startup.arm()
        self.assertEqual(findings.OK, installation._armed().severity)
        self.useFixture(fixtures.EnvironmentVariable(_startup.DISABLE, '1'))
        self.assertProblem(_startup.DISABLE, installation._armed())

    def os_brick(self, replaces=(), **contents):
        self.patch('importlib.import_module',
                   lambda name: types.SimpleNamespace(**contents))
        return installation._os_brick(replaces)

    def test_os_brick(self):
        mapping = {registry.PROTOCOL: registry.CONNECTOR,
                   registry.SDS_PROTOCOL: 'theirs.Connector'}
        found = self.os_brick(_connector_mapping_linux=mapping,
                              unix_connector_list=[registry.CONNECTOR])
        self.assertEqual(findings.OK, found.severity)
        self.assertIn('theirs.Connector', found.text)

    def test_sdshypervisor(self):
        for replaces, who in (([], "os-brick's own connector"), (
                ['nova-compute'], 'cinder-dsware in nova-compute')):
            self.assertIn('attached by ' + who, self.os_brick(
                replaces, _connector_mapping_linux={
                    registry.PROTOCOL: registry.CONNECTOR,
                    registry.SDS_PROTOCOL: registry.SDS_CONNECTOR},
                unix_connector_list=[registry.CONNECTOR]).text)

    def test_os_brick_does_not_know(self):
        self.assertProblem('does not know', self.os_brick(
            _connector_mapping_linux={},
            unix_connector_list=[registry.CONNECTOR]))

    def test_os_brick_lists_it_no_more(self):
        self.assertProblem('does not know', self.os_brick(
            _connector_mapping_linux={
                registry.PROTOCOL: registry.CONNECTOR},
            unix_connector_list=[]))

    def test_os_brick_has_changed(self):
        self.assertProblem('os-brick has changed', self.os_brick())

    def nova(self, source):
        if source is not None:
            self.write('nova/virt/libvirt/driver.py', source)
        spec = types.SimpleNamespace(submodule_search_locations=[
            os.path.join(self.directory, 'nova')])
        self.patch('importlib.util.find_spec', lambda name: spec)
        return installation._nova()

    def test_nova(self):
        found = self.nova('import libvirt\nVOLUME_DRIVERS = {\n"local": "a.B"}'
                          '\nraise RuntimeError("was run")\n')
        self.assertEqual(findings.OK, found.severity)

    def test_nova_has_changed(self):
        for source in (None, '', 'VOLUME_DRIVERS = ["a"]',
                       'VOLUME_DRIVERS = {"a": b}', 'VOLUME_DRIVERS = (',
                       'VOLUME_DRIVERS = {"dsware": "theirs.Driver"}'):
            self.assertProblem('nova has changed', self.nova(source))

    def test_without_nova(self):
        self.patch('importlib.util.find_spec', lambda name: None)
        self.assertEqual(findings.OK, installation._nova().severity)

    def test_nova_of_this_environment(self):
        self.assertEqual(findings.OK, installation._nova().severity)


class SettingsTestCase(HostCheckTestCase):

    def load(self, **files):
        """Load what services find below a directory instead of /etc."""
        def find(project=None, prog=None, extension='.conf'):
            path = os.path.join(self.directory, project + extension)
            return [path] if os.path.exists(path) else []

        for project, text in files.items():
            self.write(project + '.conf', text)
        self.patch('oslo_config.cfg.find_config_files', find)
        self.patch('oslo_config.cfg.find_config_dirs',
                   lambda project=None, prog=None, extension='.conf.d': [])
        return settings.load(None)

    def texts(self, found):
        return '\n'.join(one.text for one in settings.check(found))

    def problems(self, found):
        return [one for one in settings.check(found)
                if one.severity in PROBLEMS]

    def test_no_file(self):
        found, = self.load()
        self.assertEqual((), found.files)
        self.assertIn('no configuration file', self.texts([found]))
        problem, = self.problems([found])
        self.assertProblem('lock_path', problem)
        self.assertIsNone(found.ledger())

    def test_origins(self):
        self.useFixture(fixtures.EnvironmentVariable(
            'OS_OS_BRICK__DSWARE_AGENT_IP', '127.0.0.9'))
        found, = self.load(nova='[os_brick]\nlock_path = /run/x\n'
                                'dsware_fsc_cli = /opt/fsc_cli\n')
        self.assertEqual('nova-compute', found.service)
        text = self.texts([found])
        for expected in (
                'nova-compute reads %s/nova.conf' % self.directory,
                'dsware_fsc_cli = /opt/fsc_cli (%s/nova.conf)'
                % self.directory,
                'dsware_agent_ip = 127.0.0.9 (environment)',
                'dsware_cli_timeout = 60 (default)',
                'dsware_manager_ip = (not set) (default)',
                'records of attached volumes: /run/x/dsware (lock_path of '
                'group os_brick, %s/nova.conf)' % self.directory):
            self.assertIn(expected, text)
        self.assertEqual([], self.problems([found]))

    def test_lock_path_of_oslo(self):
        found, = self.load(cinder='[DEFAULT]\nstate_path = /srv\n'
                                  '[oslo_concurrency]\n'
                                  'lock_path = $state_path/tmp\n')
        self.assertEqual('cinder-volume', found.service)
        self.assertIn('/srv/tmp/dsware (lock_path of group '
                      'oslo_concurrency', self.texts([found]))

    def test_state_path_by_default(self):
        found, = self.load(cinder='[oslo_concurrency]\n'
                                  'lock_path = $state_path/tmp\n')
        self.assertEqual('/var/lib/cinder/tmp/dsware',
                         found.ledger().directory)

    def test_services_that_do_not_agree(self):
        found = self.load(nova='[os_brick]\nlock_path = /a\n',
                          cinder='[os_brick]\nlock_path = /b\n',
                          glance='[os_brick]\nlock_path = /b\n')
        problem, = self.problems(found)
        self.assertProblem('do not know of each other', problem)
        for expected in ('nova-compute uses /a/dsware',
                         'cinder-volume and glance-api uses /b/dsware'):
            self.assertIn(expected, problem.text)

    def test_services_that_agree(self):
        text = '[os_brick]\nlock_path = /a\n'
        self.assertEqual([], self.problems(self.load(nova=text, cinder=text)))

    def test_bad_files(self):
        for text in ('[os_brick\n', '[os_brick]\ndsware_cli_timeout = soon\n',
                     '[os_brick]\ndsware_agent_ip = a b\n'):
            self.assertRaises((cfg.Error, ValueError), self.load, nova=text)


class RecordsTestCase(HostCheckTestCase):

    def setUp(self):
        super().setUp()
        self.ledger = ledgers.Ledger(
            os.path.join(self.directory, 'dsware'), 'boot')

    def directories(self):
        return directory.check(self.ledger)

    def make(self, volume='v', text=None):
        with self.ledger.lock(volume, 5):
            path = self.ledger.record(volume)
            if text is not None:
                with open(path, 'w') as stream:
                    stream.write(text)
        return path

    def test_not_there_yet(self):
        found, = self.directories()
        self.assertEqual(findings.OK, found.severity)

    def test_owner_and_mode(self):
        self.make()
        os.chmod(self.ledger.directory, 0o750)
        found, = self.directories()
        self.assertEqual(findings.OK, found.severity)
        self.assertIn('mode 750', found.text)

    def test_open_to_everybody(self):
        """Writing, and as an earlier version had it."""
        self.make()
        for mode in (0o777, 0o755):
            os.chmod(self.ledger.directory, mode)
            found, = self.directories()
            self.assertProblem('everybody', found)
            self.assertIn('`chmod -R o= ', found.cure)

    def test_no_directory(self):
        self.write('dsware', '')
        self.assertProblem('not a directory', self.directories()[0])

    def test_not_for_a_service(self):
        """Which root finds out for it, and anybody else leaves to root."""
        if os.geteuid() != 0:
            self.skipTest('only root sees for others')
        account = directory.Account('cinder', 4001, frozenset([4001]))
        found, = directory.check(self.ledger, [account])
        self.assertProblem('cinder cannot write there', found)
        self.assertIn('`install -d -o ', found.cure)
        self.make()
        found, = directory.check(self.ledger, [account])
        self.assertProblem('cinder cannot write there', found)
        self.patch('dsware_doctor.host.directory.current',
                   lambda: account)
        found, = self.directories()
        self.assertIn('run this check as root', found.cure)

    def test_records_of_others(self):
        self.make()
        os.mkdir(os.path.join(self.ledger.directory, 'other'))
        found = self.directories()
        self.assertEqual(findings.NOTE, found[1].severity)
        self.assertIn('unknown host', found[1].text)

    def test_records_that_make_no_sense(self):
        path = self.make('broken', '{')
        self.make('fine', json.dumps({'users': []}))
        with open(os.path.join(os.path.dirname(path), '-x.json'), 'w'):
            pass
        looked = inventory.Inventory(self.ledger, None)
        self.assertEqual([], looked.users())
        states = {one.name: one for one in looked.volumes()}
        self.assertEqual(path, states['broken'].record)
        for name in ('broken', '-x'):
            self.assertProblem(name, states[name].findings[0])
        self.assertEqual((), states['fine'].findings)


class DevicesTestCase(HostCheckTestCase):

    def test_world_wide_names(self):
        """A stale link names no device."""
        there = fakes.FakeCluster(self.directory)
        host = fakes.FakeDevices(self.directory)
        one, two = there.path('dev/sda'), there.path('dev/sdb')
        for device, wwn in ((one, '6888603a'), (two, '6888603c')):
            self.write(device, '')
            there.make_block(device, 512, device__wwid='naa.' + wwn)
        for wwn in ('6888603b', '6888603c'):
            there.make_link(wwn, two)
        there.make_link('6888603d', '/nonexistent')
        self.assertEqual({'6888603a': one, '6888603c': two},
                         cluster._wwns_of_host(host))


class ProgramTestCase(HostCheckTestCase):

    def setUp(self):
        super().setUp()
        self.config = self.write('x.conf', '[os_brick]\nlock_path = %s\n'
                                 'dsware_fsc_cli = /nonexistent\n'
                                 % self.directory)

    def run_main(self, *args):
        out, err = io.StringIO(), io.StringIO()
        with (contextlib.redirect_stdout(out),
              contextlib.redirect_stderr(err)):
            try:
                status = program.main(list(args))
            except SystemExit as exc:
                status = exc.code
        return status, out.getvalue(), err.getvalue()

    def test_not_root(self):
        self.patch('os.geteuid', lambda: 1000)
        ran = mock.Mock(return_value=('', ''))
        self.patch('dsware_doctor.host.cluster.execute', ran)
        config = self.write('y.conf', '[os_brick]\nlock_path = %s\n'
                            'dsware_fsc_cli = /bin/true\n'
                            'dsware_manager_ip = 127.0.0.1\n'
                            'dsware_agent_ip = 127.0.0.1\n' % self.directory)
        status, out, _err = self.run_main('--config-file', config)
        self.assertEqual(2, status)
        self.assertIn('does not run as root', ' '.join(out.split()))
        ran.assert_not_called()
        status, _out, err = self.run_main('--config-file', config, '--repair')
        self.assertEqual(2, status)
        self.assertIn('needs root', err)
        status, out, _err = self.run_main('--config-file', config, '--search')
        self.assertIn('not searched', ' '.join(out.split()))

    def test_search_with_a_program_that_is_missing(self):
        self.patch('os.geteuid', lambda: 0)
        config = self.write('y.conf', '[os_brick]\nlock_path = %s\n'
                            'dsware_fsc_cli = /nonexistent/fsc_cli\n'
                            'dsware_manager_ip = 127.0.0.1\n'
                            'dsware_agent_ip = 127.0.0.1\n' % self.directory)
        status, out, _err = self.run_main('--config-file', config, '--search')
        self.assertEqual(2, status)
        self.assertIn('devices without a record were not searched: '
                      '/nonexistent/fsc_cli cannot be run',
                      ' '.join(out.split()))

    def test_in_a_container(self):
        self.patch('os.geteuid', lambda: 0)
        self.patch('os_brick_dsware.ledger._namespace',
                   lambda proc: 'pid:[1]')
        status, _out, err = self.run_main('--config-file', self.config,
                                          '--repair')
        self.assertEqual(2, status)
        self.assertIn('--pid=host', err)

    def test_usage(self):
        for args in (['--dry-run'], ['--instance-gone', 'i'],
                     ['--nonsense'], ['volume-1'],
                     ['--config-file', '/nonexistent/x.conf'],
                     ['--config-file', self.write('bad.conf', '[x')]):
            status, out, err = self.run_main(*args)
            self.assertEqual((2, ''), (status, out), args)
            self.assertIn('usage:', err)

    def test_help(self):
        status, out, _err = self.run_main('--help')
        self.assertEqual(0, status)
        self.assertIn('Exit status', out)

    def test_later_files_win(self):
        more = self.write('more.conf',
                          '[os_brick]\ndsware_fsc_cli = /bin/sh\n')
        _status, out, _err = self.run_main(
            '--config-file', self.config, '--config-file', more, '--json')
        found = json.loads(out)
        self.assertIn('dsware_fsc_cli = /bin/sh (%s)' % more, [
            one['text'] for one in found['facts']])

    def test_without_addresses(self):
        config = self.write('y.conf', '[os_brick]\nlock_path = %s\n'
                            'dsware_fsc_cli = /bin/sh\n' % self.directory)
        _status, out, _err = self.run_main('--config-file', config)
        self.assertIn('no address to ask', ' '.join(out.split()))


def shown(found):
    report = reports.Report('host', 'host')
    report.add('Section', found)
    return formats.as_table(report)


class ReportTestCase(testtools.TestCase):

    def test_commands_stay_on_one_line(self):
        command = '`nc -vz -w 5 %s 10519`' % ('a' * 60)
        for pad in range(0, 80, 7):
            lines = shown([findings.problem(
                'volume-left', 'text',
                'x ' * pad + command + ' and more words')]).split('\n')
            self.assertEqual(
                1, sum(command in line for line in lines), lines)

    def test_volumes(self):
        users = (
            states.UserState('t', 'instance', 7, 'nova', 'a', True, False,
                             'i'),
            states.UserState('', 'process', 8, '', 'a', False, True),
            states.UserState('u', 'leftover', 9, '', 'a', False, True))
        lines = states.volume_lines([
            states.VolumeState('v', '/r', '/dev/x', '/link', 3 << 40, users),
            states.VolumeState('w', '/r'),
            states.VolumeState('x', '/r', '/dev/y', '/dev/y', 512)])
        for line in ('  v  /dev/x  3 TiB', '      /link',
                     '      instance i, attachment t, attached by process 7 '
                     '(nova), alive, through', '           agent a',
                     '      process 8, ended, without a name, through agent a',
                     '      left by a forced detach of u, through agent a',
                     '  w  no device  no size', '  x  /dev/y  512 bytes'):
            self.assertIn(line, lines)

    def test_local_use(self):
        user = ledgers.User(
            'local', ledgers.LOCAL, ledgers.this_process(), 'a',
            device='/dev/x', path='/dev/x')
        found = inventory._without_device('v', '/record', user)
        self.assertEqual(findings.problem(
            'device-gone', 'v is recorded for local use local, but its '
            'device /dev/x is gone', 'detach it with "cinder '
            'local-detach", or what attached '
            'it; if that is impossible: `rm /record`'), found)
        text = ' '.join(states.volume_lines([states.VolumeState(
            'v', '/r', users=(states.UserState(
                'local', user.kind, 1, '', 'a', False, False),))]))
        self.assertIn('local use local, attached by process 1, ended', text)

    def test_commands_stay_whole(self):
        command = cluster.detach_command(
            '/opt/' + 'x' * 90,
            cluster.programs.Target('', '127.0.0.1', 7), 'v')
        self.assertEqual(
            '`/opt/%s --manage_ip MANAGER --ip 127.0.0.1 --port 7 '
            '--op detachVolume --volName v`' % ('x' * 90), command)
        self.assertIn(command, shown([findings.problem('volume-left', 'b',
                                                       command)]))
