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

"""Records as typed values."""

import ddt
import hypothesis
from hypothesis import strategies
import testtools

from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware.array import models

VOLUME = {'vol_name': 'volume-1', 'father_name': 'snap', 'status': '0',
          'vol_size': '1024', 'real_size': '12', 'pool_id': '3',
          'create_time': '1420070400', 'lun_id': '7',
          'wwn': '688860300000000f'}
SNAPSHOT = {'snap_name': 'snap-1', 'father_name': 'volume-1', 'status': '0',
            'snap_size': '1024', 'real_size': '0', 'pool_id': '3',
            'delete_priority': '0', 'create_time': '1420070400',
            'wwn': '6888603000000010'}
POOL = {'pool_id': '3', 'total_capacity': '1000', 'used_capacity': '10',
        'alloc_capacity': '200'}
MODELS = ((models.Volume, VOLUME), (models.Snapshot, SNAPSHOT),
          (models.Pool, POOL))
OPTIONAL = ('lun_id', 'wwn', 'real_size', 'delete_priority')


@ddt.ddt
class ModelsTestCase(testtools.TestCase):

    def test_volume(self):
        self.assertEqual(
            models.Volume('volume-1', 'snap', 0, 1024, 3, 1420070400, 7,
                          '688860300000000f'),
            models.Volume.from_record(VOLUME))

    def test_snapshot(self):
        self.assertEqual(
            models.Snapshot('snap-1', 'volume-1', 0, 1024, 3, 1420070400, None,
                            '6888603000000010'),
            models.Snapshot.from_record(SNAPSHOT))

    def test_pool(self):
        pool = models.Pool.from_record(POOL)
        self.assertEqual(models.Pool(3, 1000, 10, 200), pool)
        self.assertEqual(990, pool.free)

    def test_a_pool_is_never_less_than_full(self):
        self.assertEqual(0, models.Pool(3, 10, 11, 0).free)

    def test_older_clusters_tell_no_wwn(self):
        record = {k: v for k, v in VOLUME.items()
                  if k not in ('lun_id', 'wwn')}
        volume = models.Volume.from_record(record)
        self.assertIsNone(volume.lun_id)
        self.assertEqual('', volume.wwn)
        self.assertIsNone(
            models.Volume.from_record({**VOLUME, 'lun_id': ''}).lun_id)

    @ddt.data('../../../etc/passwd', 'x', '0x68', '6' * 33, '68\n',
              '6 8')
    def test_a_wwn_that_is_none_is_not_used(self, text):
        self.assertEqual(
            '', models.Volume.from_record({**VOLUME, 'wwn': text}).wwn)
        self.assertEqual(
            '', models.Snapshot.from_record({**SNAPSHOT, 'wwn': text}).wwn)

    @ddt.data(*MODELS)
    @ddt.unpack
    def test_unknown_fields_are_ignored(self, model, record):
        self.assertEqual(model.from_record(record),
                         model.from_record({**record, 'newer': 'x'}))

    @ddt.data(*MODELS)
    @ddt.unpack
    def test_missing_fields(self, model, record):
        for key in record:
            rest = {k: v for k, v in record.items() if k != key}
            if key in OPTIONAL:
                model.from_record(rest)
                continue
            error = self.assertRaises(models.RecordError, model.from_record,
                                      rest)
            self.assertIn(key, str(error))

    @ddt.data('', ' 1', '1 ', '1.0', '0x1', '1_0', '+1', '--1', '-', 'x',
              '1\n', '9' * 19, '1e3', 'NaN', '\u0661\u0662', '\uff11',
              '\u00b2', str(10 ** 30), '-1')
    def test_numbers_that_are_none(self, text):
        error = self.assertRaises(models.RecordError,
                                  models.Volume.from_record,
                                  {**VOLUME, 'vol_size': text})
        self.assertIn('vol_size', str(error))

    @hypothesis.given(
        key=strategies.sampled_from(sorted(VOLUME)),
        value=strategies.text(max_size=40))
    @fakes.HYPOTHESIS
    def test_any_record_is_a_volume_or_a_record_error(self, key, value):
        try:
            found = models.Volume.from_record({**VOLUME, key: value})
        except models.RecordError:
            return
        self.assertIsInstance(found.size, int)

    @ddt.data((0, True, False), (6, False, True), (7, False, True),
              (5, False, False), (3, False, False), (-1, False, False))
    @ddt.unpack
    def test_state_of_a_volume(self, status, ready, working):
        volume = models.Volume.from_record({**VOLUME, 'status': str(status)})
        self.assertEqual((ready, working), (volume.ready, volume.working))

    @ddt.data((0, True, False), (5, False, True), (6, False, False),
              (7, False, False))
    @ddt.unpack
    def test_state_of_a_snapshot(self, status, ready, working):
        found = models.Snapshot.from_record(
            {**SNAPSHOT, 'status': str(status)})
        self.assertEqual((ready, working), (found.ready, found.working))
