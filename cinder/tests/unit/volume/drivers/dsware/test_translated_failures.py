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

"""Errors of the array as errors of Cinder."""

import types

import ddt
import testtools

from cinder import exception
from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import failures

THING = types.SimpleNamespace(id='the-id', name='the-name',
                              name_id='the-name-id', provider_id=None)
LIMITS = (50152401, 50152501, 50152502, 50153012)


def raising(error):
    raise error


def for_volume(function, *args):
    with failures.for_volume(THING):
        return function(*args)


def for_snapshot(function, *args):
    with failures.for_snapshot(THING):
        return function(*args)


@ddt.ddt
class TranslationTestCase(testtools.TestCase):

    def translated(self, translate, error):
        raised = self.assertRaises(BaseException, translate, raising, error)
        if raised is not error:
            # All that was said is said on.
            self.assertIn(error.summary, str(raised))
            self.assertIs(error, raised.__cause__)
        return raised

    @staticmethod
    def make(error_class, result=None):
        return error_class(op='op', name='object', result=result,
                           desc='words', endpoint='192.0.2.1:10519')

    def test_nothing_to_translate(self):
        self.assertEqual(3, for_volume(lambda: 3))
        self.assertEqual(3, for_snapshot(lambda: 3))

    @ddt.data(None, 50150005, 50150006, 50151404)
    def test_absent(self, code):
        error = self.make(exceptions.ObjectAbsent, code)
        self.assertIs(exception.VolumeNotFound,
                      type(self.translated(for_volume, error)))
        self.assertIs(exception.SnapshotNotFound,
                      type(self.translated(for_snapshot, error)))

    @ddt.data(50150021, 50151010, -157210)
    def test_an_absent_pool_or_qos_is_no_absent_volume(self, code):
        error = self.make(exceptions.ObjectAbsent, code)
        self.assertIs(error, self.translated(for_volume, error))
        self.assertIs(error, self.translated(for_snapshot, error))

    def test_busy(self):
        error = self.make(exceptions.ObjectBusy, 50150013)
        self.assertIs(exception.VolumeIsBusy,
                      type(self.translated(for_volume, error)))
        self.assertIs(exception.SnapshotIsBusy,
                      type(self.translated(for_snapshot, error)))

    @ddt.data(*LIMITS)
    def test_limits_of_a_source(self, code):
        error = self.make(exceptions.CapacityExceeded, code)
        for translate in (for_volume, for_snapshot):
            self.assertIs(exception.SnapshotLimitReached,
                          type(self.translated(translate, error)))

    @ddt.data(50150009, 50150011, 50151402, 50151409)
    def test_other_limits(self, code):
        error = self.make(exceptions.CapacityExceeded, code)
        for translate in (for_volume, for_snapshot):
            self.assertIs(error, self.translated(translate, error))

    @ddt.data(exceptions.ObjectExists, exceptions.TryAgain,
              exceptions.OutcomeUnknown, exceptions.InvalidRequest,
              exceptions.AccessDenied, exceptions.BackendFault,
              exceptions.EndpointUnavailable, exceptions.ObjectMismatch,
              exceptions.AlreadyAttached, exceptions.NotAttached)
    def test_all_others_are_backend_errors(self, error_class):
        error = self.make(error_class)
        self.assertIsInstance(error, exception.VolumeBackendAPIException)
        for translate in (for_volume, for_snapshot):
            self.assertIs(error, self.translated(translate, error))

    def test_what_is_no_exception_passes(self):
        error = fakes.Interrupted()
        self.assertIs(error, self.translated(for_volume, error))

    @ddt.data(failures.for_volume, failures.for_snapshot)
    def test_an_object_that_was_taken_over_is_named_twice(self, translate):
        error = self.make(exceptions.ObjectBusy, 50150013)
        thing = types.SimpleNamespace(**vars(THING))
        thing.id = thing.name_id
        thing.provider_id = 'legacy@the-name-id'

        def call():
            with translate(thing):
                raise error

        raised = self.assertRaises(exception.CinderException, call)
        self.assertIn('the-name (legacy on the cluster): ' + error.summary,
                      str(raised))
