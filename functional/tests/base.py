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

"""What all functional tests have in common."""

import contextlib
import functools
import pathlib
import tempfile

import fixtures
import testtools

from functional import content
from functional.services import waiting
from functional.tests import stacks

GIB = content.GIB
MIB = content.MIB
DEVICE_SECONDS = 30
# What Cinder does by itself after the answer to a request.
SOON = 60


def _objects(simulator):
    status = simulator.control.status()
    return {what: status[what] for what in (
        'volumes', 'snapshots', 'attachments', 'qos')}


class FunctionalTestCase(testtools.TestCase):
    """A test that uses the public APIs as a user does.

    Whatever it makes is deleted at its end; a test that leaves something on
    the cluster fails.
    """

    make_stack = staticmethod(stacks.make_default)
    backend = 'socket'
    # As the services of the stack are told.
    volume_names = 'volume-%s'
    snapshot_names = 'snapshot-%s'

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.FakeLogger(
            format='%(asctime)s %(levelname)s %(name)s %(message)s'))
        self.stack = stacks.STACKS.get(self.make_stack)
        self.cloud = self.stack.cloud
        self.volumes = self.stack.cloud.volumes
        self.host = self.stack.compute
        self.simulator = self.stack.simulator
        self.control = self.stack.simulator.control
        # The first one to be added is the last one to be called.
        self.addCleanup(self._check_that_nothing_is_left)
        for simulator in self.stack.simulators.values():
            self.addCleanup(simulator.control.clear_faults)
        temporary = tempfile.TemporaryDirectory(prefix='dsware-test-')
        self.addCleanup(temporary.cleanup)
        self.directory = pathlib.Path(temporary.name)

    @property
    def images(self):
        """The Image API of a stack that has one."""
        return self.cloud.images

    def create_volume(self, size=1, status='available', volume_type=None,
                      **attributes):
        """Create a volume that is deleted at the end of the test.

        :param size: GiB
        :param status: the status that it has to get
        :param volume_type: name of its type, or that of the test's backend
        :param attributes: what else the Block Storage API wants
        :returns: the volume
        """
        made = self.volumes.create_volume(
            size=size, volume_type=volume_type or self.volume_type(),
            **attributes)
        self.addCleanup(self._delete, self.cloud.delete_volume, made,
                        self.volumes.find_volume)
        return self.cloud.wait_for_volume(made, status)

    def create_snapshot(self, volume):
        """Create a snapshot that is deleted at the end of the test.

        :param volume: the volume, which may be attached
        :returns: the snapshot
        """
        made = self.volumes.create_snapshot(volume_id=volume.id,
                                            is_forced=True)
        self.addCleanup(self._delete, self.cloud.delete_snapshot, made,
                        self.volumes.find_snapshot)
        return self.cloud.wait_for_snapshot(made)

    def create_image(self, path, **attributes):
        """Upload an image that is deleted at the end of the test.

        :param path: path of the file
        :param attributes: what else the Image API wants
        :returns: the image
        """
        attributes.setdefault('disk_format', 'raw')
        made = self.images.create_image(
            self.id(), filename=str(path), container_format='bare',
            wait=True, validate_checksum=False, **attributes)
        self.addCleanup(self.images.delete_image, made)
        return self.cloud.wait_for_image(made)

    def volume_type(self, name=None, **extra_specs):
        """A volume type for a backend, made when it is first asked for.

        :param name: its name, or None for that of the backend
        :param extra_specs: what it wants besides the backend
        :returns: the name
        """
        name = name or self.backend
        if not self.volumes.find_type(name):
            made = self.volumes.create_type(name=name)
            self.volumes.update_type_extra_specs(
                made, volume_backend_name=self.backend, **extra_specs)
        return name

    def attach(self, volume):
        """Attach a volume until the end of the test, or until detach().

        :param volume: the volume
        :returns: an Attachment
        """
        attached = self.host.attach(volume)
        self.addCleanup(self._detach_if_attached, attached)
        return attached

    def detach(self, attached):
        """Detach a volume and wait until it can be attached again.

        :param attached: what attach() returned
        """
        self.host.detach(attached)
        self.cloud.wait_for_volume(attached.volume_id)

    @contextlib.contextmanager
    def attached(self, volume):
        """Attach a volume for as long as a with statement lasts.

        :param volume: the volume
        :returns: a context manager whose value is the path of the device
        """
        attached = self.attach(volume)
        yield attached.path
        self.detach(attached)

    def write(self, path, seed, offset, size=MIB):
        """Write bytes that read() finds again.

        :param path: path of the device
        :param seed: text that chooses the bytes
        :param offset: position of the first byte
        :param size: how many
        """
        content.write(path, offset, content.data(seed, size))

    def assert_written(self, path, seed, offset, size=MIB):
        """Check that a device has the bytes that write() wrote.

        :param path: path of the device
        :param seed: text that chose the bytes
        :param offset: position of the first byte
        :param size: how many
        """
        with open(path, 'rb') as device:
            device.seek(offset)
            found = device.read(size)
        # Not assertEqual, which would print all of it.
        self.assertTrue(found == content.data(seed, size),
                        'other bytes than %s at %d of %s'
                        % (seed, offset, path))

    def assert_zero(self, path, offset, size=MIB):
        """Check that a device has zeros.

        :param path: path of the device
        :param offset: position of the first one
        :param size: how many
        """
        with open(path, 'rb') as device:
            device.seek(offset)
            self.assertTrue(device.read(size) == bytes(size),
                            'bytes at %d of %s are not zero'
                            % (offset, path))

    def assert_soon(self, expected, observe):
        """Check that something is as expected, or gets so soon.

        For what Cinder does after it has told that it is ready, and for
        what it records at another moment than the cluster.

        :param expected: the value
        :param observe: called for the value as it is now
        """
        with contextlib.suppress(waiting.TimedOut):
            waiting.wait_for(lambda: observe() == expected, SOON, 'A value')
        self.assertEqual(expected, observe())

    def assert_device_size(self, path, gib):
        """Check that a device has a size, or gets it soon.

        :param path: path of the device
        :param gib: the size
        """
        waiting.wait_for(lambda: content.size(path) == gib * GIB,
                         DEVICE_SECONDS, '%d GiB of %s' % (gib, path))

    def on_cluster(self, name):
        """A volume or snapshot as the cluster knows it.

        :param name: its name there
        :returns: a dict, or None when the cluster has no such object
        """
        status = self.control.status()
        for item in status['volumes'] + status['snapshots']:
            if item['name'] == name:
                return item
        return None

    def volume_on_cluster(self, volume):
        """A volume as the cluster knows it; see on_cluster()."""
        return self.on_cluster(self.volume_names % volume.id)

    def snapshot_on_cluster(self, snapshot):
        """A snapshot as the cluster knows it; see on_cluster()."""
        return self.on_cluster(self.snapshot_names % snapshot.id)

    def pools(self, backend=None):
        """The pools of a backend as the scheduler knows them.

        :param backend: the backend's name, or None for that of the test
        :returns: a dict of pool name to capabilities
        """
        mark = '@%s#' % (backend or self.backend)
        return {pool['name'].partition(mark)[2]: pool['capabilities']
                for pool in self.stack.cinder.pools() if mark in pool['name']}

    def wait_for_state(self, state, timeout=90):
        """Wait until all pools of the backend are in a state.

        :param state: up or down
        :param timeout: seconds
        """
        def reached():
            pools = self.pools()
            states = {pool.get('backend_state') for pool in pools.values()}
            if states != {state}:
                raise waiting.NotYet('pools are %s' % states)
            return True

        waiting.wait_for(reached, timeout, 'Backend state %s' % state)

    def _detach_if_attached(self, attached):
        found = [one.id for one in self.volumes.attachments()]
        if attached.id in found:
            self.host.detach(attached)

    @staticmethod
    def _delete(delete, resource, find):
        if find(resource.id):
            delete(resource)

    def _check_that_nothing_is_left(self):
        # Cinder deletes what was temporary a moment later.
        for simulator in self.stack.simulators.values():
            self.assert_soon(
                {'volumes': [], 'snapshots': [], 'attachments': [],
                 'qos': []}, functools.partial(_objects, simulator))
