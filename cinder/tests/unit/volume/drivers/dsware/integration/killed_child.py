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

"""A volume service that is killed at every step of an operation: a program.

Each job is a line of JSON: agents, transport, job (a method of Jobs),
options of the driver, limits, and the ids that the job needs. For N = 0, 1,
2, ... a process of its own does the job and kills itself before the first
change, after the first one was answered, after the second one, and so on.
After each a line of JSON is printed, and a line of input waited for. The
last one is that of a process that came to its end.
"""

import json
import os
import signal
import sys
import traceback
import uuid

from oslo_config import cfg

from cinder import objects
from cinder.volume.drivers.dsware.features import groups

# A program's own directory is on its path.
import making  # noqa: I100

SETTINGS = {}
_QUERIES = ('query', 'get')


class Jobs:
    """What the service is killed at."""

    def __init__(self):
        """Make the driver; in the process that is killed."""
        self.dsware = making.make_driver(
            'killed', SETTINGS['agents'],
            dsware_transport=SETTINGS['transport'], **SETTINGS['options'])
        self.dsware.do_setup(None)
        self.dsware.check_for_setup_error()
        if SETTINGS['limits']:
            # There is no database here to read them from.
            self.dsware._limiter.wanted = lambda volume: SETTINGS['limits']

    @staticmethod
    def _volume(volume_id):
        return making.make_volume(1, id=volume_id)

    def new(self):
        """Give the volume to make."""
        return self._volume(SETTINGS['new'][0])

    def source(self):
        """Give the volume that is cloned."""
        return self._volume(SETTINGS['sources'][0])

    def create(self):
        """Make an empty volume."""
        self.dsware.create_volume(self.new())

    def clone(self):
        """Clone a volume."""
        self.dsware.create_cloned_volume(self.new(), self.source())

    def from_snapshot(self):
        """Make a volume from a snapshot."""
        snapshot = making.make_snapshot(self.source())
        snapshot.id = SETTINGS['snapshot']
        self.dsware.create_volume_from_snapshot(self.new(), snapshot)

    def group(self):
        """Clone several volumes at one point in time."""
        # Whose type there is no database here to look up.
        groups.volume_utils.is_group_a_cg_snapshot_type = lambda group: True
        self.dsware.create_group_from_src(
            None, objects.Group(id=str(uuid.uuid4())),
            [self._volume(id_) for id_ in SETTINGS['new']],
            source_group=True,
            source_vols=[self._volume(id_) for id_ in SETTINGS['sources']])


def _kill_after(dsware, changes):
    """Kill this process at a step; it has no chance to do anything then."""
    client = dsware._array.client
    call = client.call
    left = [changes]

    def counted(op, **kwargs):
        if op.startswith(_QUERIES):
            return call(op, **kwargs)
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        reply = call(op, **kwargs)
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return reply

    client.call = counted


def _run(changes):
    """Do the job, or a part of it; never returns."""
    status = 1
    try:
        jobs = Jobs()
        _kill_after(jobs.dsware, changes)
        getattr(jobs, SETTINGS['job'])()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _be_killed():
    """Be killed at each step, and then not."""
    for changes in range(1000):
        pid = os.fork() or _run(changes)
        _pid, status = os.waitpid(pid, 0)
        killed = os.WIFSIGNALED(status)
        told = {'killed': killed, 'failed': bool(status) and not killed}
        sys.stdout.write(json.dumps(told) + '\n')
        sys.stdout.flush()
        if not killed:
            return
        sys.stdin.readline()


def main():
    """Do the jobs."""
    cfg.CONF([], project='cinder')
    objects.register_all()
    for line in iter(sys.stdin.readline, ''):
        SETTINGS.clear()
        SETTINGS.update(json.loads(line))
        _be_killed()


if __name__ == '__main__':
    main()
