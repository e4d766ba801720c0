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
import signal
import subprocess
import sys
import textwrap
from unittest import mock

import testtools

from dsware_doctor.host import cluster
from dsware_doctor.host import command as program
from dsware_doctor import report
from dsware_sim.host import devices as simulated_devices
from os_brick_dsware import ledger as ledgers
from os_brick_dsware.tests import test_simulator

NAME = test_simulator.NAME
INSTANCE = '6e1f8d8e-0000-4000-8000-000000000001'
USER = textwrap.dedent('''
    import json
    import sys
    from oslo_config import cfg
    from os_brick_dsware import connector
    from os_brick_dsware import sds_connector
    from dsware_doctor.host import cluster

    path, kind, properties = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    cfg.CONF(args=[], default_config_files=[path], default_config_dirs=[])
    module = sds_connector if kind.startswith('SDS') else connector
    made = getattr(module, kind)('sudo', execute=cluster.execute)
    print(made.connect_volume(properties)['path'], flush=True)
    sys.stdin.read()
''')


class HostCheckTestCase(test_simulator.SimulatorTestCase):

    def setUp(self):
        super().setUp()
        # What the check needs root for the simulator gives to everybody.
        for patch in (mock.patch.object(cluster, 'is_root',
                                        return_value=True),
                      # A busy machine is no outage.
                      mock.patch.object(cluster, 'PATIENCE', 60)):
            patch.start()
            self.addCleanup(patch.stop)
        self.path = os.path.join(self.directory, 'nova.conf')
        self.configure()

    def configure(self, **changes):
        options = {'lock_path': os.path.join(self.directory, 'lock'),
                   'dsware_fsc_cli': self.program,
                   'dsware_sds_cli': os.path.join(self.simulator.bin,
                                                  'sds_cli'),
                   'dsware_cli_timeout': 60,
                   'dsware_simulated_devices': self.devices == 'file',
                   **changes}
        with open(self.path, 'w') as stream:
            stream.write('[os_brick]\n' + ''.join(
                '%s = %s\n' % option for option in options.items()))

    def run_check(self, *args):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            status = program.main(['--config-file', self.path, '--json',
                                   *args])
        found = json.loads(out.getvalue())
        self.assertEqual(report.STATUS[found['status']], status)
        # By subject.
        found['sections'] = {}
        for one in found['facts'] + found['findings']:
            found['sections'].setdefault(one['section'], []).append(one)
        found['repairs'] = found['sections'].get('Repairs', [])
        found['problems'] = [one for one in found['findings']
                             if report.STATUS[one['severity']]]
        return found

    def problems(self, *args):
        return [one['text'] for one in self.run_check(*args)['problems']]

    def problem(self, *args):
        found = self.problems(*args)
        self.assertEqual(1, len(found), found)
        return found[0]

    def repair(self, *args):
        self.useFixture(test_simulator.fixtures.MonkeyPatch(
            'dsware_doctor.host.cluster.sees_all_processes',
            lambda: True))
        return self.run_check('--repair', *args)

    def user(self, token, connector='DSWareConnector', **changes):
        """Start a process that attaches the volume, and holds on to it."""
        child = subprocess.Popen(
            [sys.executable, '-W', 'ignore', '-c', USER, self.path, connector,
             json.dumps({**self.properties(token), **changes})],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(child.communicate)
        self.addCleanup(child.kill)
        child.path = child.stdout.readline().strip()
        self.assertNotEqual('', child.path)
        return child

    def kill(self, child):
        child.send_signal(signal.SIGKILL)
        child.wait(60)


class Checks:
    """What holds with every kind of device."""

    def test_nothing_attached(self):
        self.assertEqual([], self.problems())
        self.assertEqual([], self.repair()['problems'])

    def test_volume_in_use(self):
        child = self.user('token-9')
        found = self.run_check()
        self.assertEqual([], found['problems'])
        volume, = found['volumes']
        self.assertEqual((NAME, os.path.realpath(child.path)
                          if self.devices == 'loop' else child.path,
                          4 * test_simulator.MIB),
                         (volume['name'], volume['device'], volume['size']))
        user, = volume['users']
        self.assertEqual(('token-9', 'process', child.pid, True, False),
                         (user['token'], user['kind'], user['pid'],
                          user['alive'], user['gone']))
        self.assertIn('python', user['command'])
        # The record says whom to ask.
        self.assertIn('answers', found['sections']['Cluster'][1]['text'])
        self.assertEqual([], self.repair()['problems'])
        self.assertEqual(1, len(self.attached()))

    def test_text(self):
        child = self.user('token-9')
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            self.assertEqual(0, program.main(['--config-file', self.path,
                                              '--verbose']))
        self.assertRegex(out.getvalue(), r'\n  %s\s' % NAME)
        # Where lines are broken depends on the length of paths.
        text = ' '.join(out.getvalue().split())
        for expected in ('4 MiB', 'process %d (' % child.pid, 'alive',
                         'token-9', 'all is well'):
            self.assertIn(expected, text)
        self.kill(child)
        with contextlib.redirect_stdout(out):
            self.assertEqual(1, program.main(['--config-file', self.path]))
        text = ' '.join(out.getvalue().split())
        for expected in ('WARNING volume-left', 'Cure: run', ': 1 warning ('):
            self.assertIn(expected, text)

    def test_user_was_killed(self):
        child = self.user('token-9')
        self.kill(child)
        self.assertIn('left by process %d' % child.pid, self.problem())
        self.assertIn('left by', self.problem('--repair', '--dry-run'))
        self.assertEqual(1, len(self.attached()))
        found = self.repair()
        self.assertEqual([], found['problems'])
        self.assertIn('detached', found['repairs'][0]['text'])
        self.assertEqual(set(), self.attached())
        self.assertEqual([], found['volumes'])

    def test_one_of_two_users_was_killed(self):
        self.user('lives')
        self.kill(self.user('dies'))
        self.assertIn('others still use it', self.problem())
        found = self.repair()
        self.assertEqual([], found['problems'])
        self.assertEqual(['lives'], [
            user['token'] for user in found['volumes'][0]['users']])
        self.assertEqual(1, len(self.attached()))

    def test_instance_stays_when_its_service_was_killed(self):
        self.kill(self.user('vm', dsware_user_kind='instance'))
        self.assertEqual([], self.problems())
        self.assertEqual([], self.repair()['problems'])
        self.assertEqual(1, len(self.attached()))

    def test_instance_is_not_on_this_host(self):
        child = self.user('vm', dsware_user_kind='instance',
                          dsware_instance=INSTANCE)
        self.kill(child)
        with self.libvirt([INSTANCE, 'another']):
            self.assertEqual([], self.problems())
            found = self.repair('--instance-gone', INSTANCE)
            self.assertIn('is on this host', found['repairs'][0]['text'])
        self.assertEqual(1, len(self.attached()))
        with self.libvirt(['another']):
            found = self.run_check()
            problem, = found['problems']
            self.assertIn(INSTANCE + ', which libvirt does not have',
                          problem['text'])
            self.assertIn('--instance-gone ' + INSTANCE, problem['cure'])
            user, = found['volumes'][0]['users']
            self.assertEqual((INSTANCE, False), (user['instance'],
                                                 user['gone']))
            self.repair()
            self.assertEqual(1, len(self.attached()))
            self.repair('--instance-gone', 'another-one')
            self.assertEqual(1, len(self.attached()))
            found = self.repair('--instance-gone', INSTANCE)
        self.assertEqual([], found['problems'])
        self.assertEqual(set(), self.attached())

    def test_nobody_knows_the_instances(self):
        self.user('vm', dsware_user_kind='instance', dsware_instance=INSTANCE)
        # Not here, and not there.
        for module in (None, self.libvirt_module(error='no such socket')):
            with mock.patch.dict(sys.modules, libvirt=module):
                found = self.run_check()
            self.assertEqual([], found['problems'])
            note, = found['sections']['Instances']
            self.assertEqual('note', note['severity'])
            self.assertIn('cannot be told', note['text'])
        self.assertIn('no such socket', note['text'])

    def libvirt_module(self, instances=(), error=None):
        module = mock.Mock(libvirtError=type('libvirtError', (OSError,), {}))
        if error:
            module.openReadOnly.side_effect = module.libvirtError(error)
        module.openReadOnly.return_value.listAllDomains.return_value = [
            mock.Mock(**{'UUIDString.return_value': instance})
            for instance in instances]
        return module

    @contextlib.contextmanager
    def libvirt(self, instances):
        """Let this host have a libvirt with these instances."""
        module = self.libvirt_module(instances)
        with mock.patch.dict(sys.modules, libvirt=module):
            yield
        module.openReadOnly.assert_called_with('qemu:///system')

    def test_killed_while_attaching_for_an_instance(self):
        self.fault('hold', 'attachVolume')
        child = subprocess.Popen(
            [sys.executable, '-W', 'ignore', '-c', USER, self.path,
             'DSWareConnector', json.dumps({
                 **self.properties('vm'), 'dsware_user_kind': 'instance'})],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(child.communicate)
        self.addCleanup(child.kill)
        ledger = self.connector._ledger()
        self.assertTrue(test_simulator.waiting.until(
            lambda: ledger.users(NAME)
            and 'attachVolume' in self.control.counts(), 60))
        found = self.run_check()
        self.assertEqual([], found['problems'])
        note, = found['sections']['Attached volumes']
        self.assertIn('being attached', note['text'])
        self.kill(child)
        self.control.clear_faults()
        self.assertTrue(test_simulator.waiting.until(self.attached, 60))
        self.assertIn('instance vm, which is gone', self.problem())
        self.assertEqual([], self.repair()['problems'])
        self.assertEqual(set(), self.attached())

    def test_agent_is_down(self):
        child = self.user('token-9')
        self.kill(child)
        self.control.agent_down(self.simulator.agents[0][0])
        left, = [text for text in self.problems() if 'left by' in text]
        answer, = [text for text in self.problems() if 'no answer' in text]
        self.assertIn(self.simulator.agents[0][0], answer)
        found = self.repair()
        refused, = [one for one in found['repairs']
                    if 'was not repaired' in one['text']]
        self.assertIn('--op detachVolume --volName ' + NAME,
                      refused['cure'])
        self.assertEqual(1, len(found['volumes']))
        self.control.agent_up(self.simulator.agents[0][0])
        self.assertEqual([], self.repair()['problems'])
        self.assertEqual(set(), self.attached())

    def test_forced_detach_left_it(self):
        self.connect()
        properties = self.properties()
        self.control.agent_down(self.simulator.agents[0][0])
        self.connector.disconnect_volume(properties, None, force=True)
        self.control.agent_up(self.simulator.agents[0][0])
        self.assertIn('left by a forced detach', self.problem())
        self.assertEqual([], self.repair()['problems'])
        self.assertEqual(set(), self.attached())

    def test_record_that_makes_no_sense(self):
        self.kill(self.user('token-9'))
        ledger = self.connector._ledger()
        with open(ledger.record('volume-2'), 'w') as stream:
            stream.write('{}')
        found = self.repair()
        problem, = found['problems']
        self.assertIn('volume-2', problem['text'])
        self.assertEqual(set(), self.attached())

    def test_manager_is_not_known(self):
        child = self.user('token-9')
        self.kill(child)
        ledger = self.connector._ledger()
        with open(ledger.record(NAME)) as stream:
            text = stream.read()
        with open(ledger.record(NAME), 'w') as stream:
            stream.write(text.replace('"127.0.0.1"', '""'))
        found = self.repair()
        self.assertIn('dsware_manager_ip', found['repairs'][0]['text'])
        self.configure(dsware_manager_ip='127.0.0.1')
        self.assertEqual([], self.repair()['problems'])
        self.assertEqual(set(), self.attached())

    def test_host_was_booted(self):
        self.connect()
        ledger = self.connector._ledger()
        earlier = os.path.join(ledger.directory, 'yesterday')
        os.rename(ledger.this_boot, earlier)
        found = self.run_check()
        self.assertEqual([], found['problems'] + found['volumes'])
        self.assertIn('before it was booted',
                      found['sections']['Records'][1]['text'])
        self.assertIn('would remove ' + earlier, [
            one['text'] for one in self.repair('--dry-run')['repairs']])
        self.assertTrue(os.path.exists(earlier))
        self.repair()
        self.assertFalse(os.path.exists(earlier))

    def test_user_came_back_before_the_repair(self):
        self.kill(self.user('token-9'))
        real = self.connector._ledger().lock

        def lock(ledger, volume, timeout):
            mock.patch.stopall()
            self.user('token-9')
            return real(volume, timeout)

        mock.patch.object(ledgers.Ledger, 'lock', lock).start()
        with mock.patch.object(cluster, 'is_root', return_value=True):
            found = self.repair()
        self.assertEqual([], found['problems'])
        self.assertEqual(1, len(self.attached()))

    # fsc_cli ----------------------------------------------------------------

    def write_program(self, text, mode=0o755):
        path = os.path.join(self.directory, 'fsc_cli')
        with open(path, 'w') as stream:
            stream.write(text)
            os.fchmod(stream.fileno(), mode)
        self.configure(dsware_fsc_cli=path, dsware_manager_ip='127.0.0.1',
                       dsware_agent_ip='127.0.0.1', dsware_cli_timeout=1)

    def test_program_is_missing(self):
        self.configure(dsware_fsc_cli='/nonexistent/fsc_cli')
        self.assertIn('/nonexistent/fsc_cli was not found', self.problem())

    def test_program_hangs(self):
        self.write_program('#!/bin/sh\nsleep 600\n')
        self.assertIn('did not end within 1 s', self.problem())

    def test_program_prints_garbage(self):
        self.write_program('#!/bin/sh\necho Segmentation fault\n')
        self.assertIn('no answer', self.problem())

    def test_program_cannot_be_run(self):
        self.write_program('#!/nonexistent/sh\n')
        self.assertIn('cannot be run', self.problem())

    def test_program_hangs_in_a_repair(self):
        self.kill(self.user('token-9'))
        self.configure(dsware_cli_timeout=1)
        self.fault('cli_hang', '*')
        found = self.repair()
        self.assertIn('did not end within 1 s', found['repairs'][0]['text'])
        self.control.clear_faults()
        self.assertEqual(1, len(self.attached()))
        self.assertEqual([], self.repair()['problems'])

    def test_older_cluster_answers(self):
        address, port = self.simulator.agents[0]
        self.configure(dsware_manager_ip='127.0.0.1', dsware_agent_ip=address,
                       dsware_agent_port=port)
        self.fault('result', 'getDSwareIdentifier', code=50500001)
        found = self.run_check()
        self.assertEqual([], found['problems'])
        self.assertIn('older cluster', found['sections']['Cluster'][1]['text'])

    def test_as_a_program(self):
        self.kill(self.user('token-9'))
        done = subprocess.run(
            [sys.executable, '-m', 'dsware_doctor', 'host', '--config-file',
             self.path], capture_output=True, text=True, timeout=120)
        self.assertEqual((1, ''), (done.returncode, done.stderr))
        self.assertIn('left by process', done.stdout)


class AnyDeviceTestCase(Checks, HostCheckTestCase):
    """Without root plain files take the place of devices."""

    devices = 'loop' if simulated_devices.have_loop_devices() else 'file'


@testtools.skipUnless(simulated_devices.have_loop_devices(),
                      'loop devices need root and the loop driver')
class LoopTestCase(HostCheckTestCase):
    """Real block devices with real by-id links."""

    devices = 'loop'

    def search(self):
        address, port = self.simulator.agents[0]
        self.configure(dsware_manager_ip='127.0.0.1', dsware_agent_ip=address,
                       dsware_agent_port=port)
        return self.run_check('--search')['sections'][
            'Devices without a record']

    def test_left_but_open(self):
        child = self.user('token-9')
        self.kill(child)
        with open(child.path, 'rb'):
            self.assertIn('is open: process %d' % os.getpid(),
                          self.problem())
            found = self.repair()
            self.assertIn('stays attached', found['repairs'][0]['text'])
            self.assertEqual(1, len(self.attached()))
        self.assertEqual([], self.repair()['problems'])
        self.assertEqual(set(), self.attached())

    def test_device_is_another_volumes_by_now(self):
        child = self.user('token-9')
        self.kill(child)
        self.cli('detachVolume', volName=NAME)
        self.cli('createVolume', volName='volume-2', poolId=0, volSize=4,
                 thinFlag=1)
        other, = self.cli('attachVolume', volName='volume-2')
        self.assertEqual([], self.repair()['problems'])
        self.assertTrue(os.path.exists(other['devName']))
        self.assertEqual(['volume-2'], [
            one['name'] for one in self.control.status()['attachments']])

    def test_device_cannot_be_told(self):
        child = self.user('token-9')
        self.kill(child)
        os.unlink(child.path)
        self.assertIn('missing', ''.join(self.problems()))
        self.fault('result', 'queryVolume', code=50150012)
        found = self.repair()
        self.assertIn('cannot be told', found['repairs'][0]['text'])
        self.assertEqual(1, len(self.attached()))
        self.control.clear_faults()
        self.assertEqual([], self.repair()['problems'])

    def test_device_of_an_instance_is_gone(self):
        child = self.user('vm', dsware_user_kind='instance')
        self.cli('detachVolume', volName=NAME)
        self.assertIn('instance vm, but its device', self.problem())
        found = self.repair()
        self.assertEqual(1, len(found['problems']))
        self.assertIn(found['volumes'][0]['record'],
                      found['problems'][0]['cure'])
        self.assertEqual(1, len(found['volumes']))
        self.kill(child)

    def test_stable_name_is_wrong(self):
        child = self.user('token-9')
        device = os.path.realpath(child.path)
        for target, expected in (('/dev/null', 'does not lead to'),
                                 ('/dev/none', 'dangling')):
            os.unlink(child.path)
            os.symlink(target, child.path)
            self.assertIn(expected, self.problem())
        os.unlink(child.path)
        os.symlink(device, child.path)
        self.assertEqual([], self.problems())

    def test_dangling_link_is_removed(self):
        child = self.user('vm', dsware_user_kind='instance')
        self.cli('detachVolume', volName=NAME)
        os.symlink('/dev/none', child.path)
        self.addCleanup(lambda: os.path.lexists(child.path)
                        and os.unlink(child.path))
        self.assertEqual(2, len(self.problems()))
        self.assertIn('would remove link ' + child.path, [
            one['text'] for one in self.repair('--dry-run')['repairs']])
        with mock.patch.object(os, 'unlink', side_effect=OSError('EROFS')):
            self.assertIn('EROFS', self.repair()['repairs'][0]['text'])
        self.repair()
        self.assertFalse(os.path.lexists(child.path))

    def test_search(self):
        self.assertIn('has a record', self.search()[0]['text'])
        device, = self.cli('attachVolume', volName=NAME)
        found, = self.search()
        self.assertEqual('warning', found['severity'])
        self.assertIn('--op detachVolume --volName ' + NAME, found['cure'])
        with open(device['devName'], 'rb'):
            found, = self.search()
        self.assertEqual('note', found['severity'])
        self.assertIn('process %d' % os.getpid(), found['text'])
        self.assertEqual([], [text for text in self.repair()['problems']])
        self.assertEqual(1, len(self.attached()))
        self.connect()
        self.assertIn('has a record', self.search()[0]['text'])
        self.disconnect()

    def test_search_without_an_answer(self):
        self.fault('result', 'queryAllVolume', code=50150012)
        self.assertIn('were not searched', self.search()[0]['text'])


class SDSTestCase(HostCheckTestCase):

    def properties(self, token='token-1', agent=0):
        return {'volume_id': NAME, 'attachment': token}

    def test_user_was_killed(self):
        self.kill(self.user('token-9', 'SDSHypervisorConnector'))
        self.assertIn('left by process', self.problem())
        found = self.repair()
        self.assertEqual([], found['problems'])
        self.assertEqual(set(), self.attached())

    def test_program_is_missing(self):
        self.user('token-9', 'SDSHypervisorConnector')
        self.configure(dsware_sds_cli='/nonexistent/sds_cli')
        self.assertIn('/nonexistent/sds_cli', self.problem())

    def test_agent_is_down(self):
        self.kill(self.user('token-9', 'SDSHypervisorConnector'))
        self.control.agent_down(self.simulator.agents[0][0])
        found = self.repair()
        self.assertIn('was not repaired', found['repairs'][0]['text'])
        self.assertEqual(1, len(found['volumes']))


class OlderClusterTestCase(HostCheckTestCase):
    """No volume has a World Wide Name."""

    single_pool = True

    def test_user_was_killed(self):
        self.kill(self.user('token-9'))
        self.assertEqual([], self.repair()['problems'])
        self.assertEqual(set(), self.attached())

    def test_device_that_was_never_recorded(self):
        self.cli('attachVolume', volName=NAME)
        ledger = self.connector._ledger()
        dead = ledgers.Process(
            2 ** 22 + 1, 1, 'pid:[1]')
        address, port = self.simulator.agents[0]
        with mock.patch('os_brick_dsware.ledger.Process.alive',
                        return_value=False):
            with ledger.lock(NAME, 5):
                ledger.save(NAME, [ledgers.User(
                    'x', ledgers.PROCESS, dead, address,
                    manager='127.0.0.1', port=port)])
            found = self.repair()
        self.assertIn('never recorded', found['repairs'][0]['text'])
        self.assertEqual(1, len(self.attached()))

    def test_search(self):
        address, port = self.simulator.agents[0]
        self.configure(dsware_manager_ip='127.0.0.1', dsware_agent_ip=address,
                       dsware_agent_port=port)
        found, = self.run_check('--search')['sections'][
            'Devices without a record']
        self.assertEqual('note', found['severity'])
