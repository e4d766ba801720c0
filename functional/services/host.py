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

"""A service of a host in a process of its own, which attaches volumes."""

import os
import pathlib
import sys

from functional.services import calls
from functional.services import cinder
from functional.services import compute
from functional.services import configfile
from functional.services import programs


class _Connector(object):
    """os-brick's connector of that process."""

    def __init__(self, served, kind):
        self._served = served
        self._kind = kind

    def connect_volume(self, data):
        """Connect a volume; see os-brick."""
        return self._served.call('connect_volume', kind=self._kind, data=data)

    def disconnect_volume(self, data, device_info=None, force=False,
                          ignore_errors=False):
        """Disconnect a volume; see os-brick."""
        self._served.call('disconnect_volume', kind=self._kind, data=data,
                          force=force)

    def extend_volume(self, data):
        """Notice that a volume was extended; see os-brick."""
        return self._served.call('extend_volume', kind=self._kind, data=data)


class Service(compute.ComputeHost, calls.Served):
    """Attaches volumes as a ComputeHost, in another process.

    Services that share a directory of locks are services of one host.
    """

    def __init__(self, cloud, directory, address, brick_options, lock_path,
                 hostname='compute'):
        """Describe a service; start() starts it.

        :param cloud: the public APIs
        :param directory: path of a directory for its files, a short one
        :param address: address of its host
        :param brick_options: a dict of options for the section [os_brick]
        :param lock_path: directory that services of the host share
        :param hostname: what the host is called in attachments
        """
        self._set_up(cloud, address, hostname)
        calls.Served.__init__(self, 'os-brick on ' + hostname, directory)
        self._locks = pathlib.Path(lock_path)
        self._sections = {
            'DEFAULT': {'debug': True, 'log_file': directory / 'brick.log'},
            'oslo_concurrency': {'lock_path': lock_path},
            'os_brick': brick_options, **cinder.privsep_sections()}

    def start(self, boot_id=None):
        """Start the process and wait until it answers.

        :param boot_id: what the kernel says to identify this boot; None for
                        the real one
        :raises functional.services.process.ProcessFailed: it does not
        """
        config, sudo = self.directory / 'brick.conf', self.directory / 'bin'
        self.directory.mkdir(parents=True, exist_ok=True)
        self._locks.mkdir(exist_ok=True)
        configfile.write(config, self._sections)
        programs.write_sudo(sudo)
        command = [sys.executable, '-m', 'functional.services.brick_host',
                   '--config-file', str(config)]
        if boot_id:
            path = self.directory / 'boot_id'
            path.write_text(boot_id)
            command += ['--boot-id', str(path)]
        self.start_process(command, dict(
            os.environ, PYTHONWARNINGS='ignore',
            PYTHONPATH=str(programs.project_root()),
            PATH=programs.search_path(sudo)))

    def properties(self):
        """What its host tells Cinder about itself; see ComputeHost."""
        return self.call('properties', address=self._address,
                         hostname=self._hostname)

    def die_at(self, function, after=False, count=1):
        """Let the process be killed at a certain point; see brick_host.

        :param function: module:Class.method
        :param after: whether when it returns, and not when it is called
        :param count: which of its calls
        """
        self.call('die_at', function=function, after=after, count=count)

    def _connector(self, kind):
        return _Connector(self, kind)
