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
"""A directory and files in it that nobody else can have prepared.

The simulator may run as root, in a place where others can write. What it
writes must not go where a link of theirs leads, and what it serves below its
directory is for the directory's owner and group.
"""

import contextlib
import os
import stat

_MAX_LINKS = 40
_OTHERS = stat.S_IRWXO | stat.S_IWGRP
_WRITE = stat.S_IWGRP | stat.S_IWOTH


class NotPrivateError(RuntimeError):
    """Others could decide what a directory holds, or look into it."""


def claim(path):
    """Make a directory that is closed to others, or check that one is.

    Its group may look into it if its mode says so.

    :param path: its path; what is missing of it is made
    :returns: its path without symbolic links
    :raises NotPrivateError: it is somebody else's, open to others, or on a
                             way that others can change
    """
    real = _follow(path)
    status = os.stat(real)
    if status.st_uid != os.geteuid():
        raise NotPrivateError(
            '--state %s belongs to user %d and not to user %d, who runs '
            'this: name a directory that does not exist yet'
            % (path, status.st_uid, os.geteuid()))
    mode = stat.S_IMODE(status.st_mode)
    if mode & _WRITE:
        raise NotPrivateError(
            '--state %s has mode %o, so others may have put files and links '
            'there: name a directory that does not exist yet' % (path, mode))
    if mode & _OTHERS:
        raise NotPrivateError(
            '--state %s has mode %o, and what it holds is not for all users '
            'of this machine: chmod it to 700, or to 750 for its group'
            % (path, mode))
    _check_entries(real)
    return real


def _follow(path):
    """Follow a path of which nobody else may exchange a part."""
    real = '/'
    left = os.path.join(os.getcwd(), path).split('/')[::-1]
    links = 0
    while left:
        name = left.pop()
        if name == '..':
            real = os.path.dirname(real)
        if name in ('', '.', '..'):
            continue
        _check_parent(real)
        entry = os.path.join(real, name)
        if stat.S_ISLNK(_check_way(entry).st_mode):
            links += 1
            if links > _MAX_LINKS:
                raise NotPrivateError('--state %s: too many symbolic links'
                                      % path)
            target = os.readlink(entry)
            left += target.split('/')[::-1]
            real = '/' if target.startswith('/') else real
        else:
            real = entry
    return real


def _check_parent(directory):
    """Check that others cannot rename what is in a directory."""
    status = os.stat(directory)
    mode = stat.S_IMODE(status.st_mode)
    # To share the group of this process is to share what it may do.
    of_others = mode & stat.S_IWOTH or (
        mode & stat.S_IWGRP and status.st_gid != os.getegid())
    if of_others and not mode & stat.S_ISVTX:
        raise NotPrivateError(
            '%s has mode %o, so others could exchange the directory of '
            '--state in it: name one in a directory of this user'
            % (directory, mode))


def _check_way(entry):
    """Check a directory, or a link, on the way; make it when missing."""
    with contextlib.suppress(FileExistsError):
        if not os.path.lexists(entry):
            os.mkdir(entry, stat.S_IRWXU)
    status = os.lstat(entry)
    if status.st_uid not in (0, os.geteuid()):
        raise NotPrivateError(
            '%s belongs to user %d, who could lead --state elsewhere: name a '
            'directory that only this user and root can exchange'
            % (entry, status.st_uid))
    return status


def _check_entries(directory):
    """Check that all entries are this user's, down to the second level.

    Those of ``data`` are not: their owner changes while a service writes to
    what it takes for a device.
    """
    for entry in os.scandir(directory):
        _check_entry(entry)
        if entry.name != 'data' and entry.is_dir(follow_symlinks=False):
            for inner in os.scandir(entry):
                _check_entry(inner)


def _check_entry(entry):
    owner = entry.stat(follow_symlinks=False).st_uid
    if owner != os.geteuid():
        raise NotPrivateError(
            '%s belongs to user %d and not to user %d, who runs this: name '
            'another directory with --state'
            % (entry.path, owner, os.geteuid()))


@contextlib.contextmanager
def replacing(path, mode=0o600):
    """Write a file that takes the place of another one when it is whole.

    :param path: its path
    :param mode: its mode
    :returns: context manager whose value is the file, open for bytes
    """
    temporary = path + '.new'
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL
                     | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(handle, 'wb') as output:
        yield output
        output.flush()
        os.fchmod(handle, mode)
    os.replace(temporary, path)
