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

"""All services, in the order in which they can be started."""

from concurrent import futures
import contextlib

from functional.box import cinder
from functional.box import enclosure
from functional.box import glance
from functional.box import infrastructure
from functional.box import keystone
from functional.box import nova
from functional.box import placement
from functional.box import resources
from functional.services import installation
from functional.services import libvirt
from functional.services import machine
from functional.services import nova as compute_host
from functional.services import simulator
from tools import secret_marks

AUTHORITY = '/etc/cinder/dsware-ca.pem'
# One for each pool of the cluster.
POOLS = (0, 1)


def why_not():
    """Tell what keeps this machine from running it.

    :returns: text; empty when nothing does
    """
    return next(filter(None, (part.why_not() for part in (
        machine, infrastructure, libvirt, compute_host))), '')


@contextlib.contextmanager
def _threads():
    """Threads that nobody waits for after an error."""
    pool = futures.ThreadPoolExecutor()
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


class ControlPlane(object):
    """Two backends of one cluster, and all that Tempest needs around them.

    Attributes: ``backends``, their names; ``keystone``; ``connection``, that
    of the administrator; ``simulator``, the cluster; ``libvirt``; ``cinder``
    and ``nova``; ``images`` and ``flavors``, two ids of each;
    ``volume_types``, the names of those of the first backend, of which the
    second one is for several instances.
    """

    def __init__(self, directory, transport):
        """Describe the services; start() starts them.

        :param directory: path of a directory for their files
        :param transport: how the backends talk to the cluster
        """
        self.directory = directory
        self.backends = ['%s-%d' % (transport, pool + 1) for pool in POOLS]
        self._transport = transport
        self.simulator = simulator.Simulator(
            directory / enclosure.SIMULATOR)
        self._machine = machine.Machine(directory / 'machine')
        self.libvirt = libvirt.Libvirt(directory / 'libvirt')
        self._infrastructure = infrastructure.Infrastructure(directory)
        self.keystone = keystone.Keystone(
            directory / 'keystone', secret_marks.secret('services'),
            self._infrastructure)
        self._parts = [*self._infrastructure.parts().values(),
                       self.simulator, self.libvirt, self.keystone]
        self.cinder = self._glance = self.nova = self._placement = None
        self.connection = None
        self.images = self.flavors = self.volume_types = ()

    def start(self, tell):
        """Start all services, and make what Tempest needs.

        :param tell: called with a name and a text for what has started
        :raises functional.services.process.ProcessFailed: something failed
        """
        self.directory.chmod(0o711)
        self._start_ground(tell)
        self._describe_services()
        with _threads() as pool:
            self._start_services(pool, tell)
        self._make_resources()

    def _start_ground(self, tell):
        """Start what the services stand on, all at the same time."""
        parts = self._infrastructure.parts()
        self._machine.start()
        with _threads() as pool:
            started = [pool.submit(part.start) for part in parts.values()]
            others = {'Dsware cluster': pool.submit(self.simulator.start),
                      'libvirt': pool.submit(self.libvirt.start)}
            for (name, part), future in zip(parts.items(), started):
                future.result()
                part.wait()
                tell(name, '')
            for name, future in others.items():
                future.result()
                tell(name, '')
        installation.install(self._machine, self.simulator.fsc_cli)

    def _describe_services(self):
        """Their addresses and what they are told of each other."""
        ground = self._infrastructure, self.keystone
        address, _port = self.simulator.agents[0]
        self._placement = placement.Placement(self.directory / 'placement',
                                              *ground)
        self._glance = glance.Glance(self.directory / 'glance', *ground)
        self.cinder = cinder.Cinder(
            self._machine, self.directory / 'cinder', *ground,
            glance_url=self._glance.url, backends=self._sections(),
            my_ip=address)
        self.nova = nova.Nova(
            self._machine, self.directory / 'nova', *ground,
            libvirt_uri=self.libvirt.uri, address=address)
        self._parts += [self._placement, self._glance, self.cinder,
                        self.nova]

    def _sections(self):
        """The backends' sections of cinder.conf."""
        if self._transport == 'rest':
            self._machine.run('install', '-D', '-m', '644',
                              self.simulator.authority, AUTHORITY)
        return {name: self.backend(name, dsware_pools=pool)
                for name, pool in zip(self.backends, POOLS)}

    def backend(self, name, **options):
        """What cinder.conf says of a backend of the cluster.

        :param name: the backend's name
        :param options: options to add or to change
        :returns: a dict of options
        """
        if self._transport == 'rest':
            options['driver_ssl_cert_path'] = AUTHORITY
        return self.simulator.backend(
            name, dsware_transport=self._transport, **options)

    def _start_services(self, pool, tell):
        """Start all services; each fills its database first."""
        identity = pool.submit(self._start_keystone)
        others = {name: pool.submit(part.start) for name, part in (
            ('Cinder', self.cinder), ('Nova', self.nova),
            ('Placement', self._placement), ('Glance', self._glance))}
        identity.result()
        tell('Keystone', self.keystone.url)
        for name, part, wait in (
                ('Placement', self._placement, self._placement.wait),
                ('Glance', self._glance, self._glance.wait),
                ('Cinder', self.cinder, self.cinder.wait_for_api),
                ('Nova', self.nova, self.nova.wait_for_api)):
            others[name].result()
            wait()
            tell(name, part.url)
        self.nova.start_host()
        self.cinder.wait_for_services(self.connection.block_storage)
        tell('Backends', ', '.join(self.backends))
        self.nova.wait_for_services(self.connection.compute)
        tell('Compute host', 'libvirt, QEMU without KVM')

    def _start_keystone(self):
        self.keystone.start()
        self.keystone.wait()
        resources.make_catalog(self.keystone, {
            'placement': ('placement', self._placement.url),
            'glance': ('image', self._glance.url),
            'cinder': ('block-storage', self.cinder.url),
            'nova': ('compute', self.nova.url),
            'neutron': ('network', self.nova.network_url)})
        # Only now does it learn of the other services.
        self.connection = resources.connect(self.keystone)

    @property
    def capabilities(self):
        """What the first backend tells the scheduler."""
        pools = self.connection.block_storage.backend_pools()
        return next(pool.capabilities for pool in pools
                    if '@%s#' % self.backends[0] in pool.name)

    def _make_resources(self):
        types = resources.make_types(self.connection, self.backends)
        self.volume_types = types[self.backends[0]]
        self.images = resources.make_images(self.connection)
        self.flavors = resources.make_flavors(self.connection)

    def stop(self):
        """Stop all that was started, whatever happens on the way.

        :returns: a list of the exceptions that happened
        """
        errors = []
        for part in reversed([self._machine, *self._parts]):
            try:
                part.stop()
            except Exception as exc:
                errors.append(exc)
        return errors
