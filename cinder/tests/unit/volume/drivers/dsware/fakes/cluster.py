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

"""A Dsware cluster in memory.

It keeps state and obeys the published rules of the management interface, so
that tests look at what became of the cluster rather than at which calls were
made. It stands where a transport stands: below the client.
"""

import collections

from cinder.tests.unit.volume.drivers.dsware.fakes import transport

READY = 0
COPYING = 6


class FakeCluster(transport.Peer):
    """A cluster's objects and rules."""

    def __init__(self, clock, pools=(0, 1), single_pool=False):
        super().__init__(clock)
        self.pools = {pool: 1024 * 1024 for pool in pools}
        self.single_pool = single_pool
        self.volumes = {}
        self.snapshots = {}
        self.attached = collections.defaultdict(set)
        self.copies = {}
        self.moves = {}
        # (end, target's lun_id, status) by the lun_id of the source.
        self.exchanges = {}
        self.exchange_ends_as = 76
        self.copy_time = 10.0
        self.copy_ends_as = READY
        self.with_wwn = True
        self.edit = None
        # Limits by name, and names of QoS by name of volume.
        self.qos = {}
        self.qos_of = {}
        self._made = 0

    # -- for tests ---------------------------------------------------------

    def add_volume(self, name, size=1024, pool_id=0, father='', data=''):
        self._made += 1
        self.volumes[name] = {
            'vol_name': name, 'father_name': father, 'status': READY,
            'vol_size': size, 'real_size': 0, 'pool_id': pool_id,
            'create_time': 1420070400 + self._made, 'lun_id': self._made,
            'wwn': f'688860300000{self._made:04x}', 'data': data}
        return self.volumes[name]

    def add_snapshot(self, name, volume):
        source = self.volumes[volume]
        self._made += 1
        self.snapshots[name] = {
            'snap_name': name, 'father_name': volume, 'status': READY,
            'snap_size': source['vol_size'], 'real_size': 0,
            'pool_id': source['pool_id'], 'delete_priority': 0,
            'create_time': 1420070400 + self._made,
            'wwn': f'688860300000{self._made:04x}', 'data': source['data']}
        return self.snapshots[name]

    def limits_of(self, volume):
        """Tell the limits of a volume that differ from 0.

        :param volume: the volume's name
        :returns: a dict, or None when it has no QoS
        """
        if volume not in self.qos_of:
            return None
        return {key: value
                for key, value in self.qos[self.qos_of[volume]].items()
                if value}

    # -- the operations ----------------------------------------------------

    def carry_out(self, request, endpoint):
        self._finish_copies()
        args = {key: str(value) for key, value in request.args.items()}
        known = getattr(self, '_' + request.op, None)
        if known is None:
            return 50500001, []
        answer = known(args, endpoint)
        return answer if isinstance(answer, tuple) else (answer or 0, [])

    def _finish_copies(self):
        for name, (end, data) in list(self.copies.items()):
            if self.clock.now < end or name not in self.volumes:
                continue
            del self.copies[name]
            self.volumes[name].update(status=self.copy_ends_as, data=data)
        for name, (end, pool) in list(self.moves.items()):
            if self.clock.now < end or name not in self.volumes:
                continue
            del self.moves[name]
            self.volumes[name].update(status=self.copy_ends_as, pool_id=pool)

    def _shown(self, record):
        shown = {key: str(value) for key, value in record.items()
                 if key != 'data'}
        if not self.with_wwn:
            shown.pop('wwn', None)
            shown.pop('lun_id', None)
        return self.edit(shown) if self.edit else shown

    def _getDSwareIdentifier(self, args, endpoint):
        return ((50500001, []) if self.single_pool
                else (0, [{'version': '8.0'}]))

    def _pool(self, pool_id):
        used = sum(v['vol_size'] for v in self.volumes.values()
                   if v['pool_id'] == pool_id)
        return {'pool_id': str(pool_id),
                'total_capacity': str(self.pools[pool_id]),
                'used_capacity': str(used // 2),
                'alloc_capacity': str(used)}

    def _queryAllPoolInfo(self, args, endpoint):
        if self.single_pool:
            return 50500001
        return 0, [self._pool(pool) for pool in self.pools]

    def _queryPoolInfo(self, args, endpoint):
        pool = int(args['poolId'])
        return (0, [self._pool(pool)]) if pool in self.pools else 50151010

    def _taken(self, name):
        return name in self.volumes or name in self.snapshots

    def _createVolume(self, args, endpoint):
        pool, size = int(args['poolId']), int(args['volSize'])
        if self._taken(args['volName']):
            return 50150007
        if pool not in self.pools:
            return 50151010
        if size > self.pools[pool]:
            return 50150009
        self.add_volume(args['volName'], size, pool)

    def _deleteVolume(self, args, endpoint):
        name = args['volName']
        if name not in self.volumes:
            return 50150005
        if name in self.copies:
            return 50151005
        if self.attached[name] or any(
                s['father_name'] == name for s in self.snapshots.values()):
            return 50150013
        del self.volumes[name]
        self.qos_of.pop(name, None)

    def _queryVolume(self, args, endpoint):
        name = args['volName']
        if name not in self.volumes:
            return 50150005
        return 0, [self._shown(self.volumes[name])]

    def _querySnapshot(self, args, endpoint):
        name = args['snapName']
        if name not in self.snapshots:
            return 50150006
        return 0, [self._shown(self.snapshots[name])]

    def _expandVolume(self, args, endpoint):
        volume = self.volumes.get(args['volName'])
        if volume is None:
            return 50150005
        if int(args['volSize']) <= volume['vol_size']:
            return 50151003
        if int(args['volSize']) > self.pools[volume['pool_id']]:
            return 50150009
        volume['vol_size'] = int(args['volSize'])

    def _createSnapshot(self, args, endpoint):
        if args['volName'] not in self.volumes:
            return 50150005
        if self._taken(args['snapName']):
            return 50150008
        self.add_snapshot(args['snapName'], args['volName'])

    def _activeSnapshots(self, args, endpoint):
        volumes = args['volNameList'].split(',')
        snapshots = args['snapNameList'].split(',')
        if len(volumes) != len(snapshots):
            return 50150003
        if not set(volumes) <= set(self.volumes):
            return 50150005
        if any(map(self._taken, snapshots)):
            return 50150008
        for name, volume in zip(snapshots, volumes):
            self.add_snapshot(name, volume)

    def _deleteSnapshot(self, args, endpoint):
        name = args['snapName']
        if name not in self.snapshots:
            return 50150006
        if self.attached[name]:
            return 50150013
        del self.snapshots[name]

    def _createVolumeFromSnap(self, args, endpoint):
        source = self.snapshots.get(args['snapNameSrc'])
        if source is None:
            return 50150006
        if self._taken(args['volName']):
            return 50150007
        if int(args['volSize']) > self.pools[source['pool_id']]:
            return 50150009
        self.add_volume(args['volName'], int(args['volSize']),
                        source['pool_id'], args['snapNameSrc'],
                        source['data'])

    def _createFullVolumeFromSnap(self, args, endpoint):
        source = self.snapshots.get(args['snapName'])
        volume = self.volumes.get(args['volName'])
        if source is None:
            return 50150006
        if volume is None:
            return 50150005
        if args['volName'] in self.copies:
            return 50151005
        volume['status'] = COPYING
        self.copies[args['volName']] = (self.clock.now + self.copy_time,
                                        source['data'])

    def _migrateVolumeCold(self, args, endpoint):
        name, pool = args['volNameSrc'], int(args['poolIdDst'])
        volume = self.volumes.get(name)
        if volume is None:
            return 50150005
        if pool not in self.pools:
            return 50151010
        if volume['status'] == COPYING:
            return 50151211
        if self.attached[name] or any(
                s['father_name'] == name for s in self.snapshots.values()):
            return 50150013
        if volume['pool_id'] == pool:
            return 50151009
        if volume['vol_size'] > self.pools[pool]:
            return 50150009
        volume['status'] = COPYING
        self.moves[name] = (self.clock.now + self.copy_time, pool)

    def _numbered(self, number):
        return next((v for v in self.volumes.values()
                     if v['lun_id'] == int(number)), None)

    def _exchangeVolumes(self, args, endpoint):
        source = self._numbered(args['volIdSrc'])
        target = self._numbered(args['volIdDst'])
        if source is None or target is None:
            return 50150005
        if source['lun_id'] in self.exchanges:
            return 50151211
        if self.attached[source['vol_name']] or any(
                s['father_name'] == source['vol_name']
                for s in self.snapshots.values()):
            return 50150013
        self.exchanges[source['lun_id']] = (
            self.clock.now + self.copy_time, target['lun_id'], 0)

    def _finish_exchanges(self):
        for number, (end, other, status) in list(self.exchanges.items()):
            if status or self.clock.now < end:
                continue
            self.exchanges[number] = end, other, self.exchange_ends_as
            source, target = self._numbered(number), self._numbered(other)
            if None in (source, target):
                raise AssertionError('a volume went during its move')
            if self.exchange_ends_as == 76:
                source['pool_id'], target['pool_id'] = (
                    target['pool_id'], source['pool_id'])

    def _queryMigration(self, args, endpoint):
        self._finish_exchanges()
        if int(args['volId']) not in self.exchanges:
            return 50150101
        _end, target, status = self.exchanges[int(args['volId'])]
        return 0, [{'target': str(target), 'status': str(status)}]

    def _deleteMigration(self, args, endpoint):
        if self.exchanges.pop(int(args['volId']), None) is None:
            return 50150005

    def _rollbackSnapshot(self, args, endpoint):
        source = self.snapshots.get(args['snapName'])
        volume = self.volumes.get(args['volName'])
        if source is None:
            return 50150006
        if volume is None:
            return 50150005
        if source['father_name'] != args['volName']:
            return 50153014
        if args['volName'] in self.copies:
            return 50153010
        if self.attached[args['volName']]:
            return 50150013
        volume.update(status=COPYING, vol_size=source['snap_size'])
        self.copies[args['volName']] = (self.clock.now + self.copy_time,
                                        source['data'])

    def _querySnapOfVolume(self, args, endpoint):
        found = [self._shown(s) for s in self.snapshots.values()
                 if s['father_name'] == args['volName']]
        return (0, found) if found else 51010014

    def _queryAllVolume(self, args, endpoint):
        return 0, [self._shown(v) for v in self.volumes.values()
                   if v['pool_id'] == int(args['poolId'])]

    def _queryAllSnapshot(self, args, endpoint):
        return 0, [self._shown(s) for s in self.snapshots.values()
                   if s['pool_id'] == int(args['poolId'])]

    def _attachVolume(self, args, endpoint):
        name = args['volName']
        if name not in self.volumes and name not in self.snapshots:
            return 50151404
        if endpoint.host in self.attached[name]:
            return 50151401
        self.attached[name].add(endpoint.host)
        return 0, [{'devName': '/dev/sdb'}]

    def _detach(self, name, host):
        if name not in self.volumes and name not in self.snapshots:
            return 50151404
        if host not in self.attached[name]:
            return 50151601
        self.attached[name].discard(host)

    def _detachVolume(self, args, endpoint):
        return self._detach(args['volName'], endpoint.host)

    def _detachVolumeByIp(self, args, endpoint):
        return self._detach(args['volName'], args['detachIp'])

    @staticmethod
    def _limits(args):
        return {key: int(value) for key, value in args.items()
                if key not in ('qosName', 'volName')}

    def _createQoS(self, args, endpoint):
        if args['qosName'] in self.qos:
            return 50150007
        self.qos[args['qosName']] = self._limits(args)

    def _setQoS(self, args, endpoint):
        if args['qosName'] not in self.qos:
            return -157210
        self.qos[args['qosName']].update(self._limits(args))

    def _deleteQoS(self, args, endpoint):
        if args['qosName'] not in self.qos:
            return -157210
        if args['qosName'] in self.qos_of.values():
            return 50150013
        del self.qos[args['qosName']]

    def _associateQoSWithVolume(self, args, endpoint):
        name, volume = args['qosName'], args['volName']
        if name not in self.qos:
            return -157210
        if volume not in self.volumes:
            return 50150005
        if self.qos_of.get(volume, name) != name:
            return 50150013
        self.qos_of[volume] = name

    def _disassociateQoSWithVolume(self, args, endpoint):
        name, volume = args['qosName'], args['volName']
        if name not in self.qos:
            return -157210
        if volume not in self.volumes:
            return 50150005
        if self.qos_of.get(volume) != name:
            return -157210
        del self.qos_of[volume]

    def _queryVolumeQoSInfo(self, args, endpoint):
        volume = args['volName']
        if volume not in self.volumes:
            return 50150005
        name = self.qos_of.get(volume, '')
        return 0, [{'qosName': name,
                    **{key: str(value)
                       for key, value in self.qos.get(name, {}).items()}}]
