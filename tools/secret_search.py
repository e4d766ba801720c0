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

"""Search what a run of the tests leaves for the secrets that it used.

Every secret of a test has a mark (see secret_marks), and is for the cluster
only. So the mark must be nowhere in what the run prints, logs or stores, but
in configuration files; nor must a private key, but in a file for keys.

Usage: secret_search.py PLACE..., files and directories; one that is not there
is left out
"""

import fnmatch
import os
import pathlib
import sys

# Not a package here: it is run by a Python that knows nothing of this tree.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from tools import secret_marks  # noqa: E402

# Where a secret belongs.
HOMES = ('*.conf', '*.conf.new', 'password', '*.key', '*.pem')
_KEYS = (b'BEGIN PRIVATE KEY', b'BEGIN EC PRIVATE KEY')
_CHUNK = 4 * 1024 * 1024


def files(place):
    """Find the files that are searched.

    :param place: the path of a file or a directory
    :returns: an iterator of paths
    """
    if not place.is_dir():
        yield from [place] if place.is_file() else []
        return
    for directory, _names, found in os.walk(place):
        for name in found:
            path = pathlib.Path(directory, name)
            if not any(fnmatch.fnmatch(name, home) for home in HOMES) and (
                    path.is_file() and not path.is_symlink()):
                yield path


def _extents(descriptor):
    """Give where a file has data: that of a volume is nearly all holes."""
    end = 0
    while True:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError:
            return
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield start, end


def has_secret(path, wanted):
    """Tell whether a file has one of some texts.

    :param path: the file
    :param wanted: the texts, as bytes
    :returns: whether it has
    """
    overlap = max(map(len, wanted)) - 1
    with open(path, 'rb', buffering=0) as stream:
        for start, end in list(_extents(stream.fileno())):
            before = b''
            while start < end:
                data = before + os.pread(stream.fileno(),
                                         min(_CHUNK, end - start), start)
                if len(data) == len(before):
                    break
                if any(text in data for text in wanted):
                    return True
                start += len(data) - len(before)
                before = data[-overlap:]
    return False


def search(places):
    """Search files and directories.

    :param places: their paths
    :returns: how many files were searched, and a list of those that have a
        secret
    """
    wanted = secret_marks.forms() + _KEYS
    count, found = 0, []
    for place in places:
        for path in files(pathlib.Path(place)):
            try:
                if has_secret(path, wanted):
                    found.append(path)
            except FileNotFoundError:
                # Removed in the meantime.
                continue
            count += 1
    return count, found


def main(places):
    """Search, and say what was found.

    :param places: files and directories
    :returns: the exit status, 0 when there is something to search and no
        secret is in it
    """
    count, found = search(places)
    for path in found:
        print('a secret of the tests is in %s' % path)
    if not count:
        print('there is nothing to search for secrets in: %s'
              % ' '.join(places))
    return 0 if count and not found else 1


if __name__ == '__main__':
    if not sys.argv[1:]:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
