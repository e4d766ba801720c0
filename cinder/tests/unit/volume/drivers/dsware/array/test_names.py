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

"""Names on the cluster: which are legal, and those of temporary objects."""

from unittest import mock
import uuid

import ddt

from cinder.tests.unit.volume.drivers.dsware.array import base
from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware.array import names
from cinder.volume.drivers.dsware import exceptions

BAD_NAMES = ('', '-v', '.v', 'a b', 'a,b', 'a/b', 'a\nb', 'a\n', 'v\xe9',
             'x' * 96, 'a=b', '%41', '$(id)', '--op')


@ddt.ddt
class NamesTestCase(base.ArrayTestCase):

    @ddt.data('v', 'volume-3f1c', '_v', '0', 'a.b-c_D', 'x' * 95)
    def test_good(self, name):
        self.assertIsNone(names.check(name))

    @ddt.data(*[name for name in BAD_NAMES if name.isascii()])
    def test_bad(self, name):
        error = self.raises(exceptions.InvalidRequest, names.check,
                            name)
        self.assertIn('1 to 95', str(error))
        self.assertTrue(str(error).isprintable())

    def test_every_name_is_checked_before_anything_is_sent(self):
        snapshot = mock.Mock(size=1024)
        calls = (
            lambda name: self.array.queries.volume(name),
            lambda name: self.array.queries.snapshot(name),
            lambda name: self.array.queries.snapshots_of(name),
            lambda name: self.array.volumes.create(name, 0, 1024, True),
            lambda name: self.array.volumes.delete(name),
            lambda name: self.array.volumes.delete_leftovers(name),
            lambda name: self.array.volumes.expand(name, 2048),
            lambda name: self.array.snapshots.create(name, 'v'),
            lambda name: self.array.snapshots.create('s', name),
            lambda name: self.array.snapshots.delete(name),
            lambda name: self.array.copies.linked(name, 1024, 's'),
            lambda name: self.array.copies.linked('v', 1024, name),
            lambda name: self.array.copies.full(name, 0, 1024, True, snapshot),
            lambda name: self.array.copies.source(name),
            lambda name: self.array.copies.clone(name, 'v', self.fail),
            lambda name: self.array.copies.clone('v', name, self.fail),
            lambda name: self.array.moves.move(name, 1),
            lambda name: self.array.qos.limit(name, {}),
            lambda name: self.array.hosts.attach(name, fakes.ENDPOINTS[0]),
            lambda name: self.array.hosts.detach(name, fakes.ENDPOINTS[0]),
            lambda name: self.array.hosts.detach_by_ip(name, '192.0.2.1'))
        for call in calls:
            for name in BAD_NAMES:
                self.raises(exceptions.InvalidRequest, call, name)
        self.assertEqual([], self.cluster.requests)

    def test_names_of_temporary_snapshots(self):
        self.assertEqual('v.clone', names.temporary('v'))
        self.assertEqual('x' * 89 + '.clone', names.temporary('x' * 89))
        made = set()
        for length in range(89, 96):
            for last in 'xy':
                name = names.temporary('x' * (length - 1) + last)
                self.assertTrue(names.is_legal(name))
                self.assertTrue(name.startswith('x' * 72))
                made.add(name)
        self.assertEqual(14, len(made))
        self.raises(exceptions.InvalidRequest, names.temporary, 'x' * 96)

    @ddt.data('volume-%s', '%s', 'a.%s.b', 'x' * 53 + '%s',
              'x' * 54 + '%s', 'x' * 59 + '%s', '%s' + 'x' * 59)
    def test_temporary_objects_are_known(self, template):
        volume = template % uuid.uuid4()
        self.assertFalse(names.is_temporary(volume))
        self.assertTrue(names.is_temporary(names.temporary(volume)))
        self.assertTrue(names.is_temporary(names.moved(volume)))

    @ddt.data('monday.clone', 'x' * 89 + '.clone', '.clone', 'v.clone',
              'v.0123456789abcdef.clone', '')
    def test_those_of_others_are_not(self, name):
        self.assertFalse(names.is_temporary(name))

    def test_names_of_limits(self):
        self.assertEqual('volume-1.qos', names.policy('volume-1'))
        self.assertEqual('v' * 59 + '.qos', names.policy('v' * 59))

    def test_long_names_of_limits(self):
        made = [names.policy('v' * 59 + end) for end in ('a', 'b', 'aa')]
        self.assertEqual(3, len(set(made)))
        for name in made:
            self.assertEqual(63, len(name))
            names.check(name)
            self.assertTrue(name.endswith('.qos'))
        self.assertEqual(made[0], names.policy('v' * 59 + 'a'))
