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

#: Modules whose functions are called from outside, or that come whole.
_DOORS = ('driver.py', 'connectors/dsware.py', 'client/client.py')
#: What others call: urllib3, http.client, socket; and Cinder, of what it
#: shares with os-brick.
_CALLED = {'_new_conn', 'sendall', 'makefile', 'recv_into',
           '_decref_socketios', 'DENIED', 'MAX_MESSAGES', 'bound',
           'parse_in_parts'}
#: What a test runner or a thread calls, and what fakes find by the names of
#: operations.
_RUN = re.compile('test_|setUp$|run$|_|.*TestCase$')
#: Stand for the module of what is an object's, and of what may be anything's.
_OBJECT, _ANY = 'object', 'any'


def find(modules: Iterable[pathlib.Path],
         others: Iterable[pathlib.Path] = ()) -> list[str]:
    """Find functions, classes and constants that no code there uses.

    :param modules: where they are made; of tests what helps these
    :param others: further modules that could use them
    :returns: file, line and name of each
    """
    trees = {path: ast.parse(path.read_text()) for path in modules}
    users = {**trees, **{path: ast.parse(path.read_text())
                         for path in others}}
    known = set(map(_module, users))
    used = {use for path, tree in users.items()
            for use in _used(tree, _module(path), known)}
    return ['%s:%d: %s' % (path, line, name)
            for path, tree in trees.items()
            if not str(path).endswith(_DOORS)
            for line, name, where in _made(tree)
            if not any((one, name) in used
                       for one in (_module(path), *where))
            and name not in _CALLED and not name.endswith('_')
            and not (_RUN.match(name) and 'tests' in path.parts)]


def _module(path):
    """Name a module as those do that import it, with its package."""
    parts = path.with_suffix('').parts
    return '.'.join(parts[:-1][-2:] if parts[-1] == '__init__'
                    else parts[-2:])


def _used(tree, module, known):
    """Find what a module uses: of which module, and its name."""
    imported = {one.asname or one.name: '%s.%s' % (
        node.module.rpartition('.')[2], one.name)
        for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
        for one in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield module, node.id
        elif isinstance(node, ast.Attribute):
            of = imported.get(getattr(node.value, 'id', None))
            yield of if of in known else _OBJECT, node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # Such as the names that getattr() is given.
            yield _ANY, node.value


def _made(tree):
    """Find what a module makes: line, name, and what else may mean it."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield (node.lineno, node.name,
                   (_ANY,) if node in tree.body else (_ANY, _OBJECT))
    for node in tree.body:
        for target in getattr(node, 'targets', ()):
            if isinstance(target, ast.Name):
                yield node.lineno, target.id, (_ANY,)
