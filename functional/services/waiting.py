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

"""Waiting for a condition, with a deadline."""

import time

FIRST_INTERVAL = 0.05
LONGEST_INTERVAL = 0.5


class NotYet(Exception):
    """Raised by a condition that wants to say why it is not fulfilled."""


class TimedOut(Exception):
    """What was waited for did not happen in time."""


def wait_for(condition, timeout, what, interval=FIRST_INTERVAL):
    """Call a condition until it answers something true.

    :param condition: called without arguments; NotYet is taken as a no, any
                      other exception ends the wait and reaches the caller
    :param timeout: seconds to wait at most
    :param what: what is waited for, for the message of a time-out
    :param interval: seconds between the first two calls; later ones are
                     further apart, up to half a second
    :returns: the first true value that the condition answered
    :raises TimedOut: it did not answer anything true in time
    """
    deadline = time.monotonic() + timeout
    while True:
        reason = ''
        try:
            answer = condition()
            if answer:
                return answer
        except NotYet as exc:
            reason = ' (%s)' % exc
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimedOut('%s did not happen within %d seconds%s'
                           % (what, timeout, reason))
        time.sleep(min(interval, left))
        interval = min(interval * 1.3, LONGEST_INTERVAL)
