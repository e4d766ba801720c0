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

"""The connector's process is killed at every step of what it does.

A step is a command that has ended, or a record that has been written: what
others can see. How many there are is counted first. After each death the
host is repaired as an operator does it; what is attached and recorded then is
what those need who still live, and everything can be done again.
"""

import os
import signal
import sys
import traceback

import testtools

from dsware_doctor.tests import test_host_simulator
from dsware_sim.host import devices as simulated_devices
from os_brick_dsware import ledger as ledgers
from os_brick_dsware.tests import test_simulator

NAME = test_simulator.NAME
MIB = test_simulator.MIB
INSTANCE = test_host_simulator.INSTANCE
PATTERN = b'what nobody may lose'
# More than any operation has.
MOST = 40


class Steps:
    """Counts steps, and ends the process after so many.

    :param last: how many; None for no end
    """

    def __init__(self, last=None):
        self.count = 0
        self._last = last

    def begin(self):
        """Kill the process at once if that is the step."""
        self._end_if_due()

    def watch(self, call):
        """Let what a function does be a step.

        :param call: the function
        :returns: a function that does the same
        """
        def watched(*args, **kwargs):
            try:
                return call(*args, **kwargs)
            finally:
                self.count += 1
                self._end_if_due()
        return watched

    def _end_if_due(self):
        if self.count == self._last:
            os.kill(os.getpid(), signal.SIGKILL)


class CrashTests:

    def in_child(self, job, last):
        """Do something in a process of its own, which is killed.

        :param job: a function of a connector
        :param last: the number of steps after which it is killed
        :returns: whether it was, and else its exit status
        """
        pid = os.fork()
        if not pid:
            status = 1
            try:
                steps = Steps(last)
                made = self.connector_class(
                    'sudo', execute=steps.watch(test_simulator.execute))
                ledgers.Ledger.save = steps.watch(
                    ledgers.Ledger.save)
                steps.begin()
                job(made)
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(status)
        _pid, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status):
            return True
        self.assertEqual(0, status)
        return False

    def check_each_step(self, job, prepare, after, least):
        """Kill a process at each step of a job.

        :param job: what the process does
        :param prepare: called before each time
        :param after: called with the number of the step after each death
        :param least: how many steps there are at least
        """
        for last in range(MOST):
            prepare()
            if not self.in_child(job, last):
                self.assertLessEqual(least, last)
                self.start_again()
                return
            after(last)
            self.start_again()
        self.fail('it does not end')

    def write(self):
        """Attach the volume, mark it, and detach it."""
        with open(self.connect('writes'), 'r+b') as device:
            device.write(PATTERN)
        self.disconnect('writes')

    def start_again(self):
        """Show that all can be done again, and that nothing is left."""
        self.repair()
        for token in self.tokens():
            self.disconnect(token)
        self.assert_users()
        with open(self.connect('again'), 'rb') as device:
            self.assertEqual(PATTERN, device.read(len(PATTERN)))
        self.disconnect('again')
        self.assert_users()

    def tokens(self):
        return {user.token for user in self.connector._ledger().users(NAME)}

    def assert_users(self, *tokens):
        """Check who uses the volume, and whether it is attached."""
        self.assertEqual(set(tokens), self.tokens())
        self.assertEqual(bool(tokens), bool(self.attached()))

    def assert_repaired(self, *tokens):
        found = self.repair()
        self.assertEqual([], found['problems'])
        self.assert_users(*tokens)

    # -- operations -------------------------------------------------------

    def test_connect(self):
        properties = self.properties('dies')
        self.write()
        self.check_each_step(
            lambda made: made.connect_volume(properties), lambda: None,
            lambda last: self.assert_repaired(), 3)

    def test_connect_what_another_uses(self):
        properties = self.properties('dies')
        self.write()
        self.check_each_step(
            lambda made: made.connect_volume(properties),
            lambda: self.connect('lives'),
            lambda last: self.assert_repaired('lives'), 2)

    def test_connect_for_an_instance(self):
        """Once Nova has the path the instance may have the device."""
        properties = {**self.properties('vm'), 'dsware_user_kind': 'instance',
                      'dsware_instance': INSTANCE}
        self.write()

        def after(last):
            users = self.connector._ledger().users(NAME)
            told = [user.token for user in users if user.path]
            self.assert_repaired(*told)
            # Nova tries again.
            self.connector.connect_volume(properties)
            self.assert_users('vm')

        self.check_each_step(
            lambda made: made.connect_volume(properties), lambda: None,
            after, 3)

    def test_disconnect(self):
        properties = self.properties('dies')
        self.write()

        def job(made):
            made.connect_volume(properties)
            made.disconnect_volume(properties, None)

        self.check_each_step(job, lambda: None,
                             lambda last: self.assert_repaired(), 6)

    def test_disconnect_what_another_uses(self):
        properties = self.properties('dies')
        self.write()

        def job(made):
            made.connect_volume(properties)
            made.disconnect_volume(properties, None)

        self.check_each_step(job, lambda: self.connect('lives'),
                             lambda last: self.assert_repaired('lives'), 4)

    def test_disconnect_is_repeated(self):
        """Without a repair: who comes next clears up."""
        properties = self.properties('instance')
        self.write()

        def after(last):
            self.disconnect('instance')
            self.assert_users()

        self.check_each_step(
            lambda made: made.disconnect_volume(properties, None),
            lambda: self.connector.connect_volume(
                {**properties, 'dsware_user_kind': 'instance'}),
            after, 3)

    def test_extend(self):
        properties = self.properties('lives')
        self.write()
        size = [4]

        def prepare():
            self.connect('lives')
            size[0] += 4
            self.cli('expandVolume', volName=NAME, volSize=size[0])

        def after(last):
            self.assert_repaired('lives')
            self.assertEqual(size[0] * MIB,
                             self.connector.extend_volume(properties))

        self.check_each_step(lambda made: made.extend_volume(properties),
                             prepare, after, 1)


class CrashTestCase(CrashTests, test_host_simulator.HostCheckTestCase):
    """With plain files that stand for devices."""


@testtools.skipUnless(
    os.environ.get('DSWARE_TEST_CRASHES') == 'all'
    and simulated_devices.have_loop_devices(),
    'the long form, which needs loop devices: DSWARE_TEST_CRASHES=all')
class LoopCrashTestCase(CrashTests,
                        test_host_simulator.HostCheckTestCase):
    """With block devices."""

    devices = 'loop'
