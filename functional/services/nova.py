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

"""A compute host: Nova's libvirt driver in a process as nova-compute is."""

import importlib.util
import os
import sys

from functional.services import calls
from functional.services import configfile
from functional.services import programs


def why_not():
    """Tell what keeps this Python from being a compute host.

    :returns: text; empty when nothing does
    """
    missing = [package for module, package in (
        ('nova', 'nova'), ('libvirt', 'libvirt-python'))
        if not importlib.util.find_spec(module)]
    return missing and 'not installed: %s' % ', '.join(missing) or ''


class Nova(calls.Served):
    """The process, and calls to it."""

    start_seconds = 120

    def __init__(self, directory, libvirt_uri, address, lock_path,
                 brick_options, sudo_dir, hostname='nova', environment=None):
        """Describe a compute host; start() starts it.

        :param directory: path of a directory for its files, a short one
        :param libvirt_uri: where libvirt answers
        :param address: address of this host
        :param lock_path: directory that services of this host share
        :param brick_options: a dict of options for the section [os_brick]
        :param sudo_dir: path of the directory with the services' sudo
        :param hostname: what the host is called in attachments
        :param environment: a dict to add to the process's environment
        """
        super().__init__(name='nova-compute', directory=directory)
        self._environment = dict(environment or {})
        self.log_path = directory / 'nova-compute.log'
        self._sudo_dir = sudo_dir
        self._sections = {
            'DEFAULT': {
                'my_ip': address, 'host': hostname, 'debug': True,
                'state_path': directory, 'log_file': self.log_path},
            'database': {
                'connection': 'sqlite:///%s' % (directory / 'nova.sqlite')},
            'libvirt': {
                'connection_uri': libvirt_uri, 'virt_type': 'qemu'},
            'oslo_concurrency': {'lock_path': lock_path},
            'os_brick': brick_options,
            'workarounds': {'disable_rootwrap': True}}

    def start(self):
        """Start the process and wait until it answers.

        After a kill() it goes on with what it had.

        :raises functional.services.process.ProcessFailed: it does not
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        configfile.write(self.directory / 'nova.conf', self._sections)
        self.start_process(
            [sys.executable, '-m', 'functional.services.nova_compute',
             '--config-file', str(self.directory / 'nova.conf')],
            dict(os.environ, PYTHONWARNINGS='ignore',
                 PYTHONPATH=str(programs.project_root()),
                 PATH=programs.search_path(self._sudo_dir),
                 **self._environment))
