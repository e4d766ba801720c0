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
root may see is left out.
"""

from collections.abc import Iterator
import errno
import glob
import os
import re
import stat

_SECTOR = 512
# The page of identifiers of a SCSI device: what names a logical unit.
_HEADER, _DESCRIPTOR = 4, 4
_OF_UNIT = 0
_EUI, _NAA = 2, 3
_WWN = re.compile(r'(?:wwn-)?(?:0x)?([0-9a-f]{1,64})')


def normal_wwn(wwn: object) -> str:
    """Reduce a World Wide Name to its digits; empty if it is none."""
    match = _WWN.fullmatch(str(wwn or '').strip().lower())
    return match[1] if match else ''


def _read_bytes(path: str) -> bytes:
    try:
        with open(path, 'rb') as stream:
            return stream.read()
    except OSError:
        return b''


def _read(path: str) -> str:
    return _read_bytes(path).decode(errors='replace').strip('\0 \t\r\n')


def _named(wwid: str) -> str:
    """Tell what name a kernel's line has: digits, or text that is none."""
    kind, _dot, digits = wwid.partition('.')
    known = normal_wwn(digits) if kind in ('naa', 'eui') else ''
    return known or wwid


def _page_names(page: bytes) -> set[str]:
    """Read the names of a SCSI device in its page of identifiers."""
    found = set()
    at = _HEADER
    while at + _DESCRIPTOR <= len(page):
        kind, length = page[at + 1], page[at + 3]
        name = page[at + _DESCRIPTOR:at + _DESCRIPTOR + length]
        if (kind >> 4 & 3 == _OF_UNIT and kind & 15 in (_EUI, _NAA)
                and 0 < length == len(name)):
            found.add(name.hex())
        at += _DESCRIPTOR + length
    return found


def _own_names(directory: str) -> frozenset[str]:
    wwids = {_read('%s/%s' % (directory, name))
             for name in ('device/wwid', 'wwid')} - {''}
    page = _read_bytes(directory + '/device/vpd_pg83')
    return frozenset({_named(wwid) for wwid in wwids} | _page_names(page))


def _generation(directory: str) -> str:
    """Number a disk; empty for the node of one that was taken away."""
    number = _read(directory + '/dev').partition(':')
    if not number[2] or _read(directory + '/size') in ('', '0'):
        return ''
    # Kernels before 5.15 do not count their disks.
    return '%d.%s' % (os.makedev(int(number[0]), int(number[2])),
                      _read(directory + '/diskseq'))


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (OSError, ValueError):
        return None


class Devices:
    """The block devices of one host."""

    #: Whether every disk of a cluster can be expected to say its name.
    have_names = True

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
        """Name the stable path of a volume's device."""
        return os.path.join(self.links, 'wwn-0x' + wwn)

    def exists(self, path: str) -> bool:
        """Tell whether a path leads to a device."""
        return self.is_block(path)

    def is_block(self, path: str) -> bool:
        """Tell whether a path leads to a block device."""
        return bool(self._sysfs(path))

    def canonical(self, path: str) -> str:
        """Give a device the one name by which it can be compared.

        What is no block device keeps its own.
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
        """Measure a device: bytes; None if there is none."""
        directory = self._sysfs(path)
        sectors = _read(directory + '/size') if directory else ''
        return int(sectors) * _SECTOR if sectors.isdigit() else None

    def own_names(self, path: str) -> frozenset[str]:
        """Ask a device for its own names; empty if it does not tell."""
        directory = self._sysfs(path)
        return _own_names(directory) if directory else frozenset()

    def disks(self) -> dict[str, str]:
        """Give the directories of all disks, by their nodes."""
        # The kernel writes a ! where a name has a /.
        return {os.path.join(self._dev, os.path.basename(path).replace(
            '!', '/')): path for path in sorted(glob.glob(
                self._sys + '/block/*'))}

    def with_wwn(self, wwn: str) -> list[str]:
        """Find the devices that say they have a World Wide Name."""
        return [node for node, directory in self.disks().items()
                if wwn in _own_names(directory)]

    def generations(self) -> frozenset[str]:
        """List the generations of all disks that there are."""
        return frozenset(filter(None, map(
            _generation, self.disks().values())))

    def is_partition(self, path: str) -> bool:
        """Tell whether a device is but a part of a disk."""
        directory = self._sysfs(path)
        return bool(directory) and os.path.exists(directory + '/partition')

    def generation(self, path: str) -> str:
        """Tell apart devices that have had the same path one after another.

        Empty if there is none, or only the node of one that was taken away.
        """
        if not self.exists(path):
            return ''
        directory = self._sysfs(path)
        if not directory:
            name = os.lstat(path)
            return '%d.%d' % (name.st_ino, name.st_ctime_ns)
        return _generation(directory)

    def can_rescan(self, path: str) -> str:
        """Name the file that makes the kernel ask for a size again."""
        directory = self._sysfs(path)
        rescan = directory + '/device/rescan'
        return rescan if directory and os.path.exists(rescan) else ''

    # Who holds it -----------------------------------------------------------

    def holders(self, path: str) -> list[str]:
        """Find out who uses a block device.

        Another user's processes can be seen only with the privilege to
        trace them; mounts and devices on top of it are always seen.
        """
        if not self.is_block(path):
            return []
        return self.keepers(path) + self._processes(os.stat(path).st_rdev)

    def keepers(self, path: str) -> list[str]:
        """Find out what on this host has taken a block device for itself.

        A process that has it open is none, unless it has it for itself: it
        may be a guest's.
        """
        directory = self._sysfs(path)
        if not directory:
            return []
        return self._kept(directory) or (
            ['the kernel or a process, exclusively']
            if self._claimed(path) else [])

    def _kept(self, directory: str) -> list[str]:
        numbers = {_read(part) for part in [
            directory + '/dev', *glob.glob(directory + '/*/dev')]} - {''}
        return (self._stacked(directory) + self._mounts(numbers)
                + self._swaps(numbers))

    def _stacked(self, directory: str) -> list[str]:
        devices = ['device %s' % os.path.basename(holder)
                   for holder in sorted(
                       glob.glob(directory + '/holders/*')
                       + glob.glob(directory + '/*/holders/*'))]
        # One of several disks of a file system, whose mount names another.
        return devices + ['file system %s' % path.split('/')[-3]
                          for path in glob.glob(
                              self._sys + '/fs/btrfs/*/devices/'
                              + os.path.basename(os.path.realpath(directory)))]

    def _mounts(self, numbers: set[str]) -> list[str]:
        mounts = (line.split() for line in
                  _read(self.proc + '/self/mountinfo').splitlines())
        # Btrfs gives its mounts numbers of their own.
        return ['mount %s' % fields[4] for fields in mounts
                if len(fields) > 4 and numbers & {
                    fields[2], self._number(fields[-2])}]

    def _swaps(self, numbers: set[str]) -> list[str]:
        swaps = (line.split() for line in
                 _read(self.proc + '/swaps').splitlines())
        return ['swap space %s' % fields[0] for fields in swaps
                if fields and self._number(fields[0]) in numbers]

    def _number(self, path: str) -> str:
        """Tell the number of a device, if that is what a path is of."""
        directory = (self._sysfs(path)
                     if path.startswith(self._dev + '/') else '')
        return _read(directory + '/dev') if directory else ''

    def _processes(self, number: int) -> list[str]:
        found = []
        for pid in filter(str.isdigit, os.listdir(self.proc)):
            if self._has_open(pid, number):
                found.append('process %s (%s)' % (
                    pid, _read('%s/%s/comm' % (self.proc, pid))))
        return found

    def commands(self) -> Iterator[tuple[int, list[str]]]:
        """Give the arguments of all processes that may be seen."""
        for pid in sorted(filter(str.isdigit, os.listdir(self.proc)),
                          key=int):
            line = _read_bytes('%s/%s/cmdline' % (self.proc, pid))
            yield int(pid), line.decode(errors='replace').split('\0')

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
