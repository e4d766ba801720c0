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


"""Operations for images and backups that meet faults; see matrix."""

from oslo_utils import units

from cinder import context
from cinder import exception
from cinder import objects
from cinder.tests.unit.volume.drivers.dsware import database
from cinder.tests.unit.volume.drivers.dsware.integration import base
from cinder.tests.unit.volume.drivers.dsware.integration import cases
from cinder.volume.drivers.dsware import names

_OWNER = 'project of the image'


class CloneImage(cases.LinkedClone):
    """An image that is a volume; what cannot be cloned, Cinder copies."""

    # Whatever went wrong, Cinder is told that it was not cloned.
    about = 'nothing'

    def prepare(self):
        self.test.flags(allowed_direct_url_schemes=['cinder'])
        self.new.encryption_key_id = None

    def run(self, dsware):
        self.source.host = dsware.host + '#0'
        database.add_volume(self.source, status='available',
                            project_id=_OWNER)
        url = 'cinder://' + self.source.id
        _update, cloned = dsware.clone_image(
            context.get_admin_context(), self.new, (url, []),
            {'id': 'image', 'owner': _OWNER, 'size': units.Gi,
             'disk_format': 'raw', 'container_format': 'bare'}, None)
        if not cloned:
            raise exception.VolumeBackendAPIException(data='not cloned')


class BackupDevice(cases.Operation):
    """The snapshot that a backup of a volume reads is made."""

    steps = ('createSnapshot',)
    needs_room = True
    options = {'backup_use_temp_snapshot': True}

    def prepare(self):
        admin = context.get_admin_context()
        self.source = objects.Volume(
            admin, size=1, host='host@backend#0', status='backing-up',
            previous_status='available',
            volume_type_id=self.test.vt['id'])
        self.source.create()
        self.host.create(self.source.name, 1)
        self.backup = objects.Backup(
            admin, volume_id=self.source.id, user_id='user',
            project_id='project', status='creating', host='host')
        self.backup.create()
        self.device = None

    def run(self, dsware):
        self.device, is_snapshot = dsware.get_backup_device(
            context.get_admin_context(), self.backup)
        assert is_snapshot

    def own(self):
        found = objects.SnapshotList.get_all_for_volume(
            context.get_admin_context(), self.source.id)
        return [snapshot.name for snapshot in found]

    def changes(self):
        return set(), {(name, base.GIB, 0, 0, self.source.name)
                       for name in self.own()}

    def recover(self, dsware):
        # What has been left is shown to the user, who deletes it.
        for snapshot in objects.SnapshotList.get_all_for_volume(
                context.get_admin_context(), self.source.id):
            dsware.delete_snapshot(snapshot)
            snapshot.destroy()

    def data(self):
        return {}


class ExportSnapshot(cases.Operation):
    """Whether the agent attaches snapshots is tried out."""

    steps = fallback_steps = ('attachVolume', 'detachVolume')
    about = 'snapshot'
    # A clone can stand in for it.
    certain = False

    def prepare(self):
        self.test.mock_object(objects.Snapshot, 'save')
        self.test.mock_object(objects.BackupList, 'get_all', return_value=[])
        self.connector['dsware_agent_port'] = self.test.simulator.agents[0][1]

    def own(self):
        return [self.snapshot.name]

    def run(self, dsware):
        admin = context.get_admin_context()
        self.snapshot.update(dsware.create_export_snapshot(
            admin, self.snapshot, self.connector))
        try:
            dsware.initialize_connection_snapshot(self.snapshot,
                                                  self.connector)
        except Exception:
            dsware.remove_export_snapshot(admin, self.snapshot)
            raise

    def tidy(self, dsware):
        # The next attempt does it, or the end of the backup.
        dsware.remove_export_snapshot(context.get_admin_context(),
                                      self.snapshot)
        self.run(dsware)


class ExportByManager(ExportSnapshot):
    steps = fallback_steps = ('attachVolume',)
    options = {'dsware_attach_by': 'manager'}

    def changes(self):
        return set(), {(self.host.address, self.snapshot.name)}


class ExportClone(ExportSnapshot):
    """The agent attaches no snapshots, so a clone stands in."""

    steps = ('attachVolume', 'createVolumeFromSnap')
    met = ('createVolumeFromSnap',)
    fallback_steps = ()
    needs_room = True
    certain = True

    def run(self, dsware):
        number = self.control.add_fault(kind='result', code=50150010,
                                        op='attachVolume', count=1)
        try:
            super().run(dsware)
        finally:
            self.control.clear_faults(number)

    def changes(self):
        return set(), {(names.stand_in(self.snapshot.name), base.GIB, 0, 0,
                        self.snapshot.name)}

    def data(self):
        return {**super().data(),
                names.stand_in(self.snapshot.name): cases.OLD}


class EndExport(ExportSnapshot):
    """What was read stays good: what is left is removed later."""

    steps = ('detachVolumeByIp', 'detachVolumeByIp 2', 'deleteVolume')
    empty_steps = ('detachVolumeByIp',)
    fallback_steps = ()
    forgiving = True

    def prepare(self):
        super().prepare()
        self.stand_in = names.stand_in(self.snapshot.name)
        self.host.run('createVolumeFromSnap', volName=self.stand_in,
                      volSize=base.GIB, snapNameSrc=self.snapshot.name)
        self.host.attach(self.stand_in)
        self.snapshot.update({'provider_location': 'dsware-attached',
                              'provider_auth': self.host.address})

    def run(self, dsware):
        dsware.terminate_connection_snapshot(self.snapshot, self.connector)

    def tidy(self, dsware):
        dsware.remove_export_snapshot(context.get_admin_context(),
                                      self.snapshot)

    def changes(self):
        return {(self.stand_in, base.GIB, 0, 0, self.snapshot.name),
                (self.host.address, self.stand_in)}, set()


class DeleteExported(EndExport):
    """The snapshot of a backup that was interrupted."""

    steps = (*EndExport.steps, 'deleteSnapshot')
    forgiving = False
    halfway = steps

    def run(self, dsware):
        dsware.delete_snapshot(self.snapshot)

    def changes(self):
        gone, come = super().changes()
        return gone | {(self.snapshot.name, base.GIB, 0, 0,
                        self.source.name)}, come

    def data(self):
        return {self.source.name: cases.NEW}


OPERATIONS = (CloneImage, BackupDevice, ExportSnapshot, ExportByManager,
              ExportClone, EndExport, DeleteExported)
