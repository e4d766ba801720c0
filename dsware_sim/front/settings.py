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
"""What a server is told when it starts."""

import dataclasses
import ipaddress
import ssl

DEFAULT_PORT = 10519
DEFAULT_REST_PORT = 28443
#: What the manager's REST interface is called where agents have an address.
REST = 'rest'
DEFAULT_AGENTS = (('127.0.0.1', DEFAULT_PORT),)


class SettingError(ValueError):
    """A setting is wrong."""


def default_pools():
    """The pools of a cluster that is told of none.

    :returns: dict of sizes in GiB by number
    """
    return {0: 1024}


@dataclasses.dataclass
class Settings:
    """What a server is told when it starts.

    :param state: the state directory
    :param agents: sequence of (IP address, port), port 0 for any free one
    :param pools: dict of sizes in GiB by number
    :param copy_rate: MiB that a copy does in a second, None for no limit
    :param copy_seconds: seconds that each copy takes, instead of a rate
    :param devices: 'auto', 'loop' or 'file'
    :param single_pool: whether to be an older cluster, with pool 0 only
    :param tls_cert: path of the certificate, None for no TLS
    :param tls_key: path of its key
    :param tls_client_ca: path of what client certificates are checked with,
                          None when clients need none
    :param tls_only_rest: whether agents do without TLS all the same
    :param credentials: (user name, password) to sign in with, or None
    :param rest: (IP address, port) of the manager's REST interface, or None
    """

    state: str
    agents: tuple = DEFAULT_AGENTS
    pools: dict = dataclasses.field(default_factory=default_pools)
    copy_rate: float | None = None
    copy_seconds: float | None = None
    devices: str = 'auto'
    single_pool: bool = False
    tls_cert: str | None = None
    tls_key: str | None = None
    tls_client_ca: str | None = None
    tls_only_rest: bool = False
    credentials: tuple | None = None
    rest: tuple | None = None

    def __post_init__(self):
        addresses = [address for address, _ in self.agents]
        if len(set(addresses)) != len(addresses):
            raise SettingError('--agent: each agent is a host and needs an '
                               'address of its own')
        if self.single_pool and set(self.pools) != {0}:
            raise SettingError('--single-pool: an older cluster has pool 0 '
                               'and no other')
        if self.single_pool and self.rest:
            raise SettingError('--single-pool: an older cluster has no REST '
                               'interface; leave --rest out')
        check_speed(self.copy_rate, self.copy_seconds)
        if bool(self.tls_cert) != bool(self.tls_key):
            raise SettingError('--tls-cert and --tls-key go together')
        if self.tls_client_ca and not self.tls_cert:
            raise SettingError('--tls-client-ca needs --tls-cert')
        if self.tls_only_rest and not (self.tls_cert and self.rest):
            raise SettingError('--tls-only-rest needs --tls-cert and --rest')

    def tls_context(self):
        """Make the context of the agents' listeners.

        :returns: an SSL context, or None without TLS
        :raises SettingError: a file cannot be used
        """
        if not self.tls_cert:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.tls_cert, self.tls_key)
            if self.tls_client_ca:
                context.load_verify_locations(self.tls_client_ca)
                context.verify_mode = ssl.CERT_REQUIRED
        except (OSError, ssl.SSLError) as error:
            raise SettingError('--tls-cert %s, --tls-key %s, '
                               '--tls-client-ca %s: %s'
                               % (self.tls_cert, self.tls_key,
                                  self.tls_client_ca, error))
        return context


def pools(pairs):
    """Put pools together.

    :param pairs: iterable of (number, size in GiB)
    :returns: dict of sizes in GiB by number
    :raises SettingError: a number is there twice
    """
    found = {}
    for number, size in pairs:
        if number in found:
            raise SettingError('--pool %d:%d: pool %d is there already, with '
                               '%d GiB' % (number, size, number,
                                           found[number]))
        found[number] = size
    return found


def check_speed(copy_rate, copy_seconds):
    """Check how long copies are to take.

    :param copy_rate: MiB a second, or None
    :param copy_seconds: seconds, or None
    :raises SettingError: a number is out of range
    """
    if copy_rate is not None and not copy_rate > 0:
        raise SettingError('--copy-rate %s is not more than 0' % copy_rate)
    if copy_seconds is not None and not copy_seconds >= 0:
        raise SettingError('--copy-seconds %s is less than 0' % copy_seconds)


def parse_agent(text):
    """Read an agent's address.

    :param text: HOST or HOST:PORT; an IPv6 address with a port is in
                 brackets
    :returns: (IP address, port)
    :raises SettingError: it is neither
    """
    return _parse_address(text, DEFAULT_PORT)


def parse_rest(text):
    """Read the address of the REST interface.

    :param text: as for an agent
    :returns: (IP address, port)
    :raises SettingError: it is neither
    """
    return _parse_address(text, DEFAULT_REST_PORT)


def _parse_address(text, default):
    host, port = text, default
    if text.startswith('['):
        host, closing, rest = text[1:].partition(']')
        if not closing or rest and not rest.startswith(':'):
            host = text
        port = rest[1:] if rest else port
    elif text.count(':') == 1:
        host, _, port = text.partition(':')
    try:
        number = int(port)
        if not 0 <= number < 65536:
            raise ValueError
        return str(ipaddress.ip_address(host)), number
    except ValueError:
        raise SettingError('%r is not an IP address with an optional port '
                           'of 0 to 65535, as in 127.0.0.11:%d or '
                           '[::1]:%d' % (text, default, default))


def parse_pool(text):
    """Read a pool's number and size.

    :param text: ID:SIZE_GIB
    :returns: (number, size in GiB)
    :raises SettingError: it is something else
    """
    number, _, size = text.partition(':')
    if not (number.isdigit() and size.isdigit() and int(size)):
        raise SettingError('%r is not a pool number and a size in GiB, as '
                           'in 0:1024' % text)
    return int(number), int(size)
