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

"""Random users, faults and deaths: the rules of sharing hold all the same."""

import os
import shutil
import tempfile

import hypothesis
from hypothesis import stateful
from hypothesis import strategies
from os_brick import exception
from oslo_config import cfg

from os_brick_dsware import host_volume
from os_brick_dsware import ledger as ledgers
from os_brick_dsware import properties
from os_brick_dsware.tests import fakes

TOKENS = strategies.sampled_from(('a', 'b', 'c', 'missing'))
EVENTS = strategies.lists(strategies.sampled_from((
    'lost', 'hang', 'garbage', 'failed', 50150016, 50150017, 50150009,
    50150013, 61616161)), max_size=2)
BOOL = strategies.booleans()


class SharingMachine(stateful.RuleBasedStateMachine):
    """The model: who uses the volume, and who was killed using it."""

    @stateful.initialize(wwn=BOOL, tells=BOOL)
    def start(self, wwn, tells):
        self.directory = tempfile.mkdtemp()
        os.mkdir(self.directory + '/lock')
        self.cluster = fakes.FakeCluster(self.directory + '/host')
        self.wwn = fakes.WWN if wwn else ''
        self.cluster.add(wwn=self.wwn)
        self.cluster.tells_device = tells
        self.host = fakes.FakeDevices(self.cluster.root)
        self.users = set()
        self.killed = set()
        # A forced detach may leave the volume attached.
        self.left = False

    def connector(self):
        made = fakes.QuickConnector('sudo', execute=self.cluster.execute)
        made.cluster, made.host = self.cluster, self.host
        made.waits = fakes.waiting.Waits(0, 0, 0, 0, 0, 0, 5)
        cfg.CONF.set_override('lock_path', self.directory + '/lock',
                              'os_brick')
        return made

    def properties(self, token):
        found = {'volume_name': fakes.NAME, 'wwn': self.wwn,
                 'manager_ip': '10.0.0.1', 'agent_ip': '127.0.1.1'}
        if token != 'missing':
            found['attachment'] = token
        return found

    @stateful.rule(token=TOKENS, events=EVENTS)
    def connect(self, token, events):
        self.cluster.script = {'attachVolume': list(events)}
        try:
            path = self.connector().connect_volume(
                self.properties(token))['path']
        except exception.BrickException:
            assert events or self.left
        else:
            assert os.path.realpath(path) in self.cluster.attached.values()
            self.users.add(token)
            self.killed.discard(token)
        self.cluster.script = {}

    @stateful.rule(token=TOKENS, events=EVENTS, force=BOOL)
    def disconnect(self, token, events, force):
        self.cluster.script = {'detachVolume': list(events)}
        others = self.users - {token} - self.killed
        try:
            self.connector().disconnect_volume(
                self.properties(token), None, force=force)
        except exception.BrickException:
            assert events and not others
            if force:
                self.forget(token)
        else:
            if not others and not self.cluster.attached:
                self.left = False
                self.users -= self.killed
                self.killed.clear()
            self.users.discard(token)
            self.killed.discard(token)
            if not others and self.cluster.attached:
                assert force and events
                self.forget(token)
        self.cluster.script = {}

    def forget(self, token):
        self.users -= self.killed | {token}
        self.killed.clear()
        self.left = bool(self.cluster.attached)

    @stateful.rule(tokens=strategies.lists(TOKENS, max_size=2), events=EVENTS)
    def clear(self, tokens, events):
        """An operator has removed what users who were killed left."""
        for token in tokens:
            self.kill(token)
        self.cluster.script = {'detachVolume': list(events)}
        made = self.connector()
        ledger = made._ledger()
        connection = properties.Connection.from_dict(self.properties('a'))
        left = host_volume.HostVolume(
            connection, made._program(made._target(connection)), ledger,
            self.host, made._run_as_root, made.waits)
        try:
            left.clear(ledger.gone)
        except exception.BrickException:
            assert events or not self.wwn
        else:
            assert not any(map(ledger.gone, ledger.users(fakes.NAME)))
            self.users -= self.killed
            self.killed.clear()
            self.left = self.left and bool(self.cluster.attached)
        self.cluster.script = {}

    @stateful.rule(token=TOKENS)
    def kill(self, token):
        """The process of a user dies."""
        ledger = self.connector()._ledger()
        dead = ledgers.Process(2 ** 30, 1, ledgers.this_process().namespace)
        ledger.save(fakes.NAME, [
            ledgers.User(**{**vars(user), 'process': dead})
            if user.token == token.replace('missing', '') else user
            for user in ledger.users(fakes.NAME)])
        if token in self.users:
            self.killed.add(token)

    @stateful.rule()
    def boot(self):
        """The host is booted: no process and no attachment is left."""
        for device in list(self.cluster.attached.values()):
            self.cluster.remove_node(device)
        self.cluster.attached.clear()
        ledger = self.connector()._ledger()
        if os.path.isdir(ledger.this_boot):
            os.rename(ledger.this_boot, ledger.directory + '/earlier')
        self.users.clear()
        self.killed.clear()
        self.left = False

    @stateful.invariant()
    def it_stays_attached_while_it_is_used(self):
        assert not self.users - self.killed or self.cluster.attached

    @stateful.invariant()
    def every_user_is_recorded(self):
        recorded = {user.token or 'missing' for user
                    in self.connector()._ledger().users(fakes.NAME)
                    if user.kind != ledgers.LEFTOVER}
        assert self.users - self.killed <= recorded

    @stateful.invariant()
    def nothing_is_attached_without_a_record(self):
        assert not self.cluster.attached or (
            self.connector()._ledger().users(fakes.NAME))

    def teardown(self):
        cfg.CONF.clear_override('lock_path', 'os_brick')
        if hasattr(self, 'directory'):
            shutil.rmtree(self.directory)


RandomTestCase = SharingMachine.TestCase
RandomTestCase.settings = hypothesis.settings(
    max_examples=60, stateful_step_count=25, deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck))
