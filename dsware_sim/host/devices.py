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
"""The block devices of the simulated hosts.

As root each attachment is a loop device on the object's file; without root a
symbolic link to the file takes the device's place. Both kinds have the same
methods, which block and so belong into a worker thread.
"""

import contextlib
import errno
import fcntl
import glob
import os
import stat
import struct
import time

_LOOP_CTL_GET_FREE = 0x4C82
_LOOP_SET_FD = 0x4C00
_LOOP_CLR_FD = 0x4C01
_LOOP_SET_STATUS64 = 0x4C04
_LOOP_GET_STATUS64 = 0x4C05
_LOOP_SET_CAPACITY = 0x4C07
_LOOP_CONFIGURE = 0x4C0A
_READ_ONLY = 1
_AUTOCLEAR = 4
_LOOP_MAJOR = 7
_LOOP_CONTROL = '/dev/loop-control'
# struct loop_info64: seven numbers of which lo_flags is at byte 52, names.
_INFO_SIZE = 232
_FLAGS_AT = 52
_NAME_AT = 56
# struct loop_config: fd, block size, loop_info64, eight reserved numbers.
_CONFIG = struct.Struct('=II%ds64x' % _INFO_SIZE)
_SECTOR = 512
# Where the numbers of writes and discards are in /sys/block/*/stat.
_WRITES, _DISCARDS = 4, 11
# How long a device that somebody has open, udev's probing for instance, is
# given before a detachment is refused.
_BUSY_WAIT = 0.2


class Busy(Exception):
    """A device is open and cannot be removed."""


def have_loop_devices():
    """Whether loop devices can be made here.

    :returns: bool; it takes root and the kernel's loop driver
    """
    if os.geteuid() != 0:
        return False
    try:
        os.close(os.open(_LOOP_CONTROL, os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        return False
    return True


class FileDevices:
    """Symbolic links in the place of devices."""

    kind = 'file'

    def __init__(self, directory):
        """Use a directory for the links.

        :param directory: path; it gets a directory for each agent
        """
        self._directory = directory
        self._hidden = {}

    def attach(self, path, agent, name, read_only):
        """Make a device.

        :param path: the object's file
        :param agent: address of the host's agent
        :param name: the object's name
        :param read_only: whether it must not be written
        :returns: path of the device
        """
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fchmod(handle, 0o400 if read_only else 0o600)
        finally:
            os.close(handle)
        host = os.path.join(self._directory, agent)
        os.makedirs(host, exist_ok=True)
        device = os.path.join(host, name)
        replace_link(path, device)
        return device

    def detach(self, device, force=False):
        """Remove a device.

        :param device: its path
        :param force: ignored, as nothing tells whether it is open
        """
        self._hidden.pop(device, None)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(device)

    def hide(self, device):
        """Let a device look as if it had not appeared yet.

        :param device: its path
        """
        self._hidden[device] = os.readlink(device)
        os.unlink(device)

    def show(self, device):
        """Let a device appear.

        :param device: its path
        """
        path = self._hidden.pop(device, None)
        if path is not None:
            replace_link(path, device)

    def grow(self, device):
        """Notice that the file has grown.

        :param device: path of the device, which needs nothing
        """

    def sync(self, device):
        """Bring what was written to the device to the file.

        :param device: path of the device, which needs nothing
        """

    def writes(self, device):
        """Tell what changes when the device is written.

        :param device: path of the device
        :returns: always 0, as nothing tells
        """
        return 0

    def existing(self, directory):
        """Find devices that an earlier run left.

        :param directory: where the objects' files are
        :returns: dict of the file's path by device
        """
        found = {}
        for device in glob.glob(os.path.join(
                glob.escape(self._directory), '*', '*')):
            if os.path.islink(device):
                found[device] = os.readlink(device)
        return found


class LoopDevices:
    """Loop devices."""

    kind = 'loop'

    def attach(self, path, agent, name, read_only):
        """Make a device.

        :param path: the object's file
        :param agent: address of the host's agent
        :param name: the object's name
        :param read_only: whether it must not be written
        :returns: path of the device
        """
        mode = os.O_RDONLY if read_only else os.O_RDWR
        backing = os.open(path, mode | os.O_CLOEXEC)
        try:
            return _bind(backing, path, read_only)
        finally:
            os.close(backing)

    def detach(self, device, force=False):
        """Remove a device.

        :param device: its path
        :param force: whether it is removed even when it is open; it then
                      goes away when it is closed
        :raises Busy: it is open
        """
        self.show(device)
        deadline = time.monotonic() + _BUSY_WAIT
        while not _clear(device, force):
            if time.monotonic() > deadline:
                raise Busy('%s is open' % device)
            time.sleep(0.02)

    def hide(self, device):
        """Let a device look as if it had not appeared yet.

        :param device: its path
        """
        os.unlink(device)

    def show(self, device):
        """Let a device appear.

        :param device: its path
        """
        if os.path.exists('/sys/block/' + os.path.basename(device)):
            _make_node(device)

    def grow(self, device):
        """Give a device the size that its file has now.

        :param device: its path
        """
        with _opened(device) as handle:
            fcntl.ioctl(handle, _LOOP_SET_CAPACITY, 0)

    def sync(self, device):
        """Bring what was written to the device to the file.

        :param device: its path
        """
        with _opened(device) as handle:
            os.fsync(handle)

    def writes(self, device):
        """Tell what changes when the device is written.

        :param device: its path
        :returns: how many writes have been carried out; None while one is
                  being carried out
        """
        block = os.path.join('/sys/block', os.path.basename(device))
        with open(os.path.join(block, 'stat')) as stat_file:
            numbers = stat_file.read().split()
        with open(os.path.join(block, 'inflight')) as inflight_file:
            _reads, writes = inflight_file.read().split()
        if int(writes):
            return None
        return int(numbers[_WRITES]) + int(numbers[_DISCARDS])

    def existing(self, directory):
        """Find devices that an earlier run left.

        :param directory: where the objects' files are
        :returns: dict of the file's path by device
        """
        return dict(loops_below(directory))


def loops_below(directory):
    """Find the loop devices whose files are in a directory.

    :param directory: its path
    :returns: iterator of (device, path of the file)
    """
    prefix = os.path.join(os.path.realpath(directory), '')
    for entry in glob.glob('/sys/block/loop*/loop/backing_file'):
        try:
            with open(entry) as backing_file:
                path = backing_file.read().rstrip('\n')
        except OSError:
            continue
        if path.startswith(prefix):
            yield '/dev/' + entry.split('/')[3], path


def replace_link(target, link):
    """Make a symbolic link, or let it point elsewhere, in one step.

    :param target: what it points at
    :param link: its path
    """
    temporary = '%s.%d' % (link, os.getpid())
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    os.symlink(target, temporary)
    os.replace(temporary, link)


@contextlib.contextmanager
def _opened(device):
    handle = os.open(device, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)


def _free_device():
    control = os.open(_LOOP_CONTROL, os.O_RDWR | os.O_CLOEXEC)
    try:
        number = fcntl.ioctl(control, _LOOP_CTL_GET_FREE)
    finally:
        os.close(control)
    device = '/dev/loop%d' % number
    # In a container there is no udev that would make the node.
    _make_node(device)
    return device


def _make_node(device):
    number = int(device.removeprefix('/dev/loop'))
    with contextlib.suppress(FileExistsError):
        os.mknod(device, 0o600 | stat.S_IFBLK,
                 os.makedev(_LOOP_MAJOR, number))


def _bind(backing, path, read_only):
    # Another process may take the free device first: try the next one.
    for _ in range(64):
        device = _free_device()
        try:
            mode = os.O_RDONLY if read_only else os.O_RDWR
            handle = os.open(device, mode | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in (errno.EBUSY, errno.ENXIO):
                continue
            raise
        try:
            _configure(handle, backing, path, read_only)
            return device
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
        finally:
            os.close(handle)
    raise OSError(errno.EBUSY, 'no free loop device', _LOOP_CONTROL)


def _configure(handle, backing, path, read_only):
    info = bytearray(_INFO_SIZE)
    struct.pack_into('=I', info, _FLAGS_AT, _READ_ONLY if read_only else 0)
    name = os.fsencode(path)[-63:]
    info[_NAME_AT:_NAME_AT + len(name)] = name
    config = _CONFIG.pack(backing, _SECTOR, bytes(info))
    try:
        fcntl.ioctl(handle, _LOOP_CONFIGURE, config)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTTY):
            raise
        # Kernels before 5.8; read-only follows from the file's mode there.
        fcntl.ioctl(handle, _LOOP_SET_FD, backing)


def _clear(device, force):
    """Unbind a device.

    When it is open elsewhere the kernel only marks it for unbinding at the
    last close; the mark is taken off again, unless force is set, so that the
    outcome is exact and nothing has to be searched for openers.

    :returns: whether it is unbound, or will be by itself
    """
    try:
        with _opened(device) as handle:
            fcntl.ioctl(handle, _LOOP_CLR_FD, 0)
            if force:
                return True
            info = bytearray(_INFO_SIZE)
            fcntl.ioctl(handle, _LOOP_GET_STATUS64, info)
            flags, = struct.unpack_from('=I', info, _FLAGS_AT)
            struct.pack_into('=I', info, _FLAGS_AT, flags & ~_AUTOCLEAR)
            fcntl.ioctl(handle, _LOOP_SET_STATUS64, bytes(info))
            return False
    except OSError as error:
        # ENXIO: unbound, now or before.
        if error.errno in (errno.ENXIO, errno.ENOENT):
            return True
        raise
