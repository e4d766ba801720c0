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

"""Volumes that hosts encrypt, with the LUKS of QEMU.

What the hosts of a cloud do with dm-crypt is done here with QEMU, which writes
the same format: not every kernel that runs these tests has dm-crypt.
"""

import glob
import pathlib
import subprocess

from functional.services import cryptsetup
from functional.services import programs
from functional.services import waiting
from functional.tests import base

GIB = base.GIB
MIB = base.MIB
SECONDS = 120
# As text, the only key of the services.
SECRET = 32 * '5a'


class Luks(object):
    """What QEMU does with LUKS."""

    def qemu(self, program, *arguments):
        """Run qemu-img or qemu-io with the passphrase.

        :returns: what it printed
        """
        path = pathlib.Path(programs.qemu_img()).with_name(program)
        return subprocess.run(
            [str(path), *arguments[:1], '--object',
             'secret,id=key,data=' + SECRET, *arguments[1:]],
            check=True, capture_output=True, text=True).stdout

    def format(self, path):
        for _attempt in range(cryptsetup.ATTEMPTS):
            try:
                return self.create(path)
            except subprocess.CalledProcessError as error:
                if cryptsetup.UNMEASURED not in error.stderr:
                    raise AssertionError(error.stderr) from error
        raise AssertionError('%d times: %s' % (
            cryptsetup.ATTEMPTS, cryptsetup.UNMEASURED))

    def create(self, path):
        # The header of LUKS takes less than 2 MiB of the volume.
        return self.qemu(
            'qemu-img', 'create', '-f', 'luks', '-o',
            'key-secret=key,iter-time=10', path, str(GIB - 2 * MIB))

    def io(self, path, command):
        return self.qemu(
            'qemu-io', '--image-opts', '-c', command,
            'driver=luks,key-secret=key,file.driver=host_device,'
            'file.filename=' + path)


class EncryptionOperations(Luks):
    """An encrypted volume and a clone of it."""

    def encrypted_type(self, key_size=256):
        name = self.volume_type('%s-encrypted-%d' % (self.backend, key_size))
        found = self.volumes.find_type(name)
        if not self.volumes.get_type_encryption(found).provider:
            self.volumes.create_type_encryption(
                found, provider='luks', cipher='aes-xts-plain64',
                key_size=key_size, control_location='front-end')
        return name

    def test_encrypted_volume_and_its_clone(self):
        encrypted = self.encrypted_type()
        volume = self.create_volume(volume_type=encrypted)
        self.assertTrue(volume.is_encrypted)
        attached = self.attach(volume)
        self.assertTrue(attached.data['encrypted'])
        # Neither more nor less: the header is the host's to place.
        self.assert_device_size(attached.path, 1)
        self.format(attached.path)
        self.io(attached.path, 'write -P 0x5a 8M 1M')
        self.detach(attached)

        clone = self.create_volume(source_volume_id=volume.id,
                                   volume_type=encrypted)

        self.assertTrue(clone.is_encrypted)
        attached = self.attach(clone)
        self.assertTrue(attached.data['encrypted'])
        self.assertIn('read 1048576/1048576', self.io(
            attached.path, 'read -P 0x5a 8M 1M'))
        with open(attached.path, 'rb') as device:
            content = device.read(16 * MIB)
        self.assertTrue(content.startswith(b'LUKS'))
        self.assertNotIn(b'\x5a' * 512, content)
        self.detach(attached)


class EncryptedCopies(EncryptionOperations):
    """What the services do with the plain bytes of encrypted volumes."""

    def setUp(self):
        why_not = cryptsetup.why_not()
        if why_not:
            self.skipTest(why_not)
        super().setUp()
        self.program = cryptsetup.install(
            self.stack.directory / 'cinder' / 'bin', self.directory)
        self.addCleanup(self.program.unlink)
        self.addCleanup(self.close_all)

    def close_all(self):
        """Let go of what a failed test has left open."""
        for pid in self.directory.glob('*.pid'):
            subprocess.run([self.program, 'luksClose', pid.stem], check=True)

    def create_encrypted(self):
        """Create an encrypted volume with data in it."""
        volume = self.create_volume(volume_type=self.encrypted_type())
        with self.attached(volume) as path:
            self.format(path)
            self.io(path, 'write -P 0x5a 8M 1M')
        return volume

    def retype(self, volume, kind):
        self.volumes.retype_volume(volume, kind, 'on-demand')
        return self.wait_for_retyped(volume)

    def wait_for_retyped(self, volume):
        def settled():
            found = self.volumes.get_volume(volume.id)
            if found.migration_status not in ('success', 'error'):
                raise waiting.NotYet('it is %s' % found.migration_status)
            if len(self.control.status()['volumes']) != 1:
                raise waiting.NotYet('more than one volume')
            return found

        return waiting.wait_for(settled, SECONDS, 'A change of type')

    def assert_encrypted(self, volume):
        with self.attached(volume) as path:
            self.assertIn('read 1048576/1048576',
                          self.io(path, 'read -P 0x5a 8M 1M'))

    def test_retype_to_plain(self):
        volume = self.create_encrypted()

        plain = self.retype(volume, self.volume_type())

        self.assertEqual((self.volume_type(), False),
                         (plain.volume_type, plain.is_encrypted))
        with self.attached(plain) as path:
            with open(path, 'rb') as device:
                self.assertNotEqual(b'LUKS', device.read(4))
                device.seek(8 * MIB)
                self.assertEqual({0x5a}, set(device.read(MIB)))

    def test_retype_to_another_encryption(self):
        """Zeros are copied too: else they would be decrypted to anything."""
        volume = self.create_encrypted()
        with self.attached(volume) as path:
            self.io(path, 'write -P 0 4M 1M')
        other = self.encrypted_type(512)

        changed = self.retype(volume, other)

        self.assertEqual(('success', other), (changed.migration_status,
                                              changed.volume_type))
        self.assert_encrypted(changed)
        with self.attached(changed) as path:
            self.assertIn('read 1048576/1048576',
                          self.io(path, 'read -P 0 4M 1M'))

    def test_retype_to_encrypted(self):
        """Cinder copies all, and the header of LUKS takes room: it fails.

        The volume stays as it was, and nothing is left of the copy.
        """
        volume = self.create_volume()
        with self.attached(volume) as path:
            self.write(path, 'end', GIB - MIB)

        kept = self.retype(volume, self.encrypted_type())

        self.assertEqual(
            ('error', 'available', self.volume_type(), False),
            (kept.migration_status, kept.status, kept.volume_type,
             kept.is_encrypted))
        self.assertEqual([], self.control.status()['attachments'])
        with self.attached(volume) as path:
            self.assert_written(path, 'end', GIB - MIB)

    def test_retype_that_fails(self):
        """Nothing is left of the copy, nor of the devices."""
        volume = self.create_encrypted()
        self.program.write_text('#!/bin/sh\nexit 5\n')

        kept = self.retype(volume, self.volume_type())

        self.assertEqual(('error', 'available', volume.volume_type), (
            kept.migration_status, kept.status, kept.volume_type))
        self.assertEqual([], self.control.status()['attachments'])
        # Those of tests that run beside this one go away, too.
        self.assert_soon([], lambda: glob.glob('/dev/disk/by-id/os-brick*'))
        self.assert_encrypted(kept)

    def test_image_to_encrypted_volume(self):
        path = self.directory / 'image'
        with open(path, 'wb') as out:
            out.truncate(16 * MIB)
            out.seek(8 * MIB)
            out.write(MIB * b'\x5a')

        made = self.create_volume(volume_type=self.encrypted_type(),
                                  image_id=self.create_image(path).id)

        self.assertTrue(made.is_encrypted)
        self.assert_encrypted(made)
        # os-brick formats all of the device, whose size is exact.
        self.assertIn('\n%d\n' % (GIB - 2 * MIB),
                      (self.directory / 'log').read_text())
