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

"""Snapshots, of one volume and of several at one point in time."""

import ddt

from cinder.tests.unit.volume.drivers.dsware.array import base
from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware import exceptions

SOURCES = {'s1': 'v1', 's2': 'v2', 's3': 'v3'}
CLONES = {'n1': 'v1', 'n2': 'v2'}


class SnapshotTestCase(base.ArrayTestCase):

    def setUp(self):
        super().setUp()
        self.cluster.add_volume('v', data='now')

    def test_create(self):
        self.array.snapshots.create('s', 'v')
        self.assertEqual('now', self.cluster.snapshots['s']['data'])
        self.assertEqual({'volName': 'v', 'snapName': 's', 'smartFlag': 0},
                         self.cluster.requests[0][0].args)

    def test_what_exists_is_never_adopted(self):
        self.cluster.add_snapshot('s', 'v')
        self.cluster.snapshots['s']['data'] = 'old'
        error = self.raises(exceptions.ObjectExists,
                            self.array.snapshots.create, 's', 'v')
        self.assertEqual(50150008, error.result)
        self.assertIn("Snapshot(name='s'", str(error))
        self.assertEqual('old', self.cluster.snapshots['s']['data'])

    def test_a_failed_snapshot_is_removed(self):
        self.cluster.edit = lambda record: {**record, 'status': '9'}
        self.raises(exceptions.BackendFault, self.array.snapshots.create,
                    's', 'v')
        self.assertEqual({}, self.cluster.snapshots)

    def test_delete_does_not_touch_a_volume_of_that_name(self):
        self.array.snapshots.delete('v')
        self.assertIn('v', self.cluster.volumes)


class TogetherTestCase(base.ArrayTestCase):

    def setUp(self):
        super().setUp()
        for number in (1, 2, 3):
            self.cluster.add_volume(f'v{number}', pool_id=number % 2,
                                    data=f'data {number}')

    def nothing_left(self):
        self.assertEqual({}, self.cluster.snapshots)
        self.assertEqual({'v1', 'v2', 'v3'}, set(self.cluster.volumes))

    def all_made(self):
        self.assertEqual(SOURCES, {
            name: record['father_name']
            for name, record in self.cluster.snapshots.items()})

    def some_made(self, *snapshots):
        """Let the cluster break its promise: it makes only some."""
        def make():
            for name in snapshots:
                self.cluster.add_snapshot(name, SOURCES[name])
        return make


@ddt.ddt
class SnapshotTogetherTestCase(TogetherTestCase):

    def snapshot(self):
        self.array.snapshots.together(SOURCES)

    def test_one_request_makes_all(self):
        self.snapshot()
        self.all_made()
        request, = [request for request, _endpoint in self.cluster.requests
                    if not request.op.startswith('query')]
        self.assertEqual(
            ('activeSnapshots', {'volNameList': 'v1,v2,v3',
                                 'snapNameList': 's1,s2,s3'}),
            (request.op, request.args))

    @ddt.data({'s1': 'v1', '-s': 'v2'}, {'s1': 'v1', 's2': 'a,b'})
    def test_names_are_checked_before_anything_is_sent(self, sources):
        self.raises(exceptions.InvalidRequest,
                    self.array.snapshots.together, sources)
        self.assertEqual([], self.cluster.requests)

    def test_what_exists_is_never_adopted(self):
        self.cluster.add_snapshot('s2', 'v2')
        error = self.raises(exceptions.ObjectExists, self.snapshot)
        self.assertEqual('s2', error.name)
        self.assertIn('There is: ', str(error))
        self.assertEqual({'s2'}, set(self.cluster.snapshots))
        self.assertEqual(0, self.cluster.count('activeSnapshots'))

    def test_what_comes_to_exist_is_never_adopted(self):
        """Somebody is faster, after the look and before the request."""
        self.cluster.fail('activeSnapshots', 'does',
                          self.some_made('s1', 's2', 's3'))
        self.raises(exceptions.ObjectExists, self.snapshot)
        self.all_made()

    @ddt.data('lost', 'unanswered')
    def test_an_unknown_outcome_is_settled(self, kind):
        self.cluster.fail('activeSnapshots', kind)
        self.snapshot()
        self.all_made()
        self.assertEqual({'lost': 2, 'unanswered': 1}[kind],
                         self.cluster.count('activeSnapshots'))

    def test_some_that_are_there_are_looked_at_again(self):
        """The request is carried out while it is asked about."""
        self.cluster.fail('activeSnapshots', 'lost')
        self.cluster.fail('querySnapshot', 'does',
                          self.some_made('s1', 's2', 's3'), name='s2',
                          skip=1)
        self.snapshot()
        self.all_made()
        self.assertEqual(1, self.cluster.count('activeSnapshots'))

    def test_some_that_stay_alone_are_removed(self):
        self.cluster.fail('activeSnapshots', 'lost')
        self.cluster.fail('querySnapshot', 'does',
                          self.some_made('s1', 's3'), name='s1', skip=1)
        self.raises(exceptions.OutcomeUnknown, self.snapshot)
        self.nothing_left()

    def test_another_volumes_snapshot_is_not_removed(self):
        self.cluster.fail('activeSnapshots', 'lost')
        self.cluster.fail(
            'querySnapshot', 'does',
            lambda: self.cluster.add_snapshot('s2', 'v1'), name='s2', skip=1)
        self.raises(exceptions.ObjectMismatch, self.snapshot)
        self.assertEqual({'s2'}, set(self.cluster.snapshots))

    def test_what_cannot_be_found_out_is_removed(self):
        self.cluster.fail('activeSnapshots', 'unanswered')
        self.cluster.fail('querySnapshot', 'hangs', skip=3, times=9)
        self.raises(exceptions.OutcomeUnknown, self.snapshot)
        self.nothing_left()

    def test_an_outage_is_waited_for_once(self):
        self.cluster.fail('activeSnapshots', 'unanswered')
        self.cluster.fail('query', 'unsent', skip=3, times=10 ** 6)
        self.cluster.fail('delete', 'unsent', times=10 ** 6)
        start = self.clock.now
        self.raises(exceptions.OutcomeUnknown, self.snapshot)
        self.assertEqual({'s1'}, {
            request.name for request, _endpoint in self.cluster.requests
            if request.op == 'deleteSnapshot'})
        self.assertLess(self.clock.now - start, 3 * 60)

    @ddt.data((50150009, exceptions.CapacityExceeded),
              (50152502, exceptions.CapacityExceeded),
              (50150005, exceptions.ObjectAbsent),
              (50150015, exceptions.BackendFault))
    @ddt.unpack
    def test_a_refusal(self, code, error):
        self.cluster.fail('activeSnapshots', 'result', code)
        raised = self.raises(error, self.snapshot)
        self.assertEqual(code, raised.result)
        self.assertIn('activeSnapshots of s1 and 2 more', str(raised))
        self.nothing_left()
        self.assertEqual(0, self.cluster.count('deleteSnapshot'))

    @ddt.data('result', 'unsent')
    def test_a_refusal_after_a_doubt(self, kind):
        """They may be made late, so their deletion waits for that."""
        self.cluster.fail('activeSnapshots', 'lost')
        self.cluster.fail('activeSnapshots', kind, 50150009, times=10 ** 6)
        self.assertRaises(exceptions.DSWareError, self.snapshot)
        start = self.clock.now
        self.array.snapshots.delete('s2')
        self.assertGreater(self.clock.now - start, 30)

    def test_a_success_after_a_doubt(self):
        self.cluster.fail('activeSnapshots', 'lost')
        self.snapshot()
        start = self.clock.now
        self.array.snapshots.delete('s2')
        self.assertGreater(self.clock.now - start, 30)

    def test_a_failed_snapshot_takes_the_others_with_it(self):
        self.cluster.fail('querySnapshot', 'records', [{
            'snap_name': 's2', 'father_name': 'v2', 'status': '9',
            'snap_size': '1024', 'real_size': '0', 'pool_id': '0',
            'delete_priority': '0', 'create_time': '1420070400'}],
            name='s2', skip=1)
        self.raises(exceptions.BackendFault, self.snapshot)
        self.nothing_left()


class CloneTogetherTestCase(TogetherTestCase):

    def clone(self, make=None):
        self.array.copies.clone_together(CLONES, make or self.make)

    def make(self, name, temporary):
        self.array.copies.linked(name, 1024, temporary)

    def test_clones(self):
        self.clone()
        self.assertEqual(['data 1', 'data 2'], [
            self.cluster.volumes[name]['data'] for name in CLONES])
        self.assertEqual({}, self.cluster.snapshots)
        self.assertEqual(1, self.cluster.count('activeSnapshots'))
        self.assertEqual(0, self.cluster.count('createSnapshot'))

    def test_what_an_interrupted_attempt_left_is_not_used(self):
        for name in CLONES:
            self.cluster.add_snapshot(name + '.clone', 'v3')
        self.clone()
        self.assertEqual(['data 1', 'data 2'], [
            self.cluster.volumes[name]['data'] for name in CLONES])
        self.assertEqual({}, self.cluster.snapshots)

    def test_nothing_temporary_stays_after_an_interruption(self):
        self.cluster.fail('activeSnapshots', 'interrupted')
        self.raises(fakes.Interrupted, self.clone)
        self.nothing_left()

    def test_a_clone_works_though_it_cannot_be_tidied_up_after(self):
        self.cluster.fail('deleteSnapshot', 'unsent', skip=2,
                          times=10 ** 6)
        self.clone()
        self.assertEqual({'n1.clone', 'n2.clone'},
                         set(self.cluster.snapshots))
