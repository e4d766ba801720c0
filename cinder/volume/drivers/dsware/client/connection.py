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

"""One connection to an agent: TCP or TLS, signed in, with its protocol.

Errors tell what the caller must know: EndpointUnavailable means that no
byte of the request was written, OutcomeUnknown that it may or may not have
been carried out.
"""

import contextlib
import dataclasses
import functools
import socket
import ssl
import time

from cinder.i18n import _
from cinder.volume.drivers.dsware.client import dialer
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware.client import login as signing
from cinder.volume.drivers.dsware.client import protocol
from cinder.volume.drivers.dsware.client import tls
from cinder.volume.drivers.dsware.client import tls_problems
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import result_codes
from cinder.volume.drivers.dsware import waiting

_RECEIVE = 65_536
_TCP_ESTABLISHED = 1
# How exactly, in seconds, a deadline is kept while waiting for the peer.
_TIME_STEP = 0.05
# Seconds for reading why a peer that takes no more bytes has gone away.
_LAST_WORDS = 0.2


@dataclasses.dataclass(frozen=True)
class SocketSettings:
    """How to talk to every agent of a cluster.

    :ivar manage_ip: address of the manager, sent with each request
    :ivar connect_timeout: seconds for one attempt, TLS and sign-in included
    :ivar sign_in: what to sign in with; only together with tls_settings
    """

    manage_ip: str
    connect_timeout: float = 5
    tls_settings: tls.TLSSettings | None = None
    sign_in: signing.SignIn | None = None

    def __post_init__(self):
        if self.sign_in and not self.tls_settings:
            raise ValueError('a password is never sent without TLS')


class Connection:
    """One socket with the protocol's state.

    :param endpoint: the :class:`endpoints.Endpoint`
    :param settings: the :class:`SocketSettings`
    :param dialer: the :class:`Dialer` of the endpoint
    """

    def __init__(self, endpoint, settings, dialer):
        self._endpoint = endpoint
        self._settings = settings
        self._dialer = dialer
        self._protocol = protocol.Connection()
        self._socket = None
        self._context = None
        self._timeout = None
        # Whether nothing came from the agent yet.
        self._fresh = True
        self.used = time.monotonic()

    def open(self, deadline):
        """Connect, shake hands and sign in.

        :param deadline: when to give up
        :raises EndpointUnavailable: when that does not work
        :raises AccessDenied: when the credentials are refused
        """
        limit = waiting.Deadline(min(deadline.remaining,
                                     self._settings.connect_timeout))
        try:
            self._socket, self._context = self._dialer.connect(limit)
        except (OSError, ValueError) as error:
            raise tls_problems.of_handshake(
                error, self._settings.tls_settings).advised(
                    endpoint=str(self._endpoint)) from error
        if self._settings.sign_in is not None:
            self._settings.sign_in.sign(
                limit, self._endpoint,
                functools.partial(self._login, limit))

    def _unavailable(self, desc, advice=''):
        return exceptions.EndpointUnavailable(
            desc=desc, endpoint=str(self._endpoint), advice=advice)

    def _login(self, limit, credentials):
        request = endpoints.Request('login', {
            'userName': credentials.user, 'password': credentials.password})
        try:
            self.send(request, limit)
            answer = self.receive(request, limit)
        except exceptions.OutcomeUnknown as error:
            # Signing in changes nothing that the request in hand is about.
            raise self._unavailable(
                _('sign-in got no answer: %s') % error.desc,
                error.advice) from error
        if answer.result == result_codes.OK:
            return
        if signing.refuses(answer.result):
            raise exceptions.AccessDenied(result=answer.result,
                                          desc=answer.desc)
        error = exceptions.from_result(
            'login', credentials.user, answer.result, answer.desc,
            str(self._endpoint), changes=False)
        if isinstance(error, exceptions.OutcomeUnknown):
            raise self._unavailable(error.summary)
        raise error

    def send(self, request, deadline):
        """Send a request.

        :param request: an :class:`endpoints.Request`
        :param deadline: when to give up
        :raises EndpointUnavailable: when no byte was written
        :raises OutcomeUnknown: when it may have been carried out
        :raises InvalidRequest: when the protocol cannot carry it
        """
        try:
            data = self._protocol.request(
                request.op, self._settings.manage_ip, request.args)
        except protocol.LocalProtocolError as error:
            raise exceptions.InvalidRequest(
                op=request.op, name=request.name, desc=str(error),
                endpoint=str(self._endpoint)) from None
        self._send(request, data, deadline)

    def _send(self, request, data, deadline):
        sent = 0
        try:
            while sent < len(data):
                self._limit_time(deadline)
                sent += self._socket.send(data[sent:])
        except OSError as error:
            # A TLS record may have left in part before the error showed.
            if sent or self._settings.tls_settings:
                raise self._lost(request, self._last_words(error)) from error
            raise self._unavailable(
                _('cannot send: %s') % error) from error

    def receive(self, request, deadline):
        """Receive the next frame of the reply.

        :param request: the request that is being answered
        :param deadline: when to give up
        :returns: a :class:`protocol.Frame`
        :raises OutcomeUnknown: when no valid frame comes
        """
        try:
            frame = self._protocol.next_frame()
            while frame is None:
                self._limit_time(deadline)
                self._protocol.receive_data(self._socket.recv(_RECEIVE))
                frame = self._protocol.next_frame()
        except (OSError, protocol.RemoteProtocolError) as error:
            raise self._lost(request, error) from error
        self.used = time.monotonic()
        self._fresh = False
        return frame

    def _limit_time(self, deadline):
        remaining = deadline.remaining
        if not remaining:
            raise TimeoutError(
                f'no answer within {deadline.seconds:.1f} seconds')
        # Setting it is a system call, so small steps are left out.
        if (self._timeout is None
                or abs(self._timeout - remaining) > _TIME_STEP):
            self._socket.settimeout(remaining)
            self._timeout = remaining

    def _last_words(self, error):
        """Read why a peer that has closed a new connection did so."""
        if self._fresh and isinstance(error, ConnectionError):
            try:
                self._socket.settimeout(_LAST_WORDS)
                self._socket.recv(1)
            except OSError as why:
                if isinstance(why, ssl.SSLError):
                    return why
        return error

    def _lost(self, request, error):
        """Make the error that stands for a lost or broken connection."""
        settings = self._settings.tls_settings
        advice = ''
        if self._fresh:
            # Nobody reads a request before the handshake is over.
            refused = settings and tls_problems.of_client_certificate(
                error, settings)
            if refused:
                return refused.advised(endpoint=str(self._endpoint))
            advice = tls_problems.advice_on_silence(error, settings)
        return exceptions.OutcomeUnknown(
            op=request.op, name=request.name,
            desc=_('no valid answer: %s') % error,
            endpoint=str(self._endpoint), advice=advice)

    @property
    def usable(self):
        """Whether another request may be sent on the connection."""
        if time.monotonic() - self.used > dialer.MAX_IDLE:
            return False
        if not self._dialer.trusts(self._context):
            # The TLS files were changed since.
            return False
        # Asks the kernel, because a peek would wait under a time-out, is
        # not there with TLS, and select() fails on large descriptors.
        try:
            state = self._socket.getsockopt(socket.IPPROTO_TCP,
                                            socket.TCP_INFO, 1)
        except OSError:
            return False
        return state[0] == _TCP_ESTABLISHED

    def close(self):
        sock, self._socket = self._socket, None
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.close()
