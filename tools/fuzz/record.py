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

"""Record what a simulated cluster says, for the fuzzer to start from.

``python -m tools.fuzz.record`` writes the corpus directories ``session``
(frames of a socket's replies), ``cli`` (what fsc_cli prints) and ``rest``
(answers of the manager).
"""

import io
import json
import os
import pathlib
import re
import socket
import struct

from cinder.volume.drivers.dsware.client import rest_calls
from cinder.volume.drivers.dsware.client import rest_http
from cinder.volume.drivers.dsware.client import rest_session
from dsware_sim import codec
from dsware_sim.host import fsc_cli
from dsware_sim import testing

CORPUS = pathlib.Path(__file__).with_name('corpus')
# The simulator's plain files stand for devices.
_DEVICE = re.compile(rb'(?<=devName=)[^\],\s]+')
_REST_DEVICE = re.compile(rb'(?<="devName": ")[^"]+')
_LENGTH = re.compile(rb'Content-Length: \d+\r\n')
_TOKEN = re.compile(r'^X-Auth-Token: (\S+)', re.IGNORECASE | re.MULTILINE)
_LIMITS = {'maxIOPS': 100, 'readLimitMBPS': 7}
OPERATIONS = (
    ('getDSwareIdentifier', {}),
    ('createVolume', {'volName': 'volume-1', 'poolId': 0, 'volSize': 1024,
                      'thinFlag': 1}),
    ('createVolume', {'volName': 'volume-1', 'poolId': 0, 'volSize': 1024,
                      'thinFlag': 1}),
    ('createSnapshot', {'volName': 'volume-1', 'snapName': 'snapshot-1',
                        'smartFlag': 0}),
    ('createVolumeFromSnap', {'volName': 'volume-2', 'volSize': 2048,
                              'snapNameSrc': 'snapshot-1'}),
    ('queryVolume', {'volName': 'volume-1'}),
    ('queryVolume', {'volName': 'volume-9'}),
    ('querySnapshot', {'snapName': 'snapshot-1'}),
    ('queryAllVolume', {'poolId': 0}),
    ('queryAllSnapshot', {'poolId': 0}),
    ('querySnapOfVolume', {'volName': 'volume-1'}),
    ('queryVolumeOfSnap', {'snapName': 'snapshot-1'}),
    ('queryAllPoolInfo', {}),
    ('createQoS', {'qosName': 'volume-1.qos', **_LIMITS}),
    ('associateQoSWithVolume', {'qosName': 'volume-1.qos',
                                'volName': 'volume-1'}),
    ('queryVolumeQoSInfo', {'volName': 'volume-1'}),
    ('queryVolumeQoSInfo', {'volName': 'volume-2'}),
    ('attachVolume', {'volName': 'volume-1'}),
    ('attachVolume', {'volName': 'volume-1'}),
    ('deleteVolume', {'volName': 'volume-1'}),
    ('detachVolume', {'volName': 'volume-1'}),
    ('nonsense', {'volName': 'a\n\x1b[2J%,='}),
)


def _replies(address):
    """Carry the operations out, each over a connection of its own.

    :param address: of an agent
    :returns: (operation, request, frames of the reply), one after another
    """
    for op, args in OPERATIONS:
        with socket.create_connection(address) as connection:
            stream = connection.makefile('rb')
            request = codec.encode_request(1, op, '192.0.2.10', args)
            connection.sendall(request)
            frames, more = b'', True
            while more:
                length, = struct.unpack('>I', stream.read(4))
                payload = stream.read(length)
                frames += codec.frame(_DEVICE.sub(b'/dev/sdb', payload))
                more = codec.decode_reply(payload).more
            yield op, request[4:], frames


def _printed(simulator):
    run_dir = os.path.dirname(simulator.ready['control'])
    for op, args in OPERATIONS:
        argv = ['--manage_ip', '192.0.2.10', '--ip', simulator.agents[0][0],
                '--op', op]
        for key, value in args.items():
            argv += [f'--{key}', str(value)]
        output = io.StringIO()
        fsc_cli.run(argv, run_dir, output)
        yield op, output.getvalue()


class _Answers:
    """Calls a manager, and keeps what it answers."""

    def __init__(self, address):
        self._address = address
        self._token = ''
        self.answers = []
        self('POST', 'sec/login', {'userName': 'user', 'password': 'any'})
        self._token, = _TOKEN.findall(self.answers.pop().decode())

    def __call__(self, method, path, body):
        """Make one call, as the functions of the operations want it."""
        base = rest_session.BASE
        if not path.startswith('/'):
            path = f'{base}{rest_session.USUAL_VERSION}/{path}'
        data = b'' if body is None else json.dumps(body).encode()
        head = (f'{method} {path} HTTP/1.1\r\nHost: manager\r\n'
                f'Content-Length: {len(data)}\r\nConnection: close\r\n'
                'Content-Type: application/json\r\n'
                f'X-Auth-Token: {self._token}\r\n'
                f'Referer: https://manager{base}\r\n\r\n')
        with socket.create_connection(self._address) as connection:
            connection.sendall(head.encode() + data)
            answer = connection.makefile('rb').read()
        # Without a length what is changed later can still be read.
        self.answers.append(_LENGTH.sub(b'', _REST_DEVICE.sub(
            b'/dev/sdb', answer)))
        text = answer.partition(b'\r\n\r\n')[2]
        return rest_session.read(rest_http.Answer(
            int(answer.split()[1]), {}, json.loads(text), False))

    def pauses(self, seconds):
        """Look once."""
        yield 0.0


def _answered(manager, agent):
    """Carry out what REST has of the operations."""
    for op, args in OPERATIONS:
        operation = rest_calls.OPERATIONS.get(op)
        if operation:
            call = _Answers(manager)
            try:
                list(operation(call, {'host': agent, **args}))
            except rest_session.Refused:
                # What a refusal looks like is wanted, too.
                pass
            yield op, call.answers[0]


def _save(kind, number, op, data):
    directory = CORPUS / kind
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f'{number:02d}-{op}').write_bytes(data)


def main():
    """Record everything once."""
    with testing.Simulator(agents=1, devices='file') as simulator:
        for number, (op, request, reply) in enumerate(
                _replies(simulator.agents[0])):
            _save('request', number, op, request)
            _save('session', number, op, reply)
    with testing.Simulator(agents=1, devices='file') as simulator:
        for number, (op, text) in enumerate(_printed(simulator)):
            _save('cli', number, op, _DEVICE.sub(
                b'/dev/sdb', f'{op}\n{text}'.encode()))
    with testing.Simulator(agents=1, devices='file', rest=True) as simulator:
        for number, (op, answer) in enumerate(
                _answered(simulator.manager, simulator.agents[0][0])):
            _save('rest', number, op, answer)


if __name__ == '__main__':
    main()
