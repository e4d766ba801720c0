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

"""Whether an address speaks HTTP, where something else is configured."""

import contextlib
import socket
import ssl

# To a Dsware agent this is a frame that is far too long: it hangs up.
_REQUEST = b'OPTIONS * HTTP/1.1\r\nHost: dsware\r\nConnection: close\r\n\r\n'
_ANSWER = b'HTTP/'


def speaks_http(host: str, port: int, seconds: float) -> str:
    """Ask in HTTP, without and with TLS; nothing secret is sent.

    :param host: an address or a name
    :param port: the port
    :param seconds: when to give up, for each of the two
    :returns: HTTP or HTTPS; empty when it speaks neither
    """
    for name, wrap in (('HTTPS', _wrapped), ('HTTP', lambda plain: plain)):
        with contextlib.suppress(OSError):
            if _answer(host, port, seconds, wrap).startswith(_ANSWER):
                return name
    return ''


def _wrapped(plain):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain)


def _answer(host, port, seconds, wrap):
    with socket.create_connection((host, port), timeout=seconds) as plain:
        # Closing twice does no harm; a stream with TLS takes the socket over.
        with contextlib.closing(wrap(plain)) as stream:
            stream.sendall(_REQUEST)
            return stream.recv(len(_ANSWER))
