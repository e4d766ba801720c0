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

"""One failure, one record in the log.

A failure is passed on from the transport up to the driver, and may be mended
on its way. Whoever handles it logs it with what is done next; nobody logs it
a second time, unless it turns out to be worse than it seemed.
"""

from oslo_log import log as levels

from cinder.volume.drivers.dsware import exceptions
from os_brick_dsware import logs

# Characters of a record that text from elsewhere may fill.
_LONGEST = 1500


def log_once(log, level: int, error: Exception, plan: str) -> None:
    """Log a failure, for debugging only if it was logged before.

    :param log: the module's logger
    :param level: of the record, as in the module logging
    :param error: the failure
    :param plan: sentences that tell what is done next
    """
    source = source_of(error)
    known = source is not None and source.logged >= level
    logs.write(log, levels.DEBUG if known else level, '%(error)s. %(plan)s',
               {'error': text(error), 'plan': plan})
    if source is not None:
        source.logged = max(source.logged, level)


def text(error: Exception) -> str:
    """Describe a failure within a record.

    :param error: the failure
    :returns: a bounded text without a full stop
    """
    found = getattr(error, 'summary', None) or str(error)
    return exceptions.printable(found, _LONGEST).rstrip('. ')


def source_of(error: BaseException) -> exceptions.DSWareError | None:
    """Find the error of the cluster that another error stands for.

    :param error: any error
    :returns: the error itself, or one that it was raised from, or None
    """
    while error is not None:
        if isinstance(error, exceptions.DSWareError):
            return error
        error = error.__cause__
    return None


class Series:
    """Failures of one call that is repeated: only the first is told.

    The others would say the same a hundred times until the call ends.
    """

    def __init__(self, log):
        self._log = log
        self._level = levels.DEBUG

    def note(self, level: int, error: Exception, plan: str) -> None:
        """Log a failure, unless one as bad was logged in this series.

        :param level: of the record, as in the module logging
        :param error: the failure
        :param plan: sentences that tell what is done next
        """
        if level > self._level:
            self._level = level
        else:
            level = levels.DEBUG
        log_once(self._log, level, error, plan)
