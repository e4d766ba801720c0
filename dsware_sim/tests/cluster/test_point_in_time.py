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

"""Copies of several objects that are being written."""

import os
import types
from unittest import mock

from dsware_sim.cluster import data
from dsware_sim.cluster import model
from dsware_sim.cluster import plan
from dsware_sim.cluster import worker
from dsware_sim.host import devices
from dsware_sim.tests import base

FIRST, SECOND = 1, 2


class WrittenDevices(devices.FileDevices):
    """Devices that hosts write, to one after the other.

    :param files: the objects' files
    :param times: how often they are written while they are copied
    """

    def __init__(self, files, times):
        self.files = files
        self.times = times
        self.count = 0
        self.asked = 0

    def writes(self, device):
        self.asked += 1
        # Asked of two devices before a copy, and of two afterwards.
        if self.asked % 4 == 3 and self.count < self.times:
            self.count += 1
            self.write()
        return self.count

    def write(self):
        for number in (FIRST, SECOND):
            with open(self.files.path(number), 'r+b') as written:
                written.write(b'%08d' % self.count)


class PointInTimeTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        directory = self.directory()
        self.files = data.Files(os.path.join(directory, 'data'))
        for number in (FIRST, SECOND):
            self.files.prepare(number, 1)
        self.directory_by_id = os.path.join(directory, 'by-id')
        self.passes = []
        copy = self.files.copy

        def copied(source, target, size):
            self.passes.append(source)
            copy(source, target, size)

        self.files.copy = copied

    def copy(self, times):
        """Copy both files while they are written so many times."""
        made = worker.Worker(self.files, WrittenDevices(self.files, times),
                             self.directory_by_id)
        made.run(plan.CopyAll([
            plan.Copy(types.SimpleNamespace(
                id=number, attachments={'agent': '/dev/loop%d' % number}),
                number + 10, 1) for number in (FIRST, SECOND)]))
        return [self.read(number + 10) for number in (FIRST, SECOND)]

    def read(self, number):
        with open(self.files.path(number), 'rb') as copied:
            self.assertEqual(model.MIB, os.fstat(copied.fileno()).st_size)
            return copied.read(8)

    def test_what_is_not_written_is_copied_once(self):
        self.assertEqual([bytes(8)] * 2, self.copy(0))
        self.assertEqual([FIRST, SECOND], self.passes)

    def test_what_is_written_is_copied_again(self):
        self.assertEqual([b'00000003'] * 2, self.copy(3))
        self.assertEqual([FIRST, SECOND] * 4, self.passes)

    def test_it_ends_though_it_is_always_written(self):
        with mock.patch.object(worker, '_QUIET_WAIT', 0):
            self.copy(10 ** 6)
        self.assertEqual([FIRST, SECOND], self.passes)
