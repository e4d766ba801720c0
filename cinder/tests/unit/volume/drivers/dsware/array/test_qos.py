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

"""Limits of volumes on the cluster."""

import ddt

from cinder.tests.unit.volume.drivers.dsware.array import base
from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware.array import models
from cinder.volume.drivers.dsware.array import qos
from cinder.volume.drivers.dsware import exceptions

NONE = dict.fromkeys(models.QOS_LIMITS, 0)
GOLD = {**NONE, 'maxIOPS': 100, 'maxMBPS': 10}
SILVER = {**NONE, 'maxIOPS': 50}


class QoSTestCase(base.ArrayTestCase):

    def setUp(self):
        super().setUp()
        self.cluster.add_volume('v')
        self.cluster.add_volume('other')

    def give(self, volume, name, **limits):
        """Let somebody give a volume a QoS."""
        self.cluster.qos[name] = {**NONE, **limits}
        self.cluster.qos_of[volume] = name


@ddt.ddt
class QueryTestCase(QoSTestCase):

    @ddt.data([], [{'qosName': 'a'}, {'qosName': 'b'}], [{'maxIOPS': '1'}],
              [{'qosName': 'a', 'maxIOPS': 'many'}])
    def test_a_strange_answer(self, records):
        self.cluster.fail('queryVolumeQoSInfo', 'records', records)
        self.raises(exceptions.OutcomeUnknown, self.array.queries.qos_of, 'v')

    def test_limits_that_an_older_cluster_does_not_tell(self):
        found = models.QoS.from_record({'qosName': 'q', 'maxIOPS': '5',
                                        'maxMBPS': ''})
        self.assertEqual({'maxIOPS': 5}, found.limits)
        self.assertTrue(found.has({'maxIOPS': 5, 'MBPSPerTB': 3}))
        self.assertFalse(found.has({'maxIOPS': 6}))


@ddt.ddt
class LimitTestCase(QoSTestCase):

    def test_give(self):
        self.array.qos.limit('v', GOLD)
        self.assertEqual({'v.qos': GOLD}, self.cluster.qos)
        self.assertEqual({'v': 'v.qos'}, self.cluster.qos_of)

    def test_again_changes_nothing(self):
        self.array.qos.limit('v', GOLD)
        self.cluster.requests.clear()
        self.array.qos.limit('v', GOLD)
        self.assertEqual(['queryVolumeQoSInfo'], self.cluster.ops())

    def test_change_needs_no_detaching(self):
        self.array.qos.limit('v', GOLD)
        self.cluster.requests.clear()
        self.array.qos.limit('v', SILVER)
        self.assertEqual({'maxIOPS': 50}, self.cluster.limits_of('v'))
        self.assertEqual(['queryVolumeQoSInfo', 'setQoS'],
                         self.cluster.ops())

    def test_a_new_volume_is_not_asked_about(self):
        self.array.qos.limit_new('v', GOLD)
        self.assertEqual(['createQoS', 'associateQoSWithVolume'],
                         self.cluster.ops())

    def test_what_a_crash_left_is_replaced(self):
        self.cluster.qos['v.qos'] = SILVER
        self.array.qos.limit('v', GOLD)
        self.assertEqual({'v.qos': GOLD}, self.cluster.qos)

    def test_what_others_have_is_left_alone(self):
        self.give('other', 'v.qos', maxIOPS=7)
        start = self.clock.now
        error = self.raises(exceptions.ObjectExists, self.array.qos.limit, 'v',
                            GOLD)
        self.assertIn('v.qos', str(error))
        self.assertIn('Other volumes have it', str(error))
        self.assertEqual({'maxIOPS': 7}, self.cluster.limits_of('other'))
        self.assertEqual({'other': 'v.qos'}, self.cluster.qos_of)
        self.assertLess(self.clock.now - start, 1)

    def test_a_qos_of_another_name_is_replaced_and_stays(self):
        self.give('v', 'gold', maxIOPS=7)
        self.array.qos.limit('v', GOLD)
        self.assertEqual({'v': 'v.qos'}, self.cluster.qos_of)
        self.assertEqual({'gold', 'v.qos'}, set(self.cluster.qos))

    @ddt.data('createQoS', 'disassociateQoSWithVolume',
              'associateQoSWithVolume')
    def test_a_failure_gives_the_old_one_back(self, op):
        self.give('v', 'gold', maxIOPS=7)
        self.cluster.fail(op, 'result', 50150003)
        self.raises(exceptions.InvalidRequest, self.array.qos.limit, 'v', GOLD)
        self.assertEqual({'v': 'gold'}, self.cluster.qos_of)
        self.assertEqual({'gold'}, set(self.cluster.qos))

    @ddt.data('createQoS', 'associateQoSWithVolume')
    def test_a_failure_leaves_nothing(self, op):
        for kind in ('interrupted', 'stopped'):
            self.cluster.fail(op, kind)
            self.assertRaises(fakes.Interrupted, self.array.qos.limit, 'v',
                              GOLD)
            self.assertEqual(({}, {}),
                             (self.cluster.qos, self.cluster.qos_of))

    def test_an_outage_that_lasts(self):
        self.cluster.fail('associate', 'unsent', times=10 ** 9)
        self.cluster.fail('disassociate', 'unsent', times=10 ** 9)
        with self.assertLogs(qos.LOG.logger, 'WARNING') as logs:
            self.raises(exceptions.EndpointUnavailable, self.array.qos.limit,
                        'v', GOLD)
        self.assertIn('QoS v.qos may be there', ''.join(logs.output))

    @ddt.data('createQoS', 'associateQoSWithVolume')
    def test_a_new_volume_goes_with_its_limits(self, op):
        self.cluster.fail(op, 'result', 50150003)
        self.raises(exceptions.InvalidRequest, self.array.qos.limit_new, 'v',
                    GOLD)
        self.assertEqual({}, self.cluster.qos)
        self.assertEqual({'other'}, set(self.cluster.volumes))

    def test_a_volume_that_goes_meanwhile(self):
        self.cluster.fail('associateQoSWithVolume', 'does',
                          lambda: self.cluster.volumes.pop('v'))
        self.raises(exceptions.ObjectAbsent, self.array.qos.limit, 'v', GOLD)
        self.assertEqual({}, self.cluster.qos)


class DoubtTestCase(QoSTestCase):
    """What became of a request is found out."""

    def test_give_with_two_doubts(self):
        self.cluster.fail('createQoS', 'unanswered')
        self.cluster.fail('deleteQoS', 'lost')
        self.array.qos.limit('v', GOLD)
        self.assertEqual({'v.qos': GOLD}, self.cluster.qos)

    def test_the_one_in_doubt_was_never_made(self):
        self.cluster.fail('createQoS', 'result', 50150007)
        self.array.qos.limit('v', GOLD)
        self.assertEqual({'v.qos': GOLD}, self.cluster.qos)


class RemoveTestCase(QoSTestCase):

    def test_unlimit(self):
        self.array.qos.limit('v', GOLD)
        self.array.qos.unlimit('v')
        self.assertEqual(({}, {}), (self.cluster.qos, self.cluster.qos_of))
        self.array.qos.unlimit('v')

    def test_unlimit_leaves_others_alone(self):
        self.give('v', 'gold', maxIOPS=7)
        self.array.qos.unlimit('v')
        self.assertEqual({'v': 'gold'}, self.cluster.qos_of)
