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

"""Migration and change of type, with the Block Storage API."""

import subprocess

from openstack import exceptions as sdk_exceptions

from functional.services import nova
from functional.services import waiting
from functional.tests import base

GIB = base.GIB
MIB = base.MIB
SECONDS = 120


class MigrationTestCase(base.FunctionalTestCase):
    """Volumes whose type fits all backends."""

    def setUp(self):
        super().setUp()
        self.types = []
        # After the volumes of these types.
        self.addCleanup(self._delete_types)

    def _delete_types(self):
        for made in self.types:
            self.volumes.delete_type(made)

    def create_anywhere(self, backend, pool=0, size=1, **extra_specs):
        """Create a volume whose type names no backend, with data in it.

        :param backend: the backend that it is to be on at first
        :param pool: its pool
        :param size: GiB
        :param extra_specs: those of its type
        :returns: the volume
        """
        chosen = self.make_type(**extra_specs)
        volume = self.create_volume(size, volume_type=chosen.name)
        if volume.host != self.on(backend, pool):
            volume = self.migrate(volume, backend, pool)
        with self.attached(volume) as path:
            self.write(path, 'start', MIB)
            self.write(path, 'end', size * GIB - MIB)
        return self.volumes.get_volume(volume)

    def make_type(self, **extra_specs):
        """Make a volume type that lasts as long as the test.

        :param extra_specs: its extra specs
        :returns: the type
        """
        made = self.volumes.create_type(
            name='%s-%d' % (self.id(), len(self.types)))
        self.types.append(made)
        if extra_specs:
            self.volumes.update_type_extra_specs(made, **extra_specs)
        return made

    def limited(self, made, **limits):
        """Give a type a qos spec for the back end.

        :param made: the type
        :param limits: its limits
        :returns: the type
        """
        answer = self.volumes.post('/qos-specs', json={'qos_specs': {
            'name': made.name, 'consumer': 'back-end', **limits}})
        spec = answer.json()['qos_specs']['id']
        url = '/qos-specs/' + spec
        self.addCleanup(self.volumes.delete, url, params={'force': 'true'})
        self.volumes.get(url + '/associate',
                         params={'vol_type_id': made.id})
        return made

    def on(self, backend, pool):
        """Name a destination.

        :param backend: the backend
        :param pool: the pool
        :returns: Cinder's host
        """
        host, = [name['name'] for name in self.stack.cinder.pools()
                 if name['name'].endswith('@%s#%s' % (backend, pool))]
        return host

    def migrate(self, volume, backend, pool, status='success', **how):
        """Migrate a volume and wait for the end.

        :param volume: the volume
        :param backend: the backend that it goes to
        :param pool: the pool that it goes to
        :param status: the migration status that it has to get
        :param how: what else the API wants
        :returns: the volume
        """
        self.volumes.migrate_volume(volume, host=self.on(backend, pool),
                                    **how)
        return self.wait_for_migration(volume, status)

    def wait_for_migration(self, volume, status):
        def ended():
            found = self.volumes.get_volume(volume)
            if found.migration_status != status:
                raise waiting.NotYet('it is ' + str(found.migration_status))
            return found

        return waiting.wait_for(ended, SECONDS,
                                'Migration of %s' % volume.id)

    def retype(self, volume, to, policy='never'):
        """Change the type of a volume and wait for the end.

        :param volume: the volume
        :param to: the new type
        :param policy: never or on-demand
        :returns: the volume
        """
        status = self.volumes.get_volume(volume).status
        self.volumes.retype_volume(volume, to.name, policy)
        return self.cloud.wait_for_volume(volume, status)

    def found(self, volume):
        """A volume as the cluster knows it; it is the only one there.

        What a copy by Cinder leaves is deleted a moment later.
        """
        volume = self.volumes.get_volume(volume)
        name = 'volume-' + (volume.migration_id or volume.id)

        def alone():
            names = [one['name'] for one in self.control.status()['volumes']]
            if names != [name]:
                raise waiting.NotYet('volumes are %s' % names)
            return True

        waiting.wait_for(alone, SECONDS, 'One volume on the cluster')
        return self.on_cluster(name)

    def count(self, operation):
        return self.control.counts().get(operation, 0)

    def assert_kept(self, volume, seed='start'):
        with self.attached(volume) as path:
            self.assert_written(path, seed, MIB)
            self.assert_written(path, 'end', volume.size * GIB - MIB)
            self.assert_zero(path, 4 * MIB)


class MigrationBasics(object):
    """What each backend has to be able to do."""

    def test_the_cluster_moves_it_to_another_pool(self):
        volume = self.create_anywhere(self.backend)

        moved = self.migrate(volume, self.backend, 1)

        self.assertEqual(self.on(self.backend, 1), moved.host)
        # What Cinder copies has another name afterwards.
        self.assertIsNone(moved.migration_id)
        self.assertEqual(1, self.found(moved)['pool_id'])
        self.assert_kept(moved)

    def wait_for_end(self, volume):
        def ended():
            found = self.volumes.get_volume(volume)
            if found.migration_status not in ('success', 'error'):
                raise waiting.NotYet('it is ' + str(found.migration_status))
            return found

        return waiting.wait_for(ended, SECONDS,
                                'Migration of %s' % volume.id)

    def test_retype_in_place(self):
        """Limits and the way to clone, also of a volume in use."""
        volume = self.create_anywhere(self.backend)
        attached = self.attach(volume)
        for limit in ('100', '200'):
            chosen = self.limited(self.make_type(), total_iops_sec=limit)
            self.retype(volume, chosen)
            policy, = self.control.status()['qos']
            self.assertEqual(int(limit), policy['limits']['maxIOPS'])
        full = self.make_type(**{'dsware:clone': 'full'})
        self.assertEqual(full.name,
                         self.retype(volume, full).volume_type)
        self.assertEqual([], self.control.status()['qos'])
        self.detach(attached)
        self.assertEqual(volume.id, self.found(volume)['name'][7:])


class MigrationOperations(MigrationBasics):
    """The rest of it."""

    def test_another_backend_takes_it_over(self):
        volume = self.create_anywhere(self.backend)
        created = self.count('createVolume')

        for pool in (1, 0):
            for backend in (self.other, self.backend):
                moved = self.migrate(volume, backend, pool)
                self.assertEqual(self.on(backend, pool), moved.host)
                self.assertEqual(pool,
                                 self.volume_on_cluster(moved)['pool_id'])

        self.assertEqual(created, self.count('createVolume'))
        self.assert_kept(moved)

    def test_a_destination_without_a_pool(self):
        """It goes to another pool, or is refused: no success for nothing."""
        volume = self.create_anywhere(self.backend)
        host = volume.host
        backend = host.partition('#')[0]
        for _each in range(6):
            self.volumes.migrate_volume(volume, host=backend)
            ended = self.wait_for_end(volume)
            pool = self.volume_on_cluster(ended)['pool_id']
            self.assertEqual('%s#%d' % (backend, pool), ended.host)
            if ended.migration_status == 'error':
                self.assertEqual(host, ended.host)
                break
            self.assertNotEqual(host, ended.host)
            host = ended.host
        self.assert_kept(volume)
        self.migrate(volume, self.backend, 1 - pool)

    def test_a_move_that_fails(self):
        volume = self.create_anywhere(self.backend)
        self.control.add_fault(kind='copy_fails', op='migrateVolumeCold',
                               count=1)

        failed = self.migrate(volume, self.backend, 1, 'error')

        self.assertEqual(('available', volume.host),
                         (failed.status, failed.host))
        self.assertEqual(0, self.found(volume)['pool_id'])
        self.assert_kept(volume)
        self.migrate(volume, self.backend, 1)

    def test_a_volume_in_use_without_nova(self):
        volume = self.create_anywhere(self.backend)
        attached = self.attach(volume)
        moves = self.count('migrateVolumeCold')

        failed = self.migrate(volume, self.other, 1, 'error')

        self.assertEqual(('in-use', volume.host),
                         (failed.status, failed.host))
        self.assertEqual(moves, self.count('migrateVolumeCold'))
        self.found(volume)
        self.assert_written(attached.path, 'start', MIB)
        self.detach(attached)
        self.migrate(volume, self.other, 1)

    def test_retype_to_another_pool_is_a_move(self):
        volume = self.create_anywhere(self.backend)
        created = self.count('createVolume')
        there = self.limited(self.make_type(
            volume_backend_name=self.backend, pool_name='1'), maxIOPS='100')

        changed = self.retype(volume, there, 'on-demand')

        self.assertEqual((there.name, self.on(self.backend, 1)),
                         (changed.volume_type, changed.host))
        self.assertEqual(1, self.volume_on_cluster(changed)['pool_id'])
        policy, = self.control.status()['qos']
        self.assertEqual(100, policy['limits']['maxIOPS'])
        self.assertEqual(created, self.count('createVolume'))
        self.assert_kept(changed)


class SocketMigrationTest(MigrationOperations, MigrationTestCase):
    """From a backend that uses sockets, and copies between both."""

    backend, other = 'socket', 'cli'

    def test_cinder_copies_it_there_and_back(self):
        """A larger volume; everything works under its new name."""
        volume = self.create_anywhere(self.backend, size=3)
        real = self.volume_on_cluster(volume)['real_size']
        for backend in (self.other, self.backend):
            volume = self.migrate(volume, backend, 1, force_host_copy=True)
            self.assertEqual(self.on(backend, 1), volume.host)
            found = self.found(volume)
            self.assertNotEqual(volume.id, volume.migration_id)
            self.assertEqual((3072, 1, True), (
                found['size'], found['pool_id'], found['thin']))
            # Blocks of zeros are not copied.
            self.assertLessEqual(found['real_size'], real + 1)
            self.assert_kept(volume)

        name = 'volume-' + volume.migration_id
        snapshot = self.create_snapshot(volume)
        self.assertEqual(name, self.snapshot_on_cluster(snapshot)['father'])
        clone = self.create_volume(3, source_volume_id=volume.id,
                                   volume_type=volume.volume_type)
        self.assert_kept(clone)
        self.cloud.delete_volume(clone)
        self.cloud.delete_snapshot(snapshot)
        self.volumes.extend_volume(volume.id, 4)
        self.cloud.wait_for_volume(volume)
        self.assertEqual(4096, self.on_cluster(name)['size'])
        self.migrate(volume, self.other, 0)
        self.assertEqual(0, self.on_cluster(name)['pool_id'])
        self.cloud.delete_volume(volume)
        self.assertEqual([], self.control.status()['volumes'])

    def test_a_copy_that_fails(self):
        """The source stays as it was; of the destination nothing stays."""
        volume = self.create_anywhere(self.backend)
        for operation in ('createVolume', 'attachVolume'):
            self.control.add_fault(kind='result', op=operation, count=1,
                                   code=50150015)

            failed = self.migrate(volume, self.other, 1, 'error',
                                  force_host_copy=True)

            self.assertEqual(('available', volume.host),
                             (failed.status, failed.host))
            self.found(volume)
            self.control.clear_faults()
        self.assert_kept(volume)

    def test_nova_copies_a_volume_in_use(self):
        """What Nova does is done here: see its swap_volume."""
        stub = nova.NovaStub(self.stack.cinder.nova_address)
        stub.start()
        self.addCleanup(stub.stop)
        volume = self.create_anywhere(self.backend)
        old = self.attach(volume)

        self.volumes.migrate_volume(volume, host=self.on(self.other, 1))

        path, body = stub.requests.get(timeout=SECONDS)
        self.assertTrue(path.endswith('/os-volume_attachments/' + volume.id))
        target = body['volumeAttachment']['volumeId']
        new = self.attach(target)
        subprocess.run([
            'dd', 'if=' + old.path, 'of=' + new.path, 'bs=1M',
            'conv=sparse,fsync', 'status=none'], check=True)
        self.host.detach(old)
        self.volumes.complete_volume_migration(volume, target)
        moved = self.wait_for_migration(volume, 'success')
        self.assertEqual(
            ('in-use', self.on(self.other, 1), target),
            (moved.status, moved.host, moved.migration_id))
        self.assertEqual([volume.id], [
            one.volume_id for one in self.volumes.attachments()])
        self.assertEqual(1, self.found(moved)['pool_id'])
        self.write(new.path, 'later', 8 * MIB)
        self.volumes.extend_volume(volume.id, 2)
        self.cloud.wait_for_volume(volume, 'in-use')
        self.assertEqual(2 * GIB, self.host.extend(new))
        self.host.detach(new)
        self.cloud.wait_for_volume(volume)
        with self.attached(moved) as path:
            self.assert_written(path, 'start', MIB)
            self.assert_written(path, 'end', GIB - MIB)
            self.assert_written(path, 'later', 8 * MIB)

    def test_retype_to_thick_and_to_thin_is_a_copy(self):
        volume = self.create_anywhere(self.backend)
        for kind in ('thick', 'thin'):
            before = self.found(volume)
            chosen = self.make_type(**{'provisioning:type': kind,
                                       'volume_backend_name': self.backend,
                                       'pool_name': '0'})

            kept = self.retype(volume, chosen)
            self.assertNotEqual(chosen.name, kept.volume_type)
            self.assertEqual(before, self.found(volume))
            self.retype(volume, chosen, 'on-demand')

            changed = self.wait_for_migration(volume, 'success')
            self.assertEqual(chosen.name, changed.volume_type)
            self.assertEqual(kind == 'thin', self.found(changed)['thin'])
            self.assert_kept(changed)

    def test_a_volume_with_snapshots_is_refused(self):
        volume = self.create_anywhere(self.backend)
        self.create_snapshot(volume)

        self.assertRaises(sdk_exceptions.BadRequestException,
                          self.migrate, volume, self.backend, 1)

    def test_retype_with_an_unknown_extra_spec(self):
        volume = self.create_anywhere(self.backend)
        wrong = self.make_type(**{'dsware:clones': 'full'})

        kept = self.retype(volume, wrong)

        self.assertNotEqual(wrong.name, kept.volume_type)
        self.assertEqual(volume.id, self.found(volume)['name'][7:])


class CLIMigrationTest(MigrationBasics, MigrationTestCase):
    """From a backend that uses fsc_cli."""

    backend, other = 'cli', 'socket'


class RESTMigrationTest(MigrationBasics, MigrationTestCase):
    """From a backend that uses REST."""

    backend, other = 'rest', 'socket'
