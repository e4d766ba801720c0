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
"""Loop devices, which need root."""

import errno
import fcntl
import os
import unittest

from dsware_sim.cluster import model
from dsware_sim import codes
from dsware_sim.host import devices
from dsware_sim.tests import base

HAVE_LOOP = devices.have_loop_devices()
BLKGETSIZE64 = 0x80081272
BLKROGET = 0x125e


def _ioctl(device, request):
    handle = os.open(device, os.O_RDONLY)
    try:
        return int.from_bytes(fcntl.ioctl(handle, request, bytes(8)),
                              'little')
    finally:
        os.close(handle)


@unittest.skipUnless(HAVE_LOOP, 'loop devices need root')
class LoopDevicesTestCase(base.TestCase):
    """One device at a time."""

    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.directory(), 'backing')
        with open(self.path, 'wb') as backing:
            backing.truncate(4 * model.MIB)
        self.loops = devices.LoopDevices()

    def attach(self, read_only=False):
        device = self.loops.attach(self.path, 'agent', 'name', read_only)
        self.addCleanup(self.loops.detach, device, True)
        return device

    def bound(self):
        return dict(devices.loops_below(os.path.dirname(self.path)))

    def test_reads_and_writes(self):
        device = self.attach()
        self.assertEqual({device: self.path}, self.bound())
        self.assertEqual(4 * model.MIB, _ioctl(device, BLKGETSIZE64))
        base.write_device(device, 4096, b'through')
        with open(self.path, 'rb') as backing:
            backing.seek(4096)
            self.assertEqual(b'through', backing.read(7))
        self.loops.detach(device)
        self.assertEqual({}, self.bound())

    def test_read_only(self):
        device = self.attach(True)
        self.assertTrue(_ioctl(device, BLKROGET))
        error = self.assertRaises(OSError, base.write_device, device, 0,
                                  b'x' * 512)
        self.assertIn(error.errno, (errno.EPERM, errno.EROFS, errno.EACCES))

    def test_detach_while_open(self):
        device = self.attach()
        with open(device, 'rb'):
            self.assertRaises(devices.Busy, self.loops.detach, device)
            self.assertEqual({device: self.path}, self.bound())
            self.assertEqual(b'\0' * 512, base.read_device(device, 0, 512))
        self.assertEqual({device: self.path}, self.bound())
        self.loops.detach(device)
        self.assertEqual({}, self.bound())

    def test_force(self):
        device = self.attach()
        with open(device, 'rb'):
            self.loops.detach(device, force=True)
        base.wait_for(lambda: not self.bound(), 'the last close')

    def test_detach_of_what_is_gone(self):
        device = self.attach()
        self.loops.detach(device)
        self.loops.detach(device)
        self.loops.detach('/dev/loop999999')

    def test_grow(self):
        device = self.attach()
        with open(device, 'rb'):
            os.truncate(self.path, 8 * model.MIB)
            self.loops.grow(device)
            self.assertEqual(8 * model.MIB, _ioctl(device, BLKGETSIZE64))

    def test_writes(self):
        device = self.attach()
        before = self.loops.writes(device)
        base.read_device(device, 0, 4096)
        self.assertEqual(before, self.loops.writes(device))
        base.write_device(device, 0, b'x' * 4096)
        self.loops.sync(device)
        self.assertGreater(self.loops.writes(device), before)

    def test_sync(self):
        device = self.attach()
        handle = os.open(device, os.O_WRONLY)
        self.addCleanup(os.close, handle)
        os.write(handle, b'y' * 4096)
        self.loops.sync(device)
        with open(self.path, 'rb') as backing:
            self.assertEqual(b'y' * 4096, backing.read(4096))

    def test_without_loop_configure(self):
        real = fcntl.ioctl

        def old_kernel(handle, request, *more):
            if request == devices._LOOP_CONFIGURE:
                raise OSError(errno.EINVAL, 'unknown')
            return real(handle, request, *more)
        self.patch(fcntl, 'ioctl', old_kernel)
        device = self.attach(True)
        self.assertEqual({device: self.path}, self.bound())
        self.assertTrue(_ioctl(device, BLKROGET))

    def test_device_taken_by_another(self):
        taken = self.attach()
        free = devices._free_device()
        answers = iter([taken, free])
        self.patch(devices, '_free_device', lambda: next(answers))
        self.assertEqual(free, self.attach())


class LateDevices:
    """Devices that appear after they were attached."""

    def attach_hidden(self):
        self.control.add_fault(kind='late_device',
                               agent=self.simulator.agents[0][0])
        device = self.attach(self.client)
        self.assertFalse(os.path.lexists(device))
        found, = self.control.status()['attachments']
        self.assertEqual(device, found['device'])
        return device

    def test_appears_when_the_fault_is_cleared(self):
        device = self.attach_hidden()
        other = self.attach(self.connect(1))
        self.assertTrue(os.path.exists(other))
        self.ok(self.client, 'expandVolume', volName='v', volSize=16)
        self.control.clear_faults()
        self.assertTrue(os.path.exists(device))
        base.write_device(device, 15 * model.MIB, b'late')
        self.ok(self.client, 'detachVolume', volName='v')
        self.assertEqual(b'late', base.read_device(other, 15 * model.MIB, 4))

    def test_detached_before_it_appeared(self):
        device = self.attach_hidden()
        self.ok(self.client, 'detachVolume', volName='v')
        self.control.clear_faults()
        self.assertEqual([], self.control.status()['attachments'])
        self.assertNotIn(device, self.loops())

    def test_cluster_is_emptied_before_it_appeared(self):
        device = self.attach_hidden()
        self.control.reset()
        self.assertNotIn(device, self.loops())


class FileSimulatorTestCase(LateDevices, base.SimulatorTestCase):
    """Attachments as files."""

    settings = {'devices': 'file'}

    def setUp(self):
        super().setUp()
        self.client = self.connect()
        self.volume(self.client, size=8)

    def loops(self):
        return {}


@unittest.skipUnless(HAVE_LOOP, 'loop devices need root')
class LoopSimulatorTestCase(LateDevices, base.SimulatorTestCase):
    """Attachments as loop devices."""

    settings = {'devices': 'loop'}

    def setUp(self):
        super().setUp()
        self.client = self.connect()
        self.volume(self.client, size=8)

    def link(self, name='v'):
        op, key = 'queryVolume', 'volName'
        if name.startswith('s'):
            op, key = 'querySnapshot', 'snapName'
        record, = self.ok(self.client, op, **{key: name})
        return '/dev/disk/by-id/wwn-0x' + record['wwn']

    def loops(self, simulator=None):
        state = (simulator or self.simulator).state_dir
        return dict(devices.loops_below(os.path.join(state, 'data')))

    def test_attach_write_snapshot(self):
        device = self.attach(self.client)
        self.assertTrue(device.startswith('/dev/loop'))
        self.assertEqual(os.path.realpath(self.link()), device)
        # Not flushed, and still open: written all the same.
        handle = os.open(device, os.O_RDWR)
        os.pwrite(handle, b'first', model.MIB)
        self.ok(self.client, 'createSnapshot', volName='v', snapName='s')
        os.pwrite(handle, b'later', model.MIB)
        os.close(handle)
        shot = self.attach(self.client, 's')
        self.assertEqual(b'first', base.read_device(shot, model.MIB, 5))
        self.assertTrue(_ioctl(shot, BLKROGET))
        self.assertEqual(os.path.realpath(self.link('s')), shot)

    def test_late_link(self):
        device = self.attach_hidden()
        self.assertFalse(os.path.lexists(self.link()))
        self.control.clear_faults()
        self.assertEqual(device, os.path.realpath(self.link()))

    def test_expand_attached(self):
        first = self.attach(self.client)
        second = self.attach(self.connect(1))
        handle = os.open(first, os.O_RDWR)
        self.addCleanup(os.close, handle)
        self.ok(self.client, 'expandVolume', volName='v', volSize=16)
        for device in (first, second):
            self.assertEqual(16 * model.MIB, _ioctl(device, BLKGETSIZE64))
        self.assertEqual(b'\0' * 512, base.read_device(
            first, 15 * model.MIB, 512))

    def test_detach_while_open(self):
        device = self.attach(self.client)
        with open(device, 'rb'):
            self.assertEqual(codes.NODE_IN_USE, self.client(
                'detachVolume', volName='v')[0])
            self.assertEqual(1, len(self.control.status()['attachments']))
            self.assertTrue(os.path.exists(self.link()))
        self.ok(self.client, 'detachVolume', volName='v')
        self.assertFalse(os.path.lexists(self.link()))
        self.assertEqual({}, self.loops())

    def test_detach_by_ip_while_open(self):
        device = self.attach(self.client)
        with open(device, 'rb'):
            self.ok(self.connect(1), 'detachVolumeByIp', volName='v',
                    detachIp=self.simulator.agents[0][0])
            self.assertEqual([], self.control.status()['attachments'])
        base.wait_for(lambda: not self.loops(), 'the last close')

    def test_link_moves_to_another_host(self):
        first = self.attach(self.client)
        other = self.connect(1)
        second = self.attach(other)
        self.assertEqual(first, os.path.realpath(self.link()))
        self.ok(self.client, 'detachVolume', volName='v')
        self.assertEqual(second, os.path.realpath(self.link()))
        self.attach(self.client)
        self.assertEqual(second, os.path.realpath(self.link()))
        self.ok(other, 'detachVolume', volName='v')
        self.ok(self.client, 'detachVolume', volName='v')
        self.assertFalse(os.path.lexists(self.link()))

    def test_reset_and_stop_release_everything(self):
        simulator = self.own_simulator(devices='loop')
        client = base.Client(simulator.agents[0])
        self.addCleanup(client.close)
        for release in (simulator.control.reset, simulator.control.stop):
            self.volume(client)
            self.ok(client, 'createSnapshot', volName='v', snapName='s')
            self.attach(client, 'v')
            self.attach(client, 's')
            self.assertEqual(2, len(self.loops(simulator)))
            record, = self.ok(client, 'queryVolume', volName='v')
            link = os.path.join(simulator.by_id, 'wwn-0x' + record['wwn'])
            self.assertTrue(os.path.lexists(link))
            release()
            self.assertEqual({}, self.loops(simulator))
            self.assertFalse(os.path.lexists(link))

    def test_kill_and_start_uses_devices_again(self):
        simulator = self.own_simulator(devices='loop')
        client = base.Client(simulator.agents[0])
        self.volume(client)
        device = self.attach(client)
        handle = os.open(device, os.O_RDWR)
        self.addCleanup(os.close, handle)
        simulator.kill()
        os.pwrite(handle, b'goes on', 0)
        simulator.start()
        self.assertEqual(device,
                         simulator.control.status()['attachments'][0][
                             'device'])
        os.fsync(handle)
        self.assertEqual(b'goes on', base.read_device(device, 0, 7))

    def test_kill_and_start_removes_strangers(self):
        simulator = self.own_simulator(devices='loop')
        path = os.path.join(simulator.state_dir, 'data', '99')
        with open(path, 'wb') as stranger:
            stranger.truncate(model.MIB)
        devices.LoopDevices().attach(path, 'agent', 'name', False)
        self.assertEqual(1, len(self.loops(simulator)))
        simulator.kill()
        simulator.start()
        self.assertEqual({}, self.loops(simulator))

    def test_test_helper_cleans_up_after_a_kill(self):
        simulator = self.own_simulator(devices='loop')
        client = base.Client(simulator.agents[0])
        self.addCleanup(client.close)
        self.volume(client)
        self.attach(client)
        record, = self.ok(client, 'queryVolume', volName='v')
        simulator.kill()
        simulator.stop()
        self.assertEqual({}, self.loops(simulator))
        self.assertFalse(os.path.lexists('/dev/disk/by-id/wwn-0x' +
                                         record['wwn']))
        self.assertFalse(os.path.exists(simulator.state_dir))

    def test_no_missing_node(self):
        names = ['w%d' % number for number in range(10)]
        for name in names:
            self.volume(self.client, name, 1)
        found = [self.attach(self.client, name) for name in names]
        self.assertEqual(10, len(set(found)))
        self.assertTrue(all(os.path.exists(device) for device in found))
