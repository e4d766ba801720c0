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
"""Who has signed in, until when, and which addresses are locked."""

import collections
import secrets
import time

from dsware_sim import codes


class Sessions:
    """The tokens that are valid. A restart ends them all."""

    def __init__(self, behaviour, credentials, clock=time.monotonic):
        """Have nobody signed in.

        :param behaviour: a :class:`.behaviour.Behaviour`
        :param credentials: a :class:`dsware_sim.front.agent.Credentials`, or
                            None when any name and password will do
        :param clock: function that returns seconds
        """
        self._behaviour = behaviour
        self._credentials = credentials
        self._clock = clock
        self._ends = {}
        self._cookies = {}
        self._refused = collections.Counter()
        self._locked_until = {}

    def __len__(self):
        return sum(self._clock() < end for end in self._ends.values())

    def sign_in(self, address, user, password):
        """Make a token.

        :param address: the client's IP address
        :param user: its name
        :param password: its password
        :returns: (token, cookie)
        :raises Refused: they are wrong, or the address is locked
        """
        now = self._clock()
        if now < self._locked_until.get(address, now):
            raise codes.Refused(codes.ADDRESS_LOCKED, address)
        if (self._credentials is not None
                and not self._credentials.accept(user, password)):
            self._refuse(address, now)
        self._refused.pop(address, None)
        self._forget_ended(now)
        token, cookie = secrets.token_hex(24), secrets.token_hex(8)
        self._ends[token] = now + self._behaviour.token_seconds
        self._cookies[token] = cookie
        return token, cookie

    def _forget_ended(self, now):
        for token in [one for one, end in self._ends.items() if end <= now]:
            self.end(token)

    def _refuse(self, address, now):
        self._refused[address] += 1
        if self._refused[address] >= self._behaviour.lock_after:
            del self._refused[address]
            self._locked_until[address] = now + self._behaviour.lock_seconds
            raise codes.Refused(codes.ADDRESS_LOCKED, address)
        raise codes.Refused(codes.LOGIN_FAILED)

    def valid(self, token, cookie):
        """Whether a token is good.

        :param token: the token, or None
        :param cookie: the cookie that came with it, or None
        :returns: bool
        """
        if not self._clock() < self._ends.get(token, 0):
            return False
        return not self._behaviour.cookies or cookie == self._cookies[token]

    def prolong(self, token):
        """Let a token live its whole life again.

        :param token: a valid token
        """
        self._ends[token] = self._clock() + self._behaviour.token_seconds

    def end(self, token):
        """End a token.

        :param token: a valid token
        """
        self._ends.pop(token, None)
        self._cookies.pop(token, None)

    def end_all(self):
        """End all tokens."""
        self._ends.clear()
        self._cookies.clear()

    def unlock(self):
        """Forget refused passwords and locked addresses."""
        self._refused.clear()
        self._locked_until.clear()
