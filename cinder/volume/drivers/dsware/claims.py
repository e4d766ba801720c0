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

"""What each of several volume services of a Cinder cluster works at.

Whoever clears up after a service that died must not touch what another one
is in the middle of. So whoever works at a volume holds a lock of Cinder's
coordination backend meanwhile, which ends with the service: at once with
locks of files, after a while with those of a server. A lock that is free
tells that nobody is at work; that a service looks dead does not.

A service that is not in a cluster is alone with its volumes and holds none.
"""

import contextlib
import threading

from oslo_log import log as logging

from cinder import context
from cinder import coordination
from cinder import exception
from cinder.i18n import _
from cinder import objects
from cinder.volume.drivers.dsware import exceptions

LOG = logging.getLogger(__name__)

_LOCK = 'dsware-work-'
# Seconds to wait for a lock that another service has kept for longer than
# it worked; see Claims.review().
_PATIENCE = 5
# Seconds to wait for it before a request fails that needs it: as long as
# three reports of statistics, with which a review comes.
_LONGEST = 180


class Claims:
    """The volumes that this service works at.

    :param cluster: the Cinder cluster that the service belongs to, or None
    """

    def __init__(self, cluster):
        self._cluster = cluster
        # Lock by id of a volume.
        self._kept = {}
        self._changing = threading.Lock()

    @contextlib.contextmanager
    def held(self, *volumes):
        """Show that the block works at volumes.

        :param volumes: Cinder volumes
        """
        with contextlib.ExitStack() as stack:
            if self._cluster:
                # In one order, so that nobody waits for each other.
                for volume_id in sorted(volume.id for volume in volumes):
                    stack.enter_context(self._at_work(volume_id))
            yield

    @contextlib.contextmanager
    def _at_work(self, volume_id):
        # Cinder lets nobody do this to a volume that it copies: that copy
        # has ended, or was none, and a review would find it out later.
        self._let_go(volume_id)
        lock = _lock(volume_id)
        if not lock.acquire(blocking=_LONGEST):
            raise exceptions.ObjectBusy(name=volume_id, desc=_(
                'another service of the cluster has been at work at it, or '
                'has not noticed the end of that, for %d seconds') % _LONGEST)
        # Not "with lock", whose end could fail what has been done.
        try:
            yield
        finally:
            with self._changing:
                self._release(volume_id, lock)

    def until_done(self, volume_id, work):
        """Show that this service moves or changes a volume.

        Cinder copies it when the driver does not do all, and goes on
        without telling the driver of the end: see :meth:`review`.

        :param volume_id: the volume
        :param work: called to do it; tells whether all is done
        :returns: what it returned
        """
        self.take(volume_id)
        goes_on = False
        try:
            done = work()
            goes_on = not done
            return done
        finally:
            if not goes_on:
                self._let_go(volume_id)

    def take(self, volume_id):
        """Show that Cinder copies a volume from now on.

        :param volume_id: the volume
        """
        if not self._cluster:
            return
        with self._changing:
            if volume_id in self._kept:
                return
            lock = _lock(volume_id)
            if lock.acquire(blocking=_PATIENCE):
                self._kept[volume_id] = lock
                return
        LOG.warning('Another service of the cluster has not let go of '
                    'volume %s yet. Should this one die while it moves the '
                    'volume, nobody settles that until the other one has '
                    'started again.', volume_id)

    def _let_go(self, volume_id):
        with self._changing:
            lock = self._kept.pop(volume_id, None)
            if lock is not None:
                self._release(volume_id, lock)

    def _release(self, volume_id, lock):
        """Release a lock; where that does not work, a review tries again.

        What was done with the volume is done all the same.
        """
        try:
            lock.release()
        except Exception as error:
            # Whatever the coordination backend raises.
            self._kept[volume_id] = lock
            LOG.warning('The lock for volume %(volume)s is not released yet, '
                        'which is tried again: %(error)s',
                        {'volume': volume_id, 'error': error})

    def review(self, is_under_way):
        """Let go of the volumes that Cinder has copied meanwhile.

        :param is_under_way: tells of a Cinder volume whether it is copied
        """
        for volume_id in list(self._kept):
            try:
                under_way = is_under_way(objects.Volume.get_by_id(
                    context.get_admin_context(), volume_id))
            except exception.VolumeNotFound:
                under_way = False
            if not under_way:
                self._let_go(volume_id)

    @contextlib.contextmanager
    def abandoned(self, *volume_ids):
        """Keep others from volumes that nobody works at.

        :param volume_ids: the volumes
        :returns: a context manager whose value tells whether that is so for
            all of them
        """
        with contextlib.ExitStack() as stack:
            free = True
            for volume_id in sorted(volume_ids):
                lock = _lock(volume_id)
                free = free and lock.acquire(blocking=False)
                if free:
                    stack.callback(lock.release)
            yield free

    def is_worked_at(self, volume_id) -> bool:
        """Tell whether a service of the cluster works at a volume.

        :param volume_id: the volume
        :returns: False where that cannot be told: outside of a cluster
        """
        if not self._cluster:
            return False
        with self.abandoned(volume_id) as free:
            return not free

    @staticmethod
    def remove_locks(volume_id):
        """Remove what the lock of a deleted volume left.

        :param volume_id: the volume
        """
        coordination.synchronized_remove(_LOCK + volume_id)


def _lock(volume_id):
    # A new one each time: one of tooz that was not acquired at once cannot
    # be released later.
    return coordination.COORDINATOR.get_lock(_LOCK + volume_id)
