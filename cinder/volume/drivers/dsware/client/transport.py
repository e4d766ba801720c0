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

"""Requests over TCP or TLS, on connections that are kept for the next one.

A connection on which anything went wrong is closed before anything else can
use it.
"""

import collections
from collections.abc import Iterator
import time

from cinder.i18n import _
from cinder.volume.drivers.dsware.client import connection as connections
from cinder.volume.drivers.dsware.client import dialer
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware.client import protocol
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import result_codes
from cinder.volume.drivers.dsware import waiting

# Connections that one request may sign in on: a sign-in can end before the
# request that it was for gets there.
_SIGN_INS = 2


class SocketTransport:
    """Carries requests to one endpoint.

    How many it carries at a time is for its caller to bound.

    :param endpoint: the :class:`endpoints.Endpoint`
    :param settings: the :class:`connection.SocketSettings`
    """

    def __init__(self, endpoint, settings):
        self.endpoint = endpoint
        self._settings = settings
        self._dialer = dialer.Dialer(endpoint, settings.tls_settings)
        self._idle = collections.deque()

    def exchange(self, request: endpoints.Request,
                 deadline: waiting.Deadline) -> Iterator[protocol.Frame]:
        """Carry one request and give the frames of its reply.

        A caller that does not take all the frames must close the iterator.

        :param request: the request
        :param deadline: when to give up
        :returns: an iterator of :class:`protocol.Frame`
        :raises EndpointUnavailable: no byte of the request was written
        :raises AccessDenied: signing in was refused
        :raises OutcomeUnknown: it may or may not have been carried out
        :raises InvalidRequest: the protocol cannot carry it
        """
        sign_ins = _SIGN_INS
        while True:
            connection = self._idle_connection()
            if connection is None:
                connection = self._new_connection(deadline)
                sign_ins -= 1
            frame = yield from self._reply(connection, request, deadline)
            if frame.result != result_codes.UNAUTHORIZED:
                self._idle.append(connection)
                yield frame
                return
            connection.close()
            if self._settings.sign_in is None:
                raise self._no_password(request, frame)
            # Its sign-in is over, so nothing was carried out.
            if not sign_ins:
                yield frame
                return

    def _new_connection(self, deadline):
        connection = connections.Connection(self.endpoint, self._settings,
                                            self._dialer)
        try:
            connection.open(deadline)
        except BaseException:
            # An eventlet time-out is no Exception.
            connection.close()
            raise
        return connection

    @staticmethod
    def _reply(connection, request, deadline):
        """Give the frames of a reply, and return the last one."""
        try:
            connection.send(request, deadline)
            frame = connection.receive(request, deadline)
            while frame.more:
                yield frame
                # A peer that always has more must not keep green threads
                # from their turn. Not every Cinder has cooperative_yield().
                time.sleep(0)  # noqa: C339
                frame = connection.receive(request, deadline)
        except BaseException:
            # Nor is what an abandoned iterator gets. Either leaves a reply in
            # the socket that nobody waits for.
            connection.close()
            raise
        return frame

    def _no_password(self, request, frame):
        return exceptions.AccessDenied(
            op=request.op, name=request.name, result=frame.result,
            desc=frame.desc, endpoint=str(self.endpoint),
            advice=_('It is given no password: set san_login and '
                     'san_password, and list the agent in dsware_host_agents '
                     'if it is that of a host'))

    def _idle_connection(self):
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:
                break
            if connection.usable:
                return connection
            connection.close()
        return None

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()
