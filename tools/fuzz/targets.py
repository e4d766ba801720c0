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

"""What reads input from outside, and what may come of it.

A target takes bytes and gives the class of the outcome, as a short text. It
lets through no exception but those that its reader is documented to raise;
any other, and every broken promise, is a defect.
"""

import dataclasses
import itertools
import json
import os
from unittest import mock

from oslo_concurrency import processutils

from cinder.volume.drivers.dsware.array import array
from cinder.volume.drivers.dsware.array import models
from cinder.volume.drivers.dsware.array import names
from cinder.volume.drivers.dsware.client import cli_transport
from cinder.volume.drivers.dsware.client import client
from cinder.volume.drivers.dsware.client import connection as connections
from cinder.volume.drivers.dsware.client import dialer
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware.client import protocol
from cinder.volume.drivers.dsware.client import rest_http
from cinder.volume.drivers.dsware.client import rest_transport
from cinder.volume.drivers.dsware.client import transport
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware.features import manage
from dsware_sim.cluster import arguments
from dsware_sim.cluster import rules
from dsware_sim import codec
from dsware_sim import codes
from os_brick_dsware import exceptions as brick_exceptions
from os_brick_dsware import fsc_cli
from os_brick_dsware import ledger as ledgers
from os_brick_dsware import programs
from os_brick_dsware import properties
from os_brick_dsware import sds_cli
from tools.fuzz import mutations

NAME = 'volume-1'
ENDPOINT = endpoints.Endpoint('192.0.2.1', 10519)
# Much longer than any message has to be.
LONGEST_MESSAGE = 3000
_MODELS = (models.Volume, models.Snapshot, models.Pool, models.QoS)
_OPS = ('queryVolume', 'queryAllVolume', 'querySnapshot', 'queryAllPoolInfo',
        'attachVolume', 'queryVolumeQoSInfo', 'getDSwareIdentifier',
        'createVolume')


class Defect(Exception):
    """A promise was broken."""


def check_message(text):
    """Check what goes to a log, a user or a terminal.

    :param text: a message
    :raises Defect: it can forge a line or do things to a terminal, or is
        far too long
    """
    if not text.isprintable():
        raise Defect(f'not printable: {text[:300]!r}')
    if len(text) > LONGEST_MESSAGE:
        raise Defect(f'{len(text)} characters: {text[:100]!r}')


def _failed(error):
    check_message(str(error))
    return type(error).__name__


def _require(true, what):
    if not true:
        raise Defect(what)


def _is_text(records):
    return all(type(part) is str for record in records
               for pair in record.items() for part in pair)


# The driver ----------------------------------------------------------------

def reply(data):
    """Take frames from the bytes of a connection, and read their records."""
    connection = protocol.Connection()
    connection.request('queryAllVolume', '192.0.2.10', {})
    size = len(data) % 7 * 1000 or 65536
    frames = []
    try:
        for start in range(0, len(data), size):
            connection.receive_data(data[start:start + size])
            while (frame := connection.next_frame()) is not None:
                frames.append(frame)
    except protocol.RemoteProtocolError as error:
        return _failed(error)
    records = [record for frame in frames for record in frame.records]
    _require(_is_text(records), 'a record is not text')
    _require(all(f.more for f in frames[:-1]), 'a frame after the last')
    if not frames:
        return 'incomplete'
    return _read_models(records) if records else 'no record'


def _read_models(records):
    outcomes = set()
    for record in records[:50]:
        for model in _MODELS:
            try:
                found = model.from_record(record)
            except models.RecordError as error:
                check_message(str(error))
            else:
                _check_model(found)
                outcomes.add(model.__name__)
    return 'records: ' + ('+'.join(sorted(outcomes)) or 'not of ours')


def _check_model(found):
    numbers = [value for value in vars(found).values()
               if isinstance(value, int)] if hasattr(
                   found, '__dict__') else [
        getattr(found, field.name) for field in dataclasses.fields(found)
        if isinstance(getattr(found, field.name), int)]
    _require(all(abs(number) < 10 ** 19 for number in numbers),
             f'a number out of range: {str(found)[:300]}')
    if isinstance(found, models.Pool):
        _require(min(found.total, found.used, found.provisioned,
                     found.pool_id, found.free) >= 0, 'less than nothing')
    if isinstance(found, (models.Volume, models.Snapshot)):
        _require(found.size >= 0 and found.pool_id >= 0, 'negative size')
        _require(all(c in '0123456789abcdefABCDEF' for c in found.wwn),
                 'wwn')


class _Socket:
    """A socket that has received all it will."""

    def __init__(self, data):
        self._data = data
        self._place = 0

    def settimeout(self, seconds):
        _require(seconds, 'would wait for ever')

    def send(self, data):
        return len(data)

    def recv(self, size):
        start, self._place = self._place, self._place + size
        return self._data[start:self._place]

    def getsockopt(self, *option):
        return b'\0'

    def close(self):
        self._data = b''


def _array(carrier):
    return array.Array(client.Client(
        [ENDPOINT], lambda endpoint: carrier, 2), 2)


def _checked_volume(found):
    _require(found is None or found.name == NAME, 'another volume')


def _checked_path(path):
    _require(path == '' or path.startswith('/') and path.isprintable()
             and '..' not in path.split('/') and ' ' not in path,
             f'a path: {path!r}')


def _checked_names(found):
    _require(all(map(names.is_legal, found)), f'a name: {found}'[:200])


def _checked_qos(found):
    _require(found is None or names.is_legal(found.name), 'a name')


def _listed(made):
    """List what can be managed, as Cinder's API shows it."""
    for found in made.queries.volumes_of_pool(0):
        for text in str(manage._entry(
                found, {}, manage._volume_info(found))).split('\n'):
            check_message(text)


_CALLS = (
    lambda made: _checked_volume(made.queries.volume(NAME)),
    lambda made: _checked_volume(made.queries.snapshot(NAME)),
    lambda made: made.queries.pools(),
    lambda made: _checked_names(made.queries.snapshots_of(NAME)),
    lambda made: _checked_path(made.hosts.attach(NAME, ENDPOINT)),
    lambda made: _checked_qos(made.queries.qos_of(NAME)),
    _listed,
    lambda made: made.volumes.create(NAME, 0, 1024, True),
    lambda made: made.volumes.delete(NAME),
)


def _call(carrier, data):
    """Have a whole array ask, and get the same answer to everything."""
    call = _CALLS[len(data) % len(_CALLS)]
    try:
        call(_array(carrier))
    except exceptions.DSWareError as error:
        return _failed(error)
    return 'done'


def answers(data):
    """Give every request of an array the same bytes as its answer."""
    with mock.patch.object(dialer.Dialer, 'connect',
                           lambda *_args: (_Socket(data), None)):
        return _call(transport.SocketTransport(
            ENDPOINT, connections.SocketSettings('192.0.2.10')), data)


_VERSION = b'{"result": 0, "currentVersion": "v1.3"}'
_FIRST = b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n' \
    b'\r\n%s' % (len(_VERSION), _VERSION)


def rest_answers(data):
    """Give every request but the first one to a manager the same bytes."""
    streams = itertools.chain([_FIRST], itertools.repeat(data))
    # After each answer the manager hangs up.
    with mock.patch.object(
            dialer.Dialer, 'connect',
            lambda *_args: (_Socket(next(streams)), None)), mock.patch.object(
            rest_http._Connection, 'is_connected', False):
        return _call(rest_transport.RESTTransport(ENDPOINT), data)


def _executor(data):
    head, _newline, text = data.partition(b'\n')
    text = os.fsdecode(text)

    def execute(*argv, **kwargs):
        if len(head) % 3:
            return os.fsencode(text), b''
        raise processutils.ProcessExecutionError(
            stdout=text, stderr=text[::-1],
            exit_code=len(text) % 140 - 10, cmd=text)

    return execute


def cli_answers(data):
    """Give every run of the driver's fsc_cli the same output."""
    code, _newline, printed = data.partition(b'\n')

    def run(*args, **kwargs):
        return len(code) % 3, printed, printed[::-1]

    return _call(cli_transport.CLITransport(ENDPOINT, '192.0.2.10', run),
                 data)


def request(data):
    """Send arguments that nobody checked; they are read back as they were.

    By the other codec, so that no mistake is undone by its own opposite.
    """
    parts = os.fsdecode(data).split('=')
    args = dict(zip(parts[::2], parts[1::2]))
    try:
        sent = protocol.encode_request(1, parts[0], parts[-1], args)
    except protocol.LocalProtocolError as error:
        return _failed(error)
    buffer = codec.FrameBuffer(codec.MAX_REQUEST)
    buffer.feed(sent)
    payload = buffer.next_payload()
    _require(payload is not None and not len(buffer), 'not one frame')
    try:
        found = codec.decode_request(payload)
    except codec.ProtocolError:
        _require(not parts[0], 'what was sent cannot be read')
        return 'no op'
    _require((found.op, found.args) == (
        parts[0], {'manage_ip': parts[-1], **args}), 'it was changed')
    return 'sent'


def command(data):
    """Put arguments that nobody checked on a command line."""
    parts = os.fsdecode(data).split('=')
    args = dict(zip(parts[1::2], parts[2::2]))
    try:
        argv = fsc_cli.command('fsc_cli', parts[0], parts[-1], parts[-1],
                               10519, args)
    except fsc_cli.ArgumentError as error:
        return _failed(error)
    _require(len(argv) == 9 + 2 * len(args), 'more or fewer arguments')
    _require(not any(value.startswith('-') or not value.isprintable()
                     or set(value) & set(' ;\'"$`&|<>\\=*?~')
                     for value in argv[2::2]), 'a value that is none')
    return 'built'


# The connector -------------------------------------------------------------

def printed(data):
    """Read what fsc_cli printed, whole and in parts."""
    op, _newline, text = os.fsdecode(data).partition('\n')
    if op not in _OPS:
        op = _OPS[len(data) % len(_OPS)]
    outcome, whole = _outputs(lambda: [fsc_cli.parse(op, text)])
    others, parts = _outputs(lambda: list(
        fsc_cli.parse_in_parts(op, os.fsencode(text), 3)))
    _require(outcome == others, f'{outcome} whole, {others} in parts')
    records = [record for part in whole for record in part.records]
    _require(_is_text(records), 'a record is not text')
    _require([record for part in parts for record in part.records]
             == records, 'other records in parts')
    return outcome


def _outputs(parse):
    try:
        outputs = parse()
    except fsc_cli.OutputError as error:
        return _failed(error), []
    for output in outputs:
        check_message(output.desc)
    return 'records' if outputs[0].records else 'no record', outputs


def sds(data):
    """Read what sds_cli printed."""
    try:
        output = sds_cli.parse(os.fsdecode(data))
    except fsc_cli.OutputError as error:
        return _failed(error)
    check_message(output.desc)
    _checked_path(output.device)
    return 'device' if output.device else 'no device'


def program(data):
    """Let the connector run a program that says anything."""
    made = programs.FSCCli(_executor(data), 'fsc_cli', 60,
                           programs.Target('192.0.2.10', '192.0.2.1'))
    calls = (made.attach, made.detach, made.describe,
             lambda name: made.call('getDSwareIdentifier')[0],
             lambda name: made.call('queryAllVolume', poolId='0')[0])
    try:
        found = calls[len(data) % len(calls)](NAME)
    except brick_exceptions.DSWareError as error:
        return _failed(error)
    check_message(found.text)
    _checked_path(found.device)
    return found.kind


class Ledger:
    """Read a record of a ledger that somebody has damaged.

    :param directory: a directory for it
    """

    def __init__(self, directory):
        self._ledger = ledgers.Ledger(directory, 'boot', directory)
        self._path = self._ledger.record(NAME)
        os.makedirs(os.path.dirname(self._path), exist_ok=True)

    def __call__(self, data):
        with open(self._path, 'wb') as stream:
            stream.write(data)
        try:
            users = self._ledger.users(NAME)
        except brick_exceptions.DSWareError as error:
            return _failed(error)
        for user in users:
            self._ledger.gone(user)
        return 'users' if users else 'no user'


def connection(data):
    """Read connection properties as a service got them in JSON."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        found = {'volume_name': NAME, 'wwn': os.fsdecode(data)}
    try:
        made = properties.Connection.from_dict(found)
    except brick_exceptions.DSWareError as error:
        return _failed(error)
    _require(names.is_legal(made.volume), 'a name')
    return 'connection'


# The simulator -------------------------------------------------------------

def simulator(data):
    """Read a request as the simulator does."""
    buffer = codec.FrameBuffer(codec.MAX_REQUEST)
    buffer.feed(mutations.framed(data))
    try:
        payload = buffer.next_payload()
        if payload is None:
            return 'incomplete'
        found = codec.decode_request(payload)
    except codec.ProtocolError as error:
        return _failed(error)
    operation = rules.OPERATIONS.get(found.op)
    if operation is None:
        return 'no such operation'
    try:
        arguments.parse(operation, found.args)
    except codes.Refused:
        return 'refused'
    return 'accepted'


@dataclasses.dataclass(frozen=True)
class Target:
    """Something to throw input at.

    :param run: takes bytes, gives the class of the outcome
    :param corpora: the directories of its seeds
    :param framed: whether seeds are frames, which keep their lengths right
    """

    run: object
    corpora: tuple
    framed: bool = False


def targets(directory) -> dict:
    """Make all targets.

    :param directory: where those that need files may have them
    :returns: targets by name
    """
    return {
        'driver: frames and records': Target(
            reply, ('reply', 'session'), True),
        'driver: a whole array, socket': Target(
            answers, ('reply', 'session'), True),
        'driver: a whole array, REST': Target(rest_answers, ('rest',)),
        'driver: a whole array, fsc_cli': Target(cli_answers, ('cli',)),
        'driver: requests': Target(request, ('arguments', 'request')),
        'driver: command lines': Target(command, ('arguments', 'request')),
        'connector: fsc_cli': Target(printed, ('cli',)),
        'connector: sds_cli': Target(sds, ('sds',)),
        'connector: a whole run': Target(program, ('cli',)),
        'connector: ledger': Target(Ledger(directory), ('ledger',)),
        'connector: connection properties': Target(
            connection, ('connection',)),
        'simulator: requests': Target(simulator, ('request',)),
    }
