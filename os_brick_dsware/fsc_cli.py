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

"""The Dsware command line: argument lists to run, and its text to read.

``fsc_cli`` is the vendor's program on every host of a Dsware cluster. This
module builds what is executed and understands what is printed; it runs
nothing itself, so the volume driver's command line transport and the
os-brick connector share it. It needs the standard library only.

What the program accepts and prints was learnt from openly licensed code:
OpenStack Cinder's first FusionStorage driver (Newton), Huawei's
FusionStorage_OpenStack_Driver (Mitaka) and OpenSDS dock.
"""

import codecs
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
import dataclasses
import itertools
import os
import re

#: More output than this is refused: a listing of 100,000 volumes takes
#: about 20 MiB.
MAX_OUTPUT = 64 * 1024 * 1024
#: The same for the snapshots of one volume.
MAX_RELATED = 4 * 1024 * 1024
#: More than this of what is no listing is refused.
MAX_ANSWER = 1024 * 1024
#: Bytes that are kept of what a program complains.
MAX_MESSAGES = 64 * 1024
#: A longer line is refused.
MAX_LINE = 64 * 1024
#: A record of more fields is refused.
MAX_FIELDS = 64
#: More lines than this are refused, records of a listing left aside.
MAX_LINES = 10_000
#: A longer value is refused: the socket transport's bound for a request.
MAX_VALUE = 64 * 1024
#: Free text of the cluster is cut to this length.
MAX_TEXT = 1024

#: The limits of a QoS, in the order of the published interface.
QOS_LIMITS = (
    'maxIOPS', 'maxMBPS', 'burstIOPS', 'creditIOPS', 'IOPSPerGB',
    'readLimitIOPS', 'readLimitMBPS', 'writeLimitIOPS', 'writeLimitMBPS',
    'burstMBPSPerTB', 'MBPSPerTB', 'minBaselineIOPS', 'minBaselineMBPS')

# What a record starts with.
_FIRST_FIELD = {
    'getDSwareIdentifier': 'version',
    **dict.fromkeys(('queryVolume', 'queryAllVolume'), 'vol_name'),
    **dict.fromkeys(('querySnapshot', 'queryAllSnapshot',
                     'querySnapOfVolume'), 'snap_name'),
    **dict.fromkeys(('queryPoolInfo', 'queryAllPoolInfo'), 'pool_id'),
}
_QOS_FIELDS = frozenset(('qosName', *QOS_LIMITS))

_LINE = re.compile(rb'[^\n]+')
_KEY = re.compile(r'[A-Za-z][A-Za-z0-9_]{0,63}')
_VALUE = re.compile(r'[A-Za-z0-9_.,:%][A-Za-z0-9_.,:%-]*')
_PROGRAM = re.compile(r'[A-Za-z0-9_./+@][A-Za-z0-9_./+@:=-]*')
_CODE = re.compile(r'(-?[0-9]{1,18})\s*(?:,(.*))?')
_INNER_RESULT = re.compile(
    r'DSwareAttachResult\s*\[\s*result\s*=\s*([^\],\s]*)')
_DEVICE = re.compile(r'\bdevName\s*=\s*([^\],\s]*)')
_PATH = re.compile(r'(?:/[A-Za-z0-9_.+:@%-]+)+')
_CONTROL = re.compile(r'[\x00-\x1f\x7f]')


class OutputError(ValueError):
    """What the program printed breaks the format: the outcome is unknown."""


class ArgumentError(ValueError):
    """Something that must not reach a command line."""


@dataclasses.dataclass(frozen=True)
class Output:
    """What one run of the program said.

    :param result: the cluster's result code, 0 for success
    :param desc: the cluster's own words, cut and with control characters
        escaped; empty when it said nothing
    :param records: the records, each a dict of its fields as text
    """

    result: int
    desc: str
    records: tuple[dict[str, str], ...]

    @property
    def device(self) -> str:
        """Path of the volume's device; empty if none was told."""
        return ''.join(record.get('devName', '')
                       for record in self.records[:1])


def bound(op: str) -> int:
    """Tell how much a run of the program may print.

    :param op: the operation
    :returns: bytes
    """
    if op.startswith('queryAll'):
        return MAX_OUTPUT
    return MAX_RELATED if op == 'querySnapOfVolume' else MAX_ANSWER


def printable(text: str, limit: int = 120) -> str:
    """Make text that came from outside fit for a log or a terminal.

    :param text: any text
    :param limit: characters to keep
    :returns: the text, cut, and with control characters escaped
    """
    cut = text if len(text) <= limit else text[:limit] + '...'
    return ''.join(
        char if char.isprintable()
        else char.encode('unicode_escape').decode('ascii') for char in cut)


# Arguments ------------------------------------------------------------------

def _checked(what: str, value: str, pattern: re.Pattern[str]) -> str:
    if len(value) <= MAX_VALUE and pattern.fullmatch(value):
        return value
    raise ArgumentError(
        "%s '%s' cannot be given to the Dsware command line: it must be 1 to "
        "%d letters, digits and _ . , : %% -, and not start with -"
        % (what, printable(value), MAX_VALUE))


def checked_program(program: str) -> str:
    """Make sure that a program's name can be nothing but that.

    :param program: name or path of a program
    :returns: the same
    :raises ArgumentError: if it could be taken for something else
    """
    return _checked('program', program, _PROGRAM)


def checked_value(what: str, value: str) -> str:
    """Make sure that an argument can be nothing but one value.

    :param what: what it is, for the message
    :param value: the argument
    :returns: the same
    :raises ArgumentError: if it could be taken for something else
    """
    return _checked(what, value, _VALUE)


def _text(key: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ArgumentError(
            "argument %s is a %s: it must be text or a number"
            % (key, type(value).__name__))
    return str(value)


def command(program: str, op: str, manage_ip: str, agent_ip: str,
            port: int | None, args: Mapping[str, object]) -> list[str]:
    """Build the argument list of one run.

    :param program: name or path of ``fsc_cli``
    :param op: the operation, for example ``queryVolume``
    :param manage_ip: address of the cluster's management service
    :param agent_ip: address of the agent that is to carry it out
    :param port: the agent's port, None for the program's own default
    :param args: the operation's arguments, each text or a number
    :returns: the arguments, program first; they need no shell
    :raises ArgumentError: if anything could be taken for something else than
        the one value that it is, or is a secret (op ``login``): arguments
        can be read by every user of the host
    """
    if op == 'login':
        raise ArgumentError(
            "operation login is not for the command line: a password must "
            "not appear among a process's arguments")
    argv = [checked_program(program),
            '--manage_ip', checked_value('manage_ip', manage_ip),
            '--ip', checked_value('ip', agent_ip)]
    if port is not None:
        argv += ['--port', checked_value('port', _text('port', port))]
    argv += ['--op', _checked('op', op, _KEY)]
    for key, value in args.items():
        argv += ['--' + _checked('key', key, _KEY),
                 checked_value(key, _text(key, value))]
    return argv


# Output ---------------------------------------------------------------------

def _lines(printed: bytes) -> Iterator[str]:
    # Not split or decoded at once: a listing can have 100,000 lines.
    for found in _LINE.finditer(printed.removeprefix(codecs.BOM_UTF8)):
        line = os.fsdecode(found[0])
        if len(line) > MAX_LINE:
            raise OutputError("a line of %d characters is too long (at most "
                              "%d)" % (len(line), MAX_LINE))
        line = line.strip()
        if line:
            # Some versions write blanks around it.
            key, equals, value = line.partition('=')
            yield key.rstrip() + equals + value.lstrip()


def _few(lines: Iterator[str]) -> list[str]:
    found = list(itertools.islice(lines, MAX_LINES + 1))
    if len(found) > MAX_LINES:
        raise OutputError("more than %d lines that are no records"
                          % MAX_LINES)
    return found


def _code(line: str) -> tuple[int, str]:
    match = _CODE.fullmatch(line.removeprefix('result=').strip())
    if not match:
        raise OutputError("no result code in '%s'" % printable(line))
    return int(match[1]), (match[2] or '').strip()


def _result(lines: list[str]) -> tuple[int, str]:
    found = [_code(line) for line in lines if line.startswith('result=')]
    codes = {code for code, _said in found}
    if len(codes) != 1:
        raise OutputError(
            "%s in '%s'" % (
                "result codes that contradict each other" if codes
                else "no result= line", printable(' | '.join(lines[:20]))))
    return codes.pop(), found[0][1]


def _desc(lines: list[str], said: str) -> str:
    found = next((line for line in lines if line.startswith('desc=')), said)
    return printable(found.removeprefix('desc='), MAX_TEXT)


def _field(part: str, line: str) -> tuple[str, str]:
    key, equals, value = part.partition('=')
    key, value = key.strip(), value.strip()
    if not equals or not _KEY.fullmatch(key) or _CONTROL.search(value):
        raise OutputError("field '%s' of record '%s' is not key=value"
                          % (printable(part), printable(line)))
    return key, value


def _record(line: str) -> dict[str, str]:
    record: dict[str, str] = {}
    if line.count(',') >= MAX_FIELDS:
        raise OutputError("a record of more than %d fields: '%s'"
                          % (MAX_FIELDS, printable(line)))
    for part in line.split(','):
        if not part.strip():
            continue
        key, value = _field(part, line)
        if key in record:
            raise OutputError("field %s appears twice in record '%s'"
                              % (key, printable(line)))
        record[key] = value
    return record


def _qos_records(lines: list[str]) -> list[dict[str, str]]:
    record: dict[str, str] = {}
    for line in lines:
        key, colon, value = (part.strip() for part in line.partition(':'))
        if not colon or key not in _QOS_FIELDS:
            continue
        if record.setdefault(key, value) != value or _CONTROL.search(value):
            raise OutputError("QoS field %s is malformed or contradicts an "
                              "earlier one: '%s'" % (key, printable(line)))
    return [record] if record else []


def device_path(path: str) -> str:
    """Make sure that what the cluster calls a device can be one.

    :param path: what it printed
    :returns: the same
    :raises OutputError: if it is not an absolute path of plain characters
    """
    if not _PATH.fullmatch(path) or {'.', '..'} & set(path.split('/')):
        raise OutputError("'%s' is not the path of a device"
                          % printable(path))
    return path


def one_device(paths: Iterable[str]) -> str:
    """Make sure that no more than one device is named.

    :param paths: what the cluster said, empty where it said nothing
    :returns: its path; empty if none is named
    :raises OutputError: if there are several, or it cannot be one
    """
    named = set(paths) - {''}
    if len(named) > 1:
        raise OutputError("more than one device: '%s'"
                          % printable(' '.join(sorted(named))))
    return device_path(named.pop()) if named else ''


def _attach_records(lines: list[str], result: int) -> list[dict[str, str]]:
    text = '\n'.join(lines)
    for inner in _INNER_RESULT.findall(text):
        if _code(inner)[0] != result:
            raise OutputError("the result is %d but the attachment's is %s"
                              % (result, printable(inner)))
    path = one_device(set(_DEVICE.findall(text)) - {'null'})
    return [{'devName': path}] if path else []


def parse(op: str, text: str) -> Output:
    """Understand what one run of the program printed.

    :param op: the operation that was run: it decides what is a record
    :param text: everything the program printed to its standard output
    :returns: the result code, the cluster's words and the records
    :raises OutputError: if there is no result code or several that
        contradict each other, if a record is malformed, or if a bound is
        exceeded; whether the operation was carried out is then unknown
    """
    return next(parse_in_parts(op, os.fsencode(text)))


def parse_in_parts(op: str, printed: bytes,
                   count: int | None = None) -> Iterator[Output]:
    """Understand what one run printed, a few records at a time.

    :param op: the operation that was run
    :param printed: everything the program printed to its standard output
    :param count: how many records a part has at most, None for all
    :returns: parts with the same result and words, one at least
    :raises OutputError: as :func:`parse`; the parts before a malformed
        record have been given then
    """
    if len(printed) > MAX_OUTPUT:
        raise OutputError("output of %d bytes is too long (at most %d)"
                          % (len(printed), MAX_OUTPUT))
    # No line of another operation has a line end.
    mark = _FIRST_FIELD.get(op, '\n') + '='
    others = _few(line for line in _lines(printed)
                  if not line.startswith(mark))
    result, said = _result(others)
    desc = _desc(others, said)
    if op == 'attachVolume':
        records = iter(_attach_records(others, result))
    elif op == 'queryVolumeQoSInfo':
        records = iter(_qos_records(others))
    else:
        records = (_record(line) for line in _lines(printed)
                   if line.startswith(mark))
    yield Output(result, desc, tuple(itertools.islice(records, count)))
    while part := tuple(itertools.islice(records, count)):
        yield Output(result, desc, part)
