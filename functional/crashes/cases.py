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

"""The cases: operations, steps of them, and who is killed there."""

import dataclasses
import zlib

VOLUME = 'cinder-volume'
PEER = 'cinder-volume, cleared up by another'
#: Victims by the simulator's name of the fault.
DISTURBED = {
    'agent_dies': 'agent, before',
    'agent_dies_after': 'agent, after',
    'die': 'cluster, before',
    'die_writing': 'cluster, writing',
    'die_after': 'cluster, after',
}
RECORD = 'record'


@dataclasses.dataclass(frozen=True)
class Case:
    """One operation that is interrupted at one step.

    :param operation: its name
    :param victim: who is killed
    :param number: after how many steps, or before which request
    :param step: the name of that step
    """

    operation: str
    victim: str
    number: int
    step: str

    @property
    def name(self):
        """What tells it from all other cases."""
        return '%s %s %d %s' % (self.operation, self.victim, self.number,
                                self.step)

    def facts(self):
        """Give what the victim is told.

        :returns: a dict
        """
        return {'operation': self.operation, 'victim': self.victim,
                'kill_at': self.number}

    def is_chosen(self, share):
        """Tell whether a case is one of the short form.

        :param share: one of how many is
        :returns: bool
        """
        return not zlib.crc32(self.name.encode()) % share


def of_operation(operation, steps, victims):
    """List the cases of an operation.

    :param operation: its name
    :param steps: the names of its steps
    :param victims: who is killed
    :returns: an iterator
    """
    requests = [step for step in steps if step != RECORD]
    for victim in victims:
        if victim in DISTURBED:
            for number, step in enumerate(requests):
                yield Case(operation, victim, number, step)
        else:
            for number, step in enumerate(['start', *steps]):
                yield Case(operation, victim, number, step)
