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

"""Who attaches a volume to which host, and what Nova is told about it."""

import collections
import uuid

from oslo_log import log as logging

from cinder import coordination
from cinder import exception
from cinder.i18n import _
from cinder.volume.drivers.dsware import backend
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import operations
from cinder.volume.drivers.dsware import translation

LOG = logging.getLogger(__name__)

DRIVER_VOLUME_TYPE = 'dsware'
# Nova keeps connection_info for years: readers must know what they read.
FORMAT_VERSION = 1
# In a connector: this service attaches for itself, to copy an image say.
_OWN_USE = 'dsware_own_use'


class HostAttacher:
    """The os-brick connector of each host attaches, with fsc_cli.

    :param array: the :class:`array.Array`
    :param configuration: the backend's configuration
    """

    online_extend = True

    def __init__(self, array, configuration):
        self._array = array
        self._manage_ip = backend.manager_address(configuration)
        self._port = backend.default_port(configuration)
        self._host_agents = backend.host_agents(configuration)
        self._ports = {agent.host: agent.port
                       for agent in backend.agents(configuration)}

    def own_use(self, properties):
        """Mark a connector as being for this service's own use.

        :param properties: the connector properties of this service's host
        :returns: the properties; the connector of the host counts its users
        """
        return properties

    def agent_of(self, connector) -> operations.Endpoint:
        """Tell which agent is that of a host.

        :param connector: the host's connector properties
        :returns: the agent that the connector names, else the one in
            dsware_host_agents, else the one at the connector's address
        :raises InvalidInput: when none of these is known
        """
        address = connector.get('dsware_agent_ip')
        if not address and connector.get('host') in self._host_agents:
            return self._host_agents[connector['host']]
        address = address or connector.get('ip')
        if not address:
            raise exception.InvalidInput(reason=_(
                'connector of host %s has no ip; the Dsware agent of the '
                'host cannot be told') % connector.get('host'))
        # Connectors come from users of the API.
        if not (isinstance(address, str)
                and operations.is_address(address)):
            raise exception.InvalidInput(reason=_(
                'connector of host %(host)s: %(address)r is neither an IP '
                'address nor a host name') % {
                    'host': connector.get('host'), 'address': address})
        return operations.Endpoint(address, self._port_of(connector, address))

    def _port_of(self, connector, address):
        port = connector.get('dsware_agent_port')
        if port is None:
            # One that also carries out requests has the port given there.
            return self._ports.get(address, self._port)
        if not (isinstance(port, int) and 1 <= port <= 65535):
            raise exception.InvalidInput(reason=_(
                'connector of host %(host)s: %(port)r is not a port') % {
                    'host': connector.get('host'), 'port': port})
        return port

    def attach(self, volume, connector, discard):
        """Tell the host how to attach a volume.

        :param volume: the Cinder volume
        :param connector: the host's connector properties
        :param discard: whether the volume gives back discarded space
        :returns: connection_info
        :raises VolumeNotFound: it is not on the cluster
        :raises InvalidInput: the host cannot attach Dsware volumes
        """
        if connector.get('dsware_cli') is False:
            raise exception.InvalidInput(reason=_(
                'host %s has no fsc_cli; install the Dsware client there, '
                'or set dsware_fsc_cli in group os_brick of its services, '
                'or dsware_attach_by = manager for this backend')
                % connector.get('host'))
        agent = self.agent_of(connector)
        found = _existing(self._array, volume)
        return {
            'driver_volume_type': DRIVER_VOLUME_TYPE,
            'data': {
                'format_version': FORMAT_VERSION,
                'volume_name': translation.volume_name(volume),
                'wwn': found.wwn,
                # Tells apart the uses of one volume on one host.
                'attachment': str(uuid.uuid4()),
                'discard': discard,
                # Hints for a host that has no settings of its own.
                'manager_ip': self._manage_ip,
                'agent_ip': agent.host,
                'agent_port': agent.port,
            },
        }

    def detach(self, volume, connector):
        """Let go of a host.

        The host's connector has detached the volume; only the host itself
        knows whether another of its users still needs it.

        :param volume: the Cinder volume
        :param connector: the host's connector properties, or None for all
            hosts, which are then detached from whatever their state
        """
        if connector is None:
            detach_everywhere(self, self._array, volume)


class ManagerAttacher(HostAttacher):
    """The driver attaches, through the agent of the host.

    Nova's and os-brick's own "local" volume type needs nothing installed on
    the host, but cannot extend a volume in use. A host has one device for a
    volume, whatever the number of its users, so only the last one to leave
    detaches. Users are Cinder's attachments of that volume to that host,
    and this service's own short uses, which Cinder keeps no record of.
    """

    online_extend = False

    def __init__(self, array, configuration):
        super().__init__(array, configuration)
        self._own_uses = collections.Counter()

    def own_use(self, properties):
        """Mark a connector as being for this service's own use.

        :param properties: the connector properties of this service's host
        :returns: a marked copy
        """
        return dict(properties, **{_OWN_USE: True})

    def attach(self, volume, connector, discard):
        """Attach a volume to a host.

        :param volume: the Cinder volume
        :param connector: the host's connector properties
        :param discard: whether the volume gives back discarded space
        :returns: connection_info
        :raises InvalidInput: the connector does not name the host
        :raises VolumeNotFound: it is not on the cluster
        :raises VolumeBackendAPIException: it could not be attached
        """
        _check_host(connector)
        return self._attach(volume, connector, discard)

    @coordination.synchronized('dsware-attach-{volume.id}-{connector[host]}')
    def _attach(self, volume, connector, discard):
        found = _existing(self._array, volume)
        agent = self.agent_of(connector)
        with translation.for_volume(volume):
            path = self._array.attach(translation.volume_name(volume), agent)
        device_path = self._stable_path(found, path, agent)
        if connector.get(_OWN_USE):
            self._own_uses[volume.id, connector['host']] += 1
        return {
            'driver_volume_type': 'local',
            'data': {
                'format_version': FORMAT_VERSION,
                'volume_name': translation.volume_name(volume),
                'wwn': found.wwn,
                'discard': discard,
                'device_path': device_path,
            },
        }

    @staticmethod
    def _stable_path(found, path, agent):
        # Published: a device with a wwn is also found by it. A path outside
        # /dev is a plain file that stands for a device.
        if found.wwn and (not path or path.startswith('/dev/')):
            return f'/dev/disk/by-id/wwn-0x{found.wwn}'
        if path:
            return path
        raise exception.VolumeBackendAPIException(data=_(
            'volume %(name)s is attached at %(agent)s already, and neither '
            'the agent nor a wwn tells its device there; detach it there '
            'first') % {'name': found.name, 'agent': agent})

    def detach(self, volume, connector):
        """Detach a volume from a host, unless another use is left there.

        :param volume: the Cinder volume
        :param connector: the host's connector properties, or None for all
            hosts
        :raises InvalidInput: the connector does not name the host
        :raises VolumeIsBusy: the device is in use
        :raises VolumeBackendAPIException: it could not be detached
        """
        if connector is None:
            detach_everywhere(self, self._array, volume)
        else:
            _check_host(connector)
            self._leave(volume, connector)

    @coordination.synchronized('dsware-attach-{volume.id}-{connector[host]}')
    def _leave(self, volume, connector):
        others = self._other_uses(volume, connector)
        if others > 0:
            LOG.info('Volume %(volume)s stays attached to %(host)s: %(uses)d '
                     'other uses are left there.', {
                         'volume': translation.described(volume),
                         'host': connector['host'], 'uses': others})
            return
        agent = self.agent_of(connector)
        name = translation.volume_name(volume)
        with translation.for_volume(volume):
            try:
                self._array.detach(name, agent)
            except (exceptions.EndpointUnavailable,
                    exceptions.OutcomeUnknown) as error:
                # What another agent does is by force: it is only for a host
                # that gives no answer at all.
                if error.result is not None:
                    raise
                LOG.warning('The agent of host %(host)s does not answer; '
                            'volume %(volume)s is detached from it by way '
                            'of another agent: %(error)s', {
                                'host': connector['host'],
                                'volume': translation.described(volume),
                                'error': error})
                self._array.detach_by_ip(name, agent.host)

    def _other_uses(self, volume, connector):
        host = connector['host']
        attachments = len(_connectors_on(volume, host))
        key = (volume.id, host)
        if not connector.get(_OWN_USE):
            # One of the attachments is the one that ends now.
            return attachments - 1 + self._own_uses[key]
        self._own_uses[key] -= 1
        own = self._own_uses[key]
        if own <= 0:
            del self._own_uses[key]
        return attachments + max(own, 0)


def _check_host(connector):
    if not connector.get('host'):
        raise exception.InvalidInput(reason=_(
            'the connector has no host, so the users of a volume on that '
            'host cannot be told apart'))


def _existing(array, volume):
    found = array.volume(translation.volume_name(volume))
    if found is None:
        raise exception.VolumeNotFound(
            _('Volume %(name)s is not on the Dsware cluster.')
            % {'name': translation.described(volume)},
            volume_id=volume.id)
    return found


def _connectors(volume):
    attachments = volume.volume_attachment or []
    return [a.connector for a in attachments if a.connector]


def _connectors_on(volume, host):
    return [c for c in _connectors(volume) if c.get('host') == host]


def detach_everywhere(attacher, array, volume):
    """Detach a volume from every host that Cinder knows of.

    :param attacher: tells the agent of a host
    :param array: the :class:`array.Array`
    :param volume: the Cinder volume
    :raises VolumeBackendAPIException: it could not be detached from every
        host; it is detached from as many as possible
    """
    failures = []
    addresses = set()
    for connector in _connectors(volume):
        try:
            addresses.add(attacher.agent_of(connector).host)
        except exception.InvalidInput as error:
            failures.append(error)
    for address in sorted(addresses):
        try:
            with translation.for_volume(volume):
                array.detach_by_ip(translation.volume_name(volume), address)
        except exceptions.EndpointUnavailable:
            # Nobody answers, so the other hosts' turn would come to nothing.
            raise
        except exception.CinderException as error:
            LOG.error('Volume %(volume)s stays attached at %(address)s: '
                      '%(error)s', {'volume': translation.described(volume),
                                    'address': address, 'error': error})
            failures.append(error)
    if failures:
        raise failures[0]


def make_attacher(array, configuration):
    """Make the attacher that dsware_attach_by asks for.

    :param array: the :class:`array.Array`
    :param configuration: the backend's configuration
    :returns: a :class:`HostAttacher` or :class:`ManagerAttacher`
    :raises InvalidConfigurationValue: when dsware_host_agents is malformed
    """
    if configuration.dsware_attach_by == 'manager':
        return ManagerAttacher(array, configuration)
    return HostAttacher(array, configuration)
