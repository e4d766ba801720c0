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
"""Calls about pools, volumes and their move to other pools."""

from dsware_sim import codes
from dsware_sim.front.rest import bodies
from dsware_sim.front.rest import calls

_VOLUMES = 'block_service/volumes'
_MIGRATION = 'block_service/lun_migration'


async def query_pools(call):
    """Tell about all pools, or one."""
    if 'poolId' in call.params:
        records = await call.ask('queryPoolInfo',
                                 poolId=call.params['poolId'])
    else:
        records = await call.ask('queryAllPoolInfo')
    return {'storagePools': [bodies.pool(record, call.state)
                             for record in records]}


async def create(call):
    """Make a thin volume: there is no parameter for anything else."""
    await call.ask('createVolume', volName=call.params['volName'],
                   volSize=call.params['volSize'],
                   poolId=call.params['poolId'], thinFlag=1)
    return {}


async def api_create(call):
    """Make a thin volume, and tell its number."""
    name = call.params['name']
    await call.ask('createVolume', volName=name,
                   volSize=call.params['capacity'],
                   poolId=call.params['pool_id'], thinFlag=1)
    record = await call.ask_one('queryVolume', volName=name)
    return {'data': {'id': int(record['lun_id'])}}


async def delete(call):
    """Delete volumes, each by itself."""
    return await call.each(
        call.params['volNames'],
        lambda name: call.ask('deleteVolume', volName=name))


async def api_delete(call):
    """Delete a volume."""
    await call.ask('deleteVolume', volName=call.params['name'])
    return {}


async def _query(call, item, name, key, describe):
    try:
        if item is None or not item.is_volume:
            raise codes.Refused(codes.VOLUME_NOT_EXIST, name)
        record = await call.ask_one('queryVolume', volName=item.name)
    except codes.Refused as refused:
        if (refused.code != codes.VOLUME_NOT_EXIST
                or call.behaviour.absent == 'code'):
            raise
        if call.behaviour.absent == 'missing':
            return {}
        return {key: [] if call.behaviour.lists else {}}
    found = describe(record, call.state)
    return {key: [found] if call.behaviour.lists else found}


async def query_by_name(call):
    """Tell about one volume."""
    name = call.params['volName']
    return await _query(call, call.state.volumes.get(name), name,
                        'lunDetailInfo', bodies.volume)


async def query_by_id(call):
    """Tell about the volume that has a number."""
    number = call.params['volId']
    return await _query(call, call.state.by_id.get(number),
                        'number %d' % number, 'lunDetailInfo', bodies.volume)


async def query_by_wwn(call):
    """Tell about the volume that has a world wide name, as a list."""
    for item in call.state.volumes.values():
        if item.wwn == call.params['wwn']:
            record = await call.ask_one('queryVolume', volName=item.name)
            return {'lunDetailInfo': [bodies.volume(record, call.state)]}
    raise codes.Refused(codes.VOLUME_NOT_EXIST, call.params['wwn'])


async def api_query(call):
    """Tell about one volume, as /api/v2 does."""
    name = call.params['name']
    return await _query(call, call.state.volumes.get(name), name, 'data',
                        bodies.api_volume)


async def list_volumes(call):
    """Tell about a page of the volumes of a pool; not how many there are."""
    lines = await call.ask_lines('queryAllVolume',
                                 poolId=call.params['poolId'])
    page = bodies.page(lines, call.params['pageNum'], call.params['pageSize'])
    return {'volumeList': [bodies.listed_volume(record, call.state)
                           for record in calls.read(page)]}


async def expand(call):
    """Make a volume larger."""
    await call.ask('expandVolume', volName=call.params['volName'],
                   volSize=call.params['newVolSize'])
    return {}


async def api_expand(call):
    """Make a volume larger."""
    await call.ask('expandVolume', volName=call.params['name'],
                   volSize=call.params['capacity'])
    return {}


def _name_of(call, number):
    found = call.state.by_id.get(number)
    if found is None or not found.is_volume:
        raise codes.Refused(codes.VOLUME_NOT_EXIST, 'number %d' % number)
    return found.name


async def migrate(call):
    """Start to let two volumes exchange their places."""
    await call.ask('exchangeVolumes',
                   volNameSrc=_name_of(call, call.params['parent_id']),
                   volNameDst=_name_of(call, call.params['target_lun_id']))
    return {}


async def query_migration(call):
    """Tell how far the move of a volume is."""
    record = await call.ask_one('queryExchange', volId=call.params['id'])
    return {'data': bodies.migration(record)}


async def delete_migration(call):
    """Forget the move of a volume; cancel it when it is under way."""
    await call.ask('forgetExchange', volId=call.params['id'])
    return {}


def _asking_pools(params):
    """Tell which operation a query for pools is."""
    return 'queryPoolInfo' if 'poolId' in params else 'queryAllPoolInfo'


_PAGE = {'poolId': calls.number, 'pageNum': calls.positive,
         'pageSize': calls.page_size}

ROUTES = (
    calls.Route(_asking_pools, 'version', 'GET', 'storagePool',
                query_pools, optional={'poolId': calls.digits}),
    calls.Route(_asking_pools, 'service', 'GET',
                'cluster/storagepool/queryStoragePool', query_pools,
                optional={'poolId': calls.digits}),
    calls.Route('createVolume', 'version', 'POST', 'volume/create', create,
                {'volName': calls.text, 'volSize': calls.number,
                 'poolId': calls.number}, text=True),
    calls.Route('createVolume', 'api', 'POST', _VOLUMES, api_create,
                {'name': calls.text, 'pool_id': calls.number,
                 'capacity': calls.number},
                {'enable_compression': calls.anything,
                 'enable_deduplication': calls.anything},
                place='api', since='8.0.0'),
    calls.Route('deleteVolume', 'version', 'POST', 'volume/delete', delete,
                {'volNames': calls.texts}, place='detail'),
    calls.Route('deleteVolume', 'api', 'DELETE', _VOLUMES, api_delete,
                {'name': calls.text}, place='api', since='8.0.0'),
    calls.Route('queryVolume', 'version', 'GET', 'volume/queryByName',
                query_by_name, {'volName': calls.text}),
    calls.Route('queryVolume', 'version', 'GET', 'volume/queryById',
                query_by_id, {'volId': calls.digits}),
    calls.Route('queryVolume', 'version', 'GET', 'lun/wwn/list',
                query_by_wwn, {'wwn': calls.text}),
    calls.Route('queryVolume', 'api', 'GET', _VOLUMES, api_query,
                {'name': calls.text}, place='api', since='8.0.0'),
    calls.Route('queryAllVolume', 'version', 'POST', 'volume/list',
                list_volumes, _PAGE),
    calls.Route('expandVolume', 'version', 'POST', 'volume/expand', expand,
                {'volName': calls.text, 'newVolSize': calls.number}),
    calls.Route('expandVolume', 'api', 'PUT',
                'block_service/volume_capacity', api_expand,
                {'name': calls.text, 'capacity': calls.number},
                place='api', since='8.0.0'),
    calls.Route('migrateVolumeCold', 'api', 'POST', _MIGRATION, migrate,
                {'parent_id': calls.digits, 'target_lun_id': calls.digits},
                {'speed': calls.number, 'work_mode': calls.number},
                place='api', since='8.1.5'),
    calls.Route('queryMigration', 'api', 'GET', _MIGRATION, query_migration,
                {'id': calls.digits}, place='api', since='8.1.5'),
    calls.Route('deleteMigration', 'api', 'DELETE', _MIGRATION,
                delete_migration, {'id': calls.digits}, place='api',
                since='8.1.5'),
)
