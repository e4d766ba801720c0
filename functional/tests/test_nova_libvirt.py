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
"""Nova's libvirt driver with a real libvirt and real, emulated guests.

The guests have no operating system: what a guest would read and write, QEMU's
monitor reads and writes through the guest's own device.
"""

import json
import os
import unittest
import uuid

from dsware_sim.host import devices

from functional.services import calls
from functional.services import guest_disk
from functional.services import libvirt
from functional.services import nova
from functional.services import simulator
from functional.services import stack
from functional.services import stock_host
from functional.tests import base

GIB = base.GIB
MIB = base.MIB
DISK = 'sda'
# Not nova, which is a section of cinder.conf.
BACKEND = 'guests'
# Nothing of this project's acts on its compute host.
STOCK = 'stock-guests'


def _why_not():
    if not devices.have_loop_devices():
        return 'no loop devices can be made here, or not by this user'
    return nova.why_not() or libvirt.why_not()


WHY_NOT = _why_not()


class ComputeStack(stack.Stack):
    """An all-in-one host: Cinder's services and nova-compute share it."""

    def __init__(self, directory):
        main = simulator.Simulator(directory / 'main')
        super().__init__(directory, {'main': main},
                         {BACKEND: ('main', {}),
                          STOCK: ('main', {'dsware_attach_by': 'manager'})},
                         options={'enable_force_upload': True})
        self.libvirt = libvirt.Libvirt(directory / 'lv')
        self.nova = None
        self._stock = None

    def start(self):
        """Start everything and wait until it answers.

        :raises functional.services.process.ProcessFailed: it does not
        """
        self.libvirt.start()
        super().start()
        agent = self.simulator.agents[stack.MANAGER]
        self.nova = self._make_nova(
            'nova', simulator.brick_options(agent, self.simulator.fsc_cli))
        self.nova.start()

    def stock_nova(self):
        """A nova-compute that knows nothing of this project.

        :returns: the running Nova, started when it is first asked for
        """
        if self._stock is None:
            self._stock = self._make_nova(
                STOCK, {}, {stock_host.HOOK_OFF: '1'})
            self._stock.start()
        return self._stock

    def _make_nova(self, name, brick_options, environment=None):
        cinder = self.directory / 'cinder'
        return nova.Nova(
            self.directory / name, self.libvirt.uri,
            self.simulator.agents[stack.MANAGER][0], cinder / 'locks',
            brick_options, cinder / 'bin', name, environment)

    def stop(self):
        """Stop all that was started: the guests first, they have devices."""
        try:
            for one in filter(None, (self.nova, self._stock)):
                one.stop()
            self.libvirt.stop()
        finally:
            super().stop()


@unittest.skipIf(WHY_NOT, WHY_NOT)
class NovaTestCase(base.FunctionalTestCase):

    make_stack = ComputeStack
    backend = BACKEND

    def setUp(self):
        super().setUp()
        self.nova = self.stack.nova
        self.libvirt = self.stack.libvirt
        self.agent = self.simulator.agents[stack.MANAGER][0]

    # Guests -----------------------------------------------------------------

    def create_instance(self):
        """Make an instance and start its guest.

        :returns: its id, which is also the guest's name
        """
        instance = str(uuid.uuid4())
        self.libvirt.create_guest(instance, instance)
        self.addCleanup(self.libvirt.destroy_guest, instance)
        self.nova.call('create_instance', uuid=instance)
        return instance

    def plug(self, instance, volume, device=DISK, multiattach=False):
        """Attach a volume to an instance, as Nova's API has it done.

        :returns: what Nova keeps: the attachment's id and connection_info
        """
        made = self.volumes.create_attachment(
            volume.id, connector=self.nova.call(
                'connector', instance=instance))
        self.addCleanup(self._release, instance, made, device)
        # Nova stores it as JSON.
        info = json.loads(json.dumps(self.nova.call(
            'attach', instance=instance, volume=volume.id, device=device,
            multiattach=multiattach, attachment={
                'id': made.id, 'status': made.status,
                'connection_info': made.connection_info})))
        self.volumes.complete_attachment(made.id)
        return made.id, info

    def unplug(self, instance, attached, device=DISK):
        """Detach a volume from an instance; see plug()."""
        attachment, info = attached
        self.nova.call('detach', instance=instance, info=info, device=device)
        self.volumes.delete_attachment(attachment)

    def _release(self, instance, made, device):
        """Unplug what a test that failed has left."""
        if made.id not in [one.id for one in self.volumes.attachments()]:
            return
        if device in self.disks(instance):
            self.libvirt.virsh('detach-disk', instance, device,
                               '--persistent')
        self.nova.call(
            'disconnect', instance=instance, force=True,
            info={'driver_volume_type':
                  made.connection_info['driver_volume_type'],
                  'data': made.connection_info})
        self.volumes.delete_attachment(made.id)

    def disks(self, instance):
        """The disks that libvirt knows; see Libvirt.disks()."""
        return self.libvirt.disks(instance)

    def disk(self, instance, volume):
        """The volume as the guest's device.

        :returns: a guest_disk.GuestDisk
        """
        return guest_disk.GuestDisk(self.libvirt, instance, volume.id)

    # The host ---------------------------------------------------------------

    def link(self, volume):
        """The stable name of a volume's device."""
        return '/dev/disk/by-id/wwn-0x' + self.volume_on_cluster(
            volume)['wwn']

    def stored(self, path, offset, size):
        """Bytes as the cluster has them, not as the device shows them."""
        device = os.path.basename(os.path.realpath(path))
        with open('/sys/block/%s/loop/backing_file' % device) as name:
            file_name = name.read().rstrip('\n')
        self.assertIn(str(self.simulator.directory), file_name)
        with open(file_name, 'rb') as stored:
            stored.seek(offset)
            return stored.read(size)

    def assert_stored(self, path, offset, byte, size=MIB):
        """Check that the cluster has a run of one byte."""
        self.assertTrue(self.stored(path, offset, size) == byte * size,
                        'other bytes at %d' % offset)

    def records(self):
        """What the connector has recorded of who uses which volume."""
        found = self.stack.directory / 'cinder' / 'locks' / 'dsware'
        return [path.name for path in found.rglob('*.json')]

    def assert_nothing_is_left(self, link):
        """Check that the host and the cluster are as before."""
        self.assertEqual([], self.control.status()['attachments'])
        self.assertFalse(os.path.lexists(link))
        self.assertEqual([], self.records())
        self.assertEqual([], list(devices.loops_below(
            str(self.simulator.directory / 'data'))))


class PlugTestCase(NovaTestCase):

    def test_plug_write_extend_unplug(self):
        instance, volume = self.create_instance(), self.create_volume()
        link = self.link(volume)

        attached = self.plug(instance, volume)

        self._check_disk(self.disks(instance)[DISK], link, volume)
        self.assertEqual('in-use', self.volumes.get_volume(volume).status)
        self.assertEqual(
            [('volume-' + volume.id, self.agent)],
            [(found['name'], found['agent'])
             for found in self.control.status()['attachments']])
        self.disk(instance, volume).run('write -P 0x5a 1M 1M')
        self.assert_stored(link, MIB, b'\x5a')
        self.assert_stored(link, 0, b'\0')

        self.volumes.extend_volume(volume.id, 2)
        self.cloud.wait_for_volume(volume, 'in-use')
        self.assertEqual(GIB, self.disk(instance, volume).size)
        self.nova.call('extend', instance=instance, info=attached[1],
                       size=2 * GIB)
        self.assertEqual(2 * GIB, self.disk(instance, volume).size)
        self.disk(instance, volume).run('write -P 0xa5 2047M 1M')
        self.assert_stored(link, 2047 * MIB, b'\xa5')

        self.unplug(instance, attached)
        self.cloud.wait_for_volume(volume)
        self.assertEqual({}, self.disks(instance))
        self.assert_nothing_is_left(link)
        with self.attached(volume) as path:
            self.assert_device_size(path, 2)
            self.assert_stored(path, MIB, b'\x5a')

    def _check_disk(self, disk, link, volume):
        self.assertEqual('block', disk.get('type'))
        self.assertEqual(link, disk.find('source').get('dev'))
        self.assertEqual(volume.id, disk.findtext('serial'))
        driver = disk.find('driver').attrib
        self.assertEqual(
            {'name': 'qemu', 'type': 'raw', 'cache': 'none', 'io': 'native',
             'discard': 'unmap'}, dict(driver))

    def test_discard_reaches_the_cluster(self):
        instance, volume = self.create_instance(), self.create_volume()
        attached = self.plug(instance, volume)
        self.disk(instance, volume).run('write -P 1 0 8M')
        self.assert_stored(self.link(volume), 4 * MIB, b'\1')

        self.disk(instance, volume).run('discard 0 8M')

        self.assert_stored(self.link(volume), 4 * MIB, b'\0')
        self.unplug(instance, attached)

    def test_extend_that_the_cluster_knows_nothing_of(self):
        instance, volume = self.create_instance(), self.create_volume()
        attached = self.plug(instance, volume)

        error = self.assertRaises(
            calls.CallFailed, self.nova.call, 'extend', instance=instance,
            info=attached[1], size=2 * GIB)

        self.assertIn('VolumeExtendFailed', str(error))
        self.assertIn('volume-' + volume.id, str(error))
        self.assertEqual(GIB, self.disk(instance, volume).size)
        self.unplug(instance, attached)

    def test_volume_in_use_by_a_guest_is_not_taken_away(self):
        instance, volume = self.create_instance(), self.create_volume()
        attached = self.plug(instance, volume)

        error = self.assertRaises(
            calls.CallFailed, self.nova.call, 'disconnect', instance=instance,
            info=attached[1], force=False)
        self.assertIn('VolumeInUse', str(error))

        self.disk(instance, volume).run('write -P 2 0 1M')
        self.assert_stored(self.link(volume), 0, b'\2')
        self.unplug(instance, attached)
        self.assertEqual([], self.records())

    def test_guest_is_gone(self):
        instance, volume = self.create_instance(), self.create_volume()
        link = self.link(volume)
        _attachment, info = self.plug(instance, volume)
        self.libvirt.virsh('destroy', instance)

        # As when an instance is deleted.
        for _time in range(2):
            self.nova.call('disconnect', instance=instance, info=info,
                           force=True)

        self.assert_nothing_is_left(link)


class SharingTestCase(NovaTestCase):

    def test_instances_share_a_volume(self):
        """Nova does not tell drivers of block devices of all but the last."""
        kind = self.volume_type('nova-shared', multiattach='<is> True')
        volume = self.create_volume(volume_type=kind)
        link = self.link(volume)
        first, second = self.create_instance(), self.create_instance()
        attached = {instance: self.plug(instance, volume, multiattach=True)
                    for instance in (first, second)}
        self.assertEqual(1, len(self.control.status()['attachments']))
        for instance in attached:
            disk = self.disks(instance)[DISK]
            self.assertEqual(link, disk.find('source').get('dev'))
            self.assertIsNotNone(disk.find('shareable'))
        self.disk(first, volume).run('write -P 3 0 1M')
        self.disk(second, volume).run('read -P 3 0 1M')
        # What such a check is worth.
        self.assertRaises(guest_disk.Failed, self.disk(second, volume).run,
                          'read -P 4 0 1M')

        self.unplug(first, attached[first])

        self.disk(second, volume).run('write -P 4 0 1M')
        self.assert_stored(link, 0, b'\4')
        self.unplug(second, attached[second])
        self.assert_nothing_is_left(link)

    def test_nova_compute_is_killed(self):
        """Whoever else uses the volume meanwhile, the instance keeps it."""
        instance, volume = self.create_instance(), self.create_volume()
        link = self.link(volume)
        attached = self.plug(instance, volume)
        self.nova.kill()
        try:
            self.upload(volume)
            self.disk(instance, volume).run('write -P 5 0 1M')
            self.libvirt.virsh('destroy', instance)
            # Now nothing has the device open.
            self.upload(volume)
            self.assertEqual(1, len(self.control.status()['attachments']))
            self.libvirt.virsh('start', instance)
        finally:
            self.nova.start()

        self.disk(instance, volume).run('read -P 5 0 1M')
        self.disk(instance, volume).run('write -P 6 1M 1M')
        self.assert_stored(link, MIB, b'\6')
        self.unplug(instance, attached)
        self.assert_nothing_is_left(link)

    def upload(self, volume):
        """Let Cinder read the volume on the same host."""
        answer = self.volumes.upload_volume_to_image(
            volume, self.id(), force=True, disk_format='qcow2',
            container_format='bare')
        self.addCleanup(self.images.delete_image, answer['image_id'])
        self.cloud.wait_for_image(answer['image_id'])
        self.cloud.wait_for_volume(volume, 'in-use')
        self.assertLess(0, self.images.get_image(answer['image_id']).size)


class StockTestCase(NovaTestCase):
    """The driver attaches; Nova has its own driver for local volumes."""

    backend = STOCK

    def setUp(self):
        super().setUp()
        self.nova = self.stack.stock_nova()

    def test_plug_write_unplug(self):
        instance, volume = self.create_instance(), self.create_volume()
        link = self.link(volume)

        attached = self.plug(instance, volume)

        self.assertEqual('local', attached[1]['driver_volume_type'])
        disk = self.disks(instance)[DISK]
        self.assertEqual('block', disk.get('type'))
        self.assertEqual(link, disk.find('source').get('dev'))
        self.assertEqual('unmap', disk.find('driver').get('discard'))
        self.disk(instance, volume).run('write -P 0x5a 1M 1M')
        self.assert_stored(link, MIB, b'\x5a')
        error = self.assertRaises(
            calls.CallFailed, self.nova.call, 'extend', instance=instance,
            info=attached[1], size=2 * GIB)
        self.assertIn('ExtendVolumeNotSupported', str(error))
        self.unplug(instance, attached)
        self.cloud.wait_for_volume(volume)
        self.assert_nothing_is_left(link)

    def test_instances_and_an_upload_share_a_volume(self):
        kind = self.volume_type(STOCK + '-shared', multiattach='<is> True')
        volume = self.create_volume(volume_type=kind)
        link = self.link(volume)
        first, second = self.create_instance(), self.create_instance()
        attached = {instance: self.plug(instance, volume, multiattach=True)
                    for instance in (first, second)}
        for _attachment, info in attached.values():
            # Else Nova asks Cinder, which it cannot reach here, whether to
            # disconnect; for local volumes that does nothing.
            del info['multiattach']
        self.disk(first, volume).run('write -P 3 0 1M')
        self.disk(second, volume).run('read -P 3 0 1M')

        self.unplug(first, attached[first])

        SharingTestCase.upload(self, volume)
        self.disk(second, volume).run('write -P 4 0 1M')
        self.assert_stored(link, 0, b'\4')
        self.unplug(second, attached[second])
        self.assert_nothing_is_left(link)
