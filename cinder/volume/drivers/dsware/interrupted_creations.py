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

"""Volumes that a dead service was making, and that Cinder does not find.

Cinder sets to error what it was making when it died. It compares the volume's
status with that in its table of workers, and while an image is about to be
copied the two differ for a moment: such a volume stays in status creating for
good. When it is on the cluster, and no worker is making it, the request was
begun, and it ends in error as the others do.
"""

from oslo_log import log as logging

from cinder.db import api as db
from cinder import exception
from cinder import objects
from cinder.volume.drivers.dsware import settling
from cinder.volume.drivers.dsware import translation

LOG = logging.getLogger(__name__)


class Creations(settling.Kind):
    """New volumes, each by itself: not of a migration, nor of a group."""

    subject = 'creation of volume'

    def find(self) -> dict:
        """Look for volumes that are being made."""
        return {volume.id: volume.updated_at
                for volume in self._own_volumes(status='creating')
                if not (volume.migration_status or volume.group_id
                        or translation.volume_name(volume) != volume.name)}

    def settle(self, volume_id) -> bool:
        """Set what is on the cluster to error, for its user to delete."""
        volume = objects.Volume.get_by_id(self._context, volume_id)
        if (self._is_abandoned(volume_id)
                and self._array.volume(volume.name)
                and volume.update_single_status_where('error', 'creating')):
            LOG.info('Volume %s was being made when a service died; it is '
                     'in error.', volume.id)
        return True

    def _is_abandoned(self, volume_id):
        """Tell whether Cinder has no worker that is making a volume.

        One that waits, or is under way, has one in status creating.
        """
        try:
            return db.worker_get(self._context, resource_type='Volume',
                                 resource_id=volume_id).status != 'creating'
        except exception.WorkerNotFound:
            return True
