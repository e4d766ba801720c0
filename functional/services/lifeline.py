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

"""How a service process learns that it has to end.

By SIGTERM or SIGINT or, unless it was started to outlive its parent, by the
end of its standard input: that is a pipe which the parent holds open, so
that nothing goes on when the parent is killed.
"""

import os
import select
import signal
import sys

OUTLIVE = 'DSWARE_FUNCTIONAL_OUTLIVE_PARENT'


class Lifeline(object):
    """Waits for the end; works with eventlet's select and the real one."""

    def __init__(self):
        self._reader, writer = os.pipe()
        os.set_blocking(writer, False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ignore)
        signal.set_wakeup_fd(writer)

    @staticmethod
    def _ignore(number, frame):
        """The number also arrives in the pipe, where it is waited for."""

    def wait(self):
        """Return when this process has to end."""
        watched = [self._reader]
        if not os.environ.get(OUTLIVE):
            # The file, as eventlet's select overlooks descriptor number 0.
            watched.append(sys.stdin)
        select.select(watched, [], [])
