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
"""Pools, volumes, their move to other pools, attachments, QoS."""

from dsware_sim.tests import base
from dsware_sim.tests.front.rest import client

_MIGRATION = 'block_service/lun_migration'


class PoolTestCase(client.RestTestCase):
    """What is told of pools."""

    def test_all(self):
        self.make(size=1024)
        answer = self.rest('GET', 'storagePool')
        self.assertEqual(0, answer['result'])
        self.assertEqual(
            {'poolId': 0, 'poolName': 'pool0', 'totalCapacity': 1048576,
             'usedCapacity': 0, 'allocatedCapacity': 1024,
             'usedCapacityRate': 0, 'volumeNum': 1, 'poolServerType': 0},
            answer['storagePools'][0])
        self.assertEqual(1, answer['storagePools'][1]['poolId'])
        quick = self.rest.ask(
            'GET', '/dsware/service/cluster/storagepool/queryStoragePool')
        self.assertEqual(answer, quick.json)

    def test_one(self):
        pools = self.rest('GET', 'storagePool?poolId=1')['storagePools']
        self.assertEqual([1], [pool['poolId'] for pool in pools])
        self.refused(50151010, self.rest('GET', 'storagePool?poolId=7'))
        self.assertEqual(1, self.control.counts()['queryPoolInfo'] - 1)


class VolumeTestCase(client.RestTestCase):
    """Volumes, by calls with a version."""

    def test_record(self):
        found = self.make(size=2048, pool=1)
        other, = [volume for volume in self.control.status()['volumes']]
        self.assertEqual(
            {'volName': 'v', 'volId': found['volId'], 'volSize': 2048,
             'poolId': 1, 'wwn': other['wwn'], 'status': 0, 'volType': 2,
             'createTime': other['created']}, found)
        self.assertIs(int, type(found['volId']))
        self.assertTrue(other['thin'])

    def test_refused(self):
        self.make()
        again = self.rest('POST', 'volume/create', {
            'volName': 'v', 'volSize': 64, 'poolId': 0})
        # In answers to what makes something the code is a text.
        self.refused('50150007', again)
        self.refused(50150005,
                     self.rest('GET', 'volume/queryByName?volName=w'))
        self.refused(50151003, self.rest('POST', 'volume/expand', {
            'volName': 'v', 'newVolSize': 64}))

    def test_parameters(self):
        whole = {'volName': 'v', 'volSize': 64, 'poolId': 0}
        for wrong in ({'volSize': '64'}, {'poolId': '0'}, {'volName': 1},
                      {'volSize': True}, {'thinFlag': 1}):
            self.refused('50150003', self.rest('POST', 'volume/create',
                                               {**whole, **wrong}))
        del whole['poolId']
        self.refused('50150003', self.rest('POST', 'volume/create', whole))
        for body in (b'{', b'[]', b'1', b'\xff', b'[' * 100000):
            self.refused('50150003', self.rest('POST', 'volume/create', body))
        self.assertEqual([], self.control.status()['volumes'])

    def test_by_number(self):
        found = self.make()
        self.assertEqual(found, self.rest(
            'GET', 'volume/queryById?volId=%d' % found['volId']
        )['lunDetailInfo'])
        self.assertEqual([found], self.rest(
            'GET', 'lun/wwn/list?wwn=' + found['wwn'])['lunDetailInfo'])
        self.refused(50150005, self.rest('GET', 'volume/queryById?volId=9'))
        self.refused(50150003, self.rest('GET', 'volume/queryById?volId=a'))
        self.take()
        number = self.rest('GET', 'snapshot/queryByName?snapshotName=s')[
            'snapshot']['snapshotId']
        self.refused(50150005, self.rest(
            'GET', 'volume/queryById?volId=%d' % number))

    def test_expand(self):
        self.make()
        self.done(self.rest('POST', 'volume/expand', {
            'volName': 'v', 'newVolSize': 128}))
        self.assertEqual(128, self.volume()['volSize'])

    def test_delete(self):
        self.make()
        self.make('w')
        self.take()
        answer = self.rest('POST', 'volume/delete', {
            'volNames': ['v', 'w', 'x']})
        self.assertEqual(1, answer['result'])
        self.assertEqual([50150013, 0, 50150005],
                         [one['errorCode'] for one in answer['detail']])
        self.done(self.rest('POST', 'snapshot/delete', {'snapshotName': 's'}))
        self.done(self.rest('POST', 'volume/delete', {'volNames': ['v']}))
        self.assertEqual([], self.control.status()['volumes'])

    def test_list(self):
        for number in range(5):
            self.make('v%d' % number)
        self.make('elsewhere', pool=1)
        pages = [self.rest('POST', 'volume/list', {
            'poolId': 0, 'pageNum': page, 'pageSize': 2})
            for page in (1, 2, 3, 4)]
        self.assertEqual(
            [['v0', 'v1'], ['v2', 'v3'], ['v4'], []],
            [[volume['volName'] for volume in page['volumeList']]
             for page in pages])
        self.assertEqual({'result', 'volumeList'}, set(pages[0]))
        # Here the time is a text, as others publish it.
        self.assertRegex(pages[0]['volumeList'][0]['createTime'],
                         r'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d')
        for wrong in ({'pageNum': 0}, {'pageSize': 1001}, {'poolId': '0'}):
            self.refused(50150003, self.rest('POST', 'volume/list', {
                'poolId': 0, 'pageNum': 1, 'pageSize': 2, **wrong}))

    def test_ways_to_tell_that_it_is_absent(self):
        self.control.set_rest(absent='missing')
        path = 'volume/queryByName?volName=w'
        self.assertEqual({'result': 0}, self.rest('GET', path))
        self.control.set_rest(absent='empty')
        self.assertEqual({'result': 0, 'lunDetailInfo': {}},
                         self.rest('GET', path))
        self.control.set_rest(lists=True)
        self.assertEqual({'result': 0, 'lunDetailInfo': []},
                         self.rest('GET', path))
        self.make_and_compare_lists()

    def make_and_compare_lists(self):
        self.done(self.rest('POST', 'volume/create', {
            'volName': 'v', 'volSize': 64, 'poolId': 0}))
        found, = self.volume()
        self.assertEqual('v', found['volName'])


class ApiVolumeTestCase(client.RestTestCase):
    """Volumes, by /api/v2."""

    def test_all(self):
        path = 'block_service/volumes'
        made = self.api_done(self.rest.api('POST', path, {
            'name': 'v', 'pool_id': 0, 'capacity': 64,
            'enable_compression': False}))
        found = self.api_done(self.rest.api('GET', path + '?name=v'))
        self.assertEqual(
            {'id': made['id'], 'name': 'v', 'capacity': 64,
             'used_capacity': 0, 'pool_id': 0,
             'wwn': '0x' + self.volume()['wwn'], 'status': 0, 'protocol': 2,
             'health_status': 1, 'running_status': 27, 'is_clone': False,
             'encrypted': False, 'sub_lun_type': 0}, found)
        self.api_done(self.rest.api('PUT', 'block_service/volume_capacity', {
            'name': 'v', 'capacity': 128}))
        self.assertEqual(128, self.volume()['volSize'])
        self.api_done(self.rest.api('DELETE', path, {'name': 'v'}))
        refused = self.rest.api('GET', path + '?name=v')
        self.assertEqual({'result'}, set(refused))
        self.assertEqual(50150005, refused['result']['code'])


class MigrationTestCase(client.RestTestCase):
    """Two volumes exchange their places."""

    def setUp(self):
        super().setUp()
        self.moving = self.make('v')['volId']
        self.other = self.make('w', pool=1)['volId']

    def migrate(self, **changes):
        return self.rest.api('POST', _MIGRATION, {
            'parent_id': self.moving, 'target_lun_id': str(self.other),
            'speed': 2, 'work_mode': 0, **changes})

    def told(self):
        return self.api_done(self.rest.api('GET', _MIGRATION,
                                           {'id': self.moving}))

    def test_done(self):
        self.control.pause_copies()
        self.api_done(self.migrate())
        self.assertEqual({'parent_id': self.moving,
                          'target_lun_id': str(self.other),
                          'running_status': 27}, self.told())
        # The one that moves can be used, by its status.
        self.assertEqual([4, 5], [self.volume(name)['status']
                                  for name in 'vw'])
        self.assertEqual(50151211, self.migrate()['result']['code'])
        refused = self.rest('POST', 'volume/delete', {'volNames': ['w']})
        self.assertEqual(50151211, refused['detail'][0]['errorCode'])
        self.control.resume_copies()
        base.wait_for(lambda: self.told()['running_status'] == 76, 'the move')
        self.assertEqual([(self.moving, 1), (self.other, 0)], [
            (self.volume(name)['volId'], self.volume(name)['poolId'])
            for name in 'vw'])
        # A note of it stays until it is deleted.
        self.assertEqual(50151211, self.migrate()['result']['code'])
        self.api_done(self.rest.api('DELETE', _MIGRATION,
                                    {'id': str(self.moving)}))
        self.assertEqual(50150002, self.rest.api(
            'GET', _MIGRATION, {'id': self.moving})['result']['code'])

    def test_fails(self):
        self.control.add_fault(kind='copy_fails', op='migrateVolumeCold',
                               count=1)
        self.api_done(self.migrate())
        base.wait_for(lambda: self.told()['running_status'] == 74, 'the end')
        self.assertEqual((0, 0), (self.volume('v')['poolId'],
                                  self.volume('v')['status']))

    def test_cancelled(self):
        self.control.pause_copies()
        self.api_done(self.migrate())
        self.api_done(self.rest.api('DELETE', _MIGRATION,
                                    {'id': self.moving}))
        self.control.resume_copies()
        self.assertEqual([(0, 0), (1, 0)], [
            (self.volume(name)['poolId'], self.volume(name)['status'])
            for name in 'vw'])

    def test_refused(self):
        self.take()
        self.assertEqual(50150013, self.migrate()['result']['code'])
        self.assertEqual(50150005,
                         self.migrate(target_lun_id=99)['result']['code'])
        agent = self.connect()
        self.ok(agent, 'login', userName=client.USER,
                password=client.PASSWORD)
        code, _ = agent('exchangeVolumes', volNameSrc='v', volNameDst='w')
        self.assertEqual(50500001, code)


class RestartTestCase(base.SimulatorTestCase):
    """A move that is under way when the process is killed."""

    def test_goes_on(self):
        simulator = self.own_simulator(rest=True, copy_seconds=600)
        rest = client.Rest(simulator.rest)
        self.addCleanup(rest.close)
        rest.sign_in()
        for pool, name in enumerate('vw'):
            rest('POST', 'volume/create', {'volName': name, 'volSize': 64,
                                           'poolId': pool})
        volume = rest('GET', 'volume/queryByName?volName=v')[
            'lunDetailInfo']['volId']
        self.assertEqual(0, rest.api('POST', _MIGRATION, {
            'parent_id': volume, 'target_lun_id': volume + 1})[
                'result']['code'])
        simulator.kill()
        simulator._copy_seconds = 0
        simulator.start()
        rest.connection.close()
        rest.sign_in()
        base.wait_for(
            lambda: rest.api('GET', _MIGRATION, {'id': volume})['data'][
                'running_status'] == 76, 'the move')
        self.assertEqual(1, rest('GET', 'volume/queryByName?volName=v')[
            'lunDetailInfo']['poolId'])


class AttachTestCase(client.RestTestCase):
    """Hosts, known by the addresses of their agents."""

    def attach(self, *hosts, names=('v',)):
        return self.rest('POST', 'volume/attach', {
            'volName': list(names), 'ipList': list(hosts)})

    def detach(self, *hosts):
        return self.rest('POST', 'volume/detach/', {
            'volName': ['v'], 'ipList': list(hosts)})

    def test_each_host_has_a_code(self):
        self.make()
        answer = self.attach(self.host, '192.0.2.1')
        self.assertEqual(0, answer['result'])
        good, bad = answer['v']
        self.assertEqual(('0', self.host), (good['errorCode'], good['ip']))
        base.write_device(good['devName'], 0, b'bytes')
        self.assertEqual(('50150024', '192.0.2.1', ''), (
            bad['errorCode'], bad['ip'], bad['devName']))
        self.assertEqual(0, self.volume()['volType'])
        again, = self.attach(self.host)['v']
        self.assertEqual(('50151401', ''),
                         (again['errorCode'], again['devName']))
        answer = self.detach(self.host, '192.0.2.1')
        self.assertEqual(0, answer['result'])
        self.assertEqual(['0', '50151601'], [
            one['errorCode'] for one in answer['volumeInfo']])
        self.assertEqual([], self.control.status()['attachments'])

    def test_no_such_volume(self):
        answer = self.attach(self.host, names=['x'])
        self.assertEqual(0, answer['result'])
        self.assertEqual('50151404', answer['x'][0]['errorCode'])

    def test_host_is_down(self):
        self.make()
        self.attach(self.host)
        self.control.agent_down(self.host)
        self.make('w')
        answer = self.attach(self.host, names=['w'])
        self.assertEqual('50150012', answer['w'][0]['errorCode'])
        # Whatever that host's state is, the volume is to leave it.
        self.assertEqual('0',
                         self.detach(self.host)['volumeInfo'][0]['errorCode'])
        self.assertEqual([], self.control.status()['attachments'])

    def test_places_of_codes_of_a_detachment(self):
        self.make()
        self.control.set_rest(detached='volume')
        self.assertEqual('50151601',
                         self.detach(self.host)['v'][0]['errorCode'])
        self.control.set_rest(detached='none')
        self.done(self.detach(self.host))
        self.assertEqual([50151601] * 2, [
            entry[3] for entry in self.control.log()
            if entry[1] == 'detachVolume'])


class QosTestCase(client.RestTestCase):
    """Limits of volumes."""

    def call(self, what, **content):
        return self.rest('POST', 'qos/' + what, content)

    def test_life(self):
        self.make()
        self.done(self.call('create', qosName='q', qosSpecInfo={
            'maxIOPS': 100, 'maxMBPS': '999999'}, scheduleType=0))
        self.refused('50150007', self.call('create', qosName='q',
                                           qosSpecInfo={}))
        self.done(self.rest('GET', 'volume/qos?volName=v'))
        self.done(self.call('volume/associate', keyNames=['v'], qosName='q'))
        told = self.rest('GET', 'volume/qos?volName=v')
        self.assertEqual((0, 'q', '100', '999999'), (
            told['result'], told['qosName'], told['qosSpecInfo']['maxIOPS'],
            told['qosSpecInfo']['maxMBPS']))
        self.done(self.call('modify', qosName='q',
                            qosSpecInfo={'maxIOPS': 200}))
        self.assertEqual('200', self.rest('GET', 'volume/qos?volName=v')[
            'qosSpecInfo']['maxIOPS'])
        users = self.call('volume/list?type=associated', qosName='q',
                          poolId=0, pageNum=1, pageSize=5,
                          queryType='volume')
        self.assertEqual((1, ['v']), (users['totalNum'], [
            volume['volName'] for volume in users['volumes']]))
        held = self.call('delete', qosNames=['q'])
        self.assertEqual([50150013], [one['errorCode']
                                      for one in held['detail']])
        self.done(self.call('volume/disassociate', keyNames=['v'],
                            qosName='q'))
        self.done(self.call('delete', qosNames=['q']))
        gone = self.call('volume/associate', keyNames=['v'], qosName='q')
        self.assertEqual(-157210, gone['detail'][0]['errorCode'])

    def test_refused(self):
        for wrong in ({'qosName': 'q' * 64}, {'qosSpecInfo': {'max': 1}},
                      {'qosSpecInfo': {'maxIOPS': 'many'}},
                      {'qosSpecInfo': 1}):
            self.refused('50150003', self.call('create', **{
                'qosName': 'q', 'qosSpecInfo': {}, **wrong}))
