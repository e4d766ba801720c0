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

"""The documentation says what the code does."""

import inspect
import pathlib

import ddt

from cinder.tests.unit import test
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import options
from os_brick_dsware import exceptions as brick_exceptions

DOCS = pathlib.Path(__file__).parents[6] / 'doc/source'


def errors(module):
    """Find the exceptions that a module defines.

    :param module: the module
    :returns: their names
    """
    return [name for name, found in inspect.getmembers(module,
                                                       inspect.isclass)
            if issubclass(found, Exception)
            and found.__module__ == module.__name__]


@ddt.ddt
class DocumentationTestCase(test.TestCase):

    @ddt.data(*errors(exceptions), *errors(brick_exceptions))
    def test_operators_find_every_error(self, name):
        page = (DOCS / 'operator/troubleshooting.rst').read_text()
        self.assertIn('``%s``' % name, page)

    @ddt.data(*(option.name for option in options.DSWARE_OPTS))
    def test_the_release_notes_name_every_option(self, name):
        notes = DOCS.parents[1] / 'releasenotes/notes'
        self.assertIn('``%s``' % name, ''.join(
            note.read_text() for note in notes.glob('*.yaml')))
