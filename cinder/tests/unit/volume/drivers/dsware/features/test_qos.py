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

"""Limits of volumes, from the qos specs of their types."""

import ddt
import hypothesis
from hypothesis import strategies
import testtools

from cinder import exception
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware.array import models
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware.features import qos
from cinder.volume import qos_specs

MIB = 1024 ** 2


def spec(consumer='back-end', **values):
    return {'id': 'an-id', 'name': 'gold', 'consumer': consumer,
            'specs': values}


@ddt.ddt
class LimitsTestCase(testtools.TestCase):

    def limits(self, size=10, consumer='back-end', **values):
        found = qos.limits(spec(consumer, **values), size)
        if found is None:
            return None
        self.assertEqual(list(models.QOS_LIMITS), list(found))
        return {key: value for key, value in found.items() if value}

    def refused(self, values, *words, consumer='back-end', size=10):
        error = self.assertRaises(exception.InvalidQoSSpecs, qos.limits,
                                  spec(consumer, **values), size)
        for word in ('gold', 'an-id', *words):
            self.assertIn(word, str(error))

    @ddt.data(
        ({'total_iops_sec': '500'}, {'maxIOPS': 500}),
        ({'total_bytes_sec': str(10 * MIB)}, {'maxMBPS': 10}),
        ({'read_iops_sec': '5', 'write_iops_sec': '6'},
         {'readLimitIOPS': 5, 'writeLimitIOPS': 6}),
        ({'read_bytes_sec': str(MIB), 'write_bytes_sec': str(2 * MIB)},
         {'readLimitMBPS': 1, 'writeLimitMBPS': 2}),
        # A limit is never exceeded.
        ({'total_bytes_sec': str(2 * MIB - 1)}, {'maxMBPS': 1}),
        ({'total_iops_sec': 500}, {'maxIOPS': 500}),
        ({'total_iops_sec': '500', 'burstIOPS': '500'},
         {'maxIOPS': 500, 'burstIOPS': 500}),
        ({'total_iops_sec': '0', 'maxMBPS': '3'}, {'maxMBPS': 3}),
        ({'maxIOPS': '10', 'burstIOPS': '0'}, {'maxIOPS': 10}),
        ({'total_bytes_sec_per_gb': str(MIB - 1),
          'read_bytes_sec_per_gb': str(MIB)},
         {'maxMBPS': 9, 'readLimitMBPS': 10}),
        # No limit at all.
        ({}, None), ({'maxIOPS': '0'}, None), ({'total_bytes_sec': '0'}, None),
        ({'total_iops_sec_per_gb': '0'}, None))
    @ddt.unpack
    def test_standard_keys(self, values, expected):
        self.assertEqual(expected, self.limits(**values))

    @ddt.data(
        ({}, 1000), ({'total_iops_sec_per_gb_min': '1500'}, 1500),
        ({'total_iops_sec_per_gb_min': '15'}, 1000),
        ({'total_iops_sec_max': '400'}, 400),
        ({'total_iops_sec_max': '4000'}, 1000),
        ({'total_iops_sec_per_gb_min': '15', 'total_iops_sec_max': '15'},
         15))
    @ddt.unpack
    def test_for_each_gib(self, more, expected):
        self.assertEqual(
            {'maxIOPS': expected},
            self.limits(total_iops_sec_per_gb='100', **more))

    @ddt.data('-1', '1.5', '', ' 1', '1 ', '1e3', 'many', '0x10', '1_000',
              '\u0661', None, True, '9' * 19, '1\n', '+1')
    def test_no_number(self, value):
        self.refused({'maxIOPS': value}, 'maxIOPS', 'whole number')
        self.refused({'total_iops_sec_per_gb_min': value},
                     'total_iops_sec_per_gb_min', 'whole number')

    @ddt.data('maxiops', 'total_iops', 'max_iops', 'iops_sec',
              'read_iops_sec_per_tb', 'size_iops_sec', 'qosName')
    def test_unknown_keys(self, key):
        self.refused({key: '1'}, key, 'unknown', 'maxIOPS',
                     'total_iops_sec_per_gb_min')

    @ddt.data(
        ({'maxIOPS': '1', 'total_iops_sec': '1'}, 'total_iops_sec'),
        ({'maxMBPS': '0', 'total_bytes_sec': '0'}, 'total_bytes_sec'),
        ({'maxIOPS': '1', 'total_iops_sec_per_gb': '1'}, '_per_gb'),
        ({'total_iops_sec': '1', 'total_iops_sec_per_gb': '1'}, '_per_gb'),
        ({'IOPSPerGB': '1', 'total_iops_sec_per_gb': '1'}, 'IOPSPerGB'),
        ({'MBPSPerTB': '1', 'total_bytes_sec_per_gb': '9999999'},
         'MBPSPerTB'),
        ({'readLimitIOPS': '1', 'read_iops_sec': '1'}, 'readLimitIOPS'))
    @ddt.unpack
    def test_the_same_limit_twice(self, values, word):
        self.refused(values, word, 'same limit')

    @ddt.data(
        {'maxIOPS': '100', 'burstIOPS': '99'},
        {'total_iops_sec': '100', 'burstIOPS': '99'},
        {'total_iops_sec_per_gb': '10', 'burstIOPS': '99'},
        {'MBPSPerTB': '100', 'burstMBPSPerTB': '99'},
        {'maxIOPS': '99', 'minBaselineIOPS': '100'},
        {'total_bytes_sec': str(99 * MIB), 'minBaselineMBPS': '100'},
        {'total_iops_sec_per_gb': '1', 'total_iops_sec_max': '99',
         'total_iops_sec_per_gb_min': '100'})
    def test_contradictions(self, values):
        self.refused(values, '100', '99', 'must not be more than')

    @ddt.data('total_iops_sec_per_gb_min', 'total_iops_sec_max')
    def test_what_needs_another_key(self, key):
        self.refused({key: '1', 'total_iops_sec': '5'}, key,
                     'no meaning without total_iops_sec_per_gb')

    @ddt.data(({'total_bytes_sec': str(MIB - 1)}, 'total_bytes_sec'),
              ({'total_bytes_sec_per_gb': '1000'}, '10000 bytes'))
    @ddt.unpack
    def test_less_than_the_cluster_can_count(self, values, word):
        self.refused(values, word, 'MiB')

    def test_what_only_a_hypervisor_knows(self):
        values = {'total_iops_sec': '5', 'total_iops_sec_max': '50',
                  'size_iops_sec': '4096', 'read_bytes_sec_max': 'x'}
        self.assertEqual({'maxIOPS': 5},
                         self.limits(consumer='both', **values))
        self.refused({'maxiops': '1'}, 'unknown', consumer='both')
        self.assertEqual({'maxIOPS': 5}, self.limits(
            consumer='both', total_iops_sec_per_gb='1',
            total_iops_sec_max='5'))

    @hypothesis.given(
        strategies.dictionaries(
            strategies.sampled_from(sorted(qos._KNOWN)) |
            strategies.text(max_size=8),
            strategies.integers(-2, 10 ** 8).map(str) |
            strategies.text(max_size=6)),
        strategies.integers(1, 10 ** 6))
    @fakes.HYPOTHESIS
    def test_any_spec_gives_limits_or_a_clear_refusal(self, values, size):
        try:
            found = qos.limits(spec(**values), size)
        except exception.InvalidQoSSpecs as error:
            self.assertIn('gold', str(error))
            return
        if found is None:
            return
        self.assertTrue(all(value >= 0 for value in found.values()))
        for low, high in qos._ORDERED:
            self.assertTrue(not found[high] or found[low] <= found[high])


@ddt.ddt
class DriverQoSTestCase(base.DriverTestCase):
    """Volumes with limits, with Cinder's own database."""

    def setUp(self):
        super().setUp()
        self.driver = self.make_started_driver()

    def make_limited(self, size=2, **values):
        """Make a Cinder volume with limits; it is not on the cluster."""
        values.setdefault('total_iops_sec_per_gb', '10')
        return self.make_volume(
            size, volume_type_id=self.make_type(**values).id)

    def limits(self, volume):
        return self.cluster.limits_of(volume.name)

    def test_create_and_delete(self):
        volume = self.make_limited()
        self.driver.create_volume(volume)
        self.assertEqual({'maxIOPS': 20}, self.limits(volume))
        self.assertEqual({volume.name + '.qos'}, set(self.cluster.qos))
        self.driver.delete_volume(volume)
        self.assertEqual(({}, {}), (self.cluster.qos, self.cluster.volumes))

    @ddt.data({}, {'consumer': 'front-end', 'maxiops': '1'},
              {'maxIOPS': '0'})
    def test_no_limits(self, values):
        values = {'total_iops_sec_per_gb': '0', **values}
        volume = self.make_limited(**values) if 'maxIOPS' not in values \
            else self.make_volume(
                volume_type_id=self.make_type(maxIOPS='0').id)
        self.driver.create_volume(volume)
        self.driver.extend_volume(volume, 5)
        self.assertIsNone(self.limits(volume))
        # Nothing is there, not even of an attempt that broke off.
        self.assertEqual(['queryVolumeQoSInfo', 'deleteQoS'], [
            op for op in self.cluster.ops() if 'QoS' in op])

    def apply(self, volume, **changes):
        limiter = self.driver._limiter
        limiter.apply(volume, limiter.wanted(volume, **changes))

    def test_a_wrong_spec_makes_nothing(self):
        source = self.stored_volume()
        snapshot = self.make_snapshot(source)
        self.driver.create_snapshot(snapshot)
        self.cluster.requests.clear()
        volume = self.make_limited(burstIOPS='1')
        for make, args in ((self.driver.create_volume, ()),
                           (self.driver.create_cloned_volume, (source,)),
                           (self.driver.create_volume_from_snapshot,
                            (snapshot,)),
                           (self.driver.extend_volume, (3,)),
                           (self.apply, ())):
            self.assertRaises(exception.InvalidQoSSpecs, make, volume, *args)
        self.assertEqual([], self.cluster.requests)

    def test_extend_uses_the_spec_as_it_is_now(self):
        volume = self.make_limited()
        self.driver.create_volume(volume)
        self.driver.extend_volume(volume, 4)
        self.assertEqual({'maxIOPS': 40}, self.limits(volume))
        qos_specs.update(self.context, self.spec.id,
                         {'total_iops_sec_per_gb': '100'})
        self.assertEqual({'maxIOPS': 40}, self.limits(volume))
        self.driver.extend_volume(volume, 5)
        self.assertEqual({'maxIOPS': 500}, self.limits(volume))

    def test_a_failed_extension_keeps_the_limits(self):
        volume = self.make_limited()
        self.driver.create_volume(volume)
        self.cluster.fail('expandVolume', 'result', 50150009)
        self.assertRaises(exception.VolumeBackendAPIException,
                          self.driver.extend_volume, volume, 4)
        self.assertEqual({'maxIOPS': 20}, self.limits(volume))

    def test_an_extension_that_missed_its_limits_may_be_repeated(self):
        volume = self.make_limited()
        self.driver.create_volume(volume)
        self.cluster.fail('setQoS', 'result', 50150003)
        self.assertRaises(exception.VolumeBackendAPIException,
                          self.driver.extend_volume, volume, 4)
        self.driver.extend_volume(volume, 4)
        self.assertEqual({'maxIOPS': 40}, self.limits(volume))

    @ddt.data('queryVolumeQoSInfo', 'deleteQoS')
    def test_an_extension_without_limits_fails_before_it_grows(self, op):
        volume = self.make_volume()
        self.driver.create_volume(volume)
        self.cluster.fail(op, 'result', 50150003)
        self.assertRaises(exceptions.InvalidRequest,
                          self.driver.extend_volume, volume, 4)
        self.assertEqual(0, self.cluster.count('expandVolume'))

    def test_apply_another_type(self):
        volume = self.make_limited()
        self.driver.create_volume(volume)
        self.apply(volume, volume_type_id=self.make_type(maxMBPS='7').id)
        self.assertEqual({'maxMBPS': 7}, self.limits(volume))
        plain = self.make_type().id
        self.apply(volume, volume_type_id=plain)
        self.assertEqual({}, self.cluster.qos)
        self.apply(volume, volume_type_id=plain)
        self.apply(volume)
        self.assertEqual({'maxIOPS': 20}, self.limits(volume))

    @ddt.data(50500001, 50150002)
    def test_a_cluster_that_knows_no_qos(self, code):
        self.cluster.fail('QoS', 'result', code, times=10 ** 9)
        volume = self.make_volume(volume_type_id=self.vt['id'])
        self.driver.create_volume(volume)
        self.apply(volume)
        self.driver.extend_volume(volume, 2)
        self.driver.delete_volume(volume)
        self.assertEqual({}, self.cluster.volumes)
        error = self.assertRaises(
            exceptions.InvalidRequest, self.driver.create_volume,
            self.make_limited())
        self.assertIn('createQoS', str(error))
        self.assertEqual({}, self.cluster.volumes)

    def test_apply_to_a_volume_that_is_gone(self):
        self.assertRaises(exception.VolumeNotFound, self.apply,
                          self.make_limited())
        # Nothing is left to take limits from.
        self.apply(self.make_volume())

    def lose_spec(self, volume, how):
        """Take the limits from the type of a volume, as Cinder can."""
        if how == 'disassociated':
            qos_specs.disassociate_qos_specs(self.context, self.spec.id,
                                             volume.volume_type_id)
        elif how == 'deleted':
            qos_specs.delete(self.context, self.spec.id, force=True)
        else:
            qos_specs.update(self.context, self.spec.id, how)

    @ddt.data('disassociated', 'deleted', {'consumer': 'front-end'},
              {'total_iops_sec_per_gb': '0'})
    def test_limits_do_not_outlive_their_spec(self, how):
        for change in (lambda volume: self.driver.extend_volume(volume, 3),
                       self.apply):
            volume = self.make_limited()
            self.driver.create_volume(volume)
            self.lose_spec(volume, how)
            change(volume)
            self.assertIsNone(self.limits(volume))
            self.assertEqual({}, self.cluster.qos)

    def test_those_of_others_outlive_it(self):
        volume = self.make_limited()
        self.stored(volume)
        self.cluster.qos['gold'] = {'maxIOPS': 5}
        self.cluster.qos_of[volume.name] = 'gold'
        self.lose_spec(volume, 'disassociated')
        self.driver.extend_volume(volume, 3)
        self.apply(volume)
        self.assertEqual({'maxIOPS': 5}, self.limits(volume))

    def test_limits_without_a_spec_are_not_forgotten(self):
        volume = self.make_limited()
        self.driver.create_volume(volume)
        self.lose_spec(volume, 'disassociated')
        self.cluster.fail('deleteQoS', 'result', 50150015)
        self.assertRaises(exception.VolumeBackendAPIException,
                          self.driver.delete_volume, volume)
        self.driver.delete_volume(volume)
        self.assertEqual({}, self.cluster.qos)

    def test_a_volume_that_cannot_be_deleted_keeps_its_limits(self):
        volume = self.make_limited()
        self.driver.create_volume(volume)
        self.cluster.attached[volume.name].add('192.0.2.1')
        self.assertRaises(exception.VolumeIsBusy, self.driver.delete_volume,
                          volume)
        self.assertEqual({'maxIOPS': 20}, self.limits(volume))
