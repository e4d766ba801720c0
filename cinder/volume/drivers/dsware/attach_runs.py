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

"""Runs of volume services, and which of them are over.

What a run uses for itself is recorded in Cinder's database, and nobody ends
the uses of a run that was killed. Of its own service a later run knows that
it is over. Of another service of the Cinder cluster that is known when its
heartbeat has stopped and a lock of the coordination backend is free, which
each run in a Cinder cluster holds for as long as it lasts.
"""

import hashlib
import uuid

from cinder.common import constants
from cinder import context
from cinder import coordination
from cinder import exception
from cinder import objects
from cinder.volume.drivers.dsware import attach_records

_LOCK = 'dsware-run-'
# Of the key of a run that holds a lock: one of an earlier release of the
# driver, or of a service that is in no Cinder cluster, does not.
_HOLDS = 'lock-'


class Runs:
    """This run of a service, and what it knows of others.

    :param service: the service, HOST@BACKEND
    :param cluster: the Cinder cluster that it belongs to, or None
    """

    def __init__(self, service, cluster):
        self._cluster = cluster
        self._lock = None
        #: The :class:`attach_records.Run` of this service.
        self.own = attach_records.Run(
            service, (_HOLDS if cluster else '') + uuid.uuid4().hex)

    def start(self) -> None:
        """Show from now on that this run is not over."""
        if not self._cluster or self._lock:
            return
        # Locks of files leave files; those of this service's earlier runs
        # are nobody's any more.
        coordination.synchronized_remove(_name_of(self.own.service, '*'))
        lock = _lock_of(self.own)
        lock.acquire()
        self._lock = lock

    def is_over(self, other) -> bool:
        """Tell whether a run has certainly ended.

        :param other: the :class:`attach_records.Run`
        :returns: False also when that cannot be told
        """
        if other.service == self.own.service:
            return self.own.is_over(other)
        return (bool(self._cluster) and other.key.startswith(_HOLDS)
                and not _is_up(other.service) and _is_free(other))


def _is_up(service):
    try:
        return objects.Service.get_by_args(
            context.get_admin_context(), service, constants.VOLUME_BINARY
        ).is_up
    except exception.ServiceNotFound:
        return False


def _is_free(run):
    lock = _lock_of(run)
    free = lock.acquire(blocking=False)
    if free:
        lock.release()
    return free


def _lock_of(run):
    return coordination.COORDINATOR.get_lock(_name_of(run.service, run.key))


def _name_of(service, key):
    # The name of a service may have characters that those of files may not.
    digest = hashlib.sha256(service.encode()).hexdigest()
    return f'{_LOCK}{digest[:16]}-{key}'
