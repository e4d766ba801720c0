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

"""Random sequences of operations and faults, compared with a model.

The choice is the same every time. DSWARE_TEST_EXAMPLES asks for another,
random one of so many sequences.
"""

import contextlib
import dataclasses
import os

import hypothesis
from hypothesis import stateful
from hypothesis import strategies

from cinder import context
from cinder import exception
from cinder.tests.unit.volume.drivers.dsware.integration import base

_EXAMPLES = os.environ.get('DSWARE_TEST_EXAMPLES')
_BLOCK = 4096
# Where data is written: first and last blocks of the first two GiB.
_PLACES = (0, (1 << 30) - _BLOCK, 1 << 30, (2 << 30) - _BLOCK)
# How many volumes there are at most.
_CROWD = 6
_FAULTS = (
    {'kind': 'drop_before'}, {'kind': 'drop_after'}, {'kind': 'cut_frame'},
    {'kind': 'garbage'}, {'kind': 'wrong_seq'},
    {'kind': 'delay', 'seconds': 0.05},
    # Of the classes retry and unknown.
    {'kind': 'result', 'code': 50150016},
    {'kind': 'result', 'code': 50150017},
    {'kind': 'result_after', 'code': 50000001})
_BUSY = ({'kind': 'result', 'code': 50151211},)
# No room, a limit, an invalid request, a broken pool.
_REFUSALS = tuple({'kind': 'result', 'code': code, 'count': 1} for code in (
    50150009, 50152502, 50150003, 50150015))
_QUERIES = ('queryVolume', 'querySnapshot')

indexes = strategies.integers(0, 99)
pools = strategies.integers(0, 1)
# What goes wrong during one call: up to three faults, each for one of its
# requests. A fault that is not met lies in wait for later calls.
troubles = strategies.lists(
    strategies.tuples(
        strategies.sampled_from(_FAULTS * 2 + _BUSY + _REFUSALS),
        strategies.integers(1, 2), strategies.integers(0, 99)),
    max_size=3)


@dataclasses.dataclass(eq=False)
class Item:
    """A volume or snapshot as it should be.

    :ivar cinder: the Cinder object
    :ivar size: GiB
    :ivar father: what it was made from, as far as the cluster tells
    :ivar data: bytes by place
    """

    cinder: object
    size: int
    pool: int
    father: object = None
    data: dict = dataclasses.field(default_factory=dict)

    @property
    def name(self):
        return self.cinder.name


class Machine(stateful.RuleBasedStateMachine):
    """Drives one driver and one simulator."""

    def __init__(self, test):
        """Start with an empty cluster.

        :param test: the test case
        """
        super().__init__()
        self.test = test
        self.control = test.control
        self.simulator = test.simulator
        self.dsware = test.dsware
        self.host = base.Host(test.simulator)
        self.volumes = []
        self.snapshots = []
        self.control.reset()

    def volume(self, index):
        return self.volumes[index % len(self.volumes)]

    def snapshot(self, index):
        return self.snapshots[index % len(self.snapshots)]

    def some_volumes(self):
        return bool(self.volumes)

    def some_snapshots(self):
        return bool(self.snapshots)

    def room(self):
        return len(self.volumes) < _CROWD

    # -- calling ----------------------------------------------------------

    def call(self, trouble, steps, operation, *args, recover=None):
        """Call the driver while something goes wrong.

        Only what the cluster refuses for good may fail, and then nothing
        may have happened.

        :param trouble: what goes wrong
        :param steps: the requests that change something
        :param operation: the driver's method
        :param args: its arguments
        :param recover: what Cinder does after a failure
        :returns: whether it worked
        """
        for fault, count, step in trouble:
            # What forbids a query would leave a change in doubt for good.
            choice = self.choice(fault, steps, operation)
            self.control.add_fault(**{
                'count': count, 'op': choice[step % len(choice)], **fault})
        refused = self.pending_refusals()
        try:
            operation(*args)
            return True
        except exception.CinderException as error:
            if self.pending_refusals() == refused or isinstance(error, (
                    exception.VolumeIsBusy, exception.SnapshotIsBusy)):
                raise
        self.control.clear_faults()
        self.check_contents()
        if recover:
            recover(args[0])
        return False

    def choice(self, fault, steps, operation):
        """Tell which requests of an operation may meet a fault."""
        if fault in _FAULTS:
            return steps + _QUERIES
        if operation == self.dsware.create_cloned_volume:
            # A clone that cannot be tidied up after leaves its snapshot;
            # there is a test of its own for that.
            return tuple(step for step in steps if step != 'deleteSnapshot')
        return steps

    def pending_refusals(self):
        codes = [fault['code'] for fault in _REFUSALS]
        return len([fault for fault in self.control.faults()
                    if fault['code'] in codes])

    def make(self, trouble, steps, operation, source, size, pool, full):
        """Make a volume, from nothing or from a source."""
        volume = base.make_volume(size, pool, volume_type=base.make_type(
            dsware__clone='full' if full else 'linked'))
        sources = [source.cinder] if source else []
        if full or source and pool != source.pool:
            steps += ('createVolume', 'createFullVolumeFromSnap',
                      'expandVolume')
        elif source:
            steps += ('createVolumeFromSnap',)
        if not self.call(trouble, steps, operation, volume, *sources,
                         recover=self.dsware.delete_volume):
            return None
        data = dict(source.data) if source else {}
        self.volumes.append(Item(volume, size, pool, None, data))
        return self.volumes[-1]

    # -- operations -------------------------------------------------------

    @stateful.initialize(size=strategies.integers(1, 2))
    def begin(self, size):
        self.create(size, 0, [])

    @stateful.precondition(room)
    @stateful.rule(size=strategies.integers(1, 2), pool=pools,
                   trouble=troubles)
    def create(self, size, pool, trouble):
        self.make(trouble, ('createVolume',), self.dsware.create_volume,
                  None, size, pool, False)

    @stateful.precondition(some_volumes)
    @stateful.rule(index=indexes, place=strategies.sampled_from(_PLACES),
                   byte=strategies.integers(1, 255))
    def write(self, index, place, byte):
        volume = self.volume(index)
        if place < volume.size << 30:
            data = bytes([byte]) * _BLOCK
            with self.no_faults():
                self.host.write(volume.name, place, data)
            volume.data[place] = data

    @stateful.precondition(some_volumes)
    @stateful.rule(index=indexes, trouble=troubles)
    def snap(self, index, trouble):
        volume = self.volume(index)
        snapshot = base.make_snapshot(volume.cinder)
        if self.call(trouble, ('createSnapshot',),
                     self.dsware.create_snapshot, snapshot,
                     recover=self.dsware.delete_snapshot):
            self.snapshots.append(Item(snapshot, volume.size, volume.pool,
                                       volume, dict(volume.data)))

    @stateful.precondition(some_volumes)
    @stateful.rule(index=indexes, more=strategies.integers(1, 2),
                   trouble=troubles)
    def extend(self, index, more, trouble):
        volume = self.volume(index)
        size = volume.size + more
        if self.call(trouble, ('expandVolume',), self.dsware.extend_volume,
                     volume.cinder, size):
            volume.size = volume.cinder.size = size

    @stateful.precondition(some_volumes)
    @stateful.rule(index=indexes, pool=pools, trouble=troubles)
    def move(self, index, pool, trouble):
        volume = self.volume(index)
        if any(item.father is volume for item in self.snapshots):
            return
        if self.call(trouble, ('migrateVolumeCold',), self.migrate,
                     volume.cinder, pool) and pool != volume.pool:
            volume.pool = pool
            volume.cinder.host = f'host@backend#{pool}'
            # A linked clone is in the pool of its snapshot.
            volume.father = None

    def migrate(self, volume, pool):
        moved, _update = self.dsware.migrate_volume(
            context.get_admin_context(), volume, {
                'host': f'{self.dsware.host}#{pool}', 'capabilities': {
                    'location_info': 'dsware:' + base.MANAGER}})
        if not moved:
            raise exception.VolumeBackendAPIException(data='not moved')

    @stateful.precondition(some_snapshots)
    @stateful.precondition(room)
    @stateful.rule(index=indexes, more=strategies.integers(0, 1),
                   pool=pools, full=strategies.booleans(), trouble=troubles)
    def make_from_snapshot(self, index, more, pool, full, trouble):
        source = self.snapshot(index)
        made = self.make(trouble, (), self.dsware.create_volume_from_snapshot,
                         source, source.size + more, pool, full)
        if made and not full and pool == source.pool:
            made.father = source

    @stateful.precondition(some_volumes)
    @stateful.precondition(room)
    @stateful.rule(index=indexes, more=strategies.integers(0, 1),
                   pool=pools, full=strategies.booleans(), trouble=troubles)
    def clone(self, index, more, pool, full, trouble):
        source = self.volume(index)
        self.make(trouble, ('createSnapshot', 'deleteSnapshot'),
                  self.dsware.create_cloned_volume, source,
                  source.size + more, pool, full)

    @stateful.precondition(some_snapshots)
    @stateful.rule(index=indexes, trouble=troubles)
    def delete_snapshot(self, index, trouble):
        snapshot = self.snapshot(index)
        if self.call(trouble, ('deleteSnapshot',),
                     self.dsware.delete_snapshot, snapshot.cinder):
            self.snapshots.remove(snapshot)
            for volume in self.volumes:
                if volume.father is snapshot:
                    volume.father = None

    @stateful.precondition(some_volumes)
    @stateful.rule(index=indexes, trouble=troubles)
    def delete_volume(self, index, trouble):
        volume = self.volume(index)
        if any(item.father is volume for item in self.snapshots):
            return
        if self.call(trouble, ('deleteVolume', 'deleteSnapshot'),
                     self.dsware.delete_volume, volume.cinder):
            self.volumes.remove(volume)

    @stateful.rule()
    def statistics(self):
        stats = self.dsware.get_volume_stats(refresh=True)
        self.test.assertEqual('up', stats['backend_state'])
        self.test.assertEqual(
            [('0', 1024, self.provisioned(0)),
             ('1', 1024, self.provisioned(1))],
            [(pool['pool_name'], pool['total_capacity_gb'],
              pool['provisioned_capacity_gb']) for pool in stats['pools']])

    # -- what goes wrong between two calls --------------------------------

    @stateful.rule()
    def agent_fails(self):
        # The first is that of the tests' own host.
        self.control.agent_down(self.simulator.agents[1][0])

    @stateful.rule()
    def power_failure(self):
        self.simulator.kill()
        self.simulator.start()

    @contextlib.contextmanager
    def no_faults(self):
        """Take away for a moment the faults that are for the driver."""
        faults = [fault for fault in self.control.faults()
                  if fault['kind'] != 'down']
        for fault in faults:
            self.control.clear_faults(fault['id'])
        yield
        for fault in faults:
            self.control.add_fault(**{
                key: value for key, value in fault.items()
                if key != 'id' and value is not None})

    # -- comparing --------------------------------------------------------

    def provisioned(self, pool):
        return sum(volume.size for volume in self.volumes
                   if volume.pool == pool)

    @stateful.invariant()
    def check_contents(self):
        """The cluster holds what the model says, and nothing else."""
        self.test.assertEqual(
            {(item.name, item.size * base.GIB, 0, item.pool,
              item.father.name if item.father else '')
             for item in self.volumes + self.snapshots},
            self.test.contents())
        status = self.control.status()
        self.test.assertEqual(([], []), (status['attachments'],
                                         status['protocol_errors']))
        self.test.assertEqual(
            [self.provisioned(0) * base.GIB, self.provisioned(1) * base.GIB],
            [pool['alloc'] for pool in status['pools']])

    @stateful.precondition(some_volumes)
    @stateful.rule(index=indexes)
    def compare_data(self, index):
        items = self.volumes + self.snapshots
        with self.no_faults():
            self.check_data(items[index % len(items)])

    def check_data(self, item):
        for place in _PLACES:
            if place < item.size << 30:
                self.test.assertEqual(
                    item.data.get(place, bytes(_BLOCK)),
                    self.host.read(item.name, place, _BLOCK),
                    f'{item.name} at {place}')

    def teardown(self):
        """Compare all that is there, then delete it."""
        self.control.clear_faults()
        for item in self.volumes + self.snapshots:
            self.check_data(item)
        for snapshot in self.snapshots:
            self.dsware.delete_snapshot(snapshot.cinder)
        for volume in self.volumes:
            self.dsware.delete_volume(volume.cinder)
        self.test.assertHolds()


class ModelTests:

    EXAMPLES = 12
    STEPS = 30

    def test_random_operations(self):
        # Patient enough for six faults in one call.
        self.dsware = self.make_driver(dsware_request_timeout=20)
        profile = hypothesis.settings(
            max_examples=int(_EXAMPLES or self.EXAMPLES),
            stateful_step_count=self.STEPS, derandomize=not _EXAMPLES,
            database=None, deadline=None, report_multiple_bugs=False,
            # Finding the shortest sequence takes minutes.
            phases=[hypothesis.Phase.generate,
                    *([hypothesis.Phase.shrink] if _EXAMPLES else [])],
            suppress_health_check=list(hypothesis.HealthCheck))
        stateful.run_state_machine_as_test(lambda: Machine(self),
                                           settings=profile)


class SocketModelTestCase(ModelTests, base.SocketTestCase):
    pass


class CLIModelTestCase(ModelTests, base.CLITestCase):

    EXAMPLES = 4
