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

import pathlib
import subprocess

from functional.services import programs
from functional.tests import base

GIB = base.GIB
MIB = base.MIB
SECRET = 'not a secret at all'
# QEMU tries how fast passphrases are hashed. On virtual machines whose clock
# of processor time goes back now and then it says so, and gives up.
_UNMEASURED = 'Unable to get accurate CPU usage'
_ATTEMPTS = 30


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
        for _attempt in range(_ATTEMPTS):
            try:
                return self.create(path)
            except subprocess.CalledProcessError as error:
                if _UNMEASURED not in error.stderr:
                    raise AssertionError(error.stderr) from error
        raise AssertionError(f'{_ATTEMPTS} times: {_UNMEASURED}')

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

    def encrypted_type(self):
        name = self.volume_type(self.backend + '-encrypted')
        found = self.volumes.find_type(name)
        if not self.volumes.get_type_encryption(found).provider:
            self.volumes.create_type_encryption(
                found, provider='luks', cipher='aes-xts-plain64',
                key_size=256, control_location='front-end')
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
