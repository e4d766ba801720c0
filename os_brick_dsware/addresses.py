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

"""Addresses of agents: how they are compared, and whether one is our own."""

import contextlib
import ipaddress
import socket
import threading

# The system's resolver knows no limit for one call, and Nova waits.
_LOOK_UP_SECONDS = 10.0


def canonical(address: str) -> str:
    """Give an address the one spelling by which it can be compared.

    Names are not looked up. An IPv4 address that is mapped into IPv6 becomes
    the IPv4 one.
    """
    text = address.strip().lower()
    try:
        parsed = ipaddress.ip_address(text.removeprefix('[').removesuffix(']'))
    except ValueError:
        return text.removesuffix('.')
    return str(getattr(parsed, 'ipv4_mapped', None) or parsed)


def is_local(address: str) -> bool:
    """Tell whether an IP address or a host name is one of this host.

    It is taken for none where that is not found out within ten seconds.
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
