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

import gc
import threading
import time

from cinder.tests.unit.volume.drivers.dsware.integration import base
from cinder.tests.unit.volume.drivers.dsware.integration import cases
from cinder.tests.unit.volume.drivers.dsware.integration import cases_qos

OPERATIONS = cases.OPERATIONS + cases_qos.OPERATIONS

# What a call may take beyond its deadlines on a busy machine.
_SLACK = 30


def generated(cls):
    """Give a test class one test for each case of its transport."""
    for case in cases.products(cls.TRANSPORT, OPERATIONS):
        def test(self, case=case):
            self.check(case)
        test.__doc__ = (f'{case.operation.__name__}: {case.step} meets '
                        f'{case.fault.name}')
        setattr(cls, 'test_' + case.name, test)
    return cls


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
        """Carry out a case."""
        operation = case.operation(self)
        dsware = self.driver_for(
            operation, dsware_request_timeout=case.fault.timeout)
        before = self.everything()
        self.control.set(copy_seconds=operation.copy_seconds)
        stop = self.switch_on(case)
        error = self.answer(case, operation, dsware)
        stop()
        self.check_answer(case, error)
        if error:
            if case.step not in operation.halfway:
                self.check_nothing_changed(operation, before, error)
            operation.recover(dsware)
            operation.run(dsware)
        self.check_result(operation, before)

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
        self.assertLess(elapsed, calls * case.fault.timeout + _SLACK)
        return error

    def check_answer(self, case, error):
        if error and case.outcome == cases.DONE:
            raise error
        if case.outcome == cases.FAILED:
            self.assertIsInstance(error, case.error())

    def check_nothing_changed(self, operation, before, error):
        found = self.everything()
        gone, come = operation.changes()
        if operation.certain or found != (before - gone) | come:
            self.assertEqual(before, found, error)

    def check_result(self, operation, before):
        gone, come = operation.changes()
        self.assertEqual((before - gone) | come, self.everything())
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

    def few_connections(self):
        if max(self.connections()) <= 1:
            return True
        # Drivers of earlier tests may still wait to be collected.
        gc.collect()
        return False

    # -- faults -----------------------------------------------------------

    def switch_on(self, case):
        """Let a fault happen; returns what takes it away."""
        special = getattr(self, '_' + case.fault.kind, None)
        if special is not None:
            return special(case)
        settings = case.fault.settings()
        if case.fault.kind not in ('refuse', 'down', 'disk_full'):
            settings['op'] = case.step
        self.control.add_fault(**settings)
        return self.control.clear_faults

    def _agent_down(self, case):
        """The agent that gets the request is down from then on."""
        self.control.add_fault(kind='hang', op=case.step, count=1)

        def go_down():
            agent = [entry[0] for entry in self.control.log()
                     if entry[1] == case.step and entry[3] is None][0]
            self.control.agent_down(agent)
            if case.step in ('attachVolume', 'detachVolume'):
                # Only this agent can carry it out.
                self.control.agent_up(agent)

        return self._when_it_hangs(case, go_down)

    def _killed(self, case):
        """The whole cluster fails with a request in hand."""
        self.control.add_fault(kind='hang', op=case.step, count=1)

        def kill():
            self.simulator.kill()
            self.simulator.start()
            self.control.set(copy_seconds=case.operation.copy_seconds)

        return self._when_it_hangs(case, kill)

    def _when_it_hangs(self, case, act):
        failures = []

        def watch():
            try:
                base.wait_until(
                    lambda: any(entry[1] == case.step and entry[3] is None
                                for entry in self.control.log()),
                    f'{case.step} hangs')
                act()
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=watch)
        thread.start()

        def stop():
            thread.join(base.PATIENCE)
            self.assertEqual([], failures)
            self.control.clear_faults()
            for address, _port in self.simulator.agents:
                self.control.agent_up(address)
        return stop


class StepTests:

    def test_the_table_names_every_request(self):
        """A request that is not in the table would meet no fault."""
        for kind in OPERATIONS:
            with self.subTest(operation=kind.__name__):
                self.control.reset()
                operation = kind(self)
                dsware = self.driver_for(operation)
                start = len(self.ops())
                operation.run(dsware)
                changing = [op for op in self.ops()[start:]
                            if not op.startswith(('query', 'getDSware'))]
                self.assertEqual(list(kind.steps),
                                 list(dict.fromkeys(changing)))


@generated
class SocketFaultTestCase(FaultTests, StepTests, base.SocketTestCase):
    pass


@generated
class CLIFaultTestCase(FaultTests, base.CLITestCase):
    pass
