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

"""Names that are meant for the terminal, or the shell, of who checks a host.

Each finding that has a name in it is made with such a name; then it is shown,
and what it advises is done.
"""

import io
import json
import logging
import os
import re
import subprocess
import types
from unittest import mock

from oslo_config import cfg
import testtools

import fixtures

from dsware_doctor import command_line
from dsware_doctor import findings
from dsware_doctor import formats
from dsware_doctor.host import cluster
from dsware_doctor.host import command as program
from dsware_doctor.host import directory
from dsware_doctor.host import installation
from dsware_doctor.host import instances
from dsware_doctor.host import inventory
from dsware_doctor.host import repair
from dsware_doctor.host import settings
from dsware_doctor.host import states
from dsware_doctor import report as reports
from os_brick_dsware import exceptions
from os_brick_dsware import host_volume
from os_brick_dsware import ledger as ledgers
from os_brick_dsware import programs
from os_brick_dsware import result_codes
from os_brick_dsware.tests import fakes

#: Sets the title of a terminal, writes backwards, begins a new line, is no
#: text; and is a command, however it is quoted.
TERMINAL = '\x1b]0;x\x07\u202e\x9b\x7f\n  PROBLEM  \udc80'
SHELL = '$(touch x)`touch x`;touch x;\'"&touch x&"\'touch x\'" #'
HOSTILE = TERMINAL + SHELL
#: The programs that are advised; here they do nothing.
PROGRAMS = ('fsc_cli', 'chmod', 'rm', 'udevadm')
ENDED = ledgers.Process(2 ** 22 + 1, 1, ledgers.this_process().namespace)


def user(kind=ledgers.PROCESS, process=ENDED, **changes):
    return ledgers.User(**{
        'token': HOSTILE, 'kind': kind, 'process': process, 'agent': HOSTILE,
        'manager': HOSTILE, 'instance': HOSTILE, 'device': '/dev/' + HOSTILE,
        'path': HOSTILE, **changes})


class Host(fakes.FakeDevices):
    """Its devices have the names that users are recorded with."""

    def __init__(self, root):
        super().__init__(root)
        self.there, self.block, self.held = True, True, []

    def generation(self, path):
        return '' if self.there else 'another'

    def size(self, path):
        return 1

    def is_block(self, path):
        return self.block

    def exists(self, path):
        return os.path.lexists(path)

    def holders(self, path):
        return self.held

    def link(self, wwn):
        return self.root + '/' + wwn


class NamesTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = self.useFixture(fixtures.TempDir()).path
        # No name of a file has a slash or a NUL in it.
        self.root = os.path.join(self.directory, HOSTILE)
        os.mkdir(self.root)
        self.host = Host(self.root)
        self.ledger = ledgers.Ledger(os.path.join(self.root, HOSTILE),
                                     'boot')
        self.bin = os.path.join(self.directory, 'bin')
        os.mkdir(self.bin)
        for name in PROGRAMS:
            with open(os.path.join(self.bin, name), 'w') as stream:
                stream.write('#!/bin/sh\n')
                os.fchmod(stream.fileno(), 0o755)

    def attack(self, found, least=1):
        """Show findings, and do what they advise."""
        found = list(found)
        self.assertLessEqual(least, len(found))
        for one in found:
            if 'forced detach' not in one.text:
                self.assertIn('touch x', one.text + one.cure)
            text = self.shown([one])
            self.check(text)
            for command in re.findall('`([^`]*)`', ''.join(
                    line for line in text.split('Cure: ')[1:])):
                self.run_command(command)
        return [one.cure for one in found if '`' in one.cure]

    def shown(self, found):
        report = reports.Report('host', 'host')
        report.add('Section', found)
        return formats.as_table(report, verbose=True)

    def check(self, text):
        for line in text.rstrip('\n').split('\n'):
            self.assertTrue(line.isprintable(), ascii(line))
        self.assertNotIn('\n  PROBLEM  \\udc80', text)

    def run_command(self, command):
        place = self.useFixture(fixtures.TempDir()).path
        if command.startswith('-'):
            # Arguments of the check.
            command = 'fsc_cli ' + command
        done = subprocess.run(
            ['sh', '-c', command], cwd=place, capture_output=True,
            env={'PATH': '%s:%s' % (self.bin, os.environ['PATH'])})
        self.assertEqual((0, b'', []), (done.returncode, done.stderr,
                                        os.listdir(place)), ascii(command))

    def test_attack_would_be_noticed(self):
        self.assertRaises(AssertionError, self.run_command, 'rm ' + SHELL)
        self.assertRaises(AssertionError, self.check, TERMINAL)

    # What is recorded -------------------------------------------------------

    def volume(self, *users, **changes):
        return inventory.Inventory(
            mock.Mock(users=lambda name: list(users),
                      record=lambda name: '/x/%s' % HOSTILE,
                      gone=lambda user: user.process == ENDED, **changes),
            self.host, instances.Instances(frozenset())).volume('v')

    def test_users(self):
        here = ledgers.this_process()
        self.host.there = False
        with mock.patch.object(inventory, '_command', return_value=HOSTILE):
            for kind in ('process', 'local', 'leftover', 'instance'):
                for process in (ENDED, here):
                    for instance in ('', HOSTILE):
                        volume = self.volume(user(kind, process,
                                                  instance=instance))
                        self.check('\n'.join(states.volume_lines([volume])))
                        self.attack(volume.findings)

    def test_left_and_held(self):
        self.host.held = [HOSTILE]
        self.attack(self.volume(user()).findings)
        self.attack(self.volume(user(), user(process=ledgers.this_process()))
                    .findings)

    def test_instance_that_is_gone(self):
        here = ledgers.this_process()
        advices = self.attack(self.volume(
            user('instance', here)).findings)
        self.host.there = False
        volume = inventory.Inventory(mock.Mock(
            users=lambda name: [user('instance', here, instance='')],
            record=lambda name: '/x/' + HOSTILE, gone=lambda user: False),
            self.host).volume('v')
        advices += self.attack(volume.findings)
        self.assertEqual(2, len(advices))

    def test_links(self):
        self.host.block = False
        os.symlink('/nonexistent', self.host.link('wwn' + SHELL))
        self.host.block = True
        one = user('local', ledgers.this_process(), wwn='wwn' + SHELL)
        self.attack(self.volume(one).findings)
        os.unlink(self.host.link(one.wwn))
        advices = self.attack(self.volume(one).findings)
        os.symlink(self.root, self.host.link(one.wwn))
        advices += self.attack(self.volume(one).findings)
        self.assertEqual(2, len(advices))
        os.unlink(self.host.link(one.wwn))
        os.symlink('/nonexistent', self.host.link(one.wwn))
        self.host.there = False
        self.attack(self.volume(one).findings, 2)

    def test_name_of_a_record(self):
        with self.ledger.lock('v', 5):
            path = os.path.dirname(self.ledger.record('v'))
            for name, text in ((HOSTILE, ''), ('broken', '{'),
                               ('alike', json.dumps({'users': HOSTILE}))):
                with open('%s/%s.json' % (path, name), 'w') as stream:
                    stream.write(text)
        looked = inventory.Inventory(self.ledger, self.host)
        volumes = looked.volumes()
        self.assertEqual(3, len(volumes))
        self.check('\n'.join(states.volume_lines(volumes)))
        self.attack([one for volume in volumes for one in volume.findings],
                    3)
        report = reports.Report('host', 'host')
        report.extra['volumes'] = [one.as_dict() for one in volumes]
        as_json = formats.as_json(report)
        self.check(as_json)
        self.assertIn(HOSTILE, [one['name'] for one
                                in json.loads(as_json)['volumes']])

    def test_directory(self):
        found = directory.check(self.ledger)
        with self.ledger.lock('v', 5):
            pass
        found += directory.check(self.ledger)
        other = os.path.join(self.ledger.directory, HOSTILE)
        os.mkdir(other)
        with open(os.path.join(other, '.host'), 'wb') as stream:
            stream.write(b'\x1b[2J' + SHELL.encode())
        found += directory.check(self.ledger)
        os.chmod(self.ledger.directory, 0o777)
        found += directory.check(self.ledger)
        for error in (PermissionError(HOSTILE), None):
            with mock.patch('os.stat', side_effect=error), \
                    mock.patch('os.access', return_value=False):
                if error:
                    found += directory.check(self.ledger)
        with mock.patch('os.access', return_value=False):
            os.chmod(self.ledger.directory, 0o700)
            found += directory.check(self.ledger)
        self.assertEqual(1, len(self.attack(found, 7)))

    # What is repaired -------------------------------------------------------

    def repairer(self, **patches):
        conf = cfg.ConfigOpts()
        settings.options.register(conf)
        conf([])
        conf.set_override('dsware_fsc_cli', 'fsc_cli', 'os_brick')
        made = repair.Repairer(
            settings.Settings('nova', (), conf), self.ledger, self.host)
        for name, value in patches.items():
            setattr(made, name, lambda *_args, found=value: found)
        return made

    def test_plan_and_repair(self):
        target = programs.Target(HOSTILE, HOSTILE, 7)
        made = self.repairer(
            _left=[(HOSTILE, target)], _dangling=[(HOSTILE, HOSTILE)],
            _earlier_boots=['/x/' + HOSTILE])
        found = made.plan()
        with mock.patch.object(
                host_volume.HostVolume, 'clear', side_effect=[
                    '', host_volume.DETACHED,
                    exceptions.WrongDevice(HOSTILE)]), \
                mock.patch.object(self.ledger, 'users', return_value=[]):
            for _time in range(3):
                found += made.repair()
        self.assertEqual(1, len(self.attack(found, 12)))
        link = os.path.join(self.root, 'x' + HOSTILE)
        os.symlink('/nonexistent', link)
        self.attack([made._unlink('v', link)])

    def test_instance_of_this_host(self):
        check = mock.Mock(_ledgers={}, _instances=instances.Instances(
            frozenset([HOSTILE])))
        self.attack(program.HostCheck.repair(check, False, [HOSTILE]))

    # The cluster and the programs -------------------------------------------

    def conf(self, **changes):
        return types.SimpleNamespace(**{
            'dsware_fsc_cli': HOSTILE, 'dsware_sds_cli': HOSTILE,
            'dsware_cli_timeout': 1, 'dsware_manager_ip': HOSTILE,
            'dsware_agent_ip': HOSTILE, 'dsware_agent_port': 7, **changes})

    def test_programs(self):
        found = cluster._fsc_cli(self.conf(), [])
        found += cluster._sds_cli(self.conf(), [
            user(agent=programs.THIS_HOST)])
        with mock.patch.object(cluster, 'find', return_value=HOSTILE), \
                mock.patch.object(cluster, 'is_root', return_value=False):
            found += cluster._fsc_cli(self.conf(), [])
            found += cluster._sds_cli(self.conf(), [])
        self.attack(found, 4)

    def test_answers(self):
        target = programs.Target(HOSTILE, HOSTILE, 7)
        found = []
        for answer in ((programs.Reply(result_codes.OK, ''), HOSTILE),
                       (programs.Reply(result_codes.RETRY, HOSTILE), ''),
                       exceptions.ConfigurationError(HOSTILE)):
            with mock.patch.object(cluster, '_version',
                                   side_effect=[answer]):
                found.append(cluster._ask(self.conf(), target))
        self.attack(found, 3)

    def test_search(self):
        target = programs.Target(HOSTILE, HOSTILE, 7)
        found = []
        for reply in (programs.Reply(result_codes.OK, ''),
                      programs.Reply(result_codes.DENIED, HOSTILE)):
            for held in ([], [HOSTILE]):
                host = mock.Mock(links='/nonexistent',
                                 disks=lambda: ['/dev/' + HOSTILE],
                                 own_names=lambda device: ['1'],
                                 holders=lambda device: held)
                with mock.patch.object(cluster, '_wwns_of_cluster',
                                       return_value=(reply, {'1': HOSTILE})):
                    found += cluster.search(
                        self.conf(dsware_fsc_cli='fsc_cli'), target, host,
                        set())
        with mock.patch.object(cluster, '_wwns_of_cluster', return_value=(
                programs.Reply(result_codes.OK, ''), {})):
            found += cluster.search(self.conf(), target, host, set())
        self.assertEqual(1, len(self.attack(found, 5)))

    def test_libvirt(self):
        for known in (None, frozenset([HOSTILE])):
            found = instances.Instances(known, HOSTILE).check(
                [user('instance')])
            if known is None:
                self.attack(found)

    # Settings and packages --------------------------------------------------

    def test_settings(self):
        path = os.path.join(self.root, 'x.conf')
        with open(path, 'w') as stream:
            stream.write('[os_brick]\nlock_path = /x/\x1b[2J%s\n'
                         'dsware_fsc_cli = \x1b[2J%s\n' % (SHELL, SHELL))
        one, two = (settings._load('os_brick_dsware', 'a service', [path])
                    for _time in range(2))
        two.conf.set_override('lock_path', self.root, 'os_brick')
        found = [one for one in settings.check([one, two])
                 if 'touch x' in one.text]
        self.attack(found, 6)
        self.assertIn('do not know of each other', found[-1].text)

    def test_wrong_settings(self):
        path = os.path.join(self.root, 'x.conf')
        with open(path, 'w') as stream:
            stream.write('[os_brick]\ndsware_agent_ip = \x1b[2J\n')
        out = io.StringIO()
        with mock.patch('sys.stderr', out):
            self.assertRaises(SystemExit, program.main,
                              ['--config-file', path])
        self.check(out.getvalue())
        self.assertIn(r'\x1b', out.getvalue())

    def test_packages(self):
        with mock.patch('importlib.import_module', return_value=mock.Mock(
                _connector_mapping_linux={'DSWARE': HOSTILE},
                unix_connector_list=[])):
            found = [installation._os_brick([])]
        with mock.patch('importlib.import_module',
                        side_effect=ImportError(HOSTILE)):
            found.append(installation._os_brick([]))
        spec = mock.Mock(submodule_search_locations=[HOSTILE])
        with mock.patch('importlib.util.find_spec', return_value=spec):
            found.append(installation._nova())
            with mock.patch.object(installation, 'open', mock.mock_open(),
                                   create=True), \
                    mock.patch.object(installation, '_volume_drivers',
                                      return_value={'dsware': HOSTILE}):
                found.append(installation._nova())
        with mock.patch.object(installation, '_site_directories',
                               return_value=[self.root]):
            found.append(installation._hook())
            with open(os.path.join(self.root, installation.HOOK), 'w'):
                pass
            found.append(installation._hook())
        with mock.patch('sys.executable', HOSTILE):
            found.append(installation._versions())
        self.attack(found, 7)

    # All together -----------------------------------------------------------

    def test_titles_and_the_name_of_the_host(self):
        report = reports.Report('host', HOSTILE)
        report.add(HOSTILE, [findings.ok(HOSTILE), findings.note(HOSTILE)],
                   HOSTILE)
        report.measure('agent_up', 1, agent=HOSTILE)
        for show in (formats.as_table, formats.as_json,
                     formats.as_openmetrics):
            self.check(show(report))
        self.check(formats.as_table(report, verbose=True))
        self.assertEqual(HOSTILE, json.loads(
            formats.as_json(report))['facts'][0]['text'])

    def test_advice_is_not_cut(self):
        advice = findings.command('rm', '/' + 'x' * 5000)
        text = self.shown([findings.problem('volume-left', 'y' * 5000,
                                            advice)])
        self.assertIn(advice, text)
        self.assertNotIn('y' * 2500, text)

    def test_log(self):
        out = io.StringIO()
        with mock.patch('sys.stderr', out), \
                mock.patch.object(logging, 'basicConfig') as configure:
            command_line.log(True)
            handler, = configure.call_args[1]['handlers']
            handler.handle(logging.makeLogRecord({
                'msg': HOSTILE, 'levelname': 'DEBUG', 'levelno': 10}))
        self.assertIn('touch x', out.getvalue())
        self.check(out.getvalue().replace('\n  PROBLEM  ', ''))
