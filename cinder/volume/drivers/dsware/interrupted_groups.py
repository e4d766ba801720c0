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

"""Groups that the death of a service left half made.

Cinder's own start does nothing for groups that are made from others, and for
group snapshots. What the cluster has of a member tells that a request was
begun: Cinder will not carry it out any more. Where it has nothing, the
request may still wait somewhere, and nothing was changed: that is left alone.

What was begun is set to error, as Cinder does with a single volume, for its
user to delete.
"""

import abc

from oslo_log import log as logging

from cinder import objects
from cinder.volume.drivers.dsware import names
from cinder.volume.drivers.dsware import recovery
from cinder.volume.drivers.dsware import settling
from cinder.volume.drivers.dsware import translation

LOG = logging.getLogger(__name__)

_MADE = ('creating', 'available')


class _Creation(settling.Kind):
    """What is made with all of its members, or none."""

    def find(self) -> dict:
        """Look for what is being made."""
        return {record.id: record.updated_at for record in self._all()
                if self._is_own(self._group(record))}

    def settle(self, id_) -> bool:
        """Set what was begun to error."""
        record = self._get(id_)
        members = list(self._members(record))
        if record.status == 'creating' and self._is_begun(members):
            LOG.info('The interrupted %(subject)s %(id)s is given up.',
                     {'subject': self.subject, 'id': id_})
            self._give_up(record, members)
        return True

    def _is_begun(self, members):
        return any(member.status != 'creating' or self._is_there(member)
                   for member in members)

    def _give_up(self, record, members):
        for member in members:
            # One that is available may be in use meanwhile.
            member.conditional_update({'status': 'error'},
                                      {'status': _MADE})
        record.status = 'error'
        record.save()

    @abc.abstractmethod
    def _all(self):
        """List all that is being made, of all services."""

    @abc.abstractmethod
    def _get(self, id_):
        """Read the record of one."""

    @abc.abstractmethod
    def _group(self, record):
        """Tell the group that it belongs to."""

    @abc.abstractmethod
    def _members(self, record):
        """List its members."""

    @abc.abstractmethod
    def _is_there(self, member):
        """Tell whether the cluster has anything of a member."""


class Groups(_Creation):
    """Groups that are made from others, with their volumes."""

    subject = 'creation of group'

    def _all(self):
        # Any other has no volumes.
        return [group for group in objects.GroupList.get_all(
            self._context, filters={'status': 'creating'})
            if recovery.is_from_other(group)]

    def _get(self, id_):
        return objects.Group.get_by_id(self._context, id_)

    def _group(self, record):
        return record

    def _members(self, record):
        return objects.VolumeList.get_all_by_generic_group(self._context,
                                                           record.id)

    def _is_there(self, member):
        # Volumes are only made with Cinder's name.
        return (self._array.volume(member.name) is not None
                or self._array.snapshot(
                    names.temporary(member.name)) is not None)

    def _give_up(self, record, members):
        super()._give_up(record, members)
        for volume in members:
            if not recovery.clear(self._array, volume):
                return


class GroupSnapshots(_Creation):
    """Snapshots of all the volumes of a group."""

    subject = 'creation of group snapshot'

    def _all(self):
        return objects.GroupSnapshotList.get_all(
            self._context, filters={'status': 'creating'})

    def _get(self, id_):
        return objects.GroupSnapshot.get_by_id(self._context, id_)

    def _group(self, record):
        return record.group

    def _members(self, record):
        return objects.SnapshotList.get_all_for_group_snapshot(self._context,
                                                               record.id)

    def _is_there(self, member):
        return self._array.snapshot(
            translation.snapshot_name(member)) is not None
