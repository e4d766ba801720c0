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

"""Operations that take objects over and let go of them; see matrix."""

from oslo_utils import timeutils

from cinder import context
from cinder import objects
from cinder.tests.unit.volume.drivers.dsware.integration import base
from cinder.tests.unit.volume.drivers.dsware.integration import cases
from cinder.volume.drivers.dsware.array import names


class Manage(cases.Operation):
    """A volume that grows to a whole number of GiB."""

    steps = ('deleteQoS', 'expandVolume')
    empty_steps = ('deleteQoS',)
    needs_room = True
    name = 'legacy'

    def own(self):
        return [self.name]

    def prepare(self):
        self.host.run('createVolume', volName=self.name, volSize=1536,
                      poolId=0, thinFlag=1)
        self.host.write(self.name, 0, cases.NEW)
        self.new = objects.Volume(
            context.get_admin_context(), size=0, host='host@backend#0',
            volume_type_id=self.test.vt['id'])
        self.new.create()

    def run(self, dsware):
        reference = {'source-name': self.name}
        self.new.size = dsware.manage_existing_get_size(self.new, reference)
        self.new.update(dsware.manage_existing(self.new, reference))
        self.new.launched_at = timeutils.utcnow()

    def changes(self):
        return ({(self.name, 1536, 0, 0, '')},
                {(self.name, 2 * base.GIB, 0, 0, '')})

    def recover(self, dsware):
        # Nobody has it, so it can be managed.
        assert self.new.provider_id is None

    @classmethod
    def recovers(cls):
        # That it was made larger cannot be taken back.
        return False

    def data(self):
        return {**super().data(), self.name: cases.NEW}


class ManageSnapshot(cases.Operation):
    steps = ('querySnapshot',)
    about = 'snapshot'

    def prepare(self):
        self.taken = base.make_snapshot(self.source)
        self.test.mock_object(objects.Snapshot, 'save')

    def run(self, dsware):
        reference = {'source-name': self.snapshot.name}
        dsware.manage_existing_snapshot_get_size(self.taken, reference)
        dsware.manage_existing_snapshot(self.taken, reference)


class Unmanage(cases.Operation):
    """What clones of it have left goes, if that is possible."""

    steps = ('deleteSnapshot', 'deleteSnapshot 2')
    empty_steps = ('deleteSnapshot',)
    forgiving = True

    def own(self):
        return [names.temporary(self.new.name)]

    def prepare(self):
        self.host.run('createSnapshot', volName=self.source.name,
                      snapName=names.temporary(self.new.name))

    def run(self, dsware):
        dsware.unmanage(self.source)

    def changes(self):
        return {(names.temporary(self.new.name), base.GIB, 0, 0,
                 self.source.name)}, set()


class UnmanageSnapshot(cases.Operation):

    def run(self, dsware):
        dsware.unmanage_snapshot(self.snapshot)


OPERATIONS = (Manage, ManageSnapshot, Unmanage, UnmanageSnapshot)
