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

"""What a check of this host finds.

Texts may have names in them that were written by others, as they are; the
report makes them fit for a terminal. Only commands must be made here.
"""

from collections.abc import Iterator
import dataclasses
import shlex

OK = 'ok'
#: Worth knowing; nothing needs to be done.
NOTE = 'note'
PROBLEM = 'problem'


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    :param level: OK, NOTE or PROBLEM
    :param text: what was found
    :param advice: what to do about a problem
    """

    level: str
    text: str
    advice: str = ''


def ok(text: str) -> Finding:
    """Find that something is as it should be.

    :param text: what was found
    :returns: the finding
    """
    return Finding(OK, text)


def note(text: str) -> Finding:
    """Find something that is worth knowing.

    :param text: what was found
    :returns: the finding
    """
    return Finding(NOTE, text)


def problem(text: str, advice: str) -> Finding:
    """Find a problem.

    :param text: what was found
    :param advice: what to do about it
    :returns: the finding
    """
    return Finding(PROBLEM, text, advice)


def command(*argv: str) -> str:
    """Write a command, for an advice, that can be pasted into a shell.

    :param argv: the program and its arguments, whatever is in them
    :returns: the command between backquotes, which the report does not break
    """
    # Such a quote in a name, which is quoted anyway, would end it too early.
    return '`%s`' % shlex.join(argv).replace('`', r'\x60')


def counted(count: int, noun: str) -> str:
    """Write a number of things.

    :param count: how many there are
    :param noun: what one is called
    :returns: the number, and the noun in the right form
    """
    return '%d %s%s' % (count, noun, '' if count == 1 else 's')


@dataclasses.dataclass(frozen=True)
class UserState:
    """A user of a volume, as it is now.

    :param token: identifies the use; empty for the anonymous user
    :param kind: attachments.INSTANCE, LOCAL, PROCESS or LEFTOVER
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
    findings: tuple[Finding, ...] = ()


@dataclasses.dataclass
class Report:
    """Everything that was found.

    :param sections: findings by subject, in the order to show them in
    :param volumes: the recorded volumes
    :param repairs: what was repaired, or would be
    """

    sections: dict[str, list[Finding]] = dataclasses.field(
        default_factory=dict)
    volumes: list[VolumeState] = dataclasses.field(default_factory=list)
    repairs: list[Finding] = dataclasses.field(default_factory=list)

    def problems(self) -> Iterator[Finding]:
        """List all problems.

        :returns: an iterator of findings
        """
        for findings in [*self.sections.values(), self.repairs,
                         *(volume.findings for volume in self.volumes)]:
            yield from (one for one in findings if one.level == PROBLEM)
