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

"""Addresses of agents, which can be spelt in several ways."""

import ipaddress


def canonical(address: str) -> str:
    """Give an address the one spelling by which it can be compared.

    Names are not looked up.

    :param address: an IP address, an IPv6 address in brackets, or a host name
    :returns: the shortest spelling of an IP address, of an IPv4 address that
        is mapped into IPv6 the IPv4 one; a name in lower case without the
        dot at its end
    """
    text = address.strip().lower()
    try:
        parsed = ipaddress.ip_address(
            text[1:-1] if text.startswith('[') and text.endswith(']')
            else text)
    except ValueError:
        return text.removesuffix('.')
    return str(getattr(parsed, 'ipv4_mapped', None) or parsed)
