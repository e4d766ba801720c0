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

"""A server that follows a script, for HTTP mostly."""

import contextlib
import json
import socket
import threading

import fixtures

_PATIENCE = 30


def answer(content, status='200 OK', headers=(), length=None):
    """Write an answer.

    :param content: bytes of the body, or what becomes JSON
    :param status: number and words
    :param headers: lines
    :param length: what it says of its length; that is right by default
    :returns: bytes
    """
    body = (content if isinstance(content, bytes)
            else json.dumps(content).encode())
    lines = [f'HTTP/1.1 {status}', 'Content-Type: application/json',
             f'Content-Length: {len(body) if length is None else length}',
             *headers]
    return '\r\n'.join(lines).encode('latin-1') + b'\r\n\r\n' + body


class Server(fixtures.Fixture):
    """Answers each request with the next step of a script.

    :param steps: bytes to send; None to close the connection; or what is
        called with the socket and closes the connection then
    :param context: an SSL context, or None
    :param treat: in place of all that, called with each connection's socket
    :ivar requests: (request line, headers, body) of each
    :ivar connections: how many were made
    :ivar closed: set when a connection was closed
    """

    def __init__(self, *steps, context=None, treat=None):
        super().__init__()
        self._steps = list(steps)
        self._context = context
        self._treat = treat or self._answer_all
        self.requests = []
        self.connections = 0
        self.closed = threading.Event()

    def _setUp(self):
        self._socket = socket.create_server(('127.0.0.1', 0))
        self.address = self._socket.getsockname()
        self._open = set()
        self._stopping = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        self.addCleanup(self.stop)

    def stop(self):
        """Close all connections, and listen no more."""
        self._stopping = True
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        # Wakes the one who waits for a connection, unless it has seen that.
        with contextlib.suppress(OSError):
            socket.create_connection(self.address).close()
        self._thread.join(_PATIENCE)

    def _serve(self):
        with self._socket:
            while not self._stopping:
                connection, _address = self._socket.accept()
                connection.settimeout(_PATIENCE)
                self._open.add(connection)
                threading.Thread(target=self._meet, args=(connection,),
                                 daemon=True).start()

    def _meet(self, connection):
        self.connections += not self._stopping
        try:
            with connection, contextlib.suppress(OSError, ValueError):
                self._treat(connection)
        finally:
            self.closed.set()

    def _answer_all(self, connection):
        if self._context:
            connection = self._context.wrap_socket(connection,
                                                   server_side=True)
        with connection, connection.makefile('rb') as requests:
            while self._is_answered(connection, requests):
                pass

    def _is_answered(self, connection, requests):
        """Answer one request; tell whether there may be another one."""
        line = requests.readline().decode()
        if not line:
            return False
        headers = {}
        while (header := requests.readline().strip().decode('latin-1')):
            name, _colon, value = header.partition(':')
            headers[name.lower()] = value.strip()
        body = requests.read(int(headers.get('content-length', 0)))
        self.requests.append((line.strip(), headers, body))
        step = self._steps.pop(0) if self._steps else None
        if isinstance(step, bytes):
            connection.sendall(step)
        elif step is not None:
            step(connection)
        return isinstance(step, bytes)


def for_ever(head, data):
    """Make a step that sends without end.

    :param head: bytes to begin with
    :param data: bytes to send again and again
    """
    def step(connection):
        connection.sendall(head)
        while True:
            connection.sendall(data)

    return step


def dripping(head, data):
    """Make a step that sends without end, some bytes after another.

    :param head: bytes to begin with
    :param data: bytes to send again and again
    """
    def step(connection):
        connection.sendall(head)
        connection.settimeout(0.01)
        while True:
            connection.sendall(data)
            with contextlib.suppress(TimeoutError):
                if not connection.recv(1):
                    return

    return step


def hanging(connection):
    """Be a step that says nothing."""
    connection.recv(1)
