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

"""What an operation is that is interrupted, and those on one volume."""

from cinder import objects

from functional.crashes import setup


class Operation(object):
    """What Cinder asks of the driver in one request.

    :ivar options: options of the backend
    :ivar copy_seconds: how long the cluster takes for a copy
    :ivar takes_over: whether what is made is an object that was there
    :ivar drops_new: whether Cinder deletes what it has made on the way, and
        its records do not say so meanwhile
    """

    options = {}
    copy_seconds = 0
    takes_over = False
    drops_new = False

    def __init__(self, prepared):
        self.setup = prepared
        self.manager = prepared.service and prepared.manager
        self.ctxt = prepared.ctxt

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

    kind = setup.PLAIN
    size = 1

    def origin(self):
        """Tell what it is made from: fields of its record."""
        return {}

    def content(self):
        """Tell what it has to hold."""
        return {}

    def request(self):
        volume = self.setup.new_volume(self.kind, self.size, **self.origin())
        # As the request's message does.
        volume.create_worker()
        self.setup.remember('new', volume, self.content())

    def run(self):
        self.manager.create_volume(
            self.ctxt, self.setup.volume('new'), self.spec(), {},
            allow_reschedule=False)

    def spec(self):
        """Give what the scheduler hands over."""
        origin = {key: value for key, value in self.origin().items()
                  if key in ('snapshot_id', 'source_volid')}
        return objects.RequestSpec(volume_id=self.setup.state['ids']['new'],
                                   **origin)

    def check(self):
        volume = self.setup.volume('new')
        assert volume.status == 'available', volume.status


class Create(Making):
    """An empty volume with limits."""

    kind = setup.LIMITED


class Clone(Making):
    """A linked clone, larger than its source, with limits."""

    kind = setup.LIMITED
    size = 2

    def prepare(self):
        self.setup.made_volume('source')

    def origin(self):
        return {'source_volid': self.setup.state['ids']['source']}

    def content(self):
        return self.setup.content_of('source')


class FullClone(Clone):
    """A clone by a full copy."""

    kind = setup.FULL
    copy_seconds = 0.2


class FromSnapshot(Making):
    """A linked clone of a snapshot, with limits."""

    kind = setup.LIMITED

    def prepare(self):
        self.setup.made_volume('source')
        self.setup.made_snapshot('snapshot', 'source')

    def origin(self):
        return {'snapshot_id': self.setup.state['ids']['snapshot']}

    def content(self):
        return self.setup.content_of('snapshot')


class FullFromSnapshot(FromSnapshot):
    """A full copy of a snapshot, larger than it."""

    kind = setup.FULL
    size = 2
    copy_seconds = 0.2


class Changing(Operation):
    """What changes a volume that is there."""

    kind = setup.PLAIN

    def prepare(self):
        self.setup.made_volume('volume', self.kind)

    def set_status(self, status, key='volume', **values):
        """Write what the API does at the request."""
        volume = self.setup.volume(key)
        volume.update({'status': status, 'previous_status': volume.status,
                       **values})
        volume.save()
        return volume

    def check(self):
        volume = self.setup.volume('volume')
        assert volume.status == 'available', volume.status


class Delete(Changing):
    """A volume with limits and a linked clone that a crash left half."""

    kind = setup.LIMITED

    def prepare(self):
        super().prepare()
        volume = self.setup.volume('volume')
        left = volume.name + '.clone'
        self.setup.cluster.run('createSnapshot', volName=volume.name,
                               snapName=left)
        self.setup.state['left'] = [left]

    def request(self):
        if setup.exists(self.setup.volume, 'volume'):
            self.set_status('deleting')

    def run(self):
        volume = setup.exists(self.setup.volume, 'volume')
        if volume:
            self.manager.delete_volume(self.ctxt, volume)

    def check(self):
        assert not setup.exists(self.setup.volume, 'volume')


class DeleteWithSnapshots(Delete):
    """A volume with two snapshots, one of which has a linked clone."""

    kind = setup.PLAIN

    def prepare(self):
        Changing.prepare(self)
        for key in ('first', 'second'):
            self.setup.made_snapshot(key, 'volume')
        clone = self.setup.new_volume(
            status='available',
            snapshot_id=self.setup.state['ids']['first'])
        self.setup.cluster.run(
            'createVolumeFromSnap', volName=clone.name, volSize=1024,
            snapNameSrc=self.setup.snapshot('first').name)
        self.setup.remember('clone', clone, self.setup.content_of('first'))

    def request(self):
        volume = setup.exists(self.setup.volume, 'volume')
        if not volume:
            return
        self.set_status('deleting')
        for snapshot in objects.SnapshotList.get_all_for_volume(
                self.ctxt, volume.id):
            snapshot.status = 'deleting'
            snapshot.save()

    def run(self):
        volume = setup.exists(self.setup.volume, 'volume')
        if volume:
            self.manager.delete_volume(self.ctxt, volume, cascade=True)


class Extend(Changing):
    """A volume whose limits grow with it."""

    kind = setup.LIMITED
    size = 2

    def request(self):
        self.set_status('extending')

    def run(self):
        self.manager.extend_volume(self.ctxt, self.setup.volume('volume'),
                                   self.size, [])

    def check(self):
        super().check()
        assert self.setup.volume('volume').size == self.size


class MakeSnapshot(Changing):
    """A snapshot of a volume."""

    def request(self):
        snapshot = self.setup.new_snapshot(self.setup.volume('volume'))
        self.setup.remember('snapshot', snapshot,
                            self.setup.content_of('volume'))

    def run(self):
        self.manager.create_snapshot(self.ctxt,
                                     self.setup.snapshot('snapshot'))


class DeleteSnapshot(Changing):
    """A snapshot of a volume goes."""

    def prepare(self):
        super().prepare()
        self.setup.made_snapshot('snapshot', 'volume')

    def request(self):
        snapshot = setup.exists(self.setup.snapshot, 'snapshot')
        if snapshot:
            snapshot.status = 'deleting'
            snapshot.save()

    def run(self):
        snapshot = setup.exists(self.setup.snapshot, 'snapshot')
        if snapshot:
            self.manager.delete_snapshot(self.ctxt, snapshot)

    def check(self):
        assert not setup.exists(self.setup.snapshot, 'snapshot')


class Revert(Changing):
    """A volume that was extended goes back to its snapshot."""

    copy_seconds = 0.2
    # The snapshot that Cinder makes to go back to if the revert fails.
    drops_new = True

    def prepare(self):
        super().prepare()
        self.setup.made_snapshot('snapshot', 'volume')
        volume = self.setup.volume('volume')
        self.setup.cluster.run('expandVolume', volName=volume.name,
                               volSize=2048)
        volume.size = 2
        volume.save()
        self.setup.remember('volume', volume, self.setup.content_of('volume'),
                            self.setup.content_of('snapshot'))

    def request(self):
        self.set_status('reverting')
        snapshot = self.setup.snapshot('snapshot')
        snapshot.status = 'restoring'
        snapshot.save()

    def run(self):
        self.manager.revert_to_snapshot(
            self.ctxt, self.setup.volume('volume'),
            self.setup.snapshot('snapshot'))

    def after_crash(self):
        self._expect_old_data()

    def _expect_old_data(self):
        """Whoever may use the volume must find what the snapshot holds."""
        volume = self.setup.volume('volume')
        if volume.status == 'available':
            self.setup.remember('volume', volume,
                                self.setup.content_of('snapshot'))

    def check(self):
        super().check()
        self._expect_old_data()


OPERATIONS = (Create, Clone, FullClone, FromSnapshot, FullFromSnapshot,
              Delete, DeleteWithSnapshots, Extend, MakeSnapshot,
              DeleteSnapshot, Revert)
