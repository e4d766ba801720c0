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

"""Addresses of host names, found within a time.

The system's resolver knows no time limit that could be set for one call, and
may hold its caller for half a minute and more.
"""

import concurrent.futures
import socket
import threading


class Resolver:
    """Finds the addresses of one host name.

    A look-up that takes too long goes on, in a thread of its own, and is
    joined by whoever asks next: there is never more than one.

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
        if _is_address(self._host):
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


def _is_address(host):
    try:
        socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return False
    return True


def _run(future, host, port):
    try:
        future.set_result(socket.getaddrinfo(host, port,
                                             type=socket.SOCK_STREAM))
    except Exception as error:
        future.set_exception(error)
