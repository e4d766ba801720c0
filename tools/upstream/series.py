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

"""The patches, as commits on a release and as files to send."""

import os
import pathlib
import subprocess
import sys

from tools.upstream import places
from tools.upstream import rewriting
from tools.upstream import sources

_MATRIX = 'doc/source/reference/support-matrix.ini'
_ROW = 'driver.huawei_dsware'
_NEIGHBOUR = 'driver.huawei_fusionstorage'


class Series:
    """The changes of one tree.

    :param table: the :class:`places.Places`
    :param name: the tree's
    :param tree: its :class:`sources.Tree`
    """

    def __init__(self, table: places.Places, name: str, tree: sources.Tree):
        self.tree = tree
        self.patches = [one for one in table.patches if one.series == name]
        self._table = table
        self._rewriter = rewriting.Rewriter(table.moves)
        self._texts: dict[str, str] = {}

    def apply(self, patch: places.Patch) -> list[str]:
        """Commit a change; those before it are there already.

        :returns: the files that it adds or changes
        """
        number = self.patches.index(patch)
        ours = {self._rewriter.place(path) for one in self.patches
                for path in one.files}
        for one in self.patches[:number + 1]:
            for path in one.files:
                self._write(self._rewriter.place(path),
                            self._module(path, number))
            for path, source in one.added.items():
                self._write(path, self._state(path, source.read_text(),
                                              number))
        for edit in patch.edits:
            if edit.file in ours:
                continue
            self.tree.write(edit.file, exchanged(
                self.tree.read(edit.file), edit))
        for call in patch.calls:
            getattr(self, '_' + call)(number)
        self.tree.commit(patch.message)
        return self.tree.git('diff', '--name-only', 'HEAD~').split()

    def _write(self, path, text):
        rewriting.check(path, text)
        if not (self.tree.path / path).exists() or (
                self.tree.read(path) != text):
            self.tree.write(path, text)

    def _module(self, path, number):
        """Give a module as it is from this patch on, to the next."""
        if path not in self._texts:
            text = self._rewriter.text(path)
            for cut in self._table.cuts:
                if cut.file == path:
                    text = _cut(text, cut)
            self._texts[path] = text
        text = self._texts[path]
        if not path.endswith('.py'):
            return text
        for patch in reversed(self.patches[number + 1:]):
            for cut in patch.cuts:
                if cut.file == path:
                    text = _cut(text, cut)
        text = self._state(self._rewriter.place(path), text, number)
        return rewriting.sort_imports(
            rewriting.drop_imports(text),
            self._rewriter.place(path).partition('/')[0])

    def _state(self, path, text, number):
        for patch in reversed(self.patches[number + 1:]):
            for edit in patch.later:
                if edit.file == path:
                    text = exchanged(text, edit)
        for patch in self.patches[:number + 1]:
            for edit in patch.edits:
                if edit.file == path:
                    text = exchanged(text, edit)
        return text

    # What no exchange of text does ------------------------------------------

    def _options(self, _number):
        """Have Cinder's own generator list the options."""
        subprocess.run(
            [sys.executable, 'tools/config/generate_cinder_opts.py'],
            cwd=self.tree.path, env=environment(self.tree), check=True,
            capture_output=True)

    def _brick_options(self, _number):
        """Put the connector's options to the others of os-brick."""
        text = pathlib.Path('os_brick_dsware/opts.py').read_text()
        ours = text.partition('dsware_opts = [\n')[2].partition(']\n')[0]
        self.tree.write('os_brick/opts.py', exchanged(
            self.tree.read('os_brick/opts.py'), places.Exchange(
                'os_brick/opts.py', '\n]\n', '\n' + ours + ']\n')))

    def _matrix(self, number):
        """Write the driver's lines below those of its neighbour."""
        has = {name for patch in self.patches[:number + 1]
               for name in patch.matrix}
        known, lines, section = set(), [], ''
        for line in self.tree.read(_MATRIX).splitlines(True):
            if line.startswith('['):
                section = line.strip().strip('[]')
            if line.startswith(_ROW + '='):
                continue
            lines.append(line)
            if line.startswith(_NEIGHBOUR + '='):
                known.add(section)
                lines.append('%s=%s\n' % (
                    _ROW, 'complete' if section in has else 'missing'))
        if has - known:
            raise rewriting.Unexpected('no %s in the matrix' % (has - known))
        self.tree.write(_MATRIX, ''.join(lines))

    # The result -------------------------------------------------------------

    def write(self, directory: pathlib.Path) -> list[pathlib.Path]:
        """Write the series as files, and see that they apply.

        :param directory: where they are to be
        :returns: the files, in order
        :raises SystemExit: they do not apply, or give something else
        """
        for old in directory.glob('*.patch'):
            old.unlink()
        directory.mkdir(parents=True, exist_ok=True)
        self.tree.git('format-patch', '-q', '--no-signature', '-o',
                      str(directory), 'HEAD~%d' % len(self.patches))
        files = sorted(directory.glob('*.patch'))
        pristine = sources.Tree(self.tree.path.with_name(
            self.tree.path.name + '-pristine'))
        self.tree.git('worktree', 'add', '-f', '--detach', '-q',
                      str(pristine.path), 'HEAD~%d' % len(self.patches))
        try:
            pristine.git('am', '-q', *map(str, files))
            if pristine.git('diff', '--stat', 'release'):
                raise SystemExit('%s is another tree' % pristine.path)
        finally:
            self.tree.git('worktree', 'remove', '-f', str(pristine.path))
        return files


def exchanged(text: str, edit: places.Exchange) -> str:
    """Exchange text that has to be there once."""
    if text.count(edit.old) != 1:
        raise rewriting.Unexpected('%s has %d times: %s' % (
            edit.file, text.count(edit.old), edit.old))
    return text.replace(edit.old, edit.new)


def _cut(text, cut):
    try:
        return rewriting.drop_imports(rewriting.without(
            text, rewriting.definitions(text, cut.defs)))
    except rewriting.Unexpected as error:
        raise rewriting.Unexpected('%s: %s' % (cut.file, error)) from None


def environment(*trees: sources.Tree) -> dict[str, str]:
    """Give the environment in which trees are Python's first choice.

    What is compiled is kept beside them, or the next commit would have it.
    """
    path = '%s:%s' % (pathlib.Path(sys.executable).parent, os.environ['PATH'])
    return {**os.environ, 'PATH': path, 'PYTHONPATH': ':'.join(
        str(tree.path) for tree in trees), 'PYTHONWARNINGS': 'ignore',
        'PYTHONPYCACHEPREFIX': str(trees[0].path.with_name('bytecode'))}
