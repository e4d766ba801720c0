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

"""Result codes of a Dsware cluster, as far as they have been published.

The numbers and names were gathered from openly licensed code: OpenStack
Cinder's first FusionStorage driver (Newton), Huawei's
FusionStorage_OpenStack_Driver, OpenSDS dock and os-brick's
HuaweiStorHyperConnector. The class says what a caller may conclude:

ok        done
exists    the object is already there
absent    the object is not there
busy      refused because of the object's state; nothing was changed
retry     refused now; nothing was changed; worth trying again
unknown   the cluster cannot say whether it was done
capacity  no room, or a limit was reached
invalid   the request is wrong; never worth trying again
attached  already attached there
detached  not attached there
denied    credentials are missing or were refused
fault     the object or the pool is broken
"""

import types

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

#: code: (name, class, meaning)
CODES = types.MappingProxyType({
    0: ('OK', OK, 'done'),
    -157210: ('QOS_NOT_EXIST', ABSENT, 'no such QoS'),
    10000003: ('UNAUTHORIZED', DENIED, 'not signed in or credentials refused'),
    50000001: ('DSWARE_ERROR', UNKNOWN,
               'unspecified failure inside the cluster'),
    50090153: ('POOL_FAULTY', FAULT, 'the storage pool is faulty'),
    50150001: ('DUPLICATE_REQUEST', UNKNOWN,
               'the same request is already being handled'),
    50150002: ('OPERATION_NOT_SUPPORTED', INVALID, 'operation not supported'),
    50150003: ('COMMAND_FORMAT_ERROR', INVALID, 'malformed command'),
    50150004: ('LOST_CONTACT_WITH_MAJOR_VBS', UNKNOWN,
               'the agent lost contact with the leading VBS'),
    50150005: ('VOLUME_NOT_EXIST', ABSENT, 'no such volume'),
    50150006: ('SNAPSHOT_NOT_EXIST', ABSENT, 'no such snapshot'),
    50150007: ('VOLUME_ALREADY_EXIST', EXISTS,
               'a volume or snapshot of that name exists'),
    50150008: ('SNAPSHOT_ALREADY_EXIST', EXISTS,
               'a snapshot of that name exists'),
    50150009: ('SPACE_NOT_ENOUGH', CAPACITY, 'the pool has no room'),
    50150010: ('NODE_TYPE_ERROR', INVALID, 'the object is of the wrong type'),
    50150011: ('VOLUME_AND_SNAPSHOT_BEYOND_MAX', CAPACITY,
               'too many volumes and snapshots'),
    50150012: ('VBS_NOT_READY', RETRY, 'the VBS is not ready'),
    50150013: ('NODE_IN_USE', BUSY, 'something still refers to the object'),
    50150015: ('STORAGE_POOL_FAULTY', FAULT, 'the storage pool is faulty'),
    50150016: ('VBS_QUEUE_BUSY', RETRY, 'the VBS queue is full'),
    50150017: ('VBS_REQUEST_TIMEOUT', UNKNOWN,
               'the VBS did not finish in time'),
    50150020: ('METADATA_LOCKED', RETRY, 'the metadata is locked'),
    50150021: ('POOL_NOT_EXIST', ABSENT, 'no such pool'),
    50150022: ('VBS_NOT_OK', RETRY, 'the VBS is not healthy'),
    50150023: ('VBS_POOL_NOT_OK', RETRY, 'the VBS cannot serve that pool now'),
    50150024: ('VBS_NOT_EXIST', RETRY, 'no such VBS'),
    50151001: ('VOLUME_NAME_INVALID', INVALID, 'bad volume name'),
    50151002: ('VOLUME_IS_DELETING', BUSY, 'the volume is being deleted'),
    50151003: ('VOLUME_SIZE_INVALID', INVALID, 'bad volume size'),
    50151005: ('VOLUME_IS_DUPLICATING', BUSY, 'the volume is being copied'),
    50151006: ('BITMAP_VOLUME_IS_CREATING', BUSY,
               'a bitmap volume is being created'),
    50151007: ('NODE_DATA_IN_BAD_SECTOR', FAULT, 'data lies in a bad sector'),
    50151009: ('POOL_ID_OUT_OF_RANGE', INVALID, 'bad pool id'),
    50151010: ('POOL_ID_NOT_IN_USE', ABSENT, 'no such pool'),
    50151012: ('STORAGE_POOL_NOT_READY', RETRY, 'a storage pool is not ready'),
    50151015: ('POOL_IN_EMERGENCY_MODE', FAULT,
               'the pool is in emergency mode'),
    50151201: ('SNAPSHOT_NAME_INVALID', INVALID, 'bad snapshot name'),
    50151203: ('SNAPSHOT_IS_DUPLICATING', BUSY,
               'the snapshot is being copied'),
    50151207: ('SNAPSHOT_SOURCE_TYPE_INVALID', INVALID,
               'no snapshot can be made of this object'),
    50151209: ('VBS_ABNORMAL', UNKNOWN, 'the VBS did not respond normally'),
    50151211: ('VOLUME_IS_MIGRATING', BUSY, 'the volume is being migrated'),
    50151216: ('VOLUME_TYPE_MISMATCH', INVALID,
               'source and destination types differ'),
    50151401: ('VOLUME_HAS_ATTACHED', ATTACHED,
               'already attached to that host'),
    50151402: ('ATTACHED_BEYOND_MAX', CAPACITY, 'too many attachments'),
    50151403: ('NODE_NAME_INVALID', INVALID, 'bad name'),
    50151404: ('VOLUME_OR_SNAPSHOT_NOT_EXIST', ABSENT,
               'no such volume or snapshot'),
    50151405: ('ATTACH_ALREADY_DONE', ATTACHED,
               'the attachment is already in place'),
    50151406: ('NODE_IS_ISCSI', INVALID,
               'an iSCSI volume cannot be attached this way'),
    50151409: ('SHARE_VOLUME_BEYOND_MAX', CAPACITY,
               'too many shared attachments'),
    50151601: ('VOLUME_NOT_ATTACH', DETACHED, 'not attached to that host'),
    50152203: ('SLAVE_VOLUME_IS_ASYNC', BUSY, 'a replica is out of step'),
    50152401: ('SNAPSHOT_CHILD_TOO_MUCH', CAPACITY,
               'too many clones of the snapshot'),
    50152501: ('DUPLICATE_LIMIT', CAPACITY, 'too many copies under way'),
    50152502: ('SNAPSHOT_BEYOND_MAX', CAPACITY, 'too many snapshots'),
    50152601: ('NOT_A_VOLUME', INVALID, 'the object is not a volume'),
    50153010: ('SNAPSHOT_IS_ROLLING_BACK', BUSY,
               'the rollback is already under way'),
    50153012: ('BRANCH_LEVEL_BEYOND_MAX', CAPACITY,
               'the clone chain is too deep'),
    50153014: ('SNAPSHOT_VOLUME_MISMATCH', INVALID,
               'the snapshot is not one of that volume'),
    50155007: ('NODE_NOT_MOUNTED', DETACHED, 'not attached to that node'),
    50155009: ('SYNC_METADATA_ERROR', UNKNOWN,
               'metadata could not be synchronised'),
    50157010: ('VOLUME_HAS_MAPPING', BUSY, 'the volume is mapped to a host'),
    50500001: ('OPERATION_UNKNOWN', INVALID,
               'the cluster does not know the operation'),
    50510012: ('CLIENT_COMMAND_FORMAT_ERROR', INVALID, 'malformed command'),
    51010013: ('SNAPSHOT_HAS_NO_VOLUME', ABSENT,
               'no volume was made from the snapshot'),
    51010014: ('VOLUME_HAS_NO_SNAPSHOT', ABSENT, 'the volume has no snapshot'),
    # Only REST has these.
    31000000: ('VOLUME_NOT_EXIST_QUERY_63', ABSENT,
               'no such volume when queried; 6.3'),
    31000923: ('POOL_DELETE_BUSY', BUSY, 'a pool is being deleted'),
    32150005: ('VOLUME_NOT_EXIST_63', ABSENT,
               'no such volume when deleted; 6.3'),
    32155103: ('INITIATOR_NOT_EXIST_63', ABSENT, 'no such initiator; 6.3'),
    33760257: ('ISCSI_ADDRESS_NOT_EXIST', ABSENT,
               'that node has no such iSCSI address'),
    37000212: ('INTERNAL_ERROR', UNKNOWN,
               'internal error; the client tries again'),
    37000213: ('MANAGER_BUSY', RETRY, 'the manager is busy'),
    37100145: ('REMOTE_MANAGER_BUSY', RETRY, 'the remote manager is busy'),
    50092080: ('MANAGEMENT_RETRY_2', UNKNOWN,
               'meaning not told; the client tries again'),
    50120003: ('MANAGED_POOL_NOT_EXIST', ABSENT, 'no such pool'),
    50150014: ('VOLUME_NOT_PRE_DELETED', INVALID,
               'the volume is not waiting to be deleted'),
    50150064: ('SCSI3_LOCK_LOAD_FAILED', UNKNOWN,
               'the VBS could not load the reservation data'),
    50150100: ('DR_RELATION_EXISTS', BUSY,
               'the volume is in a disaster recovery relation'),
    50150101: ('DR_RELATION_NOT_EXIST', INVALID,
               'the volume is in no such relation; it does not say that '
               'the volume is absent'),
    50150102: ('VOLUME_HAS_MIRROR', BUSY, 'the volume has a mirror'),
    50150103: ('VOLUME_HAS_NO_MIRROR', INVALID, 'the volume has no mirror'),
    50150104: ('VOLUME_STATUS_WRONG', BUSY, "the volume's state forbids it"),
    50150105: ('MIRROR_ALREADY_EXIST', BUSY,
               'the mirror volume is already there'),
    50153007: ('BITMAP_BRANCH_ERROR', INVALID,
               'the snapshots of a difference are of different branches'),
    50155018: ('ISCSI_NOT_ENABLED', FAULT,
               'iSCSI is off on that node; leave the node out'),
    50155102: ('INITIATOR_ALREADY_EXIST', EXISTS,
               'the initiator is already known'),
    50155103: ('INITIATOR_NOT_EXIST', ABSENT, 'no such initiator'),
    50157001: ('VOLUME_ALREADY_MAPPED', EXISTS,
               'the volume is already mapped to that host'),
    50157019: ('HOST_ALREADY_EXIST', EXISTS, 'a host of that name exists'),
    50157021: ('INITIATOR_ALREADY_IN_HOST', EXISTS,
               'the initiator already belongs to a host: ask which'),
    50157027: ('HOST_HAS_MAPPING', BUSY,
               'volumes are still mapped to the host'),
    50157044: ('HOST_GROUP_ALREADY_EXIST', EXISTS,
               'a host group of that name exists'),
    50157046: ('HOST_ALREADY_IN_GROUP', EXISTS,
               'the host is already in a host group'),
    50157058: ('HOST_ALREADY_MAPPED', BUSY,
               'a host with mapped volumes cannot join the group'),
    50400004: ('MANAGEMENT_RETRY', UNKNOWN,
               'meaning not told; the client tries again'),
    50560010: ('BITMAP_SNAPSHOT_REPEATED', UNKNOWN,
               'a repeated request for a difference of snapshots'),
    540157748: ('HOST_ISCSI_RELATION_EXIST', EXISTS,
                "the host's iSCSI addresses are already recorded"),
    1073754390: ('USER_OR_PASSWORD_INVALID', DENIED,
                 'user or password refused'),
    1073793333: ('SETTING_BUSY', RETRY, 'the setting is busy'),
    1073793460: ('SYSTEM_BUSY_2', RETRY, 'the system is busy'),
    1077948995: ('MEMORY_BUSY', RETRY, "the manager's memory is busy"),
    1077949001: ('MESSAGE_TIMEOUT', UNKNOWN,
                 "the manager's message timed out or is busy"),
    1077949004: ('PROCESS_BUSY', RETRY, "the manager's process is busy"),
    1077949006: ('SYSTEM_BUSY', RETRY, 'the system is busy'),
    1077949021: ('UPGRADING', RETRY, 'the system is being upgraded'),
    1077949058: ('NO_PERMISSION', DENIED,
                 'the user may not do that; the client signs in again'),
    1077949061: ('LOGIN_FAILED', DENIED, 'sign-in refused'),
    1077949069: ('USER_OFFLINE', DENIED,
                 'the session ended: sign in again and repeat'),
    1077949071: ('ADDRESS_LOCKED', DENIED,
                 "the client's address is locked: do not try again soon"),
    1077987870: ('LOGIN_FAILED_WITH_REASON', DENIED,
                 'sign-in refused with details'),
})


def kind(code: int) -> str:
    """Say what may be concluded from a code.

    :param code: a result code
    :returns: its class; UNKNOWN for a code that is not in the table
    """
    return CODES[code][1] if code in CODES else UNKNOWN


def describe(code: int) -> str:
    """Put a code in words.

    :param code: a result code
    :returns: the code, its name and its meaning
    """
    if code not in CODES:
        return '%d (a code that is not known)' % code
    name, _kind, meaning = CODES[code]
    return '%d %s (%s)' % (code, name, meaning)
