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

"""Volumes are made, grown and deleted."""

from unittest import mock

from cinder import exception
from cinder.tests.unit.volume.drivers.dsware.integration import base
from cinder.volume.drivers.dsware.array import operation


class VolumeTests:

    OPTIONS = {'dsware_request_timeout': 5}

    def setUp(self):
        super().setUp()
        self.dsware = self.make_driver()
        self.host = base.Host(self.simulator)

    def test_create_and_delete(self):
        volume = self.created(self.dsware, size=3, pool=1)
        self.assertEqual({(volume.name, 3 * base.GIB, 0, 1, '')},
                         self.contents())
        self.assertTrue(self.on_cluster(volume.name)['thin'])
        self.assertEqual('1', self.dsware.get_pool(volume))
        self.dsware.delete_volume(volume)
        self.assertHolds()

    def test_thick_by_option(self):
        thick = self.make_driver(san_thin_provision=False)
        volume = self.created(thick)
        self.assertFalse(self.on_cluster(volume.name)['thin'])
        self.assertEqual(base.GIB, self.control.status()['pools'][0]['used'])

    def test_thick_by_type(self):
        volume = self.created(
            self.dsware,
            volume_type=base.make_type(provisioning__type='thick'))
        self.assertFalse(self.on_cluster(volume.name)['thin'])

    def test_type_with_a_wish_that_is_unknown(self):
        volume = base.make_volume(
            volume_type=base.make_type(provisioning__type='fat'))
        self.assertRaisesRegex(
            exception.InvalidInput, 'provisioning:type = fat',
            self.dsware.create_volume, volume)
        self.assertHolds()

    def test_a_volume_that_is_there_is_never_adopted(self):
        volume = self.created(self.dsware)
        error = self.assertRaises(exception.VolumeBackendAPIException,
                                  self.dsware.create_volume, volume)
        self.assertIn(volume.name, error.msg)
        self.assertIn('VOLUME_ALREADY_EXIST', error.msg)
        self.assertIn('volSize=1024', error.msg)
        self.assertHolds(volume)

    def test_a_snapshot_of_that_name_is_not_taken_for_a_volume(self):
        source = self.created(self.dsware)
        volume = base.make_volume()
        self.host.run('createSnapshot', volName=source.name,
                      snapName=volume.name)
        self.assertRaises(exception.VolumeBackendAPIException,
                          self.dsware.create_volume, volume)
        self.dsware.delete_volume(volume)
        self.assertEqual({source.name, volume.name},
                         {item[0] for item in self.contents()})

    def test_unknown_pool(self):
        self.assertRaisesRegex(
            exception.VolumeBackendAPIException, 'POOL',
            self.dsware.create_volume, base.make_volume(pool=7))

    def test_host_without_a_pool(self):
        volume = base.make_volume(host='host@backend')
        self.assertRaises(exception.InvalidInput,
                          self.dsware.create_volume, volume)

    def test_full_pool(self):
        self.control.fill_pool(0, free=100)
        volume = base.make_volume(
            size=1, volume_type=base.make_type(provisioning__type='thick'))
        self.assertRaisesRegex(
            exception.VolumeBackendAPIException,
            r'Pool 0, asked for 1024 MiB; free MiB by pool: 0: 100, '
            r'1: \d+', self.dsware.create_volume, volume)
        self.assertHolds()

    def test_delete_what_is_gone(self):
        volume = base.make_volume()
        self.dsware.delete_volume(volume)
        self.assertHolds()

    def test_delete_an_attached_volume(self):
        dsware = self.make_driver(dsware_request_timeout=1)
        volume = self.created(dsware)
        self.host.attach(volume.name)
        self.assertRaises(exception.VolumeIsBusy, dsware.delete_volume,
                          volume)
        self.host.detach(volume.name)
        dsware.delete_volume(volume)
        self.assertHolds()

    def test_delete_a_volume_with_snapshots(self):
        # That is not waited for.
        dsware = self.make_driver(dsware_request_timeout=3600)
        volume = self.created(dsware)
        snapshot = self.snapped(dsware, volume)
        self.assertRaisesRegex(exception.VolumeIsBusy, snapshot.name,
                               dsware.delete_volume, volume)
        self.assertHolds(volume, snapshot)

    def test_delete_an_unfinished_volume_that_is_attached(self):
        dsware = self.make_driver(dsware_request_timeout=1)
        volume = self.created(dsware, launched_at=None)
        self.host.attach(volume.name)
        error = self.assertRaises(exception.VolumeBackendAPIException,
                                  dsware.delete_volume, volume)
        self.assertIn('attached to a host', error.msg)
        self.host.detach(volume.name)
        dsware.delete_volume(volume)
        self.assertHolds()

    def test_delete_what_another_attempt_makes(self):
        volume = self.created(self.dsware)
        self.dsware.delete_volume(base.make_volume(id=volume.id, host=None))
        self.assertHolds(volume)

    def test_a_creation_that_the_deletion_overtakes(self):
        dsware = self.make_driver(dsware_request_timeout=3)
        volume = base.make_volume(launched_at=None)
        self.control.add_fault(kind='delay', op='createVolume', count=1,
                               seconds=4)
        self.control.add_fault(kind='drop_before', op='createVolume', skip=1)
        self.assertRaises(exception.MetadataUpdateFailure,
                          dsware.create_volume, volume)
        self.control.clear_faults()
        dsware.delete_volume(volume)
        base.wait_until(lambda: ('createVolume', 0) in [
            (op, code) for _agent, op, _args, code in self.control.log()],
            'the creation')
        self.assertHolds()

    def test_migrated_volume_keeps_its_name_on_the_cluster(self):
        made = self.created(self.dsware)
        volume = base.make_volume(_name_id=made.id)
        self.assertNotEqual(made.id, volume.id)
        self.dsware.extend_volume(volume, 2)
        self.dsware.delete_volume(volume)
        self.assertHolds()

    def test_extend_shows_zeros(self):
        volume = self.created(self.dsware)
        end = 1 << 30
        self.host.write(volume.name, end - 4096, b'x' * 4096)
        self.dsware.extend_volume(volume, 3)
        self.assertEqual(3 << 30, self.host.size(volume.name))
        self.assertEqual(b'x' * 4096 + bytes(4096),
                         self.host.read(volume.name, end - 4096, 8192))

    def test_extend_while_attached(self):
        volume = self.created(self.dsware)
        path = self.host.attach(volume.name)
        self.dsware.extend_volume(volume, 2)
        with open(path, 'rb') as device:
            self.assertEqual(2 << 30, device.seek(0, 2))
        self.host.detach(volume.name)

    def test_extend_again_is_a_success(self):
        volume = self.created(self.dsware)
        self.dsware.extend_volume(volume, 2)
        self.dsware.extend_volume(volume, 2)
        self.assertEqual(2 * base.GIB, self.on_cluster(volume.name)['size'])

    def test_extend_to_less(self):
        volume = self.created(self.dsware, size=2)
        self.assertRaises(exception.VolumeBackendAPIException,
                          self.dsware.extend_volume, volume, 1)
        self.assertEqual(2 * base.GIB, self.on_cluster(volume.name)['size'])

    def test_extend_what_is_gone(self):
        self.assertRaises(exception.VolumeNotFound,
                          self.dsware.extend_volume, base.make_volume(), 2)

    def test_extend_in_a_full_pool(self):
        volume = self.created(
            self.dsware,
            volume_type=base.make_type(provisioning__type='thick'))
        self.control.fill_pool(0, free=10)
        self.assertRaisesRegex(
            exception.VolumeBackendAPIException,
            'Asked for 2048 MiB; free MiB by pool: 0: 10',
            self.dsware.extend_volume, volume, 2)
        self.assertEqual(base.GIB, self.on_cluster(volume.name)['size'])

    def test_other_name_templates(self):
        for template in ('%s', 'v.%s', 'OS_volume-%s-eu.west_1',
                         '_%s', 'x' * 53 + '%s'):
            with self.subTest(template=template):
                self.override_config('volume_name_template', template)
                volume = self.created(self.dsware)
                self.assertEqual(template % volume.id,
                                 self.on_cluster(volume.name)['name'])
                clone = base.make_volume()
                self.dsware.create_cloned_volume(clone, volume)
                self.dsware.delete_volume(clone)
                self.dsware.delete_volume(volume)
                self.assertHolds()

    def test_longest_names_that_the_cluster_can_take(self):
        self.override_config('volume_name_template', 'x' * 59 + '%s')
        volume = self.created(self.dsware)
        clone = base.make_volume()
        self.dsware.create_cloned_volume(clone, volume)
        self.assertEqual(95, len(self.on_cluster(clone.name)['name']))
        self.dsware.delete_volume(clone)
        self.dsware.delete_volume(volume)
        self.assertHolds()

    def test_names_that_the_cluster_cannot_take(self):
        for template in ('-%s', '.%s', 'a b%s', 'v,%s', 'v\n%s', 'v=%s',
                         'v%%0A%s', 'v\u00e9%s', 'x' * 60 + '%s',
                         '$(reboot)%s', '../%s', 'v\x00%s'):
            with self.subTest(template=template):
                self.override_config('volume_name_template', template)
                volume = base.make_volume()
                self.control.reset()
                for call in (self.dsware.create_volume,
                             self.dsware.delete_volume,
                             self.dsware.get_pool):
                    self.assertRaises(exception.VolumeBackendAPIException,
                                      call, volume)
                self.assertEqual([], self.ops())
                self.assertHolds()

    def test_a_name_that_has_another_as_its_start(self):
        self.override_config('volume_name_template', 'v-%s')
        long = self.created(self.dsware)
        self.override_config('volume_name_template', 'v-%.8s')
        short = base.make_volume(id=long.id)
        self.assertTrue(long.name.startswith('v-'))
        self.assertRaises(exception.VolumeNotFound, self.dsware.get_pool,
                          short)
        self.dsware.delete_volume(short)
        self.override_config('volume_name_template', 'v-%s')
        self.assertHolds(long)

    def test_one_request_for_one_creation(self):
        # Nothing is asked that is not needed: creations are frequent.
        self.control.reset()
        self.created(self.dsware)
        self.assertEqual(1, self.ops().count('createVolume'))
        self.assertLessEqual(len(self.ops()), 2)


class SocketVolumeTestCase(VolumeTests, base.SocketTestCase):

    def test_connections_are_used_again(self):
        for _n in range(10):
            self.dsware.delete_volume(self.created(self.dsware))
        base.wait_until(self.few_connections, 'one is enough')

    def test_idle_connections_that_the_peer_closed_are_not_used(self):
        self.created(self.dsware)
        addresses = [address for address, _port in self.simulator.agents]
        for address in addresses:
            self.control.agent_down(address)
        for address in addresses:
            self.control.agent_up(address)
        with mock.patch.object(operation, 'settled') as settled:
            self.created(self.dsware)
        settled.assert_not_called()


class CLIVolumeTestCase(VolumeTests, base.CLITestCase):
    pass
