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

"""The cluster, the process with the driver, and what happens to them."""

import json
import os
import subprocess
import sys
import threading
import time

from dsware_sim.front import control
from dsware_sim import testing

from functional.load import resources

_AGENTS = 3
_POOL_GIB = 10 ** 6
# How long copies take: a while, so that they are waited for.
_COPY_SECONDS = 0.05
_SAMPLE_SECONDS = 1.0
# After which parts of the whole time the cluster is killed. In a short run
# it lives long enough to be judged after the last time only.
_KILLS = (0.08, 0.3)
_KILLS_OF_LONG = (0.08, 0.3, 0.65)
_LONG_MINUTES = 10
# Rounds without a kill that it takes to judge the cluster.
_LEAST_LIFE = 6
# In which part of a round an agent goes down, and comes back.
_DOWN, _UP, _KILL = 0.2, 0.45, 0.6


class ChildFailed(Exception):
    """The process with the driver ended."""


class Child:
    """The process with the driver.

    :ivar pid: its id
    """

    def __init__(self, settings, log_path):
        """Start it, and wait until it is ready.

        :param settings: see :mod:`functional.load.child`
        :param log_path: file that gets its log
        :raises ChildFailed: it ended
        """
        self._log_path = log_path
        # Fewer arenas, so that memory tells more of what is in use.
        environment = dict(os.environ, MALLOC_ARENA_MAX='2',
                           OS_CINDER_DISABLE_EVENTLET_PATCHING='' if
                           settings['threads'] == 'eventlet' else '1')
        with open(log_path, 'w') as log:
            self._process = subprocess.Popen(
                [sys.executable, '-W', 'ignore', '-m',
                 'functional.load.child', json.dumps(settings)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                env=environment, text=True)
        self.pid = self._answer()['pid']

    def call(self, command, **arguments):
        """Let it do something.

        :param command: a method of :class:`functional.load.child.Commands`
        :param arguments: its arguments
        :returns: its answer
        :raises ChildFailed: it ended
        """
        self._process.stdin.write(json.dumps([command, arguments]) + '\n')
        self._process.stdin.flush()
        return self._answer()

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            with open(self._log_path) as log:
                raise ChildFailed('the process with the driver ended with '
                                  'status %d:\n%s' % (
                                      self._process.returncode,
                                      log.read()[-4000:]))
        return json.loads(line)

    def stop(self):
        """End it."""
        self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


class Sampler(threading.Thread):
    """Looks at both processes every second."""

    def __init__(self, begin, processes):
        """Prepare; start() begins.

        :param begin: moment from which time is counted
        :param processes: functions that give process ids, by name
        """
        super().__init__(daemon=True)
        self._begin = begin
        self._processes = processes
        self._end = threading.Event()
        self.samples = []

    def run(self):
        """Look until end() is called."""
        while not self._end.wait(_SAMPLE_SECONDS):
            for name, pid in self._processes.items():
                try:
                    found = resources.of_process(pid())
                except (OSError, TypeError):
                    # It is being killed or started.
                    continue
                self.samples.append(dict(
                    found, process=name, at=time.time() - self._begin))

    def end(self):
        """Stop looking."""
        self._end.set()
        self.join()


class Load:
    """One run.

    :ivar events: what was done to the cluster: a list of dicts
    :ivar rounds: what the rounds came to
    """

    def __init__(self, options, directory):
        """Describe a run.

        :param options: minutes, volumes, workers, connections, timeout,
            round_seconds, threads, seed
        :param directory: path of a directory for everything
        """
        self._options = options
        self._directory = directory
        self._simulator = testing.Simulator(
            os.path.join(directory, 'cluster'), agents=_AGENTS,
            devices='file', copy_seconds=_COPY_SECONDS,
            pools={0: _POOL_GIB, 1: _POOL_GIB})
        self._child = None
        self._begin = None
        parts = (_KILLS if options.minutes < _LONG_MINUTES
                 else _KILLS_OF_LONG)
        self._kills = [part * options.minutes * 60 for part in parts]
        # Rounds since the cluster was started.
        self._life = 0
        self.events = []
        self.rounds = []

    def run(self):
        """Do it.

        :returns: a dict of all that was seen
        :raises ChildFailed: the process with the driver ended
        """
        with self._simulator:
            self._child = self._start_child()
            try:
                self._child.call('fill', volumes=self._options.volumes)
                samples = self._load()
            finally:
                self._child.stop()
        return {'options': vars(self._options), 'events': self.events,
                'rounds': self.rounds, 'samples': samples}

    def _start_child(self):
        options = self._options
        return Child({
            'threads': options.threads, 'workers': options.workers,
            'agents': self._simulator.agents, 'seed': options.seed,
            'connections': options.connections,
            'timeout': options.timeout,
            'directory': self._make_directory('service')},
            os.path.join(self._directory, 'service.log'))

    def _make_directory(self, name):
        path = os.path.join(self._directory, name)
        os.mkdir(path)
        return path

    def _load(self):
        self._begin = time.time()
        sampler = Sampler(self._begin, {
            'driver': lambda: self._child.pid,
            'cluster': lambda: self._simulator.process.pid})
        sampler.start()
        try:
            while not self._is_enough():
                self._round()
        finally:
            sampler.end()
        return sampler.samples

    def _is_enough(self):
        """Whether the time is over, and the cluster lived for long enough.

        A slow machine is given more time, or there was nothing to judge.
        """
        return (self._now() >= self._options.minutes * 60
                and not self._kills and self._life >= _LEAST_LIFE)

    def _now(self):
        return time.time() - self._begin

    def _round(self):
        started = self._now()
        trouble = threading.Thread(target=self._trouble)
        trouble.start()
        try:
            done = self._child.call('round',
                                    seconds=self._options.round_seconds)
        finally:
            trouble.join()
        self._make_relative(done)
        done.update(started=started, ended=self._now(),
                    pid=self._simulator.process.pid, **self._cluster())
        self._life += 1
        if self.rounds and self.rounds[-1]['pid'] != done['pid']:
            self._life = 1
        self.rounds.append(done)
        print('%4d s: round %d, %d operations, %d errors, driver %s, '
              'cluster %s' % (
                  done['ended'], len(self.rounds),
                  sum(done['operations'].values()), len(done['errors']),
                  done['resources'], done['cluster']), file=sys.stderr)

    def _make_relative(self, done):
        for error in done['errors']:
            error['started'] -= self._begin
            error['ended'] -= self._begin
        for call in done['statistics']:
            call[0] -= self._begin

    def _cluster(self):
        """What the cluster has and uses when nothing is done."""
        status = self._simulator.control.status()
        left = {what: len(status[what])
                for what in ('snapshots', 'attachments', 'qos', 'copies',
                             'protocol_errors')}
        left['volumes'] = len(status['volumes']) - self._options.volumes
        return {'left': left,
                'cluster': dict(
                    resources.of_process(self._simulator.process.pid),
                    **self._simulator.control.resources())}

    # -- trouble ----------------------------------------------------------

    def _trouble(self):
        """Take one agent down, and in some rounds kill the cluster."""
        length = self._options.round_seconds
        agents = self._simulator.agents
        address = agents[len(self.rounds) % len(agents)][0]
        begun = time.monotonic()
        kill = bool(self._kills) and (
            self._now() + _KILL * length >= self._kills[0])
        self._sleep_until(begun + _DOWN * length)
        with self._event('agent', address):
            self._control('agent_down', address)
            self._sleep_until(begun + _UP * length)
            self._control('agent_up', address)
        self._sleep_until(begun + _KILL * length)
        if kill:
            del self._kills[0]
            with self._event('cluster', ''):
                self._simulator.kill()
                self._simulator.start()

    @staticmethod
    def _sleep_until(moment):
        time.sleep(max(moment - time.monotonic(), 0))

    def _control(self, command, address):
        try:
            getattr(self._simulator.control, command)(address)
        except control.ControlError as error:
            raise ChildFailed('the cluster does not answer: %s' % error)

    def _event(self, kind, what):
        return _Event(self, kind, what)


class _Event:
    """Notes from when to when something was out of order."""

    def __init__(self, load, kind, what):
        self._load = load
        self._facts = {'kind': kind, 'what': what}

    def __enter__(self):
        self._facts['started'] = self._load._now()

    def __exit__(self, *exc_info):
        self._facts['ended'] = self._load._now()
        self._load.events.append(self._facts)
