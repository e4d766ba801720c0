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
"""What hosts say of themselves, their connectors, and which agent is theirs.

Users of Cinder's API can write connectors. They are data: nothing in them
decides by itself where the driver connects.
"""

import ipaddress

from cinder import exception
from cinder.i18n import _
from cinder.objects import fields
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware import config
from cinder.volume.drivers.dsware import exceptions

_MAX_NAME = 255
_MAX_SHOWN = 100


def check(connector) -> None:
    """Refuse a connector with fields that the driver cannot read.

    :param connector: the connector properties of a host
    :raises InvalidInput: one is of another type, or has characters that it
        may not have; the message names it
    """
    if not isinstance(connector, dict):
        raise exception.InvalidInput(reason=_(
            'the connector is not an object with the properties of a host'))
    if not connector.get('host'):
        raise exception.InvalidInput(reason=_(
            'the connector has no host, so the users of a volume on that '
            'host cannot be told apart'))
    for field, (is_right, right) in _FIELDS.items():
        value = connector.get(field)
        # What a host does not know it leaves out, or empty.
        if value not in (None, '') and not is_right(value):
            raise exception.InvalidInput(reason=_(
                '%(field)s of the connector is %(value)s; expected '
                '%(right)s') % {
                    'field': field, 'right': right,
                    'value': exceptions.printable(repr(value), _MAX_SHOWN)})


def _is_name(value):
    return (isinstance(value, str) and len(value) <= _MAX_NAME
            and value.isprintable())


def _is_address(value):
    return isinstance(value, str) and endpoints.is_address(value)


def _is_port(value):
    return type(value) is int and 1 <= value <= 65535


_ADDRESS = (_is_address, 'an IP address or a host name')
_FIELDS = {
    'host': (_is_name, f'a text of at most {_MAX_NAME} characters, all of '
                       f'them printable'),
    'ip': _ADDRESS,
    'dsware_agent_ip': _ADDRESS,
    'dsware_agent_port': (_is_port, 'a number from 1 to 65535'),
    'dsware_cli': (lambda value: isinstance(value, bool), 'true or false'),
}


def agent_address(connector) -> str:
    """Tell where the agent of a host is, as the host says.

    :param connector: the connector properties of the host
    :returns: the address or name in its one spelling, empty when the host
        does not say
    """
    for field in ('dsware_agent_ip', 'ip'):
        if _is_address(connector.get(field)):
            return endpoints.canonical(connector[field])
    return ''


def of_attachment(attachment) -> dict:
    """Tell the host of an attachment.

    :param attachment: Cinder's
    :returns: the connector of its host, as far as Cinder recorded it; empty
        for an attachment that is only reserved
    """
    if attachment.connector:
        return attachment.connector
    # Of a client that uses the API of before Cinder 3.27.
    if (attachment.attach_status == fields.VolumeAttachStatus.ATTACHED
            and attachment.attached_host):
        return {'host': attachment.attached_host}
    return {}


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
        address = agent_address(connector)
        return self._by_address.get(address) or self._in_network(address)

    def names(self, connector) -> set[str]:
        """Collect what tells a host from others, each in its one spelling.

        A host can have more than one name, as Nova and Cinder configure
        their own, and more than one address.

        :param connector: the connector properties of the host, or none
        """
        agent = self.of(connector) if connector else None
        found = [connector.get(field)
                 for field in ('host', 'ip', 'dsware_agent_ip')]
        found.append(agent and agent.host)
        return {endpoints.canonical(name) for name in found
                if name and isinstance(name, str)}

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
        address = agent_address(connector)
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
                    'address': agent_address(connector)
                    or _('none')})
        return agent
