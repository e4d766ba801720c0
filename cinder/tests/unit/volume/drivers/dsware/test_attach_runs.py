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

import datetime
from unittest import mock

import ddt
from oslo_utils import timeutils

from cinder.db import api as db
from cinder import objects
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.tests.unit.volume.drivers.dsware import locks
from cinder.volume.drivers.dsware import attach_records
from cinder.volume.drivers.dsware import attach_runs

CLUSTER = 'services@dsware'
OTHER = 'other@dsware'


@ddt.ddt
class RunsTestCase(base.DriverTestCase):

    def setUp(self):
        super().setUp()
        self.locks = locks.Locks().install(self)
        self.runs = self.begin('host@dsware')

    def begin(self, service, cluster=CLUSTER):
        runs = attach_runs.Runs(service, cluster)
        runs.start()
        return runs

    def heartbeat(self, seconds_ago=0):
        """Let Cinder have heard of the other service a while ago."""
        service = objects.Service(self.context, host=OTHER,
                                  binary='cinder-volume',
                                  topic='cinder-volume')
        service.create()
        db.service_update(self.context, service.id, {
            'updated_at': timeutils.utcnow() - datetime.timedelta(
                seconds=seconds_ago)})

    def end(self, runs):
        """Let a process die."""
        self.locks.end(runs._lock)

    def test_of_its_own_service(self):
        self.assertFalse(self.runs.is_over(self.runs.own))
        again = self.begin('host@dsware')
        self.assertTrue(again.is_over(self.runs.own))

    @ddt.data((True, 0, False), (True, 1000, False), (False, 0, False),
              (False, 1000, True))
    @ddt.unpack
    def test_of_another_service(self, holds, seconds_ago, expected):
        other = self.begin(OTHER)
        self.heartbeat(seconds_ago)
        if not holds:
            self.end(other)
        for _n in range(2):
            self.assertEqual(expected, self.runs.is_over(other.own))

    def test_of_a_service_that_was_removed(self):
        other = self.begin(OTHER)
        self.end(other)
        self.assertTrue(self.runs.is_over(other.own))

    def test_one_that_holds_no_lock(self):
        """Of an earlier release of the driver, say."""
        self.assertFalse(self.runs.is_over(
            attach_records.Run(OTHER, 'x')))

    def test_in_no_cluster(self):
        before = list(self.locks.acquired)
        alone = self.begin('host@dsware', None)
        self.assertEqual(before, self.locks.acquired)
        other = self.begin(OTHER)
        self.end(other)
        self.assertFalse(alone.is_over(other.own))
        self.assertNotEqual(alone.own.key,
                            self.begin('host@dsware', None).own.key)

    def test_start_is_once(self):
        before = list(self.locks.acquired)
        self.runs.start()
        self.assertEqual(before, self.locks.acquired)

    def test_files_of_earlier_runs_are_removed(self):
        remove = self.patch('cinder.coordination.synchronized_remove')
        again = self.begin('host@dsware')
        pattern = remove.call_args.args[0]
        self.assertEqual([mock.call(pattern)], remove.call_args_list)
        self.assertEqual('*', pattern[-1])
        for runs in (self.runs, again):
            self.assertIn(pattern[:-1] + runs.own.key, self.locks.acquired)
