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

"""The client: which agent, how often, until when."""

import collections
from unittest import mock

import ddt

from cinder.tests.unit.volume.drivers.dsware.client import base
from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.tests.unit.volume.drivers.dsware.fakes import transport
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware.client import protocol
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import waiting

ONE, TWO = fakes.ENDPOINTS
THREE = endpoints.Endpoint('192.0.2.3', 10519)
CREATE = {'volName': 'v', 'poolId': 0, 'volSize': 1024, 'thinFlag': 1}


def frame(records=(), result=0, more=False):
    return protocol.Frame(1, result, '', more, list(records))


class ScriptedPeer(transport.Peer):
    """Answers each operation in its way, whatever it was sent before."""

    RECORDS = {
        'createVolume': [],
        'queryVolume': [{'vol_name': 'v'}],
        'queryAllVolume': [{'vol_name': 'v'}],
        'queryAllSnapshot': [{'snap_name': f's{i}'} for i in range(5)]}

    def carry_out(self, request, endpoint):
        return 0, self.RECORDS[request.op]


class CallingTestCase(base.ClientTestCase):

    def setUp(self):
        super().setUp()
        # No jitter: the tests say exactly when.
        patcher = mock.patch.object(waiting, 'jittered', lambda s: s)
        patcher.start()
        self.addCleanup(patcher.stop)

    def make_cluster(self):
        return ScriptedPeer(self.clock)

    def query(self, **kwargs):
        return self.client.call('queryVolume', volName='v', **kwargs)

    def asked(self):
        """Tell which agents were asked since the last time, in order."""
        found = [endpoint for _request, endpoint in self.cluster.requests]
        self.cluster.requests.clear()
        return found

    def failures(self):
        """Tell how often each agent has failed since it answered."""
        return [agent.failures for agent in self.client._agents._rotation]

    def exchange_by(self, exchange):
        """Let all agents exchange a request in this way."""
        for carrier in self.transports.values():
            carrier.exchange = exchange

    def endless(self, given):
        """Let all agents answer without end.

        :param given: the frame that they answer with, again and again
        :returns: a list that gets an item for each answer that is closed
        """
        closed = []

        def exchange(request, deadline):
            self.cluster.requests.append((request, ONE))
            self.clock.now += 1
            try:
                while True:
                    yield given
            finally:
                closed.append(True)

        self.exchange_by(exchange)
        return closed

    def down(self, endpoint, kind='unsent', times=10 ** 6):
        """Let an agent fail every request."""
        carrier = self.transports[endpoint]
        fault = transport.Fault('', kind, times=times)

        def exchange(request, deadline):
            self.cluster.requests.append((request, endpoint))
            self.cluster.clock.now += self.cluster.latency
            if fault.hits(request):
                yield from getattr(carrier, '_' + kind)(
                    request, deadline, None)
            else:
                yield from carrier._answer(request)
        carrier.exchange = exchange
        return fault


@ddt.ddt
class CallTestCase(CallingTestCase):

    def test_a_reply(self):
        reply = self.query()
        self.assertEqual('v', reply.records[0]['vol_name'])
        self.assertIn(reply.endpoint, fakes.ENDPOINTS)

    def test_frames_are_put_together(self):
        self.cluster.fail('queryVolume', 'frames', [
            frame([{'a': '1'}], more=True), frame(more=True),
            frame([{'a': '2'}, {'a': '3'}])])
        self.assertEqual([{'a': '1'}, {'a': '2'}, {'a': '3'}],
                         self.query().records)

    @ddt.data((50150005, exceptions.ObjectAbsent),
              (50150007, exceptions.ObjectExists),
              (50150013, exceptions.ObjectBusy),
              (50150009, exceptions.CapacityExceeded),
              (50150003, exceptions.InvalidRequest),
              (50151401, exceptions.AlreadyAttached),
              (50151601, exceptions.NotAttached),
              (10000003, exceptions.AccessDenied),
              (50090153, exceptions.BackendFault))
    @ddt.unpack
    def test_a_definite_answer_is_never_repeated(self, code, error):
        for op in ('queryVolume', 'createVolume'):
            self.cluster.fail(op, 'result', code, times=9)
            raised = self.raises(error, self.client.call, op, volName='v')
            self.assertEqual((op, 'v', code, 'refused'),
                             (raised.op, raised.name, raised.result,
                              raised.desc))
            self.assertEqual([raised.endpoint],
                             [str(endpoint) for endpoint in self.asked()])


@ddt.ddt
class OrderTestCase(CallingTestCase):

    def test_agents_take_turns(self):
        for _ in range(4):
            self.query()
        self.assertEqual([ONE, TWO, ONE, TWO], self.asked())

    def test_one_agent_named_twice(self):
        caller = self.make_client((ONE, ONE))
        self.assertEqual([ONE], caller.agents)

    def test_a_dead_agent_is_passed_over(self):
        self.down(ONE)
        self.query()
        self.assertEqual([ONE, TWO], self.asked())
        for _ in range(4):
            self.query()
        self.assertEqual([TWO] * 4, self.asked())

    @ddt.data('lost', 'hangs')
    def test_an_agent_that_babbles_or_hangs_is_left_alone(self, kind):
        self.down(ONE, kind)
        self.query()
        self.asked()
        self.query()
        self.query()
        self.assertEqual([TWO, TWO], self.asked())

    def test_a_cluster_in_doubt_is_not_the_agents_fault(self):
        self.cluster.fail('createVolume', 'result', 50150017)
        self.raises(exceptions.OutcomeUnknown, self.client.call,
                    'createVolume', **CREATE)
        self.assertEqual([0, 0], self.failures())


@ddt.ddt
class RepeatTestCase(CallingTestCase):

    @ddt.data('unsent', 'lost', 'unanswered', 'hangs')
    def test_a_query_is_repeated(self, kind):
        self.cluster.fail('queryVolume', kind)
        self.query()
        self.assertEqual(2, len(set(self.asked())))

    @ddt.data(50150012, 50150016, 50000001, 50150017, 4711)
    def test_a_query_is_repeated_after_a_code(self, code):
        self.cluster.fail('queryVolume', 'result', code, times=3)
        self.query()
        self.assertEqual(4, len(self.asked()))

    def test_a_change_that_was_not_sent_goes_to_another_agent(self):
        self.cluster.fail('createVolume', 'unsent')
        self.client.call('createVolume', **CREATE)
        self.assertEqual(2, len(set(self.asked())))

    @ddt.data(50150012, 50150016, 50150020, 50151012)
    def test_a_change_that_was_refused_for_now_is_repeated(self, code):
        self.cluster.fail('createVolume', 'result', code, times=3)
        self.client.call('createVolume', **CREATE)
        asked = self.asked()
        self.assertEqual(4, len(asked))
        self.assertNotEqual(asked[0], asked[1])

    @ddt.data(('lost', None), ('unanswered', None), ('hangs', None),
              ('result', 50000001), ('result', 50150001),
              ('result', 50150017), ('result', 4711))
    @ddt.unpack
    def test_a_change_in_doubt_is_never_repeated(self, kind, value):
        self.cluster.fail('createVolume', kind, value)
        error = self.raises(exceptions.OutcomeUnknown, self.client.call,
                            'createVolume', **{**CREATE, 'volName': 'new'})
        self.assertEqual(('createVolume', 'new'), (error.op, error.name))
        self.assertEqual(1, len(self.asked()))

    def test_what_is_no_exception_passes(self):
        self.cluster.fail('queryVolume', 'interrupted')
        self.assertRaises(fakes.Interrupted, self.query)
        self.assertEqual(1, len(self.asked()))


@ddt.ddt
class DeadlineTestCase(CallingTestCase):

    def test_an_attempt_gets_half_of_what_is_left(self):
        for carrier in self.transports.values():
            carrier.deadlines.clear()
        self.cluster.latency = 0
        self.cluster.fail('queryVolume', 'hangs', times=3)
        self.query()
        seconds = sorted((d.seconds for t in self.transports.values()
                          for d in t.deadlines), reverse=True)
        self.assertEqual([30, 15, 7.5], seconds[:3])

    @ddt.data('unsent', 'lost', 'hangs')
    def test_all_attempts_together_end_by_the_deadline(self, kind):
        self.cluster.fail('', kind, times=10 ** 6)
        start = self.clock.now
        error = self.assertRaises(exceptions.DSWareError, self.query)
        self.assertEqual(('queryVolume', 'v'), (error.op, error.name))
        self.assertAlmostEqual(60, self.clock.now - start, delta=0.1)

    def test_a_reason_that_tells_more_is_told(self):
        """Whichever agent is asked last."""
        self.down(TWO)
        error = exceptions.CertificateRefused
        self.transports[ONE].exchange = self.refusing(error)
        for _ in range(2):
            raised = self.raises(error, self.query, patience=0)
            self.assertEqual('v', raised.name)
            self.assertEqual('why', raised.desc)

    def test_a_call_during_an_outage_carries_its_cause(self):
        self.cluster.fail('', 'unsent', times=2)
        for asked in ({ONE, TWO}, set()):
            error = self.raises(exceptions.EndpointUnavailable, self.query,
                                patience=0)
            self.assertEqual('cannot connect', error.desc)
            self.assertEqual(asked, set(self.asked()))

    def test_a_program_that_cannot_be_started_is_not_tried_again(self):
        error = exceptions.CommandUnavailable
        for carrier in self.transports.values():
            carrier.exchange = self.refusing(error)
        start = self.clock.now
        self.raises(error, self.query)
        self.raises(error, self.client.call, 'createVolume', **CREATE)
        self.raises(error, list, self.client.stream('queryAllVolume',
                                                    poolId=0))
        self.assertEqual(start, self.clock.now)
        # No agent has a part in that.
        self.assertEqual([0, 0], self.failures())

    @ddt.data(exceptions.AccessDenied, exceptions.CommandUnavailable)
    def test_what_waiting_does_not_mend_ends_each_call_at_once(self, error):
        """Also after an outage, whose cause was another."""
        for carrier in self.transports.values():
            carrier.exchange = self.refusing(exceptions.EndpointUnavailable)
        self.raises(exceptions.EndpointUnavailable, self.query, patience=0)
        for carrier in self.transports.values():
            carrier.exchange = self.refusing(error)
        self.clock.now += 10
        start = self.clock.now
        for _n in range(5):
            self.raises(error, self.query)
        self.assertEqual(start, self.clock.now)

    @staticmethod
    def refusing(error):
        def exchange(request, deadline):
            raise error(desc='why', endpoint=str(ONE))
            yield
        return exchange

    def test_an_agent_is_not_to_blame_for_a_caller_in_a_hurry(self):
        self.cluster.fail('', 'hangs', times=1)
        self.raises(exceptions.OutcomeUnknown, self.query,
                    deadline=waiting.Deadline(0.5))
        self.assertEqual([0, 0], self.failures())

    def test_patience(self):
        self.cluster.fail('', 'unsent', times=10 ** 6)
        start = self.clock.now
        self.raises(exceptions.EndpointUnavailable, self.query, patience=10)
        self.assertTrue(10 <= self.clock.now - start < 12)


class AgentTestCase(CallingTestCase):

    def test_an_agent_that_is_not_among_the_configured(self):
        self.query(agent=THREE)
        carrier = self.transports[THREE]
        self.query(agent=THREE)
        self.assertEqual([THREE, THREE], self.asked())
        self.assertIs(carrier, self.transports[THREE])
        self.assertNotIn(THREE, self.client.agents)

    @staticmethod
    def host_agent(number):
        return endpoints.Endpoint(f'192.0.2.{10 + number}', 10519)

    def test_agents_of_hosts_that_come_and_go_are_forgotten(self):
        for number in range(100):
            self.query(agent=self.host_agent(number))
            self.clock.now += 10
        kept = set(self.client._agents._agents)
        self.assertEqual({ONE, TWO}, kept - {
            self.host_agent(number) for number in range(90, 100)})
        self.assertEqual([True, False], [
            self.transports[self.host_agent(number)].closed
            for number in (0, 99)])

    def test_one_in_use_is_not_forgotten(self):
        def forget():
            self.clock.now += 100
            self.client.call('queryVolume', volName='v', agent=THREE)
        self.cluster.fail('queryVolume', 'does', forget)
        self.query(agent=self.host_agent(0))
        self.assertIn(self.host_agent(0), self.client._agents._agents)
        self.assertFalse(self.transports[self.host_agent(0)].closed)


@ddt.ddt
class RoomTestCase(CallingTestCase):
    """Agents whose connections are all in use."""

    @ddt.data('createVolume', 'queryVolume')
    def test_none_has_room(self, op):
        deadline = waiting.Deadline(5)

        def full(agents, until=None):
            if until:
                self.assertIs(deadline, until)
                self.clock.now += until.remaining

        self.client._agents.take = full
        error = self.raises(exceptions.TryAgain, self.client.call, op,
                            volName='v', deadline=deadline)
        self.assertEqual('all connections are in use (32)', error.desc)
        self.assertIn('dsware_max_connections', str(error))
        self.assertIn(str(TWO), error.endpoint)
        self.assertEqual([], self.asked())

    def test_places_are_given_back(self):
        for agent in self.client._agents.order():
            agent.capacity = 1
        self.cluster.fail('queryVolume', 'lost', times=3)
        self.cluster.fail('queryVolume', 'interrupted')
        self.assertRaises(fakes.Interrupted, self.query)
        self.cluster.fail('createVolume', 'result', 50150007)
        self.raises(exceptions.ObjectExists, self.client.call,
                    'createVolume', **CREATE)
        # No agent is left alone any more.
        self.clock.now += 100
        records = self.client.stream('queryAllVolume', poolId=0)
        next(records)
        self.query()
        records.close()
        self.query()
        self.assertEqual([0, 0], [
            agent.users for agent in self.client._agents._rotation])

    def test_a_query_with_patience_gives_up_an_agent_that_hangs(self):
        self.cluster.fail('queryVolume', 'hangs', times=1)
        start = self.clock.now
        self.query(patience=10)
        self.assertTrue(10 <= self.clock.now - start < 11)

    def test_a_change_with_patience_is_not_given_up(self):
        """It would be in doubt."""
        self.cluster.fail('createVolume', 'hangs', times=1)
        start = self.clock.now
        self.raises(exceptions.OutcomeUnknown, self.client.call,
                    'createVolume', patience=10, **CREATE)
        self.assertTrue(30 <= self.clock.now - start < 31)


@ddt.ddt
class StreamTestCase(CallingTestCase):

    def stream(self, **kwargs):
        return self.client.stream('queryAllSnapshot', poolId=0, **kwargs)

    def names(self):
        return [record['snap_name'] for record in self.stream()]

    @ddt.data(('unsent', None), ('lost', None), ('hangs', None),
              ('result', 50150016), ('result', 4711))
    @ddt.unpack
    def test_another_agent_before_the_first_record(self, kind, value):
        self.cluster.fail('queryAll', kind, value)
        self.assertEqual([f's{i}' for i in range(5)], self.names())
        self.assertEqual(2, len(set(self.asked())))

    def test_no_other_agent_after_the_first_record(self):
        self.cluster.fail('queryAll', 'frames', [
            frame([{'snap_name': 'a'}], more=True),
            exceptions.OutcomeUnknown(op='queryAllSnapshot', desc='cut')])
        records = self.stream()
        next(records)
        self.raises(exceptions.OutcomeUnknown, next, records)
        self.assertEqual(1, len(self.asked()))

    def test_a_listing_that_is_left_early_is_closed(self):
        closed = []

        def exchange(request, deadline):
            try:
                yield frame([{'a': '1'}], more=True)
                yield frame([{'a': '2'}])
            finally:
                closed.append(True)
        self.exchange_by(exchange)
        records = self.stream()
        next(records)
        records.close()
        self.assertEqual([True], closed)

    def test_the_time_of_the_caller_does_not_count(self):
        def exchange(request, deadline):
            for number in range(10):
                if deadline.expired:
                    raise exceptions.OutcomeUnknown(desc='too late')
                self.clock.now += 0.1
                yield frame([{'a': str(number)}], more=number < 9)
        self.exchange_by(exchange)
        found = []
        for record in self.stream(deadline=waiting.Deadline(10)):
            self.clock.now += 100
            found.append(record['a'])
        self.assertEqual(10, len(found))

    def test_the_time_of_the_cluster_counts(self):
        def exchange(request, deadline):
            while not deadline.expired:
                self.clock.now += 1
                yield frame([{'a': '1'}], more=True)
            raise exceptions.OutcomeUnknown(desc='too late')
        self.exchange_by(exchange)
        self.raises(exceptions.OutcomeUnknown, list,
                    self.stream(deadline=waiting.Deadline(10)))

    def test_a_listing_without_an_end(self):
        closed = self.endless(frame([{'a': '1'}] * 60_000, more=True))
        error = self.raises(exceptions.OutcomeUnknown,
                            collections.deque, self.stream(), 0)
        self.assertIn('more than 2000000 records', str(error))
        self.assertEqual([True], closed)


class BoundTestCase(CallingTestCase):

    def test_a_reply_has_a_bound(self):
        closed = self.endless(frame([{'a': '1'}] * 1000, more=True))
        error = self.raises(exceptions.OutcomeUnknown, self.query,
                            deadline=waiting.Deadline(0.001))
        self.assertIn('more than 4096 records', str(error))
        self.assertEqual(('queryVolume', 'v'), (error.op, error.name))
        self.assertEqual(len(self.asked()), len(closed))

    def test_one_beyond_it_is_not_the_agents_fault(self):
        """Else a volume of many snapshots held up all other requests."""
        self.cluster.fail('queryVolume', 'records', [{'a': '1'}] * 4097,
                          times=10 ** 6)
        self.raises(exceptions.OutcomeUnknown, self.query)
        self.assertEqual([0, 0], self.failures())

    def test_so_have_its_frames(self):
        taken = []

        def exchange(request, deadline):
            self.clock.now += 1
            while True:
                taken.append(1)
                yield frame(more=True)
        self.exchange_by(exchange)
        self.raises(exceptions.OutcomeUnknown, self.query,
                    deadline=waiting.Deadline(0.001))
        self.assertEqual(0, len(taken) % 4097)
