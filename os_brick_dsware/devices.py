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

"""Block devices of this host, as the kernel shows them.

Everything here reads /dev, /sys and /proc and needs no privileges; what only
root may see is left out. Without root the Dsware simulator gives a plain file
where a host has a block device: these are understood too.
"""

import errno
import glob
import os
import re
import stat

_SECTOR = 512
_WWN = re.compile(r'(?:wwn-)?(?:0x)?([0-9a-f]{1,64})')


def normal_wwn(wwn: object) -> str:
    """Reduce a World Wide Name to its digits.

    :param wwn: what was received: text, None, anything
    :returns: lower-case hexadecimal digits; empty if it is no such name
    """
    match = _WWN.fullmatch(str(wwn or '').strip().lower())
    return match[1] if match else ''


def _read(path: str) -> str:
    try:
        with open(path, encoding='utf-8', errors='replace') as stream:
            return stream.read().strip()
    except OSError:
        return ''


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (OSError, ValueError):
        return None


class Devices:
    """The block devices of one host."""

    def __init__(self, links: str = '/dev/disk/by-id', sys: str = '/sys',
                 proc: str = '/proc', dev: str = '/dev'):
        """Nothing is read yet.

        :param links: directory of the stable names
        :param sys: where the sys file system is mounted
        :param proc: where the proc file system is mounted
        :param dev: directory of the device nodes
        """
        self.links = links
        self._sys = sys
        self.proc = proc
        self._dev = dev

    def link(self, wwn: str) -> str:
        """Name the stable path of a volume's device.

        :param wwn: the volume's World Wide Name, its digits
        :returns: the path; whether it is there and right is another matter
        """
        return os.path.join(self.links, 'wwn-0x' + wwn)

    def exists(self, path: str) -> bool:
        """Tell whether a path leads to a block device or a plain file.

        :param path: the path
        :returns: True if it does
        """
        there = _stat(path)
        return bool(there) and (stat.S_ISBLK(there.st_mode)
                                or stat.S_ISREG(there.st_mode))

    def is_block(self, path: str) -> bool:
        """Tell whether a path leads to a block device.

        :param path: the path
        :returns: True if it does
        """
        there = _stat(path)
        return bool(there) and stat.S_ISBLK(there.st_mode)

    def canonical(self, path: str) -> str:
        """Give a device the one name by which it can be compared.

        :param path: any path of it
        :returns: the node of a block device; a plain file that stands in
            for one keeps its name, for several hosts may have the same file
        """
        return (os.path.realpath(path) if self.is_block(path)
                else os.path.abspath(path))

    def _sysfs(self, path: str) -> str:
        there = _stat(path)
        if not there or not stat.S_ISBLK(there.st_mode):
            return ''
        return '%s/dev/block/%d:%d' % (
            self._sys, os.major(there.st_rdev), os.minor(there.st_rdev))

    def size(self, path: str) -> int | None:
        """Measure a device.

        :param path: its path
        :returns: its size in bytes; None if there is none
        """
        directory = self._sysfs(path)
        if directory:
            sectors = _read(directory + '/size')
            return int(sectors) * _SECTOR if sectors.isdigit() else None
        there = _stat(path)
        return there.st_size if there and self.exists(path) else None

    def wwn(self, path: str) -> str:
        """Ask a device for its own World Wide Name.

        :param path: its path
        :returns: the digits; empty if the device does not tell
        """
        directory = self._sysfs(path)
        told = _read(directory + '/device/wwid') if directory else ''
        return normal_wwn(told.partition('naa.')[2])

    def with_wwn(self, wwn: str) -> list[str]:
        """Find the devices that say they have a World Wide Name.

        :param wwn: its digits
        :returns: paths of device nodes
        """
        found = []
        for path in glob.glob(self._sys + '/block/*/device/wwid'):
            if normal_wwn(_read(path).partition('naa.')[2]) == wwn:
                name = path.removeprefix(self._sys + '/block/')
                found.append(os.path.join(self._dev, name.split('/')[0]))
        return found

    def wwns(self) -> dict[str, str]:
        """Find the devices that have a World Wide Name.

        :returns: paths of device nodes by the names' digits
        """
        found = {}
        for link in glob.glob(glob.escape(self.links) + '/wwn-*'):
            wwn = normal_wwn(os.path.basename(link))
            if wwn and self.exists(link):
                found[wwn] = os.path.realpath(link)
        for path in glob.glob(self._sys + '/block/*/device/wwid'):
            wwn = normal_wwn(_read(path).partition('naa.')[2])
            if wwn:
                found.update((wwn, device) for device in self.with_wwn(wwn))
        return found

    def generation(self, path: str) -> str:
        """Tell apart devices that have had the same path one after another.

        :param path: the path
        :returns: something that differs from device to device; empty if there
            is no device, or only the node of one that was taken away
        """
        there = _stat(path)
        if not there or not self.exists(path):
            return ''
        directory = self._sysfs(path)
        if not directory:
            name = os.lstat(path)
            return '%d.%d' % (name.st_ino, name.st_ctime_ns)
        if not self.size(path):
            return ''
        # Kernels before 5.15 do not count their disks.
        return '%d.%s' % (there.st_rdev, _read(directory + '/diskseq'))

    def can_rescan(self, path: str) -> str:
        """Name what makes the kernel ask a SCSI device for its size again.

        :param path: path of the device
        :returns: the file to write to; empty if there is none
        """
        directory = self._sysfs(path)
        rescan = directory + '/device/rescan'
        return rescan if directory and os.path.exists(rescan) else ''

    # Who holds it -----------------------------------------------------------

    def holders(self, path: str) -> list[str]:
        """Find out who uses a block device.

        Another user's processes can be seen only with the privilege to
        trace them; mounts and devices on top of it are always seen.

        :param path: path of the device
        :returns: what holds it, in words; empty if nothing was found
        """
        directory = self._sysfs(path)
        if not directory:
            return []
        number = os.stat(path).st_rdev
        found = self._stacked(directory)
        found += self._mounts(directory)
        found += self._processes(number)
        if not found and self._claimed(path):
            found.append('the kernel or a process, exclusively')
        return found

    def _stacked(self, directory: str) -> list[str]:
        return ['device %s' % os.path.basename(holder) for holder in sorted(
            glob.glob(directory + '/holders/*')
            + glob.glob(directory + '/*/holders/*'))]

    def _mounts(self, directory: str) -> list[str]:
        numbers = {os.path.basename(directory)} | {
            _read(part) for part in glob.glob(directory + '/*/dev')}
        mounts = (line.split() for line in
                  _read(self.proc + '/self/mountinfo').splitlines())
        return ['mount %s' % fields[4] for fields in mounts
                if len(fields) > 4 and fields[2] in numbers]

    def _processes(self, number: int) -> list[str]:
        found = []
        for pid in filter(str.isdigit, os.listdir(self.proc)):
            if self._has_open(pid, number):
                found.append('process %s (%s)' % (
                    pid, _read('%s/%s/comm' % (self.proc, pid))))
        return found

    def _has_open(self, pid: str, number: int) -> bool:
        try:
            files = os.listdir('%s/%s/fd' % (self.proc, pid))
        except OSError:
            return False
        opened = (_stat('%s/%s/fd/%s' % (self.proc, pid, name))
                  for name in files)
        return any(there and stat.S_ISBLK(there.st_mode)
                   and there.st_rdev == number for there in opened)

    def _claimed(self, path: str) -> bool:
        try:
            os.close(os.open(path, os.O_RDONLY | os.O_EXCL | os.O_NONBLOCK
                             | os.O_CLOEXEC))
        except OSError as exc:
            return exc.errno == errno.EBUSY
        return False
