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

"""Noticing that a file is another one."""

import os

import fixtures
import testtools

from cinder.volume.drivers.dsware.client import tls


class SignatureTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.path = self.write('file', 'before')

    def write(self, name, content):
        path = os.path.join(self.directory, name)
        with open(path, 'w') as file:
            file.write(content)
        return path

    def look(self, *paths):
        return tls._signature(paths or [self.path])

    def test_nothing_changed(self):
        self.assertEqual(self.look(), self.look())

    def test_replaced(self):
        before = self.look()
        os.replace(self.write('other', 'after!'), self.path)
        self.assertNotEqual(before, self.look())

    def test_written(self):
        before = self.look()
        self.write('file', 'longer than before')
        self.assertNotEqual(before, self.look())

    def test_gone_and_back(self):
        before = self.look()
        os.rename(self.path, self.path + '.away')
        self.assertEqual((None,), self.look())
        os.rename(self.path + '.away', self.path)
        self.assertEqual(before, self.look())

    def test_what_a_link_in_a_directory_leads_to(self):
        links = os.path.join(self.directory, 'links')
        os.mkdir(links)
        os.symlink(self.path, os.path.join(links, 'hash.0'))
        os.symlink('nowhere', os.path.join(links, 'hash.1'))
        before = self.look(links)
        self.assertEqual(before, self.look(links))
        self.write('file', 'longer than before')
        self.assertNotEqual(before, self.look(links))
