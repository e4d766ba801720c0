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

"""The file in which a service tells its counters."""

import json
import os
import stat
from unittest import mock

import ddt

from cinder.tests.unit.volume.drivers.dsware import base
from cinder.volume.drivers.dsware import state_file


@ddt.ddt
class StateFileTestCase(base.DriverTestCase):

    def setUp(self):
        super().setUp()
        self.host = 'host@dsware'
        self.path = state_file.path(self.host)

    def write(self, text):
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        with open(self.path, 'w') as stream:
            stream.write(text)

    def test_what_the_driver_tells(self):
        dsware = self.make_started_driver()
        dsware.create_volume(self.make_volume())
        dsware.get_volume_stats(refresh=True)
        state = state_file.read(self.host)
        self.assertEqual(
            ('host@dsware', os.getpid(), True, dsware.VERSION, [0, 1]),
            (state['host'], state['pid'], state['up'], state['version'],
             [pool['pool_id'] for pool in state['pools']]))
        self.assertEqual(1, state['counters']['calls']['createVolume'])
        self.assertEqual(1, len(state['health']))
        self.assertTrue(0 <= state_file.age(state) < 600)

    def test_nobody_else_may_read_it(self):
        state_file.StateFile(self.host).write()
        directory = os.path.dirname(self.path)
        self.assertEqual(
            (0o640, 0o750),
            (stat.S_IMODE(os.stat(self.path).st_mode),
             stat.S_IMODE(os.stat(directory).st_mode)))

    def test_it_is_replaced_as_a_whole(self):
        one = state_file.StateFile(self.host)
        one.write(up=True)
        with open(self.path) as before:
            one.write(up=False)
            self.assertTrue(json.load(before)['up'])
        self.assertFalse(state_file.read(self.host)['up'])
        self.assertEqual([os.path.basename(self.path)],
                         os.listdir(os.path.dirname(self.path)))

    def test_a_failure_is_told_once_and_harms_nothing(self):
        one = state_file.StateFile(self.host)
        with mock.patch.object(state_file.os, 'replace',
                               side_effect=OSError('no space')):
            with self.assertLogs(state_file.LOG.logger, 'WARNING') as logs:
                one.write()
                one.write()
        self.assertEqual(1, len(logs.output))
        self.assertIn('no space', logs.output[0])
        self.assertEqual([], os.listdir(os.path.dirname(self.path)))
        one.write()
        self.assertIsNotNone(state_file.read(self.host))

    def test_there_is_none(self):
        self.assertIsNone(state_file.read(self.host))

    @ddt.data('', 'not json', '[]', '{"format": 2}')
    def test_what_is_no_such_file(self, text):
        self.write(text)
        self.assertRaises(ValueError, state_file.read, self.host)

    def test_what_is_too_large(self):
        self.write('1' * 5_000_000)
        self.assertRaises(ValueError, state_file.read, self.host)

    @ddt.data(('a@b', 'a@b.json'), ('a/../../etc@b', 'a%2F..%2F..%2Fetc@b'
                                                     '.json'),
              ('../x', '%2Fx.json'), ('\xe9', '%E9.json'))
    @ddt.unpack
    def test_its_name(self, host, name):
        self.assertEqual(
            os.path.join(os.path.dirname(self.path), name),
            state_file.path(host))
