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

"""A service of a host in a process of its own, which attaches volumes.

Run as ``python -m functional.services.host --config-file FILE`` this module
is that process, with ``--boot-id FILE`` of a host whose kernel says what is in
that file. It does what it is told on a socket, and can be told to die half
way.
"""

import argparse
import functools
import importlib
import os
import pathlib
import signal
import sys

import os_brick
from os_brick.initiator import connector
from oslo_concurrency import lockutils
from oslo_config import cfg
from oslo_log import log as logging

from functional.services import calls
from functional.services import cinder
from functional.services import compute
from functional.services import programs
from os_brick_dsware import ledger as ledgers

CONF = cfg.CONF


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
        programs.write_config(config, self._sections)
        programs.write_sudo(sudo)
        command = [sys.executable, '-m', 'functional.services.host',
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
        """Let the process be killed at a certain point; see Brick.

        :param function: module:Class.method
        :param after: whether when it returns, and not when it is called
        :param count: which of its calls
        """
        self.call('die_at', function=function, after=after, count=count)

    def _connector(self, kind):
        return _Connector(self, kind)


class Brick(object):
    """What the socket offers."""

    def is_ready(self):
        """Tell that the process is up.

        :returns: its id
        """
        return os.getpid()

    def properties(self, address, hostname):
        """What this host tells Cinder about itself.

        :param address: its address
        :param hostname: what it is called in attachments
        :returns: a dict, the connector of the Block Storage API
        """
        return connector.get_connector_properties(
            compute.ROOT_HELPER, address, multipath=False,
            enforce_multipath=False, host=hostname)

    def connect_volume(self, kind, data):
        """Let os-brick connect a volume; see there."""
        return self._connector(kind).connect_volume(data)

    def disconnect_volume(self, kind, data, force=False):
        """Let os-brick disconnect a volume; see there."""
        self._connector(kind).disconnect_volume(data, None, force=force)

    def extend_volume(self, kind, data):
        """Let os-brick notice that a volume was extended; see there."""
        return self._connector(kind).extend_volume(data)

    def die_at(self, function, after, count=1):
        """End this process at a certain point, as kill -9 does.

        :param function: module:Class.method
        :param after: whether when it returns, and not when it is called
        :param count: which of its calls
        """
        module, _colon, path = function.partition(':')
        class_name, _dot, name = path.partition('.')
        owner = getattr(importlib.import_module(module), class_name)
        setattr(owner, name, _deadly(getattr(owner, name), after, count))

    @staticmethod
    def _connector(kind):
        return connector.InitiatorConnector.factory(kind, compute.ROOT_HELPER)


def _deadly(method, after, count):
    seen = []

    @functools.wraps(method)
    def wrapper(*args, **kwargs):
        seen.append(None)
        now = len(seen) == count
        if now and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = method(*args, **kwargs)
        if now:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return wrapper


def main():
    """Serve until this process has to end."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--config-file', required=True)
    parser.add_argument('--boot-id')
    args = parser.parse_args()
    if args.boot_id:
        ledgers.BOOT_ID = args.boot_id
    logging.register_options(CONF)
    CONF(['--config-file', args.config_file], project='compute')
    logging.setup(CONF, 'host')
    lockutils.set_defaults(CONF.oslo_concurrency.lock_path)
    os_brick.setup(CONF)
    calls.serve(os.path.join(os.path.dirname(args.config_file), 'socket'),
                Brick())


if __name__ == '__main__':
    main()
