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

Cinder sets to error what it was making when it died, by its table of workers.
The API notes such a worker with the request, so that one in status creating
stands for a request that waits or is carried out. For moments there is none:
while a volume for the image cache is recorded, and before an image is copied.
What the service left then stays in status creating for good, and ends in
error here. What is taken over has no worker ever, and no size until the end.
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
                if volume.size
                and not (volume.migration_status or volume.group_id
                         or translation.volume_name(volume) != volume.name)}

    def settle(self, volume_id) -> bool:
        """Set what nobody makes to error, for its user to delete."""
        volume = objects.Volume.get_by_id(self._context, volume_id)
        if (self._is_abandoned(volume_id)
                and volume.update_single_status_where('error', 'creating')):
            LOG.info('Volume %s was being made when a service died; it is '
                     'in error.', volume.id)
        return True

    def _is_abandoned(self, volume_id):
        """Tell whether Cinder has no worker that is making a volume."""
        try:
            return db.worker_get(self._context, resource_type='Volume',
                                 resource_id=volume_id).status != 'creating'
        except exception.WorkerNotFound:
            return True
