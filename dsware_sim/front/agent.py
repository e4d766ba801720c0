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
"""An agent: the listener of a host, and its connections.

Low-level protocols rather than streams: a request costs a few tens of
microseconds, so that the simulator is never what a benchmark measures.
"""

import asyncio
import hmac
import os

from dsware_sim.cluster import engine
from dsware_sim import codec
from dsware_sim import codes
from dsware_sim.front import faults
from dsware_sim.front import listener

# A listing stops to be encoded while this much of it is waiting to be sent.
_HIGH_WATER = 4 * codec.STREAM_CHUNK
_FRAMES_AT_ONCE = 2
_NO_FRAME = b'\xff\xff\xff\xffthis is not a frame'


class Credentials:
    """What clients must sign in with.

    :param user: the user's name
    :param passwords: those that are accepted
    """

    def __init__(self, user, *passwords):
        self.user = user
        self.passwords = passwords

    def accept(self, user, password):
        """Tell whether a user may sign in.

        :param user: the user's name
        :param password: the user's password
        :returns: whether both are right
        """
        return (_same(user, self.user)
                and any(_same(password, one) for one in self.passwords))


def _same(one, other):
    return hmac.compare_digest(one.encode(), other.encode())


class Agent(listener.Listener):
    """What all the connections to one agent share."""

    def __init__(self, address, service, credentials=None, tls=None):
        """Make an agent that does not listen yet.

        :param address: IP address of the agent's host
        :param service: a :class:`dsware_sim.front.service.Service`
        :param credentials: a :class:`Credentials`, or None
        :param tls: SSL context of the TCP listener, or None
        """
        super().__init__(service, tls)
        self.address = address
        self.port = None
        self.credentials = credentials
        self._unix_path = None

    async def start(self, port, unix_path):
        """Listen.

        :param port: TCP port, 0 for any free one
        :param unix_path: path of the socket for fsc_cli
        """
        self.port = port
        self._unix_path = unix_path
        await self.go_up()

    async def _open(self):
        self.port = await self._open_tcp(
            lambda: Connection(self, self.credentials), self.address,
            self.port)
        self._servers.append(
            await asyncio.get_running_loop().create_unix_server(
                lambda: Connection(self, None, local=True), self._unix_path))
        # Whoever may look into the state directory, with next to no
        # capabilities: nobody else gets as far as this socket.
        os.chmod(self._unix_path, 0o666)


class Connection(asyncio.Protocol):
    """One connection: requests in, replies out, in order."""

    def __init__(self, agent, credentials, local=False):
        """Make a connection of an agent.

        :param agent: the :class:`Agent`
        :param credentials: a :class:`Credentials` to sign in with, or None
        :param local: whether it comes from fsc_cli on the agent's host
        """
        self.agent = agent
        self.local = local
        self._service = agent.service
        self._credentials = credentials
        self._signed_in = credentials is None
        self._buffer = codec.FrameBuffer(codec.MAX_REQUEST)
        self._transport = None
        self._seq = 0
        self._busy = False
        self._stream = None
        self._writable = True
        self._sending = False

    def connection_made(self, transport):
        """Start with a new connection; part of asyncio's interface.

        :param transport: the connection's transport
        """
        self._transport = transport
        transport.set_write_buffer_limits(high=_HIGH_WATER)
        if self._service.accepts(self):
            self.agent.connections.add(self)
        else:
            transport.abort()

    def connection_lost(self, error):
        """Forget the connection; part of asyncio's interface.

        :param error: what ended it, or None
        """
        self.agent.connections.discard(self)
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        self._transport = None

    def data_received(self, data):
        """Take bytes; part of asyncio's interface.

        :param data: the bytes
        """
        self._buffer.feed(data)
        if not self._busy:
            self._pump()
        elif len(self._buffer) > codec.MAX_REQUEST:
            # Whoever sends on without reading replies has to wait.
            self._transport.pause_reading()

    def pause_writing(self):
        """Stop streaming; part of asyncio's interface."""
        self._writable = False

    def resume_writing(self):
        """Stream on; part of asyncio's interface."""
        self._writable = True
        self._send_soon()

    def sign_out(self):
        """End what a login began; the connection stays."""
        self._signed_in = self._credentials is None

    def abort(self):
        """Cut the connection."""
        if self._transport is not None:
            self._transport.abort()

    def close(self):
        """Close the connection when what was written has been sent."""
        if self._transport is not None:
            self._transport.close()

    def write(self, data):
        """Send bytes as they are.

        :param data: the bytes
        """
        if self._transport is not None:
            self._transport.write(data)

    def _pump(self):
        """Handle the next request, if it is there."""
        try:
            payload = self._buffer.next_payload()
            if payload is not None:
                self._handle(self._read(payload))
        except codec.ProtocolError as error:
            self._service.protocol_error(self, error)
            self._busy = True
            self.close()

    def _read(self, payload):
        request = codec.decode_request(payload)
        self._seq += 1
        if request.seq != self._seq:
            raise codec.ProtocolError('seq=%d where %d was due'
                                      % (request.seq, self._seq))
        return request

    def _handle(self, request):
        self._busy = True
        if request.op == 'login':
            self._service.handle(self, request, self._login)
        elif not self._signed_in:
            self._service.handle(self, request, _refuse)
        elif request.op == engine.QUERY_DEVICE and self.local:
            self._service.handle(self, request, self._device)
        else:
            self._service.handle(self, request, None)

    def _login(self, request):
        if self._credentials is not None and not self._credentials.accept(
                request.args.get('userName', ''),
                request.args.get('password', '')):
            return _refuse(request)
        self._signed_in = True
        return engine.Answer(codes.OK)

    def _device(self, request):
        return self._service.device(self.agent.address,
                                    request.args.get('volName', ''))

    def reply(self, request, answer):
        """Send a reply and go on with the next request.

        :param request: what is answered
        :param answer: :class:`dsware_sim.cluster.engine.Answer`
        """
        if self._transport is None:
            return
        if isinstance(answer.lines, tuple):
            self._transport.write(codec.encode_reply(
                request.seq, answer.code, answer.desc, answer.lines))
            self.done()
        else:
            self._stream = codec.encode_stream(
                request.seq, answer.code, answer.desc, answer.lines)
            self._send_on()

    def _send_on(self):
        """Send the next frames of a listing, and let others have a turn."""
        self._sending = False
        for _ in range(_FRAMES_AT_ONCE):
            if not self._writable or self._transport is None:
                return
            frame = next(self._stream, None)
            if frame is None:
                self._stream = None
                self.done()
                return
            self._transport.write(frame)
        self._send_soon()

    def _send_soon(self):
        if not self._sending and self._stream is not None:
            self._sending = True
            asyncio.get_running_loop().call_soon(self._send_on)

    def spoil(self, request, answer, fault):
        """Answer what was carried out in a wrong way, or not at all.

        :param request: what is answered
        :param answer: :class:`dsware_sim.cluster.engine.Answer`
        :param fault: a :class:`dsware_sim.front.faults.Fault`
        """
        if fault.kind == faults.WRONG_SEQ:
            request.seq += 1
            self.reply(request, answer)
        elif fault.kind == faults.CLI_GARBAGE:
            self.write(codec.frame(
                b'seq=%d\nresult=0\ncliGarbage=1' % request.seq))
            self.done()
        elif fault.kind == faults.GARBAGE:
            # A length beyond all bounds, and bytes that are no text.
            self.write(_NO_FRAME + os.urandom(64))
        elif fault.kind == faults.CUT_FRAME:
            whole = next(codec.encode_stream(
                request.seq, answer.code, answer.desc, answer.lines))
            self.write(whole[:len(whole) // 2])
            self.close()
        else:
            self.abort()

    def done(self):
        """Go on with the next request."""
        self._busy = False
        if self._transport is not None and len(self._buffer):
            # Not at once: a client that sends many requests in one go must
            # not keep the others waiting, nor make the stack deep.
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self):
        if self._transport is not None and not self._busy:
            self._transport.resume_reading()
            self._pump()


def _refuse(request):
    return engine.Answer(codes.UNAUTHORIZED,
                         codes.describe(codes.UNAUTHORIZED))
