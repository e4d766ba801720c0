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

"""The part of the driver's interface that is about attaching."""

from oslo_log import log as logging

from cinder import exception
from cinder.volume.drivers.dsware.features import attaching
from cinder.volume.drivers.dsware.features import connectors
from cinder.volume.drivers.dsware.features import manager_attaching
from cinder.volume.drivers.dsware.features import volume_types
from cinder.volume.drivers.dsware import reporting

LOG = logging.getLogger(__name__)


class Attachments:
    """Attaches and detaches: a part of the driver."""

    def validate_connector(self, connector):
        """Refuse a host that cannot attach, before anything is done.

        :param connector: the host's connector properties
        :raises InvalidConnectorException: it cannot, or a field is malformed
        """
        try:
            self._attacher.check(connector)
        except exception.InvalidInput as error:
            # The one that Cinder turns into an answer to its user.
            raise exception.InvalidConnectorException(error.msg) from error

    def initialize_connection(self, volume, connector):
        """Tell a host how to attach a volume, or attach it.

        :param volume: the Cinder volume
        :param connector: the host's connector properties
        :returns: connection_info
        :raises VolumeNotFound: it is not on the cluster
        :raises InvalidInput: the host cannot attach Dsware volumes
        :raises VolumeBackendAPIException: for all other reasons
        """
        wishes = volume_types.wishes(volume, self.configuration)
        return self._attacher.attach(volume, connector, wishes.thin)

    def terminate_connection(self, volume, connector, **kwargs):
        """Let go of a host, or of all of them.

        :param volume: the Cinder volume
        :param connector: the host's connector properties; None for every
            host that the volume is attached to
        :returns: whether the host keeps it for others
        :raises VolumeIsBusy: the device is in use
        :raises VolumeBackendAPIException: for all other reasons
        """
        return self._attacher.detach(volume, connector)

    def clean_volume_file_locks(self, volume_id):
        """Remove the files of the locks of a deleted volume.

        :param volume_id: the volume's id
        """
        manager_attaching.remove_locks(volume_id)

    def ensure_export(self, context, volume):
        """Do nothing: a Dsware volume needs no export."""

    def create_export(self, context, volume, connector):
        """Do nothing: a Dsware volume needs no export."""

    def remove_export(self, context, volume):
        """Do nothing: a Dsware volume needs no export."""


class Attacher:
    """Attaches as dsware_attach_by says, and detaches as was attached.

    :param array: the :class:`array.Array`
    :param configuration: the backend's configuration
    :raises InvalidConfigurationValue: an option is malformed
    """

    def __init__(self, array, configuration):
        self._by_type = {
            attaching.DRIVER_VOLUME_TYPE: attaching.HostAttacher(
                array, configuration),
            attaching.LOCAL_VOLUME_TYPE: manager_attaching.ManagerAttacher(
                array, configuration)}
        by_manager = configuration.dsware_attach_by == 'manager'
        self._configured = self._by_type[
            attaching.LOCAL_VOLUME_TYPE if by_manager
            else attaching.DRIVER_VOLUME_TYPE]
        self.online_extend = self._configured.online_extend
        self.attach = self._configured.attach
        self.check = self._configured.check
        self.release = self._configured.release

    def detach(self, volume, connector):
        """Let go of a host, or detach what the driver attached there.

        :param volume: the Cinder volume
        :param connector: the host's connector properties, or None for all
            hosts
        :returns: whether it stays attached there for others
        :raises VolumeIsBusy: the device is in use
        :raises VolumeBackendAPIException: it could not be detached
        """
        if connector is not None and not self._could_attach(connector):
            return False
        return self._attacher_of(volume, connector).detach(volume, connector)

    @staticmethod
    def _could_attach(connector):
        try:
            connectors.check(connector)
        except exception.InvalidInput as error:
            reporting.log_once(LOG, logging.WARNING, error,
                               'There is nothing to detach, because it could '
                               'not be attached either.')
            return False
        return True

    def _attacher_of(self, volume, connector):
        """Choose as the attachment says; the option may have changed."""
        for attachment in volume.volume_attachment or []:
            if connector and attachment.connector == connector:
                info = attachment.connection_info or {}
                return self._by_type.get(info.get('driver_volume_type'),
                                         self._configured)
        return self._configured
