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

"""Glance, as far as the volume service needs it."""

import datetime
from unittest import mock

from oslo_config import cfg
from oslo_utils import timeutils

from cinder.volume.drivers.dsware.array import models

from functional.crashes import setup

CONF = cfg.CONF
#: What the image holds.
CONTENT = {'0': '<the image>', '1048000': '<the end of the image>'}
#: When it was changed last, so that a copy in the cache is of this image.
UPDATED = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
_MIB = 1024 * 1024


class Images(object):
    """The service that holds one image.

    :param location: where the image is, as a URL; None for nowhere
    """

    # Where Cinder keeps what it has downloaded.
    temp_images = None

    def __init__(self, location=None):
        self._location = location

    def show(self, context, image_id, **kwargs):
        """Describe the image."""
        now = timeutils.utcnow(with_timezone=True)
        return {'id': image_id, 'name': 'image', 'status': 'active',
                'size': 2 * _MIB, 'disk_format': 'raw',
                'container_format': 'bare', 'owner': setup.PROJECT,
                'visibility': 'private', 'protected': False, 'min_disk': 0,
                'min_ram': 0, 'checksum': None, 'virtual_size': None,
                'created_at': now, 'updated_at': UPDATED,
                'properties': {}}

    def get_location(self, context, image_id):
        """Tell where the image is."""
        return self._location, None

    def get_stores(self, context):
        """Tell where images may be."""
        return {'stores': []}

    def download(self, context, image_id, data=None, **kwargs):
        """Write the image into a file."""
        whole = bytearray(2 * _MIB)
        for offset, text in CONTENT.items():
            whole[int(offset):int(offset) + len(text)] = text.encode()
        data.write(bytes(whole))

    def update(self, context, image_id, meta, data=None, **kwargs):
        """Take what is uploaded."""
        while data is not None and data.read(_MIB):
            pass

    def add_location(self, context, image_id, url, metadata):
        """Take a volume for the image."""
        return True

    def delete(self, context, image_id):
        """Forget what could not be uploaded."""


def stand_in(location=None):
    """Let this process have an image service of its own.

    :param location: where the image is, as a URL
    """
    service = Images(location)
    for name, value in (('get_remote_image_service',
                         (service, setup.IMAGE)),
                        ('get_default_image_service', service)):
        mock.patch('cinder.image.glance.' + name, return_value=value).start()
    # As root it would be found by sudo and rootwrap only.
    mock.patch('cinder.utils.get_root_helper', return_value='env').start()
    # Plain files stand for the devices: they are not found by such a name.
    mock.patch.object(models, '_wwn', return_value='').start()


def locate(location):
    """Tell from now on where the image is.

    :param location: a URL
    """
    CONF.set_override('allowed_direct_url_schemes', ['cinder'])
    stand_in(location)
