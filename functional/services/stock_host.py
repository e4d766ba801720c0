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

"""A compute host with os-brick as it is: nothing of this project's acts there.

Run as ``python -m functional.services.stock_host`` it is that host; it does
what it is told on its standard input, a line of JSON each. The start-up hook
of os_brick_dsware is turned off in it.
"""

import json
import os
import subprocess
import sys

from functional.services import programs

# The variable that os_brick_dsware documents.
HOOK_OFF = 'OS_BRICK_DSWARE_DISABLE'


class StockHostFailed(Exception):
    """The host could not do what it was told."""


class StockHost(object):
    """The process, and calls to it."""

    def __init__(self, address, hostname, lock_path):
        """Start the process.

        :param address: address of this host
        :param hostname: what the host is called in attachments
        :param lock_path: path of a directory
        """
        self._process = subprocess.Popen(
            [sys.executable, '-m', 'functional.services.stock_host',
             address, hostname, str(lock_path)],
            env=dict(os.environ, PYTHONWARNINGS='ignore',
                     PYTHONPATH=str(programs.project_root()),
                     **{HOOK_OFF: '1'}),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def call(self, method, **arguments):
        """Have the host do something.

        :param method: a method of Host
        :param arguments: its arguments
        :returns: what it returned
        :raises StockHostFailed: it raised something
        """
        self._process.stdin.write(json.dumps([method, arguments]) + '\n')
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if 'error' in answer:
            raise StockHostFailed(answer['error'])
        return answer['result']

    def stop(self):
        """End the process; devices that it has open are closed."""
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


class Host(object):
    """What the process offers."""

    def __init__(self, address, hostname, lock_path):
        # Only in the process that it is for: this module's other user has
        # set os-brick up for itself.
        import os_brick
        from os_brick.initiator import connector
        from oslo_concurrency import lockutils
        from oslo_config import cfg

        lockutils.set_defaults(lock_path)
        cfg.CONF([], project='stock')
        os_brick.setup(cfg.CONF)
        self._connector = connector
        self._address = address
        self._hostname = hostname
        self._opened = None

    def modules(self):
        """Names of the modules of this project that are loaded."""
        return [name for name in sys.modules
                if name.startswith('os_brick_dsware.')
                and name != 'os_brick_dsware._startup']

    def properties(self):
        """The connector of the Block Storage API."""
        return self._connector.get_connector_properties(
            'sudo', self._address, multipath=False, enforce_multipath=False,
            host=self._hostname)

    def connect(self, kind, data):
        """Connect a volume.

        :param kind: the driver's volume type
        :param data: what the driver said
        :returns: path of the device
        """
        return self._brick(kind).connect_volume(data)['path']

    def disconnect(self, kind, data):
        """Disconnect a volume."""
        self._brick(kind).disconnect_volume(data, None)

    def extend(self, kind, data):
        """Tell how large os-brick finds an extended volume.

        :returns: bytes
        """
        return self._brick(kind).extend_volume(data)

    def open(self, path):
        """Keep a device open, as a guest does."""
        self._opened = open(path, 'rb')

    def close(self):
        """Close the device."""
        self._opened.close()

    def _brick(self, kind):
        return self._connector.InitiatorConnector.factory(kind, 'sudo')


def main():
    """Serve until the standard input ends."""
    host = Host(*sys.argv[1:])
    for line in sys.stdin:
        method, arguments = json.loads(line)
        try:
            answer = {'result': getattr(host, method)(**arguments)}
        except Exception as exc:
            answer = {'error': '%s: %s' % (type(exc).__name__, exc)}
        print(json.dumps(answer), flush=True)


if __name__ == '__main__':
    main()
