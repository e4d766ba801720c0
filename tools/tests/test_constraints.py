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

"""tools/tox installs nothing that tools/constraints.txt does not name."""

import importlib.metadata
import pathlib
import re

import testtools

_TOP = pathlib.Path(__file__).resolve().parent.parent.parent
_PIN = re.compile(r'(?m)^([A-Za-z0-9._-]+)==([^ ]+)(.*\n)((?: .*\n)+)')
# Of the virtual environment itself.
_BUNDLED = {'pip'}


def canonical(name):
    return re.sub('[-_.]+', '-', name).lower()


def pins():
    text = (_TOP / 'tools' / 'constraints.txt').read_text()
    return {canonical(name): (version, hashes)
            for name, version, _rest, hashes in _PIN.findall(text)}


class ToolsTestCase(testtools.TestCase):

    def test_all_that_is_required_has_a_version_and_hashes(self):
        text = (_TOP / 'tools' / 'requirements.txt').read_text()
        required = re.findall('(?m)^[a-z-]+', text)
        self.assertIn('tox', required)
        for name in required:
            self.assertIn('--hash=sha256:', pins()[name][1])

    def test_nothing_else_is_installed(self):
        places = list((_TOP / '.tools/venv/lib').glob('*/site-packages'))
        if not places:
            self.skipTest('this tree has not run tools/tox')
        installed = {
            canonical(one.metadata['Name']): one.version
            for one in importlib.metadata.distributions(
                path=list(map(str, places)))}
        self.assertIn('tox', installed)
        pinned = {name: version for name, (version, _) in pins().items()}
        self.assertEqual({}, {
            name: version for name, version in installed.items()
            if name not in _BUNDLED and pinned.get(name) != version})
