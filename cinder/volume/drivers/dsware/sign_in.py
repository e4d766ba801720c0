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

"""Signing in: with which password, and when not to try.

A password that a cluster refuses is not sent again soon, by no connection to
any agent: clusters lock users out who fail too often. A password that changes
in the configuration is used without a restart. While the cluster does not
know it yet, the one before is used on, for as long as it is accepted.
"""

import contextlib
import dataclasses
import threading
import time

from oslo_config import cfg
from oslo_log import log as logging

from cinder.volume.drivers.dsware import watched
from os_brick_dsware import logs

LOG = logging.getLogger(__name__)

# Seconds for which a refused password is not sent again: at first, doubled
# with each refusal, and at most. That is six times in the first ten minutes.
FIRST_PAUSE = 15.0
LONGEST_PAUSE = 300.0
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


class Configured:
    """san_login and san_password, read again when their files change.

    Cinder reads its files again after a SIGHUP, but then only takes over
    options that may change while a service runs, which passwords are not;
    oslo.config would show their values in the log.

    :param configuration: the backend's configuration
    :param conf: all of the service's options
    :param opts: the oslo.config options san_login and san_password
    :param shared: the group that backends share options in
    """

    def __init__(self, configuration, conf, opts, shared):
        self._conf = conf
        self._groups = (shared, configuration.config_group)
        self._opts = opts
        self._credentials = Credentials(configuration.san_login,
                                        configuration.san_password)
        self._signature = watched.signature(self._paths())

    def read(self) -> Credentials:
        """Give the credentials.

        :returns: the :class:`Credentials`; those before when what is there
            now makes no sense
        """
        found = watched.signature(self._paths())
        if found != self._signature:
            self._signature = found
            self._credentials = self._read_again()
        return self._credentials

    def _paths(self):
        return [*(self._conf.config_file or ()),
                *(self._conf.config_dir or ())]

    def _read_again(self):
        try:
            user, password = self._values()
        except (cfg.Error, OSError, ValueError) as error:
            # The error itself may hold a line with the password.
            logs.write(LOG, logging.WARNING,
                       'The configuration has changed and cannot be read '
                       '(%s). The user name and password of the Dsware '
                       'cluster stay as they were.', type(error).__name__)
            return self._credentials
        if not (user and password):
            return self._credentials
        return Credentials(user, password)

    def _values(self):
        fresh = cfg.ConfigOpts()
        for group in self._groups:
            fresh.register_opts(self._opts, group=group)
        shared, own = self._groups
        for opt in self._opts:
            # As Cinder does, to see whether it is set in the own group.
            fresh.set_default(opt.name, None, group=own)
        fresh([], default_config_files=self._conf.config_file or [],
              default_config_dirs=self._conf.config_dir or [])
        return [fresh[own][name] if fresh[own][name] is not None
                else fresh[shared][name]
                for name in ('san_login', 'san_password')]


@dataclasses.dataclass(frozen=True)
class Refusal:
    """That the newest password was refused.

    :ivar endpoint: which agent said so
    :ivar count: how often in a row
    :ivar at: when, on the monotonic clock
    :ivar pause: seconds for which it is not sent again
    """

    endpoint: str
    count: int
    at: float
    pause: float

    @property
    def age(self) -> float:
        """Seconds since then."""
        return time.monotonic() - self.at

    @property
    def left(self) -> float:
        """Seconds until it may be sent again."""
        return max(self.pause - self.age, 0.0)


class SignIn:
    """What all connections to a cluster know of its passwords.

    :param source: has a method read() that gives :class:`Credentials`
    """

    def __init__(self, source):
        self._source = source
        self._newest = source.read()
        self._accepted = None
        self._refusal = None
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    @property
    def user(self) -> str:
        """The user's name."""
        return self._newest.user

    @property
    def refusal(self) -> Refusal | None:
        """The last refusal of the newest password, until it is accepted."""
        return self._refusal

    @contextlib.contextmanager
    def turn(self, limit):
        """Have the credentials tried, one connection at a time if need be.

        :param limit: the deadline of the connection
        :returns: a context manager whose value is an iterator of
            :class:`Credentials` to try; after each of them :meth:`accepted`
            or :meth:`refused` is to be called. There are none while the
            password must not be sent.
        """
        waited = False
        if self._is_doubtful():
            # Otherwise each of many connections would be refused. Who has
            # waited in vain goes ahead: an agent may hang.
            waited = self._turn.acquire(
                timeout=limit.remaining * _WAIT_SHARE)
        try:
            yield self._candidates()
        finally:
            if waited:
                self._turn.release()

    def _is_doubtful(self):
        self._refresh()
        return self._newest != self._accepted and not self._is_held()

    def _refresh(self):
        newest = self._source.read()
        with self._lock:
            if newest != self._newest:
                self._newest = newest
                self._refusal = None

    def _is_held(self):
        refusal = self._refusal
        return refusal is not None and refusal.left > 0

    def _candidates(self):
        before = self._accepted
        held = self._is_held()
        if not held:
            yield self._newest
        if before is not None and before != self._newest:
            yield before
            if held and not self._is_held():
                yield self._newest

    def _change_of_mind(self):
        # The cluster may know the newest one now that it has forgotten the
        # one before; others that are about to sign in are to try it too.
        if self._refusal is not None:
            self._refusal = dataclasses.replace(self._refusal, pause=0.0)

    def accepted(self, credentials) -> None:
        """Note that an agent has accepted credentials."""
        with self._lock:
            changed = self._accepted not in (None, credentials)
            again = self._refusal is not None
            if credentials == self._newest:
                self._refusal = None
            self._accepted = credentials
        if credentials == self._newest and (changed or again):
            LOG.info('The Dsware cluster accepts the password of %s that is '
                     'configured now.', credentials.user)

    def refused(self, credentials, endpoint) -> None:
        """Note that an agent has refused credentials.

        :param credentials: the :class:`Credentials`
        :param endpoint: the agent, as text
        """
        with self._lock:
            if self._accepted == credentials:
                self._accepted = None
                self._change_of_mind()
            if credentials != self._newest:
                return
            count = self._refusal.count + 1 if self._refusal else 1
            self._refusal = Refusal(
                endpoint, count, time.monotonic(),
                min(FIRST_PAUSE * 2 ** min(count - 1, 10), LONGEST_PAUSE))
            other = self._accepted
        if other is not None and count == 1:
            LOG.warning(
                'Dsware agent %(agent)s refuses the password of %(user)s '
                'that is configured now. The one before is used on while '
                'it is accepted; the new one is tried again in %(pause)d s.',
                {'agent': endpoint, 'user': credentials.user,
                 'pause': FIRST_PAUSE})
