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
"""Starts simulators for tests."""

import itertools
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile

from dsware_sim.front import control
from dsware_sim.host import devices

_START_TIMEOUT = 60
_STOP_TIMEOUT = 60


class SimulatorError(Exception):
    """The simulator did not start."""


class _Addresses:
    """Chooses loopback addresses that no other test process chooses."""

    def __init__(self):
        self._numbers = itertools.count()

    def take(self):
        # The process's number in the middle octets; 127.0.x.y is left to
        # everyone else. The last octet is neither 0 nor 255.
        number = next(self._numbers)
        high = 1 + (number // 250) % 60 + 60 * (os.getpid() >> 8 & 3)
        return '127.%d.%d.%d' % (high, os.getpid() & 255, 2 + number % 250)


_ADDRESSES = _Addresses()


def _join(address, port):
    return '%s:%d' % ('[%s]' % address if ':' in address else address, port)


class Simulator:
    """A simulator in a process of its own.

    Attributes, once it is started: ``agents``, a list of (address, port);
    ``control``, a :class:`dsware_sim.front.control.Control`; ``bin``, the
    directory of fsc_cli; ``by_id``, the directory of by-id links;
    ``devices``, 'loop' or 'file'; ``state_dir``; ``ready``, the whole ready
    line; ``pid``; ``rest``, the URL of the REST interface, or None.
    """

    def __init__(self, state_dir=None, agents=2, pools=None, tls=None,
                 user=None, password=None, single_pool=False, devices='auto',
                 copy_seconds=0, copy_rate=None, rest=False):
        """Describe a simulator; :meth:`start` or ``with`` starts it.

        :param state_dir: the state directory; a temporary one, which stop
                          removes, by default
        :param agents: how many agents, or a list of (address, port)
        :param pools: dict of sizes in GiB by number, {0: 1024, 1: 1024} by
                      default; an older cluster has pool 0 only
        :param tls: dict with cert, key and maybe client_ca (paths), or None;
                    only_rest: True for agents without TLS
        :param user: user name that clients sign in with, or None
        :param password: the password that goes with it
        :param single_pool: whether to be an older cluster
        :param devices: 'auto', 'loop' or 'file'
        :param copy_seconds: how long each copy takes
        :param copy_rate: MiB a second, instead of copy_seconds
        :param rest: whether to serve the REST interface, or its (address,
                     port)
        """
        self._temporary = state_dir is None
        if state_dir is None:
            state_dir = tempfile.mkdtemp(prefix='dsim-')
        self.state_dir = os.path.realpath(state_dir)
        if isinstance(agents, int):
            agents = [(_ADDRESSES.take(), 0) for _ in range(agents)]
        self.agents = [tuple(agent) for agent in agents]
        if pools is None:
            pools = {0: 1024} if single_pool else {0: 1024, 1: 1024}
        self._pools = pools
        self._tls = tls or {}
        self._user = user
        self._password = password
        self._single_pool = single_pool
        self._devices = devices
        self._copy_seconds = copy_seconds
        self._copy_rate = copy_rate
        if rest is True:
            rest = _ADDRESSES.take(), 0
        self._rest = rest
        self.rest = None
        self.process = None
        self.ready = None
        self.pid = None
        self.devices = None
        self.bin = os.path.join(self.state_dir, 'bin')
        self.by_id = None
        self.control = control.Control(self.state_dir)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc_info):
        self.stop()

    def start(self):
        """Start the process and wait until it answers.

        :returns: the simulator itself
        :raises SimulatorError: it did not start; the message has what it
                                said
        """
        os.makedirs(self.state_dir, 0o700, exist_ok=True)
        log = os.path.join(self.state_dir, 'log')
        with open(log, 'ab') as errors:
            self.process = subprocess.Popen(
                self._command(), stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=errors, cwd='/',
                env=self._environment())
        line = b''
        if select.select([self.process.stdout], [], [], _START_TIMEOUT)[0]:
            line = self.process.stdout.readline()
        if not line:
            self.kill()
            with open(log) as errors:
                raise SimulatorError('the simulator did not start: %s'
                                     % errors.read()[-2000:])
        self._set_ready(json.loads(line))
        return self

    def stop(self):
        """Stop the process, remove its devices and temporary state."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(_STOP_TIMEOUT)
            self._close()
        if self.devices == 'loop':
            # After a kill nobody else removes them.
            self._remove_devices()
        if self.ready is not None:
            # It may be outside the state directory.
            shutil.rmtree(os.path.dirname(self.ready['control']),
                          ignore_errors=True)
        if self._temporary:
            shutil.rmtree(self.state_dir, ignore_errors=True)

    def kill(self):
        """Kill the process, as a power failure of its host does."""
        self.process.kill()
        self.process.wait(_STOP_TIMEOUT)
        self._close()

    def restart(self):
        """Stop the process, if it runs, and start it again as it was."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(_STOP_TIMEOUT)
            self._close()
        self.start()

    def _close(self):
        self.process.stdout.close()
        self.process.stdin.close()
        self.process = None

    def _set_ready(self, ready):
        self.ready = ready
        self.agents = [tuple(agent) for agent in ready['agents']]
        self.bin = ready['bin']
        self.by_id = ready['by_id']
        self.devices = ready['devices']
        self.pid = ready['pid']
        self.rest = ready['rest']
        if self.rest is not None:
            # The same again after a restart, as agents do.
            self._rest = self._rest[0], int(self.rest.rpartition(':')[2])

    @property
    def manager(self):
        """Address and port of the REST interface; only with ``rest``."""
        return self._rest

    def _environment(self):
        root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        paths = [root, os.environ.get('PYTHONPATH')]
        return {**os.environ, 'PYTHONPATH': os.pathsep.join(
            path for path in paths if path)}

    def _command(self):
        # With nothing of site-packages it starts in half the time; only REST
        # needs something that is there.
        command = [sys.executable, *(() if self._rest else ('-S',)),
                   '-m', 'dsware_sim', 'serve',
                   '--state', self.state_dir, '--devices', self._devices,
                   '--stop-on-eof']
        for address, port in self.agents:
            command += ['--agent', _join(address, port)]
        if self._rest:
            command += ['--rest', _join(*self._rest)]
        for pool_id, size in self._pools.items():
            command += ['--pool', '%d:%d' % (pool_id, size)]
        if self._copy_rate is not None:
            command += ['--copy-rate', str(self._copy_rate)]
        else:
            command += ['--copy-seconds', str(self._copy_seconds)]
        if self._single_pool:
            command.append('--single-pool')
        for key, path in self._tls.items():
            command += ['--tls-' + key.replace('_', '-')]
            command += [path] if path is not True else []
        if self._user is not None:
            command += ['--user', self._user,
                        '--password-file', self._password_file()]
        return command

    def _password_file(self):
        path = os.path.join(self.state_dir, 'password')
        with open(path, 'w') as password_file:
            os.fchmod(password_file.fileno(), 0o600)
            password_file.write(self._password + '\n')
        return path

    def _remove_devices(self):
        loops = devices.LoopDevices()
        paths = set()
        for device, _ in list(devices.loops_below(
                os.path.join(self.state_dir, 'data'))):
            loops.detach(device, force=True)
            paths.add(device)
        for entry in os.listdir(self.by_id):
            link = os.path.join(self.by_id, entry)
            if os.path.islink(link) and os.readlink(link) in paths:
                os.unlink(link)
