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

"""That the load's judgement finds what it is for."""

import copy
import pathlib
import random
import sqlite3
import tempfile
import threading

import sqlalchemy
import testtools

from functional.load import judge
from functional.load import mix
from functional.load import report
from functional.services import serving

_ROUNDS = 12
_OPERATIONS = 50


def _used(chance, memory):
    """What a process uses that leaks nothing, with some noise."""
    return {'memory': memory + chance.random(), 'blocks': 900_000
            + chance.randrange(300), 'threads': 2 + chance.randrange(3),
            'descriptors': 15, 'sockets': 9}


def _run():
    """A run in which all is as it should be."""
    chance = random.Random(1)
    rounds = [{
        'operations': dict.fromkeys(mix.WEIGHTS, _OPERATIONS),
        'seconds': dict.fromkeys(mix.WEIGHTS, 10.0),
        'longest': dict.fromkeys(mix.WEIGHTS, 1.0),
        'errors': [], 'by_worker': [10, 12],
        'statistics': [[number * 10.0, 0.1, 'up']],
        'resources': _used(chance, 160), 'cluster': _used(chance, 40),
        'requests': {'a': 1000, 'b': 900}, 'left': {'volumes': 0},
        'started': number * 10.0, 'ended': number * 10.0 + 9,
        'pid': 1 if number < 3 else 2} for number in range(_ROUNDS)]
    return {'options': {'timeout': 60, 'connections': 16, 'minutes': 2,
                        'workers': 2, 'volumes': 9, 'threads': 'native'},
            'events': [
                {'kind': 'agent', 'started': 1.0, 'ended': 2.0},
                {'kind': 'cluster', 'started': 20.0, 'ended': 23.0}],
            'samples': [{'process': 'driver', 'sockets': 30, 'at': 1.0,
                         'memory': 1, 'threads': 1, 'descriptors': 1}],
            'rounds': rounds}


class JudgeTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.seen = _run()
        self.rounds = self.seen['rounds']

    def failed(self):
        return [one.name for one in judge.judge(self.seen)
                if not one.passed]

    def leak(self, key, what, each):
        """Let something grow by the same with each round."""
        for number, one in enumerate(self.rounds):
            one[key][what] += number * each

    def test_nothing_is_wrong(self):
        self.assertEqual([], self.failed())
        names = [one.name for one in judge.judge(self.seen)]
        self.assertEqual(len(names), len(set(names)))
        self.assertIn('cluster, start 2: blocks of memory', names)

    def test_what_leaks_in_the_driver(self):
        for what, each, name in (
                ('sockets', 1, 'sockets'), ('descriptors', 1, 'descriptors'),
                ('threads', 2, 'threads'), ('memory', 3, 'MiB of memory'),
                # One object in ten operations.
                ('blocks', len(mix.WEIGHTS) * _OPERATIONS // 10 + 1000,
                 'blocks of memory')):
            with self.subTest(what):
                self.seen = _run()
                self.rounds = self.seen['rounds']
                self.leak('resources', what, each)
                self.assertEqual(['driver: ' + name], self.failed())

    def test_what_leaks_in_the_cluster(self):
        self.leak('cluster', 'descriptors', 2)
        self.assertEqual(['cluster, start 2: descriptors'], self.failed())

    def test_threads_that_leak_in_the_cluster(self):
        self.leak('cluster', 'threads', 3)
        self.assertEqual(['cluster, start 2: threads'], self.failed())

    def test_working_threads_that_start_late_are_no_leak(self):
        for number, one in enumerate(self.rounds):
            one['cluster']['threads'] = 4 if number < 9 else 7
        self.assertEqual([], self.failed())

    def test_a_start_of_the_cluster_is_no_leak(self):
        """It has less before than after."""
        for one in self.rounds[:3]:
            one['cluster'].update(memory=20, blocks=1000, descriptors=3)
        self.assertEqual([], self.failed())

    def test_a_cache_that_fills_at_first_is_no_leak(self):
        for number, one in enumerate(self.rounds):
            one['resources']['blocks'] -= 50_000 // 4 ** number
        self.assertEqual([], self.failed())

    def test_single_rounds_do_not_decide(self):
        self.rounds[-1]['resources']['blocks'] += 40_000
        self.assertEqual([], self.failed())

    def error(self, **values):
        self.rounds[2]['errors'] = [dict({
            'operation': 'create', 'class': 'TryAgain', 'text': 'no',
            'where': 'x.py:1', 'started': 21.0, 'ended': 22.0}, **values)]

    def test_an_error(self):
        self.error()
        self.assertEqual(['operations that failed'], self.failed())

    def test_an_error_in_a_long_outage(self):
        self.seen['events'][1]['ended'] = 51.0
        self.error()
        self.assertEqual([], self.failed())
        self.error(**{'class': 'KeyError'})
        self.assertEqual(['operations that failed'], self.failed())
        self.error(started=52.0, ended=53.0)
        self.assertEqual(['operations that failed'], self.failed())

    def test_what_is_left(self):
        self.rounds[5]['left'] = {'snapshots': 1}
        self.assertEqual(['left on the cluster'], self.failed())

    def test_an_operation_that_was_never_done(self):
        for one in self.rounds:
            del one['operations']['revert']
        self.assertEqual(['operations'], self.failed())

    def test_a_worker_that_starves(self):
        for one in self.rounds:
            one['by_worker'] = [20, 0]
        self.assertEqual(['operations of each worker'], self.failed())

    def test_no_trouble_at_all(self):
        del self.seen['events'][1]
        self.assertEqual(['trouble'], self.failed())

    def test_statistics_that_starve(self):
        self.rounds[1]['statistics'].append([15.0, 61.0, 'up'])
        self.assertEqual(['statistics'], self.failed())
        for one in self.rounds:
            one['statistics'] = []
        self.assertEqual(['statistics'], self.failed())

    def test_an_agent_that_gets_little(self):
        self.rounds[-1]['requests'] = {'a': 2000, 'b': 600}
        self.assertEqual(['requests of each agent'], self.failed())

    def test_more_connections_than_allowed(self):
        self.seen['samples'][0]['sockets'] = 33
        self.assertEqual(['sockets of the driver at work'], self.failed())

    def test_too_few_rounds(self):
        del self.rounds[4:]
        self.assertEqual(['driver', 'cluster'], self.failed())

    def test_the_table(self):
        self.error()
        lines = list(report.table(self.seen, judge.judge(self.seen)))
        self.assertTrue(any(line.startswith('FAILED operations that failed')
                            for line in lines))
        self.assertIn('create', lines[-len(mix.WEIGHTS):][3 - 1])

    def test_judging_changes_nothing(self):
        before = copy.deepcopy(self.seen)
        judge.judge(self.seen)
        self.assertEqual(before, self.seen)


class TurnsTest(testtools.TestCase):
    """Transactions of a SQLite database that many threads share."""

    def setUp(self):
        super().setUp()
        temporary = tempfile.TemporaryDirectory(prefix='dsware-test-')
        self.addCleanup(temporary.cleanup)
        path = pathlib.Path(temporary.name) / 'db'
        with sqlite3.connect(path) as connection:
            connection.execute('CREATE TABLE numbers (number INTEGER)')
            connection.execute('INSERT INTO numbers VALUES (0)')
        self.engine = sqlalchemy.create_engine(
            'sqlite:///%s' % path, poolclass=sqlalchemy.pool.NullPool)
        self.addCleanup(self.engine.dispose)
        sqlalchemy.event.listen(self.engine, 'connect', self.begin_ourselves)
        sqlalchemy.event.listen(
            self.engine, 'begin',
            lambda connection: connection.exec_driver_sql('BEGIN'))

    @staticmethod
    def begin_ourselves(connection, record):
        # As oslo.db does it, so that reading is part of the transaction.
        connection.isolation_level = None

    def count(self, times):
        for _n in range(times):
            with self.engine.begin() as connection:
                (number,) = connection.exec_driver_sql(
                    'SELECT number FROM numbers').one()
                connection.exec_driver_sql(
                    'UPDATE numbers SET number = %d' % (number + 1))

    def test_read_then_write(self):
        serving.take_turns()
        errors = []

        def run():
            try:
                self.count(50)
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=run) for _n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual([], errors)
        with self.engine.begin() as connection:
            self.assertEqual((400,), connection.exec_driver_sql(
                'SELECT number FROM numbers').one())
