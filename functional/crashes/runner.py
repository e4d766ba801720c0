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

"""Who carries cases out."""

import json
import os
import pathlib
import select
import subprocess
import sys
import tempfile
import time

from dsware_sim import testing

from functional.crashes import cases as cases_
from functional.services import programs
from functional.services import simulator

BACKEND = 'volumes'
SECONDS = 300
_POLL = 0.05


class Runner(object):
    """A cluster, and cinder-volume again and again.

    :param transport: socket or cli
    """

    def __init__(self, transport='socket'):
        self._transport = transport
        self._temporary = tempfile.TemporaryDirectory(prefix='dcrash-')
        self._directory = pathlib.Path(self._temporary.name)
        self._simulator = None
        self._processes = None

    def __enter__(self):
        self._simulator = testing.Simulator(
            state_dir=str(self._directory / 'cluster'), devices='file')
        self._simulator.start()
        (self._directory / 'state').mkdir()
        self._write_configuration()
        self._processes = subprocess.Popen(
            [sys.executable, '-W', 'ignore', '-m',
             'functional.crashes.processes'], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=open(self._directory / 'output', 'w'),
            env={**os.environ, 'PYTHONWARNINGS': 'ignore',
                 'PATH': self._simulator.bin + os.pathsep
                 + os.environ['PATH'],
                 'PYTHONPATH': str(programs.project_root())})
        self._say({'directory': str(self._directory),
                   'config': str(self._directory / 'cinder.conf'),
                   'simulator': self._simulator.state_dir,
                   'agents': self._simulator.agents,
                   'sockets': os.path.dirname(
                       self._simulator.ready['control'])})
        return self

    def __exit__(self, *exc_info):
        self._processes.stdin.close()
        self._processes.wait()
        self._processes.stdout.close()
        self._simulator.stop()
        self._temporary.cleanup()

    def _write_configuration(self):
        state = self._directory / 'state'
        programs.write_config(self._directory / 'cinder.conf', {
            'DEFAULT': {
                'enabled_backends': [BACKEND], 'transport_url': 'fake:/',
                'state_path': state, 'log_file': self._directory / 'log',
                'image_conversion_dir': state / 'conversion',
                'my_ip': self._simulator.agents[0][0],
                'backend_stats_polling_interval': 3600,
                'service_down_time': 1,
                'cinder_internal_tenant_project_id': '3' * 32,
                'cinder_internal_tenant_user_id': '4' * 32},
            BACKEND: simulator.backend(
                BACKEND, self._simulator.agents,
                dsware_transport=self._transport,
                dsware_attach_by='manager', dsware_request_timeout=10,
                san_api_port=self._simulator.agents[0][1]),
            'database': {
                'connection': 'sqlite:///%s' % (
                    self._directory / 'cinder.sqlite'),
                'sqlite_synchronous': False},
            'coordination': {'backend_url': 'file://%s' % state},
            'oslo_concurrency': {'lock_path': state},
            'oslo_messaging_notifications': {'driver': 'noop'}})

    # -- the processes ----------------------------------------------------

    def _say(self, what):
        self._processes.stdin.write(json.dumps(what) + '\n')
        self._processes.stdin.flush()

    def _ask(self, part, case):
        self._say({'part': part, 'case': case})
        deadline = time.monotonic() + SECONDS
        while not select.select([self._processes.stdout], [], [], _POLL)[0]:
            self._keep_cluster_up()
            if time.monotonic() > deadline:
                raise AssertionError('%s of %s does not end' % (part, case))
        line = self._processes.stdout.readline()
        if not line:
            raise AssertionError((self._directory / 'output').read_text())
        return json.loads(line)

    def _keep_cluster_up(self):
        """Start a simulator that has died, and agents."""
        if self._simulator.process.poll() is not None:
            self._simulator.kill()
            self._simulator.start()

    def _run(self, part, case):
        told = self._ask(part, case)
        if told and 'error' in told:
            raise AssertionError('%s of %s:\n%s' % (
                part, case, told['error']))
        return told

    # -- cases ------------------------------------------------------------

    def _start_anew(self):
        self._keep_cluster_up()
        self._simulator.control.reset()
        self._ask('anew', {})

    def operations(self):
        """List the operations.

        :returns: their names
        """
        return self._ask('operations', {})

    def steps(self, operation):
        """Count the steps of an operation.

        :param operation: its name
        :returns: their names, in order
        """
        self._start_anew()
        told = self._run('counted', {'operation': operation})['answer']
        self._ask('preload', told['modules'])
        return told['steps']

    def carry_out(self, case):
        """Carry out a case.

        :param case: a :class:`cases.Case`
        :returns: what became of it: a dict
        :raises AssertionError: it is not as it has to be
        """
        self._start_anew()
        facts = case.facts()
        if case.victim == cases_.VOLUME:
            return self._after_killing('restarted', facts)
        if case.victim == cases_.PEER:
            return self._after_killing(
                'survived', {**facts, 'cluster': 'many'})
        return self._run('disturbed', facts)['answer']

    def _after_killing(self, part, facts):
        told = self._run('killed', facts)
        if not told.get('killed'):
            return {'outcome': 'not reached', 'stuck': []}
        return self._run(part, facts)['answer']
