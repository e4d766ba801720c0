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

"""Random sequences of operations and faults, compared with a model.

The choice is the same every time. DSWARE_TEST_EXAMPLES asks for another,
random one of so many sequences.
"""

import os

import hypothesis
from hypothesis import stateful

from cinder import objects
from cinder.tests.unit.volume.drivers.dsware.integration import base
from cinder.tests.unit.volume.drivers.dsware.integration import features

_EXAMPLES = os.environ.get('DSWARE_TEST_EXAMPLES')


class ModelTests:

    EXAMPLES = 8
    STEPS = 50

    def setUp(self):
        super().setUp()
        # Patient enough for six faults in one call.
        self.dsware = self.make_driver(dsware_request_timeout=20)
        self.kinds = features.make_kinds()
        self.patch('cinder.volume.group_types.get_group_type_specs',
                   side_effect=lambda group_type, key: group_type)
        # Snapshots are not in Cinder's database.
        self.mock_object(objects.Snapshot, 'save')

    def test_random_operations(self):
        profile = hypothesis.settings(
            max_examples=int(_EXAMPLES or self.EXAMPLES),
            stateful_step_count=self.STEPS, derandomize=not _EXAMPLES,
            database=None, deadline=None, report_multiple_bugs=False,
            # Finding the shortest sequence takes minutes.
            phases=[hypothesis.Phase.generate,
                    *([hypothesis.Phase.shrink] if _EXAMPLES else [])],
            suppress_health_check=list(hypothesis.HealthCheck))
        stateful.run_state_machine_as_test(
            lambda: features.Machine(self), settings=profile)


class SocketModelTestCase(ModelTests, base.SocketTestCase):
    pass


class CLIModelTestCase(ModelTests, base.CLITestCase):

    EXAMPLES = 4


class RESTModelTestCase(ModelTests, base.RESTTestCase):

    EXAMPLES = 4
