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

"""Bytes to put into images and volumes, and to find there again.

What a volume should hold is kept in a sparse file beside it, its *twin*:
whatever is written to the volume is written to the twin too.
"""

import contextlib
import errno
import fcntl
import hashlib
import mmap
import os
import random
import shutil
import stat
import subprocess

from functional.services import programs

MIB = 1 << 20
GIB = 1 << 30
CHUNK = 4 * MIB
_ZEROS = bytes(CHUNK)

# What an image is, for people to read.
PATTERN = 'a pattern of data and holes'
FILE_SYSTEM = 'an ext4 file system'

# From the kernel's headers.
_LOOP_MAJOR = 7
_LOOP_SET_DIRECT_IO = 0x4C08


class Different(Exception):
    """A device or file does not hold what it should hold."""


def data(seed, size):
    """Bytes that look like data and are the same each time.

    :param seed: text that chooses the bytes
    :param size: how many
    """
    return random.Random(seed).randbytes(size)


def write(path, offset, content):
    """Write to a device or file, down to the medium.

    :param path: where
    :param offset: position of the first byte
    :param content: bytes
    """
    with open(path, 'r+b', buffering=0) as out:
        out.seek(offset)
        view = memoryview(content)
        while view:
            view = view[out.write(view):]
        os.fsync(out.fileno())


def size(path):
    """The size of a device or file in bytes.

    :param path: where
    """
    with open(path, 'rb') as opened:
        return opened.seek(0, os.SEEK_END)


def checksum(path):
    """The checksum of a file as Glance makes it.

    :param path: where
    :returns: name of the algorithm, and the digest in hexadecimal
    """
    with open(path, 'rb') as opened:
        return 'sha512', hashlib.file_digest(opened, 'sha512').hexdigest()


def copy_sparse(source, destination):
    """Copy a file and keep its holes.

    :param source: path of the file
    :param destination: path of the copy
    """
    with open(source, 'rb') as from_file, open(destination, 'wb') as to_file:
        length = size(source)
        to_file.truncate(length)
        for start, end in _data_ranges(from_file.fileno(), length):
            while start < end:
                start += os.copy_file_range(
                    from_file.fileno(), to_file.fileno(), end - start,
                    start, start)


def _data_ranges(handle, length):
    """The parts of a file that are not holes, as (start, end)."""
    end = 0
    while end < length:
        try:
            start = os.lseek(handle, end, os.SEEK_DATA)
        except OSError as exc:
            if exc.errno == errno.ENXIO:
                return
            raise
        end = os.lseek(handle, start, os.SEEK_HOLE)
        yield start, end


def compare(path, twin, expected_size):
    """Compare all the bytes of a device or file with what it should hold.

    :param path: where; it is read from the medium and not from this host's
                 cache, where that is possible
    :param twin: path of a file with the bytes; behind its end all are zero
    :param expected_size: size that the device should have, in bytes
    :returns: how many bytes were compared
    :raises Different: the first difference
    """
    found = size(path)
    if found != expected_size:
        raise Different('%s has %d bytes instead of %d'
                        % (path, found, expected_size))
    position = 0
    with contextlib.closing(_chunks(path)) as chunks, \
            open(twin, 'rb') as other:
        for chunk in chunks:
            _compare_chunk(path, position, chunk, other.read(len(chunk)))
            position += len(chunk)
    if position != expected_size:
        raise Different('%s ends at byte %d' % (path, position))
    return position


def data_chunks(path, expected_size):
    """Read all of a device or file, and give what is not zeros.

    :param path: where; see compare()
    :param expected_size: size that it should have, in bytes
    :returns: an iterator of (position, bytes)
    :raises Different: it has another size
    """
    found = size(path)
    if found != expected_size:
        raise Different('%s has %d bytes instead of %d'
                        % (path, found, expected_size))
    position = 0
    with contextlib.closing(_chunks(path)) as chunks:
        for chunk in chunks:
            if chunk != _ZEROS[:len(chunk)]:
                yield position, chunk
            position += len(chunk)
    if position != expected_size:
        raise Different('%s ends at byte %d' % (path, position))


def _chunks(path):
    """Read a device or file to its end."""
    handle = _open_direct(path)
    try:
        # Memory maps are aligned as O_DIRECT wants it.
        with mmap.mmap(-1, CHUNK) as buffer:
            position = 0
            while count := os.preadv(handle, [buffer], position):
                yield buffer[:count]
                position += count
    finally:
        os.close(handle)


def _open_direct(path):
    """Open for reading from the medium, where the file system can do it."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECT)
    except OSError:
        return os.open(path, os.O_RDONLY)
    if stat.S_ISBLK(os.fstat(handle).st_mode):
        _bypass_page_cache(handle)
    return handle


def _bypass_page_cache(handle):
    """Let a loop device read its file directly, where that is possible.

    Reading GiBs of holes through the page cache takes ten times as long.
    """
    if os.major(os.fstat(handle).st_rdev) == _LOOP_MAJOR:
        with contextlib.suppress(OSError):
            fcntl.ioctl(handle, _LOOP_SET_DIRECT_IO, 1)


def _compare_chunk(path, position, chunk, wanted):
    if len(wanted) < len(chunk):
        wanted += _ZEROS[:len(chunk) - len(wanted)]
    if chunk != wanted:
        raise Different('%s differs at byte %d' % (
            path, position + _first_difference(chunk, wanted)))


def _first_difference(one, other):
    return next(index for index, pair in enumerate(zip(one, other))
                if pair[0] != pair[1])


def _system_program(name):
    return shutil.which(name, path=programs.search_path())


def make_image(path, megabytes):
    """Make a raw disk image.

    It is a file system with a large file where mkfs.ext4 is installed, and
    a pattern of data and holes elsewhere.

    :param path: path of the image
    :param megabytes: its size in MiB
    :returns: what it is: PATTERN or FILE_SYSTEM
    """
    mkfs = _system_program('mkfs.ext4')
    if not mkfs:
        _make_pattern(path, megabytes)
        return PATTERN
    tree = path.parent / 'tree'
    tree.mkdir()
    (tree / 'README').write_text('Made by the demonstration.\n')
    (tree / 'data').write_bytes(data('image', megabytes // 4 * MIB))
    subprocess.run([mkfs, '-q', '-d', str(tree), str(path),
                    '%dM' % megabytes], check=True, capture_output=True)
    shutil.rmtree(tree)
    return FILE_SYSTEM


def _make_pattern(path, megabytes):
    with open(path, 'wb') as out:
        out.truncate(megabytes * MIB)
        for start in range(0, megabytes, 16):
            out.seek(start * MIB)
            out.write(data(str(start), 4 * MIB))


def make_half_image(path, megabytes):
    """Make a raw image whose MiB are data and zeros in turn.

    :param path: path of the image
    :param megabytes: its size in MiB
    """
    with open(path, 'wb') as out:
        for number in range(0, megabytes, 2):
            out.write(data(str(number), MIB))
            out.seek(MIB, os.SEEK_CUR)
        out.truncate(megabytes * MIB)


def check_file_system(path):
    """Check the file system on a device, where e2fsck is installed.

    :param path: path of the device
    :returns: whether it was checked
    :raises Different: it is damaged
    """
    fsck = _system_program('e2fsck')
    if not fsck:
        return False
    done = subprocess.run([fsck, '-fn', path], capture_output=True,
                          text=True)
    if done.returncode:
        raise Different('e2fsck of %s: %s' % (path, done.stdout))
    return True
