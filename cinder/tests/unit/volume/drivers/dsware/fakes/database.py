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

"""Cinder's database, as the services that a driver does not see leave it."""

import json

from cinder import context
from cinder.db import api as db
from cinder import objects
from cinder.objects import fields

_TYPE = '00000000-0000-4000-8000-00000000dddd'
ATTACHED = fields.VolumeAttachStatus.ATTACHED
RESERVED = fields.VolumeAttachStatus.RESERVED


def _admin():
    return context.get_admin_context()


def add_volume(volume, **values):
    """Add a volume to the database, if it is not there.

    :param volume: the Cinder volume
    :param values: its further fields there
    """
    if not objects.Volume.exists(_admin(), volume.id):
        db.volume_create(_admin(), {
            'id': volume.id, '_name_id': volume._name_id,
            'size': volume.size, 'host': volume.host, 'status': 'in-use',
            'provider_id': volume.provider_id, 'volume_type_id': _TYPE,
            **values})


def change_volume(volume, **values):
    """Change a volume's fields.

    :param volume: the Cinder volume
    :param values: the fields
    """
    db.volume_update(_admin(), volume.id, values)


def add_attachment(volume, connector=None, attach_status=None, **values):
    """Add an attachment to the database.

    :param volume: the Cinder volume
    :param connector: the host's connector properties, None while it is
        under way
    :param attach_status: its status
    :param values: further fields
    :returns: its id
    """
    made = db.volume_attach(_admin(), {
        'volume_id': volume.id,
        'attach_status': attach_status or (
            ATTACHED if connector else RESERVED), **values})
    if connector is not None:
        set_connector(made['id'], connector)
    return made['id']


def attachments(volume):
    """Give the attachments of a volume, as Cinder hands them over.

    :param volume: the Cinder volume
    """
    return objects.VolumeAttachmentList.get_all_by_volume_id(_admin(),
                                                             volume.id)


def set_connector(attachment_id, connector):
    """Save the connector of an attachment, as Cinder does in the end.

    :param attachment_id: the attachment
    :param connector: the host's connector properties
    """
    db.volume_attachment_update(
        _admin(), attachment_id,
        {'connector': json.dumps(connector)})


def remove_attachment(attachment_id):
    """Remove an attachment, as Cinder does when the driver has let go.

    :param attachment_id: the attachment
    """
    db.attachment_destroy(_admin(), attachment_id)


def set_connection_info(attachment_id, info):
    """Save what the driver told the host of an attachment.

    :param attachment_id: the attachment
    :param info: the connection_info, as Cinder saves it
    """
    db.volume_attachment_update(
        _admin(), attachment_id, {'connection_info': json.dumps(info)})
