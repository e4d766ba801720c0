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
"""What the simulator's tests share."""

import os
import shutil
import socket
import tempfile
import time

import testtools

from dsware_sim.cluster import model
from dsware_sim.cluster import plan
from dsware_sim.cluster import rules
from dsware_sim.cluster import state
from dsware_sim import codec
from dsware_sim import codes
from dsware_sim import testing

MANAGER = '192.0.2.10'
HOST = '192.0.2.21'
OTHER_HOST = '192.0.2.22'
DEADLINE = 30


def wait_for(condition, what):
    """Wait until a condition is true.

    :param condition: function without arguments
    :param what: what is waited for, for the failure's message
    :returns: the condition's first true value
    :raises AssertionError: it did not come true in time
    """
    deadline = time.monotonic() + DEADLINE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError('%s: not within %d s' % (what, DEADLINE))
        time.sleep(0.005)


def records(lines):
    """Read record lines.

    :param lines: iterable of bytes
    :returns: list of dicts
    """
    return [dict(field.split('=', 1) for field in line.decode().split(','))
            for line in lines]


class FakeCluster:
    """The rules alone: no file, no device, a clock that stands still."""

    def __init__(self, single_pool=False, pools=None):
        """Make a cluster.

        :param single_pool: whether to be an older cluster
        :param pools: dict of sizes in MiB by number
        """
        self.now = 1420070400
        self.state = state.State(single_pool)
        self.state.apply([['cluster', 7, 1]])
        for pool_id, size in (pools or {0: 10240, 1: 4096}).items():
            self.state.apply([['pool', pool_id, size]])
        self.cluster = rules.Cluster(self.state, clock=lambda: self.now)
        self.events = []

    def __call__(self, op, agent=HOST, **args):
        """Carry a request out, work included, as a server does.

        :param op: name of the operation
        :param agent: address of the agent
        :param args: its arguments
        :returns: (code, list of records)
        """
        texts = {key: str(value) for key, value in args.items()}
        texts.setdefault('manage_ip', MANAGER)
        try:
            planned = self.cluster.plan(op, texts, agent)
        except codes.Refused as refused:
            return refused.code, []
        events, lines = planned.events, planned.lines
        if planned.finish is not None:
            events, lines = planned.finish('/dev/x%d' % planned.work.item.id)
        self.apply(events)
        if isinstance(planned.work, plan.CopyAll):
            for copy in planned.work.copies:
                self.state.set_real(self.state.by_id[copy.target_id],
                                    copy.source.real_bytes)
        return codes.OK, records(lines)

    def apply(self, events):
        """Change the state, and keep what a journal would.

        :param events: list of events
        """
        self.events += events
        self.state.apply(events)

    def end_copies(self, kind='job_done'):
        """Let all copies end.

        :param kind: 'job_done' or 'job_failed'
        """
        for job in list(self.state.jobs.values()):
            target, source = job.target, job.source
            self.apply([[kind, job.id]])
            moved = job.kind == model.EXCHANGE
            if source is not None and kind == 'job_done' and not moved:
                self.state.set_real(target, source.real_bytes)

    def write(self, name, mib):
        """Let an object have data.

        :param name: its name
        :param mib: how much
        """
        self.state.set_real(self.state.find(name), mib * model.MIB)


class Client:
    """A client of the socket interface, over the simulator's codec."""

    def __init__(self, address, context=None, server_hostname=None):
        """Connect.

        :param address: (host, port), or the path of a unix socket
        :param context: SSL context, None for no TLS
        :param server_hostname: name to check the certificate for
        """
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(DEADLINE)
            self.socket.connect(address)
        else:
            self.socket = socket.create_connection(address, DEADLINE)
        if context is not None:
            self.socket = context.wrap_socket(
                self.socket, server_hostname=server_hostname)
        self.seq = 0
        self._buffer = codec.FrameBuffer(codec.MAX_REPLY)

    def __call__(self, op, **args):
        """Carry a request out.

        :param op: name of the operation
        :param args: its arguments
        :returns: (code, list of records)
        """
        self.send(op, **args)
        return self.receive()

    def send(self, op, **args):
        """Send a request.

        :param op: name of the operation
        :param args: its arguments
        """
        self.seq += 1
        self.socket.sendall(codec.encode_request(self.seq, op, MANAGER, args))

    def receive(self):
        """Read a whole reply.

        :returns: (code, list of records)
        :raises EOFError: the connection was closed
        """
        found = []
        while True:
            frame = self.receive_frame()
            found += frame.records
            if not frame.more:
                return frame.result, found

    def receive_frame(self):
        """Read one frame of a reply.

        :returns: :class:`dsware_sim.codec.ReplyFrame`
        :raises EOFError: the connection was closed
        """
        return codec.decode_reply(self.receive_payload())

    def receive_payload(self):
        """Read the payload of one frame.

        :returns: bytes
        :raises EOFError: the connection was closed
        """
        while True:
            payload = self._buffer.next_payload()
            if payload is not None:
                return payload
            data = self.socket.recv(65536)
            if not data:
                raise EOFError(bytes(self._buffer._data))
            self._buffer.feed(data)

    def close(self):
        """Close the connection."""
        self.socket.close()


class TestCase(testtools.TestCase):
    """Has a temporary directory on request."""

    def directory(self):
        """Make a temporary directory.

        :returns: its path
        """
        path = tempfile.mkdtemp(prefix='dsware-test-')
        self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        return path


class RulesTestCase(TestCase):
    """Has a cluster without a server."""

    def setUp(self):
        """Make the cluster."""
        super().setUp()
        self.request = FakeCluster()
        self.state = self.request.state

    def ok(self, op, **args):
        """Carry out a request that must succeed.

        :param op: name of the operation
        :param args: its arguments
        :returns: list of records
        """
        code, found = self.request(op, **args)
        self.assertEqual(codes.OK, code, '%s %s' % (op, args))
        return found

    def refused(self, code, op, **args):
        """Carry out a request that must be refused and change nothing.

        :param code: the result code
        :param op: name of the operation
        :param args: its arguments
        """
        before = len(self.request.events)
        self.assertEqual((code, []), self.request(op, **args))
        self.assertEqual(before, len(self.request.events))

    def volume(self, name='v', pool=0, size=1024, thin=1):
        """Make a volume.

        :param name: its name
        :param pool: its pool
        :param size: its size in MiB
        :param thin: 1 when it is thin
        :returns: its name
        """
        self.ok('createVolume', volName=name, poolId=pool, volSize=size,
                thinFlag=thin)
        return name

    def snapshot(self, volume='v', name='s'):
        """Make a snapshot.

        :param volume: the volume's name
        :param name: its name
        :returns: its name
        """
        self.ok('createSnapshot', volName=volume, snapName=name, smartFlag=0)
        return name

    def query(self, name):
        """Ask for a volume.

        :param name: its name
        :returns: its record
        """
        return self.ok('queryVolume', volName=name)[0]


class SimulatorTestCase(TestCase):
    """Has a running simulator.

    Unless a test asks for other settings, all the tests of a class share one
    that is emptied in between.
    """

    settings = {'devices': 'file'}
    # Whether the simulator must have had nothing to complain of.
    quiet = True

    @classmethod
    def setUpClass(cls):
        """Start the simulator."""
        super().setUpClass()
        cls.simulator = testing.Simulator(**cls.settings)
        cls.addClassCleanup(cls.simulator.stop)
        cls.simulator.start()

    def setUp(self):
        """Start with an empty cluster."""
        super().setUp()
        self.addCleanup(self._check_log)
        self.addCleanup(self.simulator.control.reset)
        self.control = self.simulator.control

    def _check_log(self):
        path = os.path.join(self.simulator.state_dir, 'log')
        if self.quiet and os.path.exists(path):
            with open(path) as log:
                self.assertEqual('', log.read())

    def connect(self, agent=0):
        """Connect to an agent.

        :param agent: which one
        :returns: :class:`Client`
        """
        client = Client(self.simulator.agents[agent])
        self.addCleanup(client.close)
        return client

    def own_simulator(self, **settings):
        """Start a simulator that only this test uses.

        :param settings: what :class:`dsware_sim.testing.Simulator` takes
        :returns: the simulator
        """
        simulator = testing.Simulator(**{'devices': 'file', **settings})
        self.addCleanup(simulator.stop)
        return simulator.start()

    def ok(self, client, op, **args):
        """Carry out a request that must succeed.

        :param client: a :class:`Client`
        :param op: name of the operation
        :param args: its arguments
        :returns: list of records
        """
        code, found = client(op, **args)
        self.assertEqual(codes.OK, code, '%s %s' % (op, args))
        return found

    def volume(self, client, name='v', size=64, pool=0, thin=1):
        """Make a volume.

        :param client: a :class:`Client`
        :param name: its name
        :param size: its size in MiB
        :param pool: its pool
        :param thin: 1 when it is thin
        """
        self.ok(client, 'createVolume', volName=name, poolId=pool,
                volSize=size, thinFlag=thin)

    def attach(self, client, name='v'):
        """Attach an object.

        :param client: a :class:`Client`
        :param name: its name
        :returns: path of the device
        """
        record, = self.ok(client, 'attachVolume', volName=name)
        return record['devName']

    def wait_ready(self, client, name):
        """Wait until a volume's copy has ended.

        :param client: a :class:`Client`
        :param name: the volume's name
        :returns: its record
        """
        def ended():
            record, = self.ok(client, 'queryVolume', volName=name)
            return record if record['status'] not in ('6', '7') else None
        return wait_for(ended, 'the copy into %s' % name)


def write_device(device, offset, data):
    """Write to a device, as far as its file.

    :param device: its path
    :param offset: where to
    :param data: the bytes
    """
    handle = os.open(device, os.O_WRONLY)
    try:
        os.pwrite(handle, data, offset)
        os.fsync(handle)
    finally:
        os.close(handle)


def read_device(device, offset, count):
    """Read from a device.

    :param device: its path
    :param offset: where from
    :param count: how many bytes
    :returns: the bytes
    """
    handle = os.open(device, os.O_RDONLY)
    try:
        return os.pread(handle, count, offset)
    finally:
        os.close(handle)
