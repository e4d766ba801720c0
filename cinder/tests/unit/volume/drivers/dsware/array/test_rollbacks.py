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

"""Reverting volumes, on a cluster in memory."""

from unittest import mock

import ddt

from cinder import exception
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.tests.unit.volume.drivers.dsware.fakes import cluster
from cinder.volume.drivers.dsware.array import rollbacks
from cinder.volume.drivers.dsware import exceptions

GIB = base.GIB


@ddt.ddt
class RevertTestCase(base.DriverTestCase):

    def setUp(self):
        super().setUp()
        self.driver = self.make_started_driver()
        self.cluster.copy_time = 20
        self.volume = self.make_volume()
        self.record = self.stored(self.volume, data='old')
        self.snapshot = self.make_snapshot(self.volume)
        self.driver.create_snapshot(self.snapshot)
        self.record['data'] = 'new'
        self.cluster.requests.clear()

    def revert(self):
        self.driver.revert_to_snapshot(self.context, self.volume,
                                       self.snapshot)

    def fails(self, error, *words):
        raised = self.assertRaises(error, self.revert)
        for word in words:
            self.assertIn(word, str(raised))
        return raised

    def check(self, rollbacks=1):
        self.assertEqual(
            ('old', self.volume.size * GIB, cluster.READY),
            tuple(self.record[k] for k in ('data', 'vol_size', 'status')))
        self.assertEqual(rollbacks, [
            r.op for r, _e in self.cluster.requests].count(
                'rollbackSnapshot'))

    def extend(self):
        self.driver.extend_volume(self.volume, 3)
        self.volume.size = 3

    def test_revert(self):
        self.revert()
        self.check()
        self.assertGreaterEqual(sum(self.clock.sleeps), 19)

    def test_a_volume_that_was_extended_keeps_its_size(self):
        self.extend()
        self.revert()
        self.check()

    def test_no_volume(self):
        del self.cluster.volumes[self.volume.name]
        self.fails(exception.VolumeNotFound)

    @ddt.data('another', '')
    def test_a_snapshot_of_another_volume(self, father):
        self.cluster.snapshots[self.snapshot.name]['father_name'] = father
        self.fails(exceptions.InvalidRequest, '50153014',
                   'it is a snapshot of', self.snapshot.name)
        self.assertEqual('new', self.record['data'])

    def test_a_snapshot_that_is_not_ready(self):
        self.cluster.snapshots[self.snapshot.name]['status'] = 5
        self.fails(exceptions.BackendFault, 'the snapshot is in status 5')

    def test_attached(self):
        self.cluster.attached[self.volume.name].add('192.0.2.7')
        self.fails(exception.VolumeIsBusy, '50150013')
        self.assertEqual('new', self.record['data'])

    @ddt.data('lost', 'unanswered')
    def test_the_outcome_is_unknown(self, kind):
        self.cluster.fail('rollback', kind)
        self.revert()
        self.check(rollbacks=2 if kind == 'lost' else 1)

    def test_the_answer_is_lost_and_it_was_quick(self):
        self.cluster.copy_time = 0
        self.cluster.fail('rollback', 'unanswered')
        self.revert()
        # Nobody can tell whether it was done, so it is done again.
        self.check(rollbacks=2)

    def test_the_size_tells_that_it_was_done(self):
        self.extend()
        self.cluster.copy_time = 0
        self.cluster.fail('rollback', 'unanswered')
        self.revert()
        self.check(rollbacks=1)

    def test_a_request_in_doubt_is_carried_out_late(self):
        def carry_out_late(request, endpoint):
            if late and self.clock.now >= due:
                carry_out(late.pop(), endpoint)
            return carry_out(request, endpoint)

        self.cluster.fail('rollback', 'does', lambda: late.append(
            self.cluster.requests[-1][0]) or self.unknown())
        late, due = [], self.clock.now + 45
        carry_out = self.cluster.carry_out
        self.check_what_is_written_later(carry_out_late, 2)
        self.assertEqual([], late)

    def check_what_is_written_later(self, carry_out, rollbacks):
        """Write after a revert, and let all that is late have its time."""
        with mock.patch.object(self.cluster, 'carry_out', carry_out):
            self.revert()
            self.check(rollbacks=rollbacks)
            self.record['data'] = 'newest'
            for _begins_and_ends in range(2):
                self.clock.now += 600
                self.driver.get_pool(self.volume)
        self.assertEqual('newest', self.record['data'])

    def test_one_of_two_in_doubt_runs_and_the_other_is_carried_out_late(self):
        def carry_out_late(request, endpoint):
            if second and request.op == 'rollbackSnapshot':
                # So that the third one is told that it is under way.
                carry_out(second.pop(), endpoint)
            if first and self.clock.now >= due:
                carry_out(first.pop(), endpoint)
            return carry_out(request, endpoint)

        first, second, due = [], [], self.clock.now + 45
        for late in (first, second):
            self.cluster.fail('rollback', 'does', lambda late=late: (
                late.append(self.cluster.requests[-1][0]) or self.unknown()))
        carry_out = self.cluster.carry_out
        self.check_what_is_written_later(carry_out_late, 3)
        self.assertEqual([], first)

    @staticmethod
    def unknown():
        raise exceptions.OutcomeUnknown(desc='lost')

    def test_it_goes_meanwhile_and_the_outcome_is_unknown(self):
        def vanish():
            self.cluster.volumes.clear()
            self.unknown()

        self.cluster.fail('rollback', 'does', vanish)
        self.fails(exception.VolumeNotFound)

    def test_nobody_can_be_asked_whether_it_was_done(self):
        self.cluster.fail('rollback', 'lost')
        self.cluster.fail('queryVolume', 'hangs', times=10 ** 9, skip=1)
        self.fails(exceptions.OutcomeUnknown, 'rollbackSnapshot')

    def test_it_is_under_way_already(self):
        """An answer was lost before a request got to another agent."""
        self.cluster.fail('rollback', 'late_result', 50153010)
        self.revert()
        self.check()

    def test_it_breaks_off(self):
        self.cluster.copy_ends_as = 3
        self.fails(exceptions.BackendFault, 'failure status 3',
                   'roll it back to that on the cluster', self.snapshot.name)
        self.cluster.copy_ends_as = cluster.READY
        self.revert()
        self.check(rollbacks=3)

    def test_it_breaks_off_once(self):
        def look(*args, **kwargs):
            found = query(*args, **kwargs)
            if found.status == 3:
                self.cluster.copy_ends_as = cluster.READY
            return found

        query = self.driver._array.queries.volume
        self.cluster.copy_ends_as = 3
        with mock.patch.object(self.driver._array.queries, 'volume', look), \
                self.assertLogs(rollbacks.LOG.logger, 'WARNING') as logs:
            self.revert()
        self.assertIn('begun once more', logs.output[0])
        self.check(rollbacks=2)

    def test_it_breaks_off_and_cannot_be_begun_again(self):
        self.cluster.copy_ends_as = 3
        self.cluster.fail('rollback', 'result', 50150013, times=10 ** 9,
                          skip=1)
        self.fails(exception.VolumeIsBusy, 'neither its old data')

    def test_it_takes_too_long(self):
        self.cluster.copy_time = 10 ** 9
        self.fails(exceptions.BackendFault, 'not ready after',
                   'on the cluster', 'dsware_copy_timeout')

    def test_its_size_cannot_be_restored(self):
        self.extend()
        self.cluster.fail('expandVolume', 'result', 50150009)
        self.fails(exceptions.CapacityExceeded, 'was put back to snapshot',
                   'has 1024 MiB in place of 3072 MiB', 'free MiB by pool')
        self.assertEqual('old', self.record['data'])
        self.revert()
        self.check(rollbacks=2)
