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
"""The driver attaches volumes, through the agents of the hosts.

That is dsware_attach_by = manager: Cinder's manager of volumes is meant.
Nova's and os-brick's own "local" volume type needs nothing installed on the
host, but cannot extend a volume in use. A host has one device for a volume,
whatever the number of its users, so only the last one to leave detaches it.
Who is left is told by the attachments in Cinder; nothing is recorded.
"""

import socket

from oslo_config import cfg
from oslo_log import log as logging
from oslo_utils import excutils

from cinder import coordination
from cinder import exception
from cinder.i18n import _
from cinder.objects import fields
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import failures
from cinder.volume.drivers.dsware.features import connectors
from cinder.volume.drivers.dsware.features import detacher
from cinder.volume.drivers.dsware.features import host_attacher
from cinder.volume.drivers.dsware import naming
from cinder.volume.drivers.dsware import reporting

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

# Stock os-brick and Nova know it.
LOCAL_VOLUME_TYPE = 'local'
# States in which Cinder has a volume attached itself, without an attachment,
# and detaches it when it is done. Users may leave meanwhile. That is not so
# when one in use is backed up (a copy is read) or retyped (Nova copies it).
_OWN_USES = (fields.VolumeStatus.DOWNLOADING,
             fields.VolumeStatus.RESTORING_BACKUP,
             fields.VolumeStatus.UPLOADING)


class DriverAttacher:
    """The driver attaches, through the agent of the host.

    :param array: the :class:`array.Array`
    :param agents: the :class:`connectors.HostAgents`
    :param detaching: the :class:`detacher.Detacher`
    """

    online_extend = False

    def __init__(self, array, agents, detaching):
        self._array = array
        self._agents = agents
        self._detacher = detaching

    def check(self, connector):
        """Refuse a host whose agent the driver may not ask.

        :param connector: the host's connector properties
        :raises InvalidInput: it is not known, or a field is malformed
        """
        connectors.check(connector)
        self._agents.needed_of(connector)

    @coordination.synchronized(detacher.LOCK + '{volume.id}')
    def attach(self, volume, found, connector, discard):
        """Attach a volume to a host.

        :param volume: the Cinder volume
        :param found: the :class:`models.Volume`
        :param connector: the host's connector properties
        :param discard: whether the volume gives back discarded space
        :returns: connection_info
        :raises VolumeBackendAPIException: it could not be attached
        """
        agent = self._agents.needed_of(connector)
        with failures.for_volume(volume):
            try:
                path = self._array.hosts.attach(found.name, agent)
            except exceptions.OutcomeUnknown:
                with excutils.save_and_reraise_exception():
                    self._detach_unused(volume, connector, agent)
            if not path and not found.wwn:
                path = self._attach_anew(volume, found, connector, agent)
        return _connection_info(found, _device(found, path, agent), discard)

    def _attach_anew(self, volume, found, connector, agent):
        """Attach again what was attached without telling where."""
        _own, others = self._attachments_at(detacher.reread(volume), connector)
        if others:
            return ''
        self._array.hosts.detach(found.name, agent)
        return self._array.hosts.attach(found.name, agent)

    @coordination.synchronized(detacher.LOCK + '{volume.id}')
    def detach(self, volume, connector):
        """Detach a volume from a host, unless another use is left there.

        :param volume: the Cinder volume
        :param connector: the host's connector properties
        :returns: whether it stays attached there for others
        :raises InvalidInput: the agent of the host is not known
        :raises VolumeIsBusy: the device is in use
        :raises VolumeBackendAPIException: it could not be detached
        """
        agent = self._agents.needed_of(connector)
        stored = detacher.reread(volume)
        own, others = self._attachments_at(stored, connector)
        # Without an attachment of its own it is Cinder itself that leaves.
        if others or own and self._may_be_copied_at(stored, connector):
            LOG.info('Volume %(volume)s stays attached to host %(host)s, '
                     'where it is used otherwise.', {
                         'volume': naming.described(volume),
                         'host': connector['host']})
            return True
        self._detacher.detach_from(volume, agent)
        return False

    def release_abandoned(self, volume=None):
        """Do nothing: what was left attached is not known."""

    def detach_from_here(self, volume):
        """Detach from this host what a service that was killed left there.

        :param volume: a Cinder volume that is deleted, so that nobody has it
        :returns: whether it is certainly not attached to this host any more
        """
        here = _this_host()
        agent = self._agents.of(here)
        return agent is not None and self._detach_unused(volume, here, agent)

    def _detach_unused(self, volume, connector, agent):
        """Detach what nobody has, by force if the agent is silent."""
        own, others = self._attachments_at(detacher.reread(volume), connector)
        # Who has it already may be attaching it again.
        if own or others:
            return False
        try:
            self._detacher.detach_from(volume, agent)
        except exception.CinderException as error:
            reporting.log_once(
                LOG, logging.WARNING, error,
                f'Volume {naming.described(volume)} may be attached by way '
                f'of agent {agent}, although nobody has it there.')
            return False
        return True

    def _may_be_copied_at(self, volume, connector):
        """Tell whether Cinder itself may have a volume on a host."""
        # Of a cluster it may be another service, on any host.
        return volume.status in _OWN_USES and bool(
            volume.cluster_name or self._agents.names(connector)
            & self._agents.names(_this_host()))

    def _attachments_at(self, volume, connector):
        """Find the attachments on a host: a connector's own, and others."""
        names = self._agents.names(connector)
        here = [attachment for attachment in volume.volume_attachment
                if names & self._agents.names(
                    connectors.of_attachment(attachment))]
        # Cinder hands the connector over as it recorded it. It records none
        # for clients that use its API of before 3.27.
        own = [attachment for attachment in here
               if attachment.connector == connector]
        own += [attachment for attachment in here if not attachment.connector]
        return own[:1], [attachment for attachment in here
                         if attachment not in own[:1]]


def _this_host():
    return {'ip': CONF.my_ip, 'host': socket.gethostname(),
            'dsware_agent_ip': CONF.os_brick.dsware_agent_ip}


def _device(found, path, agent):
    # Published: a device with a wwn is also found by it. A path outside /dev
    # is a plain file that stands for a device.
    if found.wwn and (not path or path.startswith('/dev/')):
        return f'/dev/disk/by-id/wwn-0x{found.wwn}'
    if path:
        return path
    raise exception.VolumeBackendAPIException(data=_(
        'volume %(name)s is attached at %(agent)s already, and neither the '
        'agent nor a wwn tells its device there; detach it there first') % {
            'name': found.name, 'agent': agent})


def _connection_info(found, path, discard):
    return {'driver_volume_type': LOCAL_VOLUME_TYPE, 'data': {
        'format_version': host_attacher.FORMAT_VERSION,
        'volume_name': found.name,
        'wwn': found.wwn,
        'discard': discard,
        'device_path': path,
    }}
