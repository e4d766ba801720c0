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

"""Runs the scenarios, which are this project's own and not Tempest's.

They run in this process, since they start and kill services of the box.
"""

import io
import pathlib
import unittest

import subunit
import testtools

#: What the names of all of them begin with.
PREFIX = __package__ + '.'


class _Told(testtools.StreamResult):
    """Tells of each test that has ended."""

    def __init__(self, tell):
        super().__init__()
        self._tell = tell

    def status(self, test_id=None, test_status=None, **_kwargs):
        if test_id and test_status not in (None, 'exists', 'inprogress'):
            self._tell(test_id, test_status)


def find():
    """Find the scenarios.

    :returns: a list of tests
    """
    directory = pathlib.Path(__file__).parent
    suite = unittest.TestLoader().discover(
        str(directory), top_level_dir=str(directory.parents[2]))
    return list(testtools.iterate_tests(suite))


def run(plane, tell):
    """Run all scenarios, one after the other.

    :param plane: a control_plane.ControlPlane that runs
    :param tell: called with name and outcome of each test that ends
    :returns: bytes of a stream of subunit
    """
    stream = io.BytesIO()
    result = testtools.ExtendedToStreamDecorator(testtools.CopyStreamResult([
        subunit.StreamResultToBytes(stream), _Told(tell)]))
    result.startTestRun()
    for test in find():
        test.plane = plane
        test.run(result)
    result.stopTestRun()
    return stream.getvalue()
