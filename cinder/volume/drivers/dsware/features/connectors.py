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
"""What hosts say of themselves when they attach: their connectors.

Users of Cinder's API can write them. They are data: nothing in them decides
by itself where the driver connects.
"""

from cinder import exception
from cinder.i18n import _
from cinder.volume.drivers.dsware.client import endpoints
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


def names(connector) -> set[str]:
    """Collect what tells a host from others, each in its one spelling.

    A host can have more than one name, as Nova and Cinder configure their
    own, and more than one address.

    :param connector: the connector properties of the host
    """
    found = (connector.get(field)
             for field in ('host', 'ip', 'dsware_agent_ip'))
    return {endpoints.canonical(name) for name in found
            if name and isinstance(name, str)}
