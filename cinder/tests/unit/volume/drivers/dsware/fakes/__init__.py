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

"""A Dsware cluster in memory, and a clock that a test turns.

The cluster keeps state and obeys the published rules of the management
interface, so that tests look at what became of the cluster rather than at
which calls were made. It stands where a transport stands: below the client.
"""

import collections
import dataclasses
import threading
from unittest import mock

import hypothesis
from oslo_config import cfg
import testtools

from cinder.tests.unit.volume.drivers.dsware.fakes import qos
from cinder.volume import configuration
from cinder.volume import driver
from cinder.volume.drivers.dsware.array import array
from cinder.volume.drivers.dsware.client import agents
from cinder.volume.drivers.dsware.client import cli_transport
from cinder.volume.drivers.dsware.client import client
from cinder.volume.drivers.dsware.client import connection
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware.client import login
from cinder.volume.drivers.dsware.client import protocol
from cinder.volume.drivers.dsware.client import tls
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import options
from cinder.volume.drivers.dsware import waiting
from cinder.volume.drivers.san import san

# Nothing is kept in the tree; how long an example takes says nothing.
HYPOTHESIS = hypothesis.settings(deadline=None, database=None)

READY = 0
COPYING = 6

ENDPOINTS = (endpoints.Endpoint('192.0.2.1', 10519),
             endpoints.Endpoint('192.0.2.2', 10519))


class Interrupted(BaseException):
    """What an eventlet time-out is: no Exception."""


class Clock:
    """Stands for the module time; sleeping turns it.

    Waiting for an event does, too: for all of its time, as nobody else is
    there who could set it.
    """

    Lock = staticmethod(threading.Lock)

    def __init__(self):
        self.now = 1000.0
        self.sleeps = []

    def monotonic(self):
        return self.now

    time = monotonic

    def sleep(self, seconds):
        self.sleeps.append(seconds)
        # Time goes by, however short the sleep is.
        self.now += max(seconds, 1e-6)

    def Event(self):
        event = threading.Event()
        event.wait = lambda seconds: event.is_set() or self.sleep(seconds)
        return event

    def install(self, case):
        """Let the driver's modules use this clock during a test.

        :param case: the test case
        :returns: this clock
        """
        patcher = mock.patch.object(agents, 'threading', self)
        patcher.start()
        case.addCleanup(patcher.stop)
        for module in (waiting, agents, cli_transport, client, connection,
                       login, tls):
            patcher = mock.patch.object(module, 'time', self)
            patcher.start()
            case.addCleanup(patcher.stop)
        return self


@dataclasses.dataclass
class Fault:
    """What goes wrong with the next requests of an operation.

    :ivar op: the operation; a part of the name is enough
    :ivar kind: one of the names in FakeTransport
    :ivar value: what the kind needs, for example a result code
    :ivar times: how many requests it hits
    :ivar skip: how many requests pass before
    :ivar name: only requests about this object
    """

    op: str
    kind: str
    value: object = None
    times: int = 1
    skip: int = 0
    name: str = ''

    def hits(self, request):
        if self.op not in request.op or self.name not in request.name:
            return False
        if self.skip:
            self.skip -= 1
            return False
        if not self.times:
            return False
        self.times -= 1
        return True


class FakeCluster(qos.FakeQoS):
    """A cluster's objects and rules."""

    def __init__(self, clock, pools=(0, 1), single_pool=False):
        self.clock = clock
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
        self.faults = []
        # Addresses of agents that cannot be reached.
        self.dead = set()
        self.requests = []
        self.latency = 0.01
        self.edit = None
        self._made = 0
        super().__init__()

    # -- for tests ---------------------------------------------------------

    def fail(self, op, kind, value=None, **kwargs):
        """Make the next request of an operation fail.

        :param op: the operation
        :param kind: see FakeTransport
        :param value: what the kind needs
        """
        self.faults.append(Fault(op, kind, value, **kwargs))

    def ops(self):
        """Tell which operations were asked for, in order."""
        return [request.op for request, _endpoint in self.requests]

    def count(self, op):
        return self.ops().count(op)

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

    # -- the operations ----------------------------------------------------

    def carry_out(self, request, endpoint):
        """Carry out a request.

        :param request: the request
        :param endpoint: the agent that it was sent to
        :returns: the result code and the records
        """
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


class FakeTransport:
    """Carries requests to a :class:`FakeCluster`, with its faults."""

    def __init__(self, cluster, endpoint):
        self.cluster = cluster
        self.endpoint = endpoint
        self.closed = False
        self.deadlines = []

    def exchange(self, request, deadline):
        cluster = self.cluster
        cluster.requests.append((request, self.endpoint))
        self.deadlines.append(deadline)
        cluster.clock.now += cluster.latency
        if self.endpoint.host in cluster.dead:
            yield from self._unsent(request, deadline, None)
        for fault in list(cluster.faults):
            if fault.hits(request):
                yield from getattr(self, '_' + fault.kind)(
                    request, deadline, fault.value)
                return
        yield from self._answer(request)

    def _answer(self, request):
        result, records = self.cluster.carry_out(request, self.endpoint)
        yield protocol.Frame(1, result, 'as asked', False, records)

    def _unknown(self, request):
        return exceptions.OutcomeUnknown(
            op=request.op, name=request.name, desc='no valid answer',
            endpoint=str(self.endpoint))

    def _unsent(self, request, deadline, value):
        """No byte of the request leaves."""
        raise exceptions.EndpointUnavailable(
            desc='cannot connect', endpoint=str(self.endpoint))
        yield

    def _lost(self, request, deadline, value):
        """The request is lost on its way."""
        raise self._unknown(request)
        yield

    def _unanswered(self, request, deadline, value):
        """The request is carried out, the answer is lost."""
        list(self._answer(request))
        raise self._unknown(request)
        yield

    def _hangs(self, request, deadline, value):
        """Nothing is heard until the time is over."""
        self.cluster.clock.now += deadline.remaining
        raise self._unknown(request)
        yield

    def _result(self, request, deadline, value):
        """A result code, nothing is carried out."""
        yield protocol.Frame(1, value, 'refused', False, [])

    def _late_result(self, request, deadline, value):
        """A result code, though it is carried out."""
        list(self._answer(request))
        yield protocol.Frame(1, value, 'in doubt', False, [])

    def _records(self, request, deadline, value):
        """Other records than the cluster has."""
        yield protocol.Frame(1, 0, '', False, value)

    def _frames(self, request, deadline, value):
        """Frames, or an error in place of one."""
        for item in value:
            if isinstance(item, BaseException):
                raise item
            yield item

    def _interrupted(self, request, deadline, value):
        """What is no Exception, after the request was carried out."""
        list(self._answer(request))
        raise Interrupted()
        yield

    def _stopped(self, request, deadline, value):
        """What is no Exception, before the request was carried out."""
        raise Interrupted()
        yield

    def _does(self, request, deadline, value):
        """Something happens on the cluster first."""
        value()
        yield from self._answer(request)

    def close(self):
        self.closed = True


class ArrayTestCase(testtools.TestCase):
    """Tests with a real client and array on a cluster in memory."""

    def setUp(self):
        super().setUp()
        self.clock = Clock().install(self)
        self.cluster = FakeCluster(self.clock)
        self.transports = {}
        self.client = self.make_client()
        self.array = array.Array(self.client, copy_timeout=3600)

    def make_client(self, endpoints=ENDPOINTS, timeout=60):
        return client.Client(endpoints, self.make_transport, timeout)

    def make_transport(self, endpoint):
        self.transports[endpoint] = FakeTransport(self.cluster, endpoint)
        return self.transports[endpoint]

    def raises(self, error, function, *args, **kwargs):
        """Call what must raise exactly this class.

        :param error: the class
        :returns: the exception
        """
        raised = self.assertRaises(error, function, *args, **kwargs)
        self.assertIs(error, type(raised))
        return raised


def make_configuration(**overrides):
    """Make a backend's configuration that touches no global state.

    :param overrides: options that differ from their defaults
    :returns: what a driver is given
    """
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[], default_config_dirs=[])
    with mock.patch.object(configuration, 'CONF', conf):
        made = configuration.Configuration(
            san.san_opts + options.DSWARE_OPTS, config_group='dsware')
        made.append_config_values(driver.volume_opts + driver.backup_opts)
    made.conf.local_conf = conf
    overrides.setdefault('san_ip', '192.0.2.10')
    for key, value in overrides.items():
        conf.set_override(key, value, group='dsware')
    return made
