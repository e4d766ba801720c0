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

"""What the kernel shows of block devices."""

import os

import testtools

import fixtures

from os_brick_dsware import devices


class WwnTestCase(testtools.TestCase):

    def test_normal(self):
        for wwn in ('6888603', '0x6888603', 'wwn-0x6888603', ' 6888603\n'):
            self.assertEqual('6888603', devices.normal_wwn(wwn))
        self.assertEqual('abcdef', devices.normal_wwn('0xABCDEF'))
        for wwn in (None, '', 'x', '../..', '1/2', 'g1', [], '1' * 65):
            self.assertEqual('', devices.normal_wwn(wwn))


class DevicesTestCase(testtools.TestCase):
    """With the null device and a directory in the place of /sys and /proc."""

    NODE = '/dev/loop0'

    def setUp(self):
        super().setUp()
        self.root = self.useFixture(fixtures.TempDir()).path
        if not os.path.exists(self.NODE):
            self.skipTest('there is no block device to look at')
        self.host = devices.Devices(
            links=self.root + '/by-id', sys=self.root, proc=self.root,
            dev='/dev')
        number = os.stat(self.NODE).st_rdev
        self.number = '%d:%d' % (os.major(number), os.minor(number))
        self.sys = 'dev/block/' + self.number

    def write(self, name, text):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as stream:
            stream.write(text)
        return path

    def test_block_device(self):
        self.write(self.sys + '/size', '8\n')
        self.write(self.sys + '/dev', self.number + '\n')
        self.write(self.sys + '/diskseq', '42\n')
        self.assertTrue(self.host.is_block(self.NODE))
        self.assertEqual(4096, self.host.size(self.NODE))
        self.assertTrue(self.host.generation(self.NODE).endswith('.42'))
        link = os.path.join(self.root, 'link')
        os.symlink(self.NODE, link)
        self.assertEqual(self.NODE, self.host.canonical(link))
        self.assertEqual(4096, self.host.size(link))

    def test_device_without_a_disk(self):
        self.write(self.sys + '/size', '0\n')
        self.write(self.sys + '/dev', self.number + '\n')
        self.assertEqual(0, self.host.size(self.NODE))
        self.assertEqual('', self.host.generation(self.NODE))

    def test_kernel_that_tells_nothing(self):
        self.assertIsNone(self.host.size(self.NODE))
        self.assertEqual('', self.host.generation(self.NODE))
        self.assertEqual(set(), self.host.own_names(self.NODE))
        self.assertEqual('', self.host.can_rescan(self.NODE))
        self.assertEqual([], self.host.with_wwn('688'))

    def test_own_names(self):
        for text, names in (('naa.6888603A\n', {'6888603a'}),
                            ('eui.12\n', {'12'}), ('', set()),
                            ('t10.ATA disk\n', {'t10.ATA disk'}),
                            ('naa.zero\n', {'naa.zero'})):
            for name in ('/device/wwid', '/wwid'):
                path = self.write(self.sys + name, text)
                self.assertEqual(names, self.host.own_names(self.NODE))
                os.unlink(path)

    def test_page_of_names(self):
        path = self.write(self.sys + '/device/vpd_pg83', '')
        # A name of the port and one of the vendor's do not count.
        page = bytes.fromhex('00830024'
                             '01030008' '6888603a00000001'
                             '01130008' '5000000000000001'
                             '02010004' '41424344')
        for cut, names in ((len(page), {'6888603a00000001'}), (14, set()),
                           (7, set()), (3, set()), (0, set())):
            with open(path, 'wb') as stream:
                stream.write(page[:cut])
            self.assertEqual(names, self.host.own_names(self.NODE))

    def test_with_wwn(self):
        self.write('block/sdb/device/wwid', 'naa.6888603a')
        self.write('block/sdc/device/wwid', 'naa.6888603b')
        self.write('block/x!c0d0/wwid', 'naa.6888603a')
        self.assertEqual(['/dev/sdb', '/dev/x/c0d0'],
                         self.host.with_wwn('6888603a'))

    def test_generations(self):
        for name, size, diskseq in (('sdb', 8, 1), ('sdc', 8, ''),
                                    ('loop7', 0, 3)):
            self.write('block/%s/size' % name, '%d\n' % size)
            self.write('block/%s/dev' % name, '8:16\n')
            self.write('block/%s/diskseq' % name, '%s\n' % diskseq)
        number = os.makedev(8, 16)
        self.assertEqual({'%d.1' % number, '%d.' % number},
                         self.host.generations())

    def test_partition(self):
        self.assertFalse(self.host.is_partition(self.NODE))
        self.write(self.sys + '/partition', '1\n')
        self.assertTrue(self.host.is_partition(self.NODE))
        self.assertFalse(self.host.is_partition(self.root))

    def test_file_is_no_device(self):
        path = self.write('file', 'x' * 10)
        self.assertTrue(self.host.exists(self.NODE))
        self.assertFalse(self.host.exists(path))
        self.assertIsNone(self.host.size(path))
        self.assertEqual('', self.host.generation(path))

    def test_rescan(self):
        path = self.write(self.sys + '/device/rescan', '')
        self.assertEqual(path, self.host.can_rescan(self.NODE))

    def test_nothing(self):
        for path in ('', '/nonexistent', self.root, '/dev/null', 'a\0b'):
            self.assertFalse(self.host.exists(path))
            self.assertFalse(self.host.is_block(path))
            self.assertIsNone(self.host.size(path))
            self.assertEqual('', self.host.generation(path))
            self.assertEqual([], self.host.holders(path))

    def test_holders(self):
        self.assertEqual([], self.host.holders(self.NODE))
        self.assertEqual([], self.host.keepers(self.NODE))
        self.write(self.sys + '/dev', self.number + '\n')
        self.write(self.sys + '/holders/dm-1', '')
        self.write(self.sys + '/sdb1/holders/md0', '')
        self.write(self.sys + '/sdb1/dev', '259:77\n')
        self.write('self/mountinfo',
                   '1 2 %s / /data rw - ext4 x rw\nshort\n'
                   '1 2 259:77 / /part rw - ext4 x rw\n'
                   '1 2 0:45 / /btrfs rw - btrfs %s rw\n'
                   '1 2 0:46 / /host rw - nfs host:/dev/loop0 rw\n'
                   '1 2 259:78 / /other rw - ext4 x rw\n' % (
                       self.number, self.NODE))
        self.write('fs/btrfs/6e1f/devices/' + self.number, '')
        self.write('swaps', 'Filename Type Size Used Priority\n'
                   '%s partition 8 0 -2\n/swapfile file 8 0 -2\n'
                   % self.NODE)
        self.write('77/comm', 'qemu-img\n')
        os.makedirs(self.root + '/77/fd')
        os.makedirs(self.root + '/78')
        os.symlink(self.NODE, self.root + '/77/fd/3')
        os.symlink('/dev/null', self.root + '/77/fd/4')
        os.symlink('/nonexistent', self.root + '/77/fd/5')
        kept = ['device dm-1', 'device md0', 'file system 6e1f',
                'mount /data', 'mount /part', 'mount /btrfs',
                'swap space ' + self.NODE]
        self.assertEqual(kept, self.host.keepers(self.NODE))
        self.assertEqual(kept + ['process 77 (qemu-img)'],
                         self.host.holders(self.NODE))
        self.assertEqual([], self.host.keepers(self.root))
