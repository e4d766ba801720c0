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

"""What one worker does: all operations of the driver, at random."""

import collections
import random
import time
import traceback

from cinder import context
from cinder.tests.unit.volume.drivers.dsware.fakes import database
from cinder.tests.unit.volume.drivers.dsware.integration import making
from cinder.volume import volume_types

from functional.load import mix

# How much a worker has on the cluster at a time.
_MOST_VOLUMES = 4
_MOST_SNAPSHOTS = 3
_LARGEST = 16
_PAGE = 100
_TEXT = 600


class _Owned:
    """A volume with what belongs to it."""

    def __init__(self, volume):
        self.volume = volume
        self.snapshots = []
        self.attachment = None


class Results:
    """What the operations of a worker came to."""

    def __init__(self):
        self.counts = collections.Counter()
        self.seconds = collections.Counter()
        self.longest = collections.defaultdict(float)
        self.errors = []

    def add(self, operation, seconds):
        """Note one that worked."""
        self.counts[operation] += 1
        self.seconds[operation] += seconds
        self.longest[operation] = max(self.longest[operation], seconds)

    def fail(self, operation, error, started):
        """Note one that raised something.

        :param operation: its name
        :param error: what was raised
        :param started: when it began, in seconds since the epoch
        """
        where = traceback.extract_tb(error.__traceback__)[-1]
        self.errors.append({
            'operation': operation, 'class': type(error).__name__,
            'text': str(error)[:_TEXT], 'started': started,
            'ended': time.time(),
            'where': '%s:%d' % (where.filename, where.lineno)})


class Worker:
    """Works alone on volumes of its own."""

    def __init__(self, number, service, seed):
        """Prepare a worker.

        :param number: its number
        :param service: the service whose driver it calls
        :param seed: text that chooses what it does
        """
        self._service = service
        self._dsware = service.dsware
        self._chance = random.Random('%s %d' % (seed, number))
        self._admin = context.get_admin_context()
        self._connector = self._chance.choice(service.connectors)
        self._owned = []
        self.results = Results()

    def work(self, end):
        """Do one operation after the other, then remove what was made.

        :param end: when to stop, of time.monotonic()
        """
        names, weights = list(mix.WEIGHTS), list(mix.WEIGHTS.values())
        while time.monotonic() < end:
            self._do(self._chance.choices(names, weights)[0])
        self._clear()

    def _do(self, operation):
        started, before = time.time(), time.monotonic()
        try:
            if getattr(self, '_' + operation)() is False:
                return
        except Exception as error:
            self.results.fail(operation, error, started)
        else:
            self.results.add(operation, time.monotonic() - before)

    def _clear(self):
        """Remove all, also what an operation that failed has left."""
        for owned in self._owned:
            if owned.attachment:
                self._do_for('detach', owned)
            for snapshot in list(owned.snapshots):
                self._do_for('delete_snapshot', owned, snapshot)
        for owned in list(self._owned):
            self._do_for('delete', owned)
        self._owned.clear()

    def _do_for(self, operation, *args):
        started, before = time.time(), time.monotonic()
        try:
            getattr(self, '_' + operation)(*args)
        except Exception as error:
            self.results.fail(operation, error, started)
        else:
            self.results.add(operation, time.monotonic() - before)

    # -- choices ----------------------------------------------------------

    def _pick(self, condition=lambda owned: True):
        found = [owned for owned in self._owned if condition(owned)]
        return self._chance.choice(found) if found else None

    def _new(self, size):
        """A volume that the cluster is about to have."""
        kind = self._chance.choice(self._service.types)
        volume = making.make_volume(
            size, host=self._service.host(self._chance.randrange(2)),
            volume_type_id=kind.id, volume_type=kind)
        self._owned.append(_Owned(volume))
        return volume

    def _room(self):
        return len(self._owned) < _MOST_VOLUMES

    # -- operations: each answers False when there is nothing to do -------

    def _create(self):
        if not self._room():
            return False
        self._dsware.create_volume(self._new(self._chance.randint(1, 4)))

    def _delete(self, owned=None):
        owned = owned or self._pick(
            lambda one: not one.snapshots and not one.attachment)
        if owned is None:
            return False
        self._dsware.delete_volume(owned.volume)
        self._dsware.clean_volume_file_locks(owned.volume.id)
        self._owned.remove(owned)

    def _snapshot(self):
        owned = self._pick(
            lambda one: len(one.snapshots) < _MOST_SNAPSHOTS)
        if owned is None:
            return False
        snapshot = making.make_snapshot(owned.volume)
        owned.snapshots.append(snapshot)
        self._dsware.create_snapshot(snapshot)

    def _delete_snapshot(self, owned=None, snapshot=None):
        owned = owned or self._pick(lambda one: one.snapshots)
        if owned is None:
            return False
        snapshot = snapshot or self._chance.choice(owned.snapshots)
        self._dsware.delete_snapshot(snapshot)
        owned.snapshots.remove(snapshot)

    def _clone(self):
        source = self._pick()
        if source is None or not self._room():
            return False
        self._dsware.create_cloned_volume(
            self._new(source.volume.size + self._chance.randint(0, 1)),
            source.volume)

    def _from_snapshot(self):
        source = self._pick(lambda one: one.snapshots)
        if source is None or not self._room():
            return False
        snapshot = self._chance.choice(source.snapshots)
        self._dsware.create_volume_from_snapshot(
            self._new(snapshot.volume_size + self._chance.randint(0, 1)),
            snapshot)

    def _extend(self):
        owned = self._pick(lambda one: one.volume.size < _LARGEST)
        if owned is None:
            return False
        size = owned.volume.size + 1
        self._dsware.extend_volume(owned.volume, size)
        owned.volume.size = size

    def _revert(self):
        owned = self._pick(
            lambda one: one.snapshots and not one.attachment)
        if owned is None:
            return False
        self._dsware.revert_to_snapshot(self._admin, owned.volume,
                                        owned.snapshots[-1])

    def _look(self):
        owned = self._pick()
        if owned is None:
            return False
        self._dsware.get_pool(owned.volume)

    def _attach(self):
        owned = self._pick(lambda one: not one.attachment)
        if owned is None:
            return False
        database.add_volume(owned.volume)
        owned.attachment = database.add_attachment(owned.volume)
        self._dsware.initialize_connection(owned.volume, self._connector)
        database.set_connector(owned.attachment, self._connector)

    def _detach(self, owned=None):
        owned = owned or self._pick(lambda one: one.attachment)
        if owned is None:
            return False
        self._dsware.terminate_connection(owned.volume, self._connector)
        database.remove_attachment(owned.attachment)
        owned.attachment = None

    def _retype(self):
        owned = self._pick()
        if owned is None:
            return False
        volume = owned.volume
        new = self._chance.choice(self._service.types)
        diff, _same = volume_types.volume_types_diff(
            self._admin, volume.volume_type_id, new.id)
        done = self._dsware.retype(self._admin, volume, new, diff,
                                   {'host': volume.host})
        if not done:
            raise AssertionError('%s was not retyped' % volume.name)
        volume.volume_type_id, volume.volume_type = new.id, new

    def _list(self):
        self._dsware.get_manageable_volumes([], None, _PAGE, 0,
                                            ['reference'], ['asc'])

    def _list_snapshots(self):
        self._dsware.get_manageable_snapshots([], None, _PAGE, 0,
                                              ['reference'], ['asc'])

    def _stats(self):
        self._dsware.get_volume_stats(refresh=True)
