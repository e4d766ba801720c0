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
import functools

from oslo_utils import netutils

# The argument that names the object of a request, in order of preference:
# a request that makes something is about the new object.
_NAME_ARGUMENTS = ('volName', 'snapNameDst', 'snapName', 'volNameSrc',
                   'snapNameList', 'qosName', 'poolId')


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
        bare = netutils.is_valid_ipv6(text)
        host, port = ((text, None) if bare
                      else netutils.parse_host_port(text))
        if port is None:
            port = default_port
        if not netutils.is_valid_port(port):
            raise ValueError(f'port {port} is not between 1 and 65535')
        if not _is_host(host):
            raise ValueError(f'{host!r} is neither an IP address nor a '
                             f'host name')
        return cls(host, int(port))

    def __str__(self) -> str:
        return f'{netutils.escape_ipv6(self.host)}:{self.port}'


def _is_host(host: str) -> bool:
    if netutils.is_valid_ip(host):
        return True
    # All digits and dots is a mistyped address, not a name.
    if not host or host.replace('.', '').isdigit() or len(host) > 253:
        return False
    return all(_is_label(label) for label in host.rstrip('.').split('.'))


def _is_label(label: str) -> bool:
    return (0 < len(label) <= 63 and label.isascii()
            and label.replace('-', '').replace('_', '').isalnum()
            and not label.startswith('-') and not label.endswith('-'))


@dataclasses.dataclass(frozen=True)
class Request:
    """One operation with its arguments, named as in the interface."""

    op: str
    args: Mapping[str, object]

    @functools.cached_property
    def name(self) -> str:
        """The object that the request is about, for messages."""
        for key in _NAME_ARGUMENTS:
            if key in self.args:
                value = str(self.args[key])
                return f'pool {value}' if key == 'poolId' else value
        return ''

    @functools.cached_property
    def changes(self) -> bool:
        """Whether carrying it out changes something on the cluster."""
        return not self.op.startswith(('query', 'getDSwareIdentifier'))
