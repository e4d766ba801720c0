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

"""TLS connections whose time-outs are for whole calls."""

import selectors
import ssl
import time


class Stream:
    """A TLS socket whose time-out is for a whole call.

    That of a socket under eventlet is for each of its waits, of which the
    peer can cause as many as it sends bytes.

    :param sock: an :class:`ssl.SSLSocket`
    """

    def __init__(self, sock):
        self._sock = sock
        self._until = 0.0
        # Under eventlet a time-out of 0 is another thing.
        sock.setblocking(False)

    def settimeout(self, seconds: float) -> None:
        """Set until when the following calls may take.

        :param seconds: from now
        """
        self._until = time.monotonic() + seconds

    def do_handshake(self) -> None:
        """Shake hands.

        :raises ssl.SSLError: as the socket's own
        :raises OSError: as the socket's own, and when time is over
        """
        self._finish(self._sock.do_handshake)

    def send(self, data) -> int:
        """Send some of the data.

        :param data: bytes
        :returns: how many were taken
        :raises OSError: as the socket's own, and when time is over
        """
        return self._finish(self._sock.send, data)

    def recv(self, size: int) -> bytes:
        """Receive what there is.

        :param size: how many bytes at most
        :returns: bytes, none at the end
        :raises OSError: as the socket's own, and when time is over
        """
        return self._finish(self._sock.recv, size)

    def getsockopt(self, *option):
        """Ask the kernel, as the socket's own."""
        return self._sock.getsockopt(*option)

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def _finish(self, call, *args):
        while True:
            try:
                return call(*args)
            except ssl.SSLWantReadError:
                self._wait(selectors.EVENT_READ)
            except ssl.SSLWantWriteError:
                self._wait(selectors.EVENT_WRITE)

    def _wait(self, event):
        remaining = self._until - time.monotonic()
        # The default one works with green threads and large descriptors.
        with selectors.DefaultSelector() as selector:
            selector.register(self._sock, event)
            if remaining <= 0 or not selector.select(remaining):
                raise TimeoutError('timed out')
