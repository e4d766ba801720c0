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

"""Operations a second, with many workers, in both thread worlds."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile

from dsware_sim import testing
from dsware_sim.tests import certificates
from functional.bench import measure
from tools import secret_marks

_ADDRESS = '127.0.0.1'
_USER = 'cinder'
# What is compared, with native threads and one worker: job, floor, number, and
# the most that their ratio is to be.
_AIMS = (('socket query', 'bare client', 'p50', 2.0),
         ('socket query', 'bare client', 'cpu', 3.0),
         ('rest query', 'bare requests', 'p50', 1.3),
         ('cli query', 'bare fsc_cli', 'p50', 1.8))
_COLUMNS = ('{:<22} {:<9} {:>7} {:>9} {:>9} {:>10} {:>9} {:>7} {:>7} {:>7}')


DESCRIPTION = (
    'Measures single operations, with both ends on one processor. The last '
    'three columns are ratios to a bare client, or a bare fsc_cli, with the '
    'same threads and workers.')


def add_arguments(parser):
    """Add what this command can be told."""
    parser.add_argument('--seconds', type=float, default=5.0,
                        help='how long each job is measured (%(default)s)')
    parser.add_argument('--rounds', type=int, default=5,
                        help='in how many turns; the medians are shown '
                             '(%(default)s)')
    parser.add_argument('--workers', type=int, nargs='+',
                        default=[1, 16, 64])
    parser.add_argument('--threads', nargs='+', default=['native',
                                                         'eventlet'],
                        choices=['native', 'eventlet'])
    parser.add_argument('--transports', nargs='+',
                        default=['socket', 'cli', 'rest'],
                        choices=['socket', 'cli', 'rest'])


def _table(results):
    found = {(r.job, r.threads, r.workers): r for r in results}
    yield _COLUMNS.format('job', 'threads', 'workers', 'ops/s', 'p50 us',
                          'p99 us', 'CPU us/op', 'p50 x', 'p99 x', 'CPU x')
    for r in sorted(results, key=lambda r: (r.threads, r.workers)):
        base = found[r.floor, r.threads, r.workers]
        yield _COLUMNS.format(
            r.job, r.threads, r.workers, f'{r.rate:.0f}', f'{r.p50:.0f}',
            f'{r.p99:.0f}', f'{r.cpu:.0f}', f'{r.p50 / base.p50:.2f}',
            f'{r.p99 / base.p99:.2f}', f'{r.cpu / base.cpu:.2f}')
    yield ''
    yield from _aims(found)


def _aims(found):
    """Compare with the aims, as far as it was measured."""
    for job, floor, number, aim in _AIMS:
        with contextlib.suppress(KeyError):
            one, other = (found[name, 'native', 1] for name in (job, floor))
            ratio = getattr(one, number) / getattr(other, number)
            yield '%s / %s, %s, 1 worker: %.2f (aim: at most %s, %s)' % (
                job, floor, number, ratio, aim, _kept(ratio <= aim))
    with contextlib.suppress(KeyError):
        one, many = (found['socket query', 'native', workers].rate
                     for workers in (1, 16))
        yield ('socket query, operations a second, 16 workers / 1: %.2f '
               '(aim: at least 1.0, %s)' % (many / one, _kept(many >= one)))


def _kept(is_kept):
    return 'kept' if is_kept else 'not kept'


def _run_child(settings, environment, log):
    command = [sys.executable, '-W', 'ignore', '-m', 'functional.bench.child']
    with subprocess.Popen(command, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=log,
                          env=environment, text=True) as child:
        # A password is in it, which no list of processes is to show.
        child.stdin.write(json.dumps(settings))
        child.stdin.close()
        for line in child.stdout:
            result = measure.Result(**json.loads(line))
            print(f'{result.threads}, {result.workers} workers, '
                  f'{result.job}: {result.rate:.0f}/s', file=sys.stderr)
            yield result
    if child.returncode:
        log.seek(0)
        sys.exit(f'measuring failed:\n{log.read()[-4000:]}')


def _measure(arguments, simulator, rest, echo_port, log):
    environment = dict(os.environ, PATH=(
        f'{simulator.bin}{os.pathsep}{os.environ["PATH"]}'))
    for threads in arguments.threads:
        yield from _run_child(
            {'threads': threads, 'seconds': arguments.seconds,
             'rounds': arguments.rounds,
             'workers': arguments.workers, 'echo': [_ADDRESS, echo_port],
             'transports': arguments.transports,
             'agents': simulator.agents, **rest}, environment, log)


@contextlib.contextmanager
def _simulator():
    """Start a simulator, with TLS for REST only.

    :returns: a context manager; gives it, and the settings for REST
    """
    password = secret_marks.secret('bench')
    with tempfile.TemporaryDirectory() as directory:
        authority = certificates.Authority(directory, 'authority')
        cert, key = authority.issue('manager', [_ADDRESS])
        with testing.Simulator(
                agents=2, devices='file',
                rest=(_ADDRESS, 0), tls={
                    'cert': cert, 'key': key, 'only_rest': True}) as made:
            yield made, {'manager': made.manager,
                         'rest': {'san_login': _USER, 'san_password': password,
                                  'driver_ssl_cert_path': authority.path}}


def table(arguments):
    """Measure, and give the lines of the table.

    :param arguments: see add_arguments()
    """
    # For all processes of the run.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with (_simulator() as (simulator, rest),
          tempfile.TemporaryFile('w+') as log,
          subprocess.Popen([sys.executable, '-m', 'functional.bench.echo',
                            _ADDRESS], stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE, text=True) as echo):
        port = int(echo.stdout.readline())
        try:
            results = list(_measure(arguments, simulator, rest,
                                    port, log))
        finally:
            echo.stdin.close()
    return _table(results)
