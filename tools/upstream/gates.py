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

"""The trees' own checks, run on what the patches make of them."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from tools.upstream import series
from tools.upstream import sources
from tools.upstream import unused

_DRIVER_TESTS = 'cinder/tests/unit/volume/drivers/dsware'
#: Where Cinder's tests are that the patches add.
_TESTS = ('cinder/tests/unit/privsep/dsware', _DRIVER_TESTS)
#: What the patches add, tests apart, and the patches that only tests use.
_OURS = ('cinder/volume/drivers/dsware/**/*.py', 'cinder/privsep/dsware.py',
         'os_brick/initiator/dsware/*.py',
         'os_brick/initiator/connectors/dsware.py')
_OUR_TESTS = tuple(folder + '/**/*.py' for folder in _TESTS) + (
    'os_brick/tests/initiator/dsware/*.py',
    'os_brick/tests/initiator/connectors/test_dsware_*.py')
_FIRST = ('command-line', 'client')
#: What is worth running under eventlet, too: what waits and connects.
_WAITING = r'\.dsware\.(client\.test_(agents|client|transport)|test_waiting)\.'
_PAGE = ('doc/source/configuration/block-storage/drivers/'
         'huawei-dsware-driver.rst')
_COMPLIANCE = '''
from cinder.tests.compliance import test_volume_drivers as compliance
names = [one.class_fqn for one in compliance.VOLUME_DRIVERS]
name = 'cinder.volume.drivers.dsware.driver.DSWareDriver'
assert name in names, 'the driver is not among %d' % len(names)
'''
_IMPORT = '''
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
'''


class Failed(Exception):
    """A check did not pass."""


class Gates:
    """Runs the checks of a tree.

    :param tree: the :class:`sources.Tree`
    :param others: trees that its code imports
    """

    def __init__(self, tree: sources.Tree, *others: sources.Tree):
        self._tree = tree
        self._environment = {
            **series.environment(tree, *others),
            'OS_CINDER_DISABLE_EVENTLET_PATCHING': '1',
            'OS_NOVA_DISABLE_EVENTLET_PATCHING': 'True'}

    def of_patch(self, name: str, files: list[str], whole: bool) -> None:
        """Check one change: style, use, imports or tests.

        Of Cinder's driver it runs the tests that the change adds or changes,
        so that each is run where it appears.

        :param name: the change's
        :param files: what it adds or changes
        :param whole: whether to run all tests that the driver has by then
        """
        modules = [one for one in files if one.endswith('.py')]
        self.style('%s: style' % name, modules)
        self.all_is_used(name)
        chosen = {folder: [_dotted(one) + '.' for one in modules
                           if one.startswith(folder) and '/test_' in one]
                  for folder in _TESTS}
        if not any(chosen.values()):
            self.run('%s: imports' % name, sys.executable, '-c', _IMPORT,
                     *map(_dotted, modules))
            return
        # They import all that it adds.
        for folder, tests in chosen.items():
            if tests or whole:
                self.tests('%s: tests of %s' % (name, folder), folder,
                           *(() if whole else tests))

    def all_is_used(self, name: str) -> None:
        """See that a change brings nothing that only a later one needs.

        What the first one of a series brings is used by tests only.

        :param name: the change's
        :raises Failed: it does
        """
        ours, tests = (
            [path for part in parts
             for path in sorted(self._tree.path.glob(part))]
            for parts in (_OURS, _OUR_TESTS))
        found = unused.find(tests, ours) + unused.find(
            ours, tests if name in _FIRST else ())
        if found:
            raise Failed('%s brings what it does not use:\n%s' % (
                name, '\n'.join(found)))

    def style(self, name: str, modules: list[str]) -> None:
        """Run flake8 with the tree's own checks, and no more of them."""
        ordered = 'import-order' in self._tree.read('tox.ini')
        self.run(name, 'flake8', *(() if ordered else ('--extend-ignore=I',)),
                 *modules)

    def tests(self, name: str, folder: str, *chosen: str,
              **environment: str) -> None:
        """Run tests with the tree's own test runner.

        :param name: what is printed
        :param folder: where they are
        :param chosen: a pattern of their names
        :param environment: variables
        """
        # Not every tree's configuration lets a variable choose the folder.
        self.run(name, 'stestr', '--test-path', './' + folder,
                 '--top-dir', './', 'run', '--concurrency', '2', *chosen,
                 **environment)
        # Or the next commit would have it.
        shutil.rmtree(self._tree.path / '.stestr')

    def page(self, path: str) -> None:
        """Make a page of the documentation by itself; warnings are errors."""
        with tempfile.TemporaryDirectory() as directory:
            shutil.copy(self._tree.path / path,
                        pathlib.Path(directory) / 'index.rst')
            self.run('page', 'sphinx-build', '-W', '-q', '-C', '-b', 'html',
                     '-D', 'extensions=driver_opts', directory,
                     directory + '/html', PYTHONPATH=':'.join((
                         self._environment['PYTHONPATH'],
                         str(self._tree.path / 'doc/ext'))))

    def notes(self) -> None:
        """Have reno read the release notes that the patches add.

        By themselves: it refuses two of Cinder's own where all that was ever
        released is one commit.
        """
        with tempfile.TemporaryDirectory() as directory:
            alone = sources.Tree(pathlib.Path(directory))
            alone.git('init', '-q')
            release = self._tree.git('rev-list', '--max-parents=0', 'HEAD')
            for path in self._tree.git(
                    'diff', '--name-only', release, 'HEAD', '--',
                    'releasenotes/notes').split():
                alone.write(path, self._tree.read(path))
            alone.commit('Add release notes')
            self.run('reno', 'reno', 'lint', directory)

    def run(self, name: str, *command: str, **environment: str) -> str:
        """Run a check.

        :returns: what it printed
        :raises Failed: it did not pass
        """
        began = time.monotonic()
        program, *arguments = command
        done = subprocess.run(
            [program, *arguments], cwd=self._tree.path, text=True,
            env={**self._environment, **environment},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL)
        print('%s %s: %s, %d s' % (
            self._tree.path.name, name, _said(done),
            time.monotonic() - began), flush=True)
        if done.returncode:
            raise Failed(done.stdout)
        return done.stdout


def _dotted(path):
    """Give the dotted name of a module."""
    return path.removesuffix('.py').removesuffix('/__init__').replace('/', '.')


def _said(done):
    """Tell what came of a run, with the number of its tests."""
    passed = [line.partition(':')[2].strip() for line
              in done.stdout.splitlines() if line.startswith(' - Passed:')]
    return ' '.join(['FAILED' if done.returncode else 'passed'] + passed)


def of_os_brick(gates: Gates) -> None:
    """Check os-brick with the connector."""
    ours = ('os_brick/initiator/dsware',
            'os_brick/initiator/connectors/dsware.py')
    gates.run('bandit', 'bandit', '-q', '-r', *ours, '-n5', '-sB101')
    gates.run('mypy', 'bash', 'tools/mypywrap.sh')
    gates.tests('tests', 'os_brick/tests')
    gates.notes()


def of_cinder(gates: Gates) -> None:
    """Check Cinder with the driver."""
    gates.run('options', 'tools/config/check_uptodate.sh')
    gates.run('bandit', 'bandit', '-q', '-r', 'cinder/volume/drivers/dsware',
              'cinder/privsep/dsware.py', '-n5', '-ll')
    gates.run('driver is loaded', sys.executable, '-c', _COMPLIANCE)
    gates.tests('compliance', 'cinder/tests/compliance')
    gates.tests('tests under eventlet', _DRIVER_TESTS, _WAITING,
                OS_CINDER_DISABLE_EVENTLET_PATCHING='0')
    gates.page(_PAGE)
    gates.notes()


def of_nova(gates: Gates) -> None:
    """Check Nova with the volume driver."""
    gates.run('bandit', 'bandit', '-q', '-ll',
              'nova/virt/libvirt/volume/dsware.py')
    gates.tests('tests', 'nova/tests/unit/virt/libvirt', r'\.libvirt\.(volume'
                r'\.|test_driver\..*_(disconnect|volume_driver))')
    gates.notes()


OF = {'os-brick': of_os_brick, 'cinder': of_cinder, 'nova': of_nova}
