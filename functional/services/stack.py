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

"""Simulated clusters, Glance and Cinder together."""

import pathlib
import shutil
import tempfile

from functional.services import cinder
from functional.services import cloud
from functional.services import compute
from functional.services import glance
from functional.services import process
from functional.services import simulator
from tools import secret_search

MANAGER = 0
# The services' host is that of the first agent, the compute host is that of
# the last one.
COMPUTE = -1


class Stack(object):
    """Starts everything, and stops all that was started."""

    def __init__(self, directory, simulators, backend_options,
                 native_threads=False, options=None, outlive=False,
                 start_clusters=True, images=True, image_volumes=False):
        """Prepare the services; start() starts them.

        :param directory: path of a directory for everything
        :param simulators: a dict of name to Simulator; the first one is the
                           cluster that this host belongs to
        :param backend_options: a dict of backend name to a pair of the
                                simulator's name and a dict of options
        :param native_threads: run Cinder without eventlet
        :param options: a dict of options for cinder.conf's [DEFAULT]
        :param outlive: whether all goes on when this process ends
        :param start_clusters: whether start() starts the clusters too, and
                               waits for the backends' reports
        :param images: whether there is a Glance
        :param image_volumes: whether images can be volumes
        """
        self.directory = directory
        self.simulators = simulators
        self.simulator = next(iter(simulators.values()))
        self._backend_options = backend_options
        self._native_threads = native_threads
        self._options = options
        self._outlive = outlive
        self._start_clusters = start_clusters
        self._images = images
        self._image_volumes = image_volumes
        self._cinder_port = process.Reservation()
        self.glance = None
        self.cinder = None
        self.cloud = None
        self.compute = None
        # Of hosts, started by tests that share this stack.
        self.services = {}

    def start(self):
        """Start everything and wait until it answers.

        :raises functional.services.process.ProcessFailed: it does not
        """
        self.start_clusters()
        self.start_cinder()
        self.wait()

    def start_clusters(self):
        """Start Glance, which takes a while, and the clusters meanwhile."""
        self.glance = glance.Glance(
            self.directory / 'glance', outlive=self._outlive,
            cinder_url=(cinder.api_url(self._cinder_port)
                        if self._image_volumes else None))
        if self._images:
            self.glance.start()
        if not self._start_clusters:
            return
        for cluster in self.simulators.values():
            cluster.start()

    def start_cinder(self):
        """Start Cinder; nothing is waited for."""
        agents = self.simulator.agents
        self.cinder = cinder.Cinder(
            self.directory / 'cinder', self.glance.url, self._backends(),
            first_on_path=[self.simulator.bin], my_ip=agents[MANAGER][0],
            brick_options=self._brick(MANAGER), options=self._options,
            native_threads=self._native_threads, outlive=self._outlive,
            reservation=self._cinder_port)
        self.cinder.start()

    def wait(self):
        """Wait until the services answer.

        :raises functional.services.process.ProcessFailed: they do not
        """
        if self._images:
            self.glance.wait()
        if self._start_clusters:
            self.cinder.wait()
        else:
            self.cinder.wait_for_api()
        self.connect()

    def connect(self):
        """Make this process a user of the cloud and a compute host."""
        self.cloud = cloud.Cloud(cloud.connect(self.cinder.url,
                                               self.glance.url))
        self.compute = compute.ComputeHost(
            self.cloud, self.directory / 'compute',
            self.simulator.agents[COMPUTE][0], self._brick(COMPUTE))

    def stop(self):
        """Stop all that was started, whatever happens on the way."""
        steps = []
        steps += [service.stop for service in self.services.values()]
        if self.compute:
            steps.append(self.compute.disconnect_all)
        if self.cinder:
            steps.append(self.cinder.stop)
        steps.append(self._cinder_port.release)
        if self.glance:
            steps.append(self.glance.stop)
        steps += [cluster.stop for cluster in self.simulators.values()]
        _do_all(steps)

    def processes(self):
        """The processes of the services.

        :returns: a list of functional.services.process.Process
        """
        parts = [self.cinder, self.glance, *self.simulators.values()]
        return [part.process for part in parts if part and part.process]

    def logs(self):
        """Where the services write what they do.

        :returns: a dict of name to path
        """
        return {'cinder': self.directory / 'cinder' / 'cinder.log',
                'glance': self.directory / 'glance' / 'glance-api.log',
                'simulator': self.simulator.log_path}

    def _backends(self):
        return {
            name: self.simulators[cluster].backend(name, **options)
            for name, (cluster, options) in self._backend_options.items()}

    def _brick(self, index):
        return simulator.brick_options(self.simulator.agents[index],
                                       self.simulator.fsc_cli)


def _do_all(steps):
    """Take all steps, and raise the first error when all are taken."""
    errors = []
    for step in steps:
        try:
            step()
        except Exception as exc:
            errors.append(exc)
    if errors:
        raise errors[0]


def make_directory(prefix):
    """Make a directory for a stack.

    It is short, for the sake of sockets in it, and open for no one else.

    :param prefix: start of its name
    :returns: path
    """
    return pathlib.Path(tempfile.mkdtemp(prefix=prefix)).resolve()


def remove_all_but_logs(stack):
    """Remove what a stopped stack leaves, except for its logs.

    :param stack: the Stack
    """
    keep = set(stack.logs().values())
    for path in sorted(stack.directory.rglob('*'), reverse=True):
        if path in keep or path.suffix in ('.log', '.conf'):
            continue
        if path.is_symlink() or path.is_file() or path.is_socket():
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def remove(stack):
    """Remove all that a stopped stack leaves.

    :param stack: the Stack
    :raises AssertionError: a secret of the tests is in a log, a database or
                            another file; all of them stay
    """
    _count, found = secret_search.search([stack.directory])
    if found:
        raise AssertionError('A secret is in %s'
                             % ', '.join(map(str, found)))
    shutil.rmtree(stack.directory, ignore_errors=True)
