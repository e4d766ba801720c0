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

stestr starts its search in one directory, and looks only into packages; the
tests of this project are in several, one of them part of Cinder's tree.
"""

import importlib
import os

from eventlet import patcher

_TOP = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
# Cinder's first: it is what monkey-patches, which has to come early.
_PACKAGES = (
    'cinder.tests.unit.privsep.dsware',
    'cinder.tests.unit.volume.drivers.dsware',
    'dsware_doctor.tests',
    'os_brick_dsware.tests',
)
# Of programs that are never monkey-patched: no service loads them.
_NATIVE_PACKAGES = (
    'dsware_sim.tests',
    'tools.tests',
)


def _directory(name):
    return os.path.join(_TOP, *name.split('.'))


def _join_installed(name):
    """Let an installed package see its part in this tree.

    :param name: the package
    """
    path = importlib.import_module(name).__path__
    if _directory(name) not in path:
        path.append(_directory(name))


def _add(packages, loader, tests, pattern):
    # A search leaves its mark in a loader, so each has one of its own.
    for package in packages:
        other = type(loader)()
        tests.addTests(other.discover(
            _directory(package), pattern or 'test*.py', _TOP))
        loader.errors.extend(other.errors)


def load_tests(loader, standard_tests, pattern):
    """Add the tests of all packages, see the load_tests protocol.

    :param loader: the loader
    :param standard_tests: the suite to add to
    :param pattern: which files hold tests, unittest's own when None
    :returns: the suite
    """
    # The driver's tests are in no wheel, so nothing installed knows them.
    _join_installed('cinder.tests.unit.privsep')
    _join_installed('cinder.tests.unit.volume.drivers')
    _add(_PACKAGES, loader, standard_tests, pattern)
    if not patcher.is_monkey_patched('thread'):
        _add(_NATIVE_PACKAGES, loader, standard_tests, pattern)
    return standard_tests
