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

"""Files that somebody may replace while the service runs."""

from collections.abc import Iterable
import os


def signature(paths: Iterable[str]) -> tuple:
    """Give what is another value once one of the files is another one.

    :param paths: of files, and of directories, the files in which count
    :returns: a value to compare; a file that is not there is part of it too
    """
    return tuple(_look_at(path) for path in paths)


def _look_at(path):
    try:
        found = os.stat(path)
        if os.path.isdir(path):
            # Links in it, whose files may be replaced, are what is read.
            names = sorted(os.listdir(path))
            return tuple(_stamp(os.path.join(path, name)) for name in names)
    except OSError:
        return None
    return _of(found)


def _stamp(path):
    try:
        return path, *_of(os.stat(path))
    except OSError:
        return path, None


def _of(found):
    return found.st_mtime_ns, found.st_ino, found.st_size
