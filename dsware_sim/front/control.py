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
"""The control socket, from the client's side.

A client for tests, demonstrations and the command line: synchronous, on a
unix socket, one JSON object a line. It needs the standard library only and
works under eventlet's monkey patching as well.
"""

import json
import os
import socket

READY = 'ready.json'


class ControlError(Exception):
    """The simulator refused a command, or is not there."""


class Control:
    """A running simulator, seen from outside."""

    def __init__(self, state_dir, timeout=60):
        """Prepare to talk to the simulator of a state directory.

        :param state_dir: the directory that the simulator serves
        :param timeout: seconds that one command may take
        """
        self.state_dir = os.fspath(state_dir)
        self._timeout = timeout

    def call(self, command, until_end=False, **arguments):
        """Give a command.

        :param command: its name
        :param until_end: whether to wait until the simulator has ended
        :param arguments: what it needs; values that JSON can hold
        :returns: what it answers
        :raises ControlError: no simulator is there, or it refused
        """
        line = json.dumps({'command': command, 'arguments': arguments})
        try:
            reply = json.loads(self._exchange(line.encode() + b'\n',
                                              until_end))
        except FileNotFoundError as error:
            raise ControlError('no simulator serves %s: there is no %s'
                               % (self.state_dir, error.filename or 'socket'))
        except (OSError, ValueError) as error:
            raise ControlError('no simulator answers for %s: %s' % (
                self.state_dir, getattr(error, 'strerror', None) or error))
        if 'error' in reply:
            raise ControlError(reply['error'])
        return reply['result']

    def _exchange(self, line, until_end=False):
        with open(os.path.join(self.state_dir, READY)) as ready:
            path = json.load(ready)['control']
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(self._timeout)
            connection.connect(path)
            connection.sendall(line)
            with connection.makefile('rb') as answer:
                reply = answer.readline()
                if until_end:
                    answer.read()
                return reply

    def status(self):
        """Tell what the cluster consists of.

        :returns: dict with agents, rest, pools, volumes, snapshots,
                  attachments, qos, copies, copies_paused, faults, devices,
                  protocol_errors
        """
        return self.call('status')

    def add_fault(self, **fault):
        """Switch a fault on.

        :param fault: kind, and what it needs of op, agent ('rest' for the
                      REST interface), count, seconds, code, pool;
                      see :class:`dsware_sim.front.faults.Fault`
        :returns: the fault's number
        """
        return self.call('add_fault', **fault)

    def faults(self):
        """List the faults that are switched on.

        :returns: list of dicts
        """
        return self.call('faults')

    def clear_faults(self, *numbers):
        """Switch faults off.

        :param numbers: their numbers; all faults when there is none
        """
        return self.call('clear_faults', numbers=numbers or None)

    def reset(self):
        """Empty the cluster, forget faults, counts and log."""
        return self.call('reset')

    def counts(self):
        """Count the requests seen, since the start or the last reset.

        :returns: dict of numbers by operation
        """
        return self.call('counts')

    def log(self):
        """Tell the last requests, oldest first.

        :returns: list of (agent, op, args, result); the result is None when
                  a fault kept the request from being carried out
        """
        return [tuple(entry) for entry in self.call('log')]

    def resources(self):
        """Tell what the simulator's process uses.

        :returns: dict with blocks, the number of memory blocks that Python
                  has allocated, and tasks, that of asyncio's tasks
        """
        return self.call('resources')

    def set(self, **settings):
        """Change how long copies take from now on.

        :param settings: copy_seconds, or copy_rate in MiB a second; the one
                         that is given replaces the other
        """
        return self.call('set', **settings)

    def agent_down(self, address):
        """Let an agent stop listening, and cut its connections.

        :param address: its IP address
        """
        return self.call('agent_down', address=address)

    def agent_up(self, address):
        """Let an agent listen again.

        :param address: its IP address
        """
        return self.call('agent_up', address=address)

    def set_passwords(self, *passwords, keep_sessions=True):
        """Change what clients sign in with.

        :param passwords: those that are accepted from now on
        :param keep_sessions: whether who is signed in stays so
        """
        return self.call('set_passwords', passwords=passwords,
                         keep_sessions=keep_sessions)

    def reload_tls(self):
        """Load the certificates again, for connections from now on."""
        return self.call('reload_tls')

    def set_rest(self, **settings):
        """Change how the REST interface behaves, until a reset.

        :param settings: new values; see
                         :class:`dsware_sim.front.rest.behaviour.Behaviour`
        """
        return self.call('set_rest', **settings)

    def expire_tokens(self):
        """End all tokens of the REST interface."""
        return self.call('expire_tokens')

    def unlock_addresses(self):
        """Let those sign in over REST again whose passwords were refused."""
        return self.call('unlock_addresses')

    def pause_copies(self):
        """Let no copy end, so that copying states can be looked at."""
        return self.call('pause_copies')

    def resume_copies(self):
        """Let copies end again."""
        return self.call('resume_copies')

    def fill_pool(self, pool_id, free=0):
        """Make a pool full.

        :param pool_id: its number
        :param free: MiB to leave; None takes the filling away
        """
        return self.call('fill_pool', pool_id=pool_id, free=free)

    def stop(self):
        """Stop the simulator; returns when it is gone."""
        return self.call('stop', until_end=True)
