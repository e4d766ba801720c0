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
"""Signing in: to whom a password is sent, and when it is not.

An agent that refuses a password does not get it again soon, by no connection:
clusters lock users out who fail too often. If one of those that carry out the
requests refuses it, no other agent gets it meanwhile either.
"""

import contextlib
import dataclasses
import threading
import time

from cinder.i18n import _
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import result_codes

# Seconds for which a refused password is not sent again: at first, doubled
# with each refusal, and at most. That is six times in the first ten minutes.
FIRST_PAUSE = 15.0
LONGEST_PAUSE = 300.0
# Errors that refuse a password; a sign-in is not asked of an object.
_REFUSALS = (exceptions.AccessDenied, exceptions.AlreadyAttached,
             exceptions.NotAttached, exceptions.ObjectAbsent,
             exceptions.ObjectExists)
# Of the time for a connection, what may be spent on waiting for another one
# that tries a password.
_WAIT_SHARE = 0.5


@dataclasses.dataclass(frozen=True)
class Credentials:
    """A user of the Dsware manager.

    :ivar password: never shown in the object's representation
    """

    user: str
    password: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class Refusal:
    """That the password was refused.

    :ivar endpoint: which agent said so
    :ivar count: how often in a row
    :ivar until: when it may be sent again, on the monotonic clock
    """

    endpoint: str
    count: int
    until: float

    @property
    def left(self) -> float:
        """Seconds until it may be sent again."""
        return max(self.until - time.monotonic(), 0.0)


class SignIn:
    """What connections that share a fate know of the password.

    :param credentials: the :class:`Credentials`
    :param cluster: the one of the agents that carry out requests, for an
        agent that is none of them
    """

    def __init__(self, credentials, cluster=None):
        self._credentials = credentials
        self._cluster = cluster
        self._accepted = False
        self._refusal = None
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    @property
    def refusal(self) -> Refusal | None:
        """The last refusal that counts here, until it is accepted."""
        theirs = self._cluster and self._cluster.refusal
        if theirs and theirs.left:
            return theirs
        return self._refusal

    def sign(self, limit, endpoint, login):
        """Sign in, unless the password must not be sent now.

        :param limit: the deadline of the connection
        :param endpoint: who is asked
        :param login: called with the :class:`Credentials`; raises
            AccessDenied when they are refused
        :returns: what login returned
        :raises AccessDenied: they were refused, now or not long ago
        """
        with self._turn_of(limit):
            if self._is_held():
                raise self._denied(endpoint, result_codes.UNAUTHORIZED,
                                   self._why_held())
            try:
                made = login(self._credentials)
            except exceptions.AccessDenied as error:
                self._refused(str(endpoint), error.result)
                raise self._denied(endpoint, error.result,
                                   error.desc) from error
            with self._lock:
                self._accepted = True
                self._refusal = None
            return made

    @contextlib.contextmanager
    def _turn_of(self, limit):
        """Let one connection at a time try what was not accepted before."""
        waited = False
        if not self._accepted and not self._is_held():
            # Otherwise each of many connections would be refused. Who has
            # waited in vain goes ahead: an agent may hang.
            waited = self._turn.acquire(
                timeout=limit.remaining * _WAIT_SHARE)
        try:
            yield
        finally:
            if waited:
                self._turn.release()

    def _is_held(self):
        refusal = self.refusal
        return refusal is not None and refusal.left > 0

    def _refused(self, endpoint, result):
        with self._lock:
            self._accepted = False
            count = self._refusal.count + 1 if self._refusal else 1
            pause = min(FIRST_PAUSE * 2 ** min(count - 1, 10), LONGEST_PAUSE)
            if result == result_codes.ADDRESS_LOCKED:
                # It refuses any from here for some time.
                pause = LONGEST_PAUSE
            self._refusal = Refusal(endpoint, count,
                                    time.monotonic() + pause)

    def _denied(self, endpoint, result, desc):
        return exceptions.AccessDenied(
            op='login', name=self._credentials.user, result=result, desc=desc,
            endpoint=str(endpoint),
            advice=_('Check san_login and san_password, and restart the '
                     'service'))

    def _why_held(self):
        refusal = self.refusal
        return _('not sent again yet, since %(agent)s refused it and users '
                 'are locked out who fail too often; the next time is in '
                 '%(left)d s') % {'agent': refusal.endpoint,
                                  'left': refusal.left + 1} if refusal else ''


def refuses(result: int) -> bool:
    """Tell whether the result of a sign-in refuses the password.

    One that is not published may, of a password that has expired, say: it must
    not be sent again and again. One of an object is not about that object.

    :param result: the result code, not 0
    """
    return (result not in result_codes.RESULT_CODES or isinstance(
        exceptions.from_result('login', '', result, '', '', False), _REFUSALS))


class SignIns:
    """Which agents get the password: those that the operator wrote down.

    :param credentials: the :class:`Credentials`
    :param agents: the agents that carry out requests
    :param host_agents: agents of hosts
    """

    def __init__(self, credentials, agents, host_agents):
        cluster = SignIn(credentials)
        self._by_agent = {
            **{agent: SignIn(credentials, cluster) for agent in host_agents},
            **dict.fromkeys(agents, cluster)}

    def of(self, endpoint) -> SignIn | None:
        """Give what connections to an agent sign in with.

        :param endpoint: the :class:`endpoints.Endpoint`
        :returns: None for an agent that does not get the password
        """
        return self._by_agent.get(endpoint)
