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

"""What is asked of a manager for each operation, and how it is read."""

import ddt
import testtools

from cinder.volume.drivers.dsware.client import rest_calls
from cinder.volume.drivers.dsware.client import rest_http
from cinder.volume.drivers.dsware.client import rest_session

DONE = {'result': 0}
ABSENT = rest_session.Refused(50150005)
NOT_THERE = rest_session.Refused(50150002)
VOLUME = {'volName': 'v', 'volId': 7, 'volSize': 1024, 'poolId': 0,
          'wwn': '0x68886', 'status': 0, 'volType': 0,
          'createTime': '2015-01-01 00:00:00'}
SNAPSHOT = {'snapshotName': 's', 'snapshotId': 8, 'fatherName': 'v',
            'snapshotSize': 1024, 'poolId': 0, 'status': 0,
            'createTime': 1420070400}
QUERY = 'volume/queryByName?volName=v'
API = '/api/v2/block_service/'


class Manager:
    """Answers calls, one after another."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def __call__(self, method, path, body):
        self.asked.append((method, path, body))
        found = self.answers.pop(0)
        if isinstance(found, BaseException):
            raise found
        return found

    def pauses(self, seconds):
        return [0.0, 0.1, 0.3]


class CallsTestCase(testtools.TestCase):

    def carry_out(self, op, *answers, **args):
        """Carry out an operation; give its records."""
        self.manager = Manager(*answers)
        return [record for records in rest_calls.OPERATIONS[op](
            self.manager, args) for record in records]

    def refused(self, code, op, *answers, **args):
        error = self.assertRaises(rest_session.Refused, self.carry_out, op,
                                  *answers, **args)
        self.assertEqual(code, error.code)
        return error

    def lost(self, op, *answers, **args):
        return self.assertRaises(rest_http.Lost, self.carry_out, op,
                                 *answers, **args)


@ddt.ddt
class QueryTestCase(CallsTestCase):

    @ddt.data(VOLUME, [VOLUME], [{}, VOLUME])
    def test_volume(self, found):
        record, = self.carry_out('queryVolume', {'lunDetailInfo': found},
                                 volName='v')
        self.assertEqual(
            {'vol_name': 'v', 'father_name': None,
             'lun_id': '7', 'vol_size': '1024', 'pool_id': '0',
             'status': '0', 'create_time': '1420070400', 'wwn': '68886'},
            record)
        self.assertEqual([('GET', QUERY, None)], self.manager.asked)

    @ddt.data({}, {'lunDetailInfo': None}, {'lunDetailInfo': {}},
              {'lunDetailInfo': []}, {'lunDetailInfo': [{}]})
    def test_no_volume(self, answer):
        self.refused(50150005, 'queryVolume', answer, volName='v')

    @ddt.data('text', 7, [VOLUME, 'v'], [[VOLUME]])
    def test_what_is_no_volume(self, found):
        self.lost('queryVolume', {'lunDetailInfo': found}, volName='v')

    @ddt.data({'volName': {'a': 1}, 'volId': True, 'volSize': 10.5,
               'poolId': [], 'status': None, 'createTime': 'x', 'wwn': 1e400})
    def test_odd_fields_are_missing(self, found):
        record, = self.carry_out('queryVolume', {'lunDetailInfo': found},
                                 volName='v')
        self.assertEqual({'', '0', None}, set(record.values()))

    @ddt.data((0, '0'), (4, '0'), ('5', '6'), (6, '6'), (7, '7'), (8, '7'),
              (15, '7'), (9, '9'), (0.0, '0'))
    @ddt.unpack
    def test_states(self, told, status):
        record, = self.carry_out('queryVolume', {
            'lunDetailInfo': {**VOLUME, 'status': told}}, volName='v')
        self.assertEqual(status, record['status'])

    def test_names_are_escaped(self):
        self.refused(50150005, 'queryVolume', {}, volName='v&a=/?#%\r\n')
        self.assertEqual('volume/queryByName?volName=v%26a%3D%2F%3F%23%25%0D'
                         '%0A', self.manager.asked[0][1])

    @ddt.data(SNAPSHOT, [SNAPSHOT])
    def test_snapshot(self, found):
        record, = self.carry_out('querySnapshot', {'snapshot': found},
                                 snapName='s')
        self.assertEqual(('s', 'v', '1024', '1420070400'), (
            record['snap_name'], record['father_name'], record['snap_size'],
            record['create_time']))

    def test_a_version_without_that_query_for_snapshots(self):
        record, = self.carry_out('querySnapshot', NOT_THERE,
                                 {'snapshot': SNAPSHOT}, snapName='s')
        self.assertEqual('s', record['snap_name'])
        path = 'snapshot/queryByName?snapshotName=s'
        self.assertEqual(
            [path, '/dsware/service/v1.3/' + path],
            [path for _method, path, _body in self.manager.asked])

    @ddt.data({}, {'snapshot': {}}, {'snapshot': []})
    def test_no_snapshot(self, answer):
        self.refused(50150006, 'querySnapshot', answer, snapName='s')

    def test_qos(self):
        record, = self.carry_out('queryVolumeQoSInfo', {
            'qosName': 'q', 'qosSpecInfo': {
                'maxIOPS': '100', 'maxMBPS': 10, 'other': 1}}, volName='v')
        self.assertEqual({'qosName': 'q', 'maxIOPS': '100', 'maxMBPS': '10'},
                         record)

    @ddt.data({}, {'qosName': ''}, {'qosName': None, 'qosSpecInfo': {}})
    def test_no_qos(self, answer):
        self.assertEqual([{'qosName': ''}], self.carry_out(
            'queryVolumeQoSInfo', answer, volName='v'))

    def test_what_is_no_qos(self):
        self.lost('queryVolumeQoSInfo', {'qosSpecInfo': [1]}, volName='v')


@ddt.ddt
class ListingTestCase(CallsTestCase):

    @ddt.data(('queryAllVolume', 'volumeList', VOLUME, 'pageNum', 1000),
              ('queryAllSnapshot', 'snapshotList', SNAPSHOT, 'pageNum', 1000),
              ('querySnapOfVolume', 'snapshotList', SNAPSHOT, 'batchNum',
               100))
    @ddt.unpack
    def test_until_a_page_is_short(self, op, key, item, number, size):
        for lengths in ((0,), (size - 1,), (size, 0), (size, size, 1)):
            with self.subTest(lengths=lengths):
                found = self.carry_out(op, *[
                    {key: [item] * length} for length in lengths],
                    poolId=0, volName='v')
                self.assertEqual(sum(lengths), len(found))
                self.assertEqual(
                    list(range(1, len(lengths) + 1)),
                    [body[number] for *_call, body in self.manager.asked])

    def test_what_a_page_does_not_tell_is_asked_for(self):
        found = self.carry_out(
            'queryAllVolume',
            {'volumeList': [{'volName': 'v', 'volId': 7}, VOLUME]},
            {'lunDetailInfo': VOLUME}, poolId=0)
        self.assertEqual(['1024'] * 2, [one['vol_size'] for one in found])
        self.assertEqual(QUERY, self.manager.asked[1][1])

    def test_what_is_deleted_meanwhile(self):
        for answer in (ABSENT, {}, {'lunDetailInfo': []}):
            found = self.carry_out(
                'queryAllVolume', {'volumeList': [{'volName': 'v'}, VOLUME]},
                answer, poolId=0)
            self.assertEqual(1, len(found))
        for item in ({'snapName': 's'}, {'snapshotName': 's'}):
            found = self.carry_out(
                'queryAllSnapshot', {'snapshotList': [item, SNAPSHOT]},
                rest_session.Refused(50150006), poolId=0)
            self.assertEqual(1, len(found))
            self.assertEqual('snapshot/queryByName?snapshotName=s',
                             self.manager.asked[1][1])

    def test_another_refusal_meanwhile(self):
        self.refused(None, 'queryAllVolume', {'volumeList': [{}]},
                     rest_session.Refused(None), poolId=0)

    def test_snapshots_without_father(self):
        record, = self.carry_out('querySnapOfVolume', {
            'snapshotList': [{'snapshotName': 's'}]}, volName='v')
        self.assertEqual('v', record['father_name'])


@ddt.ddt
class ChangeTestCase(CallsTestCase):

    @ddt.data(
        ('createVolume', {'volName': 'v', 'volSize': 1, 'poolId': 0,
                          'thinFlag': 1},
         'volume/create', {'volName': 'v', 'volSize': 1, 'poolId': 0}),
        ('deleteVolume', {'volName': 'v'},
         'volume/delete', {'volNames': ['v']}),
        ('expandVolume', {'volName': 'v', 'volSize': 2},
         'volume/expand', {'volName': 'v', 'newVolSize': 2}),
        ('createSnapshot', {'volName': 'v', 'snapName': 's'},
         'snapshot/create', {'volName': 'v', 'snapshotName': 's'}),
        ('deleteSnapshot', {'snapName': 's'},
         'snapshot/delete', {'snapshotName': 's'}),
        ('createVolumeFromSnap',
         {'snapNameSrc': 's', 'volName': 'v', 'volSize': 1},
         'snapshot/volume/create', {'src': 's', 'volName': 'v',
                                    'volSize': 1}),
        ('createFullVolumeFromSnap', {'snapName': 's', 'volName': 'v'},
         API + 'createFullVolumeFromSnap',
         {'snap_name_src': 's', 'volume_name_dst': 'v'}),
        ('activeSnapshots', {'volNameList': 'v,w', 'snapNameList': 's,t'},
         API + 'consistency_snapshots',
         [{'name': 's', 'sub_type': '0', 'volume_name': 'v'},
          {'name': 't', 'sub_type': '0', 'volume_name': 'w'}]),
        ('exchangeVolumes', {'volIdSrc': 1, 'volIdDst': 2},
         API + 'lun_migration', {'parent_id': 1, 'target_lun_id': 2,
                                 'speed': 2, 'work_mode': 0}),
        ('createQoS', {'qosName': 'q', 'maxIOPS': 1, 'thinFlag': 1},
         'qos/create', {'qosName': 'q', 'qosSpecInfo': {'maxIOPS': 1}}),
        ('setQoS', {'qosName': 'q', 'maxMBPS': 1},
         'qos/modify', {'qosName': 'q', 'qosSpecInfo': {'maxMBPS': 1}}),
        ('deleteQoS', {'qosName': 'q'}, 'qos/delete', {'qosNames': ['q']}),
        ('associateQoSWithVolume', {'qosName': 'q', 'volName': 'v'},
         'qos/volume/associate', {'keyNames': ['v'], 'qosName': 'q'}),
        ('disassociateQoSWithVolume', {'qosName': 'q', 'volName': 'v'},
         'qos/volume/disassociate', {'keyNames': ['v'], 'qosName': 'q'}))
    @ddt.unpack
    def test_one_call(self, op, args, path, body):
        self.assertEqual([], self.carry_out(op, DONE, **args))
        self.assertEqual([('POST', path, body)], self.manager.asked)

    def test_a_thick_volume(self):
        error = self.refused(50150002, 'createVolume', volName='v',
                             volSize=1, poolId=0, thinFlag=0)
        self.assertIn('thin', error.desc)
        self.assertEqual([], self.manager.asked)


@ddt.ddt
class AttachTestCase(CallsTestCase):

    HOST = '192.0.2.7'

    def attach(self, *hosts):
        return self.carry_out('attachVolume', {'result': 0, 'v': list(hosts)},
                              volName='v', host=self.HOST)

    @ddt.data('0', 0)
    def test_attach(self, code):
        self.assertEqual([{'devName': '/dev/sdb'}], self.attach(
            {'errorCode': code, 'ip': self.HOST, 'devName': '/dev/sdb'}))
        self.assertEqual([('POST', 'volume/attach', {
            'volName': ['v'], 'ipList': [self.HOST]})], self.manager.asked)

    @ddt.data('50151401', 50151401)
    def test_a_host_refuses(self, code):
        error = self.assertRaises(rest_session.Refused, self.attach, {
            'errorCode': code, 'description': 'd', 'devName': '/dev/sdb'})
        self.assertEqual((50151401, 'd', True),
                         (error.code, error.desc, error.whole))

    def test_a_host_tells_no_code(self):
        error = self.assertRaises(rest_session.Refused, self.attach,
                                  {'devName': '/dev/sdb'})
        self.assertIsNone(error.code)

    @ddt.data([], [{'errorCode': 0, 'devName': ''}], [{'errorCode': 0}],
              [{'errorCode': 0, 'devName': ['/dev/sdb']}])
    def test_no_device(self, hosts):
        self.assertRaises(rest_http.Lost, self.attach, *hosts)

    @ddt.data('volumeInfo', 'v')
    def test_detach(self, key):
        """The host's code stands under either key."""
        for args in ({'host': self.HOST}, {'detachIp': self.HOST,
                                           'host': '192.0.2.8'}):
            answer = {'result': 0, key: [{'errorCode': '0'}]}
            self.assertEqual([], self.carry_out(
                'detachVolume', answer, volName='v', **args))
            self.assertEqual([self.HOST], self.manager.asked[0][2]['ipList'])
        for code in ('50151601', 50151601):
            error = self.refused(50151601, 'detachVolume', {
                key: [{'errorCode': code}]}, volName='v', host=self.HOST)
            self.assertTrue(error.whole)

    def test_detach_tells_nothing(self):
        for found, attached in (
                ({**VOLUME, 'volType': 2}, False), ({}, False),
                (VOLUME, True), ([{**VOLUME, 'volType': '1'}], True),
                ({'volName': 'v'}, True)):
            with self.subTest(found=found):
                answers = DONE, {'lunDetailInfo': found}
                carry_out = self.lost if attached else self.carry_out
                carry_out('detachVolume', *answers, volName='v',
                          host=self.HOST)
                self.assertEqual(QUERY, self.manager.asked[1][1])


def state(status, ended=0, **fields):
    return {'data': [{'running_status': status, 'rollback_endtime': ended,
                      'name': 's', **fields}]}


@ddt.ddt
class RollbackTestCase(CallsTestCase):

    def roll_back(self, *answers):
        self.assertEqual([], self.carry_out(
            'rollbackSnapshot', *answers, snapName='s', volName='v'))
        return [path for _method, path, _body in self.manager.asked]

    def test_it_begins(self):
        paths = self.roll_back(state(27), DONE, state(27), state(44))
        self.assertEqual([API + 'snapshots', 'snapshot/rollback',
                          API + 'snapshots', API + 'snapshots'], paths)

    def test_it_has_ended_already(self):
        self.roll_back(state(27, 5), DONE, state(27, 5), state(27, 6))

    def test_the_end_of_an_earlier_one_is_not_its_end(self):
        self.lost('rollbackSnapshot', state(27, 5), DONE,
                  *[state(27, 5)] * 3, snapName='s', volName='v')

    def test_one_runs(self):
        self.refused(50153010, 'rollbackSnapshot', state(44), snapName='s',
                     volName='v')
        self.assertEqual(1, len(self.manager.asked))

    def test_one_to_another_snapshot_runs(self):
        self.refused(50150104, 'rollbackSnapshot', state(27),
                     rest_session.Refused(50153010), state(27),
                     snapName='s', volName='v')

    def test_a_version_that_does_not_tell(self):
        self.assertEqual(2, len(self.roll_back(NOT_THERE, DONE)))

    def test_it_cannot_be_asked_any_more(self):
        self.roll_back(state(27), DONE, NOT_THERE, state(44))

    def test_all_snapshots_are_told_of(self):
        """A body of GET need not arrive."""
        other = state(44, name='other')['data']
        before, after = state(27)['data'], state(44)['data']
        self.roll_back({'data': other + before}, DONE,
                       {'data': other + before}, {'data': other + after})
        self.refused(50150006, 'rollbackSnapshot', {'data': other},
                     snapName='s', volName='v')


@ddt.ddt
class MigrationTestCase(CallsTestCase):

    def query(self, answer):
        found = self.carry_out('queryMigration', answer, volId=1)
        self.assertEqual([('GET', API + 'lun_migration', {'id': 1})],
                         self.manager.asked)
        return found

    @ddt.data({'parent_id': 1}, {'parent_id': '1'}, {})
    def test_one(self, parent):
        item = {'target_lun_id': '2', 'running_status': 76, **parent}
        for data in (item, [item], [{**item, 'parent_id': 3}, item]):
            self.assertEqual([{'target': '2', 'status': '76'}],
                             self.query({'data': data}))

    @ddt.data({}, {'data': {}}, {'data': []},
              {'data': {'parent_id': 11, 'target_lun_id': '2',
                        'running_status': 76}})
    def test_none(self, answer):
        self.assertEqual([], self.query(answer))

    def test_forgetting(self):
        self.carry_out('deleteMigration', DONE, volId=1)
        self.assertEqual([('DELETE', API + 'lun_migration', {'id': 1})],
                         self.manager.asked)
