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

"""Whether a process that was seen earlier is still there."""

from collections.abc import Callable
import dataclasses
import os
import re

#: The name of the first process id name space of a Linux host.
INITIAL_NAMESPACE = 'pid:[4026531836]'

_DEAD = frozenset('ZXx')


@dataclasses.dataclass(frozen=True)
class Process:
    """What tells a process from every other one of this boot.

    :param pid: its id
    :param start: when it started, in clock ticks since the boot
    :param namespace: the name space that its id belongs to
    """

    pid: int
    start: int
    namespace: str


def _read(path: str) -> str:
    try:
        with open(path, encoding='utf-8', errors='replace') as stream:
            return stream.read()
    except OSError:
        return ''


def _start(proc: str, pid: int | str) -> int | None:
    """Find when a process started; None when it is gone or a zombie."""
    # The program's name, in parentheses, may itself contain anything.
    fields = _read('%s/%s/stat' % (proc, pid)).rpartition(')')[2].split()
    if len(fields) < 20 or fields[0] in _DEAD:
        return None
    return int(fields[19])


def _namespace(proc: str) -> str:
    try:
        return os.readlink('%s/self/ns/pid' % proc)
    except OSError:
        return ''


def _seen_from_outside(process: Process, proc: str) -> bool:
    """Look for a process of a container among those of its host."""
    for pid in filter(str.isdigit, os.listdir(proc)):
        ids = re.search(r'^NSpid:\s*(.*)$',
                        _read('%s/%s/status' % (proc, pid)), re.M)
        if (ids and ids[1].split()[-1:] == [str(process.pid)]
                and _start(proc, pid) == process.start):
            return True
    return False


def current(proc: str = '/proc') -> Process:
    """Describe the process that asks.

    :param proc: where the proc file system is mounted
    :returns: its description
    """
    pid = os.getpid()
    return Process(pid, _start(proc, pid) or 0, _namespace(proc))


def running(program: str, arguments: set[str], proc: str = '/proc',
            one_more: Callable[[str], bool] = bool) -> list[int]:
    """Find the processes that run a program with certain arguments.

    Who waits for a command, such as timeout(1) or sudo, is found as well.

    :param program: name or path of the program; by its name it is found
        wherever it is
    :param arguments: each must be an argument of its own
    :param proc: where the proc file system is mounted
    :param one_more: tells of an argument that there must be besides
    :returns: their ids; none where the system hides other users' processes
    """
    found = []
    for pid in filter(str.isdigit, os.listdir(proc)):
        argv = _read('%s/%s/cmdline' % (proc, pid)).split('\0')
        if arguments.issubset(argv) and any(map(one_more, argv)) and (
                program in argv or program in map(os.path.basename, argv)):
            found.append(int(pid))
    return found


def mentioning(paths: set[str], proc: str = '/proc') -> list[int]:
    """Find the processes that were told to work on certain files.

    :param paths: paths of the files
    :param proc: where the proc file system is mounted
    :returns: their ids, ascending
    """
    return sorted(
        int(pid) for pid in filter(str.isdigit, os.listdir(proc))
        for arguments in [_read('%s/%s/cmdline' % (proc, pid))]
        if any(path in arguments for path in paths))


def command(process: Process, proc: str = '/proc') -> str:
    """Name the program that a process runs.

    :param process: its description
    :param proc: where the proc file system is mounted
    :returns: the name; empty if the process has ended or cannot be seen
    """
    if (process.namespace != _namespace(proc)
            or _start(proc, process.pid) != process.start):
        return ''
    return _read('%s/%d/comm' % (proc, process.pid)).strip()


def alive(process: Process, proc: str = '/proc') -> bool:
    """Tell whether a process still runs.

    Services may run in containers, each with its own process ids. One
    container cannot see another's processes: then the answer is yes, since
    only certainty allows to forget somebody.

    :param process: its description
    :param proc: where the proc file system is mounted
    :returns: False only if it is certain that it has ended
    """
    here = _namespace(proc)
    if process.namespace == here:
        return _start(proc, process.pid) == process.start
    if here == INITIAL_NAMESPACE:
        return _seen_from_outside(process, proc)
    return True
