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

"""A directory that the services of a host share, and nobody else.

Owner, group and mode follow those of the directory that it is in, whoever
comes first: root makes nothing that a service cannot use. Everything in it is
reached by the descriptor of its directory and no link is followed, so that
nobody who may write somewhere on the way can have us read or write elsewhere.
"""

import contextlib
import os
import pathlib
import secrets
import shutil
import stat

from os_brick_dsware import waiting

#: What another user of the host has made is never used.
FOREIGN = 'somebody else has made it in a directory that is open to everybody'

_PLAIN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: Root gives a directory away the moment after it has made it.
_GIVEN_AWAY = 0.5


class NotTrusted(OSError):
    """Something is there that nobody who may write there has made."""


class Access:
    """Who may use what is in a directory: what that itself says."""

    def __init__(self, parent: os.stat_result):
        """Read it.

        :param parent: what the system tells of the directory
        """
        #: Ids of the user and of the group that it belongs to.
        self.owner, self.group = parent.st_uid, parent.st_gid
        #: Whether that group may write in it.
        self.shared = bool(parent.st_mode & stat.S_IWGRP)
        #: Whether everybody may.
        self.exposed = bool(parent.st_mode & stat.S_IWOTH)

    def trusts(self, there: os.stat_result, user: int) -> bool:
        """Tell whether what is there was made by who may make it."""
        return not self.exposed or there.st_uid in (0, self.owner, user)

    def settle(self, descriptor: int, together: int, alone: int) -> None:
        """Give what is in it its owner, group and mode, where we may.

        :param descriptor: of an open file or directory
        :param together: its mode where the group is to use it
        :param alone: its mode for its owner only
        """
        there = os.fstat(descriptor)
        if os.geteuid() not in (0, there.st_uid):
            return
        if there.st_uid == 0 or self.shared:
            _give(descriptor, there, there.st_uid or self.owner, self.group)
        there = os.fstat(descriptor)
        # An operator may have given it to a group by hand.
        shared = there.st_mode & stat.S_IWGRP or (
            self.shared and there.st_gid == self.group)
        mode = together if shared else alone
        if there.st_mode & 0o777 != mode & 0o777:
            os.fchmod(descriptor, mode)


def _give(descriptor: int, there: os.stat_result, owner: int,
          group: int) -> None:
    if (there.st_uid, there.st_gid) != (owner, group):
        # Of a group that we are not in it stays ours alone.
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, owner, group)


def foreign(path: str, user: int) -> str:
    """Look for what somebody else may have put on the way to a directory.

    It is the first part of the path that another user, who is not root, has
    in a directory that is open to everybody; empty if there is none.
    """
    for way in (os.path.abspath(path), os.path.realpath(path)):
        path = pathlib.Path(way)
        for part in [*reversed(path.parents), path][1:]:
            if os.path.lexists(part) and _is_foreign(part, user):
                return str(part)
    return ''


def _is_foreign(path: pathlib.Path, user: int) -> bool:
    parent = os.stat(path.parent)
    return bool(parent.st_mode & stat.S_IWOTH) and (
        os.lstat(path).st_uid not in (0, user))


@contextlib.contextmanager
def opened(path: str, make: bool = False):
    """Open a directory that services share; raises OSError.

    To make it is to mend it too. The one that it is in is made by others
    than root, who could only make one that is root's own.
    """
    parent, name = os.path.split(os.path.abspath(path))
    if make and os.geteuid():
        os.makedirs(parent, exist_ok=True)
    part = foreign(parent, os.geteuid())
    if part:
        raise NotTrusted('%s: %s' % (part, FOREIGN))
    descriptor = os.open(parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with _entered(descriptor, name, path, make) as directory:
            yield directory
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _entered(parent: int, name: str, path: str, make: bool):
    try:
        descriptor = _open_directory(parent, name)
    except FileNotFoundError:
        if not make:
            raise
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=parent)
        descriptor = _open_directory(parent, name)
    try:
        directory = Directory(descriptor, path, Access(os.fstat(parent)))
        directory.check(make)
        yield directory
    finally:
        os.close(descriptor)


def _open_directory(parent: int, name: str) -> int:
    denied = None
    for _round in waiting.pauses(_GIVEN_AWAY):
        try:
            return os.open(name, _DIRECTORY, dir_fd=parent)
        except PermissionError as exc:
            denied = exc
    raise denied


class Directory:
    """An open directory, and its files."""

    def __init__(self, descriptor: int, path: str, access: Access):
        """Nothing is read yet.

        :param descriptor: its descriptor
        :param path: its path, for messages
        :param access: who may use it
        """
        self._descriptor = descriptor
        self._path = path
        self._access = access

    def check(self, mend: bool) -> None:
        """See that it is only for those who may use it."""
        there = os.fstat(self._descriptor)
        if not self._access.trusts(there, os.geteuid()):
            raise NotTrusted('%s: %s' % (self._path, FOREIGN))
        if mend:
            self._access.settle(self._descriptor, 0o2770, 0o700)
        if os.fstat(self._descriptor).st_mode & stat.S_IWOTH:
            raise NotTrusted(
                '%s: everybody can change what is in it' % self._path)

    def enter(self, name: str, make: bool = False):
        """Open a directory in it, which is for the same users."""
        return _entered(self._descriptor, name,
                        os.path.join(self._path, name), make)

    def names(self) -> list[str]:
        """List what is in it."""
        return sorted(os.listdir(self._descriptor))

    def exists(self, name: str) -> bool:
        """Tell whether something is in it."""
        return self._stat(name) is not None

    def is_at(self, name: str, descriptor: int) -> bool:
        """Tell whether an open file is the one that has a name."""
        there = self._stat(name)
        return bool(there) and os.path.samestat(there, os.fstat(descriptor))

    def _stat(self, name: str) -> os.stat_result | None:
        try:
            return os.stat(name, dir_fd=self._descriptor,
                           follow_symlinks=False)
        except FileNotFoundError:
            return None

    # Files ------------------------------------------------------------------

    def read(self, name: str, longest: int) -> str:
        """Read a file; raises OSError or ValueError."""
        descriptor = self._open(name, os.O_RDONLY)
        with open(descriptor, encoding='utf-8') as stream:
            text = stream.read(longest + 1)
        if len(text) > longest:
            raise ValueError('it has more than %d characters' % longest)
        return text

    def replace(self, name: str, text: str) -> None:
        """Write a file in one step."""
        with self._new() as (temporary, descriptor):
            # Not os.fdopen(): eventlet's knows no closefd.
            with open(descriptor, 'w', encoding='utf-8',
                      closefd=False) as stream:
                stream.write(text)
                stream.flush()
                os.fsync(descriptor)
            os.replace(temporary, name, src_dir_fd=self._descriptor,
                       dst_dir_fd=self._descriptor)

    def remove(self, name: str) -> None:
        """Remove a file; it need not be there."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._descriptor)

    def remove_tree(self, name: str) -> None:
        """Remove a directory with what is in it, as far as we may."""
        shutil.rmtree(name, ignore_errors=True, dir_fd=self._descriptor)

    def open_lock(self, name: str) -> int:
        """Open a file to lock it; it is made if need be."""
        while True:
            try:
                return self._open(name, os.O_RDWR)
            except FileNotFoundError:
                self._make_empty(name)
            except PermissionError:
                # An earlier version made it, for another service: a local
                # file system locks it all the same.
                return self._open(name, os.O_RDONLY)

    def _make_empty(self, name: str) -> None:
        # Never seen before it has its owner, group and mode.
        with self._new() as (temporary, _descriptor):
            with contextlib.suppress(FileExistsError):
                os.link(temporary, name, src_dir_fd=self._descriptor,
                        dst_dir_fd=self._descriptor)

    def _open(self, name: str, flags: int) -> int:
        descriptor = os.open(name, flags | _PLAIN, dir_fd=self._descriptor)
        try:
            self._check_file(name, os.fstat(descriptor))
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _check_file(self, name: str, there: os.stat_result) -> None:
        path = os.path.join(self._path, name)
        if not stat.S_ISREG(there.st_mode):
            raise NotTrusted('%s is not a regular file' % path)
        here = os.fstat(self._descriptor)
        if not here.st_mode & stat.S_IWGRP and there.st_uid not in (
                0, os.geteuid(), here.st_uid, self._access.owner):
            raise NotTrusted(
                '%s belongs to user %d, who may not write there'
                % (path, there.st_uid))

    @contextlib.contextmanager
    def _new(self):
        """Make a file of another name, and remove what is left of it."""
        temporary = '.new-' + secrets.token_hex(8)
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL
                             | _PLAIN, 0o600, dir_fd=self._descriptor)
        try:
            Access(os.fstat(self._descriptor)).settle(
                descriptor, 0o660, 0o600)
            yield temporary, descriptor
        finally:
            os.close(descriptor)
            self.remove(temporary)
