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

"""What Cinder's API has written before a case, and what a cluster holds."""

import json
import uuid

from oslo_config import cfg
from oslo_utils import timeutils

from cinder import context
from cinder import exception
from cinder import objects
from cinder.objects import fields
from cinder.volume import group_types
from cinder.volume import qos_specs
from cinder.volume import volume_types


CONF = cfg.CONF
USER, PROJECT = '1' * 32, '2' * 32
IMAGE = '00000000-0000-4000-9000-000000000001'
# A place near the start and one near the end of the first GiB.
PLACES = ('0', '1073000000')
LIMITED, SLOWER = 'limited', 'slower'
CONSISTENT, OTHER = 'consistent', 'other'
PLAIN, THICK, FULL, POOL_1 = 'plain', 'thick', 'full', 'pool-1'


def request_context():
    """Be a user; an administrator, as the services' own context.

    :returns: a context
    """
    return context.RequestContext(USER, PROJECT, is_admin=True)


def make_types():
    """Make the types that the operations need; once for a database."""
    ctxt = context.get_admin_context()
    for name, specs in ((PLAIN, {}), (LIMITED, {}), (SLOWER, {}),
                        (THICK, {'provisioning:type': 'thick'}),
                        (FULL, {'dsware:clone': 'full'}),
                        (POOL_1, {'pool_name': '1'})):
        volume_types.create(ctxt, name, specs)
    for name, iops in ((LIMITED, '10'), (SLOWER, '5')):
        spec = qos_specs.create(ctxt, name, {
            'consumer': 'back-end', 'total_iops_sec_per_gb': iops})
        made = objects.VolumeType.get_by_name_or_id(ctxt, name)
        qos_specs.associate_qos_with_type(ctxt, spec.id, made.id)
    group_types.create(ctxt, CONSISTENT, {
        'consistent_group_snapshot_enabled': '<is> True'})
    group_types.create(ctxt, OTHER)


class Setup(object):
    """A cluster, and Cinder's records of it.

    What is to be found at the end is kept in ``state``, which outlives
    processes that are killed:

    - contents: by id of a volume or snapshot, what it may hold
    - ids: by what a thing is called here, its id
    """

    def __init__(self, cluster, volumes=None, state=None):
        """Look at a cluster.

        :param cluster: the :class:`cluster.Cluster`
        :param volumes: the :class:`service.VolumeService` of this process
        :param state: what an earlier process has left
        """
        self.ctxt = request_context()
        self.cluster = cluster
        self.service = volumes
        self.state = state or {'contents': {}, 'ids': {}}

    @property
    def manager(self):
        """Cinder's manager of this process."""
        return self.service.manager

    # -- records ----------------------------------------------------------

    def type_of(self, name):
        """Find a volume type.

        :param name: its name
        :returns: the type
        """
        return objects.VolumeType.get_by_name_or_id(self.ctxt, name)

    def new_volume(self, kind=PLAIN, size=1, pool=0, status='creating',
                   **values):
        """Record a volume, as the API and the scheduler do.

        :param kind: the name of its type
        :param size: GiB
        :param pool: the pool that it is to be in
        :param status: what the API has set
        :param values: further fields
        :returns: the volume
        """
        made = objects.Volume(self.ctxt, **{
            'size': size, 'status': status, 'user_id': USER,
            'project_id': PROJECT, 'availability_zone': 'nova',
            'host': '%s#%d' % (self.service.host, pool),
            'cluster_name': (self.service.cluster
                             and '%s#%d' % (self.service.cluster, pool)),
            'attach_status': fields.VolumeAttachStatus.DETACHED,
            'volume_type_id': self.type_of(kind).id, **values})
        made.create()
        return made

    def new_snapshot(self, volume, status='creating', **values):
        """Record a snapshot.

        :param volume: its volume
        :param status: what the API has set
        :param values: further fields
        :returns: the snapshot
        """
        made = objects.Snapshot(
            self.ctxt, volume_id=volume.id, volume_size=volume.size,
            status=status, user_id=USER, project_id=PROJECT,
            volume_type_id=volume.volume_type_id, **values)
        made.create()
        return objects.Snapshot.get_by_id(self.ctxt, made.id)

    def new_group(self, kind=CONSISTENT, **values):
        """Record a group.

        :param kind: the name of its type
        :param values: its fields beside the usual ones
        :returns: the group
        """
        kind = group_types.get_group_type_by_name(self.ctxt, kind)
        made = objects.Group(self.ctxt, **{
            'name': 'group', 'status': 'creating', 'user_id': USER,
            'project_id': PROJECT, 'availability_zone': 'nova',
            'host': self.service.host + '#0',
            'cluster_name': (self.service.cluster
                             and self.service.cluster + '#0'),
            'group_type_id': kind['id'],
            'volume_type_ids': [self.type_of(PLAIN).id], **values})
        made.create()
        return objects.Group.get_by_id(self.ctxt, made.id)

    def volume(self, key):
        """Read a volume.

        :param key: what it was remembered as
        :returns: the volume as it is now
        """
        return objects.Volume.get_by_id(self.ctxt, self.state['ids'][key])

    def snapshot(self, key):
        """Read a snapshot.

        :param key: what it was remembered as
        :returns: the snapshot as it is now
        """
        return objects.Snapshot.get_by_id(self.ctxt, self.state['ids'][key])

    def group(self, key):
        """Read a group.

        :param key: what it was remembered as
        :returns: the group as it is now
        """
        return objects.Group.get_by_id(self.ctxt, self.state['ids'][key])

    def remember(self, key, thing, *contents):
        """Remember a record for the processes that follow.

        :param key: what to call it
        :param thing: the record
        :param contents: what its object may hold; anything when not given
        :returns: the record
        """
        self.state['ids'][key] = thing.id
        if contents:
            self.state['contents'][thing.id] = list(contents)
        return thing

    # -- what is there before ---------------------------------------------

    def made_volume(self, key, kind=PLAIN, size=1, pool=0):
        """Have a volume, with data of its own, on both sides.

        :param key: what to call it
        :param kind: the name of its type
        :param size: GiB
        :param pool: the pool
        :returns: the volume
        """
        volume = self.new_volume(kind, size, pool, status='available',
                                 launched_at=timeutils.utcnow())
        self.cluster.create(volume.name, size, pool, int(kind != THICK))
        if kind in (LIMITED, SLOWER):
            self.limit(volume.name, (10 if kind == LIMITED else 5) * size)
        content = marked(key)
        self.cluster.write(volume.name, content)
        return self.remember(key, volume, content)

    def limit(self, name, iops):
        """Give a volume of the cluster the QoS that the driver gives it.

        :param name: its name
        :param iops: its limit
        """
        self.cluster.run('createQoS', qosName=name + '.qos', maxIOPS=iops)
        self.cluster.run('associateQoSWithVolume', qosName=name + '.qos',
                         volName=name)

    def made_snapshot(self, key, volume_key, **values):
        """Have a snapshot on both sides; its volume is changed afterwards.

        :param key: what to call it
        :param volume_key: its volume
        :param values: further fields of the record
        :returns: the snapshot
        """
        volume = self.volume(volume_key)
        snapshot = self.new_snapshot(volume, status='available',
                                     progress='100%', **values)
        self.cluster.run('createSnapshot', volName=volume.name,
                         snapName=snapshot.name)
        before = self.state['contents'][volume.id]
        self.remember(key, snapshot, *before)
        content = {**before[0], **marked(volume_key + ' after ' + key)}
        self.cluster.write(volume.name, content)
        self.remember(volume_key, volume, content)
        return snapshot

    def content_of(self, key):
        """Tell what a source holds.

        :param key: what it was remembered as
        :returns: a dict of offset to text
        """
        return self.state['contents'][self.state['ids'][key]][0]

    def save(self, path):
        """Write the state down.

        :param path: where
        """
        with open(path, 'w') as out:
            json.dump(self.state, out)


def marked(text):
    """Give a content that tells where it comes from.

    :param text: what it is of
    :returns: a dict of offset to text
    """
    unique = '<%s %s>' % (text, uuid.uuid4())
    return {place: unique for place in PLACES}


def exists(read, *args):
    """Read a record that may be gone.

    :param read: what reads it
    :param args: for it
    :returns: the record, or None
    """
    try:
        return read(*args)
    except (exception.NotFound, KeyError):
        return None


def all_records(ctxt):
    """List all volumes, snapshots, groups and group snapshots.

    :param ctxt: a context
    :returns: a dict of kind to list
    """
    return {'volume': list(objects.VolumeList.get_all(ctxt)),
            'snapshot': list(objects.SnapshotList.get_all(ctxt, {})),
            'group': list(objects.GroupList.get_all(ctxt)),
            'group_snapshot': list(objects.GroupSnapshotList.get_all(ctxt)),
            'backup': list(objects.BackupList.get_all(ctxt))}
