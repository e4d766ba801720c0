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

"""Migration, change of type, and the names after a copy by Cinder."""

import ddt
from oslo_utils import timeutils

from cinder import exception
from cinder import objects
from cinder.tests.unit import utils
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.tests.unit.volume.drivers.dsware.fakes import cluster
from cinder.tests.unit.volume.drivers.dsware.fakes import database
from cinder.volume.drivers.dsware import config
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware.features import migration
from cinder.volume.drivers.dsware import naming
from cinder.volume import qos_specs
from cinder.volume import volume_types

MOVED, COPY = (True, None), (False, None)
RETYPED = True
# What takes limits away, also those that are not there.
QOS_ASKED = ['queryVolumeQoSInfo', 'deleteQoS']


class MigrationTestCase(base.DriverTestCase):

    def setUp(self):
        super().setUp()
        self.dsware = self.make_started_driver()

    def destination(self, host='host@dsware#1', **capabilities):
        """Make what the scheduler hands out, for another backend.

        :param host: the backend and its pool
        :param capabilities: those that differ from this backend's
        """
        own = self.dsware.get_volume_stats(refresh=True)['pools'][0]
        self.cluster.requests.clear()
        return {'host': host, 'cluster_name': None,
                'capabilities': {**own, **capabilities}}

    def pool_of(self, volume):
        return self.cluster.volumes[
            naming.volume_name(volume)]['pool_id']


@ddt.ddt
class MigrateTestCase(MigrationTestCase):

    def migrate(self, volume, *args, **kwargs):
        return self.dsware.migrate_volume(
            self.context, volume, self.destination(*args, **kwargs))

    def assert_left_to_cinder(self, volume, *args, **kwargs):
        self.assertEqual(COPY, self.migrate(volume, *args, **kwargs))
        self.assertEqual(0, self.cluster.count('migrateVolumeCold'))

    def assert_no_move(self, migrate, volume, destination, *parts):
        error = self.assertRaises(exception.InvalidHost, migrate, volume,
                                  destination)
        for part in (volume.name, 'in pool 0 already', *parts):
            self.assertIn(part, error.msg)
        self.assertEqual(['queryVolume'], self.cluster.ops())

    @ddt.data('host@dsware#1', 'host@other#1')
    def test_the_cluster_moves_it(self, host):
        volume = self.stored_volume()
        self.assertEqual(MOVED, self.migrate(volume, host))
        self.assertEqual(1, self.pool_of(volume))

    def to_cluster(self, volume, pool, cluster='services@dsware'):
        """Migrate a volume as Cinder does between services of a cluster."""
        destination = self.destination(f'other@dsware#{pool}')
        return self.dsware.migrate_volume(self.context, volume, {
            **destination, 'cluster_name': f'{cluster}#{pool}'})

    def clustered(self, **kwargs):
        self.dsware.cluster_name = 'services@dsware'
        self.dsware.do_setup(None)
        volume = self.stored_volume(cluster_name='services@dsware#0', **kwargs)
        return volume

    def test_another_pool_of_the_cluster_of_services(self):
        volume = self.clustered()
        self.assertEqual(MOVED, self.to_cluster(volume, 1))
        self.assertEqual(1, self.pool_of(volume))

    def test_where_it_is_in_the_cluster_of_services(self):
        """Cinder chose the pool: no success, the user may want another."""
        volume = self.clustered()
        self.assert_no_move(self.to_cluster, volume, 0,
                            'services in a cluster', 'pool_name', 'on-demand')

    def test_where_it_is_without_a_pool(self):
        """The destination named no pool, and Cinder chose this one."""
        self.assert_no_move(self.migrate, self.stored_volume(),
                            'host@dsware#0', 'named none',
                            'Name one: host@dsware#1')

    def test_where_it_is_while_it_is_retyped(self):
        """When the driver's own retype failed; nothing has to be moved."""
        volume = self.stored_volume(status='retyping')
        self.assertEqual(MOVED, self.migrate(volume, 'host@dsware#0'))

    def test_not_where_the_record_says_that_it_is(self):
        volume = self.stored_volume()
        self.cluster.volumes[volume.name]['pool_id'] = 1
        self.assertEqual(MOVED, self.migrate(volume, 'host@dsware#0'))
        self.assertEqual(0, self.pool_of(volume))

    @ddt.data('host@dsware', 'host@dsware#', 'host@dsware#fast',
              'host@dsware#-1', 'host@dsware#\u0661')
    def test_what_is_no_pool(self, host):
        volume = self.stored_volume()
        self.assert_left_to_cinder(volume, host)

    def test_another_cluster(self):
        volume = self.stored_volume()
        self.assert_left_to_cinder(volume,
                                   location_info='dsware:192.0.2.11')

    def test_attached(self):
        volume = self.stored_volume()
        volume.volume_attachment = self.attached_list(volume)
        self.assert_left_to_cinder(volume)

    def attached_list(self, volume):
        return objects.VolumeAttachmentList(objects=[
            objects.VolumeAttachment(
                self.context, id=self.make_id(), volume_id=volume.id)])

    def test_snapshots(self):
        volume = self.stored_volume()
        self.cluster.add_snapshot('s', volume.name)
        self.assert_left_to_cinder(volume)

    @ddt.data((None, 'thick', False), (None, 'thin', True),
              ({'provisioning:type': 'thin'}, 'thick', True),
              ({'provisioning:type': 'thick'}, 'thin', True))
    @ddt.unpack
    def test_another_default(self, specs, theirs, moved):
        volume = self.stored_volume(specs=specs)
        self.assertEqual((moved, None), self.migrate(
            volume, dsware_provisioning=theirs))

    @ddt.data(50150002, 50151216, 50500001)
    def test_the_cluster_refuses(self, code):
        volume = self.stored_volume()
        self.cluster.fail('migrateVolumeCold', 'result', code)
        self.assertEqual(COPY, self.migrate(volume))
        self.assertEqual(0, self.pool_of(volume))

    def test_attached_by_somebody_else(self):
        """A copy of what somebody may be writing would be worth nothing."""
        volume = self.stored_volume()
        self.cluster.attached[volume.name].add('192.0.2.7')
        self.assertRaises(exception.VolumeIsBusy, self.migrate, volume)


@ddt.ddt
class RetypeTestCase(MigrationTestCase):

    def retype(self, volume, specs, pool=0, diff=None):
        new_type = self.make_type(specs)
        return self.dsware.retype(
            self.context, volume, new_type, diff or {},
            self.destination(f'host@dsware#{pool}'))

    @ddt.data(({}, {'dsware:clone': 'full'}),
              ({'dsware:clone': 'full'}, {'dsware:clone': 'linked'}),
              (None, {'provisioning:type': 'thin'}),
              ({'provisioning:type': 'thick'},
               {'provisioning:type': 'thick', 'dsware:clone': 'full'}),
              (None, {'multiattach': '<is> True'}))
    @ddt.unpack
    def test_in_place(self, before, after):
        volume = self.stored_volume(specs=before)
        self.assertEqual(RETYPED, self.retype(volume, after))
        self.assertEqual(QOS_ASKED, self.cluster.ops())

    @ddt.data((None, 'thick'), ({'provisioning:type': 'thick'}, 'thin'))
    @ddt.unpack
    def test_thinness_needs_a_copy(self, before, after):
        volume = self.stored_volume(specs=before)
        for pool in (0, 1):
            self.assertIs(False, self.retype(
                volume, {'provisioning:type': after}, pool))
        self.assertEqual([], self.cluster.ops())

    def test_encryption_needs_a_copy(self):
        volume = self.stored_volume()
        self.assertIs(False, self.retype(
            volume, {}, diff={'encryption': {'cipher': (None, 'aes')}}))
        self.assertEqual([], self.cluster.ops())

    def test_snapshots_stay_in_their_pool(self):
        volume = self.stored_volume()
        self.cluster.add_snapshot('s', volume.name)
        self.assertEqual(RETYPED,
                         self.retype(volume, {'dsware:clone': 'full'}))
        self.assertIs(False, self.retype(volume, {}, 1))


@ddt.ddt
class RetypeLimitsTestCase(MigrationTestCase):
    """Limits are changed in place, and only together with the rest."""

    def setUp(self):
        super().setUp()
        self.old, self.new = [self.make_type(maxIOPS=limit)
                              for limit in ('100', '200')]
        self.plain = self.make_type()
        self.volume = self.make_volume(volume_type_id=self.old.id)
        self.volume.volume_type = self.old
        self.dsware.create_volume(self.volume)

    def retype(self, new_type, pool=0):
        diff, _equal = volume_types.volume_types_diff(
            self.context, self.volume.volume_type_id, new_type.id)
        return self.dsware.retype(
            self.context, self.volume, new_type, diff,
            self.destination(f'host@dsware#{pool}'))

    def assert_limit(self, limit):
        found = self.cluster.limits_of(self.volume.name)
        self.assertEqual(limit, found and found['maxIOPS'])

    @ddt.data(0, 1)
    def test_another_limit(self, pool):
        self.assertEqual(RETYPED, self.retype(self.new, pool))
        self.assert_limit(200)
        self.assertEqual(pool, self.pool_of(self.volume))

    def spec_id(self):
        return volume_types.get_volume_type_qos_specs(
            self.old.id)['qos_specs']['id']

    def lose_spec(self):
        qos_specs.disassociate_all(self.context, self.spec_id())

    @ddt.data((0, {}), (1, {}), (0, {'maxIOPS': '0'}))
    @ddt.unpack
    def test_the_old_type_has_lost_its_spec(self, pool, limits):
        self.lose_spec()
        self.assertEqual(RETYPED, self.retype(self.make_type(**limits),
                                              pool))
        self.assert_limit(None)
        self.assertEqual({}, self.cluster.qos)

    def test_migration_after_the_type_has_lost_its_spec(self):
        """So Cinder changes the type, too, if both have no limits."""
        self.lose_spec()
        self.assertEqual(MOVED, self.dsware.migrate_volume(
            self.context, self.volume, self.destination()))
        self.assert_limit(None)

    def test_the_limits_are_refused(self):
        self.cluster.fail('setQoS', 'result', 50150003)
        self.assertRaises(exceptions.InvalidRequest, self.retype, self.new,
                          1)
        self.assert_limit(100)
        self.assertEqual(0, self.pool_of(self.volume))

    @ddt.data('result', 'stopped')
    def test_the_move_fails(self, kind):
        self.cluster.fail('migrateVolumeCold', kind, 50150015)
        self.assertRaises((exceptions.BackendFault, fakes.Interrupted),
                          self.retype, self.new, 1)
        self.assert_limit(100)
        self.assertEqual(0, self.pool_of(self.volume))

    @ddt.data('result', 'stopped')
    def test_limits_of_others_come_back(self, kind):
        self.volume.volume_type_id = self.plain.id
        name = self.volume.name
        self.dsware._array.qos.unlimit(name)
        self.cluster.qos['gold'] = {'maxIOPS': 7}
        self.cluster.qos_of[name] = 'gold'
        self.cluster.fail('migrateVolumeCold', kind, 50150015)
        self.assertRaises((exceptions.BackendFault, fakes.Interrupted),
                          self.retype, self.new, 1)
        self.assertEqual({name: 'gold'}, self.cluster.qos_of)
        self.assertEqual(['gold'], list(self.cluster.qos))

    def test_the_way_back_fails(self):
        self.cluster.fail('migrateVolumeCold', 'result', 50150015)
        self.cluster.fail('setQoS', 'result', 50150015, skip=1)
        with self.assertLogs(migration.LOG.logger, 'ERROR') as logged:
            self.assertRaises(exceptions.BackendFault, self.retype,
                              self.new, 1)
        self.assertIn('has the limits of a type that it did not get',
                      logged.output[0])
        self.assert_limit(200)
        self.cluster.fail('migrateVolumeCold', 'result', 50150002)
        self.assertIs(False, self.retype(self.new, 1))
        self.assert_limit(100)


class UpdateTestCase(MigrationTestCase):
    """What Cinder does with its records when it has copied a volume."""

    def finish(self, volume, copy):
        """Do what Cinder's manager does, see update_migrated_volume."""
        update = self.dsware.update_migrated_volume(
            self.context, volume, copy, 'available')
        before = {key: volume[key] for key in update}
        copy.update(before)
        volume.update(update)
        # And what Volume.finish_volume_migration does then.
        volume.provider_id, copy.provider_id = (copy.provider_id,
                                                volume.provider_id)
        if not copy._name_id:
            copy._name_id = volume.id

    def names(self, *volumes):
        return [naming.volume_name(volume) for volume in volumes]

    def test_names_change_places(self):
        volume, copy = self.make_volume(), self.make_volume()
        volume.provider_location = 'there'
        before = self.names(copy, volume)
        self.finish(volume, copy)
        self.assertEqual(before, self.names(volume, copy))
        self.assertEqual((None, 'there'), (volume.provider_location,
                                           copy.provider_location))

    def test_a_source_that_kept_its_name(self):
        volume = self.make_taken_over('legacy')
        # Cinder copies all that it knows of the source.
        copy = self.make_volume(provider_id=volume.provider_id)
        self.stored(volume)
        copy.update(self.dsware.create_volume(copy))
        self.finish(volume, copy)
        self.assertEqual([f'volume-{copy.id}', 'legacy'],
                         self.names(volume, copy))

    def test_every_call_finds_the_copy(self):
        volume, copy = self.make_volume(), self.make_volume()
        for each in (volume, copy):
            self.dsware.create_volume(each)
        self.finish(volume, copy)
        self.dsware.delete_volume(copy)
        self.dsware.extend_volume(volume, 2)
        snapshot = self.make_snapshot(volume)
        self.dsware.create_snapshot(snapshot)
        self.dsware.delete_snapshot(snapshot)
        self.assertEqual('0', self.dsware.get_pool(volume))
        self.assertEqual(f'volume-{copy.id}',
                         self.name_for_host(self.dsware, volume))
        self.assertEqual(MOVED, self.dsware.migrate_volume(
            self.context, volume, self.destination()))
        record, = self.cluster.volumes.values()
        self.assertEqual((2048, 1, cluster.READY), (
            record['vol_size'], record['pool_id'], record['status']))
        self.dsware.delete_volume(volume)
        self.assertEqual({}, self.cluster.volumes)

    def test_the_manager_attaches_the_copy(self):
        volume, copy = self.make_volume(), self.make_volume()
        self.dsware.create_volume(copy)
        self.finish(volume, copy)
        dsware = self.make_started_driver(
            dsware_attach_by='manager',
            dsware_host_networks=['192.0.2.0/24'])
        self.assertEqual(f'volume-{copy.id}',
                         self.name_for_host(dsware, volume))

    def name_for_host(self, dsware, volume):
        """Attach a volume for a moment, and tell what a host calls it."""
        connector = base.connector('compute', '192.0.2.7')
        database.add_volume(volume)
        info = dsware.initialize_connection(volume, connector)
        dsware.terminate_connection(volume, connector)
        return info['data']['volume_name']


@ddt.ddt
class BrokenExchangeTestCase(MigrationTestCase):
    """Cinder died between the records of a volume and of its copy.

    It has written one of them, so both name the same object.
    """

    def pair(self, keeps=None):
        """Make a volume and its copy, on the cluster and in the database.

        :param keeps: the name that the volume was taken over with
        """
        pair = [utils.create_volume(
            self.context, host='host@dsware#0', size=1, volume_type_id=None,
            launched_at=timeutils.utcnow()) for _each in range(2)]
        volume, copy = pair
        copy.use_quota = False
        if keeps:
            volume.provider_id = naming.volume_provider_id(volume, keeps)
        for each in pair:
            self.stored(each)
        volume._name_id = copy.id
        for each in pair:
            each.save()
        self.assertEqual(*self.names(*pair))
        return pair

    names = UpdateTestCase.names

    def delete(self, volume):
        self.dsware.delete_volume(volume)
        volume.destroy()

    @ddt.data(None, 'legacy')
    def test_the_copy_is_deleted(self, keeps):
        volume, copy = self.pair(keeps=keeps)
        self.delete(copy)
        self.assertEqual(self.names(volume), list(self.cluster.volumes))

    def test_the_volume_is_deleted_first(self):
        for each in self.pair():
            self.delete(each)
        self.assertEqual({}, self.cluster.volumes)


@ddt.ddt
class SameClusterTestCase(base.DriverTestCase):

    def setUp(self):
        super().setUp()
        self.dsware = self.make_started_driver()

    def backend(self):
        return config.Backend(
            self.dsware.configuration, self.dsware.host,
            self.dsware.cluster_name, self.dsware._array)

    def certain(self, host='there@dsware#1', cluster=None):
        return migration.leads_here(
            self.context, self.backend(), {
                'host': host, 'cluster_name': cluster, 'capabilities': {
                    'location_info': 'dsware:192.0.2.10'}})

    def witness(self, host='there@dsware#1', on_cluster=True, **values):
        """Put a volume into Cinder's database, and on the cluster."""
        volume = utils.create_volume(
            self.context, host=host, size=1, status='available',
            volume_type_id=None, **values)
        if on_cluster:
            self.stored(volume)
        return volume

    def test_another_backend_of_this_host(self):
        self.assertTrue(self.certain('host@other#0'))
        self.assertEqual([], self.cluster.ops())

    def test_another_service_of_this_cluster_of_services(self):
        self.dsware.cluster_name = 'services@dsware'
        self.assertTrue(self.certain(cluster='services@dsware#1'))

    @ddt.data(None, 'services@dsware')
    def test_an_address_alone_is_not_enough(self, cluster):
        self.assertFalse(self.certain(cluster=cluster))

    def test_a_volume_bears_witness(self):
        self.witness()
        self.assertTrue(self.certain())

    def test_volumes_that_are_elsewhere(self):
        self.witness(on_cluster=False)
        self.witness('there@another#1')
        self.witness(on_cluster=False, cluster_name='services@dsware')
        self.assertFalse(self.certain())

    def test_another_size(self):
        volume = self.witness()
        self.cluster.volumes[volume.name]['vol_size'] += 1
        self.assertFalse(self.certain())

    def test_a_volume_that_failed(self):
        volume = self.witness()
        volume.status = 'error'
        volume.save()
        self.assertFalse(self.certain())

    def test_a_given_name_may_be_there_twice(self):
        volume = self.witness(on_cluster=False)
        volume.provider_id = f'legacy@{volume.id}'
        volume.save()
        self.stored(volume)
        self.assertIn('legacy', self.cluster.volumes)
        self.assertFalse(self.certain())

    @ddt.data(None, {}, {'location_info': None},
              {'location_info': 'dsware:192.0.2.11'})
    def test_no_or_another_location(self, capabilities):
        self.witness()
        for host in ('host@other#1', 'there@dsware#1'):
            self.assertFalse(migration.leads_here(
                self.context, self.backend(),
                {'host': host, 'capabilities': capabilities}))
