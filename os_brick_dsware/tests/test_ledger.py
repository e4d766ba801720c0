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

"""The ledger of users: what it survives, and who may share it."""

import importlib.util
import json
import os
import stat
import subprocess
import sys
import textwrap
import threading

import testtools

import fixtures

from os_brick_dsware import exceptions
from os_brick_dsware import ledger as ledgers
from os_brick_dsware import shared_directory

NAME = 'volume-1'


class LedgerFixtureTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.parent = self.useFixture(fixtures.TempDir()).path
        self.root = os.path.join(self.parent, 'dsware')
        self.ledger = self.new()

    def new(self, **kwargs):
        return ledgers.Ledger(self.root, **{'boot_id': 'b1', **kwargs})

    def user(self, token='t', **kwargs):
        return ledgers.User(**{
            'token': token, 'kind': ledgers.PROCESS, 'agent': '127.0.0.1',
            'process': ledgers.this_process(), **kwargs})

    def file(self, name):
        return os.path.join(self.root, 'b1', name)

    def mode(self, path):
        return stat.S_IMODE(os.stat(path).st_mode)


class LedgerTestCase(LedgerFixtureTestCase):

    def test_nothing_is_made_before_it_is_needed(self):
        self.assertEqual([], self.ledger.users(NAME))
        self.assertEqual([], self.ledger.volumes())
        self.assertFalse(os.path.exists(self.root))

    def test_users(self):
        users = [self.user('a', device='/dev/sdb', generation='8.1',
                           path='/dev/disk/by-id/wwn-0x1'),
                 self.user('b', kind=ledgers.INSTANCE)]
        self.ledger.save(NAME, users)
        self.assertEqual(users, self.new().users(NAME))
        self.assertEqual([NAME], self.ledger.volumes())
        self.ledger.save(NAME, [])
        self.assertEqual([], self.ledger.users(NAME))
        self.assertEqual([], self.ledger.volumes())
        self.ledger.save(NAME, [])

    def test_names_do_not_meet(self):
        names = ['v', 'v.json', 'v.lock', 'v.json.lock', '_v']
        for name in names:
            with self.ledger.lock(name, 1):
                self.ledger.save(name, [self.user(name)])
        self.assertEqual(sorted(names), self.ledger.volumes())
        for name in names:
            self.assertEqual([name], [user.token for user
                                      in self.ledger.users(name)])

    def test_names_stay_in_their_directory(self):
        for name in ('', '.', '..', '../x', 'a/b', '-x', 'a\0', 'x' * 96,
                     '.host'):
            self.assertRaises(exceptions.InvalidConnectionProperties,
                              self.ledger.users, name)

    def test_a_directory_of_nobody_knows_whom(self):
        for name, content in (('odd', b'\xff\xfe'),
                              ('long', b'x' * (ledgers._LONGEST + 1))):
            os.makedirs(os.path.join(self.root, name))
            with open(os.path.join(self.root, name, '.host'), 'wb') as host:
                host.write(content)
        self.ledger.save(NAME, [self.user()])
        self.assertEqual([NAME], self.ledger.volumes())
        self.assertLessEqual({'odd', 'long'}, {*os.listdir(self.root)})

    def test_a_later_version_wrote_it(self):
        self.ledger.save(NAME, [self.user()])
        with open(self.file(NAME + '.json')) as stream:
            record = json.load(stream)
        record['novelty'] = record['users'][0]['novelty'] = {}
        record['users'][0]['kind'] = 'novelty'
        for name in ('device', 'generation', 'path'):
            del record['users'][0][name]
        with open(self.file(NAME + '.json'), 'w') as stream:
            json.dump(record, stream)
        user, = self.ledger.users(NAME)
        self.assertEqual(('t', 'novelty', ''),
                         (user.token, user.kind, user.device))
        self.assertTrue(self.ledger.alive(user))

    def test_what_cannot_be_understood(self):
        self.ledger.save(NAME, [self.user()])
        for text in ('', '{', '[]', '{}', '{"users": 1}', '{"users": [1]}',
                     '{"users": [{}]}', '\xff', '[' * 100_000,
                     '{"users": [{"token": 1, "kind": 2, "pid": Infinity}]}',
                     '"%s"' % (' ' * ledgers._LONGEST),
                     '{"users": [{"token": 1, "kind": 2, "pid": "x"}]}'):
            with open(self.file(NAME + '.json'), 'w',
                      encoding='latin-1') as stream:
                stream.write(text)
            error = self.assertRaises(exceptions.StateError,
                                      self.ledger.users, NAME)
            self.assertIn(self.file(NAME + '.json'), str(error))

    def test_a_failed_write_leaves_the_old_record(self):
        self.ledger.save(NAME, [self.user('old')])

        def full(descriptor):
            raise OSError(28, 'No space left on device')

        with fixtures.MonkeyPatch('os.fsync', full):
            error = self.assertRaises(exceptions.StateError, self.ledger.save,
                                      NAME, [self.user('new')])
        self.assertIn('No space', str(error))
        self.assertIn('lock_path', str(error))
        self.assertEqual(['old'], [user.token for user
                                   in self.ledger.users(NAME)])
        self.assertEqual({'.host', NAME + '.json'},
                         set(os.listdir(os.path.join(self.root, 'b1'))))

    def test_directory_is_of_no_use(self):
        with open(self.root, 'w'):
            pass
        for call in (lambda: self.ledger.lock(NAME, 1).__enter__(),
                     lambda: self.ledger.save(NAME, [self.user()]),
                     lambda: self.ledger.users(NAME)):
            error = self.assertRaises(exceptions.StateError, call)
            self.assertIn(self.root, str(error))

    def test_host_was_booted(self):
        self.ledger.save(NAME, [self.user()])
        booted = self.new(boot_id='b2')
        self.assertEqual([], booted.users(NAME))
        booted.save(NAME, [self.user('new')])
        self.assertEqual(['b2'], os.listdir(self.root))

    def test_directory_is_shared_with_another_host(self):
        self.ledger.save(NAME, [self.user()])
        with open(self.file('.host'), 'w') as stream:
            stream.write('the.other.host')
        self.new(boot_id='b2').save(NAME, [self.user('new')])
        self.assertEqual(['t'], [user.token for user
                                 in self.ledger.users(NAME)])

    def test_boot_id_is_the_kernels(self):
        self.assertEqual(36, len(ledgers.read_boot_id()))
        self.useFixture(fixtures.MonkeyPatch(
            'os_brick_dsware.ledger.BOOT_ID', '/nonexistent'))
        self.assertRaises(exceptions.StateError, ledgers.Ledger, '/x')

    def test_who_may_write_to_the_parent_may_write(self):
        for parent, directory, record in (
                (0o700, 0o700, 0o600), (0o755, 0o700, 0o600),
                (0o2770, 0o2770, 0o660), (0o2775, 0o2770, 0o660)):
            root = self.useFixture(fixtures.TempDir()).path
            os.chmod(root, parent)
            ledger = ledgers.Ledger(os.path.join(root, 'dsware'), 'b1')
            ledger.save(NAME, [self.user()])
            for path in ('dsware', 'dsware/b1'):
                self.assertEqual(directory,
                                 self.mode(os.path.join(root, path)))
            self.assertEqual(record, self.mode(os.path.join(
                root, 'dsware', 'b1', NAME + '.json')))


class EventletTestCase(LedgerFixtureTestCase):

    SCRIPT = textwrap.dedent('''
        import sys
        import eventlet
        eventlet.monkey_patch()
        from os_brick_dsware import ledger as ledgers
        from os_brick_dsware import ledger as ledgers

        def use():
            ledger = ledgers.Ledger(sys.argv[1], 'b1')
            with ledger.lock('volume-1', 30):
                ledger.save('volume-1', ledger.users('volume-1') + [
                    ledgers.User('t', ledgers.INSTANCE,
                                     ledgers.this_process(), 'agent')])

        for thread in [eventlet.spawn(use) for _number in range(8)]:
            thread.wait()
        ''')

    @testtools.skipUnless(importlib.util.find_spec('eventlet'),
                          'there is no eventlet')
    def test_green_threads(self):
        subprocess.run([sys.executable, '-W', 'ignore', '-c', self.SCRIPT,
                        self.root], check=True)
        self.assertEqual(8, len(self.ledger.users(NAME)))


class LockTestCase(LedgerFixtureTestCase):

    def test_threads_take_turns(self):
        inside, most = [], []

        def work():
            with self.new().lock(NAME, 30):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

        threads = [threading.Thread(target=work) for _number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([1] * 8, most)

    def test_volumes_do_not_wait_for_each_other(self):
        with self.ledger.lock('v1', 1), self.ledger.lock('v2', 1):
            pass

    def test_waiting_ends(self):
        with self.ledger.lock(NAME, 1):
            error = self.assertRaises(
                exceptions.StateError,
                self.new().lock(NAME, 0.05).__enter__)
        self.assertIn(self.file(NAME + '.lock'), str(error))
        with self.new().lock(NAME, 0.05):
            pass

    def test_no_file_is_left_of_an_unused_volume(self):
        with self.ledger.lock(NAME, 1):
            self.ledger.save(NAME, [self.user()])
        self.assertTrue(os.path.exists(self.file(NAME + '.lock')))
        with self.ledger.lock(NAME, 1):
            self.ledger.save(NAME, [])
        self.assertFalse(os.path.exists(self.file(NAME + '.lock')))

    def test_released_after_an_error(self):
        self.assertRaises(ZeroDivisionError, self.fail_inside)
        with self.ledger.lock(NAME, 0.05):
            pass

    def fail_inside(self):
        with self.ledger.lock(NAME, 1):
            1 / 0

    def test_no_link_is_followed(self):
        self.ledger.save(NAME, [self.user()])
        os.symlink('/etc/passwd', self.file(NAME + '.lock'))
        self.assertRaises(exceptions.StateError,
                          self.ledger.lock(NAME, 1).__enter__)

    def test_lock_file_of_another_user(self):
        self.ledger.save(NAME, [self.user()])
        with open(self.file(NAME + '.lock'), 'w'):
            pass
        real = os.open

        def denied(path, flags, *args, **kwargs):
            if path.endswith('.lock') and flags & os.O_RDWR:
                raise PermissionError(path)
            return real(path, flags, *args, **kwargs)

        with fixtures.MonkeyPatch('os.open', denied):
            with self.ledger.lock(NAME, 1):
                self.assertRaises(exceptions.StateError,
                                  self.new().lock(NAME, 0.05).__enter__)

    def test_lock_file_that_cannot_be_removed(self):
        def denied(_directory, name):
            raise PermissionError(name)

        with self.ledger.lock(NAME, 1):
            self.useFixture(fixtures.MockPatchObject(
                shared_directory.Directory, 'remove', denied))
        with self.ledger.lock(NAME, 1):
            pass


class ProcessTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.proc = self.useFixture(fixtures.TempDir()).path
        os.makedirs(self.proc + '/self/ns')
        self.enter(ledgers.INITIAL_NAMESPACE)
        # Processes that are there and not shown; they are not ours.
        self.hidden = set()
        self.useFixture(fixtures.MonkeyPatch('os.kill', self.kill))

    def kill(self, pid, signal):
        self.assertEqual(0, signal)
        if pid in self.hidden or os.path.exists('%s/%s' % (self.proc, pid)):
            raise PermissionError
        raise ProcessLookupError

    def enter(self, namespace):
        link = self.proc + '/self/ns/pid'
        if os.path.lexists(link):
            os.unlink(link)
        os.symlink(namespace, link)

    def add(self, pid, start=7, state='S', ids=None, name='a b) R 1'):
        directory = '%s/%s' % (self.proc, pid)
        os.makedirs(directory, exist_ok=True)
        with open(directory + '/stat', 'w') as stream:
            stream.write('%s (%s) %s %s %d 0 0\n' % (
                pid, name, state, ' '.join(['0'] * 18), start))
        with open(directory + '/status', 'w') as stream:
            stream.write('Name:\tx\nNSpid:\t%s\n' % (ids or pid))

    def alive(self, pid, start=7, namespace=ledgers.INITIAL_NAMESPACE):
        return ledgers.Process(pid, start, namespace).alive(self.proc)

    def test_current(self):
        me = ledgers.this_process()
        self.assertEqual(os.getpid(), me.pid)
        self.assertTrue(me.alive())

    def test_same_name_space(self):
        self.add(5)
        self.assertTrue(self.alive(5))
        self.assertFalse(self.alive(5, start=8))
        self.assertFalse(self.alive(6))
        self.add(5, state='Z')
        self.assertFalse(self.alive(5))

    def test_in_a_container_seen_from_the_host(self):
        self.add(900, ids='900\t12')
        self.assertTrue(self.alive(12, namespace='pid:[2]'))
        self.assertFalse(self.alive(12, start=8, namespace='pid:[2]'))
        self.assertFalse(self.alive(900, start=8, namespace='pid:[2]'))

    def test_hidden(self):
        """Where proc is mounted with hidepid, nothing is certain."""
        self.assertFalse(self.alive(5))
        self.hidden = {1, 5}
        self.assertTrue(self.alive(5))
        self.assertFalse(self.alive(6))
        self.assertTrue(self.alive(12, namespace='pid:[2]'))

    def test_of_another_container(self):
        self.enter('pid:[3]')
        self.assertTrue(self.alive(12, namespace='pid:[2]'))

    def test_malformed(self):
        self.add(5)
        with open(self.proc + '/5/stat', 'w') as stream:
            stream.write('5 (x) S 1')
        self.assertFalse(self.alive(5))
