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
"""Rules about pools, QoS, attachments and older clusters."""

from dsware_sim.cluster import model
from dsware_sim import codes
from dsware_sim.tests import base


class PoolTestCase(base.RulesTestCase):
    """What is told of pools."""

    def test_one(self):
        record, = self.ok('queryPoolInfo', poolId=1)
        self.assertEqual({'pool_id': '1', 'total_capacity': '4096',
                          'used_capacity': '0', 'alloc_capacity': '0'},
                         record)
        self.refused(codes.POOL_ID_NOT_IN_USE, 'queryPoolInfo', poolId=2)

    def test_all(self):
        self.assertEqual(['0', '1'], [one['pool_id'] for one in self.ok(
            'queryAllPoolInfo')])
        self.assertEqual(2, len(self.ok('queryPoolType', poolType=0)))
        self.assertEqual([], self.ok('queryPoolType', poolType=1))

    def test_identifier(self):
        record, = self.ok('getDSwareIdentifier')
        self.assertEqual(['version'], list(record))


class OldClusterTestCase(base.RulesTestCase):
    """One pool, no wwn."""

    def setUp(self):
        super().setUp()
        self.request = base.FakeCluster(True, {0: 1024})
        self.state = self.request.state

    def test_unknown_operations(self):
        self.refused(codes.OPERATION_UNKNOWN, 'getDSwareIdentifier')
        self.refused(codes.OPERATION_UNKNOWN, 'queryAllPoolInfo')
        self.refused(codes.OPERATION_UNKNOWN, 'queryPoolType', poolType=0)
        self.assertEqual('1024', self.ok(
            'queryPoolInfo', poolId=0)[0]['total_capacity'])

    def test_records(self):
        self.volume()
        self.assertEqual(
            ['vol_name', 'father_name', 'status', 'vol_size', 'real_size',
             'pool_id', 'create_time'], list(self.query('v')))
        self.snapshot()
        record, = self.ok('querySnapshot', snapName='s')
        self.assertNotIn('wwn', record)


class QosTestCase(base.RulesTestCase):
    """QoS."""

    def qos(self, name='v'):
        record, = self.ok('queryVolumeQoSInfo', volName=name)
        return record

    def test_life(self):
        self.volume()
        self.assertEqual('', self.qos()['qosName'])
        self.ok('createQoS', qosName='gold', maxIOPS=100, maxMBPS=0)
        self.ok('associateQoSWithVolume', qosName='gold', volName='v')
        record = self.qos()
        self.assertEqual(['qosName', *model.QOS_FIELDS], list(record))
        self.assertEqual(('gold', '100', '0'), (
            record['qosName'], record['maxIOPS'], record['maxMBPS']))
        self.ok('setQoS', qosName='gold', maxMBPS=7)
        record = self.qos()
        self.assertEqual(('100', '7'), (record['maxIOPS'],
                                        record['maxMBPS']))
        self.refused(codes.NODE_IN_USE, 'deleteQoS', qosName='gold')
        self.ok('disassociateQoSWithVolume', qosName='gold', volName='v')
        self.ok('deleteQoS', qosName='gold')
        self.assertEqual('', self.qos()['qosName'])

    def test_every_field(self):
        self.volume()
        limits = {key: number for number, key in
                  enumerate(model.QOS_FIELDS, 1)}
        self.ok('createQoS', qosName='q', **limits)
        self.ok('associateQoSWithVolume', qosName='q', volName='v')
        record = self.qos()
        self.assertEqual('q', record.pop('qosName'))
        self.assertEqual(limits, {key: int(value)
                                  for key, value in record.items()})

    def test_refused(self):
        self.volume()
        self.ok('createQoS', qosName='q')
        self.refused(codes.VOLUME_ALREADY_EXIST, 'createQoS', qosName='q')
        for op in ('setQoS', 'deleteQoS'):
            self.refused(codes.QOS_NOT_EXIST, op, qosName='x')
        for op in ('associateQoSWithVolume', 'disassociateQoSWithVolume'):
            self.refused(codes.QOS_NOT_EXIST, op, qosName='x', volName='v')
            self.refused(codes.VOLUME_NOT_EXIST, op, qosName='q',
                         volName='x')
        self.refused(codes.QOS_NOT_EXIST, 'disassociateQoSWithVolume',
                     qosName='q', volName='v')
        for value in ('-1', 'x', '', '1.5'):
            self.refused(codes.COMMAND_FORMAT_ERROR, 'createQoS',
                         qosName='r', maxIOPS=value)
        self.refused(codes.COMMAND_FORMAT_ERROR, 'createQoS', qosName='-r')
        self.refused(codes.COMMAND_FORMAT_ERROR, 'createQoS', qosName='r',
                     maxiops=1)

    def test_one_for_a_volume(self):
        self.volume()
        self.ok('createQoS', qosName='q')
        self.ok('createQoS', qosName='r')
        self.ok('associateQoSWithVolume', qosName='q', volName='v')
        self.ok('associateQoSWithVolume', qosName='q', volName='v')
        self.refused(codes.NODE_IN_USE, 'associateQoSWithVolume',
                     qosName='r', volName='v')

    def test_goes_with_the_volume(self):
        self.volume()
        self.ok('createQoS', qosName='q')
        self.ok('associateQoSWithVolume', qosName='q', volName='v')
        self.ok('deleteVolume', volName='v')
        self.ok('deleteQoS', qosName='q')

    def test_names_are_not_shared_with_volumes(self):
        self.volume('same')
        self.ok('createQoS', qosName='same')


class AttachTestCase(base.RulesTestCase):
    """Attachments to hosts."""

    def test_several_hosts(self):
        self.volume()
        record, = self.ok('attachVolume', volName='v')
        self.assertEqual(['devName'], list(record))
        self.refused(codes.VOLUME_HAS_ATTACHED, 'attachVolume', volName='v')
        self.ok('attachVolume', volName='v', agent=base.OTHER_HOST)
        self.ok('detachVolume', volName='v')
        self.refused(codes.VOLUME_NOT_ATTACH, 'detachVolume', volName='v')
        self.refused(codes.NODE_IN_USE, 'deleteVolume', volName='v')
        self.ok('detachVolume', volName='v', agent=base.OTHER_HOST)
        self.ok('deleteVolume', volName='v')

    def test_absent(self):
        self.refused(codes.VOLUME_OR_SNAPSHOT_NOT_EXIST, 'attachVolume',
                     volName='v')
        self.refused(codes.VOLUME_NOT_ATTACH, 'detachVolume', volName='v')
        self.refused(codes.NODE_NAME_INVALID, 'attachVolume', volName='/')

    def test_by_ip(self):
        self.volume()
        self.ok('attachVolume', volName='v')
        self.refused(codes.VOLUME_NOT_ATTACH, 'detachVolumeByIp',
                     volName='v', detachIp=base.OTHER_HOST)
        self.refused(codes.COMMAND_FORMAT_ERROR, 'detachVolumeByIp',
                     volName='v', detachIp='nowhere')
        self.ok('detachVolumeByIp', volName='v', detachIp=base.HOST,
                agent=base.OTHER_HOST)
        self.assertEqual({}, self.state.attachments)

    def test_snapshot(self):
        self.volume()
        self.snapshot()
        self.ok('attachVolume', volName='s')
        self.assertEqual({(base.HOST, 's'): '/dev/x2'},
                         self.state.attachments)
