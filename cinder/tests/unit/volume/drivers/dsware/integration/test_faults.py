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

"""Every operation meets faults in each of its requests.

Whatever happens, a call ends in time, its answer is true, nothing
temporary stays, and another attempt works.
"""

import collections
import time

from cinder import exception
from cinder.tests.unit.volume.drivers.dsware.integration import base
from cinder.tests.unit.volume.drivers.dsware.integration import cases
from cinder.tests.unit.volume.drivers.dsware.integration import fault_table
from cinder.tests.unit.volume.drivers.dsware.integration import injecting
from cinder.tests.unit.volume.drivers.dsware.integration import matrix
from cinder.tests.unit.volume.drivers.dsware.integration import outcomes

# What a call may take beyond its deadlines on a busy machine.
_SLACK = 30


def generated(cls):
    """Give a test class one test for each case of its transport."""
    for case in matrix.products(cls.TRANSPORT):
        def test(self, case=case):
            with outcomes.recorded(case, self.TRANSPORT) as record:
                record.outcome = self.check(case)
        test.__doc__ = (f'{case.operation.__name__}: {case.step} meets '
                        f'{case.fault.name}')
        setattr(cls, 'test_' + case.name, test)
    return cls


def _is_one_of(item, beginnings):
    """Tell whether an object, QoS or attachment has one of the names."""
    name = item[1] if len(item) == 2 else item[0]
    return name.startswith(tuple(beginnings))


class FaultTests:

    def everything(self):
        """Look what the cluster holds, attachments and QoS too."""
        return self.contents() | self.policies() | {
            (item['agent'], item['name'])
            for item in self.control.status()['attachments']}

    def driver_for(self, operation, **options):
        mapping = {'compute': '%s:%d' % self.simulator.agents[0]}
        dsware = self.raw_driver(dsware_host_agents=mapping,
                                 **operation.options, **options)
        dsware.do_setup(None)
        return dsware

    def check(self, case):
        """Carry out a case; tell the outcome."""
        operation = case.operation(self)
        dsware = self.driver_for(operation,
                                 dsware_request_timeout=case.timeout)
        before = self.everything()
        self.control.set(copy_seconds=operation.copy_seconds)
        injector = injecting.Injector(self, case)
        injector.switch_on()
        try:
            error = self.answer(case, operation, dsware)
        finally:
            injector.switch_off()
        self.check_answer(case, error)
        if error:
            outcome = self.after_error(case, operation, dsware, before,
                                       error)
        else:
            outcome = self.after_success(case, operation, dsware, before)
        self.check_result(operation, before)
        return outcome

    def answer(self, case, operation, dsware):
        """Run an operation; returns the error that it ends with."""
        start = time.monotonic()
        try:
            operation.run(dsware)
            error = None
        except Exception as failure:
            error = failure
        elapsed = time.monotonic() - start
        calls = 2 * len(operation.steps) + 1
        self.assertLess(elapsed, calls * case.timeout + _SLACK)
        return error

    def check_answer(self, case, error):
        if error and case.outcome == fault_table.DONE:
            raise error
        if case.outcome == fault_table.FAILED:
            self.assertIsInstance(error, case.error())
        if error:
            self.assertIsInstance(error, exception.CinderException)

    def after_success(self, case, operation, dsware, before):
        """The whole result is there, and what is removed later at most."""
        found = self.everything()
        if found == self.result(operation, before):
            return outcomes.Outcome('done')
        if not case.may_leave:
            self.assertEqual(self.result(operation, before), found)
        self.check_own(operation,
                       found ^ self.result(operation, before))
        operation.tidy(dsware)
        return outcomes.Outcome('done, tidied later')

    def after_error(self, case, operation, dsware, before, error):
        """Nothing was changed, or what had to stay goes; it works now."""
        operation.come_to_rest()
        found = self.everything()
        clean = found == before
        if not clean:
            self.check_left(case, operation, before, found, error)
        operation.recover(dsware)
        if operation.recovers():
            self.assertEqual(before, self.everything())
        operation.renew()
        operation.run(dsware)
        return outcomes.Outcome(
            'failed, nothing changed' if clean else 'failed, repaired later',
            type(error).__name__)

    def check_left(self, case, operation, before, found, error):
        done = found == self.result(operation, before)
        if not (case.may_leave or done and not operation.certain):
            self.assertEqual(before, found, error)
        self.check_own(operation, found ^ before)

    def check_own(self, operation, left):
        """Nothing else than what belongs to the operation is concerned."""
        own = operation.own()
        self.assertEqual([], [item for item in left
                              if not _is_one_of(item, own)])

    @staticmethod
    def result(operation, before):
        gone, come = operation.changes()
        return (before - gone) | come

    def check_result(self, operation, before):
        self.assertEqual(self.result(operation, before), self.everything())
        self.check_data(operation)
        self.assertEqual([], self.control.status()['protocol_errors'])
        base.wait_until(self.few_connections,
                        'connections that nobody uses are closed')

    def check_data(self, operation):
        attached = {item['name']
                    for item in self.control.status()['attachments']}
        for name, data in operation.data().items():
            if name not in attached:
                self.assertEqual(
                    data, operation.host.read(name, 0, len(data)))


class StepTests:

    def test_the_table_names_every_request(self):
        """A request that is not in the table would meet no fault."""
        for kind in matrix.OPERATIONS:
            with self.subTest(operation=kind.__name__):
                self.control.reset()
                operation = kind(self)
                dsware = self.driver_for(
                    operation, dsware_request_timeout=operation.timeout)
                start = len(self.ops())
                operation.run(dsware)
                self.assertEqual(
                    [step for step in kind.steps
                     if not step.startswith('query')],
                    self.numbered(self.ops()[start:]))

    @staticmethod
    def numbered(ops):
        """Name the requests that change something as the table does."""
        counts = collections.Counter()
        steps = []
        for op in ops:
            if op.startswith(('query', 'getDSware')):
                continue
            counts[op] += 1
            steps.append(op if counts[op] == 1 else f'{op} {counts[op]}')
        return steps

    def test_steps_are_of_the_interface(self):
        self.assertEqual(('deleteSnapshot', 2),
                         cases.occurrence('deleteSnapshot 2'))


@generated
class SocketFaultTestCase(FaultTests, StepTests, base.SocketTestCase):
    pass


@generated
class CLIFaultTestCase(FaultTests, base.CLITestCase):
    pass


@generated
class RESTFaultTestCase(FaultTests, base.RESTTestCase):
    pass
