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

"""Copies of volumes to images that the death of a service interrupted.

Cinder leaves such a volume in status uploading for good. One that the driver
had begun with, see :mod:`uploads`, is as it was before: only read. The image
is not the driver's: what there is of it stays in status queued or saving, for
its owner to delete.

With image_upload_use_cinder_backend the driver is asked for no copy but for a
clone. Cinder records that first, notes its image at the end, and makes no
other clone of a volume meanwhile.
"""

from oslo_log import log as logging

from cinder.db import api as db
from cinder import objects
from cinder.volume.drivers.dsware import settling
from cinder.volume.drivers.dsware import translation
from cinder.volume.drivers.dsware import uploads

LOG = logging.getLogger(__name__)

_UPLOADING = 'uploading'


class Uploads(settling.Kind):
    """Volumes that are copied to images, in use or not."""

    subject = 'upload of volume'

    def find(self) -> dict:
        """Look for volumes that are copied to images."""
        return {volume.id: volume.updated_at
                for volume in self._own_volumes(status=_UPLOADING)}

    def volumes(self, id_) -> list:
        """Tell which volumes whoever uploads a volume claims.

        :param id_: its id
        :returns: ids; also of what is cloned from it
        """
        return [id_, *(volume.id for volume in self._clones(id_))]

    def settle(self, volume_id) -> bool:
        """Let users have a volume again that nobody copies any more."""
        volume = objects.Volume.get_by_id(self._context, volume_id)
        if volume.status == _UPLOADING and self._is_begun(volume):
            LOG.warning('Volume %s was being copied to an image when a '
                        'service died. It can be used again; delete the '
                        'image, if it is not active.',
                        translation.described(volume))
            db.volume_update_status_based_on_attachment(self._context,
                                                        volume_id)
        return True

    def _is_begun(self, volume):
        return uploads.is_begun(volume) or any(
            _changed_at(clone) >= volume.updated_at
            for clone in self._clones(volume.id))

    def _clones(self, volume_id):
        """List what becomes an image volume, or never did."""
        return [clone for clone in objects.VolumeList.get_all(
                self._context, filters={'source_volid': volume_id})
                if (clone.display_name or '').startswith('image-')
                and 'glance_image_id' not in clone.metadata]


def _changed_at(clone):
    # Cinder takes over when its source was made, and changed.
    return clone.updated_at or clone.created_at
