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

"""The volumes that are recorded on a host, as they are now."""

import dataclasses

from dsware_doctor import findings
from dsware_doctor import formats
from os_brick_dsware import ledger as ledgers

_UNITS = ((1 << 40, 'TiB'), (1 << 30, 'GiB'), (1 << 20, 'MiB'))
_INDENT = ' ' * 11
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

    def as_dict(self) -> dict:
        """Write it for machines, without what is told of all findings."""
        found = dataclasses.asdict(self)
        del found['findings']
        return found


def volume_lines(volumes: list[VolumeState]) -> list[str]:
    """Write the attached volumes for people.

    :param volumes: the recorded volumes
    :returns: lines of text
    """
    return [line for volume in volumes for line in _volume(volume)] or [
        '  none is recorded']


def _size(size: int | None) -> str:
    if size is None:
        return 'no size'
    for unit, name in _UNITS:
        if size >= unit:
            return '%.4g %s' % (size / unit, name)
    return '%d bytes' % size


def _volume(volume: VolumeState) -> list[str]:
    lines = formats.wrapped('  ', '%s  %s  %s' % (
        volume.name, volume.device or 'no device', _size(volume.size)),
        indent=_INDENT)
    if volume.path not in ('', volume.device):
        lines += formats.wrapped('      ', volume.path, indent=_INDENT)
    for user in volume.users:
        lines += formats.wrapped('      ', _user(user), indent=_INDENT)
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
