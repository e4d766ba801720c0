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
"""The server: joins all the parts into one process."""

import asyncio
import concurrent.futures
import contextlib
import gc
import json
import os
import secrets
import shutil
import signal
import stat
import tempfile

from dsware_sim.cluster import copies
from dsware_sim.cluster import data
from dsware_sim.cluster import engine
from dsware_sim.cluster import state as state_
from dsware_sim.cluster import store
from dsware_sim.cluster import worker
from dsware_sim.front import agent as agent_
from dsware_sim.front import control
from dsware_sim.front import control_server
from dsware_sim.front import faults
from dsware_sim.front import service
from dsware_sim.host import devices as devices_
from dsware_sim.host import fsc_cli
from dsware_sim.host import install
from dsware_sim import private

_THREADS = 4
_COPY_THREADS = 2
# A unix socket's path has at most 107 bytes; ours end in an address.
_MAX_RUN_DIR = 50
_RUN_DIR_PREFIX = 'dsware-sim-'
_DEV_BY_ID = '/dev/disk/by-id'
GIB = 1024


class Server:
    """A cluster that serves its agents."""

    def __init__(self, settings):
        """Prepare a server.

        :param settings: a :class:`dsware_sim.front.settings.Settings`
        """
        self.settings = settings
        self.directory = None
        self.agents = {}
        self.tls = None
        self.credentials = None
        self.stopping = None
        self.ready = None
        self.state = state_.State(settings.single_pool)
        self.faults = faults.Faults()
        self._threads = concurrent.futures.ThreadPoolExecutor(
            _THREADS, 'dsware-sim')
        # Long copies must not keep an attachment waiting.
        self._copy_threads = concurrent.futures.ThreadPoolExecutor(
            _COPY_THREADS, 'dsware-sim-copy')
        self._run_dir = None
        self._control = None
        self._settling = None
        self._resetting = asyncio.Lock()
        self.store = None
        self.worker = None
        self.engine = None
        self.copies = None
        self.service = None
        # The manager's REST interface, and how it behaves.
        self.rest = None
        self.behaviour = None

    async def run(self, announce, stop_on_eof=False):
        """Serve until told to stop.

        :param announce: called with the ready line's dict when requests are
                         answered
        :param stop_on_eof: whether the end of standard input means to stop
        :raises StoreError: the state directory is in use or damaged
        :raises NotPrivateError: others could get at the state directory
        """
        self.stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        if stop_on_eof:
            self._watch_input(loop)
        try:
            self._load()
            self._recover_devices()
            self._start_parts()
            await self._listen()
            # What was loaded stays: do not search it for garbage each time.
            gc.freeze()
            self.ready = self._describe()
            self._write_ready()
            announce(self.ready)
            await self.stopping.wait()
        finally:
            await self._stop()

    def _watch_input(self, loop):
        try:
            loop.add_reader(0, self._read_input)
        except PermissionError:
            raise RuntimeError('--stop-on-eof needs a pipe, a socket or a '
                               'terminal as standard input')

    def _read_input(self):
        if not os.read(0, 4096):
            asyncio.get_running_loop().remove_reader(0)
            self.stopping.set()

    def _load(self):
        self.directory = private.claim(self.settings.state)
        self.store = store.Store(os.path.join(self.directory, 'journal'))
        self.store.load(self.state)
        if self.settings.single_pool and set(self.state.pools) - {0}:
            raise RuntimeError('--single-pool: the cluster in %s has other '
                               'pools than 0' % self.directory)
        events = []
        if not self.state.cluster_id:
            events.append(['cluster', 1 + secrets.randbelow(0xffffffff), 1])
        events += [['pool', pool_id, size * GIB]
                   for pool_id, size in sorted(self.settings.pools.items())]
        self.store.append(events)
        self.state.apply(events)
        self.store.compact(self.state)
        self.store.before_write = self.faults.check_disk

    def _recover_devices(self):
        kind = self.settings.devices
        if kind == 'auto':
            kind = 'loop' if devices_.have_loop_devices() else 'file'
        elif kind == 'loop' and not devices_.have_loop_devices():
            raise RuntimeError('--devices loop: loop devices need root and '
                               '/dev/loop-control; use auto or file')
        files = data.Files(self._path('data'))
        devices = devices_.FileDevices(self._path('hosts'))
        by_id = self._path('by-id')
        other = devices_.LoopDevices()
        if kind == 'loop':
            devices, by_id, other = other, _DEV_BY_ID, devices
        # An earlier run may have had the other kind of devices.
        for device in other.existing(files.directory):
            other.detach(device, force=True)
        files.recover(self.state.by_id)
        self.worker = worker.Worker(files, devices, by_id)
        self.worker.hides = self.faults.hides_devices
        for item in self.state.by_id.values():
            self.state.set_real(item, files.allocated(item.id))

    def _start_parts(self):
        self.engine = engine.Engine(self.state, self.store, self.worker,
                                    self._threads)
        self._attach_again()
        self.copies = copies.CopyRunner(self.engine, self.worker.files,
                                        self._copy_threads, self.faults)
        self.copies.seconds = self.settings.copy_seconds
        self.copies.rate = self.settings.copy_rate
        for job in list(self.state.jobs.values()):
            self.copies.start(job)
        self.service = service.Service(self.engine, self.faults)
        self.faults.on_change = self._apply_faults

    def _attach_again(self):
        local = {address for address, _ in self.settings.agents}
        events = self.worker.make_again(self.state, local)
        if events:
            self.engine.commit(events)
        self.worker.link_all(self.state)

    async def _listen(self):
        self._run_dir = self._make_run_dir()
        if self.settings.credentials:
            self.credentials = agent_.Credentials(*self.settings.credentials)
        self.tls = self.settings.tls_context()
        context = self._replaceable(self.tls)
        for address, port in self.settings.agents:
            agent = agent_.Agent(
                address, self.service, self.credentials,
                None if self.settings.tls_only_rest else context)
            self.agents[address] = agent
            await agent.start(port, os.path.join(
                self._run_dir, fsc_cli.SOCKET_NAME % address))
        if self.settings.rest:
            await self._listen_for_rest(context)
        self._control = control_server.ControlServer(self)
        await self._control.start(self._control_path())
        install.install(self.directory, self._run_dir,
                        self.settings.agents[0][0])

    async def _listen_for_rest(self, context):
        # Not needed without it, and it needs more than Python.
        try:
            from dsware_sim.front.rest import behaviour
            from dsware_sim.front.rest import connection
            from dsware_sim.front.rest import manager
        except ModuleNotFoundError as error:
            raise RuntimeError('--rest needs %s, which is not installed: pip '
                               'install cinder-dsware[rest]' % error.name)
        self.behaviour = behaviour.Behaviour()
        self.rest = connection.Listener(*self.settings.rest, self.service,
                                        context)
        await self.rest.start(manager.Manager(self, self.behaviour))

    @property
    def listeners(self):
        """All that is connected to, by address: agents and REST.

        :returns: dict
        """
        if self.rest is None:
            return self.agents
        return {**self.agents, self.rest.address: self.rest}

    def _replaceable(self, context):
        """Make a context that stands for the current one."""
        if context is None:
            return None
        front = self.settings.tls_context()

        def take_current(connection, _name, _context):
            connection.context = self.tls

        # Called for each handshake, also without a name.
        front.sni_callback = take_current
        return front

    def reload_tls(self):
        """Load the certificates again, for connections from now on.

        :raises SettingError: a file cannot be used
        """
        self.tls = self.settings.tls_context()

    def set_passwords(self, passwords, keep_sessions):
        """Change what clients sign in with.

        :param passwords: those that are accepted from now on
        :param keep_sessions: whether who is signed in stays so
        :raises ValueError: the agents want no password
        """
        if self.credentials is None:
            raise ValueError('clients need not sign in here')
        self.credentials.passwords = tuple(passwords)
        if not keep_sessions:
            for agent in self.agents.values():
                for connection in agent.connections:
                    connection.sign_out()
            if self.rest is not None:
                self.rest.manager.sessions.end_all()

    def _make_run_dir(self):
        path = self._path('run')
        self._remove_old_run_dir()
        if len(os.fsencode(path)) > _MAX_RUN_DIR:
            path = tempfile.mkdtemp(prefix=_RUN_DIR_PREFIX)
            # For those who may look into the state directory.
            status = os.stat(self.directory)
            if status.st_mode & stat.S_IRWXG:
                os.chown(path, -1, status.st_gid)
                os.chmod(path, stat.S_IMODE(status.st_mode))
        else:
            os.makedirs(path)
        return path

    def _remove_old_run_dir(self):
        # A process that was killed leaves it, maybe outside our directory.
        shutil.rmtree(self._path('run'), ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            with open(self._path(control.READY)) as ready:
                path = os.path.dirname(json.load(ready)['control'])
            if os.path.basename(path).startswith(_RUN_DIR_PREFIX):
                shutil.rmtree(path, ignore_errors=True)

    def _control_path(self):
        return os.path.join(self._run_dir, 'control')

    def _path(self, *names):
        return os.path.join(self.directory, *names)

    def _describe(self):
        return {
            'state': self.directory,
            'agents': [[agent.address, agent.port]
                       for agent in self.agents.values()],
            'control': self._control_path(),
            'bin': self._path('bin'),
            'by_id': self.worker.by_id,
            'devices': self.worker.devices.kind,
            'pid': os.getpid(),
            'rest': self._describe_rest(),
        }

    def _describe_rest(self):
        if self.rest is None:
            return None
        host = self.rest.host
        return '%s://%s:%d' % (
            'https' if self.tls else 'http',
            '[%s]' % host if ':' in host else host, self.rest.port)

    def _write_ready(self):
        with private.replacing(self._path(control.READY), 0o644) as ready:
            ready.write(json.dumps(self.ready).encode())

    def _apply_faults(self):
        """Follow the faults that are about agents and pools."""
        for pool in self.state.pools.values():
            pool.forced_full = self.faults.full_pool(pool.id)
        self.worker.show(self.state)
        for address, agent in self.listeners.items():
            if self.faults.is_down(address):
                agent.go_down()
            elif self.faults.closes_listener(address):
                agent.close_listeners()
        # A reference keeps the task from being collected half way.
        self._settling = asyncio.get_running_loop().create_task(
            self.settle())

    async def settle(self):
        """Let the agents listen that no fault keeps from it."""
        for address, agent in self.listeners.items():
            if not (self.faults.is_down(address)
                    or self.faults.closes_listener(address)):
                await agent.go_up()

    async def reset(self):
        """Empty the cluster, and forget faults, counts and log.

        :raises Refused: the store failed
        """
        async with self._resetting:
            # Else what was held would go on.
            self.service.forget()
            self.faults.clear()
            self.copies.resume()
            await self.engine.quiesce()
            try:
                await self.copies.stop()
                await self.engine.empty()
            finally:
                self.engine.go_on()
            self.service.forget()
            if self.rest is not None:
                self.behaviour.reset()
                self.rest.manager.sessions.unlock()
            await self.settle()

    async def _stop(self):
        for agent in self.listeners.values():
            agent.go_down()
        if self._control is not None:
            self._control.close()
        if self.copies is not None:
            await self.engine.quiesce()
            await self.copies.stop()
            await self.engine.release_devices()
        self._copy_threads.shutdown()
        self._threads.shutdown()
        if self._run_dir is not None:
            shutil.rmtree(self._run_dir, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            if self.ready is not None:
                os.unlink(self._path(control.READY))
        if self.store is not None:
            self.store.close()
