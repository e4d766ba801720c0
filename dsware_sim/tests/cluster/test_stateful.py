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
"""Random sequences of operations: invariants hold, journals tell all."""

import hypothesis
from hypothesis import stateful
from hypothesis import strategies

from dsware_sim.cluster import state
from dsware_sim import codes
from dsware_sim.tests import base

NAMES = strategies.sampled_from(['a', 'b', 'c', 'd'])
SIZES = strategies.integers(1, 3000)
POOLS = strategies.sampled_from([0, 1])
HOSTS = strategies.sampled_from([base.HOST, base.OTHER_HOST])
FLAGS = strategies.sampled_from([0, 1])


class ClusterMachine(stateful.RuleBasedStateMachine):
    """Any operations, in any order, on few names so that they collide."""

    def __init__(self):
        super().__init__()
        self.request = base.FakeCluster()
        self.state = self.request.state

    @stateful.rule(name=NAMES, pool=POOLS, size=SIZES, thin=FLAGS)
    def create(self, name, pool, size, thin):
        """Make a volume: it works if name and room allow, else not."""
        taken = self.state.find(name) is not None
        free = self.state.pools[pool].free
        code, _ = self.request('createVolume', volName=name, poolId=pool,
                               volSize=size, thinFlag=thin)
        if taken:
            expected = codes.VOLUME_ALREADY_EXIST
        elif free < (1 if thin else size):
            expected = codes.SPACE_NOT_ENOUGH
        else:
            expected = codes.OK
        assert code == expected, (code, expected)

    @stateful.rule(name=NAMES)
    def delete(self, name):
        """Delete a volume: it is gone, or something refers to it."""
        volume = self.state.volumes.get(name)
        code, _ = self.request('deleteVolume', volName=name)
        assert (code == codes.OK) == (volume is not None and not (
            volume.snapshots or volume.attachments or volume.job))

    @stateful.rule(name=NAMES, size=SIZES)
    def expand(self, name, size):
        """Expand a volume."""
        self.request('expandVolume', volName=name, volSize=size)

    @stateful.rule(volume=NAMES, name=NAMES)
    def snapshot(self, volume, name):
        """Make a snapshot."""
        self.request('createSnapshot', volName=volume, snapName=name)

    @stateful.rule(volumes=strategies.lists(NAMES, min_size=1, max_size=3),
                   names=strategies.lists(NAMES, min_size=1, max_size=3))
    def snapshots(self, volumes, names):
        """Make several snapshots, all or none."""
        before = set(self.state.snapshots)
        code, _ = self.request('activeSnapshots',
                               volNameList=','.join(volumes),
                               snapNameList=','.join(names))
        made = set(self.state.snapshots) - before
        assert made == (set(names) if code == codes.OK else set())

    @stateful.rule(name=NAMES)
    def delete_snapshot(self, name):
        """Delete a snapshot: its clones stay."""
        snapshot = self.state.snapshots.get(name)
        clones = list(snapshot.clones) if snapshot else []
        self.request('deleteSnapshot', snapName=name)
        assert all(clone in self.state.volumes for clone in clones)

    @stateful.rule(name=NAMES, source=NAMES, size=SIZES)
    def clone(self, name, source, size):
        """Make a linked clone."""
        self.request('createVolumeFromSnap', volName=name, volSize=size,
                     snapNameSrc=source)

    @stateful.rule(name=NAMES, source=NAMES)
    def fill(self, name, source):
        """Start a full copy."""
        self.request('createFullVolumeFromSnap', volName=name,
                     snapName=source)

    @stateful.rule(source=NAMES, name=NAMES, pool=POOLS, full=FLAGS)
    def duplicate(self, source, name, pool, full):
        """Start to duplicate a snapshot."""
        self.request('duplicateSnapshot', snapNameSrc=source,
                     snapNameDst=name, poolId=pool, fullCopyFlag=full)

    @stateful.rule(name=NAMES, volume=NAMES)
    def roll_back(self, name, volume):
        """Start a rollback."""
        self.request('rollbackSnapshot', snapName=name, volName=volume)

    @stateful.rule(name=NAMES, pool=POOLS)
    def migrate(self, name, pool):
        """Start a migration."""
        self.request('migrateVolumeCold', volNameSrc=name, poolIdDst=pool)

    @stateful.rule(name=NAMES, other=NAMES)
    def exchange(self, name, other):
        """Start to let two volumes exchange their places."""
        self.request('exchangeVolumes', agent=None, volNameSrc=name,
                     volNameDst=other)

    @stateful.rule(name=NAMES)
    def forget_exchange(self, name):
        """Forget the exchange of a volume, under way or not."""
        volume = self.state.volumes.get(name)
        if volume:
            self.request('forgetExchange', agent=None, volId=volume.id)

    @stateful.rule(name=NAMES)
    def cancel(self, name):
        """Cancel a rollback."""
        self.request('cancelRollback', agent=None, snapName=name)

    @stateful.rule(kind=strategies.sampled_from(['job_done', 'job_failed']))
    def end(self, kind):
        """Let all copies end."""
        self.request.end_copies(kind)

    @stateful.rule(name=NAMES, host=HOSTS)
    def attach(self, name, host):
        """Attach to a host."""
        self.request('attachVolume', volName=name, agent=host)

    @stateful.rule(name=NAMES, host=HOSTS)
    def detach(self, name, host):
        """Detach from a host."""
        was = (host, name) in self.state.attachments
        code, _ = self.request('detachVolume', volName=name, agent=host)
        assert (code == codes.OK) == was

    @stateful.rule(name=NAMES, mib=strategies.integers(0, 500))
    def write(self, name, mib):
        """Let a volume have more data."""
        volume = self.state.volumes.get(name)
        if volume and not volume.job:
            self.request.write(name, min(mib, volume.size))

    @stateful.rule(name=NAMES, volume=NAMES)
    def qos(self, name, volume):
        """Make a QoS and give it to a volume."""
        self.request('createQoS', qosName=name, maxIOPS=5)
        self.request('associateQoSWithVolume', qosName=name, volName=volume)

    @stateful.rule(name=NAMES)
    def delete_qos(self, name):
        """Delete a QoS."""
        self.request('deleteQoS', qosName=name)

    @stateful.invariant()
    def sums(self):
        """Pools know exactly what their objects use."""
        for pool in self.state.pools.values():
            volumes = [one for one in self.state.volumes.values()
                       if one.pool is pool]
            snapshots = [one for one in self.state.snapshots.values()
                         if one.pool is pool]
            assert pool.alloc == sum(one.size for one in volumes)
            assert pool.footprint == sum(
                one.footprint for one in volumes + snapshots)
            assert set(pool.volumes) == {one.name for one in volumes}
            assert set(pool.snapshots) == {one.name for one in snapshots}
            assert 0 <= pool.used <= pool.total

    @stateful.invariant()
    def names(self):
        """Volumes and snapshots share one name space."""
        assert not set(self.state.volumes) & set(self.state.snapshots)
        assert {one.name for one in self.state.by_id.values()} == {
            *self.state.volumes, *self.state.snapshots}

    @stateful.invariant()
    def references(self):
        """Nothing refers to what is gone, and both ends agree."""
        everything = set(self.state.by_id.values())
        for item in everything:
            assert item.father is None or item.father in everything
            assert item.readers == sum(
                job.source is item for job in self.state.jobs.values())
            assert (item.job is not None) == (item.status in (5, 6))
            for agent in item.attachments:
                assert (agent, item.name) in self.state.attachments
        for volume in self.state.volumes.values():
            assert all(one.father is volume
                       for one in volume.snapshots.values())
            assert not volume.qos or volume.name in self.state.qos[
                volume.qos].volumes
        for snapshot in self.state.snapshots.values():
            assert all(one.father is snapshot
                       for one in snapshot.clones.values())

    @stateful.invariant()
    def cached_lines(self):
        """What is told is what is so."""
        for item in self.state.by_id.values():
            line = item.line(True)
            item.cached_line = None
            assert line == item.line(True)

    def teardown(self):
        """Journal and image both make the same state again."""
        replayed = state.State()
        replayed.apply([['cluster', 7, 1], ['pool', 0, 10240],
                        ['pool', 1, 4096]])
        replayed.apply(self.request.events)
        image = state.State()
        image.apply(self.state.dump())
        expected = [event for event in self.state.dump()
                    if event[0] != 'cluster']
        for other in (replayed, image):
            assert expected == [event for event in other.dump()
                                if event[0] != 'cluster']


TestCluster = ClusterMachine.TestCase
TestCluster.settings = hypothesis.settings(
    max_examples=60, stateful_step_count=40, deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck))
