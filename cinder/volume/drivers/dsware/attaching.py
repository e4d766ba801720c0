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

import uuid

from oslo_log import log as logging

from cinder import exception
from cinder.i18n import _
from cinder.objects import fields
from cinder import utils
from cinder.volume.drivers.dsware import backend
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import operations
from cinder.volume.drivers.dsware import reporting
from cinder.volume.drivers.dsware import translation
from os_brick_dsware import connector as brick

LOG = logging.getLogger(__name__)

DRIVER_VOLUME_TYPE = 'dsware'
# Of what the driver attaches; stock os-brick and Nova know it.
LOCAL_VOLUME_TYPE = 'local'
# Nova keeps connection_info for years: readers must know what they read.
FORMAT_VERSION = 1


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
        agent = self._able_agent(connector)
        found = existing(self._array, volume)
        return self._told(found, agent, discard=discard)

    def _able_agent(self, connector):
        if connector.get('dsware_cli') is False:
            raise exception.InvalidInput(reason=_(
                'host %s has no fsc_cli; install the Dsware client there, '
                'or set dsware_fsc_cli in group os_brick of its services, '
                'or dsware_attach_by = manager for this backend')
                % connector.get('host'))
        return self.agent_of(connector)

    def _told(self, found, agent, discard=False, **more):
        return {
            'driver_volume_type': DRIVER_VOLUME_TYPE,
            'data': {
                'format_version': FORMAT_VERSION,
                'volume_name': found.name,
                'wwn': found.wwn,
                # Tells apart the uses of one volume on one host.
                'attachment': str(uuid.uuid4()),
                'discard': discard,
                # Hints for a host that has no settings of its own.
                'manager_ip': self._manage_ip,
                'agent_ip': agent.host,
                'agent_port': agent.port,
                **more,
            },
        }

    def detach(self, volume, connector):
        """Let go of a host.

        The host's connector has detached the volume; only the host itself
        knows whether another of its users still needs it.

        :param volume: the Cinder volume
        :param connector: the host's connector properties, or None for all
            hosts
        :raises VolumeIsBusy: with None: a device is in use
        :raises VolumeBackendAPIException: with None: it could not be
            detached from every host; it is from as many as possible
        """
        if connector is None:
            self._detach_everywhere(volume, volume.volume_attachment or [])

    def release(self, volume):
        """Let go of a volume that is deleted.

        The hosts have; but for a process of this one that was killed.

        :param volume: the Cinder volume
        """
        release_abandoned(translation.volume_name(volume))

    def _detach_everywhere(self, volume, attachments):
        connectors = filter(None, map(connector_of, attachments))
        failures = self._detach_from_all(volume, connectors)
        if failures:
            raise failures[0]

    def _detach_from_all(self, volume, connectors):
        """Detach a volume from many hosts.

        :param volume: the Cinder volume
        :param connectors: the connector properties of the hosts
        :returns: a list of errors, one for each host that it is left on
        :raises EndpointUnavailable: nobody answers
        """
        failures = []
        found = {}
        for connector in connectors:
            try:
                agent = self.agent_of(connector)
                found[agent.host] = agent
            except exception.InvalidInput as error:
                failures.append(error)
        for address in sorted(found):
            try:
                self._detach_from(volume, found[address])
            except exceptions.EndpointUnavailable:
                # So the other hosts' turn would come to nothing.
                raise
            except exception.CinderException as error:
                reporting.log_once(
                    LOG, logging.ERROR, error,
                    f'Volume {translation.described(volume)} stays attached '
                    f'at {address}; it is detached from other hosts.')
                failures.append(error)
        return failures

    def _detach_from(self, volume, agent):
        """Detach a volume from the host of an agent, dead or alive.

        The agent refuses while the device is in use. Another agent detaches
        by force, so that is only for a host that gives no answer at all.

        :param volume: the Cinder volume
        :param agent: the :class:`operations.Endpoint` of the host's agent
        :raises VolumeIsBusy: the device is in use
        :raises VolumeBackendAPIException: for all other reasons
        """
        name = translation.volume_name(volume)
        with translation.for_volume(volume):
            try:
                self._array.detach(name, agent)
            except (exceptions.EndpointUnavailable,
                    exceptions.OutcomeUnknown) as error:
                if not _is_silence(error):
                    raise
                reporting.log_once(
                    LOG, logging.WARNING, error,
                    f'Agent {agent} does not answer; volume '
                    f'{translation.described(volume)} is detached from its '
                    f'host by way of another agent.')
                self._array.detach_by_ip(name, agent.host)


def _is_silence(error):
    # An agent with a wrong certificate is there. Where fsc_cli cannot be
    # started, or there was no time to ask, no agent was asked.
    return bool(error.result is None and error.endpoint) and not isinstance(
        error, (exceptions.CertificateRefused,
                exceptions.CommandUnavailable))


def release_abandoned(name=None):
    """Detach what processes of this host that were killed left attached.

    :param name: the volume's name on the cluster, None for all volumes
    """
    brick.DSWareConnector(
        utils.get_root_helper()).release_abandoned(name)


def connector_of(attachment) -> dict | None:
    """Tell the host of an attachment.

    :param attachment: Cinder's
    :returns: the connector of its host, as far as Cinder recorded it; None
        for an attachment that is only reserved
    """
    if attachment.connector:
        return attachment.connector
    # Of a client that uses the API of before Cinder 3.27.
    if (attachment.attach_status == fields.VolumeAttachStatus.ATTACHED
            and attachment.attached_host):
        return {'host': attachment.attached_host}
    return None


def existing(array, volume):
    """Look a volume up that has to be there.

    :param array: the :class:`array.Array`
    :param volume: the Cinder volume
    :returns: the :class:`models.Volume`
    :raises VolumeNotFound: it is not on the cluster
    """
    found = array.volume(translation.volume_name(volume))
    if found is None:
        raise exception.VolumeNotFound(
            _('Volume %(name)s is not on the Dsware cluster.')
            % {'name': translation.described(volume)},
            volume_id=volume.id)
    return found
