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

"""Measures all jobs in one thread world, and prints a line for each.

Run by the benchmark as ``python -m functional.bench.child SETTINGS``, with
the settings in JSON. A process of its own, because eventlet patches once.
"""

import json
import sys

SETTINGS = json.loads(sys.argv[1])
if SETTINGS['threads'] == 'eventlet':
    import eventlet
    eventlet.monkey_patch()

import dataclasses  # noqa: E402
import itertools  # noqa: E402

from oslo_config import cfg  # noqa: E402

from cinder import objects  # noqa: E402
from cinder.volume.drivers.dsware.client import protocol  # noqa: E402

from functional.bench import drivers  # noqa: E402
from functional.bench import echo  # noqa: E402
from functional.bench import measure  # noqa: E402

CONF = cfg.CONF


def _driver(transport, workers):
    return drivers.make(f'{transport}-{workers}', SETTINGS['agents'],
                        dsware_transport=transport,
                        dsware_max_connections=workers)


def _query(dsware, volume):
    return lambda: dsware.get_pool(volume)


def _create_delete(dsware):
    def operation():
        volume = drivers.new_volume()
        dsware.create_volume(volume)
        dsware.delete_volume(volume)
    return operation


def _echo(frame):
    sock = echo.connect(*SETTINGS['echo'])
    return lambda: echo.call(sock, frame)


def _jobs(workers, volume):
    frame = protocol.encode_request(1, 'queryVolume',
                                    SETTINGS['agents'][0][0],
                                    {'volName': volume.name})
    yield 'echo', [_echo(frame) for _n in range(workers)]
    for transport in SETTINGS['transports']:
        dsware = _driver(transport, workers)
        yield f'{transport} query', [_query(dsware, volume)] * workers
        yield f'{transport} create+delete', [
            _create_delete(dsware) for _n in range(workers)]


def main():
    CONF([], project='cinder')
    objects.register_all()
    volume = drivers.new_volume()
    maker = _driver('socket', 1)
    maker.create_volume(volume)
    try:
        jobs = itertools.chain.from_iterable(
            _jobs(workers, volume) for workers in SETTINGS['workers'])
        for job, operations in jobs:
            result = measure.measure(job, SETTINGS['threads'], operations,
                                     SETTINGS['seconds'])
            print(json.dumps(dataclasses.asdict(result)), flush=True)
    finally:
        maker.delete_volume(volume)


if __name__ == '__main__':
    main()
