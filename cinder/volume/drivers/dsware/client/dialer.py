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

"""Sockets to one endpoint: its addresses, TCP, and TLS where it is wanted."""

import concurrent.futures
import socket
import threading

from oslo_utils import netutils

from cinder.volume.drivers.dsware.client import tls

#: Seconds for which a connection may be idle and used again. Firewalls forget
#: idle ones without a word; a request on one would be lost. A new connection
#: costs less than a request in doubt.
MAX_IDLE = 30.0


class Dialer:
    """Makes sockets to one endpoint, with TLS where that is configured.

    :param endpoint: the :class:`endpoints.Endpoint`
    :param tls_settings: a :class:`tls.TLSSettings`, or None
    """

    def __init__(self, endpoint, tls_settings):
        self._tls_settings = tls_settings
        # In certificates names do not end with the dot of DNS.
        self._name = endpoint.host.rstrip('.')
        self._resolver = Resolver(endpoint.host, endpoint.port)

    def connect(self, limit):
        """Connect, and shake hands.

        :param limit: when to give up
        :returns: a socket or a :class:`tls.Stream`; its context, or None
        :raises OSError: that does not work
        :raises ValueError: the name cannot be one of a certificate
        """
        sock = self._connected(limit)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if not self._tls_settings:
                return sock, None
            context = self._tls_settings.context()
            # From here on it is part of what wraps it.
            sock = context.wrap_socket(sock, server_hostname=self._name,
                                       do_handshake_on_connect=False)
            stream = tls.Stream(sock)
            stream.settimeout(max(limit.remaining, 0.001))
            stream.do_handshake()
            return stream, context
        except BaseException:
            sock.close()
            raise

    def _connected(self, limit):
        """Try one address after another, each for its share of the time."""
        addresses = self._resolver.addresses(limit.remaining)
        for left in range(len(addresses), 0, -1):
            try:
                # 0 would make the socket non-blocking.
                return socket.create_connection(
                    addresses[-left],
                    timeout=max(limit.remaining / left, 0.001))
            except OSError:
                if left == 1:
                    raise

    def trusts(self, context) -> bool:
        """Tell whether what a connection was made with is still configured.

        :param context: what :meth:`connect` gave
        """
        return context is None or self._tls_settings.is_current(context)


class Resolver:
    """Finds the addresses of one host name.

    The system's resolver knows no time limit that could be set for one call,
    and may hold its caller for half a minute and more. A look-up that takes
    too long goes on, in a thread of its own, and is joined by whoever asks
    next: there is never more than one.

    :param host: a host name or an IP address
    :param port: the port
    """

    def __init__(self, host, port):
        self._host = host
        self._port = port
        self._lock = threading.Lock()
        self._pending = None

    def addresses(self, seconds: float) -> list[tuple[str, int]]:
        """Find the addresses.

        :param seconds: how long that may take
        :returns: addresses with the port, at least one; an IP address as it
            is, at once
        :raises OSError: there are none, or it takes too long
        """
        # That of a link has its interface after it.
        if netutils.is_valid_ip(self._host.partition('%')[0]):
            return [(self._host, self._port)]
        try:
            found = self._look_up().result(seconds)
        except concurrent.futures.TimeoutError:
            raise TimeoutError(f'the address of {self._host} was not found '
                               f'within {seconds:.1f} seconds') from None
        return list(dict.fromkeys(where[:2] for *_kind, where in found))

    def _look_up(self):
        with self._lock:
            if self._pending is None or self._pending.done():
                self._pending = concurrent.futures.Future()
                threading.Thread(
                    target=_run, args=(self._pending, self._host,
                                       self._port),
                    name='dsware-resolver', daemon=True).start()
            return self._pending


def _run(future, host, port):
    try:
        future.set_result(socket.getaddrinfo(host, port,
                                             type=socket.SOCK_STREAM))
    except Exception as error:
        future.set_exception(error)
