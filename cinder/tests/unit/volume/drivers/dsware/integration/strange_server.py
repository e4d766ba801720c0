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

"""Servers that the driver has no business with."""

import contextlib
import socket
import ssl
import threading

import fixtures


class Relay(fixtures.Fixture):
    """Another way to a server, which may end.

    :param where: address and port of the server
    :ivar address: address and port of the relay
    """

    def __init__(self, where):
        super().__init__()
        self._where = where
        self._pairs = []
        self._stopped = False

    def _setUp(self):
        # What the server's certificate is for, too.
        self._socket = socket.create_server((self._where[0], 0))
        self.address = self._socket.getsockname()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        self.addCleanup(self.stop)

    def stop(self):
        """Listen no more, and cut what there is."""
        if not self._stopped:
            self._stopped = True
            socket.create_connection(self.address).close()
            self._thread.join(30)
        self.cut()

    def cut(self):
        """Cut all connections."""
        while self._pairs:
            with contextlib.suppress(OSError):
                self._pairs.pop().shutdown(socket.SHUT_RDWR)

    def _serve(self):
        with self._socket:
            while not self._stopped:
                ours, _address = self._socket.accept()
                theirs = socket.create_connection(self._where)
                self._pairs += [ours, theirs]
                for pair in ((ours, theirs), (theirs, ours)):
                    threading.Thread(target=self._carry, args=pair,
                                     daemon=True).start()

    @staticmethod
    def _carry(source, target):
        with source, contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


def tls(certificate, key, client_ca=None, oldest=None, newest=None):
    """Make what a server does that speaks TLS and knows no request.

    :param certificate: the path of its certificate
    :param key: the path of its key
    :param client_ca: what the certificates of clients are checked with
    :param oldest: the oldest version that it speaks
    :param newest: the newest version that it speaks
    :returns: what treats a connection of :class:`http_server.Server`
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    if oldest:
        # It must be able to, or nothing would be shown.
        context.set_ciphers('ALL:@SECLEVEL=0')
        context.minimum_version = oldest
    if newest:
        context.maximum_version = newest

    def treat(connection):
        with context.wrap_socket(connection, server_side=True) as wrapped:
            wrapped.recv(1)

    return treat


def http(connection):
    """Say what a server for HTTP says to everything that it cannot read."""
    connection.recv(1)
    connection.sendall(b'HTTP/1.1 400 Bad Request\r\n\r\n')
    # Not before the client has read it.
    while connection.recv(65536):
        pass
