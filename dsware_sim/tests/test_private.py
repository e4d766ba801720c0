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
"""What other users of the machine can do to the simulator, and see of it."""

import json
import os
import pathlib
import stat
import unittest

from dsware_sim.front import control
from dsware_sim.host import fsc_cli
from dsware_sim import private
from dsware_sim import testing
from dsware_sim.tests import base

# Somebody else; there need not be such a user.
OTHER = 64123
GROUP = 64124
SECRET = 'what root alone writes'


def as_other(action, *arguments, gid=OTHER):
    """Do something as another user.

    :param action: a function
    :param arguments: its arguments
    :param gid: the user's group
    :returns: the class of the exception that it raised, or None
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        # Nothing of the test's may go on in the child.
        try:
            os.setgroups([])
            os.setgid(gid)
            os.setuid(OTHER)
            action(*arguments)
        except BaseException as error:
            os.write(writer, type(error).__name__.encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader) as answer:
        name = answer.read()
    os.waitpid(pid, 0)
    return name or None


class ClaimTestCase(base.TestCase):
    """What may be a state directory."""

    def setUp(self):
        super().setUp()
        self.path = pathlib.Path(self.directory()).resolve()

    def refused(self, path):
        return str(self.assertRaises(private.NotPrivateError, private.claim,
                                     str(path)))

    def test_missing_directories_are_made_for_their_user_alone(self):
        path = self.path / 'one' / 'two'
        self.assertEqual(str(path), private.claim(str(path)))
        for made in (path, path.parent):
            self.assertEqual(0o700, stat.S_IMODE(made.stat().st_mode))

    def test_open_to_others(self):
        for mode in (0o755, 0o711, 0o701):
            self.path.chmod(mode)
            self.assertIn('chmod it to 700', self.refused(self.path))
        for mode in (0o770, 0o777, 0o1777):
            self.path.chmod(mode)
            self.assertIn('does not exist yet', self.refused(self.path))

    def test_open_to_its_group(self):
        self.path.chmod(0o750)
        self.assertEqual(str(self.path), private.claim(str(self.path)))

    def test_parent_that_others_can_write(self):
        (self.path / 'state').mkdir(0o700)
        self.path.chmod(0o777)
        self.assertIn('%s has mode 777' % self.path,
                      self.refused(self.path / 'state'))
        self.path.chmod(0o1777)
        private.claim(str(self.path / 'state'))

    @unittest.skipUnless(os.geteuid() == 0, 'to give it away takes root')
    def test_parent_that_a_group_can_write(self):
        self.path.chmod(0o770)
        private.claim(str(self.path / 'state'))
        os.chown(self.path, -1, GROUP)
        self.assertIn('could exchange', self.refused(self.path / 'state'))

    def test_links_of_its_user_are_followed(self):
        (self.path / 'real').mkdir(0o700)
        (self.path / 'link').symlink_to('./real')
        (self.path / 'again').symlink_to(self.path / 'link')
        self.assertEqual(str(self.path / 'real'), private.claim(
            '%s/real/../again/' % self.path))

    def test_links_in_a_circle(self):
        (self.path / 'link').symlink_to('link')
        self.assertIn('too many', self.refused(self.path / 'link'))

    def test_a_file_is_none(self):
        (self.path / 'file').write_text('')
        self.assertRaises(NotADirectoryError, private.claim,
                          str(self.path / 'file' / 'state'))

    def test_replacing_does_not_write_through_a_link(self):
        target = self.path / 'target'
        target.write_text(SECRET)
        (self.path / 'file.new').symlink_to(target)
        with private.replacing(str(self.path / 'file'), 0o755) as output:
            output.write(b'text')
        self.assertEqual(SECRET, target.read_text())
        self.assertEqual('text', (self.path / 'file').read_text())


@unittest.skipUnless(os.geteuid() == 0, 'to be another user takes root')
class AttackTestCase(base.TestCase):
    """Another user prepares the directory that root then names."""

    def setUp(self):
        super().setUp()
        self.public = pathlib.Path(self.directory()).resolve()
        self.public.chmod(0o1777)
        self.state = self.public / 'state'
        # What the other user would like to have changed.
        self.roots = pathlib.Path(self.directory()).resolve()
        self.target = self.roots / 'target'
        self.target.write_text(SECRET)
        self.target.chmod(0o600)

    def lay_links(self):
        for name in ('bin/fsc_cli.new', 'lib/fsc_cli.py', 'journal/lock',
                     'ready.json.new'):
            link = self.state / name
            link.parent.mkdir(exist_ok=True)
            link.symlink_to(self.target)
        (self.state / 'ready.json').write_text(json.dumps(
            {'control': str(self.roots / 'control')}))

    def make_and_lay_links(self):
        self.state.mkdir()
        self.lay_links()

    def check_refused(self, state, said):
        simulator = testing.Simulator(str(state), devices='file')
        # It writes its log there, which is not what is tested here.
        simulator.state_dir = self.directory()
        command = simulator._command()
        command[command.index('--state') + 1] = str(state)
        simulator._command = lambda: command
        self.addCleanup(simulator.stop)
        error = self.assertRaises(testing.SimulatorError, simulator.start)
        self.assertIn(said, str(error))
        self.assertEqual(SECRET, self.target.read_text())
        self.assertEqual(0o600, stat.S_IMODE(self.target.stat().st_mode))

    def test_directory_of_another_user(self):
        self.assertIsNone(as_other(self.make_and_lay_links))
        self.check_refused(self.state, 'belongs to user %d' % OTHER)

    def test_directory_that_all_can_write(self):
        self.state.mkdir()
        self.state.chmod(0o1777)
        self.assertIsNone(as_other(self.lay_links))
        self.check_refused(self.state, 'has mode 1777')

    def test_directory_that_all_could_write(self):
        self.state.mkdir()
        self.state.chmod(0o1777)
        self.assertIsNone(as_other(self.lay_links))
        self.state.chmod(0o700)
        self.check_refused(self.state, 'belongs to user %d' % OTHER)

    def test_links_in_directories_of_root(self):
        (self.state / 'bin').mkdir(0o700, parents=True)
        self.state.chmod(0o700)
        os.symlink(self.target, self.state / 'bin/fsc_cli.new')
        os.lchown(self.state / 'bin/fsc_cli.new', OTHER, OTHER)
        self.check_refused(self.state, 'fsc_cli.new belongs to user')

    def test_link_in_the_place_of_the_directory(self):
        self.assertIsNone(as_other(self.state.symlink_to, self.roots))
        self.check_refused(self.state, 'belongs to user %d' % OTHER)
        self.assertEqual(['target'], os.listdir(self.roots))

    def test_directory_within_one_of_another_user(self):
        self.assertIsNone(as_other(self.state.mkdir))
        (self.state / 'inner').mkdir(0o700)
        self.check_refused(self.state / 'inner', 'could lead --state')

    def test_missing_directory_within_one_of_another_user(self):
        self.assertIsNone(as_other(self.state.mkdir))
        self.check_refused(self.state / 'inner', 'could lead --state')
        self.assertEqual([], os.listdir(self.state))


@unittest.skipUnless(os.geteuid() == 0, 'to be another user takes root')
class SocketsTestCase(base.SimulatorTestCase):
    """Another user talks to a simulator that wants a password."""

    settings = {'devices': 'file', 'user': 'admin', 'password': 'p'}

    @staticmethod
    def sockets_of(simulator):
        path = simulator.ready['control']
        return [path] + [
            os.path.join(os.path.dirname(path), fsc_cli.SOCKET_NAME % address)
            for address, _port in simulator.agents]

    def check_closed(self, simulator):
        self.assertEqual('ControlError', as_other(
            control.Control(simulator.state_dir).stop))
        for path in self.sockets_of(simulator):
            self.assertEqual('PermissionError', as_other(base.Client, path))
        self.assertEqual('PermissionError', as_other(
            os.listdir, os.path.dirname(simulator.ready['control'])))

    def test_others_reach_no_socket(self):
        directory = self.directory()
        os.chmod(directory, 0o755)
        self.check_closed(self.own_simulator(state_dir=os.path.join(
            directory, 'state')))

    def test_nor_where_the_path_is_long(self):
        self.check_closed(self.own_simulator(state_dir=os.path.join(
            self.directory(), 'x' * 100)))

    def test_the_group_reaches_agents_but_not_the_control(self):
        for name in ('short', 'x' * 100):
            path = os.path.join(self.directory(), name)
            os.mkdir(path)
            os.chown(path, -1, GROUP)
            os.chmod(path, 0o750)
            os.chmod(os.path.dirname(path), 0o755)
            simulator = self.own_simulator(state_dir=path)
            control_socket, *agents = self.sockets_of(simulator)
            self.assertEqual('PermissionError', as_other(
                base.Client, control_socket, gid=GROUP))
            for agent in agents:
                self.assertIsNone(as_other(base.Client, agent, gid=GROUP))
                self.assertEqual('PermissionError',
                                 as_other(base.Client, agent))
