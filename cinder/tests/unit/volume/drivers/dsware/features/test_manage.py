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

"""Managing what is on the cluster, with volumes in Cinder's database."""

import json
from unittest import mock

import ddt
from oslo_utils import timeutils

from cinder import exception
from cinder import objects
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.tests.unit.volume.drivers.dsware.fakes import database
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import naming

GIB = base.GIB
LEGACY = {'source-name': 'legacy'}
MONDAY = {'source-name': 'monday'}
ORDER = (['reference'], ['asc'])


class ManageTestCase(base.DriverTestCase):

    def setUp(self):
        super().setUp()
        self.driver = self.make_started_driver()
        self.cluster.add_volume('legacy', GIB)

    def make_stored(self, pool=0, **values):
        """Make a Cinder volume that is in Cinder's database."""
        volume = objects.Volume(self.context, **{
            'size': 1, 'host': f'host@dsware#{pool}',
            'status': 'managing', 'volume_type_id': self.vt['id'],
            **values})
        volume.create()
        return volume

    def make_stored_snapshot(self, volume, **values):
        snapshot = objects.Snapshot(
            self.context, volume_id=volume.id, volume_size=volume.size,
            volume_type_id=self.vt['id'], status='creating', **values)
        snapshot.create()
        return objects.Snapshot.get_by_id(self.context, snapshot.id)

    def manage(self, reference=None, **values):
        """Manage a volume as Cinder's manager does."""
        volume = self.make_stored(**values)
        reference = reference or LEGACY
        volume.size = self.driver.manage_existing_get_size(volume, reference)
        volume.update(self.driver.manage_existing(volume, reference))
        volume.launched_at = timeutils.utcnow()
        volume.save()
        return volume

    def manage_snapshot(self, volume, reference=None):
        snapshot = self.make_stored_snapshot(volume)
        reference = reference or MONDAY
        snapshot.volume_size = self.driver.manage_existing_snapshot_get_size(
            snapshot=snapshot, existing_ref=reference)
        snapshot.update(self.driver.manage_existing_snapshot(
            snapshot=snapshot, existing_ref=reference))
        snapshot.save()
        return snapshot

    def refused(self, error, *words, reference=None, **values):
        """Check that a volume is refused, and that nothing is changed."""
        volume = self.make_stored(**values)
        self.cluster.requests.clear()
        for manage in (self.driver.manage_existing_get_size,
                       self.driver.manage_existing):
            raised = self.assertRaises(error, manage, volume,
                                       reference or LEGACY)
            for word in words:
                self.assertIn(word, str(raised))
        stored = objects.Volume.get_by_id(self.context, volume.id)
        self.assertIsNone(stored.provider_id)
        changes = [request.op for request, _endpoint in self.cluster.requests
                   if request.changes]
        self.assertEqual([], changes)


@ddt.ddt
class VolumeTestCase(ManageTestCase):

    def test_manage(self):
        volume = self.manage()
        self.assertEqual(1, volume.size)
        self.assertEqual('legacy', naming.volume_name(volume))
        self.driver.delete_volume(volume)
        self.assertEqual({}, self.cluster.volumes)

    def test_one_whose_managing_broke_off_is_not_deleted(self):
        volume = self.make_stored()
        self.driver.manage_existing(volume, LEGACY)
        # The service died before Cinder had noted the end.
        volume.refresh()
        self.assertEqual('legacy', naming.volume_name(volume))
        self.driver.delete_volume(volume)
        self.assertEqual(['legacy'], list(self.cluster.volumes))

    @ddt.data((1, 1), (1024, 1), (1025, 2), (1536, 2), (3072, 3))
    @ddt.unpack
    def test_it_grows_to_a_whole_number_of_gib(self, mib, gib):
        self.cluster.volumes['legacy']['vol_size'] = mib
        self.assertEqual(gib, self.manage().size)
        self.assertEqual(gib * GIB, self.cluster.volumes['legacy'][
            'vol_size'])

    @ddt.data({}, {'maxIOPS': '10'}, {'maxIOPS': '20'}, {'maxMBPS': '7'})
    def test_one_that_cannot_grow_keeps_its_limits(self, spec):
        self.cluster.volumes['legacy']['vol_size'] = 1536
        # It was unmanaged with them.
        self.cluster.qos['legacy.qos'] = {'maxIOPS': 20}
        self.cluster.qos_of['legacy'] = 'legacy.qos'
        self.cluster.fail('expandVolume', 'result', 50150009)
        self.assertRaises(
            exceptions.CapacityExceeded, self.driver.manage_existing,
            self.make_stored(volume_type_id=self.make_type(**spec).id),
            LEGACY)
        self.assertEqual({'maxIOPS': 20}, self.cluster.limits_of('legacy'))

    @ddt.data('result', 'late_result')
    def test_one_whose_limits_cannot_be_taken_keeps_them(self, kind):
        self.cluster.qos['legacy.qos'] = {'maxIOPS': 20}
        self.cluster.qos_of['legacy'] = 'legacy.qos'
        self.cluster.fail('deleteQoS', kind, 10000003)
        self.assertRaises(exceptions.AccessDenied,
                          self.driver.manage_existing, self.make_stored(),
                          LEGACY)
        self.assertEqual({'maxIOPS': 20}, self.cluster.limits_of('legacy'))

    def test_one_that_cannot_grow(self):
        self.cluster.volumes['legacy']['vol_size'] = 1536
        self.cluster.fail('expandVolume', 'result', 50150009)
        volume = self.make_stored()
        self.assertRaises(exceptions.CapacityExceeded,
                          self.driver.manage_existing, volume, LEGACY)
        # Somebody else may manage it now.
        self.assertIsNone(volume.provider_id)
        self.assertEqual(2, self.manage().size)

    @ddt.data(({'source-name': 'gone'}, 'no volume of that name'),
              (MONDAY, 'it is a snapshot'),
              ({'source-id': 'x'}, 'source-name'),
              *(({'source-name': name}, 'A-Z a-z 0-9')
                for name in ('a b', '-rf', 'x' * 96, 'a,b')))
    @ddt.unpack
    def test_what_is_no_volume(self, reference, words):
        self.cluster.add_snapshot('monday', 'legacy')
        self.refused(exception.ManageExistingInvalidReference, words,
                     reference=reference)

    @ddt.data((1, 0, 'Ask for host@dsware#0'), (0, 6, 'still creating'),
              (0, 3, 'failure status 3'))
    @ddt.unpack
    def test_elsewhere_or_not_ready(self, pool, status, words):
        self.cluster.volumes['legacy']['status'] = status
        self.refused(exception.ManageExistingInvalidReference, words,
                     pool=pool)

    @ddt.data(None, '00000000-0000-4000-8000-00000000aaaa')
    def test_a_volume_of_cinder(self, name_id):
        """Of another backend, or one that was migrated, too."""
        owner = self.make_stored(host='elsewhere@dsware#0', _name_id=name_id)
        self.cluster.add_volume(owner.name, GIB)
        self.refused(exception.ManageExistingAlreadyManaged, owner.id,
                     reference={'source-name': owner.name})

    def test_managed_already(self):
        owner = self.manage()
        self.refused(exception.ManageExistingAlreadyManaged, 'legacy',
                     owner.id)

    def test_the_old_name_of_a_migrated_volume_is_free(self):
        moved = self.make_stored(_name_id=self.make_id())
        old = 'volume-' + moved.id
        self.cluster.add_volume(old, GIB)
        volume = self.manage({'source-name': old})
        self.assertEqual(old, naming.volume_name(volume))

    def test_names_are_no_patterns(self):
        self.cluster.add_volume('leg_cy', GIB)
        self.manage()
        self.manage({'source-name': 'leg_cy'})

    def test_somebody_else_is_quicker(self):
        volume = self.make_stored()
        found = self.driver._manage._manageable_volume(volume, LEGACY)
        owner = self.manage()
        with mock.patch.object(self.driver._manage, '_manageable_volume',
                               return_value=found):
            error = self.assertRaises(
                exception.ManageExistingAlreadyManaged,
                self.driver.manage_existing, volume, LEGACY)
        self.assertIn(owner.id, str(error))

    def test_it_gets_the_limits_of_its_type(self):
        self.cluster.volumes['legacy']['vol_size'] = 1536
        self.manage(volume_type_id=self.make_type(
            total_iops_sec_per_gb='10').id)
        self.assertEqual({'maxIOPS': 20}, self.cluster.limits_of('legacy'))

    def make_typed(self, kind):
        return self.make_volume(specs={'provisioning:type': kind})

    def test_a_linked_clone_is_not_thick(self):
        self.cluster.add_volume('clone', GIB, father='monday')
        reference = {'source-name': 'clone'}
        get_size = self.driver.manage_existing_get_size
        error = self.assertRaises(
            exception.ManageExistingVolumeTypeMismatch, get_size,
            self.make_typed('thick'), reference)
        self.assertIn('linked clone', str(error))
        self.assertEqual(1, get_size(self.make_typed('thin'), reference))
        self.assertEqual(1, get_size(self.make_volume(), reference))
        self.assertEqual(1, get_size(self.make_typed('thick'), LEGACY))

    def test_unmanage_clears_what_clones_left(self):
        volume = self.manage()
        clone, in_work = self.make_volume(), self.make_volume()
        self.stored(clone)
        database.add_volume(in_work)
        for name in (clone.name + '.clone', in_work.name + '.clone',
                     'theirs'):
            self.cluster.add_snapshot(name, 'legacy')
        self.driver.unmanage(volume)
        self.assertEqual([in_work.name + '.clone', 'theirs'],
                         list(self.cluster.snapshots))

    def test_unmanage_does_not_need_the_cluster(self):
        volume = self.manage()
        self.cluster.fail('', 'unsent', times=10 ** 9)
        self.driver.unmanage(volume)
        self.assertIn('legacy', self.cluster.volumes)


class SnapshotTestCase(ManageTestCase):

    def setUp(self):
        super().setUp()
        self.cluster.volumes['legacy']['vol_size'] = 1536
        self.cluster.add_snapshot('monday', 'legacy')
        self.volume = self.manage()

    def refused(self, error, *words, reference=None):
        snapshot = self.make_stored_snapshot(self.volume)
        for manage in (self.driver.manage_existing_snapshot_get_size,
                       self.driver.manage_existing_snapshot):
            raised = self.assertRaises(error, manage, snapshot,
                                       reference or MONDAY)
            for word in words:
                self.assertIn(word, str(raised))
        stored = objects.Snapshot.get_by_id(self.context, snapshot.id)
        self.assertIsNone(stored.provider_id)

    def test_manage(self):
        snapshot = self.manage_snapshot(self.volume)
        self.assertEqual(2, snapshot.volume_size)
        self.assertEqual('monday', naming.snapshot_name(snapshot))
        copy = self.make_volume(2)
        self.driver.create_volume_from_snapshot(copy, snapshot)
        self.driver.delete_snapshot(snapshot)
        self.assertEqual({}, self.cluster.snapshots)

    def test_what_is_no_snapshot_of_it(self):
        self.cluster.add_volume('other')
        self.cluster.add_snapshot('theirs', 'other')
        temporary = self.make_volume().name + '.clone'
        self.cluster.add_snapshot(temporary, 'legacy')
        self.cluster.add_snapshot('orphan', 'legacy')['father_name'] = ''
        for name, *words in (
                ('gone', 'no snapshot of that name'),
                ('theirs', 'a snapshot of other, not of volume',
                 'legacy on the cluster'),
                ('orphan', 'no volume'),
                (temporary, 'only while Cinder clones or moves a volume')):
            with self.subTest(name=name):
                self.refused(exception.ManageExistingInvalidReference, *words,
                             reference={'source-name': name})

    def test_managed_already(self):
        owner = self.manage_snapshot(self.volume)
        self.refused(exception.ManageExistingAlreadyManaged, 'monday',
                     owner.id)

    def test_a_snapshot_of_cinder(self):
        owner = self.make_stored_snapshot(self.volume)
        self.driver.create_snapshot(owner)
        self.refused(exception.ManageExistingAlreadyManaged, owner.id,
                     reference={'source-name': owner.name})


@ddt.ddt
class ListTestCase(ManageTestCase):

    def setUp(self):
        super().setUp()
        self.managed = self.manage()
        self.made = self.make_volume()
        self.stored(self.made)
        self.cluster.add_volume('b', 1536, 1, father='a snapshot')
        self.cluster.add_snapshot('monday', 'legacy')

    def volumes(self, marker=None, limit=1000, offset=0, order=ORDER):
        known = objects.VolumeList(objects=[self.managed, self.made])
        return self.driver.get_manageable_volumes(
            known, marker, limit, offset, *order)

    def snapshots(self):
        return self.driver.get_manageable_snapshots(
            objects.SnapshotList(objects=[]), None, 1000, 0, *ORDER)

    def names(self, *args, **kwargs):
        return [entry['reference']['source-name']
                for entry in self.volumes(*args, **kwargs)]

    def entry(self, name):
        (found,) = [entry for entry in self.volumes()
                    if entry['reference']['source-name'] == name]
        return found

    def others_volume(self, name=None, **values):
        """Put a volume into the database that another backend has."""
        volume = self.make_volume(host='host@other#0', **values)
        if name:
            volume.provider_id = naming.volume_provider_id(volume, name)
        database.add_volume(volume)
        self.stored(volume)
        return volume

    def test_what_another_backend_has(self):
        """By its own name, after a migration, and as it was taken over."""
        self.patch('cinder.volume.drivers.dsware.features.owners._AT_ONCE', 1)
        taken = ['taken_over', 'takenXover', 'TAKEN_OVER']
        theirs = [self.others_volume(),
                  self.others_volume(_name_id=self.make_id()),
                  self.others_volume(taken[0])]
        for name in taken[1:]:
            self.cluster.add_volume(name, GIB)

        found = {entry['reference']['source-name']: entry
                 for entry in self.volumes()}

        for volume in theirs:
            entry = found.pop(naming.volume_name(volume))
            self.assertEqual(
                (volume.id, False, 'already managed, by another backend'),
                (entry['cinder_id'], entry['safe_to_manage'],
                 entry['reason_not_safe']))
        self.assertEqual({'b', *taken[1:]}, {
            name for name, entry in found.items()
            if entry['safe_to_manage']})

    def test_what_another_backend_has_snapshots_of(self):
        taken = self.make_stored_snapshot(self.managed)
        taken.provider_id = naming.snapshot_provider_id(taken, 'monday')
        taken.save()
        made = self.make_stored_snapshot(self.managed)
        self.driver.create_snapshot(made)
        self.cluster.add_snapshot('tuesday', 'legacy')
        self.assertEqual(
            {('monday', taken.id), ('tuesday', None), (made.name, made.id)},
            {(entry['reference']['source-name'], entry['cinder_id'])
             for entry in self.snapshots()})

    def test_volumes(self):
        self.assertEqual(['b', 'legacy', self.made.name], self.names())
        free = self.entry('b')
        self.assertEqual(
            {'pool': '1', 'size_mib': '1536', 'lun_id': '3',
             'wwn': '6888603000000003', 'linked_clone_of': 'a snapshot',
             'created_at': '2015-01-01T00:00:03Z'}, free.pop('extra_info'))
        self.assertEqual(
            {'reference': {'source-name': 'b'}, 'size': 2, 'cinder_id': None,
             'safe_to_manage': True, 'reason_not_safe': None}, free)

    @ddt.data((6, 'copying'), (9, 'failure status 9'))
    @ddt.unpack
    def test_not_ready(self, status, words):
        self.cluster.volumes['b']['status'] = status
        found = self.entry('b')
        self.assertFalse(found['safe_to_manage'])
        self.assertIn(words, found['reason_not_safe'])

    def test_names_that_cannot_be_asked_for(self):
        self.cluster.add_volume('my volume')
        found = self.entry('my volume')
        self.assertIn('not a legal one', found['reason_not_safe'])
        requests = len(self.cluster.requests)
        self.assertEqual(
            sorted(name for name in self.cluster.volumes
                   if name > 'my volume'),
            self.names(json.dumps(found['reference'])))
        self.assertNotIn('queryVolume', self.cluster.ops()[requests:])

    def test_pages(self):
        self.assertEqual(['legacy'], self.names(limit=1, offset=1))
        self.assertEqual([self.made.name], self.names(
            json.dumps(LEGACY), limit=5))
        self.assertEqual(
            ['b', self.made.name, 'legacy'],
            self.names(order=(['size', 'reference'], ['desc', 'desc'])))

    def test_only_pools_that_are_used(self):
        self.driver = self.make_started_driver(dsware_pools=[1])
        self.assertEqual(['b'], self.names())
        self.assertRaises(exception.InvalidInput, self.names,
                          json.dumps(LEGACY))
        self.assertRaises(exception.InvalidInput, self.names,
                          json.dumps({'source-name': 'gone'}))

    def test_a_listing_that_breaks_off(self):
        broken = [exceptions.OutcomeUnknown(desc='lost')]
        self.cluster.fail('queryAllVolume', 'frames', broken, times=3)
        self.assertEqual(3, len(self.names()))

    def test_a_listing_that_breaks_off_always(self):
        self.cluster.fail('queryAllVolume', 'hangs', times=10 ** 9)
        self.assertRaises(exceptions.OutcomeUnknown, self.names)

    def test_snapshots(self):
        temporary = self.make_volume().name + '.clone'
        self.cluster.add_snapshot(temporary, 'legacy')
        first, second = self.snapshots()
        self.assertEqual('1024', first.pop('extra_info')['size_mib'])
        self.assertEqual(
            {'reference': MONDAY, 'size': 1, 'cinder_id': None,
             'safe_to_manage': True, 'reason_not_safe': None,
             'source_reference': LEGACY}, first)
        self.assertEqual({'source-name': temporary}, second['reference'])
        self.assertIn('only while', second['reason_not_safe'])
