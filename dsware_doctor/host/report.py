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

"""Shows what the check of a host found, to people and to machines."""

from collections.abc import Iterator
import dataclasses
import platform

from dsware_doctor import findings
from dsware_doctor import report as reports
from os_brick_dsware import ledger as ledgers

_UNITS = ((1 << 40, 'TiB'), (1 << 30, 'GiB'), (1 << 20, 'MiB'))
# Where a field has the name of the module.
_Findings = tuple[findings.Finding, ...]


@dataclasses.dataclass(frozen=True)
class UserState:
    """A user of a volume, as it is now.

    :param token: identifies the use; empty for the anonymous user
    :param kind: ledgers.INSTANCE, LOCAL, PROCESS or LEFTOVER
    :param pid: id of the process that attached it
    :param command: name of that process; empty if it cannot be seen
    :param agent: address of the agent that attached it
    :param alive: whether the process may still run
    :param gone: whether the user is gone for good
    :param instance: id of the instance; empty if it is none, or not recorded
    """

    token: str
    kind: str
    pid: int
    command: str
    agent: str
    alive: bool
    gone: bool
    instance: str = ''


@dataclasses.dataclass(frozen=True)
class VolumeState:
    """A volume of which there is a record on this host.

    :param name: its name
    :param record: path of the record
    :param device: its device; empty if there is none
    :param path: the path that users were told
    :param size: bytes of the device, None without one
    :param users: who uses it
    :param findings: what is to be said of it
    """

    name: str
    record: str
    device: str = ''
    path: str = ''
    size: int | None = None
    users: tuple[UserState, ...] = ()
    findings: _Findings = ()


@dataclasses.dataclass
class Report:
    """Everything that was found.

    :param sections: findings by subject, in the order to show them in
    :param volumes: the recorded volumes
    :param repairs: what was repaired, or would be
    """

    sections: dict[str, list[findings.Finding]] = dataclasses.field(
        default_factory=dict)
    volumes: list[VolumeState] = dataclasses.field(default_factory=list)
    repairs: list[findings.Finding] = dataclasses.field(default_factory=list)

    def problems(self) -> Iterator[findings.Finding]:
        """List all problems.

        :returns: an iterator of findings
        """
        for found in [*self.sections.values(), self.repairs,
                      *(volume.findings for volume in self.volumes)]:
            yield from (one for one in found
                        if one.level == findings.PROBLEM)


def as_json(report: Report) -> str:
    """Write a report for machines.

    :param report: the report
    :returns: a JSON object
    """
    problems = [dataclasses.asdict(one) for one in report.problems()]
    return reports.json_text({
        'format': 1, 'host': platform.node(),
        'status': 'problems' if problems else 'ok',
        'problems': problems, **dataclasses.asdict(report)})


def as_text(report: Report) -> str:
    """Write a report for people.

    :param report: the report
    :returns: lines of text
    """
    lines = ['Dsware volumes on host %s' % reports.shown(platform.node())]
    lines += reports.section_lines(report.sections)
    lines += ['', 'Attached volumes']
    for volume in report.volumes:
        lines += _volume(volume)
    if not report.volumes:
        lines.append('  none is recorded')
    if report.repairs:
        lines += ['', 'Repairs']
        for one in report.repairs:
            lines += reports.finding_lines(one)
    lines += ['', reports.summary(list(report.problems()))]
    return '\n'.join(lines) + '\n'


def _size(size: int | None) -> str:
    if size is None:
        return 'no size'
    for unit, name in _UNITS:
        if size >= unit:
            return '%.4g %s' % (size / unit, name)
    return '%d bytes' % size


def _volume(volume: VolumeState) -> list[str]:
    lines = reports.wrapped('  ', '%s  %s  %s' % (
        volume.name, volume.device or 'no device', _size(volume.size)))
    if volume.path not in ('', volume.device):
        lines += reports.wrapped('      ', volume.path)
    for user in volume.users:
        lines += reports.wrapped('      ', _user(user))
    for one in volume.findings:
        lines += reports.finding_lines(one)
    return lines


def _user(user: UserState) -> str:
    process = 'process %d%s, %s' % (
        user.pid, ' (%s)' % user.command if user.command else '',
        'alive' if user.alive else 'ended')
    token = user.token or 'without a name'
    if user.kind == ledgers.LEFTOVER:
        return 'left by a forced detach of %s, through agent %s' % (
            token, user.agent)
    if user.kind == ledgers.INSTANCE:
        return 'instance %s, attachment %s, attached by %s, through agent ' \
            '%s' % (user.instance or 'not recorded', token, process,
                    user.agent)
    if user.kind == ledgers.LOCAL:
        return 'local use %s, attached by %s, through agent %s' % (
            token, process, user.agent)
    return '%s, %s, through agent %s' % (process, token, user.agent)
