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

"""What it costs to list the volumes of a pool that can be managed.

Each measurement is made in a process of its own, so that its peak of memory is
its own: ``python -m functional.bench.listing SETTINGS``, in JSON.
"""

import concurrent.futures
import contextlib
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

from oslo_config import cfg

from cinder.db import migration
from cinder import objects

from dsware_sim import testing
from functional.bench import drivers

CONF = cfg.CONF
_POOL = 0
_PAGE = 1000
_COLUMNS = '{:<28} {:>9} {:>8} {:>14}'


DESCRIPTION = (
    'Measures the listing of manageable volumes. The ratio is to the bare '
    'listing over the same transport.')


def _driver(agents, transport):
    return drivers.make(transport, agents, dsware_transport=transport,
                        dsware_request_timeout=600, dsware_pools=[_POOL])


def _use_database(path):
    """Have the driver look there for the owners of what it lists."""
    CONF.set_override('connection', f'sqlite:///{path}', group='database')


def _make_database(path):
    CONF([], project='cinder')
    _use_database(path)
    migration.db_sync()


def _jobs(dsware, volumes):
    def bare():
        found = sum(1 for _volume in
                    dsware._array.queries.volumes_of_pool(_POOL))
        if found != volumes:
            raise SystemExit(f'{found} of {volumes} volumes are listed')

    def page(offset, keys, dirs):
        return lambda: dsware.get_manageable_volumes(
            [], None, _PAGE, offset, keys, dirs)

    return {
        'bare listing': bare,
        'first page by name': page(0, ['reference'], ['asc']),
        'first page by size': page(0, ['size', 'reference'],
                                   ['desc', 'desc']),
        'page in the middle': page(volumes // 2, ['reference'], ['asc']),
        'last page by name': page(volumes - _PAGE, ['reference'], ['asc']),
    }


def _memory(what):
    with open('/proc/self/status') as status:
        for line in status:
            if line.startswith(what):
                return int(line.split()[1]) / 1024
    raise LookupError(what)


def _forget_peak():
    """Begin to measure anew; starting has its own peak."""
    with open('/proc/self/clear_refs', 'w') as clear:
        clear.write('5')


def _measure_here(settings):
    """Measure one job; prints the seconds of each time and the peak."""
    CONF([], project='cinder')
    _use_database(settings['database'])
    drivers.use_daemon(os.path.dirname(settings['database']))
    objects.register_all()
    dsware = _driver(settings['agents'], settings['transport'])
    dsware.get_volume_stats(True)
    gc.collect()
    _forget_peak()
    idle = _memory('VmRSS')
    job = _jobs(dsware, settings['volumes'])[settings['job']]
    times = []
    for _n in range(settings['times']):
        start = time.monotonic()
        job()
        times.append(time.monotonic() - start)
    print(json.dumps({'times': times, 'memory': _memory('VmHWM') - idle}))


def _measure(settings, environment):
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-m', 'functional.bench.listing',
         json.dumps(settings)], check=True, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return json.loads(done.stdout)


def _fill(simulator, volumes):
    """Make the volumes, a few at a time."""
    array = _driver(simulator.agents, 'socket')._array

    def make(number):
        array.client.call('createVolume', poolId=_POOL, thinFlag=1,
                          volName=f'volume-of-somebody-{number:08}',
                          volSize=1024 + number % 4096)

    with concurrent.futures.ThreadPoolExecutor(4) as workers:
        for _done in workers.map(make, range(volumes)):
            pass


def _table(arguments, simulator, database):
    environment = dict(os.environ, PATH=(
        f'{simulator.bin}{os.pathsep}{os.environ["PATH"]}'))
    yield _COLUMNS.format('job', 'seconds', 'ratio', 'MiB above idle')
    for transport in arguments.transports:
        floor = None
        for job in _jobs(None, 0):
            settings = {'job': job, 'transport': transport,
                        'volumes': arguments.volumes,
                        'times': arguments.times,
                        'agents': simulator.agents,
                        'database': database}
            found = _measure(settings, environment)
            seconds = statistics.median(found['times'])
            floor = floor or seconds
            yield _COLUMNS.format(
                f'{transport} {job}', f'{seconds:.2f}',
                f'{seconds / floor:.2f}', f'{found["memory"]:.0f}')


def add_arguments(parser):
    """Add what this command can be told."""
    parser.add_argument('--volumes', type=int, default=100_000)
    parser.add_argument('--times', type=int, default=5)
    parser.add_argument('--transports', nargs='+',
                        default=['socket', 'cli'],
                        choices=['socket', 'cli'])


def table(arguments):
    """Measure, and give the lines of the table.

    :param arguments: see add_arguments()
    """
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        database = os.path.join(directory, 'cinder.sqlite')
        _make_database(database)
        simulator = stack.enter_context(testing.Simulator(
            agents=2, devices='file', pools={_POOL: 10 ** 9}))
        _fill(simulator, arguments.volumes)
        return list(_table(arguments, simulator, database))


if __name__ == '__main__':
    _measure_here(json.loads(sys.argv[1]))
