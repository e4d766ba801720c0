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


"""What a backup reads: snapshots that are attached read-only.

A backup reads a snapshot, never the volume itself, so nothing happens to the
volume while that lasts. Where the agent of the backup's host refuses to
attach a snapshot, or cannot be asked whether it would, a linked clone stands
in for it. It is known to nobody but this module: its name derives from the
snapshot's, and it goes when the attachment does.

From before the attachment until nothing is left of it the snapshot's record
says so (EXPORTED). Whatever is interrupted in between is undone when the
snapshot is deleted or read again. So is what the
cluster may still carry out after the driver has given up (DOUBTFUL).
"""

import contextlib

from oslo_log import log as logging
from oslo_utils import excutils

from cinder import context as cinder_context
from cinder import exception
from cinder import objects
from cinder.objects import fields
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import names
from cinder.volume.drivers.dsware import translation
from cinder.volume import volume_utils

LOG = logging.getLogger(__name__)

# In the provider_location of a snapshot. Beside it, in its provider_auth, is
# the address of the agent: a constant is what the database can look for.
EXPORTED = 'dsware-attached'
DOUBTFUL = 'dsware-doubtful'
_MARKS = (EXPORTED, DOUBTFUL)

# What a snapshot that a backup makes for itself is called.
_TEMPORARY = 'backup-snap-%s'

# What a refusal to attach a snapshot looks like. Absent is for an agent that
# looks for volumes only: that the snapshot is there was found out before.
_REFUSED = (exceptions.InvalidRequest, exceptions.ObjectAbsent)
# Something else has the name: it must not be removed.
_NOT_OURS = (exceptions.ObjectExists, exceptions.ObjectMismatch)
# Nobody said whether the host's agent attaches snapshots.
_NO_ANSWER = (exceptions.EndpointUnavailable, exceptions.OutcomeUnknown,
              exceptions.TryAgain)


class Exporter:
    """Attaches snapshots, or clones in their place, for a while.

    :param array: the :class:`array.Array`
    :param attacher: the :class:`attaching.HostAttacher`
    """

    def __init__(self, array, attacher):
        self._array = array
        self._attacher = attacher

    def prepare(self, snapshot, connector):
        """Get ready to attach a snapshot; nothing is attached yet.

        :param snapshot: the Cinder snapshot
        :param connector: the host's connector properties
        :returns: changes of the snapshot's record
        :raises InvalidInput: the host cannot attach Dsware volumes
        :raises VolumeBackendAPIException: what an interrupted use has left
            could not be removed
        """
        agent = self._attacher.agent_of(connector)
        self.clear(snapshot)
        return {'provider_location': EXPORTED, 'provider_auth': agent.host}

    def attach(self, snapshot, connector):
        """Attach a snapshot read-only, or a clone of it.

        :param snapshot: the Cinder snapshot
        :param connector: the host's connector properties
        :returns: connection_info
        :raises SnapshotNotFound: it is not on the cluster
        :raises InvalidInput: the host cannot attach Dsware volumes
        :raises VolumeBackendAPIException: for all other reasons
        """
        name = translation.snapshot_name(snapshot)
        with translation.for_snapshot(snapshot), _doubted(snapshot):
            found = _present(self._array.snapshot, 'querySnapshot', name)
            try:
                return self._attacher.attach_snapshot(found, connector)
            except _REFUSED + _NO_ANSWER as error:
                LOG.info('Snapshot %(name)s cannot be attached as it is; a '
                         'clone stands in for it: %(error)s',
                         {'name': name, 'error': error})
            return self._attacher.attach_clone(
                self._clone(snapshot, found), connector)

    def _clone(self, snapshot, found):
        name = _stand_in(snapshot)
        self._array.linked_clone(name, found.size, found.name)
        return _present(self._array.volume, 'queryVolume', name)

    def clear(self, snapshot):
        """Detach a snapshot and whatever stood in for it.

        Nobody else uses either: Cinder lets one backup at a time read a
        snapshot. One that was not attached is a success.

        :param snapshot: the Cinder snapshot; its record is saved
        :raises VolumeBackendAPIException: when that does not work
        """
        if snapshot.provider_location not in _MARKS:
            return
        address = snapshot.provider_auth
        self._array.detach_by_ip(translation.snapshot_name(snapshot), address)
        self._array.detach_by_ip(_stand_in(snapshot), address)
        self._array.delete_volume(_stand_in(snapshot))
        if snapshot.provider_location == DOUBTFUL:
            # It may appear only now, so that is done once more later.
            snapshot.provider_location = EXPORTED
        else:
            snapshot.provider_location = None
            snapshot.provider_auth = None
        snapshot.save()

    def clear_abandoned(self, snapshot):
        """Do the same before a snapshot is deleted.

        :param snapshot: the Cinder snapshot; its record is saved
        :raises VolumeBackendAPIException: when that does not work
        """
        # Cinder lets users delete what a backup has made for itself.
        context = cinder_context.get_admin_context()
        if (snapshot.provider_location in _MARKS
                and snapshot.id not in _being_read(context)):
            self.clear(snapshot)

    def clear_quietly(self, snapshot):
        """Do the same, or leave it for later.

        :param snapshot: the Cinder snapshot; its record is saved
        :returns: whether to expect that it works for another one
        """
        try:
            self.clear(snapshot)
        except exceptions.DSWareError as error:
            LOG.warning('What snapshot %(name)s was attached for is over, '
                        'but something of it stays until the snapshot is '
                        'attached again or deleted, or the service starts '
                        'again: %(error)s', {
                            'name': translation.snapshot_name(snapshot),
                            'error': error})
            return not isinstance(error, _NO_ANSWER)
        return True


class Backups:
    """What cinder-backup asks for: a part of :class:`driver.DSWareDriver`."""

    def get_backup_device(self, context, backup):
        """Choose what is read for a backup.

        With backup_use_temp_snapshot that is a snapshot, whether the volume
        is in use or not: one that is made for it, or the one that is to be
        backed up.

        Nobody waits for an answer: cinder-backup goes on when it is called
        back. So an error that was only raised would leave everything in the
        state that it is in.

        :param context: the request's context
        :param backup: the Cinder backup
        :returns: the volume or snapshot, and whether it is a snapshot
        :raises VolumeBackendAPIException: when that does not work; the
            backup is in error then, and the volume is as it was
        """
        try:
            if not self.backup_use_temp_snapshot():
                return super().get_backup_device(context, backup)
            if backup.snapshot_id:
                return objects.Snapshot.get_by_id(context,
                                                  backup.snapshot_id), True
            return self._temporary_snapshot(context, backup), True
        except Exception as error:
            _give_up(context, backup, error)
            raise

    def _temporary_snapshot(self, context, backup):
        volume = objects.Volume.get_by_id(context, backup.volume_id)
        snapshot = objects.Snapshot(
            context=context, volume_id=volume.id, user_id=context.user_id,
            project_id=context.project_id, volume_size=volume.size,
            status=fields.SnapshotStatus.CREATING, progress='0%',
            display_name=_TEMPORARY % volume.id,
            volume_type_id=volume.volume_type_id,
            encryption_key_id=volume.encryption_key_id, use_quota=False,
            metadata={})
        snapshot.create()
        # From now on whoever cleans up after the backup finds it.
        backup.temp_snapshot_id = snapshot.id
        backup.save()
        try:
            self.create_snapshot(snapshot)
        except _NOT_OURS:
            _drop(snapshot, backup)
            raise
        except Exception as error:
            self._forget(snapshot, backup, error)
            raise
        snapshot.status = fields.SnapshotStatus.AVAILABLE
        snapshot.progress = '100%'
        snapshot.save()
        return snapshot

    def _forget(self, snapshot, backup, failure):
        """Remove a temporary snapshot that may or may not have been made."""
        try:
            made = self._array.snapshot(translation.snapshot_name(snapshot))
            self.delete_snapshot(snapshot)
            if not made and isinstance(failure, exceptions.OutcomeUnknown):
                # The cluster may make it only now.
                raise failure
        except exception.CinderException as error:
            LOG.error('Snapshot %(name)s may have been left on the cluster; '
                      'delete it in Cinder: %(error)s', {
                          'name': translation.snapshot_name(snapshot),
                          'error': error})
            snapshot.status = fields.SnapshotStatus.ERROR
            snapshot.save()
        else:
            _drop(snapshot, backup)

    def create_export_snapshot(self, context, snapshot, connector):
        """Get ready to attach a snapshot to a host.

        :param context: the admin context
        :param snapshot: the Cinder snapshot
        :param connector: the host's connector properties
        :returns: changes of the snapshot's record
        :raises InvalidInput: the host cannot attach Dsware volumes
        :raises VolumeBackendAPIException: what an interrupted backup has
            left could not be removed
        """
        return self._exporter.prepare(snapshot, connector)

    def initialize_connection_snapshot(self, snapshot, connector, **kwargs):
        """Tell a host how to attach a snapshot read-only, or attach it.

        :param snapshot: the Cinder snapshot
        :param connector: the host's connector properties
        :returns: connection_info
        :raises SnapshotNotFound: it is not on the cluster
        :raises InvalidInput: the host cannot attach Dsware volumes
        :raises VolumeBackendAPIException: for all other reasons
        """
        return self._exporter.attach(snapshot, connector)

    def terminate_connection_snapshot(self, snapshot, connector, **kwargs):
        """Detach a snapshot from the host that it was attached to.

        That it could not be detached does not spoil what was read from it:
        it is tried again later.

        :param snapshot: the Cinder snapshot
        :param connector: the host's connector properties
        """
        self._exporter.clear_quietly(snapshot)

    def remove_export_snapshot(self, context, snapshot):
        """Remove what is left of a snapshot's attachment.

        :param context: the admin context
        :param snapshot: the Cinder snapshot
        """
        self._exporter.clear_quietly(snapshot)

    def unmanage_snapshot(self, snapshot):
        """Let go of a snapshot, but not of what a backup left of it.

        :param snapshot: the Cinder snapshot
        :raises VolumeBackendAPIException: that could not be removed
        """
        self._exporter.clear_abandoned(snapshot)
        super().unmanage_snapshot(snapshot)


@contextlib.contextmanager
def _doubted(snapshot):
    """Note that something may appear yet, if nobody knows what was done."""
    try:
        yield
    except exceptions.OutcomeUnknown:
        with excutils.save_and_reraise_exception():
            snapshot.provider_location = DOUBTFUL
            snapshot.save()


def _present(query, op, name):
    found = query(name)
    if found is None:
        raise exceptions.ObjectAbsent(op=op, name=name)
    return found


def _stand_in(snapshot):
    # By Cinder's name, which leaves room for more; the one that a snapshot
    # was taken over with may be as long as a name can be.
    return names.stand_in(snapshot.name)


def _drop(snapshot, backup):
    """Forget a temporary snapshot that is not on the cluster."""
    backup.temp_snapshot_id = None
    backup.save()
    with snapshot.obj_as_admin():
        snapshot.destroy()


def _being_read(context):
    backups = objects.BackupList.get_all(
        context, {'status': fields.BackupStatus.CREATING})
    return {snapshot_id for backup in backups
            for snapshot_id in (backup.snapshot_id, backup.temp_snapshot_id)}


def _give_up(context, backup, error):
    """Put everything into the state that a failed backup ends in."""
    if backup.snapshot_id:
        snapshot = objects.Snapshot.get_by_id(context, backup.snapshot_id)
        snapshot.status = fields.SnapshotStatus.AVAILABLE
        snapshot.save()
    else:
        volume = objects.Volume.get_by_id(context, backup.volume_id)
        volume.status = volume.previous_status
        volume.previous_status = 'error_backing-up'
        volume.save()
    volume_utils.update_backup_error(backup, str(error))
