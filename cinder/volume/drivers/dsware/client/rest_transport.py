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

"""Requests over REST, to managers in place of agents."""

from collections.abc import Iterator

from cinder.i18n import _
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware.client import protocol
from cinder.volume.drivers.dsware.client import rest_calls
from cinder.volume.drivers.dsware.client import rest_http
from cinder.volume.drivers.dsware.client import rest_session
from cinder.volume.drivers.dsware.client import tls_problems
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import result_codes
from cinder.volume.drivers.dsware import waiting


class RESTTransport:
    """Carries requests to one manager.

    :param endpoint: the manager, a :class:`endpoints.Endpoint`
    :param tls_settings: a :class:`tls.TLSSettings`
    :param sign_in: a :class:`login.SignIn`, what to sign in with
    :param connect_timeout: seconds for one attempt, TLS included
    :param capacity: connections to the manager that are kept
    """

    def __init__(self, endpoint, tls_settings=None, sign_in=None,
                 connect_timeout=5, capacity=16):
        self.endpoint = endpoint
        self._tls_settings = tls_settings
        self._session = rest_session.Session(
            endpoint, rest_http.Connections(endpoint, connect_timeout,
                                            tls_settings, capacity), sign_in)

    def exchange(self, request: endpoints.Request,
                 deadline: waiting.Deadline) -> Iterator[protocol.Frame]:
        """Carry one request and give its reply.

        :param request: the request
        :param deadline: when to give up
        :returns: an iterator of :class:`protocol.Frame`, one at least
        :raises EndpointUnavailable: nothing was sent
        :raises AccessDenied: signing in was refused
        :raises OutcomeUnknown: it may or may not have been carried out
        :raises InvalidRequest: there is no such call
        """
        operation = rest_calls.OPERATIONS.get(request.op)
        if operation is None:
            raise self._error(
                exceptions.InvalidRequest, request,
                _('no published call of REST does that'),
                result=result_codes.OPERATION_NOT_SUPPORTED)
        caller = _Caller(self._session, deadline)
        try:
            # Who is asked as the agent of a host is that host.
            args = {'host': self.endpoint.host, **request.args}
            for records in operation(caller, args):
                yield self._frame(records, more=True)
            yield self._frame([])
        except rest_session.Refused as error:
            if error.code is not None and (
                    error.whole or not caller.changed):
                yield self._frame([], error.code, error.desc)
            else:
                raise self._error(exceptions.OutcomeUnknown, request,
                                  error.desc, result=error.code) from error
        except rest_http.Lost as error:
            raise self._error(
                exceptions.OutcomeUnknown, request,
                _('no valid answer: %s') % error) from error
        except rest_http.NotSent as error:
            raise self._not_sent(caller, request, error) from error

    def _not_sent(self, caller, request, error):
        if caller.changed:
            # Of several calls the first ones were carried out.
            return self._error(exceptions.OutcomeUnknown, request, str(error))
        return self._unavailable(error.error, self._tls_settings).advised(
            op=request.op, name=request.name, endpoint=str(self.endpoint))

    @staticmethod
    def _unavailable(error, settings):
        """Tell why it cannot be asked."""
        if isinstance(error, rest_session.Refused):
            return exceptions.EndpointUnavailable(
                desc=_('the manager is not ready: %s') % error)
        if not isinstance(error, rest_http.Lost):
            return tls_problems.of_handshake(error, settings, _(
                'Managers usually serve REST on port 28443 or 8088: see '
                'san_api_port. If it is an agent and not the manager, set '
                'dsware_transport = socket'))
        advice = tls_problems.advice_on_silence(error.error, settings)
        if error.error is not None:
            advice = ' '.join(filter(None, (advice, _(
                'If it is an agent and not the manager, set '
                'dsware_transport = socket'))))
        return (tls_problems.of_client_certificate(error.error, settings)
                or exceptions.EndpointUnavailable(
                    desc=_('no valid answer: %s') % error, advice=advice))

    @staticmethod
    def _frame(records, result=result_codes.OK, desc='', more=False):
        return protocol.Frame(seq=0, result=result, desc=desc, more=more,
                              records=records)

    def _error(self, kind, request, desc, **details):
        return kind(op=request.op, name=request.name, desc=desc,
                    endpoint=str(self.endpoint), **details)

    def close(self) -> None:
        """Close all idle connections."""
        self._session.close()


class HostTransport:
    """Carries requests that are about one host to any manager.

    :param endpoint: the host's agent, of which the address counts
    :param managers: the :class:`RESTTransport` of each manager
    """

    def __init__(self, endpoint, managers):
        self.endpoint = endpoint
        # The one that was last there comes first.
        self._managers = managers

    def exchange(self, request: endpoints.Request,
                 deadline: waiting.Deadline) -> Iterator[protocol.Frame]:
        """Carry one request, as :meth:`RESTTransport.exchange` does."""
        told = endpoints.Request(
            request.op, {**request.args, 'host': self.endpoint.host})
        managers = self._managers
        for number, manager in enumerate(managers):
            try:
                yield from manager.exchange(told, deadline)
                self._managers = managers[number:] + managers[:number]
                return
            except exceptions.EndpointUnavailable:
                if manager is managers[-1]:
                    raise

    def close(self) -> None:
        """Do nothing: the managers' connections are not its own."""


class _Caller:
    """Makes the calls of one request.

    :ivar changed: whether one of them has changed something
    """

    def __init__(self, session, deadline):
        self._session = session
        self._deadline = deadline
        self.changed = False

    def __call__(self, method, path, body):
        answer = self._session.call(method, path, body, self._deadline)
        self.changed = self.changed or method != 'GET'
        return answer

    def pauses(self, seconds):
        """Pause between looks, for so long at most."""
        yield 0.0
        yield from waiting.pauses(waiting.Deadline(
            min(seconds, self._deadline.remaining)))
