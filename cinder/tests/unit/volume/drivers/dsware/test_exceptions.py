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

"""What the errors say, and what they never say."""

from unittest import mock

import ddt
import hypothesis
from hypothesis import strategies
import oslo_i18n
import testtools

from cinder import exception
from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import result_codes
from os_brick_dsware import result_codes as published

BY_CLASS = {
    'exists': exceptions.ObjectExists,
    'absent': exceptions.ObjectAbsent,
    'busy': exceptions.ObjectBusy,
    'retry': exceptions.TryAgain,
    'unknown': exceptions.OutcomeUnknown,
    'capacity': exceptions.CapacityExceeded,
    'invalid': exceptions.InvalidRequest,
    'attached': exceptions.AlreadyAttached,
    'detached': exceptions.NotAttached,
    'denied': exceptions.AccessDenied,
    'fault': exceptions.BackendFault,
}


@ddt.ddt
class ExceptionsTestCase(testtools.TestCase):

    def test_a_message_says_everything(self):
        error = exceptions.from_result(
            'deleteVolume', 'volume-1', 50150013, 'still in use',
            '192.0.2.1:10519', True)
        self.assertIsInstance(error, exception.VolumeBackendAPIException)
        self.assertIn(
            'deleteVolume of volume-1 failed at 192.0.2.1:10519: result '
            '50150013 (%s): still in use' % result_codes.describe(50150013),
            str(error))
        self.assertEqual(
            ('deleteVolume', 'volume-1', 50150013, 'still in use',
             '192.0.2.1:10519'),
            (error.op, error.name, error.result, error.desc,
             error.endpoint))

    def test_every_class_has_its_exception(self):
        kinds = sorted({kind for _name, kind, _meaning
                        in published.CODES.values()} - {published.OK})
        self.assertEqual(sorted(BY_CLASS), kinds)
        codes = {code: ('NAME', kind, 'its meaning')
                 for code, kind in enumerate(kinds)}
        with mock.patch.object(result_codes, 'RESULT_CODES', codes):
            for code, kind in enumerate(kinds):
                error = exceptions.from_result('op', 'name', code, '', 'e',
                                               True)
                self.assertIs(BY_CLASS[kind], type(error))
                self.assertIn('(NAME: its meaning)', str(error))

    @ddt.data((True, exceptions.OutcomeUnknown),
              (False, exceptions.TryAgain))
    @ddt.unpack
    def test_a_code_that_is_not_published(self, changes, expected):
        error = exceptions.from_result('op', 'n', 4711, '', 'e', changes)
        self.assertIs(expected, type(error))
        self.assertIn('4711', str(error))

    @hypothesis.given(strategies.text(max_size=400))
    @fakes.HYPOTHESIS
    def test_text_of_the_cluster_is_printable_and_short(self, text):
        error = exceptions.DSWareError(op='o', desc=text)
        self.assertTrue(str(error).isprintable())
        self.assertLessEqual(len(error.desc), 203)

    def test_text_is_cut(self):
        self.assertEqual('a' * 200 + '...', exceptions.printable('a' * 201))
        self.assertEqual('a' * 200, exceptions.printable('a' * 200))
        self.assertEqual('ab...', exceptions.printable('abc', 2))

    def test_lines_cannot_be_forged(self):
        self.assertEqual('a?b?c?d', exceptions.printable('a\nb\rc\u2028d'))


class LateTranslationTestCase(testtools.TestCase):
    """Cinder's commands enable lazy messages, which refuse to be added."""

    def setUp(self):
        super().setUp()
        oslo_i18n.enable_lazy()
        self.addCleanup(oslo_i18n.enable_lazy, False)

    def test_answer_of_the_cluster(self):
        error = exceptions.from_result(
            'deleteSnapshot', 'snapshot-1', 50150006, 'gone',
            '192.0.2.1:10519', True)
        self.assertIn(
            'deleteSnapshot of snapshot-1 failed at 192.0.2.1:10519: result '
            '50150006 (%s): gone' % result_codes.describe(50150006),
            str(error))

    def test_every_part(self):
        error = exceptions.OutcomeUnknown(
            op='queryVolume', desc='cut', advice='Look')
        self.assertTrue(str(error).endswith('queryVolume failed: cut. Look'))
