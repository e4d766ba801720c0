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

"""What a dead service has begun, with Cinder's own database."""

from unittest import mock

import ddt

from cinder import exception
from cinder import objects
from cinder.tests.unit import utils
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware import interrupted
from cinder.volume.drivers.dsware import settling
from cinder.volume.drivers.dsware import threads
from cinder.volume.drivers.dsware import translation
from cinder.volume import volume_utils


class InterruptedTestCase(base.DriverTestCase):

    def setUp(self):
        super().setUp()
        self.dsware = self.make_started_driver()
        self.api = self.patch(
            interrupted.__name__ + '.rpcapi.VolumeAPI').return_value
        self.deleted = []
        self.api.delete_volume.side_effect = self.delete
        self.detached = []
        self.patch(volume_utils.__name__ + '.brick_get_connector_properties',
                   return_value={'host': 'here'})
        self.patch_driver('_attach_volume', self.attach)
        self.patch_driver('_detach_volume', self.detach)

    def patch_driver(self, name, function):
        patcher = mock.patch.object(self.dsware, name, function)
        patcher.start()
        self.addCleanup(patcher.stop)

    def delete(self, context, volume):
        self.deleted.append(translation.volume_name(volume))

    def attach(self, context, volume, properties, remote):
        return 'attached', volume

    def detach(self, context, attached, volume, properties, remote):
        self.detached.append((translation.volume_name(volume), remote))

    def make(self, stored=True, **values):
        """Put a volume into Cinder's database, and on the cluster."""
        volume = utils.create_volume(self.context, **{
            'host': 'host@dsware#0', 'size': 1, 'status': 'available',
            'previous_status': 'available', 'volume_type_id': None,
            **values})
        if stored:
            self.stored(volume)
        return volume

    def make_copy(self, volume, **values):
        return self.make(host='other@lvm#lvm', stored=False, **{
            'migration_status': 'target:' + volume.id, **values})

    def settle(self):
        """Do what a start does, and wait for the end."""
        thread = settling.Settler(
            [interrupted.Migrations(self.dsware, self.dsware._array,
                                    self.context, self.dsware._qos)],
            self.context, 100).start()
        if thread:
            thread.join(60)
        return bool(thread)

    def assert_record(self, volume, **expected):
        found = objects.Volume.get_by_id(self.context, volume.id)
        self.assertEqual(expected, {key: found[key] for key in expected})


@ddt.ddt
class MoveTestCase(InterruptedTestCase):
    """The cluster was moving it."""

    def test_nothing(self):
        self.make()
        self.make(migration_status='success')
        self.make(host='other@dsware#0', migration_status='migrating')
        self.make(migration_status='starting')
        self.assertFalse(self.settle())

    @ddt.data('available', 'maintenance')
    def test_it_had_not_begun(self, status):
        volume = self.make(status=status, migration_status='migrating')
        self.assertTrue(self.settle())
        self.assert_record(volume, status='available', host='host@dsware#0',
                           migration_status='error')

    def test_it_is_done(self):
        volume = self.make(migration_status='migrating')
        self.cluster.volumes[volume.name]['pool_id'] = 1
        self.settle()
        self.assert_record(volume, status='available', host='host@dsware#1',
                           migration_status='success')

    def test_it_goes_on(self):
        volume = self.make(migration_status='migrating')
        self.cluster.volumes[volume.name]['status'] = fakes.COPYING
        self.cluster.moves[volume.name] = (self.clock.now + 20, 1)
        self.settle()
        self.assert_record(volume, host='host@dsware#1',
                           migration_status='success')

    def test_a_request_takes_it_up_meanwhile(self):
        """As when an operator resets it, and a user moves it again."""
        volume = self.make(migration_status='migrating')
        self.cluster.volumes[volume.name]['status'] = fakes.COPYING
        self.cluster.moves[volume.name] = (self.clock.now + 20, 1)

        def requested(seconds, sleep=self.clock.sleep):
            if not self.clock.sleeps:
                volume.update({'status': 'maintenance'})
                volume.save()
            sleep(seconds)

        with mock.patch.object(self.clock, 'sleep', requested), \
                self.assertLogs(settling.LOG.logger, 'WARNING') as logs:
            self.settle()
        self.assert_record(volume, status='maintenance',
                           host='host@dsware#0', migration_status='migrating')
        self.assertIn(volume.id + ' is left alone', logs.output[0])

    def test_it_goes_on_for_too_long(self):
        volume = self.make(migration_status='migrating')
        self.cluster.volumes[volume.name]['status'] = fakes.COPYING
        self.settle()
        self.assert_record(volume, host='host@dsware#0',
                           migration_status='migrating')

    def test_gone_from_the_cluster(self):
        volume = self.make(stored=False, migration_status='migrating')
        self.settle()
        self.assert_record(volume, migration_status='error')

    def test_gone_from_cinder(self):
        volume = self.make(migration_status='migrating')
        self.cluster.fail('queryVolume', 'unsent', times=6)
        self.cluster.fail('queryVolume', 'does', volume.destroy)
        self.settle()
        self.assertEqual([], self.deleted)

    def test_an_outage(self):
        volume = self.make(migration_status='migrating')
        self.cluster.fail('', 'result', 50150004, times=30)
        self.settle()
        self.assert_record(volume, migration_status='error')

    @ddt.data('starting', 'migrating')
    def test_retyping(self, status):
        volume = self.make(status='retyping', migration_status=status)
        with mock.patch.object(self.dsware._qos, 'apply') as apply:
            self.settle()
        self.assertEqual(volume.id, apply.call_args.args[0].id)
        self.assert_record(volume, status='available',
                           migration_status='error')

    @ddt.data(None, 'success', 'error')
    def test_retyping_had_not_begun(self, status):
        """The request may wait: nobody may use the volume before it."""
        volume = self.make(status='retyping', migration_status=status)
        self.assertFalse(self.settle())
        self.assert_record(volume, status='retyping',
                           migration_status=status)

    def test_retyping_what_is_in_use(self):
        volume = self.make(status='retyping', previous_status='in-use',
                           migration_status='starting')
        self.settle()
        self.assert_record(volume, status='in-use', migration_status='error')

    @ddt.data('migrating', 'completing')
    def test_nova_goes_on(self, status):
        self.make(status='in-use', previous_status='in-use',
                  migration_status=status)
        self.assertFalse(self.settle())

    def test_it_is_begun_at_the_start(self):
        volume = self.make(migration_status='migrating')
        with mock.patch.object(threads.threading, 'Thread',
                               self.thread_at_once):
            self.dsware.set_initialized()
        self.assert_record(volume, migration_status='error')

    @staticmethod
    def thread_at_once(target, args=(), **kwargs):
        return mock.Mock(start=lambda: target(*args))


@ddt.ddt
class CopyTestCase(InterruptedTestCase):
    """Cinder was copying it."""

    def assert_given_up(self, volume, copy, name=None):
        self.settle()
        self.assert_record(volume, migration_status='error',
                           status='available', host='host@dsware#0',
                           _name_id=name)
        self.assertEqual(['volume-' + copy.id], self.deleted)
        found = objects.Volume.get_by_id(self.context, volume.id)
        self.assertIn(translation.volume_name(found), self.cluster.volumes)

    @ddt.data('migrating', 'completing')
    def test_copying(self, status):
        volume = self.make(migration_status=status)
        copy = self.make_copy(volume)
        self.assert_given_up(volume, copy)
        self.assertEqual([(volume.name, False), ('volume-' + copy.id, True)],
                         self.detached)

    def test_a_copy_that_could_not_be_made(self):
        volume = self.make(migration_status='migrating')
        self.assert_given_up(volume, self.make_copy(volume, status='error'))
        self.assertEqual([], self.detached)

    def test_a_copy_that_is_still_made(self):
        volume = self.make(migration_status='migrating')
        copy = self.make_copy(volume, status='creating')

        def made(deadline):
            copy.update({'status': 'available'})
            copy.save()
            return iter((1, 2))

        with mock.patch.object(settling.waiting, 'pauses', made):
            self.assert_given_up(volume, copy)

    def test_a_device_that_is_still_written(self):
        """What copies may outlive the service."""
        volume = self.make(migration_status='migrating')
        copy = self.make_copy(volume)
        busy = [exception.VolumeIsBusy(volume_name='v')] * 2

        def detach(*args, **kwargs):
            if busy:
                raise busy.pop()
            self.detach(*args, **kwargs)

        self.patch_driver('_detach_volume', detach)
        self.assert_given_up(volume, copy)
        self.assertEqual(2, len(self.detached))

    @ddt.data(False, True)
    def test_the_volume_had_its_name(self, renamed):
        """Between the exchange of names and that of the rest."""
        old = self.make_id() if renamed else None
        volume = self.make(stored=False, migration_status='completing',
                           _name_id=old)
        self.stored(volume)
        copy = self.make_copy(volume, _name_id=old)
        volume._name_id = copy.id
        volume.provider_location = 'there'
        volume.save()
        self.assert_given_up(volume, copy, old)
        self.assert_record(volume, provider_location=None)

    def test_only_the_copy_had_its_name(self):
        old = self.make_id()
        volume = self.make(migration_status='completing', _name_id=old)
        copy = self.make_copy(volume, _name_id=old)
        self.assert_given_up(volume, copy, old)

    def test_the_source_was_not_deleted(self):
        source = self.make(status='deleting', migration_status='deleting')
        self.settle()
        self.assertEqual([source.name], self.deleted)


@ddt.ddt
class HalfExchangedTestCase(InterruptedTestCase):
    """Cinder had written the record of the volume, not that of its copy."""

    def exchanged(self, **values):
        """Make both records; what the volume was is on the cluster."""
        former = self.make_id()
        volume = self.make(stored=False, id=former, _name_id=self.make_id())
        copy = self.make(stored=False, id=volume._name_id,
                         migration_status='target:' + volume.id, **values)
        self.stored(copy)
        return volume, copy

    @ddt.data(None, '2f1c3a5e-0000-4000-8000-123456789abc')
    def test_what_it_was_is_deleted(self, former_name):
        volume, copy = self.exchanged(_name_id=former_name)
        former = 'volume-%s' % (former_name or volume.id)
        self.assertTrue(self.settle())
        self.assert_record(volume, status='available', _name_id=copy.id,
                           host='host@dsware#0', migration_status='success')
        self.assert_record(copy, status='deleting',
                           migration_status='deleting',
                           display_description='migration src for '
                           + volume.id)
        self.assertEqual([former], self.deleted)
        self.assertEqual([], self.detached)

    def test_twice(self):
        """It ends where the record was written, and not deleted."""
        volume, copy = self.exchanged()
        self.settle()
        self.deleted.clear()
        self.assertTrue(self.settle())
        self.assertEqual([volume.id], [name[7:] for name in self.deleted])
        self.assert_record(volume, status='available', _name_id=copy.id)

    @ddt.data({'migration_status': 'migrating'}, {'status': 'retyping'},
              {'_name_id': None})
    def test_it_is_not_exchanged(self, values):
        """What is under way is given up, and all else is somebody else's."""
        volume, copy = self.exchanged()
        volume.update(values)
        volume.save()
        self.settle()
        self.assert_record(copy, status='available',
                           migration_status='target:' + volume.id)

    def test_no_copy_of_a_volume_that_is_there(self):
        self.make(migration_status='target:' + self.make_id())
        self.assertFalse(self.settle())

    def test_the_copy_is_still_made(self):
        self.exchanged(status='creating')
        self.assertFalse(self.settle())
