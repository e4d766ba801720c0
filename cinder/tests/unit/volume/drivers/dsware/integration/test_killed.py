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

"""A service of a Cinder cluster that is killed at each step of its work.

Another service clears up after it, with tooz's locks of files and Cinder's
own database. What is left then is what Cinder knows of, and it can be
deleted; and the work can be done again.
"""

import datetime
import json
import os
import subprocess
import sys
import uuid

import fixtures
from oslo_utils import timeutils
from tooz import coordination as tooz

from cinder import context
from cinder.db import api as db
from cinder import exception
from cinder import objects
from cinder.objects import fields
from cinder.tests.unit.volume.drivers.dsware.integration import base
from cinder.volume.drivers.dsware import models

_PROGRAM = os.path.join(os.path.dirname(__file__), 'killed_child.py')
_CLUSTER = 'services@backend'
_LIMITS = {**dict.fromkeys(models.QOS_LIMITS, 0), 'maxIOPS': 100}


class KilledTests:

    OPTIONS = {'dsware_request_timeout': 5}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.child = cls.enterClassContext(subprocess.Popen(
            [sys.executable, '-W', 'ignore', _PROGRAM],
            env={**os.environ, 'OS_CINDER_DISABLE_EVENTLET_PATCHING': '1'},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        cls.addClassCleanup(cls.child.kill)

    def setUp(self):
        super().setUp()
        self.admin = context.get_admin_context()
        self.directory = self.useFixture(fixtures.TempDir()).path
        coordinator = tooz.get_coordinator('file://' + self.directory,
                                           b'survivor')
        coordinator.start()
        self.addCleanup(coordinator.stop)
        self.patch('cinder.coordination.Coordinator.get_lock',
                   lambda _self, name: coordinator.get_lock(
                       ('cinder-' + name).encode()))
        self.survivor = self.raw_driver(cluster_name=_CLUSTER)
        self.survivor.do_setup(self.admin)
        self.survivor.check_for_setup_error()
        objects.Cluster(self.admin, name=_CLUSTER,
                        binary='cinder-volume').create()
        self.dead = objects.Service(
            self.admin, host='dead@backend', binary='cinder-volume',
            topic='cinder-volume', cluster_name=_CLUSTER)
        self.dead.create()
        self.sources = [self.created(self.survivor) for _n in range(2)]

    def killed(self, job, **settings):
        """Have the child do a job; yield each time that it was killed.

        :param job: what it does
        :param settings: what the job needs
        :returns: an iterator, which ends when the job was done
        """
        self.tell({'agents': self.simulator.agents, 'cluster': _CLUSTER,
                   'coordination': self.directory, 'job': job,
                   'limits': None, 'options': {},
                   'sources': [volume.id for volume in self.sources],
                   'transport': self.TRANSPORT, **settings})
        while (told := json.loads(self.child.stdout.readline()))['killed']:
            yield
            self.tell({})
        self.assertFalse(told['failed'])

    def tell(self, what):
        self.child.stdin.write(json.dumps(what) + '\n')
        self.child.stdin.flush()

    def new_ids(self, count):
        return [str(uuid.uuid4()) for _n in range(count)]

    def store(self, ids, **values):
        """Let Cinder know volumes, as when the service died.

        :param ids: their ids
        :param values: their fields
        """
        for volume_id in ids:
            db.volume_create(self.admin, {
                'id': volume_id, 'size': 1, 'host': 'dead@backend#0',
                'cluster_name': _CLUSTER + '#0', 'status': 'creating',
                'attach_status': fields.VolumeAttachStatus.DETACHED,
                'volume_type_id': self.vt['id'], **values})

    def clear_up(self):
        """Have the survivor notice the death, and do what it does then."""
        db.service_update(self.admin, self.dead.id, {
            'updated_at': timeutils.utcnow() - datetime.timedelta(1)})
        if not self.survivor.initialized:
            self.survivor.set_initialized()
        recovery = self.survivor._cluster_recovery
        recovery._thread.join(base.PATIENCE)
        recovery.clear()

    def check_making(self, job, count=1, **settings):
        """Check a job that makes volumes.

        :param job: the job
        :param count: how many
        :param settings: what it needs
        """
        before = self.contents()
        ids = self.new_ids(count)
        times = 0
        self.store(ids)
        for _death in self.killed(job, new=ids, **settings):
            times += 1
            self.clear_up()
            new = {'volume-' + volume_id for volume_id in ids}
            self.assertLessEqual(
                {item[0] for item in self.contents() - before}, new)
            for volume_id in ids:
                volume = base.make_volume(1, id=volume_id)
                volume.volume_type_id = self.vt['id']
                self.survivor.delete_volume(volume)
            self.assertEqual(before, self.contents())
            self.assertEqual(set(), self.policies())
        self.assertEqual(count, len(self.contents() - before))
        return times

    def test_create_with_limits(self):
        self.assertEqual(4, self.check_making('create',
                                              limits=_LIMITS))

    def test_linked_clone(self):
        self.assertLess(3, self.check_making('clone', limits=_LIMITS))

    def test_full_clone(self):
        self.assertLess(3, self.check_making(
            'clone', options={'dsware_clone': 'full'}))

    def test_from_snapshot(self):
        snapshot = self.snapped(self.survivor, self.sources[0])
        self.assertLess(3, self.check_making(
            'from_snapshot', snapshot=snapshot.id, limits=_LIMITS))

    def test_group(self):
        self.assertLess(4, self.check_making('group', 2))

    def test_what_is_alive_is_left_alone(self):
        """Its lock tells, whatever Cinder's records say."""
        volume = base.make_volume()
        self.store([volume.id], status='error')
        host = base.Host(self.simulator)
        host.run('createSnapshot', volName=self.sources[0].name,
                 snapName=volume.name + '.clone')
        with self.survivor._claims.held(volume):
            self.clear_up()
            self.assertIsNotNone(
                self.on_cluster(volume.name + '.clone'))
            self.assertRaises(exception.VolumeIsBusy,
                              self.survivor.delete_volume, self.sources[0])
        self.clear_up()
        self.assertIsNone(self.on_cluster(volume.name + '.clone'))


class SocketKilledTestCase(KilledTests, base.SocketTestCase):
    """With one transport: which one it is does not show in what is left."""
