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

"""What a listing of the pools tells: leftovers, and the cluster's clock.

No operation that is published tells the time. Of the clock of a cluster only
this can be known: it is not behind the newest time at which it says that an
object was made.
"""

import time

from cinder.volume.drivers.dsware.array import names
from cinder.volume.drivers.dsware import exceptions
from dsware_doctor import findings

# Seconds by which clocks may differ without a word.
_CLOCK = 5
_ADVICE = (
    'none is needed if a service is making or backing up a volume just now. '
    'Otherwise restart cinder-volume, which removes those of volumes in '
    'status error or creating, or delete such volumes; what is left then is '
    'of another deployment, or can be deleted on the cluster')


class _Seen:
    """What is kept of a listing of any length."""

    def __init__(self):
        self.volumes = self.snapshots = self.broken = 0
        self.temporary = []
        self.newest = 0

    def look(self, found):
        self.newest = max(self.newest, found.create_time)
        if names.is_temporary(found.name):
            self.temporary.append(found.create_time)


def check(configuration, array,
          pools: list[int]) -> list[findings.Finding]:
    """List the pools.

    :param configuration: the backend's configuration
    :param array: its :class:`array.Array`
    :param pools: their ids
    :returns: what was found
    """
    seen = _Seen()
    try:
        for pool in pools:
            for found in array.queries.volumes_of_pool(pool):
                seen.volumes += 1
                seen.look(found)
            for found in array.queries.snapshots_of_pool(pool):
                seen.snapshots += 1
                seen.look(found)
    except exceptions.DSWareError as error:
        return [findings.problem(
            'the pools cannot be listed: %s' % error.summary,
            'raise dsware_request_timeout if the listing only takes long, '
            'or leave it out with --no-listing')]
    there = findings.ok('in these pools, of all their users: %s, %s' % (
        findings.counted(seen.volumes, 'volume'),
        findings.counted(seen.snapshots, 'snapshot')))
    return [there, _leftovers(configuration, seen), _clock(seen)]


def _leftovers(configuration, seen):
    if not seen.temporary:
        return findings.ok('no temporary object is there')
    now = time.time()
    # Whatever makes use of one is over by then.
    old = [made for made in seen.temporary
           if now - made > configuration.dsware_copy_timeout]
    text = ('%d temporary snapshots and volumes are there (names with .clone '
            'or .read)' % len(seen.temporary))
    if not old:
        return findings.note(
            text + '; none is older than dsware_copy_timeout, so they may '
            'be in use')
    return findings.problem(
        text + '; %d of them are older than dsware_copy_timeout, so a crash '
        'may have left them' % len(old), _ADVICE)


def _clock(seen):
    if not seen.newest:
        return findings.note('the clock of the cluster cannot be compared: '
                             'no operation tells it, and nothing was made')
    ahead = seen.newest - time.time()
    if ahead > _CLOCK:
        return findings.problem(
            'the clock of the cluster is at least %d seconds ahead of that '
            'of this host' % ahead, 'let both follow the same NTP servers')
    return findings.ok(
        'the clock of the cluster is not known to be ahead of that of this '
        'host; no operation tells whether it is behind')
