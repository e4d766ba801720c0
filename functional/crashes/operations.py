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

"""Which operations are interrupted, and what has to come of each."""

from cinder import objects

from functional.crashes import world as worlds


class Operation(object):
    """What Cinder asks of the driver in one request.

    :ivar options: options of the backend
    :ivar copy_seconds: how long the cluster takes for a copy
    :ivar takes_over: whether what is made is an object that was there
    """

    options = {}
    copy_seconds = 0
    takes_over = False

    def __init__(self, world):
        self.world = world
        self.manager = world.service and world.manager
        self.ctxt = world.ctxt

    @classmethod
    def name(cls):
        """The operation's name in the table."""
        return cls.__name__

    def prepare(self):
        """Make what is there before."""

    def request(self):
        """Write what Cinder's API writes; the new things are remembered."""

    def run(self):
        """Do what the volume service does with the request."""
        raise NotImplementedError

    def repeat(self):
        """Do it again, after what failed has been deleted or reset."""
        self.request()
        self.run()
        self.check()

    def check(self):
        """Check what only a request that worked brings about."""

    def after_crash(self):
        """Do what other services and users do when no answer came."""

    def finish(self):
        """Give back what keeps things from being deleted."""

    def attached(self):
        """Tell what may be attached to hosts afterwards."""
        return ()


class Making(Operation):
    """What makes a new volume."""

    kind = worlds.PLAIN
    size = 1

    def origin(self):
        """Tell what it is made from: fields of its record."""
        return {}

    def content(self):
        """Tell what it has to hold."""
        return {}

    def request(self):
        volume = self.world.new_volume(self.kind, self.size, **self.origin())
        # As the request's message does.
        volume.create_worker()
        self.world.remember('new', volume, self.content())

    def run(self):
        self.manager.create_volume(
            self.ctxt, self.world.volume('new'), self.spec(), {},
            allow_reschedule=False)

    def spec(self):
        """Give what the scheduler hands over."""
        origin = {key: value for key, value in self.origin().items()
                  if key in ('snapshot_id', 'source_volid')}
        return objects.RequestSpec(volume_id=self.world.state['ids']['new'],
                                   **origin)

    def check(self):
        volume = self.world.volume('new')
        assert volume.status == 'available', volume.status


class Create(Making):
    """An empty volume with limits."""

    kind = worlds.LIMITED


class Clone(Making):
    """A linked clone, larger than its source, with limits."""

    kind = worlds.LIMITED
    size = 2

    def prepare(self):
        self.world.made_volume('source')

    def origin(self):
        return {'source_volid': self.world.state['ids']['source']}

    def content(self):
        return self.world.content_of('source')


class FullClone(Clone):
    """A clone by a full copy."""

    kind = worlds.FULL
    copy_seconds = 0.2


class FromSnapshot(Making):
    """A linked clone of a snapshot, with limits."""

    kind = worlds.LIMITED

    def prepare(self):
        self.world.made_volume('source')
        self.world.made_snapshot('snapshot', 'source')

    def origin(self):
        return {'snapshot_id': self.world.state['ids']['snapshot']}

    def content(self):
        return self.world.content_of('snapshot')


class FullFromSnapshot(FromSnapshot):
    """A full copy of a snapshot, larger than it."""

    kind = worlds.FULL
    size = 2
    copy_seconds = 0.2


class Changing(Operation):
    """What changes a volume that is there."""

    kind = worlds.PLAIN

    def prepare(self):
        self.world.made_volume('volume', self.kind)

    def set_status(self, status, key='volume', **values):
        """Write what the API does at the request."""
        volume = self.world.volume(key)
        volume.update({'status': status, 'previous_status': volume.status,
                       **values})
        volume.save()
        return volume

    def check(self):
        volume = self.world.volume('volume')
        assert volume.status == 'available', volume.status


class Delete(Changing):
    """A volume with limits and a linked clone that a crash left half."""

    kind = worlds.LIMITED

    def prepare(self):
        super().prepare()
        volume = self.world.volume('volume')
        left = volume.name + '.clone'
        self.world.cluster.run('createSnapshot', volName=volume.name,
                               snapName=left)
        self.world.state['left'] = [left]

    def request(self):
        if worlds.exists(self.world.volume, 'volume'):
            self.set_status('deleting')

    def run(self):
        volume = worlds.exists(self.world.volume, 'volume')
        if volume:
            self.manager.delete_volume(self.ctxt, volume)

    def check(self):
        assert not worlds.exists(self.world.volume, 'volume')


class DeleteWithSnapshots(Delete):
    """A volume with two snapshots, one of which has a linked clone."""

    kind = worlds.PLAIN

    def prepare(self):
        Changing.prepare(self)
        for key in ('first', 'second'):
            self.world.made_snapshot(key, 'volume')
        clone = self.world.new_volume(
            status='available',
            snapshot_id=self.world.state['ids']['first'])
        self.world.cluster.run(
            'createVolumeFromSnap', volName=clone.name, volSize=1024,
            snapNameSrc=self.world.snapshot('first').name)
        self.world.remember('clone', clone, self.world.content_of('first'))

    def request(self):
        volume = worlds.exists(self.world.volume, 'volume')
        if not volume:
            return
        self.set_status('deleting')
        for snapshot in objects.SnapshotList.get_all_for_volume(
                self.ctxt, volume.id):
            snapshot.status = 'deleting'
            snapshot.save()

    def run(self):
        volume = worlds.exists(self.world.volume, 'volume')
        if volume:
            self.manager.delete_volume(self.ctxt, volume, cascade=True)


class Extend(Changing):
    """A volume whose limits grow with it."""

    kind = worlds.LIMITED
    size = 2

    def request(self):
        self.set_status('extending')

    def run(self):
        self.manager.extend_volume(self.ctxt, self.world.volume('volume'),
                                   self.size, [])

    def check(self):
        super().check()
        assert self.world.volume('volume').size == self.size


class MakeSnapshot(Changing):
    """A snapshot of a volume."""

    def request(self):
        snapshot = self.world.new_snapshot(self.world.volume('volume'))
        self.world.remember('snapshot', snapshot,
                            self.world.content_of('volume'))

    def run(self):
        self.manager.create_snapshot(self.ctxt,
                                     self.world.snapshot('snapshot'))


class DeleteSnapshot(Changing):
    """A snapshot of a volume goes."""

    def prepare(self):
        super().prepare()
        self.world.made_snapshot('snapshot', 'volume')

    def request(self):
        snapshot = worlds.exists(self.world.snapshot, 'snapshot')
        if snapshot:
            snapshot.status = 'deleting'
            snapshot.save()

    def run(self):
        snapshot = worlds.exists(self.world.snapshot, 'snapshot')
        if snapshot:
            self.manager.delete_snapshot(self.ctxt, snapshot)

    def check(self):
        assert not worlds.exists(self.world.snapshot, 'snapshot')


class Revert(Changing):
    """A volume that was extended goes back to its snapshot."""

    copy_seconds = 0.2

    def prepare(self):
        super().prepare()
        world = self.world
        world.made_snapshot('snapshot', 'volume')
        volume = world.volume('volume')
        world.cluster.run('expandVolume', volName=volume.name, volSize=2048)
        volume.size = 2
        volume.save()
        world.remember('volume', volume, world.content_of('volume'),
                       world.content_of('snapshot'))

    def request(self):
        self.set_status('reverting')
        snapshot = self.world.snapshot('snapshot')
        snapshot.status = 'restoring'
        snapshot.save()

    def run(self):
        self.manager.revert_to_snapshot(
            self.ctxt, self.world.volume('volume'),
            self.world.snapshot('snapshot'))

    def after_crash(self):
        self._expect_old_data()

    def _expect_old_data(self):
        """Whoever may use the volume must find what the snapshot holds."""
        volume = self.world.volume('volume')
        if volume.status == 'available':
            self.world.remember('volume', volume,
                                self.world.content_of('snapshot'))

    def check(self):
        super().check()
        self._expect_old_data()


class Manage(Operation):
    """A volume that has no whole number of GiB, with limits."""

    takes_over = True

    NAME = 'legacy'

    def prepare(self):
        self.world.cluster.run('createVolume', volName=self.NAME,
                               volSize=1536, poolId=0, thinFlag=1)
        content = worlds.marked('legacy')
        self.world.cluster.write(self.NAME, content)
        self.world.state['foreign'] = {self.NAME: content}

    def request(self):
        volume = self.world.new_volume(worlds.LIMITED, 0, status='creating')
        self.world.remember('new', volume,
                            self.world.state['foreign'][self.NAME])

    def run(self):
        self.manager.manage_existing(
            self.ctxt, self.world.volume('new'), {'source-name': self.NAME})

    def check(self):
        volume = self.world.volume('new')
        assert (volume.status, volume.size) == ('available', 2), volume

    def finish(self):
        # Now it is deleted with all others.
        self.world.state['foreign'] = {}


class ManageSnapshot(Changing):
    """A snapshot of a Cinder volume that Cinder did not make."""

    takes_over = True

    NAME = 'legacy-snapshot'

    def prepare(self):
        super().prepare()
        self.world.cluster.run(
            'createSnapshot', snapName=self.NAME,
            volName=self.world.volume('volume').name)
        self.world.state['foreign'] = {
            self.NAME: self.world.content_of('volume')}

    def request(self):
        snapshot = self.world.new_snapshot(self.world.volume('volume'))
        self.world.remember('new', snapshot,
                            self.world.state['foreign'][self.NAME])

    def run(self):
        self.manager.manage_existing_snapshot(
            self.ctxt, self.world.snapshot('new'),
            {'source-name': self.NAME})

    def finish(self):
        self.world.state['foreign'] = {}


class Unmanage(Changing):
    """A volume stays on the cluster and leaves Cinder."""

    def request(self):
        volume = worlds.exists(self.world.volume, 'volume')
        if volume:
            self.world.state.setdefault('foreign', {})[
                volume.name] = self.world.content_of('volume')
            self.set_status('unmanaging')

    def run(self):
        volume = worlds.exists(self.world.volume, 'volume')
        if volume:
            self.manager.delete_volume(self.ctxt, volume,
                                       unmanage_only=True)

    def check(self):
        assert not worlds.exists(self.world.volume, 'volume')


class Moving(Changing):
    """What puts a volume elsewhere, or has it otherwise."""

    pool = 1

    def destination(self):
        """Give a destination, as the scheduler hands it over."""
        driver = self.world.service.driver
        stats = driver.get_volume_stats(refresh=True)
        pool, = [one for one in stats['pools']
                 if one['pool_name'] == str(self.pool)]
        service = self.world.service
        return {'host': '%s#%d' % (service.host, self.pool),
                'cluster_name': (service.cluster
                                 and '%s#%d' % (service.cluster, self.pool)),
                'capabilities': pool}

    def check(self):
        super().check()
        volume = self.world.volume('volume')
        assert volume.host.endswith('#%d' % self.pool), volume.host


class MoveByCluster(Moving):
    """A migration that the cluster does, to another pool."""

    copy_seconds = 0.2

    def request(self):
        volume = self.world.volume('volume')
        volume.update({'migration_status': 'starting',
                       'previous_status': volume.status})
        volume.save()

    def run(self):
        self.manager.migrate_volume(self.ctxt, self.world.volume('volume'),
                                    self.destination())

    def repeat(self):
        """Move it where it is not: Cinder and the driver refuse the rest."""
        if self.world.volume('volume').host.endswith('#%d' % self.pool):
            self.pool = 0
        super().repeat()


class MoveByCopy(MoveByCluster):
    """A migration that Cinder does by a copy."""

    def run(self):
        self.manager.migrate_volume(self.ctxt, self.world.volume('volume'),
                                    self.destination(), True)


class Retype(Moving):
    """A type with other limits, in place."""

    pool = 0
    kind = worlds.LIMITED
    new_kind = worlds.SLOWER

    def request(self):
        self.set_status('retyping')

    def run(self):
        volume = self.world.volume('volume')
        self.manager.retype(
            self.ctxt, volume, self.world.type_of(self.new_kind).id,
            self.destination(), 'on-demand')

    def check(self):
        super().check()
        volume = self.world.volume('volume')
        assert volume.volume_type_id == self.world.type_of(
            self.new_kind).id


class RetypeToPool(Retype):
    """A type for another pool, and other limits."""

    pool = 1
    copy_seconds = 0.2


class RetypeByCopy(Retype):
    """From thin to thick, which Cinder does by a copy."""

    kind = worlds.LIMITED
    new_kind = worlds.THICK


OPERATIONS = (Create, Clone, FullClone, FromSnapshot, FullFromSnapshot,
              Delete, DeleteWithSnapshots, Extend, MakeSnapshot,
              DeleteSnapshot, Revert, Manage, ManageSnapshot, Unmanage,
              MoveByCluster, MoveByCopy, Retype, RetypeToPool, RetypeByCopy)
