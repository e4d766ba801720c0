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

from cinder.volume.drivers.dsware import attach_runs
from cinder.volume.drivers.dsware import attaching
from cinder.volume.drivers.dsware import manager_attaching
from cinder.volume.drivers.dsware import volume_types


class Attachments:
    """Attaches and detaches: a part of the driver."""

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

    # What Cinder passes besides is passed on just as it is. The service that
    # has a remote volume is asked by a message, which can carry no mark.

    def _attach_volume(self, context, volume, properties, *args, **kwargs):
        if not kwargs.get('remote'):
            properties = self._attacher.own_use(properties)
        return super()._attach_volume(context, volume, properties, *args,
                                      **kwargs)

    def _detach_volume(self, context, attach_info, volume, properties,
                       *args, **kwargs):
        if not kwargs.get('remote'):
            properties = self._attacher.own_use(properties, attach_info)
        super()._detach_volume(context, attach_info, volume, properties,
                               *args, **kwargs)

    def clean_volume_file_locks(self, volume_id):
        """Remove the files of the locks of a deleted volume.

        :param volume_id: the volume's id
        """
        self._attacher.remove_locks(volume_id)

    def ensure_export(self, context, volume):
        """Do nothing: a Dsware volume needs no export."""

    def create_export(self, context, volume, connector):
        """Do nothing: a Dsware volume needs no export."""

    def remove_export(self, context, volume):
        """Do nothing: a Dsware volume needs no export."""


class SwitchedAttacher(attaching.HostAttacher):
    """The host's connector attaches; what the driver attached, it detaches.

    For volumes that were attached while dsware_attach_by was manager.

    :param array: the :class:`array.Array`
    :param configuration: the backend's configuration
    :param manager: the :class:`manager_attaching.ManagerAttacher`
    """

    def __init__(self, array, configuration, manager):
        super().__init__(array, configuration)
        self._manager = manager
        self.recover = manager.recover
        self.tidy = manager.tidy
        self.remove_locks = manager.remove_locks

    def detach(self, volume, connector):
        """Let go of a host, or detach what the driver attached there.

        :param volume: the Cinder volume
        :param connector: the host's connector properties, or None for all
            hosts
        :returns: whether it stays attached there for others
        :raises VolumeBackendAPIException: it could not be detached
        """
        if self._manager.has_attached(volume):
            return self._manager.detach(volume, connector)
        return super().detach(volume, connector)


def make_attacher(array, configuration, service, cluster=None):
    """Make the attacher that dsware_attach_by asks for.

    :param array: the :class:`array.Array`
    :param configuration: the backend's configuration
    :param service: the volume service, HOST@BACKEND
    :param cluster: the Cinder cluster that it belongs to, or None
    :returns: a :class:`manager_attaching.ManagerAttacher` or
        :class:`SwitchedAttacher`
    :raises InvalidConfigurationValue: when dsware_host_agents is malformed
    """
    runs = attach_runs.Runs(service, cluster)
    manager = manager_attaching.ManagerAttacher(array, configuration,
                                                runs)
    if configuration.dsware_attach_by == 'manager':
        return manager
    return SwitchedAttacher(array, configuration, manager)
