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

Run by the benchmark as ``python -m functional.bench.child``, with the settings
in JSON on standard input. A process of its own, because eventlet patches once.
"""

import json
import sys

SETTINGS = json.load(sys.stdin)
if SETTINGS['threads'] == 'eventlet':
    import eventlet
    eventlet.monkey_patch()

import dataclasses  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402

from oslo_config import cfg  # noqa: E402

from cinder import objects  # noqa: E402
from cinder.volume.drivers.dsware.client import protocol  # noqa: E402

from functional.bench import bare  # noqa: E402
from functional.bench import drivers  # noqa: E402
from functional.bench import echo  # noqa: E402
from functional.bench import measure  # noqa: E402
from os_brick_dsware import fsc_cli  # noqa: E402

CONF = cfg.CONF
AGENTS = SETTINGS['agents']
MANAGER = SETTINGS['manager']
OPTIONS = {'rest': SETTINGS['rest']}
BARE = {'socket': 'bare client', 'cli': 'bare fsc_cli',
        'rest': 'bare requests'}


def _driver(transport, workers):
    return drivers.make(f'{transport}-{workers}',
                        [MANAGER] if transport == 'rest' else AGENTS,
                        dsware_transport=transport,
                        dsware_max_connections=workers,
                        **OPTIONS.get(transport, {}))


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


def _bare_client(name):
    client = bare.Client(*AGENTS[0])
    return lambda: client.call('queryVolume', volName=name)


def _bare_program(name):
    host, port = AGENTS[0]
    command = fsc_cli.command('fsc_cli', 'queryVolume', host, host, port,
                              {'volName': name})
    return lambda: subprocess.run(command, check=True,
                                  stdout=subprocess.DEVNULL)


def _bare_session(name):
    options = OPTIONS['rest']
    client = bare.RESTClient(*MANAGER, options['san_login'],
                             options['san_password'],
                             options['driver_ssl_cert_path'])
    return lambda: client.volume(name)


def _jobs(workers, volume):
    """Give jobs: name, name of the floor, one operation for each worker."""
    frame = protocol.encode_request(1, 'queryVolume', AGENTS[0][0],
                                    {'volName': volume.name})
    make_bare = {'socket': _bare_client, 'cli': _bare_program,
                 'rest': _bare_session}
    if 'socket' in SETTINGS['transports']:
        yield 'echo', BARE['socket'], [_echo(frame) for _n in range(workers)]
    for transport in SETTINGS['transports']:
        if transport == 'cli' and workers > 1:
            # Only processors are measured when many programs run at a time.
            continue
        floor = BARE[transport]
        dsware = _driver(transport, workers)
        yield floor, floor, [make_bare[transport](volume.name)
                             for _n in range(workers)]
        yield f'{transport} query', floor, [_query(dsware, volume)] * workers
        yield f'{transport} create+delete', floor, [
            _create_delete(dsware) for _n in range(workers)]


def _measure(jobs):
    """Measure jobs in turns, so that what disturbs them disturbs all."""
    rounds = [[measure.measure(name, floor, SETTINGS['threads'], operations,
                               SETTINGS['seconds'] / SETTINGS['rounds'])
               for name, floor, operations in jobs]
              for _n in range(SETTINGS['rounds'])]
    return map(measure.median, zip(*rounds))


def main():
    CONF([], project='cinder')
    objects.register_all()
    with tempfile.TemporaryDirectory() as directory:
        drivers.use_daemon(directory)
        _run()


def _run():
    volume = drivers.new_volume()
    maker = drivers.make('maker', AGENTS)
    maker.create_volume(volume)
    try:
        jobs = [job for workers in SETTINGS['workers']
                for job in _jobs(workers, volume)]
        for result in _measure(jobs):
            print(json.dumps(dataclasses.asdict(result)), flush=True)
    finally:
        maker.delete_volume(volume)


if __name__ == '__main__':
    main()
