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

"""What is counted, and that counting is safe."""

import os
import threading

import testtools

from cinder.tests.unit.volume.drivers.dsware import base
from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.tests.unit.volume.drivers.dsware import scripted
from cinder.volume.drivers.dsware.client import counters
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware import exceptions

ONE, TWO = (str(endpoint) for endpoint in fakes.ENDPOINTS)


class TallyTestCase(testtools.TestCase):

    def test_threads_lose_nothing(self):
        tally = counters.agent_tally()

        def count():
            for _ in range(2000):
                tally.add(counters.REQUESTS, 'a')
                tally.add(counters.CONNECTIONS, 'in_use')
                tally.add(counters.CONNECTIONS, 'in_use', -1)

        threads = [threading.Thread(target=count) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual({'requests': {'a': 8000}, 'failures': {},
                          'connections': {'in_use': 0}}, tally.snapshot())

    def test_a_child_counts_from_nothing_whoever_holds_the_lock(self):
        tally = counters.agent_tally()
        tally.add(counters.REQUESTS, 'a')
        with tally._lock:
            child = os.fork()
            if not child:
                # Without the tests' own way out.
                try:
                    tally.add(counters.REQUESTS, 'b')
                    there = tally.snapshot()[counters.REQUESTS]
                    os._exit(0 if there == {'b': 1} else 1)
                finally:
                    os._exit(2)
        self.assertEqual(0, os.waitpid(child, 0)[1])
        self.assertEqual({'a': 1}, tally.snapshot()[counters.REQUESTS])

    def test_agents_beyond_a_number_share_their_counts(self):
        all_counts = counters.Counters()
        endpoints = [endpoints.Endpoint('192.0.2.%d' % number, 1)
                     for number in range(200)]
        for _ in range(2):
            for endpoint in endpoints:
                all_counts.agent(endpoint).add(counters.REQUESTS, 'a')
        report = all_counts.report()
        self.assertEqual(65, len(report['agents']))
        self.assertEqual(
            {'a': 2 * (200 - 64)},
            report['agents'][counters.OTHERS][counters.REQUESTS])
        self.assertEqual({'a': 400}, report['all_agents']['requests'])


class CountedCallsTestCase(fakes.ArrayTestCase):

    def report(self):
        return self.client.counters.report()

    def test_calls_that_work(self):
        self.array.create_volume('v', 0, 1024, True)
        report = self.report()
        self.assertEqual({'createVolume': 1, 'queryVolume': 1},
                         report['calls'])
        self.assertEqual({}, report['failed_calls'])
        self.assertEqual({}, report['attempts'])
        self.assertEqual({'createVolume': 1, 'queryVolume': 1},
                         report['all_agents']['requests'])
        self.assertEqual({ONE, TWO}, set(report['agents']))

    def test_a_fail_over(self):
        self.cluster.fail('queryVolume', 'unsent')
        self.array.volume('v')
        report = self.report()
        self.assertEqual({'fail_overs': 1}, report['attempts'])
        self.assertEqual({'EndpointUnavailable': 1, 'ObjectAbsent': 1},
                         report['all_agents']['failures'])
        self.assertEqual({'ObjectAbsent': 1}, report['failed_calls'])

    def test_a_retry(self):
        self.cluster.fail('queryVolume', 'result', 50150016)
        self.client.call('queryVolume', agent=fakes.ENDPOINTS[0],
                         volName=self.cluster.add_volume('v')['vol_name'])
        report = self.report()
        self.assertEqual({'retries': 1}, report['attempts'])
        self.assertEqual({'failures': {'TryAgain': 1}},
                         {'failures': report['agents'][ONE]['failures']})

    def test_what_is_settled(self):
        self.cluster.fail('createVolume', 'unanswered')
        self.array.create_volume('done', 0, 1024, True)
        self.cluster.fail('createVolume', 'lost')
        self.array.create_volume('not-done', 0, 1024, True)
        self.cluster.fail('createVolume', 'lost')
        self.cluster.fail('queryVolume', 'result', 50151015)
        self.assertRaises(exceptions.OutcomeUnknown,
                          self.array.create_volume, 'who', 0, 1024, True)
        self.assertEqual({'carried_out': 1, 'not_carried_out': 1,
                          'not_found_out': 1}, self.report()['settled'])

    def test_what_is_waited_for(self):
        self.cluster.add_volume('v')
        self.cluster.fail('deleteVolume', 'result', 50151005, times=3)
        self.array.delete_volume('v')
        self.assertEqual({'busy': 3}, self.report()['waits'])

    def test_a_listing(self):
        self.cluster.fail('queryAllVolume', 'unsent')
        list(self.client.stream('queryAllVolume', poolId=0))
        report = self.report()
        self.assertEqual({'queryAllVolume': 1}, report['calls'])
        self.assertEqual({'fail_overs': 1}, report['attempts'])


class CountedConnectionsTestCase(scripted.TransportTestCase):

    def connections(self, carrier):
        return carrier._tally.snapshot()[counters.CONNECTIONS]

    def test_one_that_is_kept(self):
        carrier = self.make(scripted.ScriptedSocket(
            scripted.reply(1), scripted.reply(2)))
        self.exchange(carrier)
        self.exchange(carrier)
        self.assertEqual({'in_use': 0, 'opened': 1},
                         self.connections(carrier))
        carrier.close()
        carrier.close()
        self.assertEqual({'closed': 1, 'in_use': 0, 'opened': 1},
                         self.connections(carrier))

    def test_one_that_is_refused_was_never_there(self):
        carrier = self.make(ConnectionRefusedError())
        self.fails(exceptions.EndpointUnavailable, carrier)
        self.assertEqual({'in_use': 0}, self.connections(carrier))


class CountedDriverTestCase(base.DriverTestCase):

    def test_an_agent_that_does_not_answer(self):
        dsware = self.make_started_driver(dsware_agents=[ONE, TWO])
        client = dsware._array.client
        self.cluster.dead.add(client.agents[0].host)
        for _ in range(2):
            dsware._array.volume('v')
        health = client.health()
        away = health[str(client.agents[0])]
        self.assertEqual(1, away['failures'])
        self.assertTrue(0 < away['asked_again_in'] <= 1.25)
        self.assertEqual({'failures': 0, 'asked_again_in': 0},
                         health[str(client.agents[1])])
