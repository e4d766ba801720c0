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

"""A module of this repository, as it is in the tree that it goes to.

Names of packages are exchanged and imports sorted anew, and the tests get the
tree's base class. Tests that hypothesis makes are left out, since the trees do
not have it, and so is every import that is not needed any more.
"""

import ast
import pathlib
import re
import sys

_OURS = 'os_brick_dsware'
_IMPORT = re.compile(r'(?m)^( *)from os_brick_dsware(\.\w+)* import (\w+)'
                     r'( as \w+)?(?=$|  #)')
_NAME = re.compile(r'\bos_brick_dsware((?:[./]\w+)+)(\.py)?')
_SECRET = re.compile(r"\bsecret_marks\.secret\(f?'([^']*)'\)")
#: Packages whose modules are the tree's own, and its tests' base class.
_BASES = {'cinder': ('from cinder.tests.unit import test\n', 'test.TestCase'),
          'os_brick': ('from os_brick.tests import base\n', 'base.TestCase')}
#: Nothing that is not in the trees may be named in them.
_FOREIGN = re.compile(r'\b(os_brick_dsware|dsware[_-](sim|doctor)|functional\.'
                      r'|hypothesis|secret_marks|cinder-dsware'
                      r'|dsware_simulated_devices)\b')


class Unexpected(Exception):
    """A file is not as it has to be for what is to be done with it."""


class Rewriter:
    """Rewrites files.

    :param moves: where files and folders go, by their place here
    """

    def __init__(self, moves: dict[str, str]):
        self._moves = sorted(moves.items(), key=lambda one: -len(one[0]))

    def place(self, path: str) -> str:
        """Tell where a file or folder goes."""
        for ours, theirs in self._moves:
            if path == ours or path.startswith(ours + '/'):
                return theirs + path[len(ours):]
        return path

    def _dotted(self, name):
        """Give the new dotted name of a module or of something in it."""
        parts = name.split('.')
        for end in range(len(parts), 1, -1):
            path = '/'.join(parts[:end])
            for module in (path + '.py', path + '/__init__.py'):
                if pathlib.Path(module).exists():
                    found = self.place(module).removesuffix('.py')
                    found = found.removesuffix('/__init__')
                    return '.'.join([found.replace('/', '.'), *parts[end:]])
        raise Unexpected('%s is no module' % name)

    def text(self, path: str) -> str:
        """Rewrite a file.

        :param path: its place here
        :returns: its text there
        """
        text = pathlib.Path(path).read_text()
        if path.endswith('.py') and text:
            package = self.place(path).partition('/')[0]
            text = self._renamed(text)
            if '/tests/' in path:
                text = _as_their_test(text, package)
            text = sort_imports(drop_imports(text), package)
        return text

    def _renamed(self, text):
        renamed = {}

        def imported(match):
            indent, name, alias = match[1], match[3], match[4] or ''
            full = _OURS + (match[0].split(' import ')[0].strip()
                            .removeprefix('from os_brick_dsware')) + '.' + name
            package, _dot, new = self._dotted(full).rpartition('.')
            if not alias and new != name:
                renamed[name] = new
            return '%sfrom %s import %s%s' % (indent, package, new, alias)

        text = _IMPORT.sub(imported, text)
        text = _NAME.sub(self._named, text)
        for name, new in renamed.items():
            text = re.sub(r'(?<![\w.])%s\.(?=\w)' % name, new + '.', text)
        return text

    def _named(self, match):
        if match[2] or '/' in match[1]:
            return self.place(match[0])
        return self._dotted(match[0])


def check(path: str, text: str) -> None:
    """See that a text names nothing that is not in the trees.

    :raises Unexpected: it does
    """
    found = _FOREIGN.search(text)
    if found:
        raise Unexpected('%s names %s' % (path, found[0]))


def _as_their_test(text, package):
    text = _SECRET.sub(r"'secret-\1'", text)
    text = without(text, _made_by_hypothesis(text))
    text = text.replace('secret_marks.MARK', "'secret-'")
    text = re.sub(r'(?m)^from tools import secret_marks\n', '', text)
    if 'testtools.TestCase' in text and package in _BASES:
        line, name = _BASES[package]
        text = text.replace('testtools.TestCase', name)
        if line not in text:
            text = text.replace('import testtools\n',
                                'import testtools\n' + line, 1)
    return text


def _made_by_hypothesis(text):
    """Find what needs hypothesis: tests, and what these are made from."""
    tree = ast.parse(text)
    names = {'hypothesis', 'strategies'}
    found = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            made = [one for one in node.body if _used(one) & names]
            # What is left without a test helped those that go.
            kept = [one for one in node.body if one not in made
                    and getattr(one, 'name', '').startswith('test_')]
            found += made if kept or not made else [node]
        elif _used(node) & names:
            found.append(node)
            names |= {getattr(one, 'id', '')
                      for one in getattr(node, 'targets', ())}
            names.add(getattr(node, 'name', ''))
    return found


def _used(node):
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def definitions(text: str, names: list[str]) -> list[ast.AST]:
    """Find functions, classes such as ``Class.method`` and constants."""
    tree = ast.parse(text)
    found = []
    for name in names:
        nodes = [tree]
        for part in name.split('.'):
            nodes = [node for one in nodes for node in one.body
                     if part in _names_of(node)]
        if len(nodes) != 1:
            raise Unexpected('%s is there %d times' % (name, len(nodes)))
        found += nodes
    return found


def _names_of(statement):
    """Tell what a statement defines."""
    return {getattr(statement, 'name', None), *(
        getattr(one, 'id', None)
        for one in getattr(statement, 'targets', ()))}


def without(text: str, nodes: list[ast.AST]) -> str:
    """Leave statements out, with their decorators and the blanks before."""
    lines = text.splitlines(True)
    for node in sorted(nodes, key=lambda one: -one.lineno):
        first = min([node.lineno] + [
            one.lineno for one in getattr(node, 'decorator_list', ())]) - 1
        while first and lines[first - 1].lstrip().startswith('#'):
            first -= 1
        while (first and not lines[first - 1].strip()):
            first -= 1
        del lines[first:node.end_lineno]
    return ''.join(lines)


def drop_imports(text: str) -> str:
    """Leave out the imports at the top whose name is not used."""
    tree = ast.parse(text)
    lines = text.splitlines(True)
    used = _used(tree)
    for node in reversed(tree.body):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            name, = node.names
            bound = name.asname or name.name.partition('.')[0]
            line = ''.join(lines[node.lineno - 1:node.end_lineno])
            if bound not in used and 'noqa' not in line:
                del lines[node.lineno - 1:node.end_lineno]
    return ''.join(lines)


def sort_imports(text: str, package: str) -> str:
    """Put the imports at the top in order: Python's, others', the tree's."""
    nodes = [node for node in ast.parse(text).body
             if isinstance(node, (ast.Import, ast.ImportFrom))]
    if not nodes:
        return text
    lines = text.splitlines(True)
    first, last = nodes[0].lineno - 1, nodes[-1].end_lineno
    groups: dict[int, list] = {}
    covered = set()
    for node in nodes:
        span = range(node.lineno - 1, node.end_lineno)
        covered.update(span)
        top = (getattr(node, 'module', None) or node.names[0].name
               ).partition('.')[0]
        group = 0 if top in sys.stdlib_module_names else (
            2 if top == package else 1)
        name = '.'.join(filter(None, (getattr(node, 'module', None),
                                      node.names[0].name)))
        groups.setdefault(group, []).append(
            (name.lower(), ''.join(lines[number] for number in span)))
    if any(lines[number].strip() for number in range(first, last)
           if number not in covered):
        # Statements between imports, which have their reason.
        return text
    ordered = '\n'.join(''.join(line for _name, line in sorted(groups[group]))
                        for group in sorted(groups))
    above = ''.join(lines[:first]).rstrip('\n')
    return ''.join([above, '\n\n' if above else '', ordered, *lines[last:]])
