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

"""Hosts that share a backend: cinder-volume of each, in one Cinder cluster.

Each is Cinder's own program, of the system user, with a configuration file
beside Cinder's own. To its files, locks and records of what is attached it is
a host of its own; devices and processes are those of this machine.
"""

import json
import os
import signal
import subprocess

import psutil

from functional.box import cinder as cinder_
from functional.box import service
from functional.services import programs

START_SECONDS = 120
_PROGRAM = 'cinder-volume'
# What it logs when it is at the end of its start.
_STARTED = 'Driver post RPC initialization completed successfully.'
# As many requests at a time as are made of one host, also with fsc_cli.
_THREADS = {'thread_pool_size': 32}
DOCTOR_SECONDS = 120


class VolumeHost(object):
    """cinder-volume on a host; ``name`` is the host's."""

    def __init__(self, cinder, name, cluster, backend, section, address):
        """Describe the host; start() starts its service.

        :param cinder: the cinder.Cinder of the control plane
        :param name: the host's name
        :param cluster: the name of the Cinder cluster
        :param backend: the name of the backend
        :param section: a dict of the backend's options
        :param address: the address of the host, and of its agent
        """
        self.name = '%s@%s' % (name, backend)
        self.cluster = '%s@%s' % (cluster, backend)
        self._backend = backend
        self._cinder = cinder
        self._directory = cinder.directory / name
        self._path = self._directory / (name + '.conf')
        self._config = ('--config-file', str(self._path))
        self._service = service.Service(self._directory, cinder.as_user,
                                        cinder.environment())
        self._process = None
        # How much of the log was there before the last start.
        self._seen = 0
        places = {place: self._directory / place
                  for place in ('state', 'conversion', 'locks', 'attached')}
        self._places = places.values()
        self._sections = {
            'DEFAULT': {
                'host': name, 'cluster': cluster, 'my_ip': address,
                'enabled_backends': backend, 'state_path': places['state'],
                'image_conversion_dir': places['conversion']},
            backend: section,
            'oslo_concurrency': {'lock_path': places['locks']},
            'os_brick': {'lock_path': places['attached']},
            'cinder_sys_admin': _THREADS, 'privsep_osbrick': _THREADS}

    def start(self):
        """Start the service, also again after kill(); see wait()."""
        self.stop()
        for place in self._places:
            place.mkdir(parents=True, exist_ok=True)
            # As the README wants it, for what is attached.
            place.chmod(0o2770)
        programs.write_config(self._path, self._sections)
        self._cinder.own(self._directory)
        self._seen = len(self.log())
        self._process = self._service.start(
            _PROGRAM, *cinder_.CONFIG, *self._config)

    def wait(self, volumes):
        """Wait until the service is up and its backend reports pools.

        :param volumes: the Block Storage API of openstacksdk
        :raises functional.services.process.ProcessFailed: it is not
        """
        def reports():
            # Cinder takes it for alive as soon as it begins to start.
            return (_STARTED in self.log()[self._seen:]
                    and self.is_up(volumes) and any(
                        pool.name.startswith(self.cluster + '#')
                        for pool in volumes.backend_pools()))

        self._service.wait(reports, START_SECONDS, 'The start of ' + self.name)

    def is_up(self, volumes):
        """Tell whether Cinder takes the service for alive."""
        return [one.state for one in volumes.services()
                if one.host == self.name] == ['up']

    def log(self):
        """What the service has printed.

        :returns: text
        """
        path = self._directory / (_PROGRAM + '.log')
        return path.read_text(errors='replace') if path.exists() else ''

    def kill(self):
        """End all processes of the service's user at once.

        What runs as root of it ends by itself when it has noticed: privsep's
        daemons, after the command that they are at; see ended(). The first
        process goes first, since it would start others anew.

        :returns: how many were ended, and how many are left of root's
        """
        there = sorted(self._processes(), key=lambda one: one.pid)
        # Here the user has no name.
        ours = [one for one in there if one.uids().real != 0]
        for one in ours:
            one.send_signal(signal.SIGKILL)
        return len(ours), len(there) - len(ours)

    def ended(self):
        """Tell whether none of the service's processes is left."""
        return not self._processes()

    def stop(self):
        """End the service; one that is not there is fine."""
        self._service.stop()
        self._process = None

    def remove(self):
        """Have Cinder forget the service, which has ended.

        The cluster stays, since Cinder 29 cannot remove one.
        """
        self._service.run('cinder-manage', *cinder_.CONFIG, 'service',
                          'remove', _PROGRAM, self.name)

    def examine(self, older=0):
        """Have dsware-doctor check the backend, on this host.

        :param older: minutes that a state of transition may last
        :returns: what it found, a list of dicts
        """
        done = subprocess.run(
            self._cinder.as_user(
                programs.beside_python('dsware-doctor'), 'backend',
                *cinder_.CONFIG, *self._config, '--backend', self._backend,
                '--older', str(older), '--json'),
            env=self._cinder.environment(), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, timeout=DOCTOR_SECONDS)
        try:
            return json.loads(done.stdout)['findings']
        except ValueError:
            raise AssertionError('dsware-doctor: %s%s' % (
                done.stdout, done.stderr))

    def _processes(self):
        """Those of the session in which the service was started."""
        found = []
        for one in psutil.process_iter():
            try:
                if (os.getsid(one.pid) == self._process.pid
                        and one.status() != psutil.STATUS_ZOMBIE):
                    found.append(one)
            except (psutil.NoSuchProcess, ProcessLookupError):
                continue
        return found
