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

"""Every module has its place upstream, or a reason why it has none."""

import pathlib
import subprocess
import textwrap

import fixtures
import testtools

from tools.upstream import places
from tools.upstream import rewriting
from tools.upstream import series
from tools.upstream import sources
from tools.upstream import unused

_TOP = pathlib.Path(__file__).resolve().parents[2]


def modules():
    """List the files that a place is asked for."""
    return subprocess.check_output(
        ['git', 'ls-files', '--cached', '--others', '--exclude-standard',
         *places.ROOTS], cwd=_TOP, text=True).split()


class PlacesTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.places = places.Places()

    def test_every_module_has_one_place(self):
        wrong = {path: found for path in modules()
                 if len(found := self.places.of(path)) != 1}
        self.assertEqual({}, wrong, 'see tools/upstream/places.toml')

    def test_every_place_is_that_of_a_file(self):
        named = {*self.places.never, *(cut.file for cut in self.places.cuts)}
        for patch in self.places.patches:
            named.update(patch.files, patch.merged)
        self.assertEqual(set(), {
            path for path in named if not (_TOP / path).exists()})

    def test_every_reason_says_something(self):
        for why in (*self.places.never.values(),
                    *(cut.because for cut in self.places.cuts)):
            self.assertLess(10, len(why))

    def test_releases_are_pinned(self):
        self.assertEqual({'cinder', 'nova', 'os-brick'}, set(sources.pins()))
        self.assertEqual({patch.series for patch in self.places.patches},
                         set(sources.pins()))

    def test_releases_are_those_that_are_tested(self):
        pinned = (_TOP / 'constraints.txt').read_text().split()
        for name, (version, _digest) in sources.pins().items():
            self.assertIn('%s==%s' % (name, version), pinned)

    def test_each_patch_has_one_release_note(self):
        for patch in self.places.patches:
            self.assertEqual(1, sum('releasenotes' in path
                                    for path in patch.added), patch.name)


class TreeTestCase(testtools.TestCase):

    def commit(self, **author):
        directory = self.useFixture(fixtures.TempDir()).path
        tree = sources.Tree(pathlib.Path(directory), **author)
        tree.git('init', '-q')
        tree.write('file', 'text')
        tree.commit('Add a file')
        return tree.git('log', '--format=%an <%ae>%n%B')

    def test_who_proposes_signs_it_off(self):
        self.assertEqual(
            'A. B <ab@example.org>\nAdd a file\n\n'
            'Signed-off-by: A. B <ab@example.org>',
            self.commit(author='A. B <ab@example.org>'))

    def test_nobody_signs_nothing_off(self):
        self.assertNotIn('Signed-off-by', self.commit())

    def test_no_author(self):
        for author in ('', 'A. B', '<ab@example.org>', 'A. B <ab>'):
            self.assertRaises(ValueError, sources.checked_author, author)


class RewritingTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.rewriter = rewriting.Rewriter(places.Places().moves)

    def test_names_of_modules(self):
        for before, after in (
                ('from os_brick_dsware import fsc_cli',
                 'from os_brick.initiator.dsware import fsc_cli'),
                ('from os_brick_dsware import connector as brick',
                 'from os_brick.initiator.connectors import dsware as brick'),
                ('from os_brick_dsware import connector\n\n'
                 'connector.x(self.connector.y)',
                 'from os_brick.initiator.connectors import dsware\n\n'
                 'dsware.x(self.connector.y)'),
                ("'os_brick_dsware.host_volume._without'",
                 "'os_brick.initiator.dsware.host_volume._without'"),
                ('os_brick_dsware/fsc_cli.py',
                 'os_brick/initiator/dsware/fsc_cli.py')):
            self.assertEqual(after, self.rewriter._renamed(before))
        self.assertRaises(rewriting.Unexpected, self.rewriter._renamed,
                          'from os_brick_dsware import no_such_module')

    def test_what_is_not_in_the_trees_is_found(self):
        error = self.assertRaises(
            rewriting.Unexpected, rewriting.check, 'file.py',
            self.rewriter.text('os_brick_dsware/tests/test_simulator.py'))
        self.assertIn('file.py names dsware_sim', str(error))

    def test_imports_are_sorted_and_those_without_use_go(self):
        text = textwrap.dedent('''\
            import os
            from cinder import b
            import testtools
            from cinder import a
            from os_brick import x  # noqa: F401

            print(os, a.c, testtools)
            ''')
        self.assertEqual(textwrap.dedent('''\
            import os

            from os_brick import x  # noqa: F401
            import testtools

            from cinder import a

            print(os, a.c, testtools)
            '''), rewriting.sort_imports(rewriting.drop_imports(text),
                                         'cinder'))

    def test_imports_come_one_line_below_what_is_above_them(self):
        self.assertEqual('"""Text."""\n\nfrom a import b\n\nb.c()\n',
                         rewriting.sort_imports(rewriting.drop_imports(
                             '"""Text."""\n\nimport os\n\n'
                             'from a import b\n\nb.c()\n'), 'cinder'))
        self.assertEqual('from a import b\n',
                         rewriting.sort_imports('from a import b\n',
                                                'cinder'))

    def test_tests_that_hypothesis_makes_go(self):
        text = textwrap.dedent('''\
            TEXTS = strategies.text()
            KEPT = 1


            class OneTestCase:

                def test_kept(self):
                    pass

                @hypothesis.given(TEXTS)
                def test_made(self, text):
                    pass


            class MadeTestCase:
                """Has no other test."""

                def help(self):
                    pass

                @hypothesis.given(TEXTS)
                def test_made(self, text):
                    pass
            ''')
        kept = rewriting.without(text, rewriting._made_by_hypothesis(text))
        self.assertEqual(textwrap.dedent('''\
            KEPT = 1


            class OneTestCase:

                def test_kept(self):
                    pass
            '''), kept.lstrip())

    def test_an_edit_has_one_place(self):
        edit = places.Exchange('file', 'old', 'new')
        self.assertEqual('a new one', series.exchanged('a old one', edit))
        for text in ('', 'old old'):
            self.assertRaises(rewriting.Unexpected, series.exchanged, text,
                              edit)

    def test_what_nothing_uses(self):
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path, 'a.py')
        path.write_text(
            'USED = 1\nUNUSED = 2\n\n\nclass A:\n'
            '    def used(self):\n        return USED\n\n'
            '    def unused(self):\n        pass\n\n\n'
            'A().used()\n')
        self.assertEqual(['%s:2: UNUSED' % path, '%s:9: unused' % path],
                         sorted(unused.find([path])))
        other = path.with_name('b.py')
        other.write_text('from %s import a\na.A().unused(a.UNUSED)\n'
                         % path.parent.name)
        self.assertEqual([], unused.find([path, other]))
        self.assertEqual([], unused.find([path], [other]))

    def test_what_only_has_the_name_of_something_that_is_used(self):
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        made = directory / 'hosts/connectors.py'
        made.parent.mkdir()
        made.write_text(
            'def names():\n    pass\n\n\n'
            'class Pools:\n'
            '    @property\n'
            '    def ids(self):\n        pass\n\n\n'
            'Pools()\n')
        user = directory / 'user.py'
        user.write_text(
            'from array import names\n'
            'from hosts import pools\n\n'
            'ids = names.of(pools.names)\n'
            'print(ids)\n')
        self.assertEqual(['%s:1: names' % made, '%s:7: ids' % made],
                         sorted(unused.find([made], [user])))
        for use in ('from hosts import connectors\n'
                    'connectors.names(pools.ids)\n',
                    "getattr(module, 'names')(getattr(pools, 'ids'))\n"):
            user.write_text(use)
            self.assertEqual([], unused.find([made], [user]))

    def test_what_helps_no_test(self):
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path,
                            'tests/a.py')
        path.parent.mkdir()
        path.write_text(
            'class ATestCase:\n'
            '    def setUp(self):\n        pass\n\n'
            '    def test_it(self):\n        self.helps()\n\n'
            '    def helps(self):\n        pass\n\n'
            '    def unused(self):\n        pass\n')
        self.assertEqual(['%s:11: unused' % path], unused.find([path]))

    def test_a_definition_is_there_once(self):
        text = 'C = 1\nclass A:\n    def b(self):\n        pass\n'
        self.assertEqual(2, len(rewriting.definitions(text, ['A.b', 'C'])))
        for name in ('A.c', 'B', 'b', 'A.C'):
            self.assertRaises(rewriting.Unexpected, rewriting.definitions,
                              text, [name])
