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
from oslo_utils import netutils

from cinder import exception
from cinder.i18n import _
from cinder.objects import fields
from cinder import utils
from cinder.volume.drivers.dsware import config
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware.features import connectors
from cinder.volume.drivers.dsware.features import host_agents
from cinder.volume.drivers.dsware import naming
from cinder.volume.drivers.dsware import reporting
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
        self._manage_ip = config.manager_address(configuration)
        self._agents = host_agents.HostAgents(configuration)

    def check(self, connector):
        """Refuse a host that cannot attach Dsware volumes.

        :param connector: the host's connector properties
        :raises InvalidInput: it cannot, or a field is malformed
        """
        connectors.check(connector)
        if connector.get('dsware_cli') is False:
            raise exception.InvalidInput(reason=_(
                'host %s has no fsc_cli; install the Dsware client there, '
                'or set dsware_fsc_cli in group os_brick of its services, '
                'or dsware_attach_by = manager for this backend')
                % connector['host'])

    def attach(self, volume, connector, discard):
        """Tell the host how to attach a volume.

        :param volume: the Cinder volume
        :param connector: the host's connector properties
        :param discard: whether the volume gives back discarded space
        :returns: connection_info
        :raises VolumeNotFound: it is not on the cluster
        :raises InvalidInput: the host cannot attach Dsware volumes
        """
        self.check(connector)
        found = existing(self._array, volume)
        return self._told(found, connector, discard)

    def _told(self, found, connector, discard):
        agent = self._agents.hint_for(connector)
        hints = {'manager_ip': self._manage_ip}
        if agent:
            hints.update(agent_ip=agent.host, agent_port=agent.port)
        return {
            'driver_volume_type': DRIVER_VOLUME_TYPE,
            'data': {
                'format_version': FORMAT_VERSION,
                'volume_name': found.name,
                'wwn': found.wwn,
                # Tells apart the uses of one volume on one host.
                'attachment': str(uuid.uuid4()),
                'discard': discard,
                **hints,
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
        release_abandoned(naming.volume_name(volume))

    def _detach_everywhere(self, volume, attachments):
        """Detach a volume from the hosts of attachments.

        :param volume: the Cinder volume
        :param attachments: Cinder's
        :raises EndpointUnavailable: nobody answers
        :raises InvalidInput: the agent of a host is not known
        :raises VolumeIsBusy: a device is in use
        """
        failures = []
        hosts = {self._place_of(connector): connector for connector
                 in filter(None, map(connector_of, attachments))}
        for place in sorted(hosts):
            try:
                self._detach_from_host(volume, hosts[place])
            except exceptions.EndpointUnavailable:
                # So the other hosts' turn would come to nothing.
                raise
            except exception.CinderException as error:
                reporting.log_once(
                    LOG, logging.ERROR, error,
                    f'Volume {naming.described(volume)} stays attached '
                    f'at {place}; it is detached from other hosts.')
                failures.append(error)
        if failures:
            raise failures[0]

    def _place_of(self, connector):
        """Name the place where a volume is attached, once for each."""
        return exceptions.printable(str(
            self._agents.of(connector) or connectors.agent_address(connector)
            or f'host {connector.get("host")}'))

    def _detach_from_host(self, volume, connector):
        """Detach a volume from a host whose agent may not be known.

        Then the address in the connector is nowhere to connect to, but the
        cluster can be asked to detach there.
        """
        connectors.check(connector)
        agent = self._agents.of(connector)
        address = connectors.agent_address(connector)
        if agent or not netutils.is_valid_ip(address):
            self._detach_from(volume, self._agents.needed_of(connector))
            return
        LOG.warning('Volume %(volume)s is detached from host %(host)s by way '
                    'of another agent, because its own, said to be at '
                    '%(address)s, is neither in dsware_host_agents nor in a '
                    'network of dsware_host_networks.', {
                        'volume': naming.described(volume),
                        'host': connector['host'], 'address': address})
        with naming.for_volume(volume):
            self._array.hosts.detach_by_ip(naming.volume_name(volume),
                                           address)

    def _detach_from(self, volume, agent):
        """Detach a volume from the host of an agent, dead or alive.

        The agent refuses while the device is in use. Another agent detaches
        by force, so that is only for a host that gives no answer at all.

        :param volume: the Cinder volume
        :param agent: the :class:`operations.Endpoint` of the host's agent
        :raises VolumeIsBusy: the device is in use
        :raises VolumeBackendAPIException: for all other reasons
        """
        name = naming.volume_name(volume)
        with naming.for_volume(volume):
            try:
                self._array.hosts.detach(name, agent)
            except (exceptions.EndpointUnavailable,
                    exceptions.OutcomeUnknown) as error:
                if not _is_silence(error):
                    raise
                reporting.log_once(
                    LOG, logging.WARNING, error,
                    f'Agent {agent} does not answer; volume '
                    f'{naming.described(volume)} is detached from its '
                    f'host by way of another agent.')
                self._array.hosts.detach_by_ip(name, agent.host)


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
    found = array.queries.volume(naming.volume_name(volume))
    if found is None:
        raise exception.VolumeNotFound(
            _('Volume %(name)s is not on the Dsware cluster.')
            % {'name': naming.described(volume)},
            volume_id=volume.id)
    return found
