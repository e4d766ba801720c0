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

"""The fuzzer's corpus, and a little of what it makes of it."""

import contextlib
import io
import itertools
import logging
import tempfile

import ddt
import testtools

from tools.fuzz import __main__ as program
from tools.fuzz import mutations
from tools.fuzz import runner
from tools.fuzz import seeds
from tools.fuzz import targets

# Of each target; a million in all take minutes.
_INPUTS = 1000


def _names():
    with tempfile.TemporaryDirectory() as directory:
        return list(targets.targets(directory))


@ddt.ddt
class FuzzTestCase(testtools.TestCase):

    @ddt.data(*_names())
    def test_only_errors_that_are_meant(self, name):
        account = runner.run(name, _INPUTS, 1)
        self.assertEqual([], account.defects)
        self.assertEqual(_INPUTS, account.inputs)
        # Input that all ends the same way tries nothing.
        self.assertGreater(len(account.outcomes), 1)

    def test_every_seed_is_tried(self):
        with tempfile.TemporaryDirectory() as directory:
            corpora = {kind for target in targets.targets(directory).values()
                       for kind in target.corpora}
            for target in targets.targets(directory).values():
                self.assertLess(len(seeds.load(target.corpora)), _INPUTS)
        self.assertLessEqual(
            {path.name for path in seeds.CORPUS.iterdir()}, corpora)


class MutationsTestCase(testtools.TestCase):

    def test_the_same_seed_makes_the_same_input(self):
        for kind in (mutations.Mutator, mutations.FramedMutator):
            found = [list(itertools.islice(kind(
                [mutations.framed(b'seq=1\nresult=0')], seed), 300))
                for seed in (1, 1, 2)]
            self.assertEqual(found[0], found[1])
            self.assertNotEqual(found[0], found[2])

    def test_frames_are_taken_apart(self):
        whole = mutations.framed(b'a') + mutations.framed(b'bc')
        self.assertEqual([b'a', b'bc'], mutations.payloads(whole))
        self.assertEqual([b'a'], mutations.payloads(whole[:-1]))


class DefectsTestCase(testtools.TestCase):
    """That it finds something where there is something."""

    def try_one(self, run):
        account = runner.Account('x')
        with runner.watched():
            runner.try_one(account, run, b'input')
        return account

    def test_an_exception_that_is_not_meant(self):
        account = self.try_one(lambda data: data['x'])
        (what, data), = account.defects
        self.assertIn('TypeError', what)
        self.assertEqual(b'input', data)

    def test_a_line_that_is_forged_in_a_log(self):
        for text in ('a\nERROR forged', '\x1b[2J', '\u202e', 'x' * 10_000):
            account = self.try_one(
                lambda data, text=text: logging.getLogger('x').warning(text))
            self.assertEqual(1, len(account.defects), text[:20])

    def test_what_is_fine(self):
        account = self.try_one(lambda data: 'fine')
        self.assertEqual(([], {'fine': 1}),
                         (account.defects, dict(account.outcomes)))

    def test_the_program(self):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            self.assertEqual(0, program.main(
                ['--inputs', '50', '--only', 'sds_cli', '--jobs', '1']))
        self.assertIn('50 inputs, 0 of them showed a defect',
                      printed.getvalue())
