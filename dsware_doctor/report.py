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

"""Everything that one run of a check found."""

from collections.abc import Iterable
import dataclasses
import time

from dsware_doctor import findings

# Nagios has a meaning for each: OK, WARNING, CRITICAL.
STATUS = {findings.OK: 0, findings.NOTE: 0, findings.WARNING: 1,
          findings.CRITICAL: 2}
# Of a kind of finding so many are kept of each backend; all are counted.
MOST = 1000

_ORDER = findings.SEVERITIES.index


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """A finding, and where it belongs.

    :param section: what was looked at
    :param backend: the backend, empty for what is of none
    :param finding: the :class:`findings.Finding`
    """

    section: str
    backend: str
    finding: findings.Finding


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """A number, see :mod:`metrics`.

    :param name: one of metrics.HELP
    :param value: the number
    :param labels: what it is of
    """

    name: str
    value: float
    labels: dict[str, str]


class Report:
    """Everything that was found.

    :ivar check: backend or host
    :ivar host: the name of this host
    :ivar entries: what was found, in the order in which it was looked at
    :ivar samples: numbers
    :ivar counts: how many findings there are by (code, backend)
    :ivar extra: what else is told to machines, by name
    :ivar details: what else is shown to people: lines by title
    """

    def __init__(self, check: str, host: str):
        """Nothing is found yet.

        :param check: backend or host
        :param host: the name of this host
        """
        self.check = check
        self.host = host
        self.entries: list[Entry] = []
        self.samples: list[Sample] = []
        self.counts: dict[tuple[str, str], int] = {}
        self.extra: dict[str, list] = {}
        self.details: dict[str, list[str]] = {}
        self._started = time.monotonic()
        self.seconds = 0.0

    def add(self, section: str, found: Iterable[findings.Finding],
            backend: str = '') -> None:
        """Add findings.

        :param section: what was looked at
        :param found: the findings
        :param backend: the backend that they are of
        """
        for one in found:
            if not one.code or self.wants(one.code, backend):
                self.entries.append(Entry(section, backend, one))
            self.count(one.code, backend)

    def wants(self, code: str, backend: str) -> bool:
        """Tell whether findings of a kind are still kept.

        :param code: the code
        :param backend: the backend that they are of
        :returns: False when they need only be counted
        """
        return self.counts.get((code, backend), 0) < MOST

    def count(self, code: str, backend: str) -> None:
        """Count a finding that is not kept.

        :param code: the code
        :param backend: the backend that it is of
        """
        key = code, backend
        self.counts[key] = self.counts.get(key, 0) + 1

    def measure(self, name: str, value: float, **labels: str) -> None:
        """Add a number.

        :param name: one of metrics.HELP
        :param value: the number
        :param labels: what it is of
        """
        self.samples.append(Sample(name, value, labels))

    def end(self) -> None:
        """Note how long it took."""
        self.seconds = time.monotonic() - self._started

    def facts(self) -> list[Entry]:
        """List what is as it should be.

        :returns: the entries
        """
        return [one for one in self.entries if not one.finding.code]

    def found(self) -> list[Entry]:
        """List all findings.

        :returns: the entries, worst first
        """
        return sorted((one for one in self.entries if one.finding.code),
                      key=lambda one: _ORDER(one.finding.severity))

    def problems(self) -> list[findings.Finding]:
        """List all findings that are more than notes.

        :returns: the findings, worst first
        """
        return [one.finding for one in self.found()
                if STATUS[one.finding.severity]]

    def by_severity(self, backend: str | None = None) -> dict[str, int]:
        """Count the findings.

        :param backend: those of this backend only
        :returns: numbers by severity
        """
        counts = dict.fromkeys(findings.SEVERITIES[:-1], 0)
        for (code, of), count in self.counts.items():
            if code and backend in (None, of):
                counts[findings.CODES[code]] += count
        return counts

    @property
    def severity(self) -> str:
        """The worst severity."""
        return next((severity for severity, count
                     in self.by_severity().items() if count), findings.OK)
