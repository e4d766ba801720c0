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

"""Guests that write and read all the time, whatever is done to volumes.

They have no operating system: QEMU reads and writes in their place.
"""

from testtools import matchers

from functional.box import guest
from functional.box.scenarios import base
from functional.box.scenarios import writer as writer_
from functional import content
from functional.data import blocks
from functional.data import device
from functional.services import guest_disk
from functional.services import waiting

GIB = base.GIB


def _has(server, volume):
    """Whether a volume is attached to a server."""
    return server.id in {one['server_id'] for one in volume.attachments}


class GuestsTestCase(base.ScenarioTestCase):
    """Servers with volumes; all of them go when a test ends."""

    def setUp(self):
        super().setUp()
        self.plain, self.multiattach = self.plane.volume_types

    # What there is ----------------------------------------------------------

    def create_volume(self, volume_type=None, **attributes):
        """Make a volume of 1 GiB.

        :param volume_type: name of its type, or None for the plain one
        :param attributes: what else the Block Storage API wants
        :returns: the volume
        """
        made = self.volumes.create_volume(
            size=1, volume_type=volume_type or self.plain, **attributes)
        self.addCleanup(self.cloud.delete_volume, made)
        return self.cloud.wait_for_volume(made)

    def create_server(self, **attributes):
        """Make a server.

        :param attributes: what the Compute API wants to know of its disks;
                           by default it boots an image
        :returns: the server
        """
        attributes = attributes or {'image_id': self.plane.images[0]}
        made = self.compute.create_server(
            name='guest', flavor_id=self.plane.flavors[0], networks='none',
            **attributes)
        self.addCleanup(self._delete_server, made)
        return self.compute.wait_for_server(made, interval=0.2)

    def _delete_server(self, server):
        self.compute.delete_server(server)
        self.compute.wait_for_delete(server, interval=0.2)

    def disk(self, server, volume):
        """A volume as the server's guest has it.

        :returns: a guest_disk.GuestDisk
        """
        return guest_disk.GuestDisk(self.plane.libvirt, server.instance_name,
                                    volume.id)

    def attach(self, server, volume):
        """Attach a volume until the end of the test, or until detach().

        :returns: see disk()
        """
        self.compute.create_volume_attachment(server, volume_id=volume.id)
        self.addCleanup(self._detach_if_attached, server, volume)
        self.wait_for(lambda: _has(server, self._settled(volume)),
                      'An attachment')
        return self.disk(server, volume)

    def detach(self, server, volume):
        """Detach a volume, and wait until it is."""
        self.compute.delete_volume_attachment(server, volume.id)
        self.wait_for(lambda: not _has(server, self._settled(volume)),
                      'The end of an attachment')

    def _settled(self, volume):
        """The volume as it is, unless it is being attached or detached."""
        found = self.volumes.get_volume(volume)
        if found.status != ('in-use' if found.attachments else 'available'):
            raise waiting.NotYet('it is ' + found.status)
        return found

    def _detach_if_attached(self, server, volume):
        found = self.wait_for(lambda: self._settled(volume),
                              'An attachment or the end of it')
        if _has(server, found):
            self.detach(server, volume)

    # What is in it ----------------------------------------------------------

    def start_writer(self, disk, places=None, history=None):
        """Have a guest write and read until the end of the test, or stop().

        :param disk: a GuestDisk
        :param places: offsets, or None for some all over 1 GiB
        :param history: see writer.Writer
        :returns: a writer.Writer that has written to each place
        """
        made = writer_.Writer(disk, places or device.places(1), history)
        self.addCleanup(made.end)
        made.start()
        made.go_round()
        return made

    def start_writing(self):
        """Make a server that writes to a volume.

        :returns: the server, the volume and the writer.Writer
        """
        server, volume = self.create_server(), self.create_volume()
        return server, volume, self.start_writer(self.attach(server, volume))

    def check(self, disk, point, size=1, begin=0):
        """Compare all bytes of a disk that nobody writes to.

        :param disk: a GuestDisk
        :param point: the history.Point of which it has to be
        :param size: GiB that it has to have
        :param begin: offset of the first byte that is compared
        :returns: what it holds, a dict of offset to blocks.Mark
        """
        return point.resolve(device.read(disk.source, size, begin))

    def check_copy(self, server, volume, point):
        """Let the server have a volume, and compare it; see check()."""
        self.check(self.attach(server, volume), point)
        self.detach(server, volume)

    def check_written(self, disk, writer, **kwargs):
        """Stop a writer and compare what it wrote to; see check()."""
        writer.stop()
        return self.check(disk, writer.history.now(), **kwargs)


class OneServerTest(GuestsTestCase):

    def test_extend(self):
        server, volume, writer = self.start_writing()
        disk = self.disk(server, volume)
        self.assertEqual(GIB, disk.size)

        self.volumes.extend_volume(volume, 2)

        self.wait_for(lambda: disk.size == 2 * GIB, "The guest's new size")
        writer.places = device.places(2)
        writer.go_round()
        self.assertEqual(2, self.cloud.wait_for_volume(volume, 'in-use').size)
        found = self.check_written(disk, writer, size=2)
        self.assertIn(2 * GIB - blocks.SIZE, found)

    def test_snapshot(self):
        server, volume, writer = self.start_writing()

        before = writer.history.acknowledged()
        snapshot = self.volumes.create_snapshot(volume_id=volume.id,
                                                is_forced=True)
        self.addCleanup(self.cloud.delete_snapshot, snapshot)
        self.cloud.wait_for_snapshot(snapshot)
        point = writer.history.point(before)

        # Nothing that is in the volume now was there then.
        writer.go_round()
        copy = self.create_volume(snapshot_id=snapshot.id)
        self.check_copy(server, copy, point)
        self.check_written(self.disk(server, volume), writer)

    def test_backup(self):
        server, volume, writer = self.start_writing()

        before = writer.history.acknowledged()
        backup = self.volumes.create_backup(volume_id=volume.id, force=True)
        self.addCleanup(self.cloud.delete_backup, backup)
        self.cloud.wait_for_backup(backup)
        point = writer.history.point(before)

        writer.go_round()
        restored = self.create_volume()
        self.volumes.restore_backup(backup, volume_id=restored.id)
        self.cloud.wait_for_backup(backup)
        self.cloud.wait_for_volume(restored)
        self.check_copy(server, restored, point)
        self.check_written(self.disk(server, volume), writer)

    def test_detach_and_attach_again(self):
        server, volume, writer = self.start_writing()

        self.detach(server, volume)

        writer.wait_until_gone()
        # The last write may have been done without being acknowledged.
        history = writer.history
        point = history.point(history.acknowledged())
        disk = self.attach(server, volume)
        history.settle(self.check(disk, point))
        self.check_written(disk, self.start_writer(disk, history=history))

    def test_boot_from_volume(self):
        volume = self.create_volume(image_id=self.plane.images[0])
        server = self.create_server(block_device_mapping=[
            {'source_type': 'volume', 'destination_type': 'volume',
             'uuid': volume.id, 'boot_index': 0}])
        self.wait_until_booted(server)
        disk = self.disk(server, volume)
        writer = self.start_writer(disk, [
            place for place in device.places(1) if place >= guest.SIZE])
        writer.stop()

        self.compute.reboot_server(server, 'HARD')
        self.compute.wait_for_server(self.compute.get_server(server),
                                     interval=0.2)

        # QEMU is a new one.
        self.wait_until_booted(server)
        self.assertEqual(guest.image()[:blocks.SIZE],
                         disk.read(0, blocks.SIZE))
        self.check(disk, writer.history.now(), begin=guest.SIZE)
        self.check_written(
            disk, self.start_writer(disk, writer.places, writer.history),
            begin=guest.SIZE)

    def wait_until_booted(self, server):
        message = guest.MESSAGE.decode().strip()
        self.wait_for(
            lambda: message in self.compute.get_server_console_output(
                server)['output'], 'A boot')


class EncryptionTest(GuestsTestCase):
    """QEMU encrypts, so this needs nothing of the kernel's."""

    def create_type(self):
        name = self.plain + '-encrypted'
        made = self.volumes.create_type(name=name, extra_specs={
            'volume_backend_name': self.plane.backends[0]})
        self.addCleanup(self.volumes.delete_type, made)
        self.volumes.create_type_encryption(
            made, provider='luks', cipher='aes-xts-plain64', key_size=256,
            control_location='front-end')
        return name

    def test_encrypted_volume(self):
        server = self.create_server()
        volume = self.create_volume(self.create_type())
        disk = self.attach(server, volume)
        # The cluster's is larger, by the header of LUKS.
        self.assertThat(disk.size, matchers.LessThan(GIB))
        writer = self.start_writer(disk, [
            place for place in device.places(1) if place < disk.size])

        self.detach(server, volume)

        writer.wait_until_gone()
        history = writer.history
        point = history.point(history.acknowledged())
        disk = self.attach(server, volume)
        history.settle(point.resolve(self.read(disk, writer.places)))
        self.check_cipher(disk.source)
        again = self.start_writer(disk, writer.places, history)
        again.stop()
        history.now().resolve(self.read(disk, writer.places))

    @staticmethod
    def read(disk, places):
        """Read what the guest has at some places, which all are written."""
        return {place: blocks.decode(disk.read(place, blocks.SIZE), place)
                for place in places}

    def check_cipher(self, path):
        """See that there is something, and nothing that can be read."""
        found = b''.join(chunk for _place, chunk in content.data_chunks(
            path, GIB))
        self.assertTrue(found.startswith(b'LUKS'))
        self.assertEqual(0, found.count(blocks.MAGIC))


class TwoServersTest(GuestsTestCase):

    def test_multiattach(self):
        volume = self.create_volume(self.multiattach)
        servers = self.create_server(), self.create_server()
        places = device.places(1)
        # The second one comes while the first one writes.
        writers = [self.start_writer(self.attach(server, volume), part)
                   for server, part in zip(servers, (places[::2],
                                                     places[1::2]))]
        for writer, other in zip(writers, reversed(writers)):
            writer.watch(other)
        for writer in writers:
            writer.go_round()
            self.assertLess(0, writer.looked)

        writers[0].stop()
        self.detach(servers[0], volume)

        writers[1].go_round()
        writers[1].stop()
        found = device.read(self.disk(servers[1], volume).source, 1)
        self.assertEqual(set(places), set(found))
        for writer in writers:
            writer.history.now().resolve(
                {place: found[place] for place in writer.places})
