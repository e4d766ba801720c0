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

import pathlib
from xml.etree import ElementTree

import fixtures
import testtools

from functional.services import guest_disk

VOLUME = '5a3e'
DUMP = '''read 32/32 bytes at offset 4096
32 bytes, 1 ops; 00.00 sec (4.219 MiB/sec and 8639.9806 ops/sec)
'''
DISK = '''<disk><source dev='/dev/disk/by-id/wwn-0x1'/><target dev='sdb'/>
<alias name='ua-5a3e'/></disk>'''


def dumped(position, content):
    """A line as QEMU prints it."""
    return '%08x:  %s  %s\n' % (
        position, content.hex(' '), ''.join(
            chr(byte) if chr(byte).isalnum() and byte < 128 else '.'
            for byte in content))


class FakeLibvirt(object):
    """Its QEMU prints what it is told to."""

    def __init__(self, directory):
        self.directory = directory
        self.printed = self.said = ''
        self.commands = []
        self.written = None
        self.log('guest').write_text('before\n')

    def log(self, name):
        return self.directory / (name + '.log')

    def disks(self, name):
        return {'sdb': ElementTree.fromstring(DISK)}

    def virsh(self, *arguments):
        assert arguments == ('domblkinfo', 'guest', 'sdb'), arguments
        return 'Capacity:       2147483648\nAllocation:     0\n'

    def monitor(self, name, command):
        self.commands.append(command)
        if ' -s ' in command:
            self.written = pathlib.Path(
                command.split(' -s ')[1].split()[0]).read_bytes()
        with open(self.log(name), 'a') as log:
            log.write(self.printed)
        return self.said + '\n'


class GuestDiskTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.libvirt = FakeLibvirt(pathlib.Path(self.useFixture(
            fixtures.TempDir()).path))
        self.disk = guest_disk.GuestDisk(self.libvirt, 'guest', VOLUME)

    def test_read(self):
        # All bytes there are, also those that look like something else.
        content = bytes(range(256))
        self.libvirt.printed = 'read 256/256 bytes at offset 0\n' + ''.join(
            dumped(0xa0000000 + start, content[start:start + 16])
            for start in range(0, 256, 16))
        self.assertEqual(content, self.disk.read(0xa0000000, 256))
        self.assertEqual(['qemu-io -d ua-5a3e "read -v 2684354560 256"'],
                         self.libvirt.commands)

    def test_read_less(self):
        self.libvirt.printed = DUMP + dumped(4096, b'failed to read..')
        self.assertRaises(guest_disk.Failed, self.disk.read, 4096, 32)

    def test_write(self):
        self.libvirt.printed = 'wrote 512/512 bytes at offset 1024\n'
        self.disk.write(1024, b'x' * 512)
        self.assertEqual(b'x' * 512, self.libvirt.written)
        self.assertTrue(self.libvirt.commands[0].endswith(' 1024 512"'))

    def test_log_is_as_before(self):
        self.libvirt.printed = 'discard 512/512 bytes at offset 0\n'
        self.disk.run('discard 0 512')
        self.assertEqual('before\n', self.libvirt.log('guest').read_text())

    def failed(self, printed, said='', error=guest_disk.Failed):
        self.libvirt.printed, self.libvirt.said = printed, said
        return self.assertRaises(error, self.disk.run, 'read -P 1 0 512')

    def test_what_is_wrong(self):
        done = 'read 512/512 bytes at offset 0\n'
        self.failed('Pattern verification failed at offset 0, 512 bytes\n'
                    + done)
        self.failed('write failed: Input/output error\n')
        self.failed('command "reed" not found\n')
        self.failed('read 256/512 bytes at offset 0\n')
        self.failed('')
        self.failed(done, 'Error: what')
        # Of the command before.
        self.libvirt.log('guest').write_text(done)
        self.failed('')

    def test_no_device(self):
        self.failed('', "Error: Device 'ua-5a3e' not found", guest_disk.Gone)
        other = guest_disk.GuestDisk(self.libvirt, 'guest', 'other')
        self.assertRaises(guest_disk.Gone, lambda: other.size)

    def test_what_libvirt_knows(self):
        self.assertEqual('/dev/disk/by-id/wwn-0x1', self.disk.source)
        self.assertEqual(2 << 30, self.disk.size)
