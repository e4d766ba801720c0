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

"""Attachments: as dsware_attach_by says, and as they were made."""

from oslo_log import log as logging

from cinder import exception
from cinder.volume.drivers.dsware.features import connectors
from cinder.volume.drivers.dsware.features import detacher
from cinder.volume.drivers.dsware.features import driver_attacher
from cinder.volume.drivers.dsware.features import host_attacher
from cinder.volume.drivers.dsware.features import volume_types
from cinder.volume.drivers.dsware.features import volumes
from cinder.volume.drivers.dsware import reporting

LOG = logging.getLogger(__name__)


class Attachments:
    """Attaches as dsware_attach_by says, and detaches as was attached.

    :param backend: the :class:`config.Backend`
    :raises InvalidConfigurationValue: an option is malformed
    """

    def __init__(self, backend):
        self._array = backend.array
        self._configuration = backend.configuration
        agents = connectors.HostAgents(backend.configuration)
        self._detacher = detacher.Detacher(backend.array, agents)
        by_host = host_attacher.HostAttacher(agents, backend.configuration)
        by_driver = driver_attacher.DriverAttacher(backend.array, agents,
                                                   self._detacher)
        self._by_type = {host_attacher.DRIVER_VOLUME_TYPE: by_host,
                         driver_attacher.LOCAL_VOLUME_TYPE: by_driver}
        self._configured = (
            by_driver if self._configuration.dsware_attach_by == 'manager'
            else by_host)
        self.online_extend = self._configured.online_extend
        self.release_abandoned = self._configured.release_abandoned
        self.detach_from_here = self._configured.detach_from_here

    def check(self, connector):
        """Refuse a host that cannot attach, before anything is done.

        :raises InvalidConnectorException: it cannot, or a field is malformed
        """
        try:
            self._configured.check(connector)
        except exception.InvalidInput as error:
            # The one that Cinder turns into an answer to its user.
            raise exception.InvalidConnectorException(error.msg) from error

    def attach(self, volume, connector):
        """Tell a host how to attach a volume, or attach it.

        :param volume: the Cinder volume
        :param connector: the host's connector properties
        :returns: connection_info
        :raises InvalidInput: the host cannot attach Dsware volumes
        :raises VolumeNotFound: it is not on the cluster
        :raises VolumeBackendAPIException: it could not be attached
        """
        self._configured.check(connector)
        return self._configured.attach(
            volume, volumes.existing(self._array, volume), connector,
            volume_types.discards(volume, self._configuration))

    def detach(self, volume, connector):
        """Detach a volume, unless its host has done that itself.

        :param volume: the Cinder volume
        :param connector: the host's connector properties, or None for all
            hosts
        :returns: whether it stays attached there for others
        :raises VolumeIsBusy: the device is in use
        :raises VolumeBackendAPIException: it could not be detached; with
            None: it is from as many hosts as possible
        """
        if connector is None:
            self._detacher.detach_everywhere(volume)
            return False
        try:
            connectors.check(connector)
        except exception.InvalidInput as error:
            reporting.log_once(LOG, logging.WARNING, error,
                               'There is nothing to detach, because it could '
                               'not be attached either.')
            return False
        return self._attacher_of(volume, connector).detach(volume, connector)

    def _attacher_of(self, volume, connector):
        """Choose as the attachment says; the option may have changed."""
        for attachment in volume.volume_attachment or []:
            if attachment.connector == connector:
                info = attachment.connection_info or {}
                return self._by_type.get(info.get('driver_volume_type'),
                                         self._configured)
        return self._configured
