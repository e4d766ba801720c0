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

"""Operations that attach a volume, for others or for the service itself."""

from cinder.db import api as db
from cinder import objects
from cinder.objects import fields

from functional.crashes import images
from functional.crashes import operations
from functional.crashes import setup

INSTANCE = '00000000-0000-4000-9000-00000000000f'


class FromImage(operations.Making):
    """An image is copied into a volume."""

    def content(self):
        return images.CONTENT

    def spec(self):
        return objects.RequestSpec(
            volume_id=self.setup.state['ids']['new'], image_id=setup.IMAGE)


class FromImageIntoCache(FromImage):
    """An image is copied into a volume, which is cloned into the cache."""

    options = {'image_volume_cache_enabled': True}


class FromCache(FromImageIntoCache):
    """A volume of the image-volume cache is cloned."""

    def prepare(self):
        volume = self.setup.made_volume('cached')
        self.setup.cluster.write(volume.name, images.CONTENT)
        # The volume's mark, over the start of which the image was written.
        mark, start = self.setup.content_of('cached'), images.CONTENT['0']
        self.setup.remember('cached', volume, {
            **mark, **images.CONTENT, '0': start + mark['0'][len(start):]})
        db.image_volume_cache_create(
            self.ctxt, volume.host, volume.cluster_name, setup.IMAGE,
            images.UPDATED.replace(tzinfo=None), volume.id, volume.size)

    def content(self):
        return self.setup.content_of('cached')


class FromImageVolume(FromImage):
    """The image is a volume of the cluster, which is cloned."""

    def prepare(self):
        self.setup.made_volume('image')

    def content(self):
        return self.setup.content_of('image')

    def run(self):
        images.locate('cinder://' + self.setup.state['ids']['image'])
        super().run()


class ToImage(operations.Changing):
    """A volume is copied into an image."""

    def request(self):
        self.set_status('uploading')

    def run(self):
        self.manager.copy_volume_to_image(
            self.ctxt, self.setup.state['ids']['volume'],
            {'id': setup.IMAGE, 'container_format': 'bare',
             'disk_format': 'raw', 'name': 'image'})


class ToImageAsVolume(ToImage):
    """A volume is cloned, and the clone is the image."""

    options = {'image_upload_use_cinder_backend': True}


class Attach(operations.Changing):
    """The driver attaches a volume to a host."""

    def connector(self):
        """Give the connector properties of the host."""
        return {'host': 'compute', 'ip': self.setup.cluster.address,
                'initiator': '', 'multipath': False, 'dsware_cli': True}

    def request(self):
        volume = self.set_status('reserved')
        made = objects.VolumeAttachment(
            self.ctxt, volume_id=volume.id, instance_uuid=INSTANCE,
            attach_status=fields.VolumeAttachStatus.RESERVED,
            attach_mode='null')
        made.create()
        self.setup.state['ids']['attachment'] = made.id

    def run(self):
        self.manager.attachment_update(
            self.ctxt, self.setup.volume('volume'), self.connector(),
            self.setup.state['ids']['attachment'])
        self._complete()

    def _complete(self):
        """Do what Cinder's API does when Nova says that it is done."""
        one = objects.VolumeAttachment.get_by_id(
            self.ctxt, self.setup.state['ids']['attachment'])
        one.attach_status = fields.VolumeAttachStatus.ATTACHED
        one.save()
        volume = self.setup.volume('volume')
        volume.update({'status': 'in-use', 'attach_status':
                       fields.VolumeAttachStatus.ATTACHED})
        volume.save()

    def after_crash(self):
        self._delete_attachment()

    def _delete_attachment(self):
        """Do what Nova asks Cinder's API for."""
        volume = self.setup.volume('volume')
        for one in objects.VolumeAttachmentList.get_all_by_volume_id(
                self.ctxt, volume.id):
            if one.connector:
                self.manager.attachment_delete(self.ctxt, one.id, volume)
            one.destroy()
        volume.refresh()
        volume.update({'status': 'available', 'attach_status':
                       fields.VolumeAttachStatus.DETACHED})
        volume.save()
        self.setup.service.driver.get_volume_stats(refresh=True)

    def check(self):
        assert self.setup.volume('volume').status == 'in-use'

    def attached(self):
        volume = self.setup.volume('volume')
        return [volume.name] if volume.status == 'in-use' else []

    def finish(self):
        self._delete_attachment()


class Detach(Attach):
    """The driver detaches a volume from a host."""

    def prepare(self):
        super().prepare()
        super().request()
        super().run()

    def request(self):
        if self.setup.volume('volume').status != 'in-use':
            Attach.request(self)
            Attach.run(self)

    def run(self):
        self._delete_attachment()

    def check(self):
        assert self.setup.volume('volume').status == 'available'


class Backup(operations.Changing):
    """A backup reads a temporary clone of a volume in use."""

    def request(self):
        volume = self.set_status('backing-up')
        # Whoever uses it has it attached elsewhere.
        volume.previous_status = 'in-use'
        volume.save()
        backup = objects.Backup(
            self.ctxt, volume_id=self.setup.state['ids']['volume'],
            status=fields.BackupStatus.CREATING, user_id=setup.USER,
            project_id=setup.PROJECT, host='backup', size=1,
            display_name='backup')
        backup.create()
        self.setup.state['ids']['backup'] = backup.id

    def backup(self):
        """Read the backup."""
        return objects.Backup.get_by_id(
            self.ctxt, self.setup.state['ids']['backup'])

    def run(self):
        backup = self.backup()
        device = self.manager.get_backup_device(self.ctxt, backup,
                                                want_objects=True)
        assert device.device_obj.id == backup.temp_volume_id
        self.end('available')

    def end(self, status):
        """Do what cinder-backup does at the end of a backup."""
        backup = self.backup()
        if backup.temp_volume_id:
            clone = setup.exists(objects.Volume.get_by_id, self.ctxt,
                                 backup.temp_volume_id)
            if clone:
                self.manager.delete_volume(self.ctxt, clone)
        volume = self.setup.volume('volume')
        volume.status = 'available'
        volume.save()
        backup.update({'status': status, 'temp_volume_id': None})
        backup.save()

    def after_crash(self):
        backup = self.backup()
        if backup.status == fields.BackupStatus.CREATING:
            # What cinder-backup does when it starts, in this order.
            backup.status = fields.BackupStatus.ERROR
            backup.save()
            self.end('error')

    def finish(self):
        for backup in objects.BackupList.get_all(self.ctxt):
            backup.destroy()


OPERATIONS = (FromImage, FromImageIntoCache, FromCache, FromImageVolume,
              ToImage, ToImageAsVolume, Attach, Detach, Backup)
