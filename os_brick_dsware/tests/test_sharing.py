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

"""Several users of one volume on one host share its device."""

import itertools
import os
import signal
import subprocess
import sys
import textwrap

from os_brick_dsware import exceptions
from os_brick_dsware import ledger as ledgers
from os_brick_dsware import properties
from os_brick_dsware.tests import fakes


class Users:
    """Calls of several users."""

    def connect(self, token, **changes):
        return self.new_connector().connect_volume(
            self.properties(token, **changes))['path']

    def disconnect(self, token, force=False, **changes):
        self.new_connector().disconnect_volume(
            self.properties(token, **changes), None, force=force)

    def detached(self):
        return not self.cluster.attached


class Sharing:
    """Who leaves last detaches."""

    def test_the_last_one_detaches_in_every_order(self):
        tokens = ('a', 'b', 'c')
        for order in itertools.permutations(tokens):
            self.assertEqual(1, len({self.connect(token)
                                     for token in tokens}))
            self.assertEqual(1, len(self.cluster.attached))
            for token in order[:-1]:
                self.disconnect(token)
                self.assertFalse(self.detached())
            self.disconnect(order[-1])
            self.assertTrue(self.detached())
            self.assertEqual([], self.users())

    def test_force_does_not_take_it_from_others(self):
        self.connect('a')
        self.connect('b')
        self.disconnect('a', force=True)
        self.assertFalse(self.detached())

    def test_leaving_flushes(self):
        self.cluster.block = True
        self.connect('a')
        self.connect('b')
        self.disconnect('a')
        self.assertEqual([self.cluster.path('dev/sdb')],
                         self.cluster.flushed())
        self.assertFalse(self.detached())

    def test_without_token_there_is_one_user(self):
        self.connect('missing')
        self.connect('')
        self.connect('a')
        self.disconnect('missing')
        self.assertFalse(self.detached())
        self.disconnect('a')
        self.assertTrue(self.detached())

    def test_a_failed_attempt_does_not_take_it_from_others(self):
        self.connect('a')
        os.unlink(self.link)
        self.cluster.script[self.query] = ['hang'] * fakes.FOR_EVER
        self.cluster.script['attachVolume'] = ['hang', 50150002]
        self.assertRaises(exceptions.CommandRefused, self.connect, 'b')
        self.assertFalse(self.detached())
        self.assertEqual(['a'], [user.token for user in self.users()])

    def test_device_came_back_by_another_name(self):
        self.connect('a')
        # The VBS was restarted.
        self.cluster.attached.clear()
        self.cluster.remove_node(self.cluster.path('dev/sdb'))
        self.assertEqual(self.link, self.connect('b'))
        self.assertEqual(self.cluster.path('dev/sdc'),
                         os.path.realpath(self.link))
        self.disconnect('b')
        self.assertFalse(self.detached())
        self.disconnect('a')
        self.assertTrue(self.detached())

    def test_host_was_booted(self):
        self.connect('a')
        ledger = self.connector._ledger()
        os.rename(ledger.this_boot,
                  os.path.join(ledger.directory, 'boot-of-yesterday'))
        self.cluster.attached.clear()
        self.cluster.remove_node(self.cluster.path('dev/sdb'))

        self.assertEqual([], self.users())
        self.assertEqual(self.link, self.connect('b'))
        self.assertEqual(['b'], [user.token for user in self.users()])
        self.assertNotIn('boot-of-yesterday', os.listdir(ledger.directory))
        self.disconnect('a')
        self.disconnect('b')
        self.assertTrue(self.detached())


class SharingTestCase(Sharing, Users, fakes.ConnectorTestCase):

    def test_one_agent_is_called_by_two_addresses(self):
        self.connect('a')
        self.cluster.attached['127.0.1.5', fakes.NAME] = (
            self.cluster.path('dev/sdb'))
        self.connect('b', agent_ip='127.0.1.5')
        self.disconnect('a')
        self.assertTrue(os.path.exists(self.cluster.path('dev/sdb')))
        self.disconnect('b', agent_ip='127.0.1.5')
        self.assertFalse(os.path.exists(self.cluster.path('dev/sdb')))

    def test_one_address_is_spelt_in_two_ways(self):
        self.connect('a', agent_ip='0:0:0:0:0:0:0:1')
        # The device came back by another name: only the agent is the same.
        ledger = self.connector._ledger()
        ledger.save(fakes.NAME, [
            ledgers.User(**{**vars(user), 'agent': '0:0:0:0:0:0:0:1',
                            'device': ''})
            for user in ledger.users(fakes.NAME)])
        self.connect('b', agent_ip='::1')
        self.disconnect('b', agent_ip='::1')
        self.assertFalse(self.detached())
        self.assertEqual(['a'], [user.token for user in self.users()])
        self.disconnect('a', agent_ip='::0001')
        self.assertTrue(self.detached())


class KilledFixture:
    """A process that can be killed."""

    def setUp(self):
        super().setUp()
        child = subprocess.Popen(['sleep', '600'])
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        self.child = child
        start = ledgers._start('/proc', child.pid)
        self.process = ledgers.Process(
            child.pid, start, ledgers.this_process().namespace)

    def user(self, token, kind=ledgers.PROCESS, **changes):
        return ledgers.User(**{
            'token': token, 'kind': kind, 'process': self.process,
            'agent': self.agent, 'manager': '10.0.0.1', **changes})

    def record(self, *users):
        ledger = self.connector._ledger()
        with ledger.lock(fakes.NAME, 5):
            ledger.save(fakes.NAME, self.users() + list(users))

    def kill(self):
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()


class Killed(KilledFixture):
    """Users whose process was killed."""

    def test_a_process_counts_while_it_lives(self):
        self.connect('a')
        self.record(self.user('b'))
        self.disconnect('a')
        self.assertFalse(self.detached())

    def test_a_killed_process_does_not_count(self):
        self.connect('a')
        self.record(self.user('b'))
        self.kill()
        self.disconnect('a')
        self.assertTrue(self.detached())
        self.assertEqual([], self.users())

    def test_a_guest_counts_although_its_service_was_killed(self):
        self.connect('a')
        self.record(self.user('b', kind=ledgers.INSTANCE))
        self.kill()
        self.disconnect('a')
        self.assertFalse(self.detached())
        self.disconnect('b')
        self.assertTrue(self.detached())

    def test_who_attaches_for_a_guest_says_so(self):
        mark = {properties.USER_KIND: ledgers.INSTANCE}
        self.connect('a', **mark)
        self.connect('a')
        user, = self.users()
        self.assertEqual(ledgers.INSTANCE, user.kind)

    def test_what_a_killed_process_left_is_held_open(self):
        self.connect('a')
        self.record(self.user('b'))
        self.kill()
        self.host.busy = [['process 7 (qemu-img)']] * fakes.FOR_EVER
        self.assertRaises(exceptions.VolumeInUse, self.disconnect, 'a')
        self.assertFalse(self.detached())

    def test_leftover_is_undone_when_it_is_of_no_use(self):
        self.record(self.user('b'))
        self.kill()
        self.cluster.nodes = False
        self.assertRaises(exceptions.DeviceNotFound, self.connect, 'a')
        self.assertTrue(self.detached())
        self.assertEqual([], self.users())

    def test_a_zombie_does_not_count(self):
        self.connect('a')
        self.record(self.user('b'))
        self.child.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, self.child.pid, os.WEXITED | os.WNOWAIT)
        self.disconnect('a')
        self.assertTrue(self.detached())


class KilledTestCase(Killed, Users, fakes.ConnectorTestCase):
    """With fsc_cli."""


class Abandoned:
    """A process was killed that had attached another volume, volume-2."""

    NAME = 'volume-2'

    def setUp(self):
        super().setUp()
        self.cluster.add(self.NAME, wwn='6888603000000002')

    def leave(self, name=NAME, **changes):
        """Attach volume-2 as a process that is killed."""
        self.cluster.attachVolume(fakes.AGENT, name)
        device = self.cluster.attached[fakes.AGENT, name]
        changes = {'device': device, 'path': device, 'wwn':
                   self.cluster.wwns[name],
                   'generation': self.host.generation(device), **changes}
        ledger = self.connector._ledger()
        with ledger.lock(name, 5):
            ledger.save(name, ledger.users(name) + [
                self.user('b', **changes)])
        if self.child.returncode is None:
            self.kill()

    def left(self):
        """List the volumes that are attached, but for volume-1."""
        return [name for _agent, name in self.cluster.attached
                if name != fakes.NAME]

    def assert_stays(self):
        self.connect('a')
        self.assertEqual([self.NAME], self.left())
        self.assertNotEqual([], self.users(self.NAME))
        self.disconnect('a')
        self.connector.release_abandoned()
        self.connector.release_abandoned(self.NAME)
        self.assertEqual([self.NAME], self.left())

    def test_let_go_by_the_next_use(self):
        for use in (lambda: self.connect('a'), lambda: self.disconnect('a'),
                    lambda: self.connector.release_abandoned(),
                    lambda: self.connector.release_abandoned(self.NAME)):
            self.leave()
            use()
            self.assertEqual([], self.left())
            self.assertEqual([], self.users(self.NAME))

    def test_only_the_volume_that_is_asked_for(self):
        self.leave()
        self.connector.release_abandoned(fakes.NAME)
        self.assertEqual([self.NAME], self.left())

    def test_record_of_a_volume_that_others_use(self):
        self.connect('a', volume_name=self.NAME)
        self.record_of_other()
        self.connect('a')
        self.assertEqual([self.NAME], self.left())
        self.assertEqual(['a'], [user.token for user
                                 in self.users(self.NAME)])

    def record_of_other(self):
        ledger = self.connector._ledger()
        user, = ledger.users(self.NAME)
        ledger.save(self.NAME, [user, self.user(
            'b', device=user.device, path=user.path)])
        self.kill()

    def test_guest_keeps_it(self):
        self.leave(kind=ledgers.INSTANCE)
        self.assert_stays()

    def test_person_keeps_it(self):
        self.leave(kind=ledgers.LOCAL)
        self.assert_stays()

    def test_it_is_open(self):
        self.leave()
        self.host.holders = lambda path: ['mount /mnt']
        self.connect('a')
        self.assertEqual([self.NAME], self.left())

    def test_command_works_on_its_device(self):
        """One that the process ran: as root, so only root sees it open."""
        self.leave()
        device, = (device for (_agent, name), device
                   in self.cluster.attached.items() if name == self.NAME)
        self.add_process('convert', '-n', 'image', device,
                         program='/usr/bin/qemu-img')
        self.assert_stays()

    def test_command_of_the_process_still_runs(self):
        self.leave()
        self.add_process('--ip', fakes.AGENT, self.NAME)
        self.assert_stays()

    def test_somebody_is_at_it(self):
        self.leave()
        with self.connector._ledger().lock(self.NAME, 5):
            self.assert_stays()

    def test_nobody_fails_for_it(self):
        self.leave()
        self.cluster.script['detachVolume'] = [50150013, 'hang', 'garbage']
        for token in ('a', 'b', 'c'):
            self.connect(token)
        self.assertEqual([self.NAME], self.left())
        self.connect('d')
        self.assertEqual([], self.left())

    def test_record_makes_no_sense(self):
        self.leave()
        with open(self.connector._ledger().record(self.NAME), 'w') as stream:
            stream.write('{')
        self.connect('a')

    def test_some_at_a_time(self):
        names = ['volume-%d' % number for number in range(2, 12)]
        for name in names:
            self.cluster.add(name, wwn='')
            self.leave(name)
        self.connect('a')
        self.assertEqual(6, len(self.left()))
        for _time in range(2):
            self.connect('a')
        self.assertEqual([], self.left())

    def test_no_agent_is_asked_twice_that_does_not_answer(self):
        for name in ('volume-2', 'volume-3'):
            self.cluster.add(name, wwn='')
            self.leave(name)
        self.cluster.script['detachVolume'] = ['hang'] * 9
        self.connect('a')
        self.assertEqual(8, len(self.cluster.script['detachVolume']))


class AbandonedTestCase(Abandoned, KilledFixture, Users,
                        fakes.ConnectorTestCase):

    def test_device_is_not_the_volumes(self):
        self.leave()
        self.cluster.make_link(self.cluster.wwns[self.NAME],
                               self.cluster.path('dev/other'))
        with open(self.cluster.path('dev/other'), 'w') as stream:
            stream.write('x')
        self.cluster.volumes[self.NAME] = 2
        self.assert_stays()

    def test_another_agents(self):
        """It may not answer; whoever starts has time to find out."""
        self.cluster.attached['10.0.0.9', self.NAME] = ''
        self.leave(agent='10.0.0.9')
        del self.cluster.attached[fakes.AGENT, self.NAME]
        self.connect('a')
        self.assertEqual([self.NAME], self.left())
        self.connector.release_abandoned()
        self.assertEqual([], self.left())


class ProcessesTestCase(fakes.ConnectorTestCase):
    """Real processes on one volume at the same time."""

    SCRIPT = textwrap.dedent('''
        import sys
        from os_brick_dsware import ledger as ledgers
        from os_brick_dsware import ledger as ledgers

        directory, token, count, log = sys.argv[1:]
        ledger = ledgers.Ledger(directory)
        user = ledgers.User(token, ledgers.PROCESS,
                                ledgers.this_process(), 'agent')

        def change(join):
            with ledger.lock('volume-1', 60):
                users = ledger.users('volume-1')
                rest = [one for one in users if one.token != token]
                ledger.save('volume-1', rest + [user] * join)
                if not rest:
                    with open(log, 'a') as stream:
                        stream.write('attach ' if join else 'detach ')

        for _round in range(int(count)):
            change(1)
            change(0)
        if token == 'stays':
            change(1)
            with ledger.lock('volume-2', 60):
                print('ready', flush=True)
                sys.stdin.read()
    ''')

    def start(self, token, count):
        log = os.path.join(self.directory, 'log')
        child = subprocess.Popen(
            [sys.executable, '-c', self.SCRIPT,
             self.connector._ledger().directory, token, str(count), log],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(child.communicate)
        self.addCleanup(child.kill)
        return child

    def test_joining_and_leaving_never_overlap(self):
        children = [self.start('user-%d' % number, 40)
                    for number in range(4)]
        self.assertEqual([0] * 4, [child.wait(60) for child in children])
        with open(os.path.join(self.directory, 'log')) as stream:
            events = stream.read().split()
        self.assertEqual(['attach', 'detach'] * (len(events) // 2), events)
        self.assertEqual([], self.users())

    def test_lock_and_user_of_a_killed_process(self):
        child = self.start('stays', 0)
        self.assertEqual('ready\n', child.stdout.readline())
        ledger = self.connector._ledger()
        self.assertEqual([True], [ledger.alive(user)
                                  for user in self.users()])
        self.assertRaises(exceptions.StateError,
                          ledger.lock('volume-2', 0.1).__enter__)
        child.send_signal(signal.SIGKILL)
        child.wait(60)
        self.assertEqual([False], [ledger.alive(user)
                                   for user in self.users()])
        with ledger.lock('volume-2', 60):
            pass
