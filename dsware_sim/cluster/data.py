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
"""The bytes of volumes and snapshots: one sparse file each.

A file is named after the number of its object, so that an object that is
deleted and made again under the same name never sees old bytes. There is no
file as long as nothing has been attached or copied: it would hold zeros
only. What one object has never depends on another one's file.
"""

import errno
import fcntl
import os
import re

from dsware_sim.cluster import model

_FICLONE = 0x40049409
_CHUNK = 16 * model.MIB
_NUMBER = re.compile(r'[0-9]+\Z')
# What a file system says that cannot do what was asked, in its own way.
_UNABLE = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOTTY, errno.EXDEV,
           errno.ENOSYS, errno.EPERM)


class Cancelled(Exception):
    """A copy was told to stop."""


class Files:
    """The files of a cluster's objects."""

    def __init__(self, directory):
        """Use a directory; it is made when missing.

        :param directory: path of the directory
        """
        self.directory = directory
        os.makedirs(directory, exist_ok=True)
        self._present = set()

    def recover(self, known):
        """Take over what an earlier run left in the directory.

        :param known: container of the numbers of the objects that exist;
                      every other file is removed
        """
        for entry in os.listdir(self.directory):
            if _NUMBER.match(entry) and int(entry) in known:
                self._present.add(int(entry))
            else:
                os.unlink(os.path.join(self.directory, entry))

    def path(self, number):
        """Where an object's bytes are.

        :param number: the object's number
        :returns: path of its file, which may not exist
        """
        return os.path.join(self.directory, str(number))

    def exists(self, number):
        """Whether an object has a file, or else only zeros.

        :param number: the object's number
        :returns: bool
        """
        return number in self._present

    def allocated(self, number):
        """Bytes that the file system has allocated for an object.

        :param number: the object's number
        :returns: bytes
        """
        if number not in self._present:
            return 0
        try:
            return os.stat(self.path(number)).st_blocks * 512
        except FileNotFoundError:
            return 0

    def prepare(self, number, size):
        """Make sure that an object has a file of its size.

        :param number: the object's number
        :param size: its size in MiB
        :returns: path of the file
        """
        path = self.path(number)
        if number not in self._present:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
                             | os.O_CLOEXEC, 0o600))
        if os.stat(path).st_size != size * model.MIB:
            os.truncate(path, size * model.MIB)
        self._present.add(number)
        return path

    def grow(self, number, size):
        """Make an object's file larger, if it has one.

        :param number: the object's number
        :param size: its new size in MiB
        """
        if number in self._present:
            os.truncate(self.path(number), size * model.MIB)

    def forget(self, number):
        """Put an object's file out of the way, quickly.

        :param number: the object's number
        :returns: path of what is left to be removed, or None
        """
        if number not in self._present:
            return None
        self._present.discard(number)
        doomed = self.path(number) + '.gone'
        os.rename(self.path(number), doomed)
        return doomed

    def copy(self, source, target, size, stop=None):
        """Give an object the bytes of another one.

        The target's file appears, or is replaced, when the copy is whole.

        :param source: number of the object that is read
        :param target: number of the object that is written
        :param size: size of the target in MiB; beyond the source's bytes it
                     has zeros
        :param stop: function that tells whether to give up, or None
        :raises Cancelled: the function said so
        """
        part = self.copy_part(source, target, size, stop)
        self.adopt(target, part)

    def copy_part(self, source, target, size, stop=None):
        """Make a copy beside the target's file.

        :param source: number of the object that is read
        :param target: number of the object that will have the bytes
        :param size: size of the target in MiB
        :param stop: function that tells whether to give up, or None
        :returns: path of the copy, or None when there are only zeros
        :raises Cancelled: the function said so
        """
        if source not in self._present:
            return None
        part = self.path(target) + '.part'
        try:
            _copy_file(self.path(source), part, size * model.MIB, stop)
        except BaseException:
            remove(part)
            raise
        return part

    def adopt(self, number, part):
        """Put a finished copy in the place of an object's file.

        :param number: the object's number
        :param part: what :meth:`copy_part` returned
        """
        if part is not None:
            os.rename(part, self.path(number))
            self._present.add(number)
        else:
            self._present.discard(number)
            remove(self.path(number))


def remove(path):
    """Remove a file that may be gone already.

    :param path: its path
    """
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def _copy_file(source, target, size, stop):
    reader = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        writer = os.open(
            target, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
            | os.O_CLOEXEC, 0o600)
        try:
            if not _reflink(reader, writer):
                _copy_extents(reader, writer, size, stop)
            os.ftruncate(writer, size)
        finally:
            os.close(writer)
    finally:
        os.close(reader)


def _reflink(reader, writer):
    try:
        fcntl.ioctl(writer, _FICLONE, reader)
        return True
    except OSError as error:
        if error.errno not in _UNABLE:
            raise
        return False


def _copy_extents(reader, writer, size, stop):
    end = 0
    while True:
        try:
            start = os.lseek(reader, end, os.SEEK_DATA)
        except OSError as error:
            # ENXIO says that there is no data from there on.
            if error.errno != errno.ENXIO:
                raise
            return
        if start >= size:
            return
        end = min(os.lseek(reader, start, os.SEEK_HOLE), size)
        _copy_range(reader, writer, start, end, stop)


def _copy_range(reader, writer, start, end, stop):
    while start < end:
        if stop is not None and stop():
            raise Cancelled()
        count = min(_CHUNK, end - start)
        done = _copy_chunk(reader, writer, start, count)
        if not done:
            return
        start += done


def _copy_chunk(reader, writer, offset, count):
    try:
        return os.copy_file_range(reader, writer, count, offset, offset)
    except OSError as error:
        if error.errno not in _UNABLE:
            raise
    block = os.pread(reader, count, offset)
    return os.pwrite(writer, block, offset)
