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
"""What a cluster consists of: pools, volumes, snapshots, QoS, copies.

These classes hold facts and write them as records; the rules are in the
modules whose names start with ``ops_``, and changes go through
:class:`dsware_sim.cluster.state.State` only. Sizes are in MiB unless a name
says otherwise.
"""

MIB = 1024 * 1024

# Published states of a volume and of a snapshot.
READY = 0
VOLUME_COPYING = 6
SNAPSHOT_CREATING = 5
# Any state that is not published is a failure of the object; this one is
# given to the target of a copy that failed.
FAILED = 9

FULL_COPY = 'full'
DUPLICATE = 'duplicate'
ROLLBACK = 'rollback'
MIGRATION = 'migration'
# Two volumes exchange their places; the manager does it, not an agent.
EXCHANGE = 'exchange'

QOS_FIELDS = ('maxIOPS', 'maxMBPS', 'burstIOPS', 'creditIOPS', 'IOPSPerGB',
              'readLimitIOPS', 'readLimitMBPS', 'writeLimitIOPS',
              'writeLimitMBPS', 'burstMBPSPerTB', 'MBPSPerTB',
              'minBaselineIOPS', 'minBaselineMBPS')


class Pool:
    """A storage pool."""

    __slots__ = ('id', 'total', 'filler', 'forced_full', 'pending',
                 'footprint', 'alloc', 'volumes', 'snapshots', 'live')

    def __init__(self, pool_id, total):
        """Make an empty pool.

        :param pool_id: its number
        :param total: its capacity
        """
        self.id = pool_id
        self.total = total
        # Capacity that a test declared used, to make the pool full.
        self.filler = 0
        # Whether a fault makes it look full.
        self.forced_full = False
        # What work under way will use when it is done.
        self.pending = 0
        # Sum of what its objects use, kept up to date.
        self.footprint = 0
        # Sum of the sizes of its volumes, kept up to date.
        self.alloc = 0
        self.volumes = {}
        self.snapshots = {}
        # Its objects that are attached, and so can grow at any time.
        self.live = {}

    @property
    def used(self):
        """Used capacity.

        :returns: MiB, never more than the pool has
        """
        if self.forced_full:
            return self.total
        return min(self.total, self.footprint + self.filler)

    @property
    def free(self):
        """Capacity that is left and not promised to anything.

        :returns: MiB
        """
        return max(0, self.total - self.used - self.pending)

    def line(self):
        """Write the pool as a record.

        :returns: the record line, as bytes
        """
        return (b'pool_id=%d,total_capacity=%d,used_capacity=%d,'
                b'alloc_capacity=%d'
                % (self.id, self.total, self.used, self.alloc))


class StorageObject:
    """What volumes and snapshots have in common."""

    __slots__ = ('id', 'name', 'pool', 'size', 'father', 'created', 'status',
                 'job', 'readers', 'attachments', 'real_bytes', 'wwn',
                 'cached_line')

    is_volume = False

    def __init__(self, facts, pool, father, wwn):
        """Make an object from what the journal says about it.

        :param facts: dict with id, name, size, created and status
        :param pool: its :class:`Pool`
        :param father: the object that it was made from, or None
        :param wwn: its world wide name, as hexadecimal digits
        """
        self.id = facts['id']
        self.name = facts['name']
        self.size = facts['size']
        self.created = facts['created']
        self.status = facts['status']
        self.pool = pool
        self.father = father
        self.wwn = wwn
        # The copy that writes this object, and how many read it.
        self.job = None
        self.readers = 0
        # Device path by address of the agent.
        self.attachments = {}
        self.real_bytes = 0
        self.cached_line = None

    @property
    def real_size(self):
        """Allocated capacity.

        :returns: MiB, rounded up
        """
        return -(-self.real_bytes // MIB)

    @property
    def footprint(self):
        """What the object takes from its pool's capacity.

        :returns: MiB
        """
        return self.real_size

    @property
    def father_name(self):
        """Name of the object that this one was made from.

        :returns: a name, or an empty string
        """
        return self.father.name if self.father is not None else ''

    def facts(self):
        """What the journal has to say to make this object again.

        :returns: dict
        """
        return {'id': self.id, 'name': self.name, 'pool': self.pool.id,
                'size': self.size, 'created': self.created,
                'status': self.status, 'father': self.father_name}


class Volume(StorageObject):
    """A volume."""

    __slots__ = ('thin', 'qos', 'snapshots')

    is_volume = True

    def __init__(self, facts, pool, father, wwn):
        """Make a volume from what the journal says about it.

        :param facts: as for a storage object, and thin
        :param pool: its :class:`Pool`
        :param father: the :class:`Snapshot` that it is a linked clone of,
                       or None
        :param wwn: its world wide name
        """
        super().__init__(facts, pool, father, wwn)
        self.thin = facts['thin']
        # Name of its QoS, or an empty string.
        self.qos = ''
        # The snapshots of this volume by name.
        self.snapshots = {}

    @property
    def footprint(self):
        """What the volume takes from its pool's capacity.

        :returns: MiB; all of its size when it is thick
        """
        return self.real_size if self.thin else self.size

    def facts(self):
        """What the journal has to say to make this volume again.

        :returns: dict
        """
        return {**super().facts(), 'thin': self.thin}

    def line(self, modern):
        """Write the volume as a record.

        :param modern: whether the cluster tells lun_id and wwn
        :returns: the record line, as bytes
        """
        if self.cached_line is None:
            tail = ',lun_id=%d,wwn=%s' % (self.id, self.wwn) if modern else ''
            self.cached_line = (
                'vol_name=%s,father_name=%s,status=%d,vol_size=%d,'
                'real_size=%d,pool_id=%d,create_time=%d%s'
                % (self.name, self.father_name, self.status, self.size,
                   self.real_size, self.pool.id, self.created, tail)
            ).encode()
        return self.cached_line


class Snapshot(StorageObject):
    """A snapshot."""

    __slots__ = ('clones', 'rolled_back')

    def __init__(self, facts, pool, father, wwn):
        """Make a snapshot from what the journal says about it.

        :param facts: as for a storage object
        :param pool: its :class:`Pool`
        :param father: the :class:`Volume` that it is a snapshot of, or None
                       when it is a full duplicate
        :param wwn: its world wide name
        """
        super().__init__(facts, pool, father, wwn)
        # The linked clones of this snapshot by name.
        self.clones = {}
        # When the last rollback to it ended, in seconds since the epoch; 0
        # for never.
        self.rolled_back = facts.get('rolled_back', 0)

    def facts(self):
        """What the journal has to say to make this snapshot again.

        :returns: dict
        """
        facts = super().facts()
        if self.rolled_back:
            facts['rolled_back'] = self.rolled_back
        return facts

    def line(self, modern):
        """Write the snapshot as a record.

        :param modern: whether the cluster tells the wwn
        :returns: the record line, as bytes
        """
        if self.cached_line is None:
            tail = ',wwn=' + self.wwn if modern else ''
            self.cached_line = (
                'snap_name=%s,father_name=%s,status=%d,snap_size=%d,'
                'real_size=%d,pool_id=%d,delete_priority=0,create_time=%d%s'
                % (self.name, self.father_name, self.status, self.size,
                   self.real_size, self.pool.id, self.created, tail)
            ).encode()
        return self.cached_line


class Qos:
    """A QoS: limits that volumes can have."""

    __slots__ = ('name', 'limits', 'volumes')

    def __init__(self, name, limits):
        """Make a QoS that no volume has.

        :param name: its name
        :param limits: dict of numbers by field name
        """
        self.name = name
        self.limits = dict(limits)
        # Names of the volumes that have it.
        self.volumes = set()


class Job:
    """A copy under way."""

    __slots__ = ('id', 'kind', 'target', 'source', 'pool_id')

    def __init__(self, job_id, kind, target, source, pool_id):
        """Describe a copy.

        :param job_id: its number
        :param kind: FULL_COPY, DUPLICATE, ROLLBACK, MIGRATION or EXCHANGE
        :param target: the object that is written, or moves
        :param source: the object that is read, or gives up its place; None
                       for a migration
        :param pool_id: where a migration goes to, else None
        """
        self.id = job_id
        self.kind = kind
        self.target = target
        self.source = source
        self.pool_id = pool_id

    def facts(self):
        """What the journal has to say to make this job again.

        :returns: dict
        """
        return {'id': self.id, 'kind': self.kind, 'target': self.target.name,
                'source': self.source.name if self.source else '',
                'pool': self.pool_id}


class Exchange:
    """What a manager tells of two volumes that exchange their places."""

    __slots__ = ('volume_id', 'other_id', 'state')

    def __init__(self, volume_id, other_id, state):
        """Note an exchange.

        :param volume_id: number of the volume that moves
        :param other_id: number of the one that was made for it
        :param state: 'running', 'done' or 'failed'
        """
        self.volume_id = volume_id
        self.other_id = other_id
        self.state = state

    def line(self):
        """Write the exchange as a record.

        :returns: the record line, as bytes
        """
        return b'parent_id=%d,target_lun_id=%d,state=%s' % (
            self.volume_id, self.other_id, self.state.encode())
