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

"""Lets the faults of the matrix happen on a simulated cluster."""

import threading
import time

from cinder.tests.unit.volume.drivers.dsware.integration import base


class Injector:
    """The fault of one case.

    :param test: the test, a :class:`base.SimulatorTestCase`
    :param case: the :class:`matrix.Case`
    """

    def __init__(self, test, case):
        self._test = test
        self._simulator = test.simulator
        self._control = test.simulator.control
        self._case = case
        self._thread = None
        self._failures = []

    def switch_on(self):
        """Let the fault happen from now on."""
        kind = self._case.fault.kind
        special = getattr(self, '_' + kind, None)
        if special is not None:
            special()
        else:
            self._add(**self._case.fault.settings())

    def switch_off(self):
        """Take it away, when all that it does has happened.

        :raises AssertionError: the operation did not meet it
        """
        if self._thread is not None:
            self._thread.join((self._case.fault.seconds or 0)
                              + self._patience + base.PATIENCE)
            self._test.assertFalse(self._thread.is_alive())
        self._test.assertEqual([], self._failures)
        self._check_met()
        if self._case.fault.kind == 'late':
            base.wait_until(self._all_carried_out,
                            'the late request is carried out')
        self._control.clear_faults()

    def _check_met(self):
        case = self._case
        if not case.step:
            return
        if case.fault.kind == 'killed':
            # The simulator that noted the request is gone.
            return
        if case.fault.anywhere:
            if case.fault.count is not None:
                self._test.assertEqual([], self._control.faults())
            return
        self._test.assertLessEqual(
            case.occurrence, self._control.counts().get(case.op, 0),
            f'{case.step} was not asked for')

    def _all_carried_out(self):
        ended = [op for _agent, op, _args, _result in self._control.log()
                 if op == self._case.op]
        return len(ended) == self._control.counts()[self._case.op]

    def _add(self, **settings):
        case = self._case
        if case.step and not case.fault.anywhere:
            settings.update(op=case.op, skip=case.occurrence - 1)
        return self._control.add_fault(**settings)

    # -- faults that the simulator has no name for ------------------------

    def _late(self):
        self._add(kind='delay', count=1, seconds=self._case.fault.seconds)

    def _agent_down(self):
        """The agent that gets the request is down from then on."""
        self._when_it_hangs(self._agent_goes_down)

    def _agent_goes_down(self, agent):
        self._control.agent_down(agent)
        others = [entry['address'] for entry
                  in self._control.status()['agents'] if entry['up']]
        if not others or self._case.op in ('attachVolume', 'detachVolume'):
            # Only this agent can carry it out.
            self._control.agent_up(agent)

    def _agent_restart(self):
        """The agent that gets the request is down for a moment."""
        self._when_it_hangs(self._agent_restarts)

    def _agent_restarts(self, agent):
        self._control.agent_down(agent)
        time.sleep(self._case.fault.seconds)
        self._control.agent_up(agent)

    def _killed(self):
        """The whole cluster fails with a request in hand."""
        self._when_it_hangs(self._kill)

    def _kill(self, _agent):
        self._simulator.kill()
        self._simulator.start()
        self._control.set(copy_seconds=self._case.operation.copy_seconds)

    def _outage(self):
        """No agent answers, from the request on."""
        self._when_it_hangs(self._go_down)

    def _go_down(self, _agent):
        number = self._control.add_fault(kind='down')
        if self._case.fault.seconds is not None:
            time.sleep(self._case.fault.seconds)
            self._control.clear_faults(number)

    def _disk_fills(self):
        """The cluster cannot write, from the request on."""
        self._when_it_hangs(
            lambda _agent: self._control.add_fault(kind='disk_full'))

    def _when_it_hangs(self, act):
        """Do something when the request is in the agent's hand."""
        self._add(kind='hang', count=1)

        def watch():
            try:
                act(base.wait_until(self._hanging, self._case.step
                                    + ' hangs', self._patience))
            except BaseException as error:
                self._failures.append(error)

        self._thread = threading.Thread(target=watch)
        self._thread.start()

    @property
    def _patience(self):
        """Seconds for the request; others may wait for an agent first."""
        return self._case.timeout + base.PATIENCE

    def _hanging(self):
        """Find the agent that has the request."""
        agents = [agent for agent, op, _args, result in self._control.log()
                  if op == self._case.op and result is None]
        return agents[0] if agents else None
