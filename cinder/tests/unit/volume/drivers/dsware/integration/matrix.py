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

"""Which operations meet which faults, and what has to come of it.

The tables of operations and of faults are multiplied: every request that
changes something, of every operation of the driver, meets every fault, with
both transports. All of the products are run when DSWARE_TEST_FAULTS is
"all". Otherwise every operation meets every family of faults once, in one of
its requests and with one of the transports, which take turns.
"""

import dataclasses
import zlib

from cinder import exception
from cinder.tests.unit.volume.drivers.dsware.integration import cases
from cinder.tests.unit.volume.drivers.dsware.integration import cases_attach
from cinder.tests.unit.volume.drivers.dsware.integration import cases_groups
from cinder.tests.unit.volume.drivers.dsware.integration import cases_manage
from cinder.tests.unit.volume.drivers.dsware.integration import cases_moving
from cinder.tests.unit.volume.drivers.dsware.integration import cases_qos
from cinder.tests.unit.volume.drivers.dsware.integration import cases_reading
from cinder.tests.unit.volume.drivers.dsware.integration import fault_table

DONE, EITHER, FAILED = (fault_table.DONE, fault_table.EITHER,
                        fault_table.FAILED)
OPERATIONS = (cases.OPERATIONS + cases_groups.OPERATIONS
              + cases_manage.OPERATIONS + cases_moving.OPERATIONS
              + cases_qos.OPERATIONS + cases_attach.OPERATIONS
              + cases_reading.OPERATIONS)

# How many of the cases of the short form start processes: one of so many.
_CLI_SHARE = 5
# How many operations of the short form see the simulator killed.
_HEAVY_SHARE = 6
# Requests that start a copy inside the cluster.
_COPYING = ('createFullVolumeFromSnap', 'rollbackSnapshot',
            'migrateVolumeCold')
# Requests that remove what an operation has made for itself.
_REMOVING = ('deleteSnapshot', 'deleteVolume', 'deleteQoS',
             'disassociateQoSWithVolume', 'detachVolume', 'detachVolumeByIp')


# What is made, moved or detached in another way over REST.
_NOT_OVER_REST = frozenset((
    'CreateThickVolume', 'DetachDeadHost', 'Migrate', 'Retype',
    'RetypeThinness'))
# Not there: what is about agents, and the clusters' own failures, which are
# the same whoever asks.
_OVER_REST = frozenset(('drop_before', 'drop_after', 'cut_frame', 'garbage',
                        'refuse', 'delay', 'hang', 'result', 'result_after',
                        'pool_full', 'copy_fails'))


@dataclasses.dataclass(frozen=True)
class Case:
    """One operation, one of its requests, one fault.

    :ivar operation: a subclass of :class:`cases.Operation`
    :ivar step: the request, empty for an operation that makes none
    :ivar fault: a :class:`fault_table.Fault`
    """

    operation: type
    step: str
    fault: fault_table.Fault

    @property
    def name(self):
        """The case's part of a test's name."""
        return '_'.join((self.operation.__name__,
                         self.step.replace(' ', '_') or 'no_request',
                         self.fault.name))

    @property
    def op(self):
        """The operation of the interface that meets the fault."""
        return cases.occurrence(self.step)[0]

    @property
    def occurrence(self):
        """Which of the requests for that operation meets it, from 1."""
        return cases.occurrence(self.step)[1]

    @property
    def timeout(self):
        """The driver's request timeout in seconds."""
        if self.fault.timeout == fault_table.Fault.timeout:
            return self.operation.timeout
        return self.fault.timeout

    @property
    def outcome(self):
        """What the driver has to answer."""
        if not self.step or self.operation.forgiving:
            return DONE
        if self.op.startswith('query'):
            return self._of_query()
        return self._of_change()

    def _of_query(self):
        if self.fault.kind in ('disk_full', 'disk_fills', 'pool_full'):
            return DONE
        if self.fault.lasting:
            return FAILED
        return self.fault.outcome

    def _of_change(self):
        fault, step, op = self.fault, self.step, self.op
        if fault.kind == 'pool_full' and not self.operation.needs_room:
            return DONE
        if step in self.operation.quiet_steps and not fault.anywhere:
            return DONE
        if op == 'createQoS' and fault.result == 'exists':
            # No volume has it, so it was left by a crash, and is replaced.
            return DONE
        if fault.kind == 'late' and (
                step in self.operation.empty_steps
                or not self.operation.certain):
            # The late request may undo what has been made meanwhile.
            return EITHER
        if self._breaks_rollback and not fault.lasting:
            # It is begun once more.
            return DONE
        if not fault.lasting:
            return fault.outcome
        return self._of_lasting()

    def _of_lasting(self):
        fault, op = self.fault, self.op
        if self.doubtful and op in ('createQoS', 'deleteQoS'):
            # There is no query; only asking again tells.
            return EITHER
        if self.doubtful and self.step in self.operation.empty_steps:
            # A look shows that it is gone, and that is all that is wanted.
            if fault.kind == 'result' and self.operation.certain:
                return DONE
            return EITHER
        if self.doubtful and not self.operation.certain:
            return EITHER
        if fault.outcome == DONE and op in (
                'createFullVolumeFromSnap', 'rollbackSnapshot'):
            # When the cluster never says whether a copy began, and it is
            # over before it is looked at, it has to be given up.
            return EITHER
        return fault.outcome

    @property
    def _breaks_rollback(self):
        return (self.fault.kind == 'copy_fails'
                and self.op == 'rollbackSnapshot')

    @property
    def doubtful(self):
        """Whether nobody says what was done, but queries are answered."""
        return (self.fault.result == 'unknown' and self.fault.kind not in (
            'down', 'disk_full', 'disk_fills', 'outage', 'pool_full'))

    def error(self):
        """Tell what an error is reported as.

        :returns: an exception's class
        """
        about = self.operation.about
        if self.step in self.operation.plain_steps:
            about = 'nothing'
        if self.fault.result == 'busy' and about != 'nothing':
            return (exception.SnapshotIsBusy if about == 'snapshot'
                    else exception.VolumeIsBusy)
        if (self.fault.result == 'limit' and about != 'nothing'
                and self.operation.tells_limits):
            return exception.SnapshotLimitReached
        return exception.VolumeBackendAPIException

    @property
    def may_leave(self):
        """Whether something may stay that is removed later.

        Only where the driver cannot remove it, as the cluster does not let
        it, or cannot be reached.
        """
        operation, fault = self.operation, self.fault
        if self._breaks_rollback:
            # The volume is neither the old nor the new one.
            return True
        if (operation.forgiving or fault.blocks_cleaning
                or self.step in operation.halfway):
            return True
        stubborn = fault.lasting or fault.outcome == FAILED
        return stubborn and self.op in _REMOVING and (
            self.step in operation.quiet_steps or fault.lasting
            or not operation.certain)

    @property
    def exists(self):
        """Whether the operation can meet the fault there."""
        fault, operation = self.fault, self.operation
        if fault.real and not fault_table.ALL:
            return False
        if fault.kind == 'copy_fails':
            return self.op in _COPYING
        if not self.step:
            return fault.kind not in (
                'late', 'agent_down', 'agent_restart', 'killed', 'outage',
                'disk_fills')
        if fault.anywhere:
            return self.step == operation.steps[0]
        if self.op.startswith('query'):
            return fault_table.OF_CHANGES.isdisjoint(
                (fault.column, fault.name))
        return True


def _all(transport):
    for operation in OPERATIONS:
        for step in operation.steps or ('',):
            for fault in fault_table.FAULTS:
                case = Case(operation, step, fault)
                if case.exists and transport in fault.transports:
                    yield case


def _over_rest():
    """Give the cases that the manager's REST interface can meet."""
    for case in _all('socket'):
        if (case.operation.__name__ not in _NOT_OVER_REST
                and case.fault.kind in _OVER_REST):
            yield dataclasses.replace(
                case, fault=fault_table.over_rest(case.fault))


def _short_over_rest():
    """Choose one of the cases of each operation."""
    found = {}
    for case in _over_rest():
        if not case.fault.slow:
            found.setdefault(case.operation.__name__, []).append(case)
    for name, several in found.items():
        yield several[zlib.crc32(name.encode()) % len(several)]


def _short():
    """Choose one of the cases of each operation and family.

    :returns: an iterator of transports and cases
    """
    found = {}
    for transport in fault_table.BOTH:
        for case in _all(transport):
            key = case.operation.__name__, case.fault.column
            found.setdefault(key, []).append((transport, case))
    for key, several in found.items():
        turn = zlib.crc32('_'.join(key).encode())
        if several[0][1].fault.heavy and turn % _HEAVY_SHARE:
            continue
        several = _of_transport(several, turn)
        yield several[(turn >> 8) % len(several)]


def _of_transport(several, turn):
    """Choose by transport; what waits does so with sockets, if it can.

    Starting processes takes long on a busy machine, which leaves little of
    the few seconds that these cases have.
    """
    quick = [one for one in several if not one[1].fault.slow]
    if quick and not turn % _CLI_SHARE:
        return [one for one in quick if one[0] == 'cli'] or several
    return [one for one in several if one[0] == 'socket'] or several


def products(transport):
    """Multiply the tables.

    :param transport: socket, cli or rest
    :returns: an iterator of the cases to run
    """
    if transport == 'rest':
        yield from _over_rest() if fault_table.ALL else _short_over_rest()
        return
    if fault_table.ALL:
        yield from _all(transport)
        return
    for chosen, case in _short():
        if chosen == transport:
            yield case
