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

"""What a check finds.

Texts may have names in them that were written by others, as they are; the
report makes them fit for a terminal. Only commands must be made here.
"""

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
