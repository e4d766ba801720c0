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
"""The simulated ``fsc_cli``.

A command line that talks to the agent of its host, which in the simulator is
the agent at ``--ip``, over a unix socket that has the framing of the socket
interface without TLS and sign-in, and prints what the vendor's command line
prints. It is copied into the state directory and runs there as a program of
its own (``python -I -S``): it must start fast, so it imports nothing but
modules that are compiled into the interpreter, and nothing of this package.

The exit status is 0 when the cluster answered, whatever the result code, and
1 when there is no answer; then nothing is printed but a message on stderr.
"""

import _socket
import posix
import sys

SOCKET_NAME = 'agent-%s'
_COMMAND_FORMAT_ERROR = 50510012
_MAX_REPLY = 1048576
_ADDRESS = frozenset('0123456789abcdefABCDEF.:')
_KEY = frozenset('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'
                 '0123456789_')
_GARBAGE = ('Segmentation fault (core dumped)\n'
            'resul\x00t=zero\nDSwareAttachResult [resu\n')


class Malformed(Exception):
    """The command line is not well formed."""


class NoAnswer(Exception):
    """The agent gave no answer that can be understood."""


def parse(argv):
    """Read the command line.

    :param argv: the arguments, without the program's name
    :returns: (address of the agent, manager, operation, other arguments)
    :raises Malformed: it is not ``--key value ...`` with all that is needed
    """
    if len(argv) % 2:
        raise Malformed('%s has no value' % argv[-1])
    options = {}
    for key, value in zip(argv[::2], argv[1::2]):
        name = key[2:]
        if not key.startswith('--') or not name or set(name) - _KEY:
            raise Malformed('%s is not an option' % key)
        if name in options:
            raise Malformed('%s is given twice' % key)
        options[name] = value
    for name in ('manage_ip', 'ip', 'op'):
        if not options.get(name):
            raise Malformed('--%s is missing' % name)
    port = options.pop('port', '10519')
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise Malformed('--port %s is no port' % port)
    return (options.pop('ip'), options.pop('manage_ip'), options.pop('op'),
            options)


def encode(value):
    """Write a value as it stands on a line of a request.

    :param value: a text
    :returns: str with the reserved bytes written as %XX
    """
    return ''.join(
        '%%%02X' % ord(char) if char in '%,\x7f' or char < ' ' else char
        for char in value)


def decode(value):
    """Undo :func:`encode`.

    :param value: a text from a reply
    :returns: str
    """
    if '%' not in value:
        return value
    head, *parts = value.encode().split(b'%')
    return (head + b''.join(bytes((int(part[:2], 16),)) + part[2:]
                            for part in parts)).decode()


def request(manager, operation, options):
    """Write the request.

    :param manager: address of the manager
    :param operation: name of the operation
    :param options: dict of its arguments
    :returns: the frame's bytes
    """
    lines = ['seq=1', 'op=' + encode(operation),
             'manage_ip=' + encode(manager)]
    lines += [key + '=' + encode(value) for key, value in options.items()]
    payload = '\n'.join(lines).encode('utf-8', 'surrogateescape')
    return len(payload).to_bytes(4, 'big') + payload


def _receive(connection, count):
    data = b''
    while len(data) < count:
        part = connection.recv(min(count - len(data), 65536))
        if not part:
            raise NoAnswer('the agent closed the connection')
        data += part
    return data


def replies(connection):
    """Read the frames of a reply.

    :param connection: a connected socket
    :returns: iterator of (dict of header lines, list of record lines)
    :raises NoAnswer: what came is not a reply
    """
    more = True
    while more:
        length = int.from_bytes(_receive(connection, 4), 'big')
        if not 0 < length <= _MAX_REPLY:
            raise NoAnswer('the agent sent a frame of %d bytes' % length)
        head, _, body = _receive(connection, length).decode().partition(
            '\n\n')
        header = dict(line.split('=', 1) for line in head.split('\n'))
        if header.get('seq') != '1' or 'result' not in header:
            raise NoAnswer('the agent answered something else')
        yield header, body.split('\n') if body else []
        more = header.get('more') == '1'


def _record(operation, result, line):
    fields = [field.split('=', 1) for field in line.split(',')]
    if operation == 'queryVolumeQoSInfo':
        return ''.join('%s:%s\n' % (key, decode(value))
                       for key, value in fields)
    text = ','.join(key + '=' + decode(value) for key, value in fields)
    if operation == 'attachVolume':
        return 'DSwareAttachResult [result=%s, %s]\n' % (result, text)
    return text + '\n'


def show(operation, frames, out):
    """Print a reply.

    :param operation: name of the operation
    :param frames: iterator of what :func:`replies` yields
    :param out: where to print
    """
    first = True
    for header, lines in frames:
        if 'cliGarbage' in header:
            out.write(_GARBAGE)
            return
        if first:
            out.write('result=%d\n' % int(header['result']))
            if 'desc' in header:
                desc = decode(header['desc']).replace('\n', ' ')
                out.write('desc=%s\n' % desc)
            first = False
        out.write(''.join(_record(operation, header['result'], line)
                          for line in lines))


def _connect(connection, directory, address):
    """Connect to an agent, or say why there is none."""
    try:
        connection.connect(directory + '/' + SOCKET_NAME % address)
    except FileNotFoundError:
        raise NoAnswer('no agent listens at %s; %s'
                       % (address, _who_listens(directory)))
    except ConnectionRefusedError:
        raise NoAnswer('the agent at %s does not listen' % address)


def _who_listens(directory):
    try:
        entries = posix.listdir(directory)
    except FileNotFoundError:
        return 'the simulator does not run'
    prefix = SOCKET_NAME % ''
    agents = sorted(entry.removeprefix(prefix) for entry in entries
                    if entry.startswith(prefix))
    return 'agents of this cluster: ' + ', '.join(agents)


def ask(directory, address, manager, operation, options):
    """Ask an agent.

    :param directory: where the agents' sockets are
    :param address: address of the agent
    :param manager: address of the manager
    :param operation: name of the operation
    :param options: dict of its arguments
    :returns: iterator of what :func:`replies` yields
    :raises OSError: the agent cannot be reached
    :raises NoAnswer: the agent gave no answer
    """
    if set(address) - _ADDRESS:
        raise NoAnswer('%s is not the IP address of an agent' % address)
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        _connect(connection, directory, address)
        connection.sendall(request(manager, operation, options))
        yield from replies(connection)
    finally:
        connection.close()


def run(argv, directory, out):
    """Carry out a command line.

    :param argv: the arguments, without the program's name
    :param directory: where the agents' sockets are
    :param out: where to print
    :raises OSError: the agent cannot be reached
    :raises NoAnswer: the agent gave no answer
    """
    try:
        address, manager, operation, options = parse(argv)
    except Malformed as error:
        out.write('result=%d\ndesc=malformed command: %s\n'
                  % (_COMMAND_FORMAT_ERROR, error))
        return
    show(operation, ask(directory, address, manager, operation, options), out)


def main(argv, directory):
    """Be the program.

    :param argv: the arguments, without the program's name
    :param directory: where the agents' sockets are
    :returns: exit status
    """
    try:
        run(argv, directory, sys.stdout)
        sys.stdout.flush()
    except (OSError, NoAnswer, ValueError) as error:
        sys.stderr.write('fsc_cli: no answer from the agent: %s\n' % error)
        return 1
    return 0
