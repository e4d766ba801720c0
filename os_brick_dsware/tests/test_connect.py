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

"""Attaching: the device is there, is the right one, or nothing is left."""

import dataclasses
import os
import shutil
from unittest import mock

from os_brick import exception
from oslo_concurrency import processutils
from oslo_privsep import daemon

from os_brick_dsware import exceptions
from os_brick_dsware import host_volume
from os_brick_dsware import identify
from os_brick_dsware import ledger as ledgers
from os_brick_dsware.tests import fakes


def failed(code, **kwargs):
    return processutils.ProcessExecutionError(exit_code=code, **kwargs)


class Connecting:
    """What holds with every program."""

    def test_bad_properties(self):
        for changes in ({'volume_name': 'missing'}, {'volume_name': ''},
                        {'volume_name': '../../etc/passwd'},
                        {'volume_name': '-x'}, {'volume_name': 'a b'}):
            self.assertRaises(exceptions.InvalidConnectionProperties,
                              self.connector.connect_volume,
                              self.properties(**changes))
        self.assertEqual([], self.cluster.calls)

    def test_command_of_a_service_that_was_killed(self):
        process = self.add_process('--ip', fakes.AGENT, fakes.NAME)
        error = self.assertRaises(
            exceptions.AgentUnavailable, self.connector.connect_volume,
            self.properties())
        self.assertIn('4711', str(error))
        self.assertIn('nothing was changed', str(error))
        self.assertEqual([], self.cluster.calls)
        self.assertEqual([], self.users())
        shutil.rmtree(process)
        self.connector.connect_volume(self.properties())

    def test_command_of_a_service_that_was_killed_ends(self):
        process = self.add_process('--ip', fakes.AGENT, fakes.NAME)
        commands = self.host.commands

        def ends():
            found = list(commands())
            shutil.rmtree(process, ignore_errors=True)
            self.assertEqual([], self.cluster.calls)
            return found

        with mock.patch.object(self.host, 'commands', ends):
            self.connector.connect_volume(self.properties())
        self.assertEqual([fakes.NAME], [name for _agent, name
                                        in self.cluster.attached])

    def test_command_that_spells_the_agent_in_another_way(self):
        self.add_process('--ip', '::ffff:' + fakes.AGENT, fakes.NAME)
        self.assertRaises(
            exceptions.AgentUnavailable, self.connector.connect_volume,
            self.properties())
        self.assertEqual([], self.cluster.calls)

    def test_other_processes_are_not_waited_for(self):
        for program, arguments in (
                (None, ('--ip', fakes.AGENT, fakes.NAME + '0')),
                ('/bin/vi', ('--ip', fakes.AGENT, fakes.NAME))):
            process = self.add_process(*arguments, program=program)
            self.connector.connect_volume(self.properties())
            shutil.rmtree(process)

    def test_no_lock_path(self):
        self.conf.config(group='os_brick', lock_path=None)
        self.conf.config(group='oslo_concurrency', lock_path=None)
        error = self.assertRaises(
            exceptions.ConfigurationError, self.connector.connect_volume,
            self.properties())
        self.assertIn('lock_path', str(error))

    def test_unknown_keys_and_types_are_tolerated(self):
        info = self.connector.connect_volume(self.properties(
            format_version=9, novelty=[1], agent_port='x', wwn=7))
        self.assertEqual(fakes.MIB, os.path.getsize(info['path']))

    def test_connect_again_is_idempotent(self):
        first = self.connector.connect_volume(self.properties())
        again = self.new_connector().connect_volume(self.properties())
        self.assertEqual(first, again)
        self.assertEqual(1, len(self.users()))

    def test_already_attached_by_somebody_unknown(self):
        self.cluster.attachVolume('127.0.1.1', fakes.NAME)
        info = self.connector.connect_volume(self.properties())
        self.assertEqual(self.link, info['path'])

    def test_already_attached_and_wwn_known_to_the_cluster_only(self):
        self.cluster.attachVolume('127.0.1.1', fakes.NAME)
        info = self.connector.connect_volume(self.properties(wwn=None))
        known = self.connector_class is fakes.QuickConnector
        self.assertEqual(self.link if known else self.cluster.path('dev/sdb'),
                         info['path'])

    def test_already_attached_and_named(self):
        self.cluster.attachVolume('127.0.1.1', fakes.NAME)
        self.cluster.tells_device = True
        os.unlink(self.link)
        info = self.connector.connect_volume(self.properties())
        self.assertEqual(self.cluster.path('dev/sdb'), info['path'])

    def test_refused(self):
        for code, error in ((50150009, exceptions.CommandRefused),
                            (50151002, exceptions.VolumeInUse),
                            (50150002, exceptions.CommandRefused),
                            (50151404, exceptions.CommandRefused)):
            self.cluster.script['attachVolume'] = [code]
            raised = self.assertRaises(error, self.connector.connect_volume,
                                       self.properties())
            self.assertIn(str(code), str(raised))
            self.assertIn(fakes.NAME, str(raised))
            self.assertIsInstance(raised, exception.BrickException)
        self.assertEqual(['attachVolume'] * 4, self.cluster.ops())
        self.assertEqual([], self.users())

    def test_refused_for_now(self):
        self.cluster.script['attachVolume'] = [50150016]
        self.connector.connect_volume(self.properties())
        self.assertEqual(['attachVolume'] * 2, self.cluster.ops())

    def test_refused_for_too_long(self):
        self.cluster.script['attachVolume'] = [50150012] * fakes.FOR_EVER
        error = self.assertRaises(
            exceptions.AgentUnavailable, self.connector.connect_volume,
            self.properties())
        self.assertIn('nothing was changed', str(error))
        self.assertEqual([], self.users())
        self.assertNotIn('detachVolume', self.cluster.ops())


class ConnectTestCase(Connecting, fakes.ConnectorTestCase):

    def test_connect(self):
        info = self.connector.connect_volume(self.properties())

        self.assertEqual('block', info['type'])
        self.assertEqual(self.link, info['path'])
        self.assertEqual([
            ((*fakes.limits(), 'fsc_cli',
              '--manage_ip', '10.0.0.1', '--ip', '127.0.1.1',
              '--op', 'attachVolume', '--volName', 'volume-1'),
             {'run_as_root': True, 'root_helper': 'sudo', 'timeout': 75}),
        ], self.cluster.commands)

    def test_settings_of_the_host_win(self):
        self.conf.config(group='os_brick', dsware_manager_ip='10.9.9.9',
                         dsware_agent_ip='127.0.9.9', dsware_agent_port=7,
                         dsware_cli_timeout=9)
        self.connector.connect_volume(self.properties(agent_port=10519))

        command, kwargs = self.cluster.commands[0]
        self.assertEqual(
            (*fakes.limits(9), 'fsc_cli',
             '--manage_ip', '10.9.9.9', '--ip', '127.0.9.9', '--port', '7',
             '--op', 'attachVolume', '--volName', 'volume-1'), command)
        self.assertEqual(24, kwargs['timeout'])

    def test_bad_address(self):
        self.assertRaises(exceptions.InvalidConnectionProperties,
                          self.connector.connect_volume,
                          self.properties(manager_ip='--op'))
        self.assertEqual([], self.cluster.calls)

    def test_no_address(self):
        for what in ('manager', 'agent'):
            error = self.assertRaises(
                exceptions.ConfigurationError, self.connector.connect_volume,
                self.properties(**{what + '_ip': 'missing'}))
            self.assertIn('dsware_%s_ip' % what, str(error))
        self.assertEqual([], self.cluster.calls)

    def test_no_privileges(self):
        self.cluster.program = mock.Mock(
            side_effect=daemon.FailedToDropPrivileges('sudo: no tty'))
        error = self.assertRaises(
            exceptions.ConfigurationError, self.connector.connect_volume,
            self.properties())
        self.assertIn('sudo: no tty', str(error))
        self.assertEqual([], self.users())

    def test_older_cluster_without_wwn(self):
        self.cluster.add(wwn='')
        info = self.connector.connect_volume(self.properties(wwn='missing'))
        self.assertEqual(self.cluster.path('dev/sdb'), info['path'])
        self.assertEqual(['attachVolume', 'queryVolume'], self.cluster.ops())

    def test_already_attached_and_not_to_be_found(self):
        self.cluster.add(wwn='')
        self.cluster.attachVolume('127.0.1.1', fakes.NAME)
        self.assertRaises(exceptions.DeviceNotFound,
                          self.connector.connect_volume,
                          self.properties(wwn=''))
        # Somebody unknown attached it: it is not ours to detach.
        self.assertNotIn('detachVolume', self.cluster.ops())
        self.assertEqual([], self.users())


class UnknownOutcomes:
    """Attempts that may have done it."""

    def test_happened(self):
        for event in ('lost', 'failed'):
            self.cluster.script['attachVolume'] = [event]
            info = self.connector.connect_volume(self.properties())
            self.assertEqual(self.link, info['path'])
            self.connector.disconnect_volume(self.properties())

    def test_did_not_happen(self):
        for event in ('hang', 'garbage', 50150017, 50150001, 61616161,
                      OSError('Premature eof')):
            self.cluster.script['attachVolume'] = [event]
            info = self.connector.connect_volume(self.properties())
            self.assertEqual(self.link, info['path'])
            self.connector.disconnect_volume(self.properties())

    def test_agent_down(self):
        self.cluster.script['attachVolume'] = ['hang'] * fakes.FOR_EVER
        self.cluster.script['detachVolume'] = ['hang'] * fakes.FOR_EVER
        self.cluster.script[self.query] = ['hang'] * fakes.FOR_EVER
        error = self.assertRaises(
            exceptions.OutcomeUnknown, self.connector.connect_volume,
            self.properties())
        self.assertIn('did not end within 60 s', str(error))
        self.assertIn(self.asked, str(error))
        self.assertEqual(3, self.cluster.ops().count('attachVolume'))
        # It may have been attached: the next attempt must know whose it is.
        self.assertEqual(['token-1'], [user.token for user in self.users()])

    def test_the_device_is_there_although_the_agent_does_not_answer(self):
        self.cluster.script['attachVolume'] = ['lost', 'hang', 'hang']
        info = self.connector.connect_volume(self.properties())
        self.assertEqual(self.link, info['path'])

    def test_what_may_have_happened_is_undone(self):
        self.cluster.nodes = False
        self.cluster.script['attachVolume'] = ['lost']
        self.cluster.add(wwn='')
        self.assertRaises(exceptions.DeviceNotFound,
                          self.connector.connect_volume,
                          self.properties(wwn=''))
        self.assertEqual({}, self.cluster.attached)
        self.assertEqual([], self.users())

    def test_ends_at_any_line(self):
        self.cluster.script['attachVolume'] = [fakes.Died()]
        self.assertRaises(fakes.Died, self.connector.connect_volume,
                          self.properties())
        self.connector.connect_volume(self.properties())
        self.cluster.script[self.query] = [fakes.Died()]
        os.unlink(self.link)
        self.assertRaises(fakes.Died, self.connector.connect_volume,
                          self.properties('token-2'))
        # The user that was there before still is.
        self.assertEqual(['token-1'], [user.token for user in self.users()])
        self.assertEqual(1, len(self.cluster.attached))


class UnknownOutcomeTestCase(UnknownOutcomes, fakes.ConnectorTestCase):

    def test_happened_and_no_wwn_tells_the_device(self):
        self.cluster.add(wwn='')
        self.cluster.script['attachVolume'] = ['lost']
        info = self.connector.connect_volume(self.properties(wwn=''))
        self.assertEqual(['attachVolume', 'attachVolume', 'queryVolume',
                          'detachVolume', 'attachVolume'],
                         self.cluster.ops()[:5])
        self.assertEqual(self.cluster.path('dev/sdc'), info['path'])
        self.assertEqual(1, len(self.cluster.attached))

    def test_happened_but_somebody_else_may_use_it(self):
        self.cluster.add(wwn='')
        first = self.connector.connect_volume(self.properties(wwn=''))
        self.cluster.script['attachVolume'] = ['lost']
        other = self.properties('token-2', wwn='', agent_ip='127.0.1.2')
        # The same host, called by another address.
        self.cluster.attached['127.0.1.2', fakes.NAME] = first['path']
        self.assertRaises(exceptions.DeviceNotFound,
                          self.connector.connect_volume, other)
        self.assertNotIn('detachVolume', self.cluster.ops())
        self.assertEqual(1, len(self.users()))

    def test_nonzero_exit_with_an_answer(self):
        self.cluster.script['attachVolume'] = [
            failed(1, stdout='result=50151404,desc=gone')]
        error = self.assertRaises(
            exceptions.CommandRefused, self.connector.connect_volume,
            self.properties())
        self.assertIn('gone', str(error))


class DevicesOfVolumes:
    """Whatever the program is, the device must be right."""

    def test_device_never_appears(self):
        self.cluster.nodes = False
        error = self.assertRaises(
            exceptions.DeviceNotFound, self.connector.connect_volume,
            self.properties())
        self.assertIn('dev/sdb', str(error))
        self.assertIsInstance(error, exception.VolumeDeviceNotFound)
        self.assertEqual({}, self.cluster.attached)
        self.assertEqual([], self.users())

    def test_device_appears_late(self):
        self.cluster.nodes = False
        looked = []

        class LateDevices(fakes.FakeDevices):
            def size(host, path):
                looked.append(path)
                if len(looked) == 3:
                    self.cluster.make_node(path, fakes.NAME)
                return super().size(path)

        self.connector.host = LateDevices(self.cluster.root)
        info = self.connector.connect_volume(self.properties())
        self.assertEqual(self.link, info['path'])
        self.assertLessEqual(3, len(looked))


class DeviceTestCase(DevicesOfVolumes, fakes.ConnectorTestCase):

    def test_device_of_the_wrong_size(self):
        self.cluster.links = False
        self.cluster.script['queryVolume'] = []
        real = self.cluster.queryVolume
        self.cluster.queryVolume = lambda agent, name: real(
            agent, name).replace('vol_size=1', 'vol_size=2')
        error = self.assertRaises(
            exceptions.WrongDevice, self.connector.connect_volume,
            self.properties())
        self.assertIn('1048576', str(error))
        self.assertIn('2097152', str(error))
        self.assertEqual({}, self.cluster.attached)

    def test_device_that_cannot_be_verified(self):
        self.cluster.links = False
        self.cluster.script['queryVolume'] = [50150012] * fakes.FOR_EVER
        error = self.assertRaises(
            exceptions.WrongDevice, self.connector.connect_volume,
            self.properties())
        self.assertIn('cannot be queried', str(error))
        self.assertEqual({}, self.cluster.attached)

    def test_device_of_another_volume(self):
        # Of the same size, and without a World Wide Name to tell them apart.
        self.cluster.add('volume-2', wwn='')
        self.cluster.add(wwn='')
        other = self.connector.connect_volume(
            self.properties('token-2', volume_name='volume-2', wwn=''))
        self.cluster.attachVolume = lambda agent, name: (
            'result=0\nDSwareAttachResult [result=0, devName=%s]\n'
            % other['path'])
        # What is no record must not keep others from being looked at.
        ledger = self.connector._ledger()
        with open(os.path.join(os.path.dirname(ledger.record('volume-2')),
                               '-rf.json'), 'w'):
            pass
        error = self.assertRaises(
            exceptions.WrongDevice, self.connector.connect_volume,
            self.properties(wwn=''))
        self.assertIn('is recorded as the device of volume volume-2',
                      str(error))
        self.assertEqual([], self.users())

    def test_record_of_another_volume_is_not_believed(self):
        self.cluster.links = False
        self.cluster.queryVolume = lambda agent, name: (
            'result=0\nvol_name=volume-10,vol_size=1\n')
        self.assertRaises(exceptions.WrongDevice,
                          self.connector.connect_volume, self.properties())


class BlockDevices:
    """What the kernel says of a block device counts most."""

    def setUp(self):
        super().setUp()
        self.cluster.block = True
        self.host.allow_files(False)

    def connect_to(self, **attributes):
        make = self.cluster.make_block
        self.cluster.make_block = lambda device, size: make(
            device, size, **attributes)
        return self.connector.connect_volume(self.properties())

    def test_link(self):
        self.assertEqual(self.link, self.connect_to()['path'])

    def test_waits_for_the_link(self):
        self.cluster.links = False
        looked = []

        class LateLinks(fakes.FakeDevices):
            def exists(host, path):
                if path == self.link:
                    looked.append(path)
                    if len(looked) == 3:
                        self.cluster.make_link(
                            fakes.WWN, self.cluster.path('dev/sdb'))
                return super().exists(path)

        self.connector.host = LateLinks(self.cluster.root)
        self.assertEqual(self.link, self.connect_to()['path'])

    def test_own_wwn_without_a_link(self):
        self.cluster.links = False
        info = self.connect_to(device__wwid='naa.' + fakes.WWN)
        self.assertEqual(self.cluster.path('dev/sdb'), info['path'])
        self.assertEqual(['attachVolume'], self.cluster.ops())

    def test_found_by_its_own_wwn_where_one_look_takes_all_the_time(self):
        self.cluster.links = False
        judge = identify.Identifier.judge
        clock = mock.Mock(monotonic=mock.Mock(return_value=0))

        def slow(*args):
            found = judge(*args)
            clock.monotonic.return_value += 60
            return found

        with mock.patch('os_brick_dsware.identify.time', clock), \
                mock.patch('os_brick_dsware.waiting.time', clock), \
                mock.patch.object(identify.Identifier, 'judge', slow):
            info = self.connect_to(device__wwid='naa.' + fakes.WWN)
        self.assertEqual(self.cluster.path('dev/sdb'), info['path'])

    def test_generation_is_remembered(self):
        self.connect_to()
        user, = self.users()
        self.assertEqual(ledgers.PROCESS, user.kind)
        self.assertEqual(self.cluster.path('dev/sdb'), user.device)
        self.assertTrue(user.generation.endswith('.1'))


class BlockDeviceTestCase(BlockDevices, fakes.ConnectorTestCase):

    def test_no_wwn_of_its_own_and_no_link(self):
        self.cluster.links = False
        error = self.assertRaises(exceptions.WrongDevice, self.connect_to)
        self.assertIn(self.link, str(error))
        self.assertEqual({}, self.cluster.attached)

    def test_no_wwn_at_all(self):
        self.cluster.add(wwn='')
        info = self.connector.connect_volume(self.properties(wwn=''))
        self.assertEqual(self.cluster.path('dev/sdb'), info['path'])
        self.assertEqual(['attachVolume', 'queryVolume'], self.cluster.ops())


class OtherDeviceTestCase(fakes.ConnectorTestCase):
    """No agent and no link has another device handed out.

    There is one, sdz, which has the size of the volume.
    """

    OTHER = '6888603000009999'

    def setUp(self):
        super().setUp()
        self.cluster.block = True
        self.host.allow_files(False)
        self.other = self.make('sdz')

    def make(self, name, **attributes):
        path = self.cluster.path('dev', name)
        with open(path, 'wb') as stream:
            stream.truncate(fakes.MIB)
        self.cluster.make_block(path, fakes.MIB, **attributes)
        return path

    def properties(self, token='token-1', **changes):
        return super().properties(
            token, **{'wwn': self.cluster.wwns[fakes.NAME], **changes})

    def number(self, device):
        with open(self.cluster.path('sys/dev/block', os.path.basename(device),
                                    'dev')) as stream:
            return stream.read().strip()

    def write(self, name, text):
        path = self.cluster.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as stream:
            stream.write(text)

    def mount(self, device):
        self.write('proc/self/mountinfo', '1 2 %s / /data rw - ext4 x rw\n'
                   % self.number(device))

    def hold(self, device):
        self.write('sys/dev/block/%s/holders/dm-1' % os.path.basename(device),
                   '')

    def swap(self, device):
        self.write('proc/swaps', '%s partition 8 0 -2\n' % device)

    def record(self, device, kind=ledgers.INSTANCE,
               process=ledgers.this_process()):
        self.connector._ledger().save('volume-2', [ledgers.User(
            'x', kind, process, fakes.AGENT, device=device,
            generation=self.host.generation(device))])

    def ended(self):
        return dataclasses.replace(ledgers.this_process(), pid=2 ** 22 + 1)

    def name(self, device, result=0):
        """Have the agent say that a device is the volume's."""
        self.cluster.attachVolume = lambda agent, name: (
            'result=%d\nDSwareAttachResult [result=%d, devName=%s]\n'
            % (result, result, device))

    def say_nothing(self):
        """Have the agent say that the volume is attached, and no more."""
        self.cluster.attachVolume = lambda agent, name: 'result=50151401\n'

    def refused(self, part):
        error = self.assertRaises(
            exceptions.WrongDevice, self.connector.connect_volume,
            self.properties())
        self.assertIn(part, str(error))
        self.assertEqual([], self.users())

    def test_stale_link_to_what_has_another_name(self):
        self.make('sdz', device__wwid='naa.' + self.OTHER)
        self.record(self.other)
        self.cluster.make_link(fakes.WWN, self.other)
        for answer in (self.say_nothing, lambda: self.name(self.other),
                       lambda: self.name(self.link)):
            answer()
            self.refused(self.OTHER)

    def test_name_of_another_kind(self):
        """Neither of NVMe devices nor of disks is it the volume's."""
        self.cluster.make_link(fakes.WWN, self.other)
        self.say_nothing()
        for attribute, text in (('wwid', 'eui.0025388b71b0'),
                                ('device__wwid', 't10.ATA disk\x1b[31m')):
            self.make('sdz', **{attribute: text})
            self.refused('World Wide Name')

    def test_stale_link_to_what_is_recorded_for_another(self):
        self.cluster.make_link(fakes.WWN, self.other)
        self.say_nothing()
        for kind in (ledgers.INSTANCE, ledgers.PROCESS,
                     ledgers.LEFTOVER):
            self.record(self.other, kind)
            self.refused('volume-2')

    def test_what_is_recorded_has_another_path(self):
        os.link(self.other, self.cluster.path('dev/alias'))
        os.symlink(self.cluster.path('sys/dev/block/sdz'),
                   self.cluster.path('sys/dev/block/alias'))
        self.record(self.other)
        self.cluster.make_link(fakes.WWN, self.cluster.path('dev/alias'))
        self.say_nothing()
        self.refused('volume-2')

    def test_stale_link_to_what_the_host_has_taken(self):
        self.cluster.make_link(fakes.WWN, self.other)
        for take, part in ((self.mount, 'mount /data'),
                           (self.swap, 'swap space'),
                           (self.hold, 'device dm-1')):
            take(self.other)
            self.say_nothing()
            self.refused(part)
            self.name(self.other)
            self.refused(part)
            shutil.rmtree(self.cluster.path('proc'))
            os.mkdir(self.cluster.path('proc'))

    def test_own_name_of_what_the_host_has_taken(self):
        self.make('sdz', device__wwid='naa.' + fakes.WWN)
        self.mount(self.other)
        self.say_nothing()
        self.refused('mount /data')

    def test_agent_names_another_disk(self):
        """Such as that of the system, which has no name of its own."""
        for wwn, part in ((fakes.WWN, self.link), ('', 'was there before')):
            self.cluster.add(wwn=wwn)
            for result in (0, 50151401):
                self.name(self.other, result)
                self.refused(part)

    def test_agent_names_a_partition(self):
        for wwn in (fakes.WWN, ''):
            self.cluster.add(wwn=wwn)
            self.make('sdz', partition=1)
            self.name(self.other)
            self.refused('is no disk')

    def test_agent_names_a_file(self):
        path = self.cluster.path('file')
        with open(path, 'wb') as stream:
            stream.truncate(fakes.MIB)
        for wwn in (fakes.WWN, ''):
            self.cluster.add(wwn=wwn)
            for device in (path, self.cluster.root):
                self.name(device)
                self.refused('%s is no disk' % device)
        self.host.allow_files(True)
        self.name(path)
        self.assertEqual(path, self.connector.connect_volume(
            self.properties())['path'])

    def test_a_host_where_disks_need_no_names(self):
        self.cluster.links = False
        self.cluster.make_link(fakes.WWN, self.other)
        self.refused(self.link)
        self.host.allow_files(True)
        self.assertIn(self.connector.connect_volume(self.properties())['path'],
                      self.cluster.attached.values())

    def test_two_are_given_one_device_at_once(self):
        self.cluster.add(wwn='')
        identified = identify.Identifier.find

        def slow(*args):
            found = identified(*args)
            self.record(found[0])
            return found

        with mock.patch.object(identify.Identifier, 'find', slow):
            self.refused('volume-2')

    def test_record_of_who_is_gone(self):
        """Another volume had a device of that name."""
        self.make('sdz', device__wwid='naa.' + fakes.WWN)
        self.record(self.other, ledgers.PROCESS, self.ended())
        self.say_nothing()
        self.assertEqual(self.other, self.connector.connect_volume(
            self.properties())['path'])
        self.connector._ledger().save(fakes.NAME, [])
        self.record(self.other)
        self.refused('volume-2')

    def test_answer_is_lost_and_asked_again(self):
        for named in (True, False):
            self.cluster.add(wwn='')
            self.cluster.tells_device = named
            self.cluster.script['attachVolume'] = ['lost']
            path = self.connector.connect_volume(self.properties())['path']
            self.assertIn(path, self.cluster.attached.values())
            self.connector.disconnect_volume(self.properties())
            self.assertEqual({}, self.cluster.attached)

    def test_killed_before_the_device_was_recorded(self):
        for named in (True, False):
            self.cluster.add(wwn='')
            self.cluster.tells_device = named
            self.cluster.script['queryVolume'] = [fakes.Died()]
            with mock.patch.object(host_volume.HostVolume, '_abandon'):
                self.assertRaises(fakes.Died, self.connector.connect_volume,
                                  self.properties())
            self.connector._ledger().save(fakes.NAME, [
                dataclasses.replace(user, process=self.ended())
                for user in self.users()])
            path = self.connector.connect_volume(self.properties())['path']
            self.assertIn(path, self.cluster.attached.values())
            self.connector.disconnect_volume(self.properties())
            self.assertEqual({}, self.cluster.attached)

    def leave(self):
        """Attach by a process that was killed before it had the device."""
        self.cluster.attachVolume(fakes.AGENT, fakes.NAME)
        self.connector._ledger().save(fakes.NAME, [ledgers.User(
            'x', ledgers.PROCESS, self.ended(), fakes.AGENT)])

    def test_what_is_in_use_is_not_attached_anew(self):
        """A person has mounted it, or opened it, where nobody recorded it."""
        for wwn, take in ((fakes.WWN, self.mount), ('', self.mount),
                          ('', None)):
            self.cluster.add(wwn=wwn)
            self.cluster.tells_device = True
            self.leave()
            self.host.busy = [['process 7 (mkfs)']] * fakes.FOR_EVER
            if take:
                take(self.cluster.attached[fakes.AGENT, fakes.NAME])
            error = self.assertRaises(
                exceptions.VolumeInUse, self.connector.connect_volume,
                self.properties())
            self.assertIn('process 7', str(error))
            self.assertNotIn('detachVolume', self.cluster.ops())
            self.assertEqual(1, len(self.cluster.attached))
            self.assertLess(0, len(self.users()))
            self.host.busy = []
            self.cluster.detachVolume(fakes.AGENT, fakes.NAME)

    def test_own_device_that_is_held_is_shared(self):
        """As that of an encrypted volume is."""
        for wwn in (fakes.WWN, ''):
            self.cluster.add(wwn=wwn)
            first = self.connector.connect_volume(self.properties())['path']
            self.hold(os.path.realpath(first))
            for token in ('token-1', 'token-2'):
                self.assertEqual(first, self.connector.connect_volume(
                    self.properties(token))['path'])
            self.connector.disconnect_volume(self.properties('token-2'))
            self.connector.disconnect_volume(self.properties())

    def test_stale_link_is_no_path_of_the_volume(self):
        sent = self.properties()
        path = self.connector.connect_volume(sent)['path']
        device = os.path.realpath(path)
        self.cluster.make_link(fakes.WWN, self.other)
        for found in (self.connector.get_volume_paths(sent),
                      self.connector.get_all_available_volumes()):
            self.assertEqual([device], found)

    def test_stale_link_is_not_taken_for_what_is_left(self):
        self.cluster.make_link(fakes.WWN, self.other)
        self.record(self.other)
        self.host.busy = [['process 7 (qemu)']] * fakes.FOR_EVER
        self.connector.disconnect_volume(self.properties())
        self.assertEqual(['detachVolume'], self.cluster.ops())
        self.assertEqual(1, len(self.cluster.commands))


class OtherCalls:
    """What else a service may call."""

    def test_search_path(self):
        self.assertEqual(self.cluster.path('by-id'),
                         self.connector.get_search_path())

    def test_volume_paths(self):
        self.assertEqual(
            [], self.connector.get_volume_paths(self.properties()))
        self.connector.connect_volume(self.properties())
        for token in ('token-1', 'token-2'):
            self.assertEqual([self.link], self.connector.get_volume_paths(
                self.properties(token)))

    def test_all_available_volumes(self):
        self.assertEqual([], self.connector.get_all_available_volumes())
        self.cluster.add('volume-2', wwn='')
        self.connector.connect_volume(self.properties())
        self.connector.connect_volume(self.properties(
            'token-2', volume_name='volume-2', wwn=''))
        both = sorted([self.link, self.cluster.path('dev/sdc')])
        self.assertEqual(both, self.connector.get_all_available_volumes())
        self.assertEqual([self.link],
                         self.connector.get_all_available_volumes(
                             self.properties()))

    def test_extend(self):
        info = self.connector.connect_volume(self.properties())
        self.cluster.volumes[fakes.NAME] = 3
        os.truncate(info['path'], 3 * fakes.MIB)
        self.assertEqual(3 * fakes.MIB,
                         self.connector.extend_volume(self.properties()))

    def test_extend_not_attached(self):
        self.assertRaises(exceptions.DeviceNotFound,
                          self.connector.extend_volume, self.properties())

    def test_extend_cannot_ask(self):
        self.connector.connect_volume(self.properties())
        self.cluster.script[self.query] = [50000001] * fakes.FOR_EVER
        self.assertRaises(exceptions.AgentUnavailable,
                          self.connector.extend_volume, self.properties())

    def test_extend_asks_the_kernel_to_look(self):
        self.cluster.block = True
        self.connector.connect_volume(self.properties())
        device = self.cluster.path('dev/sdb')
        self.cluster.make_block(device, fakes.MIB, device__rescan='')
        self.cluster.volumes[fakes.NAME] = 2

        def tool(*cmd, **kwargs):
            self.assertEqual('tee', cmd[0])
            self.assertEqual('1', kwargs['process_input'])
            self.cluster.make_block(device, 2 * fakes.MIB)
            return '', ''

        self.cluster.tool = tool
        self.assertEqual(2 * fakes.MIB,
                         self.connector.extend_volume(self.properties()))


class OtherCallsTestCase(OtherCalls, fakes.ConnectorTestCase):

    def test_extend_that_does_not_reach_the_device(self):
        self.connector.connect_volume(self.properties())
        self.cluster.volumes[fakes.NAME] = 3
        error = self.assertRaises(exceptions.DSWareError,
                                  self.connector.extend_volume,
                                  self.properties())
        self.assertIn('3145728', str(error))

    def test_extend_survives_a_failed_rescan(self):
        self.cluster.block = True
        self.connector.connect_volume(self.properties())
        device = self.cluster.path('dev/sdb')
        self.cluster.make_block(device, fakes.MIB, device__rescan='')
        self.cluster.volumes[fakes.NAME] = 2
        self.cluster.script['tee'] = [failed(1)]
        self.assertRaises(exceptions.DSWareError,
                          self.connector.extend_volume, self.properties())
