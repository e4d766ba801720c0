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
"""The durable state: an append-only journal and a compacted image.

``image`` holds the events that make the state as of the start of journal
number N (its first line says N); ``journal.N``, ``journal.N+1``, ... hold
the events since. Each journal line is one operation: a checksum and a JSON
list of events, so an operation is there as a whole or not at all. What was
written survives the death of the process; nothing is synced on each
operation, as a power cut is not what is simulated.
"""

import fcntl
import json
import os
import zlib

from dsware_sim import private

IMAGE = 'image'
_JOURNAL = 'journal.'
# A journal that is shorter is never compacted.
COMPACT_AT = 32 * 1024 * 1024


class StoreError(RuntimeError):
    """The stored state cannot be used."""


class Store:
    """Journal and image in one directory."""

    def __init__(self, directory):
        """Lock a directory; it is made when missing.

        :param directory: path of the directory
        :raises StoreError: another process uses it
        """
        self.directory = directory
        os.makedirs(directory, exist_ok=True)
        self._lock = _lock(os.path.join(directory, 'lock'))
        self._generation = 0
        self._journal = None
        self._size = 0
        self._compacted_size = 0
        # Called before each write; raises OSError to let the write fail.
        self.before_write = lambda: None

    def load(self, state):
        """Make the state what it was, and open the journal.

        :param state: an empty :class:`dsware_sim.cluster.state.State`
        :raises StoreError: the image or a journal is damaged
        """
        image = os.path.join(self.directory, IMAGE)
        if os.path.exists(image):
            self._load_image(image, state)
        generation = self._generation
        while os.path.exists(self._path(generation)):
            self._replay(self._path(generation), state)
            self._generation = generation
            generation += 1
        self._open(self._generation)

    def append(self, events):
        """Make events durable.

        :param events: list of events
        :raises OSError: they could not be written, and the journal is as it
                         was before
        """
        self.before_write()
        line = _encode(events)
        try:
            written = os.write(self._journal, line)
            if written != len(line):
                raise OSError('only %d of %d bytes of the journal were '
                              'written' % (written, len(line)))
        except OSError:
            os.ftruncate(self._journal, self._size)
            raise
        self._size += len(line)

    def wants_compaction(self):
        """Whether the journal is much longer than what it amounts to.

        :returns: bool
        """
        return self._size > max(COMPACT_AT, 2 * self._compacted_size)

    def compact(self, state):
        """Write the image anew and start another journal.

        :param state: the state that the journals so far amount to
        """
        generation = self._generation + 1
        path = os.path.join(self.directory, IMAGE)
        with private.replacing(path) as image:
            image.write(_encode([['generation', generation]]))
            for event in state.dump():
                image.write(_encode([event]))
            image.flush()
            os.fsync(image.fileno())
            self._compacted_size = image.tell()
        os.close(self._journal)
        self._open(generation)
        self._remove_before(generation)

    def close(self):
        """Close the journal and give the directory free."""
        if self._journal is not None:
            os.close(self._journal)
            self._journal = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _path(self, generation):
        return os.path.join(self.directory, _JOURNAL + str(generation))

    def _open(self, generation):
        self._generation = generation
        self._journal = os.open(
            self._path(generation),
            os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
            | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._journal).st_size

    def _remove_before(self, generation):
        for entry in os.listdir(self.directory):
            number = entry[len(_JOURNAL):]
            if (entry.startswith(_JOURNAL) and number.isdigit()
                    and int(number) < generation):
                os.unlink(os.path.join(self.directory, entry))

    def _load_image(self, path, state):
        with open(path, 'rb') as image:
            try:
                (_, self._generation), = _decode(image.readline())
                for line in image:
                    state.apply(_decode(line))
            except ValueError as error:
                raise StoreError('%s is damaged: %s' % (path, error))
            self._compacted_size = image.tell()

    def _replay(self, path, state):
        """Apply a journal; cut off a last line that was not finished."""
        good = 0
        with open(path, 'r+b') as journal:
            for line in journal:
                try:
                    events = _decode(line)
                except ValueError as error:
                    if journal.read(1):
                        raise StoreError('%s is damaged at byte %d: %s'
                                         % (path, good, error))
                    journal.truncate(good)
                    return
                state.apply(events)
                good += len(line)


def _lock(path):
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
                     | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(handle, 32, 0).decode(errors='replace').strip()
        os.close(handle)
        raise StoreError('%s is in use by another dsware-sim (process %s); '
                         'stop that one or use another directory'
                         % (os.path.dirname(path), holder or 'unknown'))
    os.ftruncate(handle, 0)
    os.pwrite(handle, b'%d\n' % os.getpid(), 0)
    return handle


def _encode(events):
    text = json.dumps(events, separators=(',', ':')).encode()
    return b'%08x %s\n' % (zlib.crc32(text), text)


def _decode(line):
    """Read a line.

    :param line: bytes
    :returns: list of events
    :raises ValueError: it is cut or damaged
    """
    if not line.endswith(b'\n'):
        raise ValueError('a line that was not finished')
    checksum, _, text = line[:-1].partition(b' ')
    if int(checksum, 16) != zlib.crc32(text):
        raise ValueError('a wrong checksum')
    return json.loads(text)
