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

"""Nova's side: gives instances the volumes that the connector attaches.

It needs Nova's libvirt driver, so only nova-compute imports it.
"""

from nova import exception
from nova import utils
from nova.virt.libvirt.volume import volume
from os_brick.initiator import connector

from os_brick_dsware import ledger as ledgers
from os_brick_dsware import properties
from os_brick_dsware import protocols


class LibvirtDSWareVolumeDriver(volume.LibvirtBaseVolumeDriver):
    """Attaches Dsware volumes to libvirt's guests.

    Nova keeps one object for all instances and calls it from many threads:
    nothing about a volume is kept here.
    """

    protocol = protocols.DSWARE
    #: os-brick counts the users of a volume on a host.
    counts_users = True

    def __init__(self, host):
        """Get the os-brick connector; nothing is run yet.

        :param host: Nova's access to libvirt
        :raises InvalidConnectorProtocol: if os-brick does not know our
            connector, which Nova understands
        """
        super().__init__(host, is_block_dev=True)
        self.connector = connector.InitiatorConnector.factory(
            self.protocol, utils.get_root_helper())

    def get_config(self, connection_info, disk_info):
        """Describe the disk to libvirt.

        :param connection_info: of a volume that is connected
        :param disk_info: dict of Nova's choices: bus, dev, type, unit
        :returns: a LibvirtConfigGuestDisk
        """
        conf = super().get_config(connection_info, disk_info)
        conf.source_type = 'block'
        conf.source_path = connection_info['data']['device_path']
        # The device is opened without the host's page cache, so requests can
        # go to the kernel straight from QEMU's main loop.
        conf.driver_io = 'native'
        return conf

    def connect_volume(self, connection_info, instance):
        """Attach a volume to this host for an instance.

        :param connection_info: the volume driver's; data gets device_path
        :param instance: the Nova instance
        :raises DSWareError: if it cannot be done; nothing is left behind
        """
        found = self.connector.connect_volume(
            _properties(connection_info, instance))
        connection_info['data']['device_path'] = found['path']

    def disconnect_volume(self, connection_info, instance, force=False):
        """End an instance's use of a volume on this host.

        :param connection_info: the volume driver's
        :param instance: the Nova instance
        :param force: carry on after errors
        :raises DSWareError: if it cannot be done; it then stays attached
        :raises ExceptionChainer: with force, what went wrong on the way
        """
        self.connector.disconnect_volume(
            _properties(connection_info, instance), None, force=force)

    def extend_volume(self, connection_info, instance, requested_size):
        """Wait until an extended volume's device has its new size.

        :param connection_info: of a volume that is connected
        :param instance: the Nova instance
        :param requested_size: the size in bytes that Cinder was asked for
        :returns: the device's size in bytes, to which Nova then resizes the
            guest's disk
        :raises DSWareError: if it is not attached, or does not grow
        :raises VolumeExtendFailed: if the cluster has it smaller than asked
        """
        size = self.connector.extend_volume(
            _properties(connection_info, instance))
        if size < requested_size:
            raise exception.VolumeExtendFailed(
                volume_id=connection_info['data'].get(
                    properties.VOLUME_NAME, connection_info.get('serial')),
                reason='its device on this host has %d bytes and not %d: the '
                       'cluster has not extended it' % (size, requested_size))
        return size


def _properties(connection_info, instance):
    """Tell the connector whose use of the volume this is.

    Nova's own dict, which it stores, is left as it is.
    """
    data = dict(connection_info['data'])
    # A guest goes on when nova-compute ends.
    data[properties.USER_KIND] = ledgers.INSTANCE
    # It may be that Nova has another attachment's data next time: after an
    # evacuation for example, or when it made a new one in its place.
    data[properties.INSTANCE_ID] = instance.uuid
    if not data.get(properties.ATTACHMENT):
        # Nameless users would count as one, and the first of two instances
        # to leave would take the volume from the other.
        data[properties.ATTACHMENT] = instance.uuid
    return data
