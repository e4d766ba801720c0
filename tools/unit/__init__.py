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

"""What stestr runs: the unit, contract and integration tests.

stestr starts its search from one directory; the tests of this project live
in three packages, one of them inside the tree of Cinder.
"""

import os

_TOP = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
_PACKAGES = (
    'cinder.tests.unit.volume.drivers.dsware',
    'dsware_sim.tests',
    'os_brick_dsware.tests',
)


def load_tests(loader, standard_tests, pattern):
    """Add the tests of all packages, see the load_tests protocol.

    :param loader: the loader; a new one of its kind is made for each
        package, since a search leaves its mark in a loader
    :param standard_tests: the suite to add to
    :param pattern: which files hold tests, unittest's own when None
    :returns: the suite
    """
    for package in _PACKAGES:
        start = os.path.join(_TOP, *package.split('.'))
        standard_tests.addTests(type(loader)().discover(
            start, pattern or 'test*.py', _TOP))
    return standard_tests
