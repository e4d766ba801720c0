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

"""Names that Cinder's templates make, short and long, good and bad."""

import ddt

from cinder import exception
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.volume.drivers.dsware import config

GOOD = ('volume-%s', '%s', '_%s', 'a.b-c_D.%s.e', 'x' * 53 + '%s',
        'x' * 54 + '%s', '%s' + 'x' * 58, 'x' * 59 + '%s', 'clone.%s',
        '%s.clon', 'x%s.qos')
BAD = (
    ('volume', '%s once'), ('%s%s', '%s once'), ('%d', '%s once'),
    ('%(id)s', '%s once'), ('100%', '%s once'), ('%.8s', 'a plain %s'),
    ('v-%c', '%s once'), ('my volume %s', '1 to 95'), ('-%s', '1 to 95'),
    ('.%s', '1 to 95'), ('a/%s', '1 to 95'), ('%%%s', '1 to 95'),
    ('\u0430%s', '1 to 95'), ('%s\n', '1 to 95'), ('%40s', '1 to 95'),
    ('%r', '1 to 95'), ('x' * 60 + '%s', 'has 96 characters'),
    ('%s.clone', 'temporary snapshots'),
    ('v-%s.x.clone', 'temporary snapshots'))
OPTIONS = ('volume_name_template', 'snapshot_name_template')


@ddt.ddt
class CheckTestCase(base.DriverTestCase):

    @ddt.data(*GOOD)
    def test_good(self, template):
        for option in OPTIONS:
            self.flags(**{option: template})
            config.check_name_templates()
            self.flags(**{option: option[:8] + '-%s'})

    @ddt.data(*BAD)
    @ddt.unpack
    def test_bad(self, template, words):
        for option in OPTIONS:
            self.flags(**{option: template})
            error = self.assertRaises(exception.InvalidConfigurationValue,
                                      self.make_driver)
            for word in (f'Option {option} = ', template, words):
                self.assertIn(word, str(error))
            self.flags(**{option: option[:8] + '-%s'})

    def test_the_same_for_both(self):
        self.flags(volume_name_template='x%s', snapshot_name_template='x%s')
        error = self.assertRaises(exception.InvalidConfigurationValue,
                                  self.make_driver)
        self.assertIn('snapshot_name_template', str(error))
        self.assertIn('share their names', str(error))


@ddt.ddt
class UseTestCase(base.DriverTestCase):
    """What every template that is let through has to do."""

    def setUp(self):
        super().setUp()
        self.driver = self.make_started_driver()

    def clone(self, source):
        volume = self.make_volume()
        self.driver.create_cloned_volume(volume, source)
        return volume

    @ddt.data(*GOOD)
    def test_what_an_interrupted_clone_left_goes(self, template):
        """With the clone, and with its source where its name tells."""
        self.flags(volume_name_template=template)
        for first in ('clone', 'source'):
            source = self.make_volume()
            self.driver.create_volume(source)
            # The cluster cannot be reached at the end of the clone.
            self.cluster.fail('deleteSnapshot', 'unsent', times=10 ** 9,
                              skip=1)
            clone = self.clone(source)
            self.cluster.faults.clear()
            self.assertEqual(1, len(self.cluster.snapshots))
            if first == 'source' and len(clone.name + '.clone') > 95:
                # A name that was cut does not tell whose it is.
                self.assertRaises(exception.VolumeIsBusy,
                                  self.driver.delete_volume, source)
                first = 'clone'
            self.driver.delete_volume(clone if first == 'clone' else source)
            self.assertEqual({}, self.cluster.snapshots)

    def test_a_snapshot_that_only_looks_temporary_keeps_its_volume(self):
        volume = self.make_taken_over('legacy')
        self.stored(volume)
        self.cluster.add_snapshot('monday.clone', 'legacy')
        self.assertRaises(exception.VolumeIsBusy, self.driver.delete_volume,
                          volume)
        self.assertEqual(['monday.clone'], list(self.cluster.snapshots))
