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

"""Services, agents and the cluster are killed at steps of operations.

The short form of ``python -m functional.crashes``, which has all the steps
of all the operations.
"""

import testtools

from functional.crashes import cases
from functional.crashes import runner

# One step in the middle of those operations that take several requests: after
# how many steps, or before which request.
_STEPS = {
    'Create': 2, 'Clone': 4, 'FullClone': 5, 'DeleteWithSnapshots': 8,
    'RetypeToPool': 2, 'Revert': 6, 'Manage': 5, 'GroupFromGroup': 4,
}
_DISTURBED = {'die_writing': 1, 'die': 2, 'agent_dies_after': 2}


class CrashTest(testtools.TestCase):
    """On a cluster and with services of its own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.runner = runner.Runner()
        cls.runner.__enter__()
        cls.addClassCleanup(cls.runner.__exit__)

    def carry_out(self, operation, victim, number):
        """Carry out a case, which has to be as it should."""
        told = self.runner.carry_out(cases.Case(operation, victim, number, ''))
        self.assertNotEqual('not reached', told['outcome'])
        return told

    def test_volume_service_is_killed(self):
        for operation, number in _STEPS.items():
            with self.subTest(operation=operation):
                self.carry_out(operation, cases.VOLUME, number)

    def test_cluster_or_agent_dies(self):
        for victim, number in _DISTURBED.items():
            with self.subTest(victim=victim):
                self.assertEqual('available', self.carry_out(
                    'Clone', victim, number)['outcome'])
