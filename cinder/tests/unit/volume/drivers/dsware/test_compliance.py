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

"""Cinder's compliance tests, on this driver.

Cinder's own look for drivers below the working directory, which is this tree,
and do not look at how a driver's methods can be called; the ones here do.
"""

import inspect

import ddt

from cinder import interface
from cinder.interface import util
from cinder.interface import volume_driver
from cinder.tests.compliance import test_volume_drivers
from cinder.tests.unit import test
from cinder.volume import configuration
from cinder.volume.drivers.dsware import driver
from cinder.volume.drivers.dsware import options

# In the interface these two are methods, in Cinder's base class properties.
PROPERTIES = ('initialized', 'supported')
CORE_METHODS = sorted(
    name for name, _method in inspect.getmembers(
        volume_driver.VolumeDriverCore, inspect.isfunction)
    if not name.startswith('_') and name not in PROPERTIES)
# The minimum features of Cinder that are not in the interface.
MINIMUM_METHODS = ('create_cloned_volume', 'create_export', 'ensure_export',
                   'remove_export')


class CinderComplianceTestCase(test_volume_drivers.TestVolumeDrivers):
    """The tests that come with Cinder."""

    def test_they_know_this_driver(self):
        self.assertIn(driver.DSWareDriver, [
            info.cls for info in test_volume_drivers.VOLUME_DRIVERS])


@ddt.ddt
class ComplianceTestCase(test.TestCase):

    def test_it_is_registered_once(self):
        self.assertEqual(
            1, interface._volume_register.count(driver.DSWareDriver))

    @ddt.data(*CORE_METHODS)
    def test_core_methods_can_be_called_as_the_interface_says(self, name):
        wanted = inspect.signature(
            getattr(volume_driver.VolumeDriverCore, name))
        given = inspect.signature(getattr(driver.DSWareDriver, name))
        # What has a default there, Cinder does not pass.
        given.bind(*[name for name, parameter in wanted.parameters.items()
                     if parameter.default is inspect.Parameter.empty])

    @ddt.data('create_volume', 'delete_volume', 'create_snapshot',
              'delete_snapshot', 'create_volume_from_snapshot',
              'extend_volume', 'initialize_connection',
              'terminate_connection', 'check_for_setup_error',
              *MINIMUM_METHODS)
    def test_minimum_features_are_the_drivers_own(self, name):
        self.assertIn('.drivers.dsware.',
                      getattr(driver.DSWareDriver, name).__module__)

    def test_what_is_told_about_the_driver(self):
        info = util.DriverInfo(driver.DSWareDriver)
        self.assertEqual(
            'cinder.volume.drivers.dsware.driver.DSWareDriver',
            info.class_fqn)
        self.assertRegex(info.version, r'^\d+\.\d+\.\d+$')
        self.assertIn('Version history:', info.desc)
        self.assertIn('%s - ' % info.version, info.desc)
        self.assertNotEqual('', info.ci_wiki_name or '')
        self.assertTrue(info.supported)

    def test_options_are_in_the_group_that_all_backends_share(self):
        groups = [group for group, _opts in options.list_opts()]
        self.assertEqual([configuration.SHARED_CONF_GROUP], groups)
