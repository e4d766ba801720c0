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

"""Requests to a cluster, and where they are sent."""

from collections.abc import Mapping
import dataclasses
import ipaddress
import re

from oslo_utils import netutils

# The argument that names the object of a request, in order of preference:
# a request that makes something is about the new object.
_NAME_ARGUMENTS = ('volName', 'snapName', 'volNameSrc', 'snapNameList',
                   'qosName', 'poolId')
_ENDPOINT = re.compile(
    r'(?:(?P<bare>[^\[\]:]+)|\[(?P<bracketed>[^\[\]]+)\])'
    r'(?::(?P<port>[0-9]{1,5}))?', re.ASCII)
# All digits and dots is a mistyped address, not a name.
_LABEL = r'(?![_-]*(\.|$))(?!-)[A-Za-z0-9_-]{1,63}(?<!-)'
_HOST = re.compile(rf'(?![0-9.]*$)(?!.{{254}}){_LABEL}(\.{_LABEL})*\.?',
                   re.ASCII)
_ZONE = re.compile(r'[A-Za-z0-9_.-]{1,15}', re.ASCII)


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """A Dsware agent's address."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, default_port: int) -> 'Endpoint':
        """Read ``host``, ``host:port``, ``[v6]`` or ``[v6]:port``.

        :param text: what the operator wrote
        :param default_port: the port when the text has none
        :returns: the :class:`Endpoint`
        :raises ValueError: with a sentence that says what is wrong
        """
        match = _ENDPOINT.fullmatch(text)
        if _is_ipv6(text):
            host, port = text, None
        elif match and (match['bare'] or _is_ipv6(match['bracketed'] or '')):
            host, port = match['bare'] or match['bracketed'], match['port']
        else:
            raise ValueError(f'{text[:300]!r} is not host, host:port, [IPv6] '
                             f'or [IPv6]:port')
        if port is None:
            port = default_port
        if not netutils.is_valid_port(port) or int(port) == 0:
            raise ValueError(f'port {port} is not between 1 and 65535')
        if not is_address(host):
            raise ValueError(f'{host[:300]!r} is neither an IP address nor a '
                             f'host name')
        return cls(host, int(port))

    def __str__(self) -> str:
        return f'{netutils.escape_ipv6(self.host)}:{self.port}'


def is_address(host: str) -> bool:
    """Tell whether a text is an IP address or a host name, without a port.

    :param host: any text
    """
    # The system's functions raise errors of their own for a null character.
    return host.isascii() and '\0' not in host and (
        _is_ipv6(host) or netutils.is_valid_ipv4(host, strict=True)
        or bool(_HOST.fullmatch(host)))


def canonical(host: str) -> str:
    """Give the one spelling of an address or host name, to compare.

    :param host: an IP address or a host name
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.casefold().rstrip('.')
    return str(getattr(address, 'ipv4_mapped', None) or address)


def _is_ipv6(host: str) -> bool:
    address, percent, zone = host.partition('%')
    # What cannot be encoded would be an error of another kind.
    return (address.isascii() and netutils.is_valid_ipv6(address)
            and bool(_ZONE.fullmatch(zone) if percent else True))


@dataclasses.dataclass
class Request:
    """One operation with its arguments, named as in the interface.

    :ivar args: not shown, because a password may be among them
    """

    op: str
    args: Mapping[str, object] = dataclasses.field(repr=False)

    @property
    def name(self) -> str:
        """The object that the request is about, for messages."""
        first = ('snapName',) if self.op == 'createSnapshot' else ()
        for key in (*first, *_NAME_ARGUMENTS):
            if key in self.args:
                return self._described(key, str(self.args[key]))
        return ''

    @staticmethod
    def _described(key, value):
        if key == 'poolId':
            return f'pool {value}'
        # The names of a whole group would flood a message.
        first, *others = value.split(',')
        return f'{first} and {len(others)} more' if others else first

    @property
    def changes(self) -> bool:
        """Whether carrying it out changes something on the cluster."""
        return not self.op.startswith(('query', 'getDSwareIdentifier'))
