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

"""The directory of the records is for all services, and for nobody else."""

import fcntl
import os
import stat
import subprocess
import traceback

import fixtures
import testtools

from os_brick_dsware import exceptions
from os_brick_dsware import ledger as ledgers

NAME = 'volume-1'
CINDER, NOVA, MALLORY = 4001, 4002, 4009
#: A group that CINDER and NOVA are in.
TOGETHER = 4242
#: Seconds after which something is taken to hang.
HANGS = 20


class UsersTestCase(testtools.TestCase):
    """Acts for several users of a host, each in a process of its own."""

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest('only root can act for other users')
        self.useFixture(fixtures.Timeout(HANGS, gentle=True))
        # Each of them has to be able to enter it.
        self.top = self.useFixture(fixtures.TempDir(
            rootdir=os.environ.get('TMPDIR', '/tmp'))).path
        os.chmod(self.top, 0o755)
        self.locks = os.path.join(self.top, 'locks')

    def make_locks(self, uid, gid, mode):
        os.mkdir(self.locks)
        os.chown(self.locks, uid, gid)
        os.chmod(self.locks, mode)
        return self.ledger()

    def ledger(self, path=None):
        return ledgers.Ledger(
            os.path.join(path or self.locks, 'dsware'), 'b1')

    def path(self, *names):
        return os.path.join(self.locks, 'dsware', *names)

    def join(self, ledger, token='t'):
        """Record one more user."""
        with ledger.lock(NAME, 5):
            ledger.save(NAME, ledger.users(NAME) + [ledgers.User(
                token, ledgers.INSTANCE, ledgers.this_process(),
                '127.0.0.1')])

    def act(self, uid, call, *args):
        """Do something for a user.

        :returns: what it returned or raised, as text
        """
        groups = [TOGETHER] if uid in (CINDER, NOVA) else []
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            self.act_here(uid, groups, writer, call, *args)
        os.close(writer)
        with os.fdopen(reader) as stream:
            told = stream.read()
        os.waitpid(child, 0)
        return told

    @staticmethod
    def act_here(uid, groups, writer, call, *args):
        try:
            os.umask(0o022)
            if uid:
                os.setgroups(groups)
                os.setgid(uid)
                os.setuid(uid)
            told = str(call(*args))
        except Exception as exc:
            told = '%s: %s' % (type(exc).__name__, exc)
        except BaseException:
            told = traceback.format_exc()
        os.write(writer, told.encode())
        os._exit(0)

    def tokens(self, ledger):
        return [user.token for user in ledger.users(NAME)]

    def mode(self, *names):
        return stat.S_IMODE(os.stat(self.path(*names)).st_mode)

    def assert_all_join(self, users):
        ledger = self.ledger()
        for number, uid in enumerate(users):
            self.assertEqual('None', self.act(
                uid, self.join, ledger, str(number)))
        self.assertEqual([str(number) for number in range(len(users))],
                         self.tokens(ledger))
        self.assertEqual([], [path for path in os.listdir(self.path('b1'))
                              if path.startswith(NAME)
                              and self.mode('b1', path) & 0o007])

    def forget(self):
        subprocess.run(['rm', '-r', self.locks], check=True)

    def earlier_version(self, uid, mode=0o755):
        os.makedirs(self.path('b1'))
        with open(self.path('b1', '.host'), 'w'):
            pass
        for names in ((), ('b1',)):
            os.chown(self.path(*names), uid, uid)
            os.chmod(self.path(*names), mode)


class WhoeverComesFirstTestCase(UsersTestCase):

    def test_root_and_one_service(self):
        for users in ((0, CINDER, 0), (CINDER, 0, CINDER)):
            self.make_locks(CINDER, CINDER, 0o755)
            self.assert_all_join(users)
            self.assertEqual(0o700, self.mode())
            self.assertEqual(0o600, self.mode('b1', NAME + '.json'))
            self.forget()

    def test_root_and_two_services(self):
        for owner, mode in ((0, 0o2770), (CINDER, 0o2770), (0, 0o770)):
            for users in ((0, CINDER, NOVA, 0), (CINDER, 0, NOVA, CINDER),
                          (NOVA, CINDER, 0, NOVA)):
                self.make_locks(owner, TOGETHER, mode)
                self.assert_all_join(users)
                self.assertEqual(0o2770, self.mode())
                self.assertEqual(0o660, self.mode('b1', NAME + '.json'))
                self.forget()

    def test_service_makes_it_where_it_may(self):
        self.locks = os.path.join(self.top, 'state', 'locks')
        os.mkdir(os.path.dirname(self.locks))
        os.chown(os.path.dirname(self.locks), CINDER, CINDER)
        self.assert_all_join((CINDER, 0, CINDER))

    def test_root_gives_away_what_an_earlier_version_made(self):
        self.make_locks(CINDER, CINDER, 0o755)
        self.earlier_version(0)
        self.assert_all_join((0, CINDER))

    def test_made_narrow(self):
        """By who may."""
        ledger = self.make_locks(CINDER, TOGETHER, 0o2775)
        self.earlier_version(CINDER, 0o2775)
        os.chown(self.path(), CINDER, TOGETHER)
        os.chown(self.path('b1'), CINDER, TOGETHER)
        self.assertEqual('None', self.act(NOVA, self.join, ledger))
        self.assertEqual(0o2775, self.mode())
        self.assertEqual('None', self.act(CINDER, self.join, ledger, 'two'))
        self.assertEqual([0o2770] * 2, [self.mode(), self.mode('b1')])

    def test_given_to_a_group_by_hand(self):
        ledger = self.make_locks(0, 0, 0o755)
        os.mkdir(self.path())
        os.chown(self.path(), NOVA, TOGETHER)
        os.chmod(self.path(), 0o2770)
        for uid in (0, CINDER, NOVA):
            self.assertEqual('None', self.act(uid, self.join, ledger))
        self.assertEqual(0o2770, self.mode())


class AttacksTestCase(UsersTestCase):
    """What another user of the host may try."""

    def setUp(self):
        super().setUp()
        self.victim = os.path.join(self.top, 'victim')
        os.mkdir(self.victim)
        os.chmod(self.victim, 0o777)

    def refused(self, call, *args):
        return self.assertRaises(exceptions.StateError, call, *args)

    def assert_untouched(self):
        self.assertEqual([], os.listdir(self.victim))

    def test_holds_a_lock(self):
        for owner, mode in ((CINDER, 0o755), (0, 0o2770)):
            ledger = self.make_locks(owner, TOGETHER, mode)
            self.act(CINDER, self.join, ledger)
            with ledger.lock(NAME, 1):
                for path in (self.path('b1', NAME + '.lock'),
                             self.path('b1', NAME + '.json'),
                             self.path('b1'), self.path()):
                    self.assertIn('PermissionError', self.act(
                        MALLORY, self.hold, path))
            subprocess.run(['rm', '-r', self.locks], check=True)

    def hold(self, path):
        fcntl.flock(os.open(path, os.O_RDONLY), fcntl.LOCK_SH)

    def test_pipe_as_a_record(self):
        ledger = self.make_locks(0, 0, 0o700)
        self.join(ledger)
        os.unlink(self.path('b1', NAME + '.json'))
        os.mkfifo(self.path('b1', NAME + '.json'))
        self.assertIn('is not a regular file',
                      str(self.refused(ledger.users, NAME)))

    def test_pipe_as_a_lock(self):
        ledger = self.make_locks(0, 0, 0o700)
        self.join(ledger)
        os.unlink(self.path('b1', NAME + '.lock'))
        os.mkfifo(self.path('b1', NAME + '.lock'))
        self.assertIn('is not a regular file',
                      str(self.refused(self.join, ledger)))

    def test_pipe_as_the_name_of_a_host(self):
        ledger = self.make_locks(0, 0, 0o700)
        os.makedirs(self.path('b0'))
        os.mkfifo(self.path('b0', '.host'))
        self.join(ledger)
        self.assertEqual(['.host'], os.listdir(self.path('b0')))

    def test_record_of_somebody_else(self):
        ledger = self.make_locks(0, 0, 0o700)
        self.join(ledger)
        os.chown(self.path('b1', NAME + '.json'), MALLORY, MALLORY)
        self.refused(ledger.users, NAME)

    def test_directory_is_swapped(self):
        """For a link, by who may write in a directory above."""
        for swapped in ('dsware', 'dsware/b1'):
            ledger = self.make_locks(CINDER, CINDER, 0o755)
            self.act(CINDER, self.join, ledger)
            path = os.path.join(self.locks, swapped)
            os.rename(path, os.path.join(self.top, 'away'))
            os.symlink(self.victim, path)
            for call in (self.join, self.read):
                self.assertIn('Not a directory',
                              str(self.refused(call, ledger)))
            self.assertEqual([], ledger.volumes())
            self.assert_untouched()
            subprocess.run(['rm', '-r', self.locks, self.top + '/away'],
                           check=True)

    def read(self, ledger):
        return ledger.users(NAME)

    def test_links_to_files(self):
        ledger = self.make_locks(CINDER, CINDER, 0o755)
        secret = os.path.join(self.victim, 'file')
        with open(secret, 'w') as stream:
            stream.write('secret')
        os.makedirs(self.path('b1'))
        for name in ('.host', NAME + '.json', NAME + '.lock'):
            os.symlink(secret, self.path('b1', name))
        self.refused(self.join, ledger)
        self.refused(ledger.users, NAME)
        os.unlink(self.path('b1', NAME + '.lock'))
        with ledger.lock(NAME, 1):
            ledger.save(NAME, [])
        with open(secret) as stream:
            self.assertEqual('secret', stream.read())
        self.assertEqual((0, 0o644), (os.stat(secret).st_uid,
                                      os.stat(secret).st_mode & 0o777))

    def test_boot_of_yesterday_is_a_link(self):
        ledger = self.make_locks(CINDER, CINDER, 0o755)
        with open(self.victim + '/.host', 'w') as stream:
            stream.write(os.uname().nodename)
        os.mkdir(self.path())
        os.symlink(self.victim, self.path('b0'))
        self.join(ledger)
        self.assertEqual(['.host'], os.listdir(self.victim))

    def make_sticky(self):
        sticky = os.path.join(self.top, 'tmp')
        os.mkdir(sticky)
        os.chmod(sticky, 0o1777)
        return sticky

    def test_made_before_us_where_everybody_may(self):
        """The directory, the one that it is in, a link to either."""
        for made, lock_path in (
                ('mkdir dsware', ''), ('mkdir -m 777 locks', 'locks'),
                ('mkdir -p a/locks', 'a/locks'),
                ('ln -s %s dsware', ''), ('ln -s %s locks', 'locks'),
                ('mkdir a; ln -s ../../victim a/locks', 'a/locks')):
            sticky = self.make_sticky()
            self.act(MALLORY, os.system, 'cd %s; %s' % (
                sticky, made.replace('%s', self.victim)))
            ledger = self.ledger(os.path.join(sticky, lock_path))
            for uid in (0, CINDER):
                told = self.act(uid, self.join, ledger)
                self.assertIn('StateError', told, made)
            self.assert_untouched()
            subprocess.run(['rm', '-r', sticky], check=True)

    def test_made_by_us_where_everybody_may(self):
        for uid in (0, CINDER):
            sticky = self.make_sticky()
            ledger = self.ledger(sticky)
            for _time in range(2):
                self.assertEqual('None', self.act(uid, self.join, ledger))
            subprocess.run(['rm', '-r', sticky], check=True)
