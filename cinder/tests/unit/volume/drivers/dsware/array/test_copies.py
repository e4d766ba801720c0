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

"""Volumes from snapshots and from volumes."""

import ddt

from cinder.tests.unit.volume.drivers.dsware.array import base
from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware import exceptions


class CopyTestCase(base.ArrayTestCase):

    def setUp(self):
        super().setUp()
        self.cluster.add_volume('v', size=2048, pool_id=0, data='then')
        self.cluster.add_snapshot('s', 'v')
        self.cluster.volumes['v']['data'] = 'now'

    def new(self):
        return self.cluster.volumes['new']

    def nothing_left(self):
        self.assertEqual({'v'}, set(self.cluster.volumes))
        self.assertEqual({'s'}, set(self.cluster.snapshots))


@ddt.ddt
class LinkedCloneTestCase(CopyTestCase):

    def test_what_exists_is_never_adopted(self):
        self.cluster.add_volume('new', size=2048, father='s', data='theirs')
        error = self.raises(exceptions.ObjectExists,
                            self.array.copies.linked, 'new', 2048, 's')
        self.assertIn('snapNameSrc=s', str(error))
        self.assertEqual('theirs', self.new()['data'])

    def test_a_failed_clone_is_removed(self):
        self.cluster.edit = lambda record: {**record, 'status': '9'}
        self.raises(exceptions.BackendFault, self.array.copies.linked,
                    'new', 2048, 's')
        self.nothing_left()


@ddt.ddt
class FullCopyTestCase(CopyTestCase):

    def copy(self, size=2048, pool_id=1, thin=True):
        self.array.copies.full('new', pool_id, size, thin,
                               self.array.copies.source('s'))

    @ddt.data((True, 1), (False, 0))
    @ddt.unpack
    def test_thinness(self, thin, flag):
        self.copy(thin=thin)
        request, = [r for r, _e in self.cluster.requests
                    if r.op == 'createVolume']
        self.assertEqual(flag, request.args['thinFlag'])
        # The copy goes into a volume of the snapshot's size.
        self.assertEqual(2048, request.args['volSize'])

    @ddt.data(0, 0.05, 3, 100, 1000)
    def test_completion_is_noticed(self, seconds):
        self.cluster.copy_time = seconds
        start = self.clock.now
        self.copy()
        self.assertLess(self.clock.now - start,
                        seconds + max(seconds / 10, 0.2) + 1)

    def test_what_exists_is_never_adopted(self):
        self.cluster.add_volume('new', size=2048, pool_id=1, data='theirs')
        self.raises(exceptions.ObjectExists, self.copy)
        self.assertEqual('theirs', self.new()['data'])
        self.assertEqual(0, self.cluster.count('createFullVolumeFromSnap'))

    def test_a_copy_that_fails_is_removed(self):
        self.cluster.copy_ends_as = 9
        error = self.raises(exceptions.BackendFault, self.copy)
        self.assertIn('failure status 9', str(error))
        self.nothing_left()

    def test_a_copy_that_takes_too_long(self):
        self.cluster.copy_time = 10 ** 6
        start = self.clock.now
        error = self.raises(exceptions.BackendFault, self.copy)
        self.assertIn('not ready after 3600 s', str(error))
        self.assertIn('dsware_copy_timeout', str(error))
        self.assertLess(self.clock.now - start, 3600 + 61)

    def test_a_volume_that_vanishes(self):
        self.cluster.fail('queryVolume', 'does', self.cluster.volumes.clear,
                          skip=1)
        error = self.raises(exceptions.BackendFault, self.copy)
        self.assertIn('gone', str(error))

    def test_through_an_outage(self):
        self.cluster.copy_time = 600
        self.cluster.fail('', 'unsent', times=100, skip=8)
        self.copy()
        self.assertEqual('then', self.new()['data'])

    @ddt.data((50152501, exceptions.CapacityExceeded),
              (50150006, exceptions.ObjectAbsent),
              (50151007, exceptions.BackendFault),
              (50151216, exceptions.InvalidRequest))
    @ddt.unpack
    def test_a_copy_that_is_refused_leaves_nothing(self, code, error):
        self.cluster.fail('createFullVolume', 'result', code)
        self.raises(error, self.copy)
        self.nothing_left()

    def test_a_copy_in_doubt_that_runs(self):
        self.cluster.fail('createFullVolume', 'unanswered')
        self.copy()
        self.assertEqual(1, self.cluster.count('createVolume'))
        self.assertEqual(1, self.cluster.count('createFullVolumeFromSnap'))

    def test_a_copy_in_doubt_when_the_time_is_over(self):
        self.cluster.copy_time = 1000
        self.cluster.fail('createFullVolume', 'silent')
        # So short a time is all for one attempt.
        self.client.request_timeout = 1
        self.copy()
        self.assertEqual(1, self.cluster.count('createFullVolumeFromSnap'))

    @ddt.data(('lost', 10), ('unanswered', 0))
    @ddt.unpack
    def test_a_copy_in_doubt_that_does_not_run_starts_anew(self, kind,
                                                           copy_time):
        """A ready volume is empty, or complete: nothing can tell."""
        self.cluster.copy_time = copy_time
        self.cluster.fail('createFullVolume', kind)
        self.copy()
        self.assertEqual('then', self.new()['data'])
        self.assertEqual(2, self.cluster.count('createVolume'))

    def test_a_copy_in_doubt_for_ever(self):
        self.cluster.fail('createFullVolume', 'lost', times=10 ** 9)
        error = self.raises(exceptions.OutcomeUnknown, self.copy)
        self.assertEqual('createFullVolumeFromSnap', error.op)
        self.nothing_left()

    def test_a_volume_that_cannot_grow_is_removed(self):
        self.cluster.fail('expandVolume', 'result', 50150009)
        error = self.raises(exceptions.CapacityExceeded, self.copy, 4096)
        self.assertIn('free MiB', str(error))
        self.nothing_left()

    @ddt.data('createFullVolume', 'queryVolume', 'expandVolume')
    def test_interrupted(self, op):
        self.cluster.copy_time = 0
        self.cluster.fail(op, 'interrupted')
        self.assertRaises(fakes.Interrupted, self.copy, 4096)
        self.nothing_left()

    def test_what_cannot_be_removed_now_is_not_waited_for(self):
        self.cluster.copy_ends_as = 9
        self.cluster.fail('deleteVolume', 'unsent', times=10 ** 9)
        start = self.clock.now
        self.raises(exceptions.BackendFault, self.copy)
        self.assertLess(self.clock.now - start, 30)
        self.assertIn('new', self.cluster.volumes)


@ddt.ddt
class CloneTestCase(CopyTestCase):

    def clone(self, make=None):
        self.array.copies.clone('new', 'v', make or (
            lambda snapshot: self.array.copies.linked('new', 4096,
                                                      snapshot)))

    def test_the_temporary_snapshot_is_named_after_the_new_volume(self):
        names = []
        self.clone(names.append)
        self.assertEqual(['new.clone'], names)

    def test_an_old_temporary_snapshot_is_not_used(self):
        self.cluster.add_snapshot('new.clone', 'v')
        self.cluster.snapshots['new.clone']['data'] = 'old'
        self.clone()
        self.assertEqual('now', self.new()['data'])

    @ddt.data(RuntimeError, fakes.Interrupted)
    def test_a_clone_that_fails_leaves_nothing(self, error):
        def make(snapshot):
            raise error()
        self.assertRaises(error, self.clone, make)
        self.nothing_left()

    def test_a_temporary_snapshot_that_fails_leaves_nothing(self):
        self.cluster.edit = lambda record: (
            {**record, 'status': '9'} if 'snap_name' in record else record)
        self.raises(exceptions.BackendFault, self.clone)
        self.nothing_left()

    @ddt.data('interrupted', 'stopped')
    def test_interrupted_while_the_snapshot_is_made(self, kind):
        self.cluster.fail('createSnapshot', kind)
        self.assertRaises(fakes.Interrupted, self.clone)
        self.nothing_left()

    def test_a_temporary_snapshot_that_cannot_be_removed_now(self):
        self.cluster.fail('deleteSnapshot', 'unsent', times=10 ** 9, skip=1)
        self.clone()
        self.assertEqual('now', self.new()['data'])
        self.assertIn('new.clone', self.cluster.snapshots)
        self.cluster.faults.clear()
        self.array.volumes.delete_leftovers('new')
        self.assertEqual({'s'}, set(self.cluster.snapshots))
