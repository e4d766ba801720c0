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

"""The operations over REST: what is asked for each, and how it is read.

Sources of all of it are public clients. Records are given with the field
names of the other transports, so that nothing above knows which one is in use.

Each function takes what calls the manager, ``call(method, path, body)``,
and the operation's arguments; it gives lists of records. None in a record
stands for what the manager does not tell.
"""

import calendar
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
import itertools
import time
import urllib.parse

from cinder.i18n import _
from cinder.volume.drivers.dsware.client import rest_http
from cinder.volume.drivers.dsware.client import rest_session
from cinder.volume.drivers.dsware import result_codes
from os_brick_dsware import fsc_cli
from os_brick_dsware import result_codes as published

Record = dict[str, str | None]
Call = Callable[[str, str, object], Mapping]

_BLOCK = '/api/v2/block_service/'
_MIGRATIONS = _BLOCK + 'lun_migration'
_PAGE = 1000
_SNAPSHOTS_PAGE = 100
_TIME = '%Y-%m-%d %H:%M:%S'
# States of a volume, as REST tells them, by those of the other transports.
_READY, _COPYING, _CREATING = '0', '6', '7'
_STATUS = {'0': _READY, '4': _READY, '5': _COPYING, '6': _COPYING,
           '7': _CREATING, '8': _CREATING, '15': _CREATING}
_SUCCESS = 0
# Types of volumes that are attached; others are attached nowhere.
_ATTACHED = (0, 1)
_ROLLING_BACK = 44
# What the published client asks for.
_SPEED = 2
# Seconds for the manager to tell that a rollback has begun.
_BEGINS = 5


# What answers hold -----------------------------------------------------------

def _text(value) -> str:
    """Give a field as text; what it cannot be reads as missing."""
    if isinstance(value, bool):
        return ''
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, (str, int)) else ''


def _seconds(value) -> str:
    """Give a time, a number or text, in seconds since 1970."""
    text = _text(value)
    try:
        return str(calendar.timegm(time.strptime(text, _TIME)))
    except ValueError:
        return text if text.isdecimal() else '0'


def _items(answer, key) -> list[Mapping]:
    """Give the objects of a list; one alone, or none, may stand there."""
    found = answer.get(key) or []
    found = [found] if isinstance(found, Mapping) else found
    if not isinstance(found, list) or not all(
            isinstance(item, Mapping) for item in found):
        raise rest_http.Lost(_('%s is no list of objects') % key)
    return found


def _pool(item) -> Record:
    return {'pool_id': _text(item.get('poolId')),
            'total_capacity': _text(item.get('totalCapacity')),
            'used_capacity': _text(item.get('usedCapacity')),
            'alloc_capacity': _text(item.get('allocatedCapacity'))}


def _volume(item) -> Record:
    status = _text(item.get('status'))
    return {'vol_name': _text(item.get('volName')),
            'father_name': None,
            'lun_id': _text(item.get('volId')),
            'vol_size': _text(item.get('volSize')),
            'pool_id': _text(item.get('poolId')),
            'status': _STATUS.get(status, status),
            'create_time': _seconds(item.get('createTime')),
            'wwn': _text(item.get('wwn')).removeprefix('0x')}


def _snapshot(item) -> Record:
    return {'snap_name': _text(item.get('snapshotName')
                               or item.get('snapName')),
            'father_name': _text(item.get('fatherName')),
            'snap_size': _text(item.get('snapshotSize')
                               or item.get('snapSize')),
            'status': _text(item.get('status')),
            'pool_id': _text(item.get('poolId')),
            'create_time': _seconds(item.get('createTime')),
            'wwn': _text(item.get('wwn')).removeprefix('0x')}


def _query(path, **fields):
    return path + '?' + urllib.parse.urlencode(fields)


def _pages(ask, key, size) -> Iterator[list[Mapping]]:
    """Give page after page of a listing, until one is short.

    :param ask: asks for a page, by its number
    """
    for page in itertools.count(1):
        found = _items(ask(page), key)
        yield found
        if len(found) < size:
            return


# Queries ---------------------------------------------------------------------

def _version(call: Call, args) -> Iterator[list[Record]]:
    answer = call('GET', rest_session.BASE + 'rest/version', None)
    yield [{'version': _text(answer.get('currentVersion'))}]


def _pools(call: Call, args) -> Iterator[list[Record]]:
    yield [_pool(item) for item in _items(
        call('GET', 'storagePool', None), 'storagePools')]


def _volumes_named(call, name):
    """Query what the manager tells of a volume; nothing if there is none."""
    answer = call('GET', _query('volume/queryByName', volName=name), None)
    return [item for item in _items(answer, 'lunDetailInfo') if item]


def _volume_named(call, name):
    """Query a volume.

    :returns: its record
    :raises Refused: there is none
    """
    found = _volumes_named(call, name)
    if not found:
        raise rest_session.Refused(result_codes.VOLUME_NOT_EXIST)
    return _volume(found[0])


def _snapshot_named(call, name):
    path = _query('snapshot/queryByName', snapshotName=name)
    try:
        answer = call('GET', path, None)
    except rest_session.Refused as error:
        if error.code != result_codes.OPERATION_NOT_SUPPORTED:
            raise
        # With the version that clients use for it whatever is told.
        answer = call('GET', f'{rest_session.BASE}{rest_session.USUAL_VERSION}'
                      f'/{path}', None)
    found = [item for item in _items(answer, 'snapshot') if item]
    if not found:
        raise rest_session.Refused(result_codes.SNAPSHOT_NOT_EXIST)
    return _snapshot(found[0])


def _volumes(call: Call, args) -> Iterator[list[Record]]:
    def ask(page):
        return call('POST', 'volume/list', {
            'poolId': args['poolId'], 'pageNum': page, 'pageSize': _PAGE})

    for found in _pages(ask, 'volumeList', _PAGE):
        yield list(_whole(found, 'volSize', _volume, 'vol_name',
                          lambda name: _volume_named(call, name)))


def _snapshots(call: Call, args) -> Iterator[list[Record]]:
    def ask(page):
        return call('POST', 'snapshot/list', {
            'poolId': args['poolId'], 'pageNum': page, 'pageSize': _PAGE,
            'filters': {}})

    for found in _pages(ask, 'snapshotList', _PAGE):
        yield list(_whole(found, 'fatherName', _snapshot, 'snap_name',
                          lambda name: _snapshot_named(call, name)))


def _snapshots_of(call: Call, args) -> Iterator[list[Record]]:
    name = args['volName']

    def ask(batch):
        return call('POST', 'volume/snapshot/list', {
            'volName': name, 'batchNum': batch,
            'batchLimit': _SNAPSHOTS_PAGE})

    for found in _pages(ask, 'snapshotList', _SNAPSHOTS_PAGE):
        yield [{**_snapshot(item), 'father_name':
                _text(item.get('fatherName')) or name} for item in found]


def _whole(found, field, read, name, query) -> Iterator[Record]:
    """Read the records of a page; what lacks a field is asked for alone."""
    for item in found:
        record = read(item)
        if field in item:
            yield record
            continue
        try:
            yield query(record[name])
        except rest_session.Refused as error:
            # It may have been deleted since the page was made.
            if error.result_class != published.ABSENT:
                raise


def _qos_of(call: Call, args) -> Iterator[list[Record]]:
    answer = call('GET', _query('volume/qos', volName=args['volName']), None)
    limits = answer.get('qosSpecInfo') or {}
    if not isinstance(limits, Mapping):
        raise rest_http.Lost(_('%s is no object') % 'qosSpecInfo')
    yield [{'qosName': _text(answer.get('qosName')),
            **{key: _text(limits[key]) for key in fsc_cli.QOS_LIMITS
               if key in limits}}]


# Changes ---------------------------------------------------------------------

def _create_volume(call: Call, args) -> Iterator[list[Record]]:
    if not args['thinFlag']:
        raise rest_session.Refused(result_codes.OPERATION_NOT_SUPPORTED, _(
            'over REST all volumes are thin: no published call makes a thick '
            'one'))
    call('POST', 'volume/create', {
        'volName': args['volName'], 'volSize': args['volSize'],
        'poolId': args['poolId']})
    yield []


def _one_call(path: str, body: Callable[[Mapping], object], method='POST'):
    """Make the function of an operation that is one call.

    :param path: where it goes
    :param body: makes its body of the arguments
    """
    def change(call: Call, args) -> Iterator[list[Record]]:
        call(method, path, body(args))
        yield []

    return change


def _limits(args):
    return {'qosName': args['qosName'],
            'qosSpecInfo': {key: args[key] for key in fsc_cli.QOS_LIMITS
                            if key in args}}


def _roll_back(call: Call, args) -> Iterator[list[Record]]:
    """Begin a rollback, and see that it began.

    The end of an earlier one is told on while another is under way: without
    a look at both it could be taken for the end of this one.
    """
    name = args['snapName']
    before = _rollback(call, name)
    _check_none_runs(before)
    try:
        call('POST', 'snapshot/rollback', {
            'snapshotName': name, 'volumeName': args['volName']})
    except rest_session.Refused as error:
        if error.code != result_codes.SNAPSHOT_IS_ROLLING_BACK:
            raise
        _check_none_runs(_rollback(call, name))
        # To another snapshot, then, whose data are not wanted.
        raise rest_session.Refused(result_codes.VOLUME_STATUS_WRONG,
                                   error.desc) from error
    if before is not None:
        _see_begin(call, name, before)
    yield []


def _check_none_runs(rollback):
    if rollback is not None and rollback[0] == _ROLLING_BACK:
        raise rest_session.Refused(result_codes.SNAPSHOT_IS_ROLLING_BACK)


def _rollback(call, name):
    """Query the state of a snapshot and when a rollback to it has ended.

    :returns: None where the version does not tell
    """
    try:
        answer = call('GET', _BLOCK + 'snapshots', {'name': name})
    except rest_session.Refused as error:
        if error.code != result_codes.OPERATION_NOT_SUPPORTED:
            raise
        return None
    # A body of GET may be ignored on the way: then it lists all.
    found = [item for item in _items(answer, 'data')
             if item.get('name') in (None, name)]
    if not found:
        raise rest_session.Refused(result_codes.SNAPSHOT_NOT_EXIST)
    return (rest_session.number(found[0].get('running_status')),
            _text(found[0].get('rollback_endtime')))


def _see_begin(call, name, before):
    for _elapsed in call.pauses(_BEGINS):
        now = _rollback(call, name)
        if now is not None and (now[0] == _ROLLING_BACK
                                or now[1] != before[1]):
            return
    raise rest_http.Lost(_('it does not tell that the rollback began'))


def _migration(call: Call, args) -> Iterator[list[Record]]:
    answer = call('GET', _MIGRATIONS, {'id': args['volId']})
    # As for a rollback, others may be listed, too.
    yield [{'target': _text(item.get('target_lun_id')),
            'status': _text(item.get('running_status'))}
           for item in _items(answer, 'data')
           if rest_session.number(item.get('parent_id'))
           in (None, args['volId'])]


def _attach(call: Call, args) -> Iterator[list[Record]]:
    volume, host = args['volName'], args['host']
    answer = call('POST', 'volume/attach', {
        'volName': [volume], 'ipList': [host]})
    found = _of_host(_items(answer, volume), host)
    device = _text(found.get('devName'))
    if not device:
        raise rest_http.Lost(_('it names no device'))
    yield [{'devName': device}]


def _detach(call: Call, args) -> Iterator[list[Record]]:
    volume = args['volName']
    host = args['detachIp'] if 'detachIp' in args else args['host']
    answer = call('POST', 'volume/detach', {
        'volName': [volume], 'ipList': [host]})
    found = _items(answer, 'volumeInfo') or _items(answer, volume)
    if found or _is_attached(call, volume):
        _of_host(found, host)
    yield []


def _is_attached(call, name):
    """Tell whether a volume is attached to any host."""
    kinds = [rest_session.number(item.get('volType'))
             for item in _volumes_named(call, name)]
    return any(kind is None or kind in _ATTACHED for kind in kinds)


def _of_host(found, host):
    """Find what an answer says of a host; the code of each host counts.

    :raises Refused: it says that this failed there
    """
    for item in found:
        code = rest_session.number(item.get('errorCode'))
        if code != _SUCCESS:
            raise rest_session.Refused(
                code, _text(item.get('description')), whole=True)
    if not found:
        raise rest_http.Lost(_('it says nothing of host %s') % host)
    return found[0]


OPERATIONS = {
    'getDSwareIdentifier': _version,
    'queryAllPoolInfo': _pools,
    'queryVolume': lambda call, args: [[_volume_named(
        call, args['volName'])]],
    'querySnapshot': lambda call, args: [[_snapshot_named(
        call, args['snapName'])]],
    'queryAllVolume': _volumes,
    'queryAllSnapshot': _snapshots,
    'querySnapOfVolume': _snapshots_of,
    'queryVolumeQoSInfo': _qos_of,
    'createVolume': _create_volume,
    'deleteVolume': _one_call('volume/delete', lambda args: {
        'volNames': [args['volName']]}),
    'expandVolume': _one_call('volume/expand', lambda args: {
        'volName': args['volName'], 'newVolSize': args['volSize']}),
    'createSnapshot': _one_call('snapshot/create', lambda args: {
        'volName': args['volName'], 'snapshotName': args['snapName']}),
    'deleteSnapshot': _one_call('snapshot/delete', lambda args: {
        'snapshotName': args['snapName']}),
    'activeSnapshots': _one_call(
        _BLOCK + 'consistency_snapshots', lambda args: [
            {'name': snapshot, 'sub_type': '0', 'volume_name': volume}
            for volume, snapshot in zip(args['volNameList'].split(','),
                                        args['snapNameList'].split(','))]),
    # Some versions make it as large as the snapshot all the same.
    'createVolumeFromSnap': _one_call('snapshot/volume/create', lambda args: {
        'src': args['snapNameSrc'], 'volName': args['volName'],
        'volSize': args['volSize']}),
    'createFullVolumeFromSnap': _one_call(
        _BLOCK + 'createFullVolumeFromSnap', lambda args: {
            'snap_name_src': args['snapName'],
            'volume_name_dst': args['volName']}),
    'rollbackSnapshot': _roll_back,
    'queryMigration': _migration,
    'exchangeVolumes': _one_call(_MIGRATIONS, lambda args: {
        'parent_id': args['volIdSrc'], 'target_lun_id': args['volIdDst'],
        'speed': _SPEED, 'work_mode': 0}),
    'deleteMigration': _one_call(
        _MIGRATIONS, lambda args: {'id': args['volId']}, 'DELETE'),
    'attachVolume': _attach,
    'detachVolume': _detach,
    'detachVolumeByIp': _detach,
    'createQoS': _one_call('qos/create', _limits),
    'setQoS': _one_call('qos/modify', _limits),
    'deleteQoS': _one_call('qos/delete', lambda args: {
        'qosNames': [args['qosName']]}),
    'associateQoSWithVolume': _one_call('qos/volume/associate', lambda args: {
        'keyNames': [args['volName']], 'qosName': args['qosName']}),
    'disassociateQoSWithVolume': _one_call(
        'qos/volume/disassociate', lambda args: {
            'keyNames': [args['volName']], 'qosName': args['qosName']}),
}
