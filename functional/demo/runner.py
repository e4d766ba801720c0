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

"""Running the steps and counting what they found."""

import logging
import time
import traceback

LOG = logging.getLogger(__name__)


class CheckFailed(Exception):
    """Something is not as it should be."""


class Step(object):
    """What one step tells about itself while it runs."""

    def __init__(self, ticker):
        self._ticker = ticker
        self.done = ''
        self.checks = []

    def progress(self, text):
        """Say how far the step is.

        :param text: what is under way
        """
        self._ticker.text = text

    def check(self, what, fulfilled, otherwise=''):
        """Check something and remember that it was checked.

        :param what: what is as it should be, in a few words
        :param fulfilled: whether it is
        :param otherwise: what is there instead
        :raises CheckFailed: it is not
        """
        if not fulfilled:
            raise CheckFailed('not so: %s%s' % (
                what, otherwise and ' (%s)' % otherwise))
        self.checks.append(what)

    def equal(self, what, found, wanted):
        """Check that a value is the one that is wanted.

        :param what: what is as it should be, in a few words
        :param found: the value
        :param wanted: the value that it should be
        :raises CheckFailed: it is another one
        """
        self.check(what, found == wanted,
                   'found %s, wanted %s' % (found, wanted))


class Runner(object):
    """Runs steps one after the other."""

    def __init__(self, output):
        """Start counting.

        :param output: where the steps' lines go
        """
        self._output = output
        self.steps = 0
        self.checks = 0
        self.failed = []
        self.skipped = []

    def run(self, name, function):
        """Run a step.

        :param name: what it does
        :param function: called with a Step; what it raises fails the step
        :returns: whether all was well
        """
        start = time.monotonic()
        with self._output.activity(name) as ticker:
            step = Step(ticker)
            error = self._call(name, function, step)
        self.steps += 1
        self.checks += len(step.checks)
        self._output.result(
            not error, time.monotonic() - start, name,
            error or '%s; checked: %s' % (step.done, ', '.join(step.checks)))
        return not error

    def skip(self, name, why):
        """Leave a step out, and say so.

        :param name: what it does
        :param why: why it is left out
        """
        self.skipped.append(name)
        self._output.result(None, 0, name, why)

    def _call(self, name, function, step):
        """Call a step's function.

        :returns: why it failed, or nothing
        """
        try:
            function(step)
        except Exception as exc:
            LOG.exception('Step "%s" failed', name)
            self.failed.append((name, traceback.format_exc()))
            return '%s: %s' % (type(exc).__name__, exc)
        return ''
