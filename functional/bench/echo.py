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

"""Below the floor: a server that sends each frame back, and a client."""

import asyncio
import socket
import struct
import sys

_LENGTH = struct.Struct('>I')


class _Echo(asyncio.Protocol):
    """Sends back every whole frame."""

    def __init__(self):
        self._buffer = b''
        self._transport = None

    def connection_made(self, transport):
        self._transport = transport

    def data_received(self, data):
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(self._buffer)[0]
            if len(self._buffer) < end:
                return
            self._transport.write(self._buffer[:end])
            self._buffer = self._buffer[end:]


async def _serve(address):
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Echo, address, 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    # Ends with its parent, which holds the other end of standard input.
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


def call(sock, frame):
    """Send a frame and wait until it is back.

    :param sock: a connected socket
    :param frame: the frame, length included
    """
    sock.sendall(frame)
    missing = len(frame)
    while missing:
        data = sock.recv(65536)
        if not data:
            raise ConnectionError('the echo server has closed')
        missing -= len(data)


def connect(address, port):
    """Connect to the echo server.

    :param address: its address
    :param port: its port
    :returns: the socket
    """
    sock = socket.create_connection((address, port), timeout=30)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


if __name__ == '__main__':
    asyncio.run(_serve(sys.argv[1]))
