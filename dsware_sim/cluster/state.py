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
"""The state of a cluster, changed by events only.

An operation that changes something makes events (lists that JSON can hold);
they are written to the journal first and applied here next, so that the same
code runs when an operation is carried out and when the journal is replayed.
Nothing here decides whether an operation is allowed.
"""

from dsware_sim.cluster import model


class State:
    """Everything that a cluster knows."""

    def __init__(self, single_pool=False):
        """Make a cluster with nothing in it, not even a pool.

        :param single_pool: whether this is an older cluster, which has one
                            pool and tells neither lun_id nor wwn
        """
        self.single_pool = single_pool
        self.cluster_id = 0
        self._empty()

    def _empty(self):
        self.pools = {}
        self.volumes = {}
        self.snapshots = {}
        self.by_id = {}
        self.qos = {}
        self.jobs = {}
        # What managers tell of exchanges, by number of the volume that moves.
        self.exchanges = {}
        self.attachments = {}
        self.next_id = 1

    def find(self, name):
        """Find a volume or a snapshot.

        :param name: its name
        :returns: the object, or None
        """
        return self.volumes.get(name) or self.snapshots.get(name)

    def take_id(self):
        """Take a number for an object or a copy that is about to be made.

        :returns: a number that nothing has or had; one that is not used
                  after all is lost, which does no harm
        """
        number = self.next_id
        self.next_id += 1
        return number

    def apply(self, events):
        """Change the state.

        :param events: sequence of events, each a list of a kind and its
                       arguments
        """
        for kind, *arguments in events:
            getattr(self, '_on_' + kind)(*arguments)

    def set_real(self, item, real_bytes):
        """Note how much is allocated for an object.

        :param item: a volume or a snapshot
        :param real_bytes: allocated bytes
        """
        if real_bytes == item.real_bytes:
            return
        before = item.footprint
        item.real_bytes = real_bytes
        item.cached_line = None
        item.pool.footprint += item.footprint - before

    def dump(self):
        """Events that make this state out of nothing.

        :returns: iterator of events; the state must not change meanwhile
        """
        yield ['cluster', self.cluster_id, self.next_id]
        for pool in self.pools.values():
            yield ['pool', pool.id, pool.total]
            yield ['filler', pool.id, pool.filler]
        # An object's father always has the lower number.
        for number in sorted(self.by_id):
            item = self.by_id[number]
            yield ['volume' if item.is_volume else 'snapshot', item.facts()]
        for qos in self.qos.values():
            yield ['qos', qos.name, qos.limits]
            for name in sorted(qos.volumes):
                yield ['qos_of', name, qos.name]
        for (agent, name), device in self.attachments.items():
            yield ['attach', agent, name, device]
        for job in self.jobs.values():
            yield ['job', job.facts()]
        for exchange in self.exchanges.values():
            yield ['exchange', exchange.volume_id, exchange.other_id,
                   exchange.state]

    def _on_cluster(self, cluster_id, next_id):
        self.cluster_id = cluster_id
        self.next_id = max(self.next_id, next_id)

    def _on_reset(self):
        pools = self.pools
        next_id = self.next_id
        self._empty()
        # Numbers are not used again, so that a device's wwn stays unique.
        self.next_id = next_id
        for pool in pools.values():
            self._on_pool(pool.id, pool.total)

    def _on_pool(self, pool_id, total):
        if pool_id in self.pools:
            self.pools[pool_id].total = total
        else:
            self.pools[pool_id] = model.Pool(pool_id, total)

    def _on_filler(self, pool_id, filler):
        self.pools[pool_id].filler = filler

    def _wwn(self, number):
        if self.single_pool:
            return ''
        # Huawei's NAA prefix; the cluster's number keeps the by-id links of
        # several clusters on one machine apart.
        return '6888603%08x%017x' % (self.cluster_id, number)

    def _add(self, item):
        self.by_id[item.id] = item
        self.next_id = max(self.next_id, item.id + 1)
        item.pool.footprint += item.footprint

    def _remove(self, item):
        del self.by_id[item.id]
        item.pool.footprint -= item.footprint

    def _on_volume(self, facts):
        father = self.snapshots.get(facts['father'])
        volume = model.Volume(facts, self.pools[facts['pool']], father,
                              self._wwn(facts['id']))
        self.volumes[volume.name] = volume
        volume.pool.volumes[volume.name] = volume
        volume.pool.alloc += volume.size
        if father is not None:
            father.clones[volume.name] = volume
        self._add(volume)

    def _on_snapshot(self, facts):
        father = self.volumes.get(facts['father'])
        snapshot = model.Snapshot(facts, self.pools[facts['pool']], father,
                                  self._wwn(facts['id']))
        self.snapshots[snapshot.name] = snapshot
        snapshot.pool.snapshots[snapshot.name] = snapshot
        if father is not None:
            father.snapshots[snapshot.name] = snapshot
        self._add(snapshot)

    def _on_volume_gone(self, name):
        volume = self.volumes.pop(name)
        del volume.pool.volumes[name]
        volume.pool.alloc -= volume.size
        if volume.father is not None:
            del volume.father.clones[name]
        if volume.qos:
            self.qos[volume.qos].volumes.discard(name)
        self._remove(volume)

    def _on_snapshot_gone(self, name):
        snapshot = self.snapshots.pop(name)
        del snapshot.pool.snapshots[name]
        if snapshot.father is not None:
            del snapshot.father.snapshots[name]
        for clone in snapshot.clones.values():
            clone.father = None
            clone.cached_line = None
        self._remove(snapshot)

    def _on_resize(self, name, size):
        self._resize(self.volumes[name], size)

    def _resize(self, volume, size):
        before = volume.footprint
        volume.pool.alloc += size - volume.size
        volume.size = size
        volume.pool.footprint += volume.footprint - before
        volume.cached_line = None

    def _on_attach(self, agent, name, device):
        item = self.find(name)
        item.attachments[agent] = device
        self.attachments[agent, name] = device
        item.pool.live[name] = item

    def _on_detach(self, agent, name):
        item = self.find(name)
        del item.attachments[agent]
        del self.attachments[agent, name]
        if not item.attachments:
            del item.pool.live[name]

    def _on_qos(self, name, limits):
        if name in self.qos:
            self.qos[name].limits.update(limits)
        else:
            self.qos[name] = model.Qos(name, limits)

    def _on_qos_gone(self, name):
        del self.qos[name]

    def _on_qos_of(self, volume_name, qos_name):
        volume = self.volumes[volume_name]
        if volume.qos:
            self.qos[volume.qos].volumes.discard(volume_name)
        volume.qos = qos_name
        if qos_name:
            self.qos[qos_name].volumes.add(volume_name)

    def _on_job(self, facts):
        job = model.Job(facts['id'], facts['kind'],
                        self.find(facts['target']),
                        self.find(facts['source']), facts['pool'])
        self.jobs[job.id] = job
        self.next_id = max(self.next_id, job.id + 1)
        job.target.job = job
        self._set_status(job.target, model.VOLUME_COPYING
                         if job.target.is_volume else model.SNAPSHOT_CREATING)
        if job.source is not None:
            job.source.readers += 1
        if job.kind == model.EXCHANGE:
            job.source.job = job
            self._set_status(job.source, model.VOLUME_COPYING)
            self._on_exchange(job.target.id, job.source.id, 'running')

    def _on_exchange(self, volume_id, other_id, state):
        self.exchanges[volume_id] = model.Exchange(volume_id, other_id, state)

    def _on_exchange_gone(self, volume_id):
        del self.exchanges[volume_id]

    def _on_job_done(self, job_id, now=0):
        job = self._end(job_id, model.READY, 'done', now)
        if job.kind == model.ROLLBACK:
            self._resize(job.target, job.source.size)
        elif job.kind == model.MIGRATION:
            self._move(job.target, self.pools[job.pool_id])
        elif job.kind == model.EXCHANGE:
            here, there = job.target.pool, job.source.pool
            self._move(job.target, there)
            self._move(job.source, here)

    def _on_job_failed(self, job_id, now=0):
        # A move that fails has not touched the volume; the target of any
        # other copy is neither the old nor the new.
        moved = self.jobs[job_id].kind in (model.MIGRATION, model.EXCHANGE)
        self._end(job_id, model.READY if moved else model.FAILED, 'failed',
                  now)

    _on_job_cancelled = _on_job_failed

    def _end(self, job_id, status, outcome, now):
        job = self.jobs.pop(job_id)
        job.target.job = None
        self._set_status(job.target, status)
        if job.source is not None:
            job.source.readers -= 1
        if job.kind == model.ROLLBACK:
            job.source.rolled_back = now
        elif job.kind == model.EXCHANGE:
            job.source.job = None
            self._set_status(job.source, status)
            self.exchanges[job.target.id].state = outcome
        return job

    def _set_status(self, item, status):
        item.status = status
        item.cached_line = None

    def _move(self, volume, pool):
        # A linked clone is in its snapshot's pool, so one that leaves it
        # is no longer linked.
        if volume.father is not None:
            del volume.father.clones[volume.name]
            volume.father = None
        old = volume.pool
        del old.volumes[volume.name]
        old.alloc -= volume.size
        old.footprint -= volume.footprint
        volume.pool = pool
        pool.volumes[volume.name] = volume
        pool.alloc += volume.size
        pool.footprint += volume.footprint
        volume.cached_line = None
