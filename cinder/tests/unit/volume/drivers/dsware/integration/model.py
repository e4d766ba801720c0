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

"""A model of a cluster, and random operations and faults for both.

What is here are volumes and snapshots; see features for the rest.
"""

import contextlib
import dataclasses

from hypothesis import stateful
from hypothesis import strategies

from cinder import context
from cinder import exception
from cinder.tests.unit.volume.drivers.dsware.integration import base
from cinder.volume.drivers.dsware.array import names

_BLOCK = 4096
# Where data is written: first and last blocks of the first two GiB.
_PLACES = (0, (1 << 30) - _BLOCK, 1 << 30, (2 << 30) - _BLOCK)
# The QoS that several volumes have, made by others than the driver.
SHARED = 'shared'
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
_GIB = 1 << 30

indexes = strategies.integers(0, 99)
pools = strategies.integers(0, 1)
# Which type a volume has, by the number in the test; None is without one.
kinds = strategies.sampled_from((None, None, None, 0, 1, 2))
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

    :ivar name: its name on the cluster
    :ivar cinder: the Cinder object; None when Cinder does not have it
    :ivar size: GiB
    :ivar father: what it was made from, as far as the cluster tells
    :ivar data: bytes by place
    :ivar limits: its limits, each multiplied by the size where that is due
    :ivar shared: whether it has the limits that several volumes share
    :ivar group: of which group snapshot it is
    """

    name: str
    cinder: object
    size: float
    pool: int
    father: object = None
    data: dict = dataclasses.field(default_factory=dict)
    limits: object = None
    shared: bool = False
    group: object = None


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
        # What the cluster has and Cinder does not.
        self.foreign = []
        self.foreign_snapshots = []
        self.control.reset()
        self.host.run('createQoS', qosName=SHARED, maxIOPS=500)

    def kind(self, number):
        return None if number is None else self.test.kinds[number]

    def volume(self, index):
        return self.volumes[index % len(self.volumes)]

    def snapshot(self, index):
        return self.snapshots[index % len(self.snapshots)]

    def some_volumes(self):
        return bool(self.volumes)

    def some_snapshots(self):
        return bool(self.snapshots)

    def room(self, more=1):
        return len(self.volumes + self.foreign) + more <= _CROWD

    def has_snapshots(self, volume):
        return any(item.father is volume
                   for item in self.snapshots + self.foreign_snapshots)

    # -- calling ----------------------------------------------------------

    def call(self, trouble, steps, operation, *args, recover=None,
             more_steps=()):
        """Call the driver while something goes wrong.

        Only what the cluster refuses for good may fail, and then nothing
        may have happened.

        :param trouble: what goes wrong
        :param steps: the requests that change something; when one of them is
            refused, nothing may have happened
        :param operation: the driver's method
        :param args: its arguments
        :param recover: what Cinder does after a failure
        :param more_steps: requests that are never refused: the operation
            would rightly stop half way
        :returns: whether it worked
        """
        self.forget_refusals(steps)
        for fault, count, step in trouble:
            # What forbids a query would leave a change in doubt for good.
            choice = (steps + more_steps + _QUERIES if fault in _FAULTS
                      else steps)
            if choice:
                self.control.add_fault(**{
                    'count': count, 'op': choice[step % len(choice)],
                    **fault})
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

    def forget_refusals(self, steps):
        """Take away what would refuse a request that must not be refused."""
        codes = [fault['code'] for fault in _REFUSALS + _BUSY]
        for fault in self.control.faults():
            if fault['code'] in codes and fault['op'] not in steps:
                self.control.clear_faults(fault['id'])

    def pending_refusals(self):
        codes = [fault['code'] for fault in _REFUSALS]
        return len([fault for fault in self.control.faults()
                    if fault['code'] in codes])

    def make(self, trouble, steps, operation, source, size, pool, full,
             kind=None, more_steps=()):
        """Make a volume, from nothing or from a source."""
        volume = base.make_volume(
            size, pool, volume_type_id=kind and kind.id,
            volume_type=base.make_type(
                dsware__clone='full' if full else 'linked'))
        sources = [source.cinder] if source else []
        if full or source and pool != source.pool:
            steps += ('createVolume', 'createFullVolumeFromSnap',
                      'expandVolume')
        elif source:
            steps += ('createVolumeFromSnap',)
        if kind:
            steps += ('createQoS', 'associateQoSWithVolume')
        if not self.call(trouble, steps, operation, volume, *sources,
                         recover=self.dsware.delete_volume,
                         more_steps=more_steps):
            return None
        return self.made(volume, size, pool, source, kind)

    def made(self, volume, size, pool, source=None, kind=None):
        """Note that there is a new volume."""
        self.volumes.append(Item(
            volume.name, volume, size, pool, None,
            dict(source.data) if source else {}, kind))
        return self.volumes[-1]

    # -- operations -------------------------------------------------------

    @stateful.initialize(size=strategies.integers(1, 2))
    def begin(self, size):
        self.create(size, 0, None, [])
        self.snap(0, [])

    @stateful.precondition(room)
    @stateful.rule(size=strategies.integers(1, 2), pool=pools,
                   limits=kinds, trouble=troubles)
    def create(self, size, pool, limits, trouble):
        self.make(trouble, ('createVolume',), self.dsware.create_volume,
                  None, size, pool, False, self.kind(limits))

    @stateful.precondition(some_volumes)
    @stateful.rule(index=indexes, place=strategies.sampled_from(_PLACES),
                   byte=strategies.integers(1, 255))
    def write(self, index, place, byte):
        volume = self.volume(index)
        if place < volume.size * _GIB:
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
            self.snapped(volume, snapshot)

    def snapped(self, volume, snapshot, group=None):
        """Note that there is a new snapshot."""
        self.snapshots.append(Item(
            snapshot.name, snapshot, volume.size, volume.pool, volume,
            dict(volume.data), group=group))

    @stateful.precondition(some_volumes)
    @stateful.rule(index=indexes, more=strategies.integers(1, 2),
                   trouble=troubles)
    def extend(self, index, more, trouble):
        volume = self.volume(index)
        size = volume.size + more
        if self.call(trouble, ('expandVolume',), self.dsware.extend_volume,
                     volume.cinder, size, more_steps=('setQoS',)):
            volume.size = volume.cinder.size = size

    @stateful.precondition(some_volumes)
    @stateful.rule(index=indexes, pool=pools, trouble=troubles)
    def move(self, index, pool, trouble):
        volume = self.volume(index)
        if self.has_snapshots(volume):
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
                   pool=pools, full=strategies.booleans(), limits=kinds,
                   trouble=troubles)
    def make_from_snapshot(self, index, more, pool, full, limits, trouble):
        source = self.snapshot(index)
        made = self.make(trouble, (), self.dsware.create_volume_from_snapshot,
                         source, source.size + more, pool, full,
                         self.kind(limits))
        if made and not full and pool == source.pool:
            made.father = source

    @stateful.precondition(some_volumes)
    @stateful.precondition(room)
    @stateful.rule(index=indexes, more=strategies.integers(0, 1),
                   pool=pools, full=strategies.booleans(), limits=kinds,
                   trouble=troubles)
    def clone(self, index, more, pool, full, limits, trouble):
        source = self.volume(index)
        # A clone that cannot be tidied up after leaves its snapshot; there
        # is a test of its own for that.
        self.make(trouble, ('createSnapshot',),
                  self.dsware.create_cloned_volume, source,
                  source.size + more, pool, full, self.kind(limits),
                  more_steps=('deleteSnapshot',))

    @stateful.precondition(some_snapshots)
    @stateful.rule(index=indexes, trouble=troubles)
    def delete_snapshot(self, index, trouble):
        snapshot = self.snapshot(index)
        if self.call(trouble, ('deleteSnapshot',),
                     self.dsware.delete_snapshot, snapshot.cinder):
            self.forget_snapshot(snapshot)

    def forget_snapshot(self, snapshot):
        """Note that a snapshot is gone; its clones are on their own."""
        self.snapshots.remove(snapshot)
        for volume in self.volumes + self.foreign:
            if volume.father is snapshot:
                volume.father = None

    @stateful.precondition(some_volumes)
    @stateful.rule(index=indexes, trouble=troubles)
    def delete_volume(self, index, trouble):
        volume = self.volume(index)
        if self.has_snapshots(volume):
            return
        if self.call(trouble, ('deleteVolume', 'deleteSnapshot'),
                     self.dsware.delete_volume, volume.cinder,
                     more_steps=('deleteQoS',)):
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
        return sum(volume.size for volume in self.volumes + self.foreign
                   if volume.pool == pool)

    def items(self):
        return (self.volumes + self.snapshots + self.foreign
                + self.foreign_snapshots)

    @stateful.invariant()
    def check_contents(self):
        """The cluster holds what the model says, and nothing else."""
        status = self.control.status()
        self.test.assertEqual(
            {(item.name, item.size * base.GIB, 0, item.pool,
              item.father.name if item.father else '')
             for item in self.items()}, self.test.contents(status))
        self.test.assertEqual(self.limits(), self.test.policies(status))
        self.test.assertEqual(([], []), (status['attachments'],
                                         status['protocol_errors']))
        self.test.assertEqual(
            [self.provisioned(0) * base.GIB, self.provisioned(1) * base.GIB],
            [pool['alloc'] for pool in status['pools']])

    def limits(self):
        """Tell which QoS there should be: those of volumes, no others."""
        volumes = self.volumes + self.foreign
        own = {(names.policy(volume.name),
                tuple(sorted(volume.limits.of(volume.size).items())),
                (volume.name,))
               for volume in volumes
               if volume.limits and volume.limits.of(volume.size)}
        return own | {(SHARED, (('maxIOPS', 500),), tuple(sorted(
            volume.name for volume in volumes if volume.shared)))}

    @stateful.precondition(some_volumes)
    @stateful.rule(index=indexes)
    def compare_data(self, index):
        items = self.items()
        with self.no_faults():
            self.check_data(items[index % len(items)])

    def check_data(self, item):
        for place in _PLACES:
            if place < item.size * _GIB:
                self.test.assertEqual(
                    item.data.get(place, bytes(_BLOCK)),
                    self.host.read(item.name, place, _BLOCK),
                    f'{item.name} at {place}')

    def teardown(self):
        """Compare all that is there, then delete it."""
        self.control.clear_faults()
        for item in self.items():
            self.check_data(item)
        for snapshot in self.snapshots:
            self.dsware.delete_snapshot(snapshot.cinder)
        for snapshot in self.foreign_snapshots:
            self.host.run('deleteSnapshot', snapName=snapshot.name)
        for volume in self.volumes:
            self.dsware.delete_volume(volume.cinder)
        self.volumes = []
        self.test.assertEqual(self.limits(), self.test.policies())
        for volume in self.foreign:
            self.host.run('deleteVolume', volName=volume.name)
        self.test.assertHolds()
