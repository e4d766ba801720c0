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
"""Calls about snapshots, clones and rollbacks."""

from dsware_sim import codes
from dsware_sim.front.rest import bodies
from dsware_sim.front.rest import calls

_SNAPSHOTS = 'block_service/snapshots'


async def create(call):
    """Make a snapshot."""
    await call.ask('createSnapshot', volName=call.params['volName'],
                   snapName=call.params['snapshotName'], smartFlag=0)
    return {}


async def delete(call):
    """Delete a snapshot."""
    await call.ask('deleteSnapshot', snapName=call.params['snapshotName'])
    return {}


async def query_by_name(call):
    """Tell about one snapshot."""
    record = await call.ask_one('querySnapshot',
                                snapName=call.params['snapshotName'])
    return {'snapshot': bodies.snapshot(record, call.state)}


def _filter(call, lines):
    """Leave what has the filter's text anywhere in its name."""
    wanted = call.params.get('filters', {}).get('volumeName', '')
    if not isinstance(wanted, str):
        calls.refuse('the filter volumeName is not a text')
    return [line for line in lines if wanted in bodies.first_value(line)]


def _page(call, found, number, size, describe):
    page = bodies.page(found, number, size)
    counted = page if call.behaviour.total == 'page' else found
    return {'totalNum': len(counted),
            'snapshotList': [describe(record, call.state)
                             for record in calls.read(page)]}


async def list_of_pool(call):
    """Tell about a page of the snapshots of a pool."""
    found = _filter(call, await call.ask_lines(
        'queryAllSnapshot', poolId=call.params['poolId']))
    return _page(call, found, call.params['pageNum'],
                 call.params['pageSize'], bodies.listed_snapshot)


async def _of_volume(call, name):
    try:
        return await call.ask_lines('querySnapOfVolume', volName=name)
    except codes.Refused as refused:
        # A list that is empty is no failure here.
        if refused.code != codes.VOLUME_HAS_NO_SNAPSHOT:
            raise
        return ()


async def list_of_volume(call):
    """Tell about a page of the snapshots of a volume."""
    found = _filter(call, await _of_volume(call, call.params['volName']))
    return _page(call, found, call.params['batchNum'],
                 call.params['batchLimit'], bodies.snapshot)


async def api_query(call):
    """Tell about one snapshot, or all of a volume, as /api/v2 does."""
    if 'name' in call.params:
        record = await call.ask_one('querySnapshot',
                                    snapName=call.params['name'])
        return {'data': _describe(call, record)}
    if 'volume_name' not in call.params:
        calls.refuse('neither name nor volume_name')
    lines = await _of_volume(call, call.params['volume_name'])
    return {'data': [_describe(call, record) for record in calls.read(lines)]}


def _describe(call, record):
    return bodies.api_snapshot(record, call.state, call.manager.progress)


async def _clone(call, snapshot, name, size=None):
    source = await call.ask_one('querySnapshot', snapName=snapshot)
    if size is None or call.behaviour.clone_size == 'snapshot':
        size = source['snap_size']
    await call.ask('createVolumeFromSnap', snapNameSrc=snapshot,
                   volName=name, volSize=size)


async def clone(call):
    """Make a linked clone of a snapshot."""
    await _clone(call, call.params['src'], call.params['volName'],
                 call.params.get('volSize'))
    return {}


async def api_clone(call):
    """Make a linked clone of a snapshot."""
    name = call.params['name']
    if 'clone_snapshot_name' in call.params:
        await _clone(call, call.params['clone_snapshot_name'], name)
        return {}
    if 'source_volume_name' not in call.params:
        calls.refuse('neither clone_snapshot_name nor source_volume_name')
    # A clone of a volume is one of a snapshot that is gone when it is made.
    between = 'clone.%d' % call.state.take_id()
    await call.ask('createSnapshot', snapName=between,
                   volName=call.params['source_volume_name'])
    try:
        await _clone(call, between, name)
    finally:
        await call.ask('deleteSnapshot', snapName=between)
    return {}


async def fill(call):
    """Start to fill an empty volume from a snapshot."""
    await call.ask('createFullVolumeFromSnap',
                   volName=call.params['volume_name_dst'],
                   snapName=call.params['snap_name_src'])
    return {}


async def rollback(call):
    """Start to put a volume back to a snapshot."""
    await call.ask('rollbackSnapshot', snapName=call.params['snapshotName'],
                   volName=call.params['volumeName'])
    return {}


async def api_change(call):
    """Start a rollback, or cancel one."""
    action, name = call.params['action'], call.params['name']
    if action == 'cancel_rollback':
        await call.ask('cancelRollback', snapName=name)
    elif action == 'rollback' and 'rollback_target_name' in call.params:
        await call.ask('rollbackSnapshot', snapName=name,
                       volName=call.params['rollback_target_name'])
    else:
        calls.refuse('unknown action, or no rollback_target_name')
    return {}


def _one(key, value):
    """Check a name that is put together with others."""
    if ',' in calls.text(key, value):
        calls.refuse('%s has a comma' % key)
    return value


async def together(call):
    """Make snapshots of several volumes at one point in time."""
    wanted = [calls.mapping('a snapshot', item)
              for item in call.params['']]
    for item in wanted:
        if set(item) != {'name', 'sub_type', 'volume_name'}:
            calls.refuse('a snapshot has name, sub_type and volume_name')
        if item['sub_type'] != '0':
            calls.refuse('sub_type is not 0')
    names = [_one('name', item['name']) for item in wanted]
    volumes = [_one('volume_name', item['volume_name']) for item in wanted]
    await call.ask('activeSnapshots', volNameList=','.join(volumes),
                   snapNameList=','.join(names), smartFlag=0)
    return {'data': [{'name': name, 'id': call.state.snapshots[name].id}
                     for name in names]}


def _changing(params):
    """Tell which operation a change of a snapshot is."""
    cancels = params.get('action') == 'cancel_rollback'
    return 'cancelRollback' if cancels else 'rollbackSnapshot'


def _entries(name, value):
    if not isinstance(value, list) or not value:
        calls.refuse('the body is not a list of snapshots')
    return value


ROUTES = (
    calls.Route('createSnapshot', 'version', 'POST', 'snapshot/create',
                create, {'volName': calls.text, 'snapshotName': calls.text},
                text=True),
    calls.Route('deleteSnapshot', 'version', 'POST', 'snapshot/delete',
                delete, {'snapshotName': calls.text}),
    calls.Route('querySnapshot', 'version', 'GET', 'snapshot/queryByName',
                query_by_name, {'snapshotName': calls.text}, since='8.0.0'),
    calls.Route('querySnapshot', 'api', 'GET', _SNAPSHOTS, api_query,
                optional={'name': calls.text, 'volume_name': calls.text},
                place='api', since='8.0.0'),
    calls.Route('queryAllSnapshot', 'version', 'POST', 'snapshot/list',
                list_of_pool,
                {'poolId': calls.number, 'pageNum': calls.positive,
                 'pageSize': calls.page_size}, {'filters': calls.mapping}),
    calls.Route('querySnapOfVolume', 'version', 'POST',
                'volume/snapshot/list', list_of_volume,
                {'volName': calls.text, 'batchNum': calls.positive,
                 'batchLimit': calls.page_size},
                {'filters': calls.mapping}),
    calls.Route('createVolumeFromSnap', 'version', 'POST',
                'snapshot/volume/create', clone,
                {'src': calls.text, 'volName': calls.text},
                {'volSize': calls.number}, text=True),
    calls.Route('createVolumeFromSnap', 'api', 'POST',
                'block_service/clone_volumes', api_clone,
                {'name': calls.text},
                {'clone_snapshot_name': calls.text,
                 'source_volume_name': calls.text},
                place='api', since='8.0.0'),
    calls.Route('createFullVolumeFromSnap', 'api', 'POST',
                'block_service/createFullVolumeFromSnap', fill,
                {'snap_name_src': calls.text, 'volume_name_dst': calls.text},
                place='api', since='8.1.2'),
    calls.Route('rollbackSnapshot', 'version', 'POST', 'snapshot/rollback',
                rollback,
                {'snapshotName': calls.text, 'volumeName': calls.text}),
    calls.Route(_changing, 'api', 'POST', _SNAPSHOTS, api_change,
                {'name': calls.text, 'action': calls.text},
                {'rollback_target_name': calls.text}, place='api',
                since='8.0.0'),
    calls.Route('activeSnapshots', 'api', 'POST',
                'block_service/consistency_snapshots', together,
                {'': _entries}, place='api', since='8.0.0'),
)
