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

"""HTTP with one manager: JSON there and back, bounded in time and size.

urllib3 keeps the connections. Sockets and TLS are those of the other
transport, with the same options, time limits and cures.
"""

from collections.abc import Mapping
import dataclasses
import functools
import http.client
import io
import json
import socket
import ssl
import time
import zlib

import urllib3

from cinder.volume.drivers.dsware.client import dialer
from cinder.volume.drivers.dsware import waiting

#: Bytes of an answer, unpacked. A page of 1,000 records takes about 500 KB.
MAX_ANSWER = 16 * 1024 * 1024
_HEADERS = {'Accept': 'application/json', 'Accept-Encoding': 'identity',
            'Accept-Language': 'en', 'Content-Type': 'application/json'}
# zlib's number for a header of gzip or its own.
_ANY_HEADER = 47


class NotSent(Exception):
    """No byte of a request was sent.

    :ivar error: what kept it from being sent
    """

    def __init__(self, error):
        super().__init__(str(error))
        self.error = error


class Lost(Exception):
    """A request was sent, or a part of it, and no valid answer came.

    :ivar error: of the socket or of TLS, if there was one
    """

    def __init__(self, desc, error=None):
        super().__init__(desc)
        self.error = error


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a manager answered.

    :ivar status: of HTTP
    :ivar headers: names in any case
    :ivar content: what its JSON says; None when the body is none
    :ivar is_page: whether the body is a page in HTML
    """

    status: int
    headers: urllib3.HTTPHeaderDict
    content: object
    is_page: bool


class Connections:
    """Connections to one manager.

    :param endpoint: the :class:`endpoints.Endpoint`
    :param connect_timeout: seconds for one attempt, TLS included
    :param tls_settings: a :class:`tls.TLSSettings`, or None for plain HTTP
    :param capacity: how many are kept
    """

    def __init__(self, endpoint, connect_timeout, tls_settings, capacity):
        self._connect_timeout = connect_timeout
        # The scheme is HTTP for urllib3, since TLS is not its business.
        self._pool = urllib3.HTTPConnectionPool(
            endpoint.host, endpoint.port, maxsize=capacity)
        self._pool.ConnectionCls = functools.partial(
            _Connection, dialer.Dialer(endpoint, tls_settings))

    def send(self, method: str, path: str, headers: Mapping[str, str],
             body: object, limit: waiting.Deadline) -> Answer:
        """Send one request, once, and read its answer.

        :param method: of HTTP
        :param path: with its query
        :param headers: besides those that each request has
        :param body: becomes JSON; None for no body
        :param limit: when to give up
        :raises NotSent: no byte was sent
        :raises Lost: it was sent, or may have been
        """
        if limit.expired:
            # Else a part of it is sent, which only raises doubts.
            raise NotSent(TimeoutError('no time was left'))
        data = None if body is None else json.dumps(body).encode()
        timeout = urllib3.Timeout(
            total=max(limit.remaining, 0.001),
            connect=max(min(limit.remaining, self._connect_timeout), 0.001))
        try:
            response = self._pool.urlopen(
                method, path, body=data, headers={**_HEADERS, **headers},
                timeout=timeout, retries=False, redirect=False,
                preload_content=False, decode_content=False)
        except (urllib3.exceptions.HTTPError, http.client.HTTPException,
                OSError) as error:
            raise Lost(str(error), _cause(error)) from error
        text = _body(response)
        return Answer(response.status, response.headers, _parsed(text),
                      text.lstrip()[:1] == b'<')

    def close(self) -> None:
        """Close all idle connections."""
        self._pool.close()


def _body(response):
    try:
        body = response.read(MAX_ANSWER + 1, decode_content=False)
        text = _unpacked(body, response.headers.get('Content-Encoding'))
    except BaseException as error:
        # An eventlet time-out, too, leaves what nobody will read.
        response.close()
        if isinstance(error, (urllib3.exceptions.HTTPError, zlib.error,
                              http.client.HTTPException, OSError)):
            raise Lost(str(error), _cause(error)) from error
        raise
    if max(len(body), len(text)) > MAX_ANSWER:
        response.close()
        raise Lost('it answers with more than %d bytes' % MAX_ANSWER)
    response.release_conn()
    return text


def _cause(error):
    """Find what urllib3 has wrapped."""
    found = [cause for cause in (error, *error.args)
             if isinstance(cause, OSError)]
    return found[0] if found else None


def _unpacked(body, encoding):
    if encoding not in ('gzip', 'deflate'):
        return body
    unpacker = zlib.decompressobj(_ANY_HEADER)
    return unpacker.decompress(body, MAX_ANSWER + 1)


def _parsed(text):
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


class _Response(http.client.HTTPResponse):

    def begin(self):
        """Read the head of the answer.

        urllib3 logs what it cannot read of it, where a token may be.
        """
        super().begin()
        if self.msg.defects or self.msg.get_payload():
            raise http.client.HTTPException('its headers cannot be read')


class _Connection(urllib3.connection.HTTPConnection):
    """One connection, whose socket is ours.

    :param dialer: the :class:`dialer.Dialer`
    """

    response_class = _Response

    def __init__(self, dialer, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._dialer = dialer
        self._used = time.monotonic()

    def _new_conn(self):
        try:
            stream, self._context = self._dialer.connect(
                waiting.Deadline(self.timeout))
        except (OSError, ValueError) as error:
            raise NotSent(error) from error
        sock = _Socket(stream)
        sock.settimeout(self.timeout)
        return sock

    def getresponse(self):
        """Read the head of the answer."""
        response = super().getresponse()
        self._used = time.monotonic()
        return response

    @property
    def is_connected(self):
        """Whether another request may be sent on it."""
        return (super().is_connected
                and time.monotonic() - self._used < dialer.MAX_IDLE
                and self._dialer.trusts(self._context))


class _Socket:
    """What http.client needs of a socket; its time-out is for a whole call.

    :param stream: a socket or a :class:`tls.Stream`
    """

    def __init__(self, stream):
        self._stream = stream
        self._until = 0.0
        self._readers = 0
        self._closed = False

    def settimeout(self, seconds):
        """Set until when all that follows may take."""
        self._until = time.monotonic() + seconds

    def sendall(self, data):
        view = memoryview(data)
        while view:
            self._limit()
            try:
                view = view[self._stream.send(view):]
            except ssl.SSLEOFError as error:
                # After this one it is read why the peer has gone away.
                raise BrokenPipeError(str(error)) from error

    def recv(self, size):
        self._limit()
        return self._stream.recv(size)

    def recv_into(self, buffer):
        data = self.recv(len(buffer))
        buffer[:len(data)] = data
        return len(data)

    def _limit(self):
        remaining = self._until - time.monotonic()
        if remaining <= 0:
            raise TimeoutError('timed out')
        self._stream.settimeout(remaining)

    def makefile(self, *_args, **_kwargs):
        self._readers += 1
        return io.BufferedReader(socket.SocketIO(self, 'r'))

    def fileno(self):
        return self._stream.fileno()

    def close(self):
        """Close it, when nobody reads the rest of an answer any more."""
        self._closed = True
        if not self._readers:
            self._stream.close()

    def _decref_socketios(self):
        """Note that a reader is closed, as SocketIO tells a socket."""
        self._readers -= 1
        if self._closed:
            self.close()
