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

"""Unknown outcomes: every change, carried out or not, then every answer.

Each case makes the first request of a change end in doubt, and says what
the cluster is like afterwards. What counts is the cluster's final state and
whether the call told the truth about it.
"""

import itertools

import ddt
import hypothesis
from hypothesis import strategies

from cinder.tests.unit.volume.drivers.dsware.array import base
from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware.array import array
from cinder.volume.drivers.dsware import exceptions

ONE = fakes.ENDPOINTS[0]
# name of the case: the operation, the call, and what it should lead to
CHANGES = {
    'create volume': (
        'createVolume',
        lambda a: a.volumes.create('new', 0, 2048, True),
        lambda c: c.volumes['new']['vol_size'] == 2048),
    'delete volume': (
        'deleteVolume', lambda a: a.volumes.delete('spare'),
        lambda c: 'spare' not in c.volumes),
    'expand volume': (
        'expandVolume', lambda a: a.volumes.expand('v', 4096),
        lambda c: c.volumes['v']['vol_size'] == 4096),
    'create snapshot': (
        'createSnapshot', lambda a: a.snapshots.create('new', 'v'),
        lambda c: c.snapshots['new']['father_name'] == 'v'),
    'delete snapshot': (
        'deleteSnapshot', lambda a: a.snapshots.delete('s'),
        lambda c: 's' not in c.snapshots),
    'linked clone': (
        'createVolumeFromSnap', lambda a: a.copies.linked('new', 2048, 's'),
        lambda c: c.volumes['new']['father_name'] == 's'),
    'full copy': (
        'createFullVolumeFromSnap',
        lambda a: a.copies.full('new', 1, 4096, True, a.copies.source('s')),
        lambda c: (c.volumes['new']['data'] == 'data' and
                   c.volumes['new']['vol_size'] == 4096)),
    'volume of a full copy': (
        'createVolume',
        lambda a: a.copies.full('new', 1, 2048, True, a.copies.source('s')),
        lambda c: c.volumes['new']['data'] == 'data'),
    'attach': (
        'attachVolume', lambda a: a.hosts.attach('v', ONE),
        lambda c: c.attached['v'] == {ONE.host}),
    'detach': (
        'detachVolume', lambda a: a.hosts.detach('used', ONE),
        lambda c: not c.attached['used']),
    'detach by ip': (
        'detachVolumeByIp',
        lambda a: a.hosts.detach_by_ip('used', ONE.host),
        lambda c: not c.attached['used']),
}
# No query tells about these; asking again does.
UNASKABLE = ('attach', 'detach', 'detach by ip', 'full copy')
# The requests that are to get through before an operation.
BEFORE = {'createFullVolumeFromSnap': 3}
LIMITS = {'maxIOPS': 7}
CHANGES.update({
    'make limits': (
        'createQoS', lambda a: a.qos.limit('v', LIMITS),
        lambda c: c.limits_of('v') == LIMITS),
    'give limits': (
        'associateQoSWithVolume', lambda a: a.qos.limit('v', LIMITS),
        lambda c: c.limits_of('v') == LIMITS),
    'change limits': (
        'setQoS', lambda a: a.qos.limit('limited', LIMITS),
        lambda c: c.limits_of('limited') == LIMITS),
    'take limits': (
        'disassociateQoSWithVolume', lambda a: a.qos.unlimit('limited'),
        lambda c: 'limited.qos' not in c.qos and not c.qos_of),
    'delete limits': (
        'deleteQoS', lambda a: a.qos.unlimit('limited'),
        lambda c: 'limited.qos' not in c.qos and not c.qos_of),
})
UNASKABLE += ('make limits', 'delete limits')
BEFORE.update({'createQoS': 1, 'setQoS': 1, 'associateQoSWithVolume': 2,
               'deleteQoS': 1})
# How a request ends in doubt: the fault, its value, whether carried out.
DOUBTS = {
    'lost': ('lost', None, False),
    'answer lost': ('unanswered', None, True),
    'hangs': ('hangs', None, False),
    'code, not done': ('result', 50150017, False),
    'code, done': ('late_result', 50000001, True),
    'odd code, done': ('late_result', 4711, True),
    'duplicate': ('late_result', 50150001, True),
}


def cases(*axes):
    """Name the combinations for ddt."""
    for values in itertools.product(*axes):
        case = type('Case', (tuple,), {})(values)
        case.__name__ = ' '.join(values).replace(' ', '_').replace(',', '')
        yield case


class OutcomeTestCase(base.ArrayTestCase):

    def setUp(self):
        super().setUp()
        self.fill(self.cluster)
        self.cluster.add_volume('limited')
        self.cluster.qos['limited.qos'] = {'maxIOPS': 1}
        self.cluster.qos_of['limited'] = 'limited.qos'

    @staticmethod
    def fill(cluster):
        cluster.add_volume('v', size=2048, data='data')
        cluster.add_snapshot('s', 'v')
        cluster.add_volume('spare')
        cluster.add_volume('used')
        cluster.attached['used'].add(ONE.host)

    def untouched(self, cluster=None):
        """Check that what no case is about is as it was."""
        cluster = cluster or self.cluster
        self.assertEqual('data', cluster.volumes['v']['data'])
        self.assertIn('used', cluster.volumes)


@ddt.ddt
class SettledTestCase(OutcomeTestCase):

    @ddt.data(*cases(CHANGES, DOUBTS))
    @ddt.unpack
    def test_the_cluster_answers_afterwards(self, change, doubt):
        op, call, done = CHANGES[change]
        kind, value, _carried_out = DOUBTS[doubt]
        self.cluster.fail(op, kind, value)
        call(self.array)
        self.assertTrue(done(self.cluster))
        self.untouched()

    @ddt.data(*cases(
        [c for c in CHANGES if c not in UNASKABLE],
        ['answer lost', 'code, done']))
    @ddt.unpack
    def test_what_was_carried_out_is_not_asked_for_again(self, change,
                                                         doubt):
        op, call, _done = CHANGES[change]
        kind, value, _carried_out = DOUBTS[doubt]
        self.cluster.fail(op, kind, value)
        call(self.array)
        self.assertEqual(1, self.cluster.count(op))

    @ddt.data(*cases(CHANGES, DOUBTS))
    @ddt.unpack
    def test_the_cluster_never_answers_again(self, change, doubt):
        op, call, _done = CHANGES[change]
        kind, value, _carried_out = DOUBTS[doubt]
        self.cluster.fail(op, kind, value)
        self.cluster.fail('', 'unsent', times=10 ** 9)
        self.cluster.faults[1].skip = BEFORE.get(op, 0)
        start = self.clock.now
        error = self.assertRaises(exceptions.DSWareError, call, self.array)
        self.assertIsInstance(error, (exceptions.OutcomeUnknown,
                                      exceptions.EndpointUnavailable))
        # The time of the request, and of two clean-ups at most.
        self.assertLess(self.clock.now - start, 200)
        self.untouched()


@ddt.ddt
class UnsettledTestCase(OutcomeTestCase):

    @ddt.data(*cases([
        'create volume', 'delete volume', 'expand volume',
        'create snapshot', 'delete snapshot', 'linked clone'],
        ['answer lost', 'lost'], ['unsent', 'result']))
    @ddt.unpack
    def test_what_cannot_be_found_out_is_told_as_unknown(
            self, change, doubt, answer):
        """A refusal to tell is not the answer, either."""
        op, call, _done = CHANGES[change]
        kind, value, _carried_out = DOUBTS[doubt]
        self.cluster.fail(op, kind, value, times=10 ** 9)
        self.cluster.fail('query', answer, 50151002, times=10 ** 9)
        error = self.raises(exceptions.OutcomeUnknown, call, self.array)
        self.assertEqual(op, error.op)
        self.assertEqual(1, self.cluster.count(op))

    @ddt.data(*cases(CHANGES))
    @ddt.unpack
    def test_nothing_was_sent(self, change):
        """No doubt, so no query is needed before it is repeated."""
        op, call, done = CHANGES[change]
        self.cluster.fail(op, 'unsent', times=3)
        call(self.array)
        self.assertTrue(done(self.cluster))

    @ddt.data(*cases(CHANGES))
    @ddt.unpack
    def test_interrupted(self, change):
        for kind in ('stopped', 'interrupted'):
            self.cluster.fail(CHANGES[change][0], kind)
            self.assertRaises(fakes.Interrupted, CHANGES[change][1],
                              self.array)
            self.untouched()


@ddt.ddt
class AdoptTestCase(OutcomeTestCase):
    """Somebody else made an object of that name meanwhile."""

    def meanwhile(self, op, make):
        self.cluster.fail(op, 'lost')
        self.cluster.fail('query', 'does', make)

    @ddt.data({'size': 1024}, {'pool_id': 1}, {'father': 's'})
    def test_another_volume(self, differs):
        self.meanwhile('createVolume', lambda: self.cluster.add_volume(
            'new', **{'size': 2048, 'data': 'theirs', **differs}))
        error = self.raises(exceptions.ObjectMismatch,
                            self.array.volumes.create, 'new', 0, 2048, True)
        self.assertEqual('new', error.name)
        self.assertIn('2048', str(error))
        self.assertEqual('theirs', self.cluster.volumes['new']['data'])

    @ddt.data({'size': 4096}, {'father': ''}, {'father': 's.2'})
    def test_another_linked_clone(self, differs):
        self.meanwhile('createVolumeFromSnap',
                       lambda: self.cluster.add_volume('new', **{
                           'size': 2048, 'father': 's', 'data': 'theirs',
                           **differs}))
        self.raises(exceptions.ObjectMismatch, self.array.copies.linked,
                    'new', 2048, 's')
        self.assertEqual('theirs', self.cluster.volumes['new']['data'])

    def test_a_snapshot_of_another_volume(self):
        self.meanwhile('createSnapshot', lambda: self.cluster.add_snapshot(
            'new', 'spare'))
        self.raises(exceptions.ObjectMismatch, self.array.snapshots.create,
                    'new', 'v')
        self.assertIn('new', self.cluster.snapshots)

    def test_a_late_request(self):
        """The first attempt is carried out after the query."""
        self.cluster.fail('createVolume', 'lost')
        self.cluster.fail('createVolume', 'does',
                          lambda: self.cluster.add_volume('new', size=2048))
        self.array.volumes.create('new', 0, 2048, True)
        self.assertEqual(2, self.cluster.count('createVolume'))

    @ddt.data(*cases(['create volume', 'linked clone', 'create snapshot']))
    @ddt.unpack
    def test_a_request_that_is_later_than_the_deletion(self, change):
        op, call, done = CHANGES[change]
        self.cluster.fail(op, 'lost', times=10 ** 9)
        self.raises(exceptions.OutcomeUnknown, call, self.array)
        self.cluster.faults.clear()
        kind = 'Snapshot' if change == 'create snapshot' else 'Volume'
        self.cluster.fail('query' + kind, 'does', lambda: call(
            array.Array(self.make_client(), 3600)), skip=5)
        start = self.clock.now
        getattr(self.array, kind.lower() + 's').delete('new')
        self.assertNotIn('new', self.cluster.volumes)
        self.assertNotIn('new', self.cluster.snapshots)
        self.assertEqual(2, self.cluster.count('delete' + kind))
        self.assertAlmostEqual(60, self.clock.now - start, delta=1)

    @ddt.data(*cases(['create volume', 'linked clone', 'create snapshot']))
    @ddt.unpack
    def test_a_request_that_is_later_than_a_success(self, change):
        op, call, _done = CHANGES[change]
        self.cluster.fail(op, 'lost')
        call(self.array)
        kind = 'Snapshot' if change == 'create snapshot' else 'Volume'
        self.cluster.fail('query' + kind, 'does', lambda: call(
            array.Array(self.make_client(), 3600)), skip=5)
        getattr(self.array, kind.lower() + 's').delete('new')
        self.assertNotIn('new', self.cluster.volumes)
        self.assertNotIn('new', self.cluster.snapshots)
        self.assertEqual(2, self.cluster.count('delete' + kind))

    def test_what_was_not_in_doubt_is_not_waited_for(self):
        start = self.clock.now
        self.array.volumes.delete('new')
        self.assertLess(self.clock.now - start, 1)

    def test_larger_than_asked_for_meanwhile(self):
        def larger():
            self.cluster.volumes['v']['vol_size'] = 8192
        self.meanwhile('expandVolume', larger)
        error = self.raises(exceptions.InvalidRequest,
                            self.array.volumes.expand, 'v', 4096)
        self.assertEqual(50151003, error.result)


FAULTS = strategies.lists(strategies.builds(
    dict,
    op=strategies.sampled_from([
        '', 'query', 'create', 'delete', 'createVolume', 'expandVolume',
        'createSnapshot', 'deleteSnapshot', 'createVolumeFromSnap',
        'createFullVolumeFromSnap', 'queryVolume', 'querySnapshot']),
    how=strategies.sampled_from([
        ('unsent', None), ('lost', None), ('unanswered', None),
        ('hangs', None), ('result', 50150016), ('result', 50150017),
        ('late_result', 50150017), ('late_result', 4711),
        ('result', 50151002), ('result', 50150003), ('result', 50150009),
        ('interrupted', None), ('stopped', None), ('records', [])]),
    times=strategies.integers(1, 4), skip=strategies.integers(0, 5)
).filter(lambda fault: (fault['how'][0] != 'records'
                        or fault['op'].startswith('query'))), max_size=4)


def cloned(cluster):
    """Tell whether there is a whole clone of the volume."""
    made = cluster.volumes['new']
    return ('data', 4096, 0) == (made['data'], made['vol_size'],
                                 made['status'])


# What is done, and what the cluster is like if that says that it worked.
ANY_CHANGE = {
    'create': CHANGES['create volume'], 'expand': CHANGES['expand volume'],
    'delete': CHANGES['delete volume'],
    'delete one in use': (None, lambda a: a.volumes.delete('used'), None),
    'create over another': (
        None, lambda a: a.volumes.create('spare', 0, 2048, True), None),
    'linked': (None, lambda a: a.copies.clone(
        'new', 'v', lambda snapshot: a.copies.linked('new', 4096, snapshot)),
        cloned),
    'full': (None, lambda a: a.copies.clone(
        'new', 'v', lambda snapshot: a.copies.full(
            'new', 1, 4096, True, a.copies.source(snapshot))), cloned),
}


class AnyFaultsTestCase(OutcomeTestCase):
    """Whatever goes wrong, no data is lost and the truth is told."""

    @hypothesis.given(change=strategies.sampled_from(sorted(ANY_CHANGE)),
                      faults=FAULTS,
                      copy_time=strategies.sampled_from([0, 0.5, 300]))
    @hypothesis.settings(fakes.HYPOTHESIS, max_examples=200)
    def test_any_change(self, change, faults, copy_time):
        cluster = self.cluster = self.make_cluster()
        self.fill(cluster)
        cluster.copy_time = copy_time
        for fault in faults:
            cluster.fail(fault['op'], *fault['how'], times=fault['times'],
                         skip=fault['skip'])
        found = array.Array(self.make_client(), 3600)
        _op, call, done = ANY_CHANGE[change]
        try:
            call(found)
        except (exceptions.DSWareError, fakes.Interrupted):
            pass
        else:
            self.assertTrue(done and done(cluster), change)
        self.untouched(cluster)
        self.assertIn(cluster.volumes['v']['vol_size'], (2048, 4096))
        if change != 'delete':
            self.assertEqual(1024, cluster.volumes['spare']['vol_size'])
        # Whatever is left goes when the volume is deleted.
        cluster.faults.clear()
        self.clock.now += 1000
        found.volumes.delete_leftovers('new')
        found.volumes.delete('new')
        self.assertEqual({'s'}, set(cluster.snapshots))
        self.assertEqual({'v', 'used'}, set(cluster.volumes) - {'spare'})
