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

"""A volume service that is killed at each step of its work.

What is left then is what the deletion of the new volumes removes.
"""

import json
import os
import subprocess
import sys
import uuid

from cinder.tests.unit.volume.drivers.dsware.integration import base
from cinder.volume.drivers.dsware.array import models

_PROGRAM = os.path.join(os.path.dirname(__file__), 'killed_child.py')
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
        self.survivor = self.make_driver()
        self.sources = [self.created(self.survivor) for _n in range(2)]

    def killed(self, job, **settings):
        """Have the child do a job; yield each time that it was killed.

        :param job: what it does
        :param settings: what the job needs
        :returns: an iterator, which ends when the job was done
        """
        self.tell({'agents': self.simulator.agents, 'job': job,
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

    def check_making(self, job, count=1, **settings):
        """Check a job that makes volumes.

        :param job: the job
        :param count: how many
        :param settings: what it needs
        """
        before = self.contents()
        ids = [str(uuid.uuid4()) for _n in range(count)]
        times = 0
        for _death in self.killed(job, new=ids, **settings):
            times += 1
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


class SocketKilledTestCase(KilledTests, base.SocketTestCase):
    """With one transport: which one it is does not show in what is left."""
