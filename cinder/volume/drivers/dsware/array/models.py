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

"""What a Dsware cluster tells about its objects, as typed values.

Field names of the records are published facts. All sizes are in MiB, as on
the wire.
"""

from collections.abc import Mapping
import dataclasses
import re
from typing import Self

from os_brick_dsware import fsc_cli

MIB_PER_GIB = 1024
READY = 0
VOLUME_COPYING = 6
VOLUME_CREATING = 7
SNAPSHOT_CREATING = 5
SNAPSHOT_ROLLING_BACK = 16
MIGRATION_DONE = 76
MIGRATION_FAULT = 74

#: The limits of a QoS, in the order of the published interface; 0 is none.
QOS_LIMITS = fsc_cli.QOS_LIMITS

_WWN = re.compile(r'[0-9A-Fa-f]{1,32}', re.ASCII)
# int() alone would also take blanks, underscores and the digits of other
# alphabets. What has 18 of them fits into 64 bits, as databases want it.
_NUMBER = re.compile(r'-?[0-9]{1,18}', re.ASCII)


class RecordError(ValueError):
    """A record lacks a field or has a value that it cannot have."""


def _text(record: Mapping[str, str], key: str) -> str:
    try:
        return record[key]
    except KeyError:
        raise RecordError(f'record has no field {key}') from None


def _number(record: Mapping[str, str], key: str) -> int:
    value = record.get(key, '')
    if not _NUMBER.fullmatch(value):
        raise RecordError(
            f'field {key} is not a number: {_text(record, key)[:40]!r}')
    return int(value)


def _amount(record: Mapping[str, str], key: str) -> int:
    number = _number(record, key)
    if number < 0:
        raise RecordError(f'field {key} is less than 0: {number}')
    return number


def _optional_number(record: Mapping[str, str], key: str) -> int | None:
    return _number(record, key) if record.get(key) else None


def _wwn(record: Mapping[str, str]) -> str:
    # It becomes part of a path on hosts, so only digits are let through.
    value = record.get('wwn', '')
    return value if _WWN.fullmatch(value) else ''


@dataclasses.dataclass(slots=True)
class _Object:
    name: str
    father: str | None
    status: int
    size: int
    pool_id: int
    create_time: int
    lun_id: int | None
    wwn: str

    # A subclass says what the fields with its name and its size are called,
    # and in which states it is in work.

    @classmethod
    def from_record(cls, record: Mapping[str, str]) -> Self:
        """Read a record.

        :param record: fields as the cluster sent them
        :returns: the :class:`Volume` or :class:`Snapshot`
        :raises RecordError: when a field is missing or not a number
        """
        return cls(name=_text(record, cls._NAME),
                   father=_text(record, 'father_name'),
                   status=_number(record, 'status'),
                   size=_amount(record, cls._SIZE),
                   pool_id=_amount(record, 'pool_id'),
                   create_time=_number(record, 'create_time'),
                   lun_id=_optional_number(record, 'lun_id'),
                   wwn=_wwn(record))

    @property
    def ready(self) -> bool:
        return self.status == READY

    @property
    def working(self) -> bool:
        """Whether the cluster still makes it, copies or rolls back."""
        return self.status in self._WORKING


class Volume(_Object):
    """A volume record.

    :ivar size: provisioned size in MiB
    :ivar father: the snapshot that a linked clone was made from, or ''; None
        when the cluster does not tell it
    :ivar wwn: world wide name in hexadecimal digits, '' on clusters that do
        not tell it
    """

    __slots__ = ()
    _NAME, _SIZE = 'vol_name', 'vol_size'
    _WORKING = (VOLUME_COPYING, VOLUME_CREATING)


class Snapshot(_Object):
    """A snapshot record.

    :ivar father: the volume that it is a snapshot of
    :ivar size: provisioned size in MiB
    """

    __slots__ = ()
    _NAME, _SIZE = 'snap_name', 'snap_size'
    _WORKING = (SNAPSHOT_CREATING, SNAPSHOT_ROLLING_BACK)


@dataclasses.dataclass(slots=True)
class Migration:
    """That a volume and another one exchange their places.

    :ivar target: the other's number
    :ivar status: as the manager tells it
    """

    target: int
    status: int

    @classmethod
    def from_record(cls, record: Mapping[str, str]) -> 'Migration':
        """Read a record of a migration.

        :param record: fields as the cluster sent them
        :returns: the :class:`Migration`
        :raises RecordError: when a field is missing or not a number
        """
        return cls(target=_amount(record, 'target'),
                   status=_number(record, 'status'))

    @property
    def ready(self) -> bool:
        return self.status == MIGRATION_DONE

    @property
    def working(self) -> bool:
        """Whether it goes on, or may do so."""
        return self.status not in (MIGRATION_DONE, MIGRATION_FAULT)


@dataclasses.dataclass(slots=True)
class Pool:
    """A pool record; capacities in MiB.

    :ivar total: the pool's size
    :ivar used: space in use
    :ivar provisioned: sum of the provisioned sizes of its volumes
    """

    pool_id: int
    total: int
    used: int
    provisioned: int

    @classmethod
    def from_record(cls, record: Mapping[str, str]) -> 'Pool':
        """Read a pool record.

        :param record: fields as the cluster sent them
        :returns: the :class:`Pool`
        :raises RecordError: when a field is missing or not a number
        """
        return cls(pool_id=_amount(record, 'pool_id'),
                   total=_amount(record, 'total_capacity'),
                   used=_amount(record, 'used_capacity'),
                   provisioned=_amount(record, 'alloc_capacity'))

    @property
    def free(self) -> int:
        return max(self.total - self.used, 0)


@dataclasses.dataclass(frozen=True)
class QoS:
    """A QoS record of a volume.

    :ivar name: the QoS that the volume has, '' for none
    :ivar limits: its limits by name, those that the cluster tells
    """

    name: str
    limits: Mapping[str, int]

    @classmethod
    def from_record(cls, record: Mapping[str, str]) -> 'QoS':
        """Read a QoS record.

        :param record: fields as the cluster sent them
        :returns: the :class:`QoS`
        :raises RecordError: when the name is missing or a limit is not a
            number
        """
        return cls(name=_text(record, 'qosName'),
                   limits={key: _amount(record, key) for key in QOS_LIMITS
                           if record.get(key)})

    def has(self, limits: Mapping[str, int]) -> bool:
        """Tell whether its limits are the ones asked for.

        :param limits: limits by name; those that the cluster does not tell
            are not compared
        """
        return all(self.limits.get(key, value) == value
                   for key, value in limits.items())
