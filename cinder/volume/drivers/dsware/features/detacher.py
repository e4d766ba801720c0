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

"""Detaching volumes from the hosts of agents, dead or alive."""

from oslo_log import log as logging
from oslo_utils import netutils

from cinder import context
from cinder import coordination
from cinder import exception
from cinder import objects
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import failures
from cinder.volume.drivers.dsware.features import connectors
from cinder.volume.drivers.dsware import naming
from cinder.volume.drivers.dsware import reporting

LOG = logging.getLogger(__name__)

#: Attaching and detaching a volume take turns, with all services of the
#: deployment; its id follows.
LOCK = 'dsware-attach-'


class Detacher:
    """Detaches by way of the agents of hosts.

    :param array: the :class:`array.Array`
    :param agents: the :class:`connectors.HostAgents`
    """

    def __init__(self, array, agents):
        self._array = array
        self._agents = agents

    @coordination.synchronized(LOCK + '{volume.id}')
    def detach_everywhere(self, volume):
        """Detach a volume from the hosts of all its attachments.

        :param volume: the Cinder volume
        :raises EndpointUnavailable: nobody answers, or one host's agent
        :raises InvalidInput: the agent of a host is not known
        :raises VolumeIsBusy: a device is in use
        """
        failed = []
        hosts = {self._place_of(connector): connector for connector
                 in map(connectors.of_attachment,
                        reread(volume).volume_attachment) if connector}
        for place in sorted(hosts):
            try:
                self._detach_from_host(volume, hosts[place])
            except exception.CinderException as error:
                if _is_of_all(error):
                    # So the other hosts' turn would come to nothing.
                    raise
                reporting.log_once(
                    LOG, logging.ERROR, error,
                    f'Volume {naming.described(volume)} stays attached at '
                    f'{place}; it is detached from other hosts.')
                failed.append(error)
        if failed:
            raise failed[0]

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
            self.detach_from(volume, self._agents.needed_of(connector))
            return
        LOG.warning('Volume %(volume)s is detached from host %(host)s by way '
                    'of another agent, because its own, said to be at '
                    '%(address)s, is neither in dsware_host_agents nor in a '
                    'network of dsware_host_networks.', {
                        'volume': naming.described(volume),
                        'host': connector['host'], 'address': address})
        with failures.for_volume(volume):
            self._array.hosts.detach_by_ip(naming.volume_name(volume),
                                           address)

    def detach_from(self, volume, agent):
        """Detach a volume from the host of an agent, dead or alive.

        The agent refuses while the device is in use. Another agent detaches
        by force, so that is only for a host that gives no answer at all.

        :param volume: the Cinder volume
        :param agent: the :class:`endpoints.Endpoint` of the host's agent
        :raises VolumeIsBusy: the device is in use
        :raises VolumeBackendAPIException: for all other reasons
        """
        name = naming.volume_name(volume)
        with failures.for_volume(volume):
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


def reread(volume):
    """Read a volume with its attachments as they are now.

    The one that Cinder hands over may be as old as the upload that ends.

    :param volume: the Cinder volume
    """
    return objects.Volume.get_by_id(context.get_admin_context(), volume.id)


def _is_of_all(error):
    """Tell whether no agent can be asked, rather than that of one host."""
    return isinstance(error, exceptions.EndpointUnavailable) and (
        isinstance(error, exceptions.CommandUnavailable)
        or error.op == 'detachVolumeByIp')


def _is_silence(error):
    # An agent with a wrong certificate is there. Where fsc_cli cannot be
    # started, or there was no time to ask, no agent was asked.
    return bool(error.result is None and error.endpoint) and not isinstance(
        error, (exceptions.CertificateRefused,
                exceptions.CommandUnavailable))
