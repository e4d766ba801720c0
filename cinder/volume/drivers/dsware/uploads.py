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

"""Volumes that are copied to images.

Cinder sets such a volume to status uploading with the request, keeps no
worker for it, and changes the status when the copy has ended. When the
service dies in between, nothing would tell the request from one that still
waits. So the driver notes in the volume's admin metadata, which users do not
see, that it has begun with what the record of the volume is about: any later
request changes the record, and the note is none of that.
"""

from cinder import context as cinder_context
from cinder.db import api as db

_NOTE = 'dsware_upload'


class UploadedVolumes:
    """copy_volume_to_image: a part of :class:`driver.DSWareDriver`."""

    def copy_volume_to_image(self, context, volume, image_service,
                             image_meta):
        """Copy a volume to an image, as Cinder does it.

        :param context: the context of the request
        :param volume: the Cinder volume
        :param image_service: the service of the image
        :param image_meta: the image
        """
        with self._claims.held(volume):
            db.volume_admin_metadata_update(
                cinder_context.get_admin_context(), volume.id,
                {_NOTE: _text(volume)}, False)
            super().copy_volume_to_image(context, volume, image_service,
                                         image_meta)


def is_begun(volume) -> bool:
    """Tell whether the driver has begun to copy a volume to an image.

    :param volume: the Cinder volume, in status uploading
    """
    return db.volume_admin_metadata_get(
        cinder_context.get_admin_context(), volume.id
    ).get(_NOTE) == _text(volume)


def _text(volume):
    return str(volume.updated_at)
