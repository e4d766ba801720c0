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

"""The pictures of the documentation are those of their text."""

import pathlib
import re
from xml.etree import ElementTree

import testtools

from tools import pictures

_TEXT = '{http://www.w3.org/2000/svg}text'


def labels(source):
    """Read what a text has a picture say, line by line."""
    return sorted(line.strip() for label in re.findall(
        r'label="([^"]*)"', source.read_text())
        for line in label.split('\\n'))


class PicturesTestCase(testtools.TestCase):

    def test_each_is_drawn_from_its_text(self):
        sources = sorted(pictures.DIRECTORY.glob('*.dot'))
        self.assertLess(3, len(sources))
        for source in sources:
            svg = source.with_suffix('.svg').read_text()
            self.assertIn(
                f'<!-- {source.name} sha256:{pictures.digest(source)} -->',
                svg, 'run python -m tools.pictures')
            said = [''.join(text.itertext()).strip() for text
                    in ElementTree.fromstring(svg).iter(_TEXT)]
            self.assertEqual(labels(source), sorted(said), source.name)

    def test_each_is_shown_with_words_for_it(self):
        top = pathlib.Path(pictures.__file__).parents[1]
        shown = ''.join(page.read_text() for page in
                        (top / 'doc/source').rglob('*.rst'))
        for source in pictures.DIRECTORY.glob('*.dot'):
            self.assertTrue(
                re.search(r'pictures/%s\.svg\n( +:class:.*\n)? +:alt: \w+'
                          % source.stem, shown), source.name)
