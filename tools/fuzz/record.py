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
(frames of a socket's replies) and ``cli`` (what fsc_cli prints).
"""

import io
import os
import pathlib
import re
import socket
import struct

from dsware_sim import codec
from dsware_sim.host import fsc_cli
from dsware_sim import testing

CORPUS = pathlib.Path(__file__).with_name('corpus')
# The simulator's plain files stand for devices.
_DEVICE = re.compile(rb'(?<=devName=)[^\],\s]+')
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
    ('queryPoolInfo', {'poolId': 1}),
    ('queryPoolInfo', {'poolId': 7}),
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


if __name__ == '__main__':
    main()
