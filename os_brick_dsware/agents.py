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

"""Whose agent it is that a volume driver names.

A host without a setting of its own believes only in addresses of its own.
Nova disconnects volumes with the connection information of another host at
times: on a host whose instances were evacuated with that of the new host, and
after a live migration that failed, on the destination with that of the source.
Whoever followed its hint would take the device from the host that needs it.
"""

import contextlib
import ipaddress
import socket
import threading

from oslo_log import log as logging

from os_brick_dsware import attachments
from os_brick_dsware import devices
from os_brick_dsware import exceptions
from os_brick_dsware import fsc_cli
from os_brick_dsware import properties

LOG = logging.getLogger(__name__)

# The system's resolver knows no limit for one call, and Nova waits.
_LOOK_UP_SECONDS = 10.0


def is_local(address: str) -> bool:
    """Tell whether an address is one of this host.

    :param address: an IP address or a host name
    :returns: whether it is; False if it cannot be found out, or not within
        ten seconds
    """
    try:
        return any(_is_own(family, where)
                   for family, *_kind, where in _look_up(address))
    except OSError:
        return False


def _look_up(address: str) -> list:
    found: list = []

    def look() -> None:
        # Nothing is found where it fails.
        with contextlib.suppress(OSError, UnicodeError):
            found.extend(socket.getaddrinfo(address, 9,
                                            type=socket.SOCK_DGRAM))

    thread = threading.Thread(target=look, name='dsware-resolver',
                              daemon=True)
    thread.start()
    thread.join(_LOOK_UP_SECONDS)
    return list(found)


def _is_own(family: int, where: tuple) -> bool:
    if ipaddress.ip_address(where[0].partition('%')[0]).is_loopback:
        return True
    # Nothing is sent. From a host to itself its address is both ends;
    # binding to it would succeed for any with ip_nonlocal_bind.
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect(where)
        return probe.getsockname()[0] == where[0]


def recorded(connection: properties.Connection,
             ledger: attachments.Ledger) -> attachments.User | None:
    """Find the user that a volume is left for.

    :param connection: what the volume driver said
    :param ledger: who uses which volume
    :returns: the user with its token, else of its instance; None if neither
        is recorded on this host
    :raises StateError: if the volume's record cannot be read
    """
    users = ledger.users(connection.volume)
    found = [user for user in users
             if connection.token and user.token == connection.token]
    found += [user for user in users
              if attachments.is_instance(user, connection.instance)]
    return found[0] if found else None


def named(connection: properties.Connection) -> str:
    """Find this host's agent in what the volume driver said.

    What it says may come from a user of the API, who must not choose where
    this host connects to as root.

    :param connection: what the volume driver said
    :returns: the agent's address; empty if none of this host is named
    """
    agent = connection.agent_ip
    return agent if agent and is_local(agent) else ''


def is_elsewhere(connection: properties.Connection,
                 host: devices.Devices) -> bool:
    """Tell whether a volume without a record is but another host's.

    For a host that has no setting of its own.

    :param connection: what the volume driver said
    :param host: the block devices of this host
    :returns: True if there is nothing to leave on this host
    :raises ConfigurationError: if the volume is here, but no agent of this
        host is named
    """
    if named(connection):
        return False
    agent = fsc_cli.printable(connection.agent_ip or '(not named)')
    if connection.wwn and host.exists(host.link(connection.wwn)):
        raise exceptions.ConfigurationError(
            "volume %s has a device on this host but no record, and its agent "
            "%s is not known to be this host's: set option dsware_agent_ip "
            "in group os_brick on this host" % (connection.volume, agent))
    LOG.warning('Volume %s is not attached to this host by us, and agent %s '
                'is not known to be that of this host: nothing is detached',
                connection.volume, agent)
    return True
