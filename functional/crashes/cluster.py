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

"""A simulated cluster, as its hosts see it."""

import io
import os
import re

from oslo_utils import units

from dsware_sim.host import fsc_cli

GIB = 1024
_CHUNK = 1024 * 1024


class Cluster(object):
    """A cluster, seen on a way that the driver has no part in."""

    def __init__(self, agents, control, sockets, manager='127.0.0.1'):
        """Be a host of the cluster.

        :param agents: (address, port) of each agent
        :param control: the :class:`dsware_sim.front.control.Control`
        :param sockets: directory of the agents' sockets for fsc_cli
        :param manager: address of the manager
        """
        #: The agent of the host that volumes are attached to for others.
        self.address = agents[-1][0]
        # The services' own, which have nothing attached for long.
        self._own = agents[0][0]
        self.control = control
        self._sockets = sockets
        self._manager = manager

    def run(self, op, **args):
        """Run fsc_cli.

        :param op: the operation
        :param args: its arguments
        :returns: what it printed
        """
        argv = ['--manage_ip', self._manager, '--ip', self._own,
                '--op', op]
        for key, value in args.items():
            argv += ['--' + key, str(value)]
        printed = io.StringIO()
        # In this process, which saves the time to start another one.
        fsc_cli.run(argv, self._sockets, printed)
        output = printed.getvalue()
        if not re.search('^result=0$', output, re.MULTILINE):
            raise AssertionError('%s: %s' % (argv, output))
        return output

    def create(self, name, size=1, pool=0, thin=1):
        """Create a volume.

        :param name: its name
        :param size: GiB
        :param pool: its pool
        :param thin: whether it is thin, 0 or 1
        """
        self.run('createVolume', volName=name, poolId=pool,
                 volSize=size * GIB, thinFlag=thin)

    def write(self, name, content):
        """Write into a volume.

        :param name: its name
        :param content: a dict of offset to text
        """
        with self._opened(name, 'r+b') as device:
            for offset, text in content.items():
                device.seek(int(offset))
                device.write(text.encode())

    def read(self, name):
        """Read all of a volume or snapshot.

        :param name: its name
        :returns: its size in GiB, and what is not zero: a dict of offset to
                  text
        """
        with self._opened(name, 'rb') as device:
            size = os.fstat(device.fileno()).st_size
            return size / units.Gi, dict(_written(device, size))

    def _opened(self, name, mode):
        return _Device(self, name, mode)

    def attach(self, name):
        """Attach a volume or snapshot to the host.

        :param name: its name
        :returns: the path of what stands for its device
        """
        output = self.run('attachVolume', volName=name)
        return re.search(r'devName=([^\],\s]+)', output)[1]

    def detach(self, name):
        """Detach a volume or snapshot from the host.

        :param name: its name
        """
        self.run('detachVolume', volName=name)

    def device(self, name):
        """Find what stands for the device of a volume on the services' host.

        :param name: its name
        :returns: its path, or None when it is not attached there
        """
        for item in self.status()['attachments']:
            if (item['name'], item['agent']) == (name, self._own):
                return item['device']
        return None

    def status(self):
        """Tell what the cluster holds.

        :returns: what the simulator says of itself
        """
        return self.control.status()


class _Device(object):
    """A device of the host while it is open."""

    def __init__(self, cluster, name, mode):
        self._cluster, self._name, self._mode = cluster, name, mode

    def __enter__(self):
        # One that was killed may have left it attached.
        self._left = self._cluster.device(self._name)
        path = self._left or self._cluster.attach(self._name)
        self._file = open(path, self._mode, buffering=0)
        return self._file

    def __exit__(self, *exc_info):
        self._file.close()
        if not self._left:
            self._cluster.detach(self._name)


def _written(device, size):
    """Find what is not zero; holes of the file need not be read."""
    offset = 0
    while offset < size:
        try:
            offset = os.lseek(device.fileno(), offset, os.SEEK_DATA)
        except OSError:
            return
        end = os.lseek(device.fileno(), offset, os.SEEK_HOLE)
        while offset < end:
            chunk = os.pread(device.fileno(), min(_CHUNK, end - offset),
                             offset)
            for found in re.finditer(rb'[^\0]+', chunk):
                yield str(offset + found.start()), found[0].decode(
                    errors='replace')
            offset += len(chunk)
