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

"""An agent that means harm, on a real socket."""

import socket
import ssl
import threading

from dsware_sim import codec

# Between two bytes of an agent that never comes to an end.
DRIP_SECONDS = 0.05


def frame(text):
    """Make a frame of text, or of bytes.

    :param text: the payload
    """
    return codec.frame(text.encode() if isinstance(text, str) else text)


class Agent:
    """Answers each request as a function says.

    :param answer: takes a request, gives pieces of bytes to send
    :param context: an :class:`ssl.SSLContext`, or None
    :param drip: whether each byte is sent on its own, after the handshake
    :param greeting: bytes that a new connection gets drop by drop, whatever
        it sends
    """

    def __init__(self, answer, context=None, drip=False, greeting=b''):
        self._answer = answer
        self._context = context
        self._drip = drip
        self._greeting = greeting
        self.ops = []
        self.sent = 0
        self.ended = threading.Event()
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.address = self._listener.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        """Close everything."""
        self.ended.set()
        # Closing alone does not wake who accepts.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        while not self.ended.is_set():
            try:
                connection, _address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,),
                             daemon=True).start()

    def _serve(self, connection):
        with connection:
            try:
                self._talk(_Wire(connection, self._context))
            except (OSError, codec.ProtocolError):
                # The client has had enough.
                return

    def _talk(self, wire):
        if self._greeting:
            self._send(wire.raw, [self._greeting], True)
        wire.shake_hands()
        buffer = codec.FrameBuffer(codec.MAX_REQUEST)
        while not self.ended.is_set():
            payload = buffer.next_payload()
            if payload is None:
                buffer.feed(wire.receive())
                continue
            request = codec.decode_request(payload)
            self.ops.append(request.op)
            pieces = (wire.sealed(piece) for piece in self._answer(request))
            self._send(wire.raw, pieces, self._drip)

    def _send(self, raw, pieces, drip):
        for piece in pieces:
            for start in range(0, len(piece), 1 if drip else len(piece)):
                if self.ended.is_set():
                    raise OSError('stopped')
                part = piece[start:start + 1] if drip else piece
                raw.sendall(part)
                self.sent += len(part)
                if drip:
                    self.ended.wait(DRIP_SECONDS)


class _Wire:
    """A connection; with TLS it is known what bytes are on it."""

    def __init__(self, raw, context):
        self.raw = raw
        self._tls = None
        if context:
            self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
            self._tls = context.wrap_bio(self._in, self._out,
                                         server_side=True)

    def shake_hands(self):
        if self._tls:
            self._do(self._tls.do_handshake)

    def _do(self, call, *args):
        while True:
            try:
                found = call(*args)
                self.raw.sendall(self._out.read())
                return found
            except ssl.SSLWantReadError:
                self.raw.sendall(self._out.read())
                self._in.write(self._received())

    def _received(self):
        data = self.raw.recv(65536)
        if not data:
            raise OSError('closed')
        return data

    def receive(self):
        return self._do(self._tls.read, 65536) if self._tls else (
            self._received())

    def sealed(self, data):
        if not self._tls:
            return data
        self._tls.write(data)
        return self._out.read()
