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

"""Who uses a volume on a host, where one device serves them all."""

from cinder import context
from cinder import exception
from cinder import objects
from cinder.objects import fields


class Users:
    """The users of one volume, as Cinder's database has them now.

    Cinder's record of an attachment has no connector while it is under way;
    it is then not known on which host that is. Nor has that of a client
    that uses the API of before Cinder 3.27, for as long as it lasts.

    :param volume_id: the volume
    :param records: its :class:`attach_records.Records`
    :param runs: the :class:`attach_runs.Runs` of the service that asks
    :param window: seconds after which an attachment is not under way any
        more
    :param address_of: tells the address of a host's agent by its connector
    """

    def __init__(self, volume_id, records, runs, window, address_of):
        self._records = records
        self._window = window
        self._runs = runs
        self._address_of = address_of
        self._rows = list(
            objects.VolumeAttachmentList.get_all_by_volume_id(
                context.get_admin_context(), volume_id))

    def others(self, place, ending=None, beginning=False) -> int:
        """Count those who may use the volume on a host.

        :param place: the :class:`attach_records.Place`
        :param ending: the connector of an attachment that ends now and is
            not counted
        :param beginning: whether one of the attachments that are under way
            is not counted, because it is the caller's
        :returns: how many; 0 when the volume can be detached there
        """
        rows = self._rows_at(place)
        ended = self._row_of(ending, rows) if ending else None
        found = self._uses_at(place) + [row for row in rows
                                        if row is not ended]
        if self.may_be_under_way(place):
            found += [row for row in self._rows if _is_under_way(row)][
                int(beginning):]
        return len(found)

    def lasting(self, place) -> int:
        """Count those who use the volume on a host for certain.

        :param place: the :class:`attach_records.Place`
        :returns: how many; each of them is going to leave
        """
        return len(self._uses_at(place) + self._rows_at(place))

    def may_be_under_way(self, place) -> bool:
        """Tell whether Cinder may not know yet what was attached.

        :param place: the :class:`attach_records.Place`
        """
        found = self._records.attached.get(place.agent.host)
        return (found is not None and found.is_recent(self._window)
                and not self._runs.is_over(found.run))

    def connectors(self) -> list[dict]:
        """List the connectors of all attachments that have one."""
        return [row.connector for row in self._rows if row.connector]

    def _uses_at(self, place):
        return [use for use in self._records.uses.values()
                if place.is_same_host(use.place.agent.host, use.place.host)
                and not self._runs.is_over(use.run)]

    def _rows_at(self, place):
        return [row for row in self._rows if self._is_at(row, place)]

    def _is_at(self, row, place):
        if not row.connector:
            return _is_legacy(row) and row.attached_host in (
                place.host, '', None)
        try:
            address = self._address_of(row.connector)
        except exception.InvalidInput:
            address = ''
        return place.is_same_host(address, row.connector.get('host'))

    @staticmethod
    def _row_of(connector, rows):
        """Find the attachment that ends; the same one again if repeated.

        Cinder hands the connector of an attachment over as it was recorded.
        One that is recorded for none is of a client that never had an
        attachment, or whose attachment is gone already.
        """
        for row in rows:
            if row.connector == connector:
                return row
        return next((row for row in rows if not row.connector), None)


def _is_legacy(row):
    return (not row.connector and row.attach_status
            == fields.VolumeAttachStatus.ATTACHED)


def _is_under_way(row):
    return not row.connector and not _is_legacy(row)
