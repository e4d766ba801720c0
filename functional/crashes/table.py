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

"""What became of the cases, as a table."""

import collections
import time

_LINE = '%-20s %-40s %-28s %s\n'
_LAST_LINES = 4


class Results(object):
    """Collects what became of cases, and prints it.

    :param out: where to print
    """

    def __init__(self, out):
        self._out = out
        self._counts = collections.Counter()
        self._started = time.monotonic()
        #: How many cases are not as they have to be.
        self.failures = 0

    def passed(self, case, told):
        """Note a case that is as it has to be.

        :param case: the :class:`cases.Case`
        :param told: outcome, and what an administrator had to reset
        """
        text = told['outcome']
        if told['stuck']:
            text += '; reset: ' + ', '.join(told['stuck'])
        self._add(case, text)
        self._counts['reset' if told['stuck'] else 'right'] += 1

    def failed(self, case, reason):
        """Note one that is not.

        :param case: the :class:`cases.Case`
        :param reason: why
        """
        self.failures += 1
        self._counts['WRONG'] += 1
        self._add(case, 'WRONG')
        lines = reason.strip().splitlines()[-_LAST_LINES:]
        self._out.write('\n'.join(lines) + '\n')
        self._out.flush()

    def _add(self, case, text):
        step = '%d %s' % (case.number, case.step)
        self._out.write(_LINE % (case.operation, case.victim, step, text))
        # A run takes long, and may be looked at or ended meanwhile.
        self._out.flush()

    def print_summary(self):
        """Print how many there were."""
        self._out.write('\n%d cases in %d seconds: %s\n' % (
            sum(self._counts.values()), time.monotonic() - self._started,
            ', '.join('%d %s' % (count, what)
                      for what, count in sorted(self._counts.items()))))
