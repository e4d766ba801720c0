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

"""The result codes of the Dsware management interface.

Codes, names and meanings are published facts; the class says what a code
tells the client to do (see :class:`ResultClass`). The table is the driver's
own copy of the specification's ``result_codes.csv``; a test compares them.
"""

from collections.abc import Mapping
import dataclasses
import enum
import types


class ResultClass(enum.Enum):
    """What a result code tells the client."""

    OK = 'ok'
    EXISTS = 'exists'
    ABSENT = 'absent'
    BUSY = 'busy'
    RETRY = 'retry'
    UNKNOWN = 'unknown'
    CAPACITY = 'capacity'
    INVALID = 'invalid'
    ATTACHED = 'attached'
    DETACHED = 'detached'
    DENIED = 'denied'
    FAULT = 'fault'


@dataclasses.dataclass(frozen=True)
class ResultCode:
    """One result code.

    :ivar code: the number on the wire
    :ivar name: the symbolic name of the code
    :ivar result_class: the :class:`ResultClass`
    :ivar meaning: what the cluster means by it, for people
    """

    code: int
    name: str
    result_class: ResultClass
    meaning: str


OK = 0
QOS_NOT_EXIST = -157210
UNAUTHORIZED = 10000003
SPACE_NOT_ENOUGH = 50150009
POOL_NOT_EXIST = 50150021
VOLUME_SIZE_INVALID = 50151003
POOL_ID_NOT_IN_USE = 50151010
SNAPSHOT_CHILD_TOO_MUCH = 50152401
DUPLICATE_LIMIT = 50152501
SNAPSHOT_BEYOND_MAX = 50152502
BRANCH_LEVEL_BEYOND_MAX = 50153012
OPERATION_UNKNOWN = 50500001

_TABLE = (
    (0, 'OK', ResultClass.OK,
     'done'),
    (-157210, 'QOS_NOT_EXIST', ResultClass.ABSENT,
     'no such QoS'),
    (10000003, 'UNAUTHORIZED', ResultClass.DENIED,
     'not signed in or credentials refused'),
    (50000001, 'DSWARE_ERROR', ResultClass.UNKNOWN,
     'unspecified failure inside the cluster'),
    (50090153, 'POOL_FAULTY', ResultClass.FAULT,
     'the storage pool is faulty'),
    (50150001, 'DUPLICATE_REQUEST', ResultClass.UNKNOWN,
     'the same request is already being handled'),
    (50150002, 'OPERATION_NOT_SUPPORTED', ResultClass.INVALID,
     'operation not supported'),
    (50150003, 'COMMAND_FORMAT_ERROR', ResultClass.INVALID,
     'malformed command'),
    (50150004, 'LOST_CONTACT_WITH_MAJOR_VBS', ResultClass.UNKNOWN,
     'the agent lost contact with the leading VBS'),
    (50150005, 'VOLUME_NOT_EXIST', ResultClass.ABSENT,
     'no such volume'),
    (50150006, 'SNAPSHOT_NOT_EXIST', ResultClass.ABSENT,
     'no such snapshot'),
    (50150007, 'VOLUME_ALREADY_EXIST', ResultClass.EXISTS,
     'a volume or snapshot of that name exists'),
    (50150008, 'SNAPSHOT_ALREADY_EXIST', ResultClass.EXISTS,
     'a snapshot of that name exists'),
    (50150009, 'SPACE_NOT_ENOUGH', ResultClass.CAPACITY,
     'the pool has no room'),
    (50150010, 'NODE_TYPE_ERROR', ResultClass.INVALID,
     'the object is of the wrong type'),
    (50150011, 'VOLUME_AND_SNAPSHOT_BEYOND_MAX', ResultClass.CAPACITY,
     'too many volumes and snapshots'),
    (50150012, 'VBS_NOT_READY', ResultClass.RETRY,
     'the VBS is not ready'),
    (50150013, 'NODE_IN_USE', ResultClass.BUSY,
     'something still refers to the object'),
    (50150015, 'STORAGE_POOL_FAULTY', ResultClass.FAULT,
     'the storage pool is faulty'),
    (50150016, 'VBS_QUEUE_BUSY', ResultClass.RETRY,
     'the VBS queue is full'),
    (50150017, 'VBS_REQUEST_TIMEOUT', ResultClass.UNKNOWN,
     'the VBS did not finish in time'),
    (50150020, 'METADATA_LOCKED', ResultClass.RETRY,
     'the metadata is locked'),
    (50150021, 'POOL_NOT_EXIST', ResultClass.ABSENT,
     'no such pool'),
    (50150022, 'VBS_NOT_OK', ResultClass.RETRY,
     'the VBS is not healthy'),
    (50150023, 'VBS_POOL_NOT_OK', ResultClass.RETRY,
     'the VBS cannot serve that pool now'),
    (50150024, 'VBS_NOT_EXIST', ResultClass.RETRY,
     'no such VBS'),
    (50151001, 'VOLUME_NAME_INVALID', ResultClass.INVALID,
     'bad volume name'),
    (50151002, 'VOLUME_IS_DELETING', ResultClass.BUSY,
     'the volume is being deleted'),
    (50151003, 'VOLUME_SIZE_INVALID', ResultClass.INVALID,
     'bad volume size'),
    (50151005, 'VOLUME_IS_DUPLICATING', ResultClass.BUSY,
     'the volume is being copied'),
    (50151006, 'BITMAP_VOLUME_IS_CREATING', ResultClass.BUSY,
     'a bitmap volume is being created'),
    (50151007, 'NODE_DATA_IN_BAD_SECTOR', ResultClass.FAULT,
     'data lies in a bad sector'),
    (50151009, 'POOL_ID_OUT_OF_RANGE', ResultClass.INVALID,
     'bad pool id'),
    (50151010, 'POOL_ID_NOT_IN_USE', ResultClass.ABSENT,
     'no such pool'),
    (50151012, 'STORAGE_POOL_NOT_READY', ResultClass.RETRY,
     'a storage pool is not ready'),
    (50151015, 'POOL_IN_EMERGENCY_MODE', ResultClass.FAULT,
     'the pool is in emergency mode'),
    (50151201, 'SNAPSHOT_NAME_INVALID', ResultClass.INVALID,
     'bad snapshot name'),
    (50151203, 'SNAPSHOT_IS_DUPLICATING', ResultClass.BUSY,
     'the snapshot is being copied'),
    (50151207, 'SNAPSHOT_SOURCE_TYPE_INVALID', ResultClass.INVALID,
     'no snapshot can be made of this object'),
    (50151209, 'VBS_ABNORMAL', ResultClass.UNKNOWN,
     'the VBS did not respond normally'),
    (50151211, 'VOLUME_IS_MIGRATING', ResultClass.BUSY,
     'the volume is being migrated'),
    (50151216, 'VOLUME_TYPE_MISMATCH', ResultClass.INVALID,
     'source and destination types differ'),
    (50151401, 'VOLUME_HAS_ATTACHED', ResultClass.ATTACHED,
     'already attached to that host'),
    (50151402, 'ATTACHED_BEYOND_MAX', ResultClass.CAPACITY,
     'too many attachments'),
    (50151403, 'NODE_NAME_INVALID', ResultClass.INVALID,
     'bad name'),
    (50151404, 'VOLUME_OR_SNAPSHOT_NOT_EXIST', ResultClass.ABSENT,
     'no such volume or snapshot'),
    (50151405, 'ATTACH_ALREADY_DONE', ResultClass.ATTACHED,
     'the attachment is already in place'),
    (50151406, 'NODE_IS_ISCSI', ResultClass.INVALID,
     'an iSCSI volume cannot be attached this way'),
    (50151409, 'SHARE_VOLUME_BEYOND_MAX', ResultClass.CAPACITY,
     'too many shared attachments'),
    (50151601, 'VOLUME_NOT_ATTACH', ResultClass.DETACHED,
     'not attached to that host'),
    (50152203, 'SLAVE_VOLUME_IS_ASYNC', ResultClass.BUSY,
     'a replica is out of step'),
    (50152401, 'SNAPSHOT_CHILD_TOO_MUCH', ResultClass.CAPACITY,
     'too many clones of the snapshot'),
    (50152501, 'DUPLICATE_LIMIT', ResultClass.CAPACITY,
     'too many copies under way'),
    (50152502, 'SNAPSHOT_BEYOND_MAX', ResultClass.CAPACITY,
     'too many snapshots'),
    (50152601, 'NOT_A_VOLUME', ResultClass.INVALID,
     'the object is not a volume'),
    (50153010, 'SNAPSHOT_IS_ROLLING_BACK', ResultClass.BUSY,
     'the rollback is already under way'),
    (50153012, 'BRANCH_LEVEL_BEYOND_MAX', ResultClass.CAPACITY,
     'the clone chain is too deep'),
    (50153014, 'SNAPSHOT_VOLUME_MISMATCH', ResultClass.INVALID,
     'the snapshot is not one of that volume'),
    (50155007, 'NODE_NOT_MOUNTED', ResultClass.DETACHED,
     'not attached to that node'),
    (50155009, 'SYNC_METADATA_ERROR', ResultClass.UNKNOWN,
     'metadata could not be synchronised'),
    (50157010, 'VOLUME_HAS_MAPPING', ResultClass.BUSY,
     'the volume is mapped to a host'),
    (50500001, 'OPERATION_UNKNOWN', ResultClass.INVALID,
     'the cluster does not know the operation'),
    (50510012, 'CLIENT_COMMAND_FORMAT_ERROR', ResultClass.INVALID,
     'malformed command'),
    (51010013, 'SNAPSHOT_HAS_NO_VOLUME', ResultClass.ABSENT,
     'no volume was made from the snapshot'),
    (51010014, 'VOLUME_HAS_NO_SNAPSHOT', ResultClass.ABSENT,
     'the volume has no snapshot'),
)

#: Every published result code, by number.
RESULT_CODES: Mapping[int, ResultCode] = types.MappingProxyType(
    {row[0]: ResultCode(*row) for row in _TABLE})


def describe(code):
    """Describe a result code for people.

    :param code: the number that the cluster answered
    :returns: ``NAME: meaning``, or a note that the code is not published
    """
    known = RESULT_CODES.get(code)
    if known is None:
        return 'code not in the published table'
    return f'{known.name}: {known.meaning}'


def classify(code, changes):
    """Tell the class of a result code.

    A code that is not in the table says nothing about what happened: after
    a change the outcome is unknown, a query may simply be repeated.

    :param code: the number that the cluster answered
    :param changes: whether the operation changes something
    :returns: the :class:`ResultClass`
    """
    known = RESULT_CODES.get(code)
    if known is not None:
        return known.result_class
    return ResultClass.UNKNOWN if changes else ResultClass.RETRY
