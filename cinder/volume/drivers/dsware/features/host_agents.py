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
"""The agents of hosts, as far as the operator has named them."""

import ipaddress

from cinder import exception
from cinder.i18n import _
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware import config
from cinder.volume.drivers.dsware.features import connectors


class HostAgents:
    """Tells which agent is that of a host.

    :param configuration: the backend's configuration
    :raises InvalidConfigurationValue: an option is malformed
    """

    def __init__(self, configuration):
        self._port = config.default_port(configuration)
        self._by_host = {
            endpoints.canonical(host): agent
            for host, agent in config.host_agents(configuration).items()}
        self._by_address = {
            endpoints.canonical(agent.host): agent
            for agent in config.agents(configuration)}
        self._networks = config.host_networks(configuration)

    def of(self, connector) -> endpoints.Endpoint | None:
        """Find the agent of a host.

        :param connector: the host's connector properties
        :returns: the one in dsware_host_agents, else the one that the
            connector names, if that is among dsware_agents or in one of
            dsware_host_networks; None if the operator named none
        """
        host = endpoints.canonical(str(connector.get('host')))
        if host in self._by_host:
            return self._by_host[host]
        address = connectors.agent_address(connector)
        return self._by_address.get(address) or self._in_network(address)

    def _in_network(self, address):
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return None
        # With a zone it would depend on this host which one it is.
        if '%' not in address and any(found in network
                                      for network in self._networks):
            return endpoints.Endpoint(address, self._port)
        return None

    def hint_for(self, connector) -> endpoints.Endpoint | None:
        """Tell a host that has no setting of its own where its agent is.

        The driver does not connect there, and the host believes in no
        address but its own, so the address of any connector will do.

        :param connector: the host's connector properties
        """
        address = connectors.agent_address(connector)
        return self.of(connector) or (
            endpoints.Endpoint(address, self._port) if address else None)

    def needed_of(self, connector) -> endpoints.Endpoint:
        """Find the agent of a host; it has to be known.

        :param connector: the host's connector properties
        :raises InvalidInput: the operator has not named it
        """
        agent = self.of(connector)
        if agent is None:
            raise exception.InvalidInput(reason=_(
                'the Dsware agent of host %(host)s is not known, and the '
                'address in its connector (%(address)s) is in no network of '
                'dsware_host_networks; add the host to dsware_host_agents, '
                'or its network to dsware_host_networks') % {
                    'host': connector['host'],
                    'address': connectors.agent_address(connector)
                    or _('none')})
        return agent
