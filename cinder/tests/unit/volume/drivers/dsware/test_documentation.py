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

"""The documentation says what the code does."""

import ast
import configparser
import inspect
import pathlib
import re

import ddt
import testtools

from cinder.volume.drivers.dsware.array import names
from cinder.volume.drivers.dsware import driver
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import options
from os_brick_dsware import exceptions as brick_exceptions

DOCS = pathlib.Path(__file__).parents[6] / 'doc/source'
FUNCTIONAL = DOCS.parents[1] / 'functional/tests'
FEATURES = (DOCS / 'reference/features.rst').read_text()
# Of the backend and its operations, and of hosts and devices.
MESSAGES = ''.join(page.read_text() for page in
                   sorted((DOCS / 'operator').glob('messages*.rst')))
# The sections of Cinder's support matrix.
MATRIX = ('supported', 'online_extend_support', 'qos', 'volume_replication',
          'consistency_groups', 'thin_provisioning',
          'volume_migration_storage_assisted', 'multi-attach',
          'revert_to_snapshot_assisted', 'active_active_ha')


def errors(module):
    """Find the exceptions that a module defines.

    :param module: the module
    :returns: their names
    """
    return [name for name, found in inspect.getmembers(module,
                                                       inspect.isclass)
            if issubclass(found, Exception)
            and found.__module__ == module.__name__]


@ddt.ddt
class DocumentationTestCase(testtools.TestCase):

    @ddt.data(*errors(exceptions), *errors(brick_exceptions))
    def test_operators_find_every_error(self, name):
        self.assertIn('``%s``' % name, MESSAGES)

    @ddt.data(*(option.name for option in driver.DSWareDriver
                .get_driver_options() if option not in options.DSWARE_OPTS))
    def test_operators_find_what_of_cinders_options_is_read(self, name):
        page = (DOCS / 'reference/options.rst').read_text()
        self.assertIn('``%s``' % name, page)

    @ddt.data(*(option.name for option in options.DSWARE_OPTS))
    def test_the_release_notes_name_every_option(self, name):
        notes = DOCS.parents[1] / 'releasenotes/notes'
        self.assertIn('``%s``' % name, ''.join(
            note.read_text() for note in notes.glob('*.yaml')))

    def test_operators_find_which_names_of_limits_are_cut(self):
        page = (DOCS / 'configuration/volume-types.rst').read_text()
        longest = len(names.policy('v' * 95))
        self.assertIn('longer than %d characters' % longest,
                      ' '.join(page.split()))


class LoggedErrorsTestCase(testtools.TestCase):
    """What is logged as an error is found on the page for operators."""

    SOURCES = [source for directory in ('cinder/volume/drivers/dsware',
                                        'os_brick_dsware')
               for source in (DOCS.parents[1] / directory).rglob('*.py')
               if 'tests' not in source.relative_to(DOCS.parents[1]).parts]

    @staticmethod
    def is_error(call):
        """Tell whether a call logs an error, in one of three ways."""
        names = {node.attr for node in ast.walk(call.func)
                 if isinstance(node, ast.Attribute)}
        return bool(names & {'error', 'exception'}) and isinstance(
            call.func.value, ast.Name) and call.func.value.id == 'LOG' or (
                bool(names & {'log_once', 'write'})
                and 'logging.ERROR' in ast.unparse(call))

    def clauses(self, source):
        """Find what is always the same in messages, each in its parts."""
        tree = ast.parse(source.read_text())
        constants = {node.targets[0].id: node.value.value
                     for node in tree.body if isinstance(node, ast.Assign)
                     and isinstance(node.value, ast.Constant)}
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and self.is_error(call):
                place = {'log_once': 3, 'write': 2}.get(call.func.attr, 0)
                message = call.args[place]
                yield [part for node in ast.walk(message)
                       for part in self.parts(node, constants)
                       if len(part) > 14]

    @staticmethod
    def parts(node, constants):
        text = (constants.get(node.id) if isinstance(node, ast.Name)
                else getattr(node, 'value', None))
        if not isinstance(text, str):
            return []
        return [part.strip()
                for part in re.split(r'%\(\w+\)[sd]|%[sd]|[.:;(]', text)]

    def test_operators_find_what_is_logged(self):
        page = ' '.join(MESSAGES.replace('*', '').split())
        messages = [clauses for source in self.SOURCES
                    for clauses in self.clauses(source) if clauses]
        self.assertGreater(len(messages), 10)
        self.assertEqual([], [clauses for clauses in messages
                              if not any(part in page for part in clauses)])


@ddt.ddt
class FeaturesTestCase(testtools.TestCase):

    @ddt.data(*sorted(set(re.findall(r'``([\w.]+\.test_\w+)``', FEATURES))))
    def test_the_test_of_a_feature_exists(self, name):
        module, class_name, method = name.split('.')
        tree = ast.parse((FUNCTIONAL / f'{module}.py').read_text())
        found, = [node for node in tree.body
                  if isinstance(node, ast.ClassDef)
                  and node.name == class_name]
        self.assertIn(method, [node.name for node in found.body
                               if isinstance(node, ast.FunctionDef)])

    def test_every_feature_has_a_test(self):
        table = FEATURES.partition('     - Tests\n')[2]
        rows = re.split(r'^   \* - ', table, flags=re.MULTILINE)[1:]
        self.assertLess(10, len(rows))
        for row in rows:
            self.assertIn('.test_', row)

    def test_the_matrix_names_every_operation(self):
        matrix = configparser.ConfigParser()
        matrix.read(DOCS / 'reference/support-matrix.ini')
        operations = [name for name in matrix.sections()
                      if name.startswith('operation.')]
        self.assertEqual([f'operation.{name}' for name in MATRIX], operations)
        for name in operations:
            self.assertIn(matrix[name]['driver.huawei_dsware'],
                          ('complete', 'missing'))


@ddt.ddt
class MapTestCase(testtools.TestCase):
    """The map names every module, and nothing that is not there."""

    ROOT = DOCS.parents[1]
    DRIVER = 'cinder/volume/drivers/dsware/'
    MAP = (DOCS / 'contributor/map.rst').read_text()
    NAMED = frozenset(re.findall(r'``([\w/.]+)``', MAP))

    @ddt.data(*sorted(name for name in NAMED if name.endswith('/')))
    def test_a_folder_exists(self, name):
        self.assertTrue((self.ROOT / name).is_dir())

    @ddt.data(*sorted(name for name in NAMED if name.endswith('.py')))
    def test_a_file_exists(self, name):
        self.assertTrue((self.ROOT / self.DRIVER / name).exists()
                        or (self.ROOT / name).exists())

    @ddt.data(DRIVER, DRIVER + 'features/', DRIVER + 'array/',
              DRIVER + 'client/', 'os_brick_dsware/', 'dsware_doctor/',
              'dsware_doctor/backend/', 'dsware_doctor/host/', 'dsware_sim/',
              'dsware_sim/cluster/', 'dsware_sim/front/',
              'dsware_sim/front/rest/', 'dsware_sim/host/')
    def test_every_module_is_named_in_its_table(self, folder):
        tables = self.MAP.split('.. list-table::')[1:]
        row, = [row for table in tables
                for row in re.split(r'\n   \* - (?=``\w+/)', table)[1:]
                if row.startswith(f'``{folder}``')]
        there = {path.stem for path in (self.ROOT / folder).glob('*.py')
                 if not path.stem.startswith('__')}
        self.assertEqual(there, set(re.findall(r'``(\w+)``', row)))
