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
"""Real bytes in sparse files."""

import errno
import fcntl
import os
import random
import shutil
import subprocess
import unittest

from dsware_sim.cluster import data
from dsware_sim.cluster import model
from dsware_sim.host import devices
from dsware_sim.tests import base

MKFS = shutil.which('mkfs.btrfs')


class FilesTestCase(base.TestCase):
    """Copies, growth, removal."""

    def setUp(self):
        super().setUp()
        self.files = data.Files(self.directory())

    def write(self, number, size, extents):
        """Make an object's file.

        :param number: the object's number
        :param size: its size in MiB
        :param extents: dict of bytes by offset
        """
        path = self.files.prepare(number, size)
        handle = os.open(path, os.O_WRONLY)
        for offset, content in extents.items():
            os.pwrite(handle, content, offset)
        os.close(handle)

    def read(self, number, offset, count):
        """Read from an object's file.

        :param number: the object's number
        :param offset: where from
        :param count: how many bytes
        :returns: bytes
        """
        handle = os.open(self.files.path(number), os.O_RDONLY)
        try:
            return os.pread(handle, count, offset)
        finally:
            os.close(handle)

    def size(self, number):
        """Size of an object's file.

        :param number: the object's number
        :returns: MiB
        """
        return os.path.getsize(self.files.path(number)) / model.MIB

    def test_nothing_allocated_without_data(self):
        self.assertEqual(0, self.files.allocated(1))
        self.files.prepare(1, 1024)
        self.assertEqual((1024, 0), (self.size(1), self.files.allocated(1)))

    def test_copy_is_sparse_and_equal(self):
        random_bytes = random.Random(1).randbytes
        extents = {0: random_bytes(5000), 7 * model.MIB + 13:
                   random_bytes(2 * model.MIB), 500 * model.MIB - 1: b'z'}
        self.write(1, 500, extents)
        self.files.copy(1, 2, 600)
        self.assertEqual(600, self.size(2))
        for offset, content in extents.items():
            self.assertEqual(content, self.read(2, offset, len(content)))
        self.assertEqual(b'\0' * 4096, self.read(2, 3 * model.MIB, 4096))
        self.assertEqual(b'\0' * 4096, self.read(2, 500 * model.MIB, 4096))
        self.assertLess(self.files.allocated(2), 4 * model.MIB)

    def test_copy_is_of_its_own(self):
        self.write(1, 1, {0: b'old'})
        self.files.copy(1, 2, 1)
        self.write(1, 1, {0: b'new'})
        self.assertEqual(b'old', self.read(2, 0, 3))
        self.files.forget(1)
        self.assertEqual(b'old', self.read(2, 0, 3))

    def test_copy_of_zeros(self):
        self.files.copy(1, 2, 10)
        self.assertFalse(self.files.exists(2))
        self.write(3, 10, {0: b'data'})
        self.files.copy(1, 3, 10)
        self.assertEqual(0, self.files.allocated(3))
        self.files.prepare(3, 10)
        self.assertEqual(b'\0' * 4, self.read(3, 0, 4))

    def test_copy_to_a_smaller_object(self):
        self.write(1, 20, {0: b'a' * 10, 19 * model.MIB: b'b' * 10})
        self.files.copy(1, 2, 10)
        self.assertEqual(10, self.size(2))
        self.files.grow(2, 20)
        self.assertEqual(b'\0' * 10, self.read(2, 19 * model.MIB, 10))

    def test_grown_space_reads_as_zeros(self):
        self.write(1, 1, {model.MIB - 1: b'x'})
        self.files.grow(1, 2)
        self.assertEqual(b'x' + b'\0' * 10, self.read(1, model.MIB - 1, 11))

    def test_prepare_cuts_what_is_beyond_the_size(self):
        self.write(1, 2, {model.MIB: b'beyond'})
        self.files.prepare(1, 1)
        self.files.prepare(1, 2)
        self.assertEqual(b'\0' * 6, self.read(1, model.MIB, 6))

    def test_forget(self):
        self.assertIsNone(self.files.forget(1))
        self.write(1, 1, {0: b'x'})
        data.remove(self.files.forget(1))
        self.assertEqual([], os.listdir(self.files.directory))
        self.assertEqual(0, self.files.allocated(1))

    def test_recover(self):
        for number in (1, 2, 3):
            self.write(number, 1, {0: b'x'})
        self.files.forget(3)
        part = self.files.copy_part(1, 2, 1)
        self.assertTrue(os.path.exists(part))
        again = data.Files(self.files.directory)
        again.recover({1: None, 3: None})
        self.assertEqual(['1'], os.listdir(again.directory))
        self.assertTrue(again.exists(1))
        self.assertFalse(again.exists(3))

    def test_cancelled_copy_leaves_nothing(self):
        self.write(1, 64, {0: b'x' * 64 * model.MIB})
        answers = iter([False, True])
        self.patch(data, '_reflink', lambda reader, writer: False)
        self.assertRaises(data.Cancelled, self.files.copy, 1, 2, 64,
                          lambda: next(answers))
        self.assertEqual(['1'], os.listdir(self.files.directory))

    def test_full_disk_leaves_nothing(self):
        self.write(1, 1, {0: b'x'})

        def fail(*args):
            raise OSError(errno.ENOSPC, 'full')
        self.patch(data, '_copy_chunk', fail)
        self.patch(data, '_reflink', lambda reader, writer: False)
        self.assertRaises(OSError, self.files.copy, 1, 2, 1)
        self.assertEqual(['1'], os.listdir(self.files.directory))

    def test_without_copy_file_range(self):
        self.write(1, 3, {model.MIB - 2: b'across'})

        def unable(*args):
            raise OSError(errno.EXDEV, 'unable')
        self.patch(os, 'copy_file_range', unable)
        self.patch(data, '_reflink', lambda reader, writer: False)
        self.files.copy(1, 2, 3)
        self.assertEqual(b'across', self.read(2, model.MIB - 2, 6))

    def test_with_reflink(self):
        self.write(1, 1, {0: b'shared'})
        asked = []

        def ioctl(writer, request, reader):
            asked.append(request)
            os.pwrite(writer, os.pread(reader, model.MIB, 0), 0)
        self.patch(fcntl, 'ioctl', ioctl)
        self.files.copy(1, 2, 2)
        self.assertEqual([0x40049409], asked)
        self.assertEqual(b'shared', self.read(2, 0, 6))
        self.assertEqual(2, self.size(2))


@unittest.skipUnless(MKFS and devices.have_loop_devices(),
                     'a file system with reflinks needs root and mkfs.btrfs')
class ReflinkTestCase(base.TestCase):
    """Copies on a file system that can share extents."""

    def setUp(self):
        super().setUp()
        image = os.path.join(self.directory(), 'image')
        with open(image, 'wb') as file_system:
            file_system.truncate(256 * model.MIB)
        subprocess.run([MKFS, '-q', image], check=True, capture_output=True)
        loops = devices.LoopDevices()
        device = loops.attach(image, 'agent', 'name', False)
        self.addCleanup(loops.detach, device, True)
        self.mounted = self.directory()
        subprocess.run(['mount', device, self.mounted], check=True)
        self.addCleanup(subprocess.run, ['umount', self.mounted], check=True)

    def test_copies_share_and_part(self):
        files = data.Files(os.path.join(self.mounted, 'data'))
        path = files.prepare(1, 100)
        with open(path, 'r+b') as original:
            original.write(b'x' * 90 * model.MIB)
        # The bytes of all the copies would not fit.
        for number in (2, 3, 4):
            files.copy(1, number, 100 + number)
        with open(files.path(2), 'r+b') as copied:
            copied.write(b'other')
        for number, expected in ((1, b'xxxxx'), (2, b'other'), (3, b'xxxxx')):
            with open(files.path(number), 'rb') as stored:
                self.assertEqual(expected, stored.read(5))
        self.assertEqual(104 * model.MIB, os.path.getsize(files.path(4)))
