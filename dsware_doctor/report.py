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

import json
import logging
import re
import textwrap

from dsware_doctor import findings
from os_brick_dsware import fsc_cli

_WIDTH = 78
# Longer than any text that is found, unless somebody sends a lot of it.
_LONGEST = 2000
_LABEL = {findings.OK: '  ok       ', findings.NOTE: '  note     ',
          findings.PROBLEM: '  PROBLEM  '}
# A command with its arguments.
_COMMAND = re.compile('`[^`]*`')
_ADVICE = '    what to do: '


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


def section_lines(sections: dict[str, list[findings.Finding]]) -> list[str]:
    """Write findings by subject.

    :param sections: findings by title, in the order to show them in
    :returns: lines of text
    """
    lines = []
    for title, found in sections.items():
        if found:
            lines += ['', shown(title)]
            lines += [line for one in found for line in finding_lines(one)]
    return lines


def summary(problems: list[findings.Finding]) -> str:
    """Write the last line of a report.

    :param problems: all problems that were found
    :returns: a sentence
    """
    if not problems:
        return 'All is well.'
    return findings.counted(len(problems), 'problem') + '.'


def wrapped(first: str, text: str, longest=_LONGEST) -> list[str]:
    """Write a text that may take several lines."""
    # Paths and commands stay whole, so that they can be copied.
    whole = _COMMAND.sub(lambda found: found[0].replace(' ', '\0'),
                         shown(text, longest))
    return [line.replace('\0', ' ') for line in textwrap.wrap(
        whole, _WIDTH, initial_indent=first, subsequent_indent=' ' * 11,
        break_long_words=False, break_on_hyphens=False)]


def finding_lines(one: findings.Finding) -> list[str]:
    """Write what was found, and what to do about it."""
    lines = wrapped(_LABEL[one.level], one.text)
    if one.advice:
        # Half a command may do something else.
        lines += wrapped(' ' * 7 + _ADVICE, one.advice, len(one.advice))
    return lines
