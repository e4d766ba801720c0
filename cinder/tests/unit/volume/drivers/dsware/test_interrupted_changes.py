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

"""Extensions and reverts that a dead service has begun, with a database."""

import datetime
from unittest import mock

import ddt

from cinder.db import api as db
from cinder import exception
from cinder import objects
from cinder.tests.unit import utils
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.tests.unit.volume.drivers.dsware import locks
from cinder.volume.drivers.dsware import interrupted_extensions
from cinder.volume.drivers.dsware import interrupted_reverts
from cinder.volume.drivers.dsware import settling

GIB = base.GIB
CLUSTER = 'services@dsware'


class ChangesTestCase(base.DriverTestCase):
    """With volumes in Cinder's database, and on the cluster."""

    kind = None

    def setUp(self):
        super().setUp()
        self.locks = locks.Locks().install(self)
        self.dsware = self.make_started_driver()
        self.api = self.patch(
            'cinder.volume.rpcapi.VolumeAPI').return_value

    def make(self, status, **values):
        volume = utils.create_volume(self.context, **{
            'host': 'host@dsware#0', 'size': 1, 'status': status,
            'volume_type_id': None, **values})
        self.record = self.stored(volume)
        return volume

    def settle(self):
        """Do what a start does, and wait for the end."""
        thread = settling.Settler(
            [self.kind(self.dsware, self.dsware._array, self.context)],
            self.context, 100).start()
        if thread:
            thread.join(60)
        return bool(thread)

    def assert_status(self, expected, record):
        self.assertEqual(expected, type(record).get_by_id(
            self.context, record.id).status)


class ExtensionTestCase(ChangesTestCase):

    kind = interrupted_extensions.Extensions

    def setUp(self):
        super().setUp()
        self.quotas = self.patch('cinder.quota.QUOTAS')
        self.quotas.reserve.return_value = ['reserved']

    def asked(self):
        return [(call.args[1].id, *call.args[2:])
                for call in self.api.extend_volume.call_args_list]

    def test_nothing(self):
        self.make('available')
        self.make('extending', host='other@dsware#0')
        self.assertFalse(self.settle())

    def test_it_had_not_begun(self):
        volume = self.make('extending')
        self.assertTrue(self.settle())
        self.assertEqual([], self.asked())
        self.assert_status('extending', volume)

    def test_the_cluster_has_done_it(self):
        volume = self.make('extending', volume_type_id=self.make_id())
        self.record['vol_size'] = 3 * GIB
        self.settle()
        self.assertEqual([(volume.id, 3, ['reserved'])], self.asked())
        growth = {'gigabytes': 2}
        self.quotas.add_volume_type_opts.assert_called_once_with(
            self.context, growth, volume.volume_type_id)
        self.quotas.reserve.assert_called_once_with(
            self.context, project_id=volume.project_id, gigabytes=2)

    def test_a_part_of_a_gib(self):
        self.make('extending')
        self.record['vol_size'] = GIB + 1
        self.settle()
        self.assertEqual(2, self.asked()[0][1])

    def test_no_quota_is_left(self):
        volume = self.make('extending')
        self.record['vol_size'] = 2 * GIB
        self.quotas.reserve.side_effect = exception.OverQuota(overs='x')
        with self.assertLogs(interrupted_extensions.LOG.logger,
                             'WARNING') as logs:
            self.settle()
        self.assertEqual([(volume.id, 2, [])], self.asked())
        self.assertIn(volume.name, logs.output[0])

    def test_gone_from_the_cluster(self):
        self.make('extending')
        self.cluster.volumes.clear()
        self.settle()
        self.assertEqual([], self.asked())

    def test_gone_from_cinder(self):
        volume = self.make('extending')
        kind = self.kind(self.dsware, self.dsware._array, self.context)
        volume.destroy()
        self.assertTrue(settling.Settler([kind], self.context, 1).settle_one(
            (kind.subject, volume.id)))

    def test_records_that_cannot_be_looked_through(self):
        """The service starts all the same, and settles the others."""
        volume = self.make('extending')
        kind = self.kind(self.dsware, self.dsware._array, self.context)
        broken = mock.Mock(subject='other')
        broken.find.side_effect = exception.VolumeNotFound(volume_id='1')
        with self.assertLogs(settling.LOG.logger, 'ERROR') as logs:
            found = settling.Settler([broken, kind], self.context, 1).find()
        self.assertEqual([(kind.subject, volume.id)], list(found))
        self.assertIn('Volume 1 could not be found', logs.output[0])

    def test_an_attempt_changes_the_record(self):
        """That does not keep the next one from going on."""
        records = {'1': 0}

        def settle(id_):
            records[id_] += 1
            return records[id_] > 2

        kind = mock.Mock(subject='any', find=lambda: dict(records),
                         settle=settle)
        settler = settling.Settler([kind], self.context, 100)
        settler.settle(settler.find())
        self.assertEqual({'1': 3}, records)

    def test_it_is_done_meanwhile(self):
        volume = self.make('available')
        self.record['vol_size'] = 2 * GIB
        self.assertTrue(self.kind(
            self.dsware, self.dsware._array, self.context).settle(volume.id))
        self.assertEqual([], self.asked())

    def test_an_outage(self):
        self.make('extending')
        self.record['vol_size'] = 2 * GIB
        self.cluster.fail('', 'result', 50150004, times=30)
        self.settle()
        self.assertEqual(1, len(self.asked()))

    def test_an_outage_that_does_not_end(self):
        volume = self.make('extending')
        self.cluster.fail('', 'result', 50150004, times=10 ** 9)
        with self.assertLogs(settling.LOG.logger, 'ERROR') as logs:
            self.settle()
        self.assertIn('extension of volume ' + volume.id, logs.output[0])


@ddt.ddt
class RevertTestCase(ChangesTestCase):

    kind = interrupted_reverts.Reverts

    def make_reverting(self, volume='reverting', target='restoring',
                       before='available', **values):
        self.volume = self.make(volume, **values)
        self.record['data'] = 'old'
        self.target = self.snapshot(target, seconds=0)
        self.record['data'] = 'new'
        self.before = before and self.snapshot(
            before, '[revert] volume %s backup snapshot' % self.volume.id)

    def snapshot(self, status, name='mine', seconds=1):
        made = utils.create_snapshot(self.context, self.volume.id, name,
                                     status=status)
        db.snapshot_update(self.context, made.id, {
            'created_at': datetime.datetime(2020, 1, 1, 0, 0, seconds)})
        self.cluster.add_snapshot(made.name, self.volume.name)
        return objects.Snapshot.get_by_id(self.context, made.id)

    def deleted(self):
        return [call.args[1].id
                for call in self.api.delete_snapshot.call_args_list]

    def assert_reverted(self):
        self.assertEqual(
            ('old', self.volume.size * GIB, fakes.READY), tuple(
                self.record[k] for k in ('data', 'vol_size', 'status')))
        self.assert_status('available', self.volume)
        self.assert_status('available', self.target)
        self.assert_status('deleting', self.before)
        self.assertEqual([self.before.id], self.deleted())

    def test_nothing(self):
        self.make_reverting('available', 'available', 'available')
        self.make_reverting(host='other@dsware#0')
        self.make_reverting('available', host='other@dsware#0')
        self.snapshot('deleting')
        self.assertFalse(self.settle())

    @ddt.data('creating', 'error', 'available', 'deleting')
    def test_it_was_begun(self, before):
        self.make_reverting(before=before)
        self.assertTrue(self.settle())
        self.assert_reverted()

    def test_the_volume_was_extended_since(self):
        self.make_reverting()
        self.volume.size = 3
        self.volume.save()
        self.settle()
        self.assert_reverted()

    @ddt.data(None, 'available')
    def test_it_had_not_begun(self, before):
        self.make_reverting(before=before)
        if before:
            # That of a revert of long ago, which failed.
            db.snapshot_update(self.context, self.before.id, {
                'created_at': datetime.datetime(2019, 1, 1)})
        self.assertTrue(self.settle())
        self.assertEqual('new', self.record['data'])
        self.assert_status('reverting', self.volume)
        self.assert_status('restoring', self.target)

    def test_back_to_what_an_earlier_revert_left(self):
        self.make_reverting(target='available', before='restoring')
        self.settle()
        self.assert_status('reverting', self.volume)

    def test_no_snapshot_is_restored(self):
        self.make_reverting(target='available')
        self.settle()
        self.assert_status('reverting', self.volume)

    @ddt.data('restoring', 'available')
    def test_the_rest(self, target):
        self.make_reverting('available', target, 'deleting')
        self.record['data'] = 'newest'
        self.settle()
        self.assertEqual('newest', self.record['data'])
        self.assert_status('available', self.target)
        self.assertEqual([self.before.id], self.deleted())

    def test_one_that_failed(self):
        self.make_reverting('error')
        self.settle()
        self.assertEqual('new', self.record['data'])
        self.assert_status('error', self.volume)
        self.assert_status('available', self.target)
        self.assertEqual([], self.deleted())

    def test_it_cannot_be_done(self):
        self.make_reverting()
        del self.cluster.snapshots[self.target.name]
        with self.assertLogs(interrupted_reverts.LOG.logger,
                             'ERROR') as logs:
            self.settle()
        self.assertIn(self.target.id, logs.output[0])
        self.assert_status('error', self.volume)
        self.assert_status('available', self.target)
        self.assert_status('available', self.before)
        self.assertEqual([], self.deleted())

    def test_an_outage(self):
        self.make_reverting()
        self.cluster.fail('', 'result', 50150004, times=30)
        self.settle()
        self.assert_reverted()

    def test_it_is_still_attached(self):
        self.make_reverting()
        self.cluster.attached[self.volume.name].add('192.0.2.7')
        self.settle()
        self.assert_status('reverting', self.volume)
        self.cluster.attached.clear()
        self.settle()
        self.assert_reverted()


@ddt.ddt
class ClusterTestCase(RevertTestCase):
    """As one of several services of a Cinder cluster."""

    def setUp(self):
        super().setUp()
        self.dsware = self.make_driver(CLUSTER)

    def make(self, status, **values):
        return super().make(status, cluster_name=(
            'others@dsware#0' if 'host' in values else CLUSTER + '#0'),
            **values)

    @ddt.data('available', 'error')
    def test_another_service_was_faster(self, status):
        self.make_reverting(status)
        self.assertRaises(
            exception.VolumeBackendAPIException,
            self.dsware.revert_to_snapshot, self.context, self.volume,
            self.target)
        self.assertEqual('new', self.record['data'])

    def test_a_request(self):
        self.make_reverting()
        with mock.patch.object(self.dsware._claims, 'held') as held:
            self.dsware.revert_to_snapshot(self.context, self.volume,
                                           self.target)
        held.assert_called_once_with(self.volume)
        self.assertEqual('old', self.record['data'])
        self.assert_status('deleting', self.before)

    def test_an_extension_claims_the_volume(self):
        volume = self.make('extending')
        with mock.patch.object(self.dsware._claims, 'held') as held:
            self.dsware.extend_volume(volume, 2)
        held.assert_called_once_with(volume)
