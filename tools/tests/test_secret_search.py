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


import base64
import contextlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import testtools

from tools import secret_marks
from tools import secret_search

SECRET = secret_marks.secret('password')


class SearchTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = pathlib.Path(directory.name)

    def write(self, name, content):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes)
                         else content.encode())
        return path

    def search(self):
        """Search the directory.

        :returns: how many files there were, and the names of those that
            have a secret
        """
        count, found = secret_search.search([self.path])
        return count, [str(path.relative_to(self.path)) for path in found]

    def assertFound(self, content):
        path = self.write('some.log', content)
        self.assertEqual((1, ['some.log']), self.search())
        path.unlink()

    def test_nothing_to_find(self):
        self.write('a/b/some.log', 'password=*** and no secret')
        self.assertEqual((1, []), self.search())

    def test_in_all_forms(self):
        for text in (SECRET, f'password={SECRET}\n', json.dumps([SECRET]),
                     SECRET.encode().hex(), repr({'p': SECRET.encode()})):
            self.assertFound(text)

    def test_encoded_together_with_other_bytes(self):
        for before in ('', 'u', 'us', 'user:'):
            self.assertFound(base64.b64encode(
                f'{before}{SECRET}'.encode()))

    def test_where_two_chunks_meet(self):
        chunk = secret_search._CHUNK
        for offset in (chunk - len(SECRET), chunk - 5, chunk - 1, chunk):
            self.assertFound(bytes([1]) * offset + SECRET.encode())

    def test_behind_a_hole(self):
        path = self.write('disk', b'x')
        with open(path, 'r+b') as disk:
            disk.seek(1 << 40)
            disk.write(SECRET.encode())
        self.assertEqual((1, ['disk']), self.search())
        os.truncate(path, 0)

    def test_a_private_key(self):
        self.assertFound('-----BEGIN ' + 'PRIVATE KEY-----')

    def test_where_a_secret_belongs(self):
        for name in ('cinder.conf', 'password', 'client.key', 'both.pem'):
            self.write('etc/' + name, SECRET)
        self.assertEqual((0, []), self.search())

    def test_links_are_not_followed(self):
        os.symlink(self.write('cinder.conf', SECRET), self.path / 'link')
        os.symlink('nowhere', self.path / 'broken')
        os.mkfifo(self.path / 'pipe')
        self.assertEqual((0, []), self.search())

    def test_a_single_file(self):
        path = self.write('result.json', SECRET)
        self.assertEqual((1, [path]), secret_search.search([path]))

    def test_what_is_printed_does_not_tell_the_secret(self):
        self.write('good', 'nothing')
        self.assertEqual((0, ''), self.run_main(self.path))
        self.write('bad', SECRET)
        status, text = self.run_main(self.path, self.path / 'missing')
        self.assertEqual(1, status)
        self.assertIn(str(self.path / 'bad'), text)
        self.assertNotIn(secret_marks.MARK, text)

    def test_nothing_to_search_is_no_success(self):
        status, text = self.run_main(self.path / 'missing')
        self.assertEqual(1, status)
        self.assertIn('nothing to search', text)

    @staticmethod
    def run_main(*places):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            return (secret_search.main([str(place) for place in places]),
                    printed.getvalue())

    def test_as_a_program(self):
        self.write('bad', SECRET)
        done = subprocess.run(
            [sys.executable, secret_search.__file__, self.path],
            cwd='/', env={}, capture_output=True, text=True, timeout=60)
        self.assertEqual(1, done.returncode)
        self.assertIn('bad', done.stdout)

    def test_the_tests_may_be_printed(self):
        tools = pathlib.Path(secret_marks.__file__).parent
        for path in tools.rglob('*.py'):
            self.assertFalse(secret_search.has_secret(
                path, secret_marks.forms()))
