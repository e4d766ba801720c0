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

"""What a patch brings that only a later one needs."""

import ast
from collections.abc import Iterable
import pathlib
import re

#: Modules whose functions are called from outside.
_DOORS = ('driver.py', 'connectors/dsware.py')
#: What others call: urllib3, http.client, io, oslo.config; and Cinder, of what
#: it shares with os-brick.
_CALLED = {'_new_conn', 'sendall', 'makefile', 'readable', 'readinto',
           'list_opts', 'parse_in_parts'}
#: What a test runner calls, and what fakes find by the names of operations.
_RUN = re.compile('test_|setUp$|_|.*TestCase$')


def find(modules: Iterable[pathlib.Path],
         others: Iterable[pathlib.Path] = ()) -> list[str]:
    """Find functions, classes and constants that no code there uses.

    :param modules: where they are made; of tests what helps these
    :param others: further modules that could use them
    :returns: file, line and name of each
    """
    trees = {path: ast.parse(path.read_text()) for path in modules}
    used = {name for tree in (*trees.values(), *(
        ast.parse(path.read_text()) for path in others))
        for name in _used(tree)}
    return ['%s:%d: %s' % (path, line, name)
            for path, tree in trees.items()
            if not str(path).endswith(_DOORS)
            for line, name in _made(tree)
            if name not in used | _CALLED and not name.startswith('__')
            and not (_RUN.match(name) and 'tests' in path.parts)]


def _used(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.keyword):
            yield node.arg
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # Such as the names that getattr() is given.
            yield node.value


def _made(tree):
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.lineno, node.name
    for node in tree.body:
        for target in getattr(node, 'targets', ()):
            if isinstance(target, ast.Name):
                yield node.lineno, target.id
