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

"""Every functional test is run by one of the processes, and by only one."""

import pathlib
import re

import testtools
import yaml

_TOP = pathlib.Path(__file__).resolve().parent.parent.parent


class WorkersTestCase(testtools.TestCase):

    def test_each_class_has_one(self):
        workers = yaml.safe_load(
            (_TOP / 'functional' / 'workers.yaml').read_text())
        classes = [
            f'{path.stem}.{name}' for path in
            (_TOP / 'functional' / 'tests').glob('test_*.py')
            for name in re.findall(r'^class (\w+)\(', path.read_text(), re.M)]
        self.assertIn('test_operations.SocketTest', classes)
        for each in classes:
            name = f'functional.tests.{each}.test'
            self.assertEqual(1, sum(
                bool(re.search(pattern, name)) for worker in workers
                for pattern in worker['worker']), each)
