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

"""The public APIs, as a user's program sees them."""

import warnings

import openstack
import yaml

from functional.services import http
from functional.services import waiting

WAIT_SECONDS = 180


class Failed(Exception):
    """The services say that something went wrong."""


def write_clouds(path, cinder_url, glance_url, name='dsware'):
    """Write clouds.yaml for the openstack client and openstacksdk.

    :param path: path of the file
    :param cinder_url: where Cinder answers
    :param glance_url: where Glance answers
    :param name: name of the cloud
    """
    cloud = {
        'auth_type': 'admin_token',
        'auth': {'endpoint': cinder_url, 'token': http.TOKEN},
        'block_storage_endpoint_override': cinder_url,
        'volume_endpoint_override': cinder_url,
        'image_endpoint_override': glance_url,
        'block_storage_api_version': '3',
        'volume_api_version': '3',
    }
    path.write_text(yaml.safe_dump({'clouds': {name: cloud}}))


def connect(cinder_url, glance_url, token=http.TOKEN):
    """Make a connection to services without Keystone; nothing is sent yet.

    :param cinder_url: where Cinder answers
    :param glance_url: where Glance answers
    :param token: who sends the requests, as user:project
    :returns: an openstack.connection.Connection
    """
    warnings.filterwarnings('ignore', module='openstack')
    return openstack.connection.Connection(
        auth_type='admin_token', auth={'endpoint': cinder_url, 'token': token},
        block_storage_endpoint_override=cinder_url,
        image_endpoint_override=glance_url)


class Cloud(object):
    """The Block Storage and Image APIs through openstacksdk."""

    def __init__(self, connection):
        """Use a connection; nothing is sent yet.

        :param connection: an openstack.connection.Connection; see connect()
        """
        self._connection = connection
        self.volumes = connection.block_storage

    @property
    def images(self):
        """The Image API, which is asked at once for its versions."""
        return self._connection.image

    def wait_for_volume(self, volume, status='available',
                        timeout=WAIT_SECONDS):
        """Wait until a volume is in a status.

        :param volume: the volume, or its id
        :param status: the status to wait for
        :param timeout: seconds
        :returns: the volume as it is then
        :raises Failed: it got into an error status, or it took too long
        """
        return self._wait(self.volumes.get_volume, volume, status, timeout)

    def wait_for_snapshot(self, snapshot, status='available',
                          timeout=WAIT_SECONDS):
        """Wait until a snapshot is in a status; see wait_for_volume."""
        return self._wait(self.volumes.get_snapshot, snapshot, status,
                          timeout)

    def wait_for_image(self, image, status='active', timeout=WAIT_SECONDS):
        """Wait until an image is in a status; see wait_for_volume."""
        return self._wait(self.images.get_image, image, status, timeout)

    def wait_for_backup(self, backup, status='available',
                        timeout=WAIT_SECONDS):
        """Wait until a backup is in a status; see wait_for_volume."""
        return self._wait(self.volumes.get_backup, backup, status, timeout)

    def delete_backup(self, backup, force=False, timeout=WAIT_SECONDS):
        """Delete a backup and wait until it is gone.

        :param backup: the backup, or its id
        :param force: whether to delete one that is being made
        :param timeout: seconds
        :raises Failed: it could not be deleted
        """
        self.volumes.delete_backup(backup, ignore_missing=False, force=force)
        self._wait(self.volumes.get_backup, backup, None, timeout)

    def delete_volume(self, volume, timeout=WAIT_SECONDS):
        """Delete a volume and wait until it is gone.

        :param volume: the volume, or its id
        :param timeout: seconds
        :raises Failed: it could not be deleted
        """
        self.volumes.delete_volume(volume, ignore_missing=False)
        self.wait_until_deleted(volume, timeout)

    def wait_until_deleted(self, volume, timeout=WAIT_SECONDS):
        """Wait until a volume that is being deleted is gone.

        :param volume: the volume, or its id
        :param timeout: seconds
        :raises Failed: it could not be deleted
        """
        self._wait(self.volumes.get_volume, volume, None, timeout)

    def delete_snapshot(self, snapshot, timeout=WAIT_SECONDS):
        """Delete a snapshot and wait until it is gone; see delete_volume."""
        self.volumes.delete_snapshot(snapshot, ignore_missing=False)
        self.wait_until_snapshot_deleted(snapshot, timeout)

    def wait_until_snapshot_deleted(self, snapshot, timeout=WAIT_SECONDS):
        """Wait until a snapshot is gone; see wait_until_deleted."""
        self._wait(self.volumes.get_snapshot, snapshot, None, timeout)

    def messages(self, resource_id):
        """What Cinder tells the user about a resource.

        :param resource_id: id of a volume or snapshot
        :returns: text, empty when there is nothing
        """
        answer = self.volumes.get(
            '/messages', params={'resource_uuid': resource_id},
            microversion='3.5')
        return '; '.join(message['user_message']
                         for message in answer.json().get('messages', ()))

    def _wait(self, get, resource, status, timeout):
        """Wait for a status, or for None: that the resource is gone."""
        resource_id = getattr(resource, 'id', resource)

        def arrived():
            try:
                found = get(resource_id)
            except openstack.exceptions.NotFoundException:
                if status is None:
                    return True
                raise
            self._check(found, status)
            return found if found.status == status else None

        what = '%s %s: %s' % (get.__name__.partition('_')[2], resource_id,
                              status or 'deleted')
        try:
            return waiting.wait_for(arrived, timeout, what, interval=0.1)
        except waiting.TimedOut as exc:
            raise Failed(str(exc))

    def _check(self, found, status):
        if found.status == status or not found.status.startswith('error'):
            return
        if found.status == 'error_deleting' or status is not None:
            raise Failed('%s is in status %s instead of %s. %s' % (
                found.id, found.status, status or 'deleted',
                self.messages(found.id)))
