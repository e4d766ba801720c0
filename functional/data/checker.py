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

"""Does everything to volumes that are written, and looks at all bytes."""

import collections
import contextlib
import os
import random
import time

import os_brick
from os_brick.privileged import rootwrap
from oslo_config import cfg

# Cinder's tests choose the kind of threads, so this is the first of Cinder.
from cinder.tests.unit.volume.drivers.dsware.integration import making

from cinder import context
from cinder import exception
from dsware_sim import testing
from functional.data import blocks
from functional.data import device
from functional.data import history
from functional.services import library
from functional.services import simulator
from functional.services import waiting
from os_brick_dsware import connector

CONF = cfg.CONF
_TIMEOUT = 30
_MOST_VOLUMES = 4
_MOST_SNAPSHOTS = 2
# GiB. All of a device is read, so that larger ones take long.
_LARGEST = 2
_POOLS = 2

# How often each operation is chosen.
WEIGHTS = {
    'create': 2, 'delete': 8, 'attach': 6, 'detach': 3, 'snapshot': 2,
    'snapshot_in_use': 8, 'delete_snapshot': 2, 'clone': 3,
    'clone_in_use': 5, 'from_snapshot': 5, 'extend': 2, 'extend_in_use': 2,
    'revert': 4, 'backup': 4, 'migrate': 3, 'verify': 3}
# What happens to one of the next requests.
_FAULTS = (
    {'kind': 'drop_before'}, {'kind': 'drop_after'}, {'kind': 'cut_frame'},
    {'kind': 'garbage'}, {'kind': 'wrong_seq'}, {'kind': 'refuse'},
    {'kind': 'delay', 'seconds': 0.3},
    # VBS_QUEUE_BUSY, METADATA_LOCKED, VBS_REQUEST_TIMEOUT, DSWARE_ERROR
    {'kind': 'result', 'code': 50150016}, {'kind': 'result', 'code': 50150020},
    {'kind': 'result_after', 'code': 50150017},
    {'kind': 'result_after', 'code': 50000001})
_FAULT_RATE = 0.5
# Whatever chance says later, each is done once; each finds what it needs.
_OPENING = (
    'create', 'attach', 'snapshot_in_use', 'clone_in_use', 'extend_in_use',
    'from_snapshot', 'backup', 'detach', 'revert', 'delete_snapshot',
    'snapshot', 'migrate', 'verify', 'clone', 'delete', 'create', 'extend')
# Acknowledged writes after which an attached volume is worth a snapshot.
_WRITES = 5
_WRITE_SECONDS = 60
_WRITE_LOOK = 0.02


class Found(Exception):
    """Something is not where it should be."""


def _execute(*command, run_as_root=False, root_helper=None, **kwargs):
    """Run a command as os-brick's privileged process does."""
    return rootwrap.custom_execute(*command, **kwargs)


class _Volume:
    """A volume, what it should hold, and who writes to it."""

    def __init__(self, volume, base=None):
        self.volume = volume
        self.history = history.History(base)
        self.snapshots = []
        self.data = None
        self.path = None
        self.writer = None

    @property
    def attached(self):
        return self.data is not None


class Checker:
    """One run.

    :ivar counts: how often each operation was done
    :ivar looked: how many devices were read as a whole, and their GiB
    """

    def __init__(self, directory, seed):
        """Prepare.

        :param directory: path of a directory for everything
        :param seed: text that chooses what is done
        """
        self._directory = str(directory)
        self._chance = random.Random(seed)
        self._admin = context.get_admin_context()
        self._volumes = []
        self.simulator = testing.Simulator(
            os.path.join(self._directory, 'cluster'), agents=2,
            copy_seconds=0.05)
        self.counts = collections.Counter()
        self.looked = collections.Counter()

    def summary(self):
        """Tell what was done.

        :returns: text
        """
        return '%d devices with %d GiB compared; %s' % (
            self.looked['devices'], self.looked['GiB'],
            ', '.join('%s %d' % pair
                      for pair in sorted(self.counts.items())))

    # -- start and end ----------------------------------------------------

    def run(self, seconds):
        """Do operations for a while, then look at all there is.

        :param seconds: how long
        :raises Found: something is not as it should be
        """
        with self.simulator:
            self.set_up()
            try:
                self._work(time.monotonic() + seconds)
            finally:
                self.let_go()

    def set_up(self):
        """Make the drivers and the connector; the cluster is running."""
        service = os.path.join(self._directory, 'service')
        os.mkdir(service)
        library.set_up(service, os.path.join(service, 'log'))
        os_brick.setup(CONF)
        brick = simulator.brick_options(self.simulator.agents[0], os.path.join(
            self.simulator.bin, 'fsc_cli'))
        brick['lock_path'] = os.path.join(self._directory, 'locks')
        os.mkdir(brick['lock_path'])
        for name, value in brick.items():
            CONF.set_override(name, value, group='os_brick')
        self._connector = connector.DSWareConnector('sudo', execute=_execute)
        self._properties = {'host': 'here', 'ip': self.simulator.agents[0][0],
                            'dsware_cli': True}
        self._drivers = {}
        for clone in ('linked', 'full'):
            made = making.make_driver(
                'data-' + clone, self.simulator.agents,
                dsware_request_timeout=_TIMEOUT, dsware_clone=clone)
            made.do_setup(self._admin)
            made.check_for_setup_error()
            self._drivers[clone] = made

    def _work(self, end):
        for name in _OPENING:
            if not self._do(name):
                raise Found('there was nothing to %s' % name)
        names, weights = list(WEIGHTS), list(WEIGHTS.values())
        while time.monotonic() < end:
            self._do(self._chance.choices(names, weights)[0])
        self._do('restart')
        self._finish()

    def _finish(self):
        self._all(self._detach)
        self._all(self._verify)
        for owned in list(self._volumes):
            for snapshot in list(owned.snapshots):
                self._backup(owned, snapshot)
        for owned in list(self._volumes):
            self._delete(owned)
        status = self.simulator.control.status()
        left = {what: status[what]
                for what in ('volumes', 'snapshots', 'attachments')
                if status[what]}
        if left:
            raise Found('left on the cluster: %s' % left)

    def _all(self, operation):
        for owned in list(self._volumes):
            operation(owned)

    def let_go(self):
        """Stop whoever still writes; the cluster removes the devices."""
        for owned in self._volumes:
            if owned.writer:
                with contextlib.suppress(device.Unwritable):
                    owned.writer.stop()
        self.simulator.control.clear_faults()
        for owned in self._volumes:
            if owned.attached:
                with contextlib.suppress(Exception):
                    self._connector.disconnect_volume(
                        owned.data, None, force=True, ignore_errors=True)

    def _do(self, name):
        """Do an operation under a fault.

        :returns: whether there was something to do
        """
        trouble = self._make_trouble()
        try:
            done = getattr(self, '_' + name)() is not False
        except (blocks.Wrong, exception.CinderException,
                device.Unwritable) as error:
            raise Found('%s after %s: %s: %s' % (
                name, dict(self.counts), type(error).__name__,
                error)) from error
        finally:
            self.simulator.control.clear_faults()
        self.counts[name] += done
        self.counts['faults'] += done and trouble
        return done

    def _make_trouble(self):
        if self._chance.random() >= _FAULT_RATE:
            return False
        fault = dict(self._chance.choice(_FAULTS), count=1)
        self.simulator.control.add_fault(**fault)
        return True

    # -- choices ----------------------------------------------------------

    def _pick(self, condition=lambda owned: True):
        found = [owned for owned in self._volumes if condition(owned)]
        return self._chance.choice(found) if found else None

    def _driver(self):
        return self._drivers[self._chance.choice(sorted(self._drivers))]

    def _new(self, size):
        return making.make_volume(
            size, self._chance.randrange(_POOLS),
            volume_type=making.make_type(provisioning__type=(
                self._chance.choice(['thin', 'thick']))))

    def _size_of_copy(self, size):
        return self._chance.randint(size, _LARGEST)

    def _room(self):
        return len(self._volumes) < _MOST_VOLUMES

    # -- devices ----------------------------------------------------------

    @contextlib.contextmanager
    def _connected(self, owned):
        """Attach a volume that is not attached, for a look."""
        self._connect(owned)
        yield owned.path
        self._disconnect(owned)

    def _connect(self, owned):
        info = self._drivers['linked'].initialize_connection(
            owned.volume, self._properties)
        owned.data = info['data']
        owned.path = self._connector.connect_volume(owned.data)['path']

    def _disconnect(self, owned):
        self._connector.disconnect_volume(owned.data, {'path': owned.path})
        self._drivers['linked'].terminate_connection(owned.volume,
                                                     self._properties)
        owned.data = owned.path = None

    def _look(self, owned, point):
        """Compare a volume that nobody writes to; it holds that for ever."""
        with self._connected(owned) as path:
            found = self._read(path, owned.volume.size)
        return self._resolved(owned.volume.name, point, found)

    def _read(self, path, size):
        self.looked['devices'] += 1
        self.looked['GiB'] += size
        return device.read(path, size)

    @staticmethod
    def _resolved(name, point, found):
        try:
            return point.resolve(found)
        except blocks.Wrong as error:
            raise type(error)('%s %s' % (name, error)) from None

    # -- operations: each answers False when there is nothing to do -------

    def _create(self):
        if not self._room():
            return False
        owned = _Volume(self._new(1))
        self._drivers['linked'].create_volume(owned.volume)
        self._volumes.append(owned)
        # Whatever was in its place before.
        self._look(owned, owned.history.now())

    def _delete(self, owned=None):
        owned = owned or self._pick(lambda one: not one.attached)
        if owned is None:
            return False
        while owned.snapshots:
            self._delete_snapshot(owned)
        self._driver().delete_volume(owned.volume)
        self._volumes.remove(owned)

    def _attach(self):
        owned = self._pick(lambda one: not one.attached)
        if owned is None:
            return False
        self._connect(owned)
        self._write(owned)

    def _write(self, owned):
        owned.writer = device.Writer(
            owned.path, owned.history, owned.volume.size,
            self._chance.random())
        owned.writer.start()
        wanted = owned.history.acknowledged() + _WRITES
        waiting.wait_for(
            lambda: (owned.history.acknowledged() >= wanted
                     or not owned.writer.is_alive()),
            _WRITE_SECONDS, '%d writes to %s' % (
                _WRITES, owned.volume.name), _WRITE_LOOK)

    def _detach(self, owned=None):
        owned = owned or self._pick(lambda one: one.attached)
        if owned is None:
            return False
        if owned.attached:
            self._rest(owned)
            self._disconnect(owned)

    @staticmethod
    def _rest(owned):
        writer, owned.writer = owned.writer, None
        writer.stop()

    def _snapshot(self, in_use=False):
        owned = self._pick(
            lambda one: len(one.snapshots) < _MOST_SNAPSHOTS
            and one.attached == in_use)
        if owned is None:
            return False
        made = making.make_snapshot(owned.volume)
        made.save = lambda: None
        before = owned.history.acknowledged()
        self._driver().create_snapshot(made)
        owned.snapshots.append((made, owned.history.point(before)))

    def _snapshot_in_use(self):
        return self._snapshot(True)

    def _delete_snapshot(self, owned=None):
        owned = owned or self._pick(lambda one: one.snapshots)
        if owned is None:
            return False
        chosen = self._chance.choice(owned.snapshots)
        self._driver().delete_snapshot(chosen[0])
        owned.snapshots.remove(chosen)

    def _clone(self, in_use=False):
        source = self._pick(lambda one: one.attached == in_use)
        if source is None or not self._room():
            return False
        volume = self._new(self._size_of_copy(source.volume.size))
        before = source.history.acknowledged()
        self._driver().create_cloned_volume(volume, source.volume)
        self._adopt(volume, source.history.point(before))

    def _clone_in_use(self):
        return self._clone(True)

    def _from_snapshot(self):
        source = self._pick(lambda one: one.snapshots)
        if source is None or not self._room():
            return False
        snapshot, point = self._chance.choice(source.snapshots)
        volume = self._new(self._size_of_copy(snapshot.volume_size))
        self._driver().create_volume_from_snapshot(volume, snapshot)
        self._adopt(volume, point)

    def _adopt(self, volume, point):
        owned = _Volume(volume)
        self._volumes.append(owned)
        owned.history.settle(self._look(owned, point))

    def _extend(self, in_use=False):
        owned = self._pick(lambda one: one.volume.size < _LARGEST
                           and one.attached == in_use)
        if owned is None:
            return False
        size = owned.volume.size + 1
        self._driver().extend_volume(owned.volume, size)
        owned.volume.size = size
        if in_use:
            self._connector.extend_volume(owned.data)
            self._rest(owned)
            self._write(owned)

    def _extend_in_use(self):
        return self._extend(True)

    def _revert(self):
        owned = self._pick(
            lambda one: one.snapshots and not one.attached)
        if owned is None:
            return False
        # Cinder reverts to the latest one only.
        snapshot, point = owned.snapshots[-1]
        self._driver().revert_to_snapshot(self._admin, owned.volume, snapshot)
        owned.history.settle(self._look(owned, point))

    def _backup(self, owned=None, chosen=None):
        """Read a snapshot as cinder-backup does, while there are writes."""
        owned = owned or self._pick(lambda one: one.snapshots)
        if owned is None:
            return False
        snapshot, point = chosen or self._chance.choice(owned.snapshots)
        # As cinder-backup names and counts it.
        copy = _Volume(making.make_volume(
            snapshot.volume_size,
            int(owned.volume.host.rpartition('#')[2]),
            use_quota=False, display_name='backup-vol-%s' % snapshot.id))
        dsware = self._driver()
        dsware.create_volume_from_snapshot(copy.volume, snapshot)
        with self._connected(copy) as path:
            found = self._read(path, snapshot.volume_size)
        dsware.delete_volume(copy.volume)
        self._resolved(snapshot.name, point, found)

    def _migrate(self):
        owned = self._pick(
            lambda one: not one.snapshots and not one.attached)
        if owned is None:
            return False
        pool = 1 - int(owned.volume.host.rpartition('#')[2])
        dsware = self._driver()
        host = making.make_destination(dsware, pool)
        moved, _update = dsware.migrate_volume(self._admin, owned.volume,
                                               host)
        if not moved:
            raise Found('%s was not moved' % owned.volume.name)
        owned.volume.host = 'host@backend#%d' % pool
        self._look(owned, owned.history.now())

    def _verify(self, owned=None):
        owned = owned or self._pick(lambda one: not one.attached)
        if owned is None:
            return False
        owned.history.settle(self._look(owned, owned.history.now()))

    def _restart(self):
        """Kill the cluster while volumes are written."""
        self.simulator.kill()
        self.simulator.start()
        waiting.wait_for(lambda: self._drivers['linked'].get_volume_stats(
            True)['backend_state'] == 'up', _TIMEOUT, 'The cluster')
