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

import os
import random
import shutil
import subprocess

from functional.services import programs

MIB = 1 << 20
GIB = 1 << 30
CHUNK = 4 * MIB
_ZEROS = bytes(CHUNK)


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


def copy_sparse(source, destination):
    """Copy a file and keep its holes.

    :param source: path of the file
    :param destination: path of the copy
    """
    with open(source, 'rb') as from_file, open(destination, 'wb') as to_file:
        to_file.truncate(size(source))
        while chunk := from_file.read(CHUNK):
            if chunk != _ZEROS[:len(chunk)]:
                to_file.seek(from_file.tell() - len(chunk))
                to_file.write(chunk)


def compare(path, twin, expected_size):
    """Compare all the bytes of a device or file with what it should hold.

    :param path: where
    :param twin: path of a file with the bytes; behind its end all are zero
    :param expected_size: size that the device should have, in bytes
    :returns: how many bytes were compared
    :raises Different: the first difference
    """
    found = size(path)
    if found != expected_size:
        raise Different('%s has %d bytes instead of %d'
                        % (path, found, expected_size))
    with open(path, 'rb') as one, open(twin, 'rb') as other:
        position = 0
        while chunk := one.read(CHUNK):
            wanted = other.read(len(chunk))
            wanted += _ZEROS[:len(chunk) - len(wanted)]
            if chunk != wanted:
                raise Different('%s differs at byte %d' % (
                    path, position + _first_difference(chunk, wanted)))
            position += len(chunk)
    return position


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
    :returns: what it is, for people to read
    """
    mkfs = _system_program('mkfs.ext4')
    if not mkfs:
        _make_pattern(path, megabytes)
        return 'a pattern of data and holes'
    tree = path.parent / 'tree'
    tree.mkdir()
    (tree / 'README').write_text('Made by the demonstration.\n')
    (tree / 'data').write_bytes(data('image', megabytes // 4 * MIB))
    subprocess.run([mkfs, '-q', '-d', str(tree), str(path),
                    '%dM' % megabytes], check=True, capture_output=True)
    shutil.rmtree(tree)
    return 'an ext4 file system'


def _make_pattern(path, megabytes):
    with open(path, 'wb') as out:
        out.truncate(megabytes * MIB)
        for start in range(0, megabytes, 16):
            out.seek(start * MIB)
            out.write(data(str(start), 4 * MIB))


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
