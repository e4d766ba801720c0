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

"""Errors of the array as errors of Cinder, and what the log says of them."""

import ast
import collections
import pathlib
import types

import ddt
from oslo_log import formatters
from oslo_log import log as logging
import testtools

from cinder import exception
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import failures
from cinder.volume.drivers.dsware import result_codes
from os_brick_dsware import logs as brick_logs
from os_brick_dsware import result_codes as published

DRIVER = 'cinder.volume.drivers.dsware'
FOR_EVER = 10 ** 6
THING = types.SimpleNamespace(id='the-id', name='the-name',
                              name_id='the-name-id', provider_id=None)
LIMITS = (50152401, 50152501, 50152502, 50153012)
LONGEST = 2500
CODES = sorted(code for code in result_codes.RESULT_CODES if code)

# What each class of code leads to when it is answered again and again.
_BY_CLASS = collections.defaultdict(lambda: {'ERROR': 1}, {
    published.RETRY: {'WARNING': 1, 'ERROR': 1},
    published.UNKNOWN: {'WARNING': 1, 'ERROR': 1},
    published.BUSY: {'INFO': 1, 'ERROR': 1}})


class LogTestCase(base.DriverTestCase):

    def setUp(self):
        super().setUp()
        self.dsware = self.make_started_driver(
            dsware_agents=[str(endpoint) for endpoint in fakes.ENDPOINTS])

    def log_of(self, function, *args, **kwargs):
        """Call something that may fail.

        :returns: the records of the driver, without those for debugging
        """
        with self.assertLogs(DRIVER, 'DEBUG') as logs:
            try:
                function(*args, **kwargs)
            except exception.CinderException:
                pass
        self.assertEqual([], [record for record in logs.records
                              if record.exc_info])
        self.assertEqual([], [record for record in logs.records
                              if len(record.getMessage()) > LONGEST])
        return [record for record in logs.records
                if record.levelname != 'DEBUG']

    @staticmethod
    def levels(records):
        return dict(collections.Counter(
            record.levelname for record in records))


class Operations:
    """Ways to ask the driver for something."""

    def __init__(self, case):
        self._case = case

    def volume(self):
        volume = self._case.make_volume()
        self._case.stored(volume)
        return volume

    def createVolume(self):
        return self._case.dsware.create_volume, self._case.make_volume()

    def deleteVolume(self):
        return self._case.dsware.delete_volume, self.volume()

    def expandVolume(self):
        return self._case.dsware.extend_volume, self.volume(), 2

    def createSnapshot(self):
        return (self._case.dsware.create_snapshot,
                self._case.make_snapshot(self.volume()))

    def deleteSnapshot(self):
        volume = self.volume()
        snapshot = self._case.make_snapshot(volume)
        self._case.cluster.add_snapshot(snapshot.name, volume.name)
        return self._case.dsware.delete_snapshot, snapshot


@ddt.ddt
class ResultCodesTestCase(LogTestCase):
    """Every result code, as the answer to changes."""

    OPS = ('createVolume', 'deleteVolume', 'expandVolume', 'createSnapshot',
           'deleteSnapshot')

    @staticmethod
    def expected(op, code):
        kind = result_codes.classify(code, True)
        if op in ('deleteVolume', 'deleteSnapshot') and (
                kind == published.ABSENT):
            # That is what was wanted.
            return {'INFO': 1}
        return _BY_CLASS[kind]

    @ddt.data(*OPS)
    def test_the_beginning_is_for_debugging(self, op):
        """What a service was at when it died is in its log."""
        function, thing, *args = getattr(Operations(self), op)()
        with self.assertLogs(DRIVER, 'DEBUG') as logs:
            function(thing, *args)
        first = logs.records[0]
        self.assertEqual('DEBUG', first.levelname)
        for part in (function.__name__, thing.id, 'begins'):
            self.assertIn(part, first.getMessage())

    @ddt.data(*OPS)
    def test_again_and_again(self, op):
        for code in CODES:
            self.cluster.faults.clear()
            function, *args = getattr(Operations(self), op)()
            self.cluster.fail(op, 'result', code, times=FOR_EVER)
            records = self.log_of(function, *args)
            self.assertEqual(
                self.expected(op, code), self.levels(records),
                (code, [record.getMessage() for record in records]))
            for record in records:
                if record.levelname == 'ERROR':
                    self.check_error(record.getMessage(), op, code,
                                     args[0])

    def check_error(self, text, op, code, thing):
        name = result_codes.RESULT_CODES[code][0]
        for part in (thing.id, thing.name, op, ' at 192.0.2.', str(code),
                     name, 'is given up after ', 'Cinder gets '):
            self.assertIn(part, text)


class NoAnswerTestCase(LogTestCase):
    """Agents that cannot be reached, or do not answer."""

    def test_an_outage_of_all_agents(self):
        self.cluster.dead = {endpoint.host for endpoint in fakes.ENDPOINTS}
        records = self.log_of(self.dsware.create_volume, self.make_volume())
        self.assertEqual({'WARNING': 2, 'ERROR': 1}, self.levels(records))
        self.assertIn('no other one is known to answer',
                      records[1].getMessage())
        # Later calls run into the same outage.
        for _ in range(3):
            records = self.log_of(self.dsware.create_volume,
                                  self.make_volume())
            self.assertEqual({'ERROR': 1}, self.levels(records))

    def test_what_cannot_be_found_out_is_one_error(self):
        self.cluster.fail('createVolume', 'result', 50150017)
        self.cluster.fail('queryVolume', 'result', 50151015)
        records = self.log_of(self.dsware.create_volume, self.make_volume())
        self.assertEqual({'WARNING': 1, 'ERROR': 1}, self.levels(records))
        self.assertIn('Whether it was carried out cannot be found out: '
                      'queryVolume of ', records[1].getMessage())


class NestedTestCase(LogTestCase):
    """Operations that are made of others."""

    def test_what_is_not_of_the_cluster_is_left_to_cinder(self):
        volume = self.make_volume()
        volume.host = 'host@dsware'
        with self.assertNoLogs(DRIVER, 'INFO'):
            self.assertRaises(exception.InvalidInput,
                              self.dsware.create_volume, volume)


@ddt.ddt
class RecordsTestCase(LogTestCase):

    def formatted(self, function, *args):
        """Log as Cinder does; give the lines."""
        formatter = formatters.ContextFormatter()
        with self.assertLogs(DRIVER, 'INFO') as logs:
            # By the thread that makes the record, which has the context.
            handler, = logging.getLogger(DRIVER).logger.handlers
            handler.setFormatter(formatter)
            try:
                function(*args)
            except exception.CinderException:
                pass
        return logs.output

    @ddt.data('createVolume', 'deleteVolume', 'expandVolume',
              'createSnapshot', 'deleteSnapshot')
    def test_no_line_tells_an_error_twice(self, op):
        """As oslo.log would, of an error that is being handled."""
        for code, times in ((50150015, 1), (50150016, FOR_EVER),
                            (50150017, 1), (50150013, FOR_EVER)):
            self.cluster.faults.clear()
            function, *args = getattr(Operations(self), op)()
            self.cluster.fail(op, 'result', code, times=times)
            lines = self.formatted(function, *args)
            self.assertNotEqual([], lines)
            for line in lines:
                self.assertEqual(1, line.count(str(code)), line)
                self.assertNotIn('exceptions.', line)


class HandlersTestCase(testtools.TestCase):
    """Who logs while an error is handled sees to it that it is told once."""

    SOURCES = [source for module in (failures, brick_logs) for source
               in pathlib.Path(module.__file__).parent.rglob('*.py')
               if source.parent.name != 'tests']
    # Those that oslo.log does not append.
    PASSED_OVER = {'AttributeError', 'ImportError', 'KeyError', 'TypeError',
                   'ValueError'}

    def handlers(self):
        for source in self.SOURCES:
            for node in ast.walk(ast.parse(source.read_text())):
                if (isinstance(node, ast.ExceptHandler)
                        and ast.unparse(node.type) not in self.PASSED_OVER):
                    yield source.name, node

    def test_no_plain_record(self):
        """See os_brick_dsware.logs, and reporting.log_once()."""
        self.assertEqual([], [
            (name, ast.unparse(call)) for name, handler in self.handlers()
            for call in ast.walk(handler) if isinstance(call, ast.Call)
            and ast.unparse(call.func) in ('LOG.warning', 'LOG.error')])


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

    @ddt.data(
        *((exceptions.ObjectAbsent, code, exception.VolumeNotFound,
           exception.SnapshotNotFound)
          for code in (None, 50150005, 50150006, 50151404)),
        # An absent pool or QoS is no absent volume.
        *((exceptions.ObjectAbsent, code, None, None)
          for code in (50150021, 50151010, -157210)),
        (exceptions.ObjectBusy, 50150013, exception.VolumeIsBusy,
         exception.SnapshotIsBusy),
        # Limits of a source, and others.
        *((exceptions.CapacityExceeded, code, exception.SnapshotLimitReached,
           exception.SnapshotLimitReached) for code in LIMITS),
        *((exceptions.CapacityExceeded, code, None, None)
          for code in (50150009, 50150011, 50151402, 50151409)))
    @ddt.unpack
    def test_by_class_and_code(self, error_class, code, *expected):
        """None of Cinder's where the error stays what it is."""
        error = self.make(error_class, code)
        for translate, cinders in zip((for_volume, for_snapshot), expected):
            self.assertIs(cinders or error_class,
                          type(self.translated(translate, error)))

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
