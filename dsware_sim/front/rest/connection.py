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
"""HTTP: the listener of the manager, and its connections.

h11 reads and writes HTTP here, and asyncio does the rest: the cluster lives
on one event loop, and faults want the bytes of an answer in their hands,
which servers that are whole programs (cheroot, aiohttp) do not give away.
"""

import asyncio
import http.cookies
import os

import h11

from dsware_sim.front import faults
from dsware_sim.front import listener as listener_
from dsware_sim.front.rest import manager as manager_
from dsware_sim.front import settings

_MAX_BODY = 1048576
_MAX_HEAD = 65536
_CHUNK = 65536


class Listener(listener_.Listener):
    """What all the connections to the manager share.

    To faults, counts and the log it is an agent whose address is a word.
    """

    address = settings.REST

    def __init__(self, host, port, service, tls):
        """Make a listener that does not listen yet.

        :param host: IP address
        :param port: TCP port, 0 for any free one
        :param service: a :class:`dsware_sim.front.service.Service`
        :param tls: SSL context, or None
        """
        super().__init__(service, tls)
        self.host = host
        self.port = port
        self.manager = None

    async def start(self, manager):
        """Listen.

        :param manager: the :class:`.manager.Manager` that answers
        """
        self.manager = manager
        await self.go_up()

    async def _open(self):
        self.port = await self._open_tcp(lambda: Connection(self), self.host,
                                         self.port)


class Connection(asyncio.Protocol):
    """One connection: requests in, answers out, in order."""

    def __init__(self, listener):
        """Make a connection.

        :param listener: its :class:`Listener`
        """
        self.agent = listener
        self.client = None
        self._http = h11.Connection(
            h11.SERVER, max_incomplete_event_size=_MAX_HEAD)
        self._transport = None
        self._request = None
        self._body = bytearray()
        self._writable = asyncio.Event()
        self._writable.set()
        self._sending = None

    def connection_made(self, transport):
        """Start with a new connection; part of asyncio's interface."""
        self._transport = transport
        self.client = transport.get_extra_info('peername')[0]
        if self.agent.service.accepts(self):
            self.agent.connections.add(self)
        else:
            transport.abort()

    def connection_lost(self, error):
        """Forget the connection; part of asyncio's interface."""
        self.agent.connections.discard(self)
        self._transport = None
        if self._sending is not None:
            self._sending.cancel()

    def pause_writing(self):
        """Send no more; part of asyncio's interface."""
        self._writable.clear()

    def resume_writing(self):
        """Send on; part of asyncio's interface."""
        self._writable.set()

    def data_received(self, data):
        """Take bytes; part of asyncio's interface."""
        self._http.receive_data(data)
        if len(self._http.trailing_data[0]) > _MAX_BODY:
            # Whoever sends on without reading answers has to wait.
            self._transport.pause_reading()
        self._pump()

    def eof_received(self):
        """Take the end of the requests; part of asyncio's interface."""
        self._http.receive_data(b'')
        self._pump()

    def abort(self):
        """Cut the connection."""
        if self._transport is not None:
            self._transport.abort()

    def _pump(self):
        """Read on, as far as the next whole request."""
        try:
            while self._read_event():
                pass
        except h11.RemoteProtocolError as error:
            self.agent.service.protocol_error(self, error)
            self._give_up(error.error_status_hint or 400)

    def _read_event(self):
        event = self._http.next_event()
        if isinstance(event, h11.Request):
            self._request, self._body = event, bytearray()
            if self._http.they_are_waiting_for_100_continue:
                self._write(h11.InformationalResponse(status_code=100,
                                                      headers=[]))
        elif isinstance(event, h11.Data):
            self._body += event.data
            if len(self._body) > _MAX_BODY:
                self._give_up(413)
                return False
        elif isinstance(event, h11.EndOfMessage):
            self.agent.manager.handle(Exchange(self, self._request,
                                               bytes(self._body)))
        elif isinstance(event, h11.ConnectionClosed):
            self._close()
        return isinstance(event, (h11.Request, h11.Data))

    def _give_up(self, status):
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.send(manager_.page(status, 'Bad request'), close=True)
        self._close()

    def _close(self):
        if self._transport is not None:
            self._transport.close()

    def _write(self, event):
        data = self._http.send(event)
        if data and self._transport is not None:
            self._transport.write(data)

    def _begin(self, response, close=False, length=True):
        headers = [('Content-Type', response.type), *response.headers]
        if length:
            headers.append(('Content-Length', str(len(response.body))))
        if close:
            headers.append(('Connection', 'close'))
        self._write(h11.Response(status_code=response.status,
                                 headers=headers))

    def send(self, response, close=False):
        """Send a whole answer, and go on with the next request.

        :param response: a :class:`.manager.Response`
        :param close: whether the connection ends with it
        """
        if self._transport is None:
            return
        self._begin(response, close)
        self._end(response.body)

    def _end(self, rest):
        if self._request is None or self._request.method != b'HEAD':
            self._write(h11.Data(data=rest))
        self._write(h11.EndOfMessage())
        if self._http.our_state is not h11.DONE:
            self._close()
            return
        if self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            # Not at once: many requests sent in one go must not make the
            # stack deep.
            asyncio.get_running_loop().call_soon(self._go_on)
        else:
            self._close()

    def _go_on(self):
        if self._transport is not None:
            self._transport.resume_reading()
            self._pump()

    def send_half(self, response):
        """Promise a whole answer, send half of it, close.

        :param response: a :class:`.manager.Response`
        """
        if self._transport is not None:
            self._begin(response)
            self._write(h11.Data(
                data=response.body[:len(response.body) // 2]))
            self._close()

    def send_slowly(self, response, seconds):
        """Send an answer byte by byte.

        :param response: a :class:`.manager.Response`
        :param seconds: pause after each byte
        """
        self._start(self._drip(response, seconds))

    def send_for_ever(self, response):
        """Send an answer whose body has no end.

        :param response: a :class:`.manager.Response`
        """
        self._start(self._flow(response))

    def _start(self, sending):
        self._sending = asyncio.get_running_loop().create_task(sending)

    async def _drip(self, response, seconds):
        self._begin(response)
        for number in range(len(response.body) - 1):
            self._write(h11.Data(data=response.body[number:number + 1]))
            await asyncio.sleep(seconds)
        self._sending = None
        self._end(response.body[-1:])

    async def _flow(self, response):
        self._begin(response, length=False)
        # White space is allowed anywhere in JSON.
        self._write(h11.Data(data=response.body[:1]))
        while True:
            self._write(h11.Data(data=b' ' * _CHUNK))
            await asyncio.sleep(0)
            await self._writable.wait()


class Exchange:
    """A request and the way of its answer: a connection, to the service."""

    local = False

    def __init__(self, connection, request, body):
        """Take a request apart.

        :param connection: its :class:`Connection`
        :param request: an h11.Request
        :param body: bytes
        """
        self.agent = connection.agent
        self.client = connection.client
        self.method = request.method.decode()
        self.target = request.target.decode()
        self.headers = {name.decode(): value.decode('latin-1')
                        for name, value in request.headers}
        self.body = body
        self.call = None
        self._connection = connection

    @property
    def token(self):
        """The token of the request, or None."""
        return self.headers.get('x-auth-token')

    @property
    def cookie(self):
        """The cookie that came with the sign-in, or None."""
        try:
            cookies = http.cookies.SimpleCookie(self.headers.get('cookie'))
        except http.cookies.CookieError:
            return None
        return cookies['session'].value if 'session' in cookies else None

    def respond(self, response):
        """Answer.

        :param response: a :class:`.manager.Response`
        """
        self._connection.send(response)

    def reply(self, request, answer):
        """Answer what the cluster said; part of the service's interface."""
        self.respond(self.agent.manager.response(self.call, answer))

    def abort(self):
        """Leave the request without an answer."""
        self._connection.abort()

    def expire_tokens(self):
        """End all tokens, that of this request too."""
        self.agent.manager.sessions.end_all()

    def spoil(self, request, answer, fault):
        """Answer in a wrong way, or not at all.

        :param request: what is answered
        :param answer: :class:`dsware_sim.cluster.engine.Answer`, None when it
                       was not carried out
        :param fault: a :class:`dsware_sim.front.faults.Fault`
        """
        if fault.kind in (faults.HTTP_STATUS, faults.HTTP_STATUS_AFTER):
            self.respond(manager_.page(fault.code, 'A fault switched on'))
        elif fault.kind in _SPOILERS:
            _SPOILERS[fault.kind](
                self._connection,
                self.agent.manager.response(self.call, answer), fault)
        else:
            self.abort()


def _send_html(connection, response, fault):
    connection.send(manager_.page(200, 'Service'))


def _send_wrong_type(connection, response, fault):
    connection.send(response._replace(type='text/plain'))


def _send_garbage(connection, response, fault):
    body = response.body[:len(response.body) // 2] + b'\xff' + os.urandom(16)
    connection.send(response._replace(body=body))


_SPOILERS = {
    faults.HTML: _send_html,
    faults.WRONG_TYPE: _send_wrong_type,
    faults.GARBAGE: _send_garbage,
    faults.CUT_FRAME: lambda connection, response, fault:
        connection.send_half(response),
    faults.ENDLESS: lambda connection, response, fault:
        connection.send_for_ever(response),
    faults.DRIP: lambda connection, response, fault:
        connection.send_slowly(response, fault.seconds),
}
