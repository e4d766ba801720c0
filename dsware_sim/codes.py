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
"""The result codes of a Dsware cluster.

Names, numbers and meanings are published ones (see the management interface
page of the documentation). An answer's ``desc`` starts with the meaning.
"""

import types

OK = 0
QOS_NOT_EXIST = -157210
UNAUTHORIZED = 10000003
DSWARE_ERROR = 50000001
POOL_FAULTY = 50090153
DUPLICATE_REQUEST = 50150001
OPERATION_NOT_SUPPORTED = 50150002
COMMAND_FORMAT_ERROR = 50150003
LOST_CONTACT_WITH_MAJOR_VBS = 50150004
VOLUME_NOT_EXIST = 50150005
SNAPSHOT_NOT_EXIST = 50150006
VOLUME_ALREADY_EXIST = 50150007
SNAPSHOT_ALREADY_EXIST = 50150008
SPACE_NOT_ENOUGH = 50150009
NODE_TYPE_ERROR = 50150010
VOLUME_AND_SNAPSHOT_BEYOND_MAX = 50150011
VBS_NOT_READY = 50150012
NODE_IN_USE = 50150013
STORAGE_POOL_FAULTY = 50150015
VBS_QUEUE_BUSY = 50150016
VBS_REQUEST_TIMEOUT = 50150017
METADATA_LOCKED = 50150020
POOL_NOT_EXIST = 50150021
VBS_NOT_OK = 50150022
VBS_POOL_NOT_OK = 50150023
VBS_NOT_EXIST = 50150024
VOLUME_NAME_INVALID = 50151001
VOLUME_IS_DELETING = 50151002
VOLUME_SIZE_INVALID = 50151003
VOLUME_IS_DUPLICATING = 50151005
BITMAP_VOLUME_IS_CREATING = 50151006
NODE_DATA_IN_BAD_SECTOR = 50151007
POOL_ID_OUT_OF_RANGE = 50151009
POOL_ID_NOT_IN_USE = 50151010
STORAGE_POOL_NOT_READY = 50151012
POOL_IN_EMERGENCY_MODE = 50151015
SNAPSHOT_NAME_INVALID = 50151201
SNAPSHOT_IS_DUPLICATING = 50151203
SNAPSHOT_SOURCE_TYPE_INVALID = 50151207
VBS_ABNORMAL = 50151209
VOLUME_IS_MIGRATING = 50151211
VOLUME_TYPE_MISMATCH = 50151216
VOLUME_HAS_ATTACHED = 50151401
ATTACHED_BEYOND_MAX = 50151402
NODE_NAME_INVALID = 50151403
VOLUME_OR_SNAPSHOT_NOT_EXIST = 50151404
ATTACH_ALREADY_DONE = 50151405
NODE_IS_ISCSI = 50151406
SHARE_VOLUME_BEYOND_MAX = 50151409
VOLUME_NOT_ATTACH = 50151601
SLAVE_VOLUME_IS_ASYNC = 50152203
SNAPSHOT_CHILD_TOO_MUCH = 50152401
DUPLICATE_LIMIT = 50152501
SNAPSHOT_BEYOND_MAX = 50152502
NOT_A_VOLUME = 50152601
SNAPSHOT_IS_ROLLING_BACK = 50153010
BRANCH_LEVEL_BEYOND_MAX = 50153012
SNAPSHOT_VOLUME_MISMATCH = 50153014
NODE_NOT_MOUNTED = 50155007
SYNC_METADATA_ERROR = 50155009
VOLUME_HAS_MAPPING = 50157010
OPERATION_UNKNOWN = 50500001
CLIENT_COMMAND_FORMAT_ERROR = 50510012
SNAPSHOT_HAS_NO_VOLUME = 51010013
VOLUME_HAS_NO_SNAPSHOT = 51010014
LOGIN_FAILED = 1077949061
USER_OFFLINE = 1077949069
ADDRESS_LOCKED = 1077949071

MEANINGS = types.MappingProxyType({
    OK: 'success',
    QOS_NOT_EXIST: 'no such QoS',
    UNAUTHORIZED: 'not signed in or credentials refused',
    DSWARE_ERROR: 'unspecified failure inside the cluster',
    POOL_FAULTY: 'the storage pool is faulty',
    DUPLICATE_REQUEST: 'the same request is already being handled',
    OPERATION_NOT_SUPPORTED: 'operation not supported',
    COMMAND_FORMAT_ERROR: 'malformed command',
    LOST_CONTACT_WITH_MAJOR_VBS: 'the agent lost contact with the leading VBS',
    VOLUME_NOT_EXIST: 'no such volume',
    SNAPSHOT_NOT_EXIST: 'no such snapshot',
    VOLUME_ALREADY_EXIST: 'a volume or snapshot of that name exists',
    SNAPSHOT_ALREADY_EXIST: 'a snapshot of that name exists',
    SPACE_NOT_ENOUGH: 'the pool has no room',
    NODE_TYPE_ERROR: 'the object is of the wrong type',
    VOLUME_AND_SNAPSHOT_BEYOND_MAX: 'too many volumes and snapshots',
    VBS_NOT_READY: 'the VBS is not ready',
    NODE_IN_USE: 'something still refers to the object',
    STORAGE_POOL_FAULTY: 'the storage pool is faulty',
    VBS_QUEUE_BUSY: 'the VBS queue is full',
    VBS_REQUEST_TIMEOUT: 'the VBS did not finish in time',
    METADATA_LOCKED: 'the metadata is locked',
    POOL_NOT_EXIST: 'no such pool',
    VBS_NOT_OK: 'the VBS is not healthy',
    VBS_POOL_NOT_OK: 'the VBS cannot serve that pool now',
    VBS_NOT_EXIST: 'no such VBS',
    VOLUME_NAME_INVALID: 'bad volume name',
    VOLUME_IS_DELETING: 'the volume is being deleted',
    VOLUME_SIZE_INVALID: 'bad volume size',
    VOLUME_IS_DUPLICATING: 'the volume is being copied',
    BITMAP_VOLUME_IS_CREATING: 'a bitmap volume is being created',
    NODE_DATA_IN_BAD_SECTOR: 'data lies in a bad sector',
    POOL_ID_OUT_OF_RANGE: 'bad pool id',
    POOL_ID_NOT_IN_USE: 'no such pool',
    STORAGE_POOL_NOT_READY: 'a storage pool is not ready',
    POOL_IN_EMERGENCY_MODE: 'the pool is in emergency mode',
    SNAPSHOT_NAME_INVALID: 'bad snapshot name',
    SNAPSHOT_IS_DUPLICATING: 'the snapshot is being copied',
    SNAPSHOT_SOURCE_TYPE_INVALID: 'no snapshot can be made of this object',
    VBS_ABNORMAL: 'the VBS did not respond normally',
    VOLUME_IS_MIGRATING: 'the volume is being migrated',
    VOLUME_TYPE_MISMATCH: 'source and destination types differ',
    VOLUME_HAS_ATTACHED: 'already attached to that host',
    ATTACHED_BEYOND_MAX: 'too many attachments',
    NODE_NAME_INVALID: 'bad name',
    VOLUME_OR_SNAPSHOT_NOT_EXIST: 'no such volume or snapshot',
    ATTACH_ALREADY_DONE: 'the attachment is already in place',
    NODE_IS_ISCSI: 'an iSCSI volume cannot be attached this way',
    SHARE_VOLUME_BEYOND_MAX: 'too many shared attachments',
    VOLUME_NOT_ATTACH: 'not attached to that host',
    SLAVE_VOLUME_IS_ASYNC: 'a replica is out of step',
    SNAPSHOT_CHILD_TOO_MUCH: 'too many clones of the snapshot',
    DUPLICATE_LIMIT: 'too many copies under way',
    SNAPSHOT_BEYOND_MAX: 'too many snapshots',
    NOT_A_VOLUME: 'the object is not a volume',
    SNAPSHOT_IS_ROLLING_BACK: 'the rollback is already under way',
    BRANCH_LEVEL_BEYOND_MAX: 'the clone chain is too deep',
    SNAPSHOT_VOLUME_MISMATCH: 'the snapshot is not one of that volume',
    NODE_NOT_MOUNTED: 'not attached to that node',
    SYNC_METADATA_ERROR: 'metadata could not be synchronised',
    VOLUME_HAS_MAPPING: 'the volume is mapped to a host',
    OPERATION_UNKNOWN: 'the cluster does not know the operation',
    CLIENT_COMMAND_FORMAT_ERROR: 'malformed command',
    SNAPSHOT_HAS_NO_VOLUME: 'no volume was made from the snapshot',
    VOLUME_HAS_NO_SNAPSHOT: 'the volume has no snapshot',
    LOGIN_FAILED: 'sign-in refused',
    USER_OFFLINE: 'the session has ended',
    ADDRESS_LOCKED: 'the address of the client is locked',
})


class Refused(Exception):
    """An operation is answered with a result code and changes nothing."""

    def __init__(self, code, detail=''):
        """Refuse an operation.

        :param code: the result code to answer
        :param detail: what exactly was wrong, appended to the meaning
        """
        super().__init__(code, detail)
        self.code = code
        self.detail = detail

    def __str__(self):
        return describe(self.code, self.detail)


def describe(code, detail=''):
    """Text of a result code for the ``desc`` of a reply.

    :param code: a result code, known or not
    :param detail: what exactly was wrong, or an empty string
    :returns: the code's meaning, followed by the detail
    """
    meaning = MEANINGS.get(code, 'result %d' % code)
    return '%s: %s' % (meaning, detail) if detail else meaning
