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

"""Messages while translation is late, as in every Cinder service."""

import oslo_i18n
import testtools

from cinder.volume.drivers.dsware import exceptions


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
            '50150006 (SNAPSHOT_NOT_EXIST: no such snapshot): gone',
            str(error))

    def test_every_part(self):
        error = exceptions.OutcomeUnknown(
            op='queryVolume', desc='cut', advice='Look')
        self.assertTrue(str(error).endswith('queryVolume failed: cut. Look'))
