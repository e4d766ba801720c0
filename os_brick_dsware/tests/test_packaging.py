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

"""What wheels contain: the hook always, tests only where one develops."""

import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import testtools

import fixtures

import os_brick_dsware

ROOT = pathlib.Path(os_brick_dsware.__file__).parent.parent
HOOK = 'cinder_dsware.pth'
NOT_COPIED = ('.git', '.tox', '.stestr', 'build', 'dist', '__pycache__',
              '*.egg-info')


class WheelTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        if not (ROOT / 'setup.py').exists():
            self.skipTest('this is not a source tree')
        directory = self.useFixture(fixtures.TempDir()).path
        self.tree = os.path.join(directory, 'tree')
        self.wheels = os.path.join(directory, 'wheels')
        os.mkdir(self.wheels)
        shutil.copytree(ROOT, self.tree,
                        ignore=shutil.ignore_patterns(*NOT_COPIED))

    def build(self, what):
        """Build a wheel as pip and uv do, but with what is installed here."""
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', '-c',
             'import sys\nfrom setuptools import build_meta\n'
             'getattr(build_meta, sys.argv[1])(sys.argv[2])',
             what, self.wheels], cwd=self.tree, capture_output=True,
            text=True, env={**os.environ, 'OS_BRICK_DSWARE_DISABLE': '1'})
        if 'No module named' in done.stderr and 'setuptools' in done.stderr:
            self.skipTest('setuptools is not installed')
        self.assertEqual(0, done.returncode, done.stderr[-3000:])
        name, = os.listdir(self.wheels)
        return zipfile.ZipFile(os.path.join(self.wheels, name))

    def contents(self, wheel):
        names = wheel.namelist()
        record = next(name for name in names if name.endswith('/RECORD'))
        lines = wheel.read(record).decode().splitlines()
        self.assertEqual(sorted(names),
                         sorted(line.split(',')[0] for line in lines))
        return names

    def test_wheel(self):
        with self.build('build_wheel') as wheel:
            names = self.contents(wheel)
            hook = wheel.read(HOOK).decode()
        self.assertEqual(1, hook.count('\n'))
        self.assertTrue(hook.startswith('import '))
        for name in ('os_brick_dsware/connector.py',
                     'os_brick_dsware/result_codes.csv',
                     'dsware_doctor/backend/command.py',
                     'dsware_doctor/host/command.py',
                     'cinder/privsep/dsware/__init__.py',
                     'cinder/volume/drivers/dsware/__init__.py',
                     'dsware_sim/__init__.py'):
            self.assertIn(name, names)
        self.assertEqual([], [name for name in names if 'tests' in name])
        # These belong to Cinder.
        self.assertEqual(set(), {
            'cinder/__init__.py', 'cinder/privsep/__init__.py',
            'cinder/volume/__init__.py',
            'cinder/volume/drivers/__init__.py'} & set(names))

    def test_editable_wheel(self):
        with self.build('build_editable') as wheel:
            names = self.contents(wheel)
            finder, = (name for name in names if name.endswith('_finder.py'))
            mapping = wheel.read(finder).decode()
        self.assertIn(HOOK, names)
        # It imports our package, so the finder must be there before.
        finder_hook, = (name for name in names if name.startswith('__editable')
                        and name.endswith('.pth'))
        self.assertLess(finder_hook, HOOK)
        for package in ('cinder.privsep.dsware',
                        'cinder.volume.drivers.dsware', 'dsware_doctor',
                        'os_brick_dsware',
                        'cinder.tests.unit.privsep.dsware',
                        'cinder.tests.unit.volume.drivers.dsware'):
            self.assertIn("'%s'" % package, mapping)
