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

"""What the integration tests share: a simulator, a driver, a look inside.

What the transport has a part in is written once, as a mixin, and run twice:
with a subclass of :class:`SocketTestCase` and with one of
:class:`CLITestCase`. Each of these has one simulator, which every test finds
empty.
"""

import gc
import io
import os
import re
import tempfile
import time
import uuid

import fixtures
from oslo_config import cfg

from cinder import context
from cinder.tests.unit import test
from cinder.tests.unit.volume.drivers.dsware.fakes import certificates
from cinder.tests.unit.volume.drivers.dsware.integration import making
from dsware_sim.host import fsc_cli
from dsware_sim import testing
from tools import secret_marks
from tools import secret_search

CONF = cfg.CONF
MANAGER = making.MANAGER
GIB = 1024
# How long a condition is waited for before a test fails.
PATIENCE = 30


def wait_until(condition, what, seconds=PATIENCE):
    """Wait for a condition.

    :param condition: called again and again until it returns a true value
    :param what: what is waited for, for the error
    :param seconds: when to give up
    :returns: the true value
    """
    deadline = time.monotonic() + seconds
    while not (met := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f'{what}: not within {seconds} seconds')
        time.sleep(0.01)
    return met


def assert_no_secret_in(place):
    """Check that no secret of the tests is in any file.

    :param place: the path of a directory
    """
    _count, found = secret_search.search([place])
    if found:
        raise AssertionError(f'a secret is in {found}')


make_driver = making.make_driver
make_volume = making.make_volume
make_type = making.make_type
make_limited_type = making.make_limited_type
make_snapshot = making.make_snapshot
make_attachment = making.make_attachment
make_destination = making.make_destination
make_group = making.make_group


class Host:
    """A host of the cluster, with a command line of its own.

    It reaches the cluster on a way that the driver has no part in.
    """

    def __init__(self, simulator, number=0):
        """Be the host of an agent.

        :param simulator: the simulator
        :param number: which of its agents
        """
        self.address = simulator.agents[number][0]
        self._sockets = os.path.dirname(simulator.ready['control'])

    def run(self, op, **args):
        """Run fsc_cli.

        :param op: the operation
        :param args: its arguments
        :returns: what it printed
        """
        argv = ['--manage_ip', MANAGER, '--ip', self.address, '--op', op]
        for key, value in args.items():
            argv += [f'--{key}', str(value)]
        printed = io.StringIO()
        # In this process, which saves the time to start another one.
        fsc_cli.run(argv, self._sockets, printed)
        output = printed.getvalue()
        if not re.search('^result=0$', output, re.MULTILINE):
            raise AssertionError(f'{argv}: {output}')
        return output

    def create(self, name, size, pool=0):
        """Create a thin volume.

        :param name: its name
        :param size: GiB
        :param pool: its pool
        """
        self.run('createVolume', volName=name, poolId=pool,
                 volSize=size * GIB, thinFlag=1)

    def attach(self, name):
        """Attach a volume or snapshot.

        :param name: its name
        :returns: the path of what stands for its device
        """
        output = self.run('attachVolume', volName=name)
        return re.search(r'devName=([^\],\s]+)', output)[1]

    def detach(self, name):
        """Detach a volume or snapshot.

        :param name: its name
        """
        self.run('detachVolume', volName=name)

    def write(self, name, offset, data):
        """Write into a volume.

        :param name: its name
        :param offset: where to write, in bytes
        :param data: what to write
        """
        path = self.attach(name)
        try:
            with open(path, 'r+b', buffering=0) as device:
                device.seek(offset)
                device.write(data)
        finally:
            self.detach(name)

    def read(self, name, offset, count):
        """Read from a volume or snapshot.

        :param name: its name
        :param offset: where to read, in bytes
        :param count: how many bytes
        :returns: the bytes, fewer beyond the end
        """
        path = self.attach(name)
        try:
            with open(path, 'rb', buffering=0) as device:
                device.seek(offset)
                return device.read(count)
        finally:
            self.detach(name)

    def size(self, name):
        """Look how large a volume's device is.

        :param name: its name
        :returns: bytes
        """
        path = self.attach(name)
        try:
            return os.stat(path).st_size
        finally:
            self.detach(name)


class SimulatorTestCase(test.TestCase):
    """A test of a driver and a simulator."""

    TRANSPORT = 'socket'
    # What the simulator is told, see dsware_sim.testing.Simulator.
    SIMULATOR = {}
    # Options of the driver.
    OPTIONS = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.simulator = cls.start_simulator(**cls.SIMULATOR)
        cls.addClassCleanup(cls.simulator.stop)
        cls.addClassCleanup(assert_no_secret_in, cls.simulator.state_dir)

    @classmethod
    def start_simulator(cls, **settings):
        """Start a simulator, with plain files for devices.

        :param settings: what it is told
        :returns: the simulator, which the caller has to stop
        """
        return testing.Simulator(devices='file', **settings).start()

    def setUp(self):
        super().setUp()
        self.addCleanup(self._leave_running)
        state_path = self.useFixture(fixtures.TempDir()).path
        self.addCleanup(assert_no_secret_in, state_path)
        self.flags(state_path=state_path)
        self.control = self.simulator.control
        self.control.reset()
        self.control.set(copy_seconds=0)
        self._take_fsc_cli_from(self.simulator.bin)

    def _leave_running(self):
        # After a test that killed it.
        try:
            self.simulator.control.reset()
        except Exception:
            self.simulator.restart()

    def _take_fsc_cli_from(self, directory):
        self.useFixture(fixtures.EnvironmentVariable(
            'PATH', directory + os.pathsep + os.environ['PATH']))
        # The simulated fsc_cli needs no root, and no daemon.
        self.patch('cinder.privsep.sys_admin_pctxt.client_mode', False)

    def raw_driver(self, agents=None, cluster_name=None, **options):
        """Make a driver that has not been set up.

        :param agents: (address, port) of each agent; the simulator's
        :param cluster_name: the Cinder cluster of its service
        :param options: options that differ from the class's
        :returns: the driver
        """
        group = 'backend-' + uuid.uuid4().hex[:8]
        values = {'dsware_transport': self.TRANSPORT, **self.OPTIONS,
                  **options}
        made = make_driver(group, agents or self.simulator.agents,
                           cluster_name, **values)
        for name in ('san_ip', 'dsware_agents', 'volume_backend_name',
                     *values):
            self.addCleanup(CONF.clear_override, name, group)
        return made

    def make_driver(self, agents=None, **options):
        """Make a driver as a starting volume service does.

        :param agents: (address, port) of each agent; the simulator's
        :param options: options that differ from the class's
        :returns: the driver
        """
        made = self.raw_driver(agents, **options)
        made.do_setup(context.get_admin_context())
        made.check_for_setup_error()
        return made

    def created(self, dsware, *args, **values):
        """Make a volume on the cluster.

        :param dsware: the driver
        :param args: for :func:`make_volume`
        :param values: for :func:`make_volume`
        :returns: the Cinder volume
        """
        volume = make_volume(*args, **values)
        dsware.create_volume(volume)
        return volume

    def snapped(self, dsware, volume):
        """Make a snapshot on the cluster.

        :param dsware: the driver
        :param volume: the Cinder volume
        :returns: the Cinder snapshot
        """
        snapshot = make_snapshot(volume)
        dsware.create_snapshot(snapshot)
        return snapshot

    def on_cluster(self, name):
        """Look a volume or snapshot up inside the simulator.

        :param name: its name
        :returns: a dict of what the simulator knows of it, or None
        """
        status = self.control.status()
        found = [item for item in status['volumes'] + status['snapshots']
                 if item['name'] == name]
        return found[0] if found else None

    def contents(self, status=None):
        """Tell what the cluster holds.

        :param status: of the simulator, if that was asked for already
        :returns: a set of (name, MiB, status, pool, father)
        """
        status = status or self.control.status()
        return {(item['name'], item['size'], item['status'],
                 item['pool_id'], item['father'])
                for item in status['volumes'] + status['snapshots']}

    def policies(self, status=None):
        """Tell which QoS the cluster has.

        :param status: of the simulator, if that was asked for already
        :returns: a set of (name, limits that are not 0, volumes)
        """
        return {(qos['name'],
                 tuple(sorted((key, value)
                              for key, value in qos['limits'].items()
                              if value)),
                 tuple(qos['volumes']))
                for qos in (status or self.control.status())['qos']}

    def assertHolds(self, *items):
        """Check that the cluster holds certain objects and no others.

        :param items: the Cinder volumes and snapshots
        """
        self.assertEqual(sorted(item.name for item in items),
                         sorted(item[0] for item in self.contents()))
        self.assertEqual([], self.control.status()['attachments'])

    def ops(self):
        """List the requests that the simulator got.

        :returns: names of operations, in order
        """
        return [op for _agent, op, _args, _result in self.control.log()]

    def connections(self):
        """Count connections to the agents.

        :returns: a list of numbers, one for each agent
        """
        return [agent['connections']
                for agent in self.control.status()['agents']]

    def few_connections(self):
        """Tell whether no agent has more than one connection."""
        if max(self.connections()) <= 1:
            return True
        # Drivers of earlier tests may still wait to be collected.
        gc.collect()
        return False


class SocketTestCase(SimulatorTestCase):
    """A test with the socket transport."""

    TRANSPORT = 'socket'


class CLITestCase(SimulatorTestCase):
    """A test with the command line transport."""

    TRANSPORT = 'cli'


class RESTTestCase(SimulatorTestCase):
    """A test with the REST transport; it is served over TLS, signed in."""

    TRANSPORT = 'rest'
    USER = 'cinder'
    PASSWORD = secret_marks.secret('password')
    ADDRESS = '127.0.77.1'

    @classmethod
    def start_simulator(cls, **settings):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.authority = certificates.Authority(directory.name, 'ca')
        cert, key = cls.authority.issue('server', [cls.ADDRESS], 365)
        return super().start_simulator(
            rest=(cls.ADDRESS, 0), tls={'cert': cert, 'key': key},
            user=cls.USER, password=cls.PASSWORD, **settings)

    def raw_driver(self, agents=None, cluster_name=None, **options):
        return super().raw_driver(
            agents or [self.manager], cluster_name,
            **{'san_login': self.USER, 'san_password': self.PASSWORD,
               'driver_ssl_cert_path': self.authority.path, **options})

    @property
    def manager(self):
        """Address and port of the manager."""
        return self.simulator.manager
