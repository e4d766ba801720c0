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

"""Extensions of volumes that the death of a service interrupted.

A volume in status extending that is larger on the cluster than in Cinder is
one that the driver has begun with: no other request is on its way to it.
Then the request is made once more, of Cinder itself: that extends what has
the size already, sets its limits, and counts, records and tells all that
belongs to it. Where the sizes are the same, the request may still wait
somewhere, and nothing was changed: that is left alone.
"""

from oslo_log import log as logging
from oslo_utils import units

from cinder import exception
from cinder import objects
from cinder import quota
from cinder.volume.drivers.dsware import settling
from cinder.volume.drivers.dsware import translation
from cinder.volume import rpcapi

LOG = logging.getLogger(__name__)

_MIB_PER_GIB = units.Gi // units.Mi


class Extensions(settling.Kind):
    """Extensions of volumes, in use or not."""

    subject = 'extension of volume'

    def find(self) -> dict:
        """Look for volumes that are extended."""
        return {volume.id: volume.updated_at
                for volume in self._own_volumes(status='extending')}

    def settle(self, volume_id) -> bool:
        """Ask Cinder again for what the cluster has done."""
        volume = objects.Volume.get_by_id(self._context, volume_id)
        found = self._array.volume(translation.volume_name(volume))
        size = -(-found.size // _MIB_PER_GIB) if found else 0
        if volume.status == 'extending' and size > volume.size:
            LOG.info('The interrupted extension of volume %(volume)s to '
                     '%(size)d GiB is repeated.', {
                         'volume': translation.described(volume),
                         'size': size})
            rpcapi.VolumeAPI().extend_volume(
                self._context, volume, size, self._reserve(volume, size))
        return True

    def _reserve(self, volume, size):
        """Reserve the quota once more.

        What the request had reserved was in the message that was lost, and
        expires by itself (reservation_expire). Until then it may be in the
        way of this.

        :returns: the reservations; none where there is no quota left
        """
        growth = {'gigabytes': size - volume.size}
        quota.QUOTAS.add_volume_type_opts(self._context, growth,
                                          volume.volume_type_id)
        try:
            return quota.QUOTAS.reserve(
                self._context, project_id=volume.project_id, **growth)
        except exception.OverQuota as error:
            LOG.warning('Volume %(volume)s has become %(size)d GiB large, '
                        'which is not counted in the quota of project '
                        '%(project)s: %(error)s', {
                            'volume': translation.described(volume),
                            'size': size, 'project': volume.project_id,
                            'error': error})
            return []
