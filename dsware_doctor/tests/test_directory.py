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

"""What is wrong with the directory of the records, and what mends it."""

import os
import re
import subprocess

from dsware_doctor.host import directory
from os_brick_dsware.tests import test_shared_directory

CINDER, NOVA = test_shared_directory.CINDER, test_shared_directory.NOVA
MALLORY = test_shared_directory.MALLORY
NAME = test_shared_directory.NAME
TOGETHER = test_shared_directory.TOGETHER


class WrongTestCase(test_shared_directory.UsersTestCase):

    def told(self, uid, ledger):
        """Fail to use the records, and find out why.

        :returns: what is wrong, and what mends it
        """
        self.assertIn('StateError', self.act(uid, self.join, ledger))
        return self.act(uid, self.wrong, ledger)

    @staticmethod
    def wrong(ledger):
        found = directory.wrong(ledger.this_boot, directory.current())
        return found and '%s: %s' % (found.text, found.cure)

    def test_lock_path_is_not_there(self):
        """Root would make a directory that is of no use to services."""
        for uid in (0, CINDER):
            told = self.told(uid, self.ledger())
            self.assertIn('%s, which lock_path names, does not exist'
                          % self.locks, told)
            self.assertNotIn('\n', told)
        self.mend(told)
        self.assert_all_join((0, CINDER, 0))

    def test_service_may_not_write(self):
        self.make_locks(0, 0, 0o755)
        told = self.told(CINDER, self.ledger())
        self.assertIn('%s belongs to root:root, mode 755: %d cannot write '
                      'there' % (self.locks, CINDER), told)
        self.mend(told)
        self.assert_all_join((CINDER, 0, CINDER))

    def test_service_is_not_in_the_group(self):
        self.make_locks(0, TOGETHER, 0o2770)
        told = self.told(MALLORY, self.ledger())
        self.assertIn('`usermod -aG %d %d`' % (TOGETHER, MALLORY), told)

    def test_earlier_version_made_it_for_root(self):
        for owner, group, mode in ((CINDER, CINDER, 0o755),
                                   (0, TOGETHER, 0o2770)):
            ledger = self.make_locks(owner, group, mode)
            self.earlier_version(0)
            told = self.told(CINDER, ledger)
            self.mend(told)
            self.assert_all_join((CINDER, 0, CINDER))
            self.forget()

    def mend(self, told):
        """Do what the message says."""
        command, = re.findall('`([^`]*)`', told)
        subprocess.run(['sh', '-c', command], check=True)

    def test_nothing_is_wrong(self):
        ledger = self.make_locks(0, TOGETHER, 0o2770)
        self.assert_all_join((0, CINDER, NOVA))
        for uid in (0, CINDER, NOVA):
            account = directory.Account(
                str(uid), uid, frozenset([uid, TOGETHER]))
            self.assertIsNone(directory.wrong(ledger.this_boot, account))

    def test_open_to_others(self):
        ledger = self.make_locks(CINDER, TOGETHER, 0o2775)
        self.earlier_version(CINDER, 0o2775)
        os.chown(self.path(), CINDER, TOGETHER)
        os.chown(self.path('b1'), CINDER, TOGETHER)
        self.assertIn('open to everybody on this host', self.wrong(ledger))
        self.act(CINDER, self.join, ledger)
        self.assertIsNone(self.wrong(ledger))

    def test_pipe_as_a_record(self):
        ledger = self.make_locks(0, 0, 0o700)
        self.join(ledger)
        os.unlink(self.path('b1', NAME + '.json'))
        os.mkfifo(self.path('b1', NAME + '.json'))
        self.assertIn('`rm -r -- %s`' % self.path('b1', NAME + '.json'),
                      self.wrong(ledger))

    def test_where_everybody_may_write(self):
        sticky = os.path.join(self.top, 'tmp')
        os.mkdir(sticky)
        os.chmod(sticky, 0o1777)
        ledger = self.ledger(sticky)
        self.join(ledger)
        self.assertIn('open to everybody', self.wrong(ledger))
        self.act(MALLORY, os.mkdir, sticky + '/locks')
        ledger = self.ledger(sticky + '/locks')
        told = self.told(0, ledger)
        self.assertIn('somebody else has made it', told)
        self.assertIn('`', told)

    def test_other_boots(self):
        ledger = self.make_locks(0, 0, 0o700)
        self.join(ledger)
        os.mkdir(self.path('b0'))
        os.mkfifo(self.path('b0', '.host'))
        os.symlink(self.path('b0'), self.path('b2'))
        self.assertEqual({self.path('b0'): None},
                         directory.other_boots(ledger))
        directory.forget(ledger, [self.path('b0')])
        self.assertEqual(['b1', 'b2'], sorted(os.listdir(self.path())))
