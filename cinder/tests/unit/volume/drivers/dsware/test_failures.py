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

"""What the log says of failures: once, at the right level, with all."""

import ast
import collections
import pathlib

import ddt
from oslo_log import formatters
from oslo_log import log as logging
import testtools

from cinder import context as cinder_context
from cinder import exception
from cinder import objects
from cinder.tests.unit import fake_snapshot
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import failures
from cinder.volume.drivers.dsware import reporting
from cinder.volume.drivers.dsware import result_codes
from os_brick_dsware import logs as brick_logs

DRIVER = 'cinder.volume.drivers.dsware'
FOR_EVER = 10 ** 6
LONGEST = 2500
Class = result_codes.ResultClass
CODES = sorted(code for code in result_codes.RESULT_CODES if code)

# What each class of code leads to when it is answered again and again.
_BY_CLASS = collections.defaultdict(lambda: {'ERROR': 1}, {
    Class.RETRY: {'WARNING': 1, 'ERROR': 1},
    Class.UNKNOWN: {'WARNING': 1, 'ERROR': 1},
    Class.BUSY: {'INFO': 1, 'ERROR': 1}})
# And when it is answered once.
_ONCE = {Class.RETRY: {'WARNING': 1}, Class.UNKNOWN: {'WARNING': 1},
         Class.BUSY: {'INFO': 1}}


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

    def expected(self, op, code, by_class):
        kind = result_codes.classify(code, True)
        if op in ('deleteVolume', 'deleteSnapshot') and (
                kind is Class.ABSENT):
            # That is what was wanted.
            return {'INFO': 1} if op == 'deleteVolume' else {}
        return by_class[kind]

    def outcomes(self, op, code, times):
        self.cluster.faults.clear()
        function, *args = getattr(Operations(self), op)()
        self.cluster.fail(op, 'result', code, times=times)
        return self.log_of(function, *args), args[0]

    @ddt.data(*OPS)
    def test_again_and_again(self, op):
        for code in CODES:
            records, thing = self.outcomes(op, code, FOR_EVER)
            self.assertEqual(
                self.expected(op, code, _BY_CLASS), self.levels(records),
                (code, [record.getMessage() for record in records]))
            for record in records:
                if record.levelname == 'ERROR':
                    self.check_error(record.getMessage(), op, code, thing)

    def check_error(self, text, op, code, thing):
        name = result_codes.RESULT_CODES[code].name
        for part in (thing.id, thing.name, op, ' at 192.0.2.', str(code),
                     name, 'is given up after ', 'Cinder gets '):
            self.assertIn(part, text)

    @ddt.data(*OPS)
    def test_once(self, op):
        for code in CODES:
            kind = result_codes.classify(code, True)
            if kind not in _ONCE:
                continue
            records, thing = self.outcomes(op, code, 1)
            self.assertEqual(_ONCE[kind], self.levels(records), (
                code, [record.getMessage() for record in records]))
            text = records[0].getMessage()
            for part in (thing.name, op, ' at 192.0.2.', str(code)):
                self.assertIn(part, text)

    @ddt.data((50150016, r'It is tried next at 192\.0\.2\.[12]:10519\.$'),
              (50150017, r'Whether it was carried out is found out by a '
                         r'query; if not, it is repeated, for at most \d+ '
                         r's\.$'),
              (50151005, r'That is waited for, for at most \d+ s\.$'))
    @ddt.unpack
    def test_what_is_done_next(self, code, plan):
        records, _thing = self.outcomes('createVolume', code, 1)
        self.assertRegex(records[0].getMessage(), plan)


@ddt.ddt
class NoAnswerTestCase(LogTestCase):
    """Agents that cannot be reached, or do not answer."""

    @ddt.data(('unsent', {'WARNING': 1}), ('lost', {'WARNING': 1}),
              ('hangs', {'WARNING': 1, 'INFO': 1}),
              ('unanswered', {'WARNING': 1, 'INFO': 1}))
    @ddt.unpack
    def test_once(self, kind, expected):
        self.cluster.fail('createVolume', kind)
        records = self.log_of(self.dsware.create_volume, self.make_volume())
        self.assertEqual(expected, self.levels(records))
        self.assertRegex(
            records[0].getMessage(),
            r'createVolume of volume-\S+ failed at 192\.0\.2\.[12]:10519: .*'
            r'Dsware agent \S+ is left alone for [\d.]+ s, then longer; '
            r'asked meanwhile: 192\.0\.2\.[12]:10519\.')

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

    def test_an_agent_whose_outage_is_known_costs_no_more_records(self):
        self.cluster.dead = {fakes.ENDPOINTS[0].host}
        seen = collections.Counter()
        for _ in range(5):
            seen.update(self.levels(self.log_of(
                self.dsware.create_volume, self.make_volume())))
            self.clock.now += 120
        self.assertEqual({'WARNING': 1}, dict(seen))

    def test_what_cannot_be_found_out_is_one_error(self):
        self.cluster.fail('createVolume', 'result', 50150017)
        self.cluster.fail('queryVolume', 'result', 50151015)
        records = self.log_of(self.dsware.create_volume, self.make_volume())
        self.assertEqual({'WARNING': 1, 'ERROR': 1}, self.levels(records))
        self.assertIn('Whether it was carried out cannot be found out: '
                      'queryVolume of ', records[1].getMessage())

    def test_many_agents_are_not_all_named(self):
        self.dsware = self.make_started_driver(
            dsware_agents=['192.0.2.%d' % number for number in range(1, 9)])
        self.cluster.fail('createVolume', 'unsent')
        records = self.log_of(self.dsware.create_volume, self.make_volume())
        self.assertRegex(records[0].getMessage(),
                         r'meanwhile: \S+, \S+, \S+ and 4 more\.$')


class NestedTestCase(LogTestCase):
    """Operations that are made of others."""

    def test_each_member_of_a_group_is_told_once(self):
        volumes = [self.make_volume() for _ in range(3)]
        for volume in volumes:
            self.stored(volume)
        self.cluster.fail('deleteVolume', 'result', 50151015, times=2)
        group = fake_snapshot.fake_snapshot_obj(self.context)
        self.patch('cinder.volume.volume_utils.is_group_a_cg_snapshot_type',
                   lambda group: True)
        records = self.log_of(self.dsware.delete_group, self.context, group,
                              volumes)
        self.assertEqual({'ERROR': 2}, self.levels(records))

    def test_a_group_whose_name_is_not_loaded(self):
        self.cluster.fail('createVolumeFromSnap', 'result', 50151015)
        volume = self.make_volume()
        snapshot = self.make_snapshot(self.make_volume())
        self.patch('cinder.volume.volume_utils.is_group_a_cg_snapshot_type',
                   lambda group: True)
        group = objects.Group(id=self.make_id())
        records = self.log_of(
            self.dsware.create_group_from_src, self.context, group, [volume],
            objects.GroupSnapshot(id=self.make_id()), [snapshot])
        self.assertIn(f'create_group_from_src of group {group.id} ()',
                      records[-1].getMessage())

    def test_what_is_not_of_the_cluster_is_left_to_cinder(self):
        volume = self.make_volume()
        volume.host = 'host@dsware'
        with self.assertNoLogs(DRIVER, 'INFO'):
            self.assertRaises(exception.InvalidInput,
                              self.dsware.create_volume, volume)

    def test_an_operation_with_no_object(self):
        self.cluster.fail('queryAllPoolInfo', 'result', 50151015)
        self.cluster.fail('queryAllVolume', 'result', 50151015)
        records = self.log_of(
            self.dsware.get_manageable_volumes, [], None, 1, 0, ['size'],
            ['asc'])
        self.assertEqual({'ERROR': 1}, self.levels(records))
        self.assertIn('get_manageable_volumes is given up',
                      records[0].getMessage())


class OtherErrorsTestCase(LogTestCase):

    def test_an_error_that_is_not_of_the_cluster(self):
        with self.assertLogs(DRIVER, 'INFO') as logs:
            reporting.log_once(failures.LOG, logging.WARNING,
                               ValueError('odd.'), 'Next.')
        self.assertEqual('odd. Next.', logs.records[0].getMessage())


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

    def test_nor_does_one_of_what_is_undone(self):
        """It would tell the error that it is undone for."""
        self.cluster.fail('createVolume', 'does', lambda: self.cluster.fail(
            'queryVolume', 'result', 50150015))
        self.cluster.fail('deleteVolume', 'result', 50090153)
        undone, failed = self.formatted(self.dsware.create_volume,
                                        self.make_volume())
        for line, code, other in ((undone, '50090153', '50150015'),
                                  (failed, '50150015', '50090153')):
            self.assertEqual(1, line.count(code), line)
            self.assertNotIn(other, line)

    def test_nor_statistics(self):
        self.cluster.fail('', 'unsent', times=FOR_EVER)
        for line in self.formatted(self.dsware.get_volume_stats, True):
            self.assertEqual(1, line.count('cannot connect'), line)

    def test_the_request_id_of_cinder(self):
        context = cinder_context.RequestContext('user', 'project')
        context.update_store()
        self.cluster.fail('createVolume', 'result', 50150016)
        line, = self.formatted(self.dsware.create_volume, self.make_volume())
        self.assertIn(context.request_id, line)

    def test_text_of_the_cluster_is_cut_and_made_harmless(self):
        error = exceptions.from_result(
            'createVolume', 'v', 50150009, 'a\n2026 ERROR b\x1b[2J' * 500,
            'agent:1', True)
        with self.assertLogs(DRIVER, 'DEBUG') as logs:
            reporting.log_once(failures.LOG, logging.ERROR, error, 'Next.')
        text = logs.records[0].getMessage()
        self.assertTrue(text.isprintable())
        self.assertLess(len(text), 500)


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
