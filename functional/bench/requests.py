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

"""How often the cluster is asked, and how late the end of a copy is seen."""

import time
import uuid

from oslo_config import cfg

from cinder import context
from cinder import objects
from dsware_sim import testing
from functional.bench import drivers

# Cinder's periodic task asks for statistics once in so many seconds.
_STATS_SECONDS = 60
# The end of a copy is to be noticed within the longer of both: seconds, and a
# share of the time that it took.
_LATE = 0.2
_LATE_SHARE = 0.1
_COPIES = ('createFullVolumeFromSnap', 'rollbackSnapshot')
_COLUMNS = '{:<14} {:>8} {:>9} {:>8} {:>5} {:>9} {:>9}  {}'

DESCRIPTION = (
    'Counts the requests of a volume that is created and deleted, of an idle '
    'backend, and of full copies and rollbacks, and measures how late the '
    'driver notices that these have ended.')


def add_arguments(parser):
    """Add what this command can be told."""
    parser.add_argument('--copies', type=float, nargs='+',
                        default=[0.5, 2, 10, 60], metavar='SECONDS',
                        help='how long the cluster copies (%(default)s)')


def _counted(control, job, *args):
    """Run a job; give its requests, numbers by operation."""
    before = control.counts()
    job(*args)
    asked = {op: count - before.get(op, 0)
             for op, count in control.counts().items()}
    return {op: count for op, count in asked.items() if count}


def _line(job, asked, minute='', copied='', late=None):
    """Make a line of the table.

    :param job: its name
    :param asked: numbers of requests by operation
    :param minute: requests a minute
    :param copied: seconds for which the cluster copied
    :param late: seconds after which the driver noticed the end
    """
    times = ('', '', '')
    if late is not None:
        allowed = max(_LATE, copied * _LATE_SHARE)
        times = (f'{late:.2f}', f'{allowed:.2f}',
                 'yes' if late <= allowed else 'no')
    return _COLUMNS.format(
        job, copied, *times, sum(asked.values()), minute,
        ', '.join(op if count == 1 else f'{count} {op}'
                  for op, count in asked.items()))


class _Watched:
    """Notes when the cluster began to copy."""

    def __init__(self, client):
        self._call = client.call
        self.began = None
        client.call = self.call

    def call(self, op, **kwargs):
        reply = self._call(op, **kwargs)
        if op in _COPIES:
            self.began = time.monotonic()
        return reply


def _snapshot(volume):
    return objects.Snapshot(
        context.get_admin_context(), id=str(uuid.uuid4()), volume=volume,
        volume_id=volume.id, volume_size=volume.size, provider_id=None,
        use_quota=True, progress='100%')


def _copies(dsware, control, watched, seconds):
    """Copy a volume, and roll it back."""
    volume, copy = drivers.new_volume(), drivers.new_volume()
    snapshot = _snapshot(volume)
    dsware.create_volume(volume)
    dsware.create_snapshot(snapshot)
    control.set(copy_seconds=seconds)
    for name, job in (
            ('full copy', lambda: dsware.create_volume_from_snapshot(
                copy, snapshot)),
            ('rollback', lambda: dsware.revert_to_snapshot(
                None, volume, snapshot))):
        asked = _counted(control, job)
        took = time.monotonic() - watched.began
        # The first looks are close together: that says nothing of a minute.
        minute = f'{sum(asked.values()) / took * 60:.0f}' * (took >= 60)
        yield _line(name, asked, minute, seconds, took - seconds)


def _lines(arguments, control, dsware):
    yield _COLUMNS.format('job', 'copied s', 'late by s', 'allowed', 'kept',
                          'requests', 'a minute', 'of these')
    volume = drivers.new_volume()
    yield _line('create', _counted(control, dsware.create_volume, volume))
    yield _line('delete', _counted(control, dsware.delete_volume, volume))
    asked = _counted(control, dsware.get_volume_stats, True)
    yield _line('idle backend', asked,
                f'{sum(asked.values()) / _STATS_SECONDS * 60:.0f}')
    watched = _Watched(dsware._array.client)
    for seconds in arguments.copies:
        yield from _copies(dsware, control, watched, seconds)


def table(arguments):
    """Count, and give the lines of the table.

    :param arguments: see add_arguments()
    """
    cfg.CONF([], project='cinder')
    objects.register_all()
    with testing.Simulator(agents=2, devices='file') as simulator:
        dsware = drivers.make('requests', simulator.agents,
                              dsware_clone='full')
        return list(_lines(arguments, simulator.control, dsware))
