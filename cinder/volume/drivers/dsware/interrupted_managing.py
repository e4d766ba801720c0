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

"""Volumes and snapshots that a dead service was taking over.

Before anything else the driver notes in Cinder's record which object of the
cluster it is to be: see :mod:`manage`. A record in status creating that has
such a note is one that no request waits for any more. It gives the object
back and ends in the state of an attempt that failed, so that deleting the
record leaves the object alone, and the next attempt may take it.
"""

from oslo_log import log as logging

from cinder import objects
from cinder.volume.drivers.dsware import settling
from cinder.volume.drivers.dsware import translation

LOG = logging.getLogger(__name__)

_CREATING = 'creating'


class _Managing(settling.Kind):
    """What is taken over.

    :cvar failed: the status in which Cinder leaves what could not be managed
    """

    failed = 'error'

    def settle(self, id_) -> bool:
        """Give back what was not taken over completely."""
        thing = self._read(id_)
        if not self._is_begun(thing):
            return True
        name = self._name(thing)
        self._give_back(name)
        LOG.warning('The interrupted %(subject)s %(id)s is given up: delete '
                    'it, and manage %(name)s, which stays on the cluster, '
                    'once more.', {'subject': self.subject, 'id': id_,
                                   'name': name})
        thing.update({'provider_id': None, 'status': self.failed})
        thing.save()
        return True

    def _is_begun(self, thing):
        return (thing.status == _CREATING
                and self._name(thing) != thing.name)

    def _give_back(self, name):
        """Undo what was done to an object of the cluster."""


class Volumes(_Managing):
    """Volumes."""

    subject = 'managing of volume'
    failed = 'error_managing'
    _name = staticmethod(translation.volume_name)

    def _read(self, id_):
        return objects.Volume.get_by_id(self._context, id_)

    def find(self) -> dict:
        """Look for volumes that are taken over."""
        return {volume.id: volume.updated_at
                for volume in self._own_volumes(status=_CREATING)
                if self._is_begun(volume)}

    def _give_back(self, name):
        # What the type of the volume wants.
        self._array.unlimit(name)


class Snapshots(_Managing):
    """Snapshots; nothing is done to them."""

    subject = 'managing of snapshot'
    _name = staticmethod(translation.snapshot_name)

    def _read(self, id_):
        return objects.Snapshot.get_by_id(self._context, id_)

    def find(self) -> dict:
        """Look for snapshots that are taken over."""
        return {snapshot.id: snapshot.updated_at
                for snapshot in objects.SnapshotList.get_all(
                    self._context, {'status': _CREATING})
                if self._is_begun(snapshot)
                and self._is_of_own(snapshot)}
