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

"""Shows what a check found, to people and to machines."""

import dataclasses
import json
import logging
import platform
import re
import textwrap

from os_brick_dsware import attachments
from os_brick_dsware import fsc_cli
from os_brick_dsware.hostcheck import findings

_WIDTH = 78
# Longer than any text that is found, unless somebody sends a lot of it.
_LONGEST = 2000
_LABEL = {findings.OK: '  ok       ', findings.NOTE: '  note     ',
          findings.PROBLEM: '  PROBLEM  '}
# A command with its arguments.
_COMMAND = re.compile('`[^`]*`')
_ADVICE = '    what to do: '
_UNITS = ((1 << 40, 'TiB'), (1 << 30, 'GiB'), (1 << 20, 'MiB'))


def shown(text: str, longest: int = _LONGEST) -> str:
    """Make text of whatever origin fit for a terminal.

    :param text: the text
    :param longest: characters to keep
    :returns: it, on one line, with all that is not printable escaped
    """
    return fsc_cli.printable(text, longest)


class _Formatter(logging.Formatter):
    """Keeps what is logged from the terminal, too."""

    def format(self, record):
        """Write a message; see logging.

        :param record: what was logged
        :returns: printable lines
        """
        return '\n'.join(map(shown, super().format(record).split('\n')))


def log(debug: bool) -> None:
    """Have this process log to standard error.

    :param debug: whether all is logged, or only what ends the process
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter(logging.BASIC_FORMAT))
    logging.basicConfig(level=logging.DEBUG if debug else logging.CRITICAL,
                        handlers=[handler])


def json_text(content: dict) -> str:
    """Write a JSON object that can be shown on a terminal.

    :param content: the object
    :returns: its text
    """
    # JSON escapes all that is not printable but this.
    return json.dumps(content, indent=1).replace('\x7f', '\\u007f')


def as_json(report: findings.Report) -> str:
    """Write a report for machines.

    :param report: the report
    :returns: a JSON object
    """
    problems = [dataclasses.asdict(one) for one in report.problems()]
    return json_text({
        'format': 1, 'host': platform.node(),
        'status': 'problems' if problems else 'ok',
        'problems': problems, **dataclasses.asdict(report)})


def as_text(report: findings.Report) -> str:
    """Write a report for people.

    :param report: the report
    :returns: lines of text
    """
    lines = ['Dsware volumes on host %s' % shown(platform.node())]
    lines += section_lines(report.sections)
    lines += ['', 'Attached volumes']
    for volume in report.volumes:
        lines += _volume(volume)
    if not report.volumes:
        lines.append('  none is recorded')
    if report.repairs:
        lines += ['', 'Repairs']
        for one in report.repairs:
            lines += _finding(one)
    return '\n'.join(lines + ['', summary(list(report.problems()))]) + '\n'


def section_lines(sections: dict[str, list[findings.Finding]]) -> list[str]:
    """Write findings by subject.

    :param sections: findings by title, in the order to show them in
    :returns: lines of text
    """
    lines = []
    for title, found in sections.items():
        if found:
            lines += ['', shown(title)]
            lines += [line for one in found for line in _finding(one)]
    return lines


def summary(problems: list[findings.Finding]) -> str:
    """Write the last line of a report.

    :param problems: all problems that were found
    :returns: a sentence
    """
    if not problems:
        return 'All is well.'
    return findings.counted(len(problems), 'problem') + '.'


def _wrapped(first: str, text: str, longest=_LONGEST) -> list[str]:
    # Paths and commands stay whole, so that they can be copied.
    whole = _COMMAND.sub(lambda found: found[0].replace(' ', '\0'),
                         shown(text, longest))
    return [line.replace('\0', ' ') for line in textwrap.wrap(
        whole, _WIDTH, initial_indent=first, subsequent_indent=' ' * 11,
        break_long_words=False, break_on_hyphens=False)]


def _finding(one: findings.Finding) -> list[str]:
    lines = _wrapped(_LABEL[one.level], one.text)
    if one.advice:
        # Half a command may do something else.
        lines += _wrapped(' ' * 7 + _ADVICE, one.advice, len(one.advice))
    return lines


def _size(size: int | None) -> str:
    if size is None:
        return 'no size'
    for unit, name in _UNITS:
        if size >= unit:
            return '%.4g %s' % (size / unit, name)
    return '%d bytes' % size


def _volume(volume: findings.VolumeState) -> list[str]:
    lines = _wrapped('  ', '%s  %s  %s' % (
        volume.name, volume.device or 'no device', _size(volume.size)))
    if volume.path not in ('', volume.device):
        lines += _wrapped('      ', volume.path)
    for user in volume.users:
        lines += _wrapped('      ', _user(user))
    for one in volume.findings:
        lines += _finding(one)
    return lines


def _user(user: findings.UserState) -> str:
    process = 'process %d%s, %s' % (
        user.pid, ' (%s)' % user.command if user.command else '',
        'alive' if user.alive else 'ended')
    token = user.token or 'without a name'
    if user.kind == attachments.LEFTOVER:
        return 'left by a forced detach of %s, through agent %s' % (
            token, user.agent)
    if user.kind == attachments.INSTANCE:
        return 'instance %s, attachment %s, attached by %s, through agent ' \
            '%s' % (user.instance or 'not recorded', token, process,
                    user.agent)
    if user.kind == attachments.LOCAL:
        return 'local use %s, attached by %s, through agent %s' % (
            token, process, user.agent)
    return '%s, %s, through agent %s' % (process, token, user.agent)
