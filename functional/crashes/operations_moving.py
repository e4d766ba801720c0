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

"""Operations that take over what is there, or put it elsewhere."""

from functional.crashes import operations
from functional.crashes import setup


class Manage(operations.Operation):
    """A volume that has no whole number of GiB, with limits."""

    takes_over = True

    NAME = 'legacy'

    def prepare(self):
        self.setup.cluster.run('createVolume', volName=self.NAME,
                               volSize=1536, poolId=0, thinFlag=1)
        content = setup.marked('legacy')
        self.setup.cluster.write(self.NAME, content)
        self.setup.state['foreign'] = {self.NAME: content}

    def request(self):
        volume = self.setup.new_volume(setup.LIMITED, 0, status='creating')
        self.setup.remember('new', volume,
                            self.setup.state['foreign'][self.NAME])

    def run(self):
        self.manager.manage_existing(
            self.ctxt, self.setup.volume('new'), {'source-name': self.NAME})

    def check(self):
        volume = self.setup.volume('new')
        assert (volume.status, volume.size) == ('available', 2), volume

    def finish(self):
        # Now it is deleted with all others.
        self.setup.state['foreign'] = {}


class ManageSnapshot(operations.Changing):
    """A snapshot of a Cinder volume that Cinder did not make."""

    takes_over = True

    NAME = 'legacy-snapshot'

    def prepare(self):
        super().prepare()
        self.setup.cluster.run(
            'createSnapshot', snapName=self.NAME,
            volName=self.setup.volume('volume').name)
        self.setup.state['foreign'] = {
            self.NAME: self.setup.content_of('volume')}

    def request(self):
        snapshot = self.setup.new_snapshot(self.setup.volume('volume'))
        self.setup.remember('new', snapshot,
                            self.setup.state['foreign'][self.NAME])

    def run(self):
        self.manager.manage_existing_snapshot(
            self.ctxt, self.setup.snapshot('new'),
            {'source-name': self.NAME})

    def finish(self):
        self.setup.state['foreign'] = {}


class Unmanage(operations.Changing):
    """A volume stays on the cluster and leaves Cinder."""

    def request(self):
        volume = setup.exists(self.setup.volume, 'volume')
        if volume:
            self.setup.state.setdefault('foreign', {})[
                volume.name] = self.setup.content_of('volume')
            self.set_status('unmanaging')

    def run(self):
        volume = setup.exists(self.setup.volume, 'volume')
        if volume:
            self.manager.delete_volume(self.ctxt, volume,
                                       unmanage_only=True)

    def check(self):
        assert not setup.exists(self.setup.volume, 'volume')


class Moving(operations.Changing):
    """What puts a volume elsewhere, or has it otherwise."""

    pool = 1

    def destination(self):
        """Give a destination, as the scheduler hands it over."""
        driver = self.setup.service.driver
        stats = driver.get_volume_stats(refresh=True)
        pool, = [one for one in stats['pools']
                 if one['pool_name'] == str(self.pool)]
        service = self.setup.service
        return {'host': '%s#%d' % (service.host, self.pool),
                'cluster_name': (service.cluster
                                 and '%s#%d' % (service.cluster, self.pool)),
                'capabilities': pool}

    def check(self):
        super().check()
        volume = self.setup.volume('volume')
        assert volume.host.endswith('#%d' % self.pool), volume.host


class MoveByCluster(Moving):
    """A migration that the cluster does, to another pool."""

    copy_seconds = 0.2

    def request(self):
        volume = self.setup.volume('volume')
        volume.update({'migration_status': 'starting',
                       'previous_status': volume.status})
        volume.save()

    def run(self):
        self.manager.migrate_volume(self.ctxt, self.setup.volume('volume'),
                                    self.destination())

    def repeat(self):
        """Move it where it is not: Cinder and the driver refuse the rest."""
        if self.setup.volume('volume').host.endswith('#%d' % self.pool):
            self.pool = 0
        super().repeat()


class MoveByCopy(MoveByCluster):
    """A migration that Cinder does by a copy."""

    def run(self):
        self.manager.migrate_volume(self.ctxt, self.setup.volume('volume'),
                                    self.destination(), True)


class Retype(Moving):
    """A type with other limits, in place."""

    pool = 0
    kind = setup.LIMITED
    new_kind = setup.SLOWER

    def request(self):
        self.set_status('retyping')

    def run(self):
        volume = self.setup.volume('volume')
        self.manager.retype(
            self.ctxt, volume, self.setup.type_of(self.new_kind).id,
            self.destination(), 'on-demand')

    def check(self):
        super().check()
        volume = self.setup.volume('volume')
        assert volume.volume_type_id == self.setup.type_of(
            self.new_kind).id


class RetypeToPool(Retype):
    """A type for another pool, and other limits."""

    pool = 1
    copy_seconds = 0.2


class RetypeByCopy(Retype):
    """From thin to thick, which Cinder does by a copy."""

    kind = setup.LIMITED
    new_kind = setup.THICK


OPERATIONS = (Manage, ManageSnapshot, Unmanage, MoveByCluster, MoveByCopy,
              Retype, RetypeToPool, RetypeByCopy)
