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

"""Nova's own classes, with our volume driver among them.

Nova and Cinder cannot be imported into one process, since both register
options of the same names. So these tests need an environment of their own;
elsewhere they are skipped.
"""

import concurrent.futures
import importlib.util
import sys
import types
import unittest
from unittest import mock

import fixtures
from os_brick.initiator import connector as brick_connector

from os_brick_dsware import connector
from os_brick_dsware import exceptions
from os_brick_dsware import ledger as ledgers
from os_brick_dsware import registry
from os_brick_dsware import sds_connector
from os_brick_dsware.tests import fakes
from os_brick_dsware.tests import sds_fakes

WHY_NOT = ''
if not importlib.util.find_spec('nova'):
    WHY_NOT = 'Nova is not installed'
elif 'cinder' in sys.modules:
    WHY_NOT = 'Nova cannot be imported into a process that has Cinder'
else:
    from nova import exception as nova_exception
    from nova.virt.libvirt import config as nova_config
    from nova.virt.libvirt import driver as nova_driver
    from nova.virt.libvirt import host as nova_host
    from nova.virt.libvirt.volume import fs as nova_fs
    from os_brick_dsware import nova
    from os_brick_dsware import nova_drivers

VOLUME_ID = '0a3b2f3c-0000-4000-8000-00000000000a'
DISK = {'bus': 'virtio', 'dev': 'vdb', 'type': 'disk'}
GIB = 1024 ** 3


def _instance(number=1):
    return types.SimpleNamespace(
        uuid='6e1f8d8e-0000-4000-8000-%012d' % number)


@unittest.skipIf(WHY_NOT, WHY_NOT)
class NovaTestCase(fakes.ConnectorTestCase):
    """Gives each test Nova's libvirt driver, on a host without libvirt."""

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        self.libvirt = self._libvirt_driver()
        self.libvirt._host.find_secret.return_value = None
        self.libvirt._volume_api = mock.Mock()
        self.driver = self.libvirt._get_volume_driver(self.info())
        self.driver.connector = self.new_connector()

    def _libvirt_driver(self):
        for patch in (mock.patch.dict(sys.modules, libvirt=mock.Mock()),
                      mock.patch.object(nova_driver, 'libvirt', mock.Mock()),
                      mock.patch.object(nova_host, 'Host', autospec=True)):
            patch.start()
            self.addCleanup(patch.stop)
        return nova_driver.LibvirtDriver(mock.Mock(), False)

    def info(self, token='token-1', top=None, **changes):
        """Make connection_info as Nova gets it from Cinder."""
        return {'driver_volume_type': 'dsware', 'serial': VOLUME_ID,
                'data': self.properties(token, **changes), **(top or {})}

    def connect(self, info, instance=None):
        self.libvirt._connect_volume(None, info, instance or _instance())
        return info['data']['device_path']

    def disconnect(self, info, instance=None, force=False):
        self.libvirt._disconnect_volume(
            None, info, instance or _instance(), force=force)


class RegistrationTestCase(NovaTestCase):

    def module(self, **attributes):
        module = types.ModuleType('nova.virt.libvirt.driver')
        vars(module).update(attributes)
        return module

    def assertRefused(self, module, why):
        """One clear error is logged, nothing is changed or raised."""
        before = repr(vars(module))
        self.log.reset_output()
        self.assertFalse(registry.register_into(module))
        self.assertEqual(1, self.log.output.count('\n'), self.log.output)
        self.assertIn('cannot be attached by this process', self.log.output)
        self.assertIn('nova.virt.libvirt.driver', self.log.output)
        self.assertIn(why, self.log.output)
        self.assertEqual(before, repr(vars(module)))

    def test_nova_finds_our_driver(self):
        self.assertEqual(registry.NOVA_DRIVER,
                         nova_driver.VOLUME_DRIVERS['dsware'])
        self.assertIsInstance(self.driver, nova.LibvirtDSWareVolumeDriver)
        self.assertTrue(self.driver.is_block_dev)
        self.assertIs(self.driver,
                      self.libvirt._get_volume_driver(self.info()))
        made = nova.LibvirtDSWareVolumeDriver(None)
        self.assertIs(connector.DSWareConnector, type(made.connector))

    def test_a_second_time_changes_nothing(self):
        before = dict(nova_driver.VOLUME_DRIVERS)
        self.log.reset_output()
        self.assertTrue(registry.register_into(nova_driver))
        self.assertEqual(before, nova_driver.VOLUME_DRIVERS)
        self.assertEqual('', self.log.output)

    def test_shape_has_changed(self):
        for drivers in (None, [], ['dsware=x.Y'], {'local': object},
                        {'local': ('x', 'Y')}):
            self.assertRefused(self.module(VOLUME_DRIVERS=drivers),
                               'VOLUME_DRIVERS')
        self.assertRefused(self.module(), 'VOLUME_DRIVERS')

    def test_somebody_else_provides_it(self):
        self.assertRefused(
            self.module(VOLUME_DRIVERS={'dsware': 'theirs.Driver'}),
            'theirs.Driver')

    def test_base_class_is_gone(self):
        package = sys.modules['nova.virt.libvirt.volume']
        with mock.patch.object(package, 'fs'), mock.patch.dict(
                sys.modules, {'nova.virt.libvirt.volume.fs': None}):
            del package.fs
            del sys.modules[registry.NOVA_MODULE]
            self.assertRefused(
                self.module(VOLUME_DRIVERS={'local': 'nova.x.Y'}),
                'nova.virt.libvirt.volume.fs')

    def test_class_of_drivers_that_count_is_gone(self):
        with mock.patch.object(
                nova_fs, 'LibvirtMountedFileSystemVolumeDriver'):
            del nova_fs.LibvirtMountedFileSystemVolumeDriver
            nova_drivers._be_told_of_every_instance()
        self.assertIn('several instances', self.log.output)

    def test_host_that_os_brick_does_not_serve(self):
        self.libvirt.volume_drivers.clear()
        with mock.patch.dict(brick_connector._connector_mapping_linux):
            del brick_connector._connector_mapping_linux['DSWARE']
            self.assertRaises(nova_exception.VolumeDriverNotSupported,
                              self.libvirt._get_volume_driver, self.info())
        self.assertRaises(nova_exception.VolumeDriverNotFound,
                          self.libvirt._get_volume_driver,
                          {'driver_volume_type': 'dswore'})


class ConfigTestCase(NovaTestCase):

    def disk(self, top=None, disk_info=DISK, **changes):
        info = self.info(top=top, device_path='/dev/disk/by-id/wwn-0x68',
                         **changes)
        conf = self.driver.get_config(info, disk_info)
        self.assertIsInstance(conf, nova_config.LibvirtConfigGuestDisk)
        return conf.format_dom()

    def test_disk(self):
        disk = self.disk()
        self.assertEqual(
            {'type': 'block', 'device': 'disk'}, dict(disk.attrib))
        self.assertEqual(
            {'name': 'qemu', 'type': 'raw', 'cache': 'none', 'io': 'native'},
            dict(disk.find('driver').attrib))
        self.assertEqual({'dev': '/dev/disk/by-id/wwn-0x68'},
                         dict(disk.find('source').attrib))
        self.assertEqual({'bus': 'virtio', 'dev': 'vdb'},
                         dict(disk.find('target').attrib))
        self.assertEqual(VOLUME_ID, disk.findtext('serial'))
        for absent in ('readonly', 'shareable', 'encryption', 'iotune'):
            self.assertIsNone(disk.find(absent))

    def test_discard(self):
        for discard, expected in ((True, 'unmap'), (False, None),
                                  ('missing', None)):
            driver = self.disk(discard=discard).find('driver')
            self.assertEqual(expected, driver.get('discard'))

    def test_what_nova_adds(self):
        disk = self.disk(
            top={'multiattach': True}, access_mode='ro',
            qos_specs={'read_iops_sec': '5'},
            disk_info={'bus': 'scsi', 'dev': 'sdb', 'type': 'disk',
                       'unit': 3})
        self.assertIsNotNone(disk.find('shareable'))
        self.assertIsNotNone(disk.find('readonly'))
        self.assertEqual('5', disk.findtext('iotune/read_iops_sec'))
        self.assertEqual('3', disk.find('address').get('unit'))

    def test_encrypted(self):
        secret = self.libvirt._host.find_secret.return_value = mock.Mock()
        secret.UUIDString.return_value = 'the-secret'
        disk = self.disk()
        self.assertEqual('luks', disk.find('encryption').get('format'))
        self.assertEqual('the-secret',
                         disk.find('encryption/secret').get('uuid'))

    def test_stable_path_of_a_connected_volume(self):
        info = self.info()
        self.connect(info)
        disk = self.driver.get_config(info, DISK).format_dom()
        self.assertEqual(self.link, disk.find('source').get('dev'))


class CallsTestCase(NovaTestCase):
    """What os-brick is asked."""

    def setUp(self):
        super().setUp()
        self.brick = self.driver.connector = mock.create_autospec(
            connector.DSWareConnector, instance=True)
        self.brick.connect_volume.return_value = {
            'type': 'block', 'path': '/dev/x'}

    def asked(self, info, number=1, **changes):
        return {**info['data'], 'dsware_user_kind': 'instance',
                'dsware_instance': _instance(number).uuid, **changes}

    def test_connect(self):
        info = self.info()
        before = {key: dict(value) if key == 'data' else value
                  for key, value in info.items()}
        self.driver.connect_volume(info, _instance())
        self.brick.connect_volume.assert_called_once_with(
            self.asked(before))
        # Nova stores it: identity and path, and nothing of ours.
        before['data']['device_path'] = '/dev/x'
        self.assertEqual(before, info)

    def test_disconnect(self):
        info = self.info(device_path='/dev/x')
        for force in (False, True):
            self.driver.disconnect_volume(info, _instance(), force=force)
            self.brick.disconnect_volume.assert_called_with(
                self.asked(info), None, force=force)

    def test_extend(self):
        info = self.info(device_path='/dev/x')
        self.brick.extend_volume.return_value = 2 * GIB
        for requested in (2 * GIB, GIB):
            self.assertEqual(2 * GIB, self.driver.extend_volume(
                info, _instance(), requested))
        self.brick.extend_volume.assert_called_with(self.asked(info))

    def test_extend_to_less_than_was_asked(self):
        self.brick.extend_volume.return_value = GIB
        error = self.assertRaises(
            nova_exception.VolumeExtendFailed, self.driver.extend_volume,
            self.info(device_path='/dev/x'), _instance(), 2 * GIB)
        for part in (fakes.NAME, str(GIB), str(2 * GIB)):
            self.assertIn(part, str(error))

    def test_without_a_token_the_instance_counts(self):
        for token in ('missing', '', None):
            info = self.info(token)
            self.driver.connect_volume(info, _instance(7))
            self.brick.connect_volume.assert_called_with(
                self.asked(self.info(token), 7,
                           attachment=_instance(7).uuid))

    def test_errors_reach_nova(self):
        error = exceptions.CommandRefused('no')
        info = self.info(device_path='/dev/x')
        for method, call in (
                (self.brick.connect_volume, self.driver.connect_volume),
                (self.brick.disconnect_volume,
                 self.driver.disconnect_volume)):
            method.side_effect = error
            self.assertIs(error, self.assertRaises(
                exceptions.CommandRefused, call, info, _instance()))
        self.brick.extend_volume.side_effect = error
        self.assertRaises(exceptions.CommandRefused,
                          self.driver.extend_volume, info, _instance(), 1)


class HostTestCase(NovaTestCase):
    """With the real connector, on a host that is not."""

    def test_instance_outlives_the_process(self):
        self.connect(self.info())
        user, = self.users()
        self.assertEqual(
            ('token-1', ledgers.INSTANCE, _instance().uuid),
            (user.token, user.kind, user.instance))
        # Somebody else of this host, after nova-compute was killed.
        with mock.patch('os_brick_dsware.ledger.Process.alive',
                        return_value=False):
            self.new_connector().connect_volume(self.properties('cinder'))
            self.new_connector().disconnect_volume(
                self.properties('cinder'), None)
        self.assertTrue(self.cluster.attached)
        self.disconnect(self.info())
        self.assertEqual({}, self.cluster.attached)
        self.assertEqual([], self.users())

    def test_several_instances_share_a_volume(self):
        """Nova must tell of each instance, and without asking Cinder."""
        for tokens in (('token-1', 'token-2', 'token-3'), ['missing'] * 3):
            uses = [(self.info(token, top={'multiattach': True}),
                     _instance(number))
                    for number, token in enumerate(tokens)]
            self.assertEqual(1, len({self.connect(*use) for use in uses}))
            for use in uses[1:] + uses[:1]:
                self.assertTrue(self.cluster.attached)
                self.disconnect(*use)
            self.assertEqual({}, self.cluster.attached)
            self.assertEqual([], self.users())
        self.libvirt._volume_api.get.assert_not_called()

    def test_evacuated_instance_is_destroyed(self):
        """Nova has the new host's data, when the old one comes back."""
        self.connect(self.info('old'))
        self.cluster.attached['192.0.2.9', fakes.NAME] = '/dev/elsewhere'
        bdi = {'block_device_mapping': [
            {'connection_info': self.info('new', agent_ip='192.0.2.9')}]}
        with mock.patch.multiple(
                self.libvirt, _get_vpmems=mock.Mock(return_value=None),
                _unplug_vifs=mock.DEFAULT, _undefine_domain=mock.DEFAULT):
            # It disconnects with force.
            self.libvirt._cleanup(
                None, mock.MagicMock(uuid=_instance().uuid), [], bdi)
        self.assertEqual([('192.0.2.9', fakes.NAME)],
                         list(self.cluster.attached))
        self.assertEqual([], self.users())

    def test_failed_encryption_is_rolled_back(self):
        with mock.patch.object(self.libvirt, '_attach_encryptor',
                               side_effect=ValueError):
            self.assertRaises(ValueError, self.connect, self.info())
        self.assertEqual({}, self.cluster.attached)
        self.assertEqual([], self.users())

    def test_many_at_once_through_one_driver(self):
        count = 12
        for number in range(count):
            self.cluster.add('volume-a%d' % number, size=number + 1,
                             wwn='68886030%08d' % number)
        infos = [self.info('token-%d' % number,
                           volume_name='volume-a%d' % number,
                           wwn='68886030%08d' % number)
                 for number in range(count)]
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            paths = list(pool.map(self.connect, infos))
            self.assertEqual(
                [self.cluster.path('by-id', 'wwn-0x68886030%08d' % number)
                 for number in range(count)], paths)
            list(pool.map(self.disconnect, infos))
        self.assertEqual({}, self.cluster.attached)


class SDSTestCase(sds_fakes.SDSTestCase, NovaTestCase):
    """Volumes of SDSHypervisor, as its volume driver describes them."""

    def _libvirt_driver(self):
        self.assertNotIn(registry.SDS_VOLUME_TYPE, nova_driver.VOLUME_DRIVERS)
        patch = mock.patch.dict(nova_driver.VOLUME_DRIVERS)
        patch.start()
        self.addCleanup(patch.stop)
        self.conf.config(group='os_brick', dsware_replace_sdshypervisor=True)
        registry.register_into(nova_driver)
        return super()._libvirt_driver()

    def info(self, token='missing', top=None, **changes):
        return {**super().info(token, top, **changes),
                'driver_volume_type': registry.SDS_VOLUME_TYPE}

    def test_nova_finds_our_driver(self):
        self.assertEqual(
            registry.SDS_NOVA_DRIVER,
            nova_driver.VOLUME_DRIVERS[registry.SDS_VOLUME_TYPE])
        self.assertIs(nova_drivers.LibvirtSDSHypervisorVolumeDriver,
                      type(self.driver))
        made = nova_drivers.LibvirtSDSHypervisorVolumeDriver(None)
        self.assertIs(sds_connector.SDSHypervisorConnector,
                      type(made.connector))

    def test_connect_extend_disconnect(self):
        info = self.info()
        path = self.connect(info)
        self.assertEqual(self.cluster.path('by-id', 'wwn-0x' + fakes.WWN),
                         path)
        disk = self.driver.get_config(info, DISK).format_dom()
        self.assertEqual(path, disk.find('source').get('dev'))
        self.cluster.volumes[fakes.NAME] = 2
        with open(path, 'ab') as stream:
            stream.truncate(2 * fakes.MIB)
        self.assertEqual(2 * fakes.MIB, self.libvirt._extend_volume(
            info, _instance(), 2 * fakes.MIB))
        error = self.assertRaises(
            nova_exception.VolumeExtendFailed, self.libvirt._extend_volume,
            info, _instance(), 3 * fakes.MIB)
        self.assertIn('has 2097152 bytes', str(error))
        self.disconnect(info)
        self.assertEqual({}, self.cluster.attached)
