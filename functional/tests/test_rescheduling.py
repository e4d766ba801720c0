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

"""Creations that Cinder hands to another pool or backend of one cluster.

Whatever happens, a volume that Cinder calls available is on the cluster, in
the pool that Cinder knows; all the others are in error, on a host, and leave
nothing when they are deleted.
"""

import re

from functional.services import waiting
from functional.tests import base
from functional.tests import stacks

SECONDS = 180
# What Cinder logs of the clean-up after a creation that failed.
_CLEAN_UP = re.compile(
    r"OnFailureRescheduleTask;volume:create' \(\S+\) transitioned into "
    r"state '(REVERTING|REVERTED)'")


class RescheduledVolumes(object):
    """Volumes that are made while the cluster does not answer as usual."""

    make_stack = staticmethod(stacks.make_rescheduling)

    def start_creations(self, count):
        """Ask for volumes that are deleted at the end of the test.

        :param count: how many
        :returns: the set of their ids
        """
        made = [self.volumes.create_volume(size=1,
                                           volume_type=self.volume_type())
                for _each in range(count)]
        for volume in made:
            self.addCleanup(self._delete, self.cloud.delete_volume, volume,
                            self.volumes.find_volume)
        return {volume.id for volume in made}

    def in_cinder(self):
        return {volume.id: volume for volume in self.volumes.volumes()}

    def wait_until_handed_on(self, ids):
        """Wait until the first attempt at each volume has been given up."""
        hosts = {id_: set() for id_ in ids}

        def handed_on():
            for id_, volume in self.in_cinder().items():
                if volume.host or hosts[id_]:
                    hosts[id_].add(volume.host)
                if volume.status == 'error':
                    hosts[id_].update(('ended', 'in error'))
            left = [id_ for id_ in ids if len(hosts[id_]) < 2]
            if left:
                raise waiting.NotYet(', '.join(left))
            return True

        waiting.wait_for(handed_on, SECONDS, 'The end of first attempts')

    def wait_until_settled(self, ids):
        """Wait until Cinder has nothing more to do with any volume."""
        def settled():
            states = {volume.status for volume in self.in_cinder().values()}
            if states - {'available', 'error'}:
                raise waiting.NotYet(', '.join(states))
            steps = _CLEAN_UP.findall(
                self.stack.logs()['cinder'].read_text())
            return steps.count('REVERTING') == steps.count('REVERTED')

        waiting.wait_for(settled, SECONDS, 'The end of all creations')

    def on_cluster_now(self):
        return {volume['name']: (volume['size'], volume['pool_id'])
                for volume in self.control.status()['volumes']}

    def expected(self):
        """What has to be on the cluster for what is available in Cinder."""
        return {'volume-' + volume.id: (
            1024 * volume.size, int(volume.host.partition('#')[2]))
            for volume in self.in_cinder().values()
            if volume.status == 'available'}

    def assert_nothing_stays(self):
        """Delete all volumes, and check that they are gone."""
        for volume in self.in_cinder().values():
            self.cloud.delete_volume(volume)
        self.assertEqual({}, self.on_cluster_now())

    def test_what_a_pool_refuses_is_made_in_another_one(self):
        self.control.add_fault(kind='pool_full', pool=0)

        ids = self.start_creations(3)
        self.wait_until_settled(ids)

        self.assertEqual({'volume-' + id_: (1024, 1) for id_ in ids},
                         self.on_cluster_now())
        self.assertEqual(self.expected(), self.on_cluster_now())


class LostRequests(object):
    """What an outage leaves to be found out, whichever way is used."""

    def test_outage(self):
        doors = [address for address, _port in self.simulator.agents]
        doors.append('rest')
        for door in doors:
            self.addCleanup(self.control.agent_up, door)
            self.control.agent_down(door)

        ids = self.start_creations(10)
        self.wait_until_handed_on(ids)
        for door in doors:
            self.control.agent_up(door)
        self.wait_until_settled(ids)

        self.assertEqual(ids, set(self.in_cinder()))
        self.assertEqual(self.expected(), self.on_cluster_now())
        self.assert_nothing_stays()

    def fail_creation(self, late):
        """Make a volume whose creation fails, and is carried out late.

        :param late: seconds after which its first request is carried out;
                     all others are lost
        :returns: its name on the cluster
        """
        self.control.add_fault(kind='delay', op='createVolume', count=1,
                               seconds=late)
        self.control.add_fault(kind='drop_before', op='createVolume', skip=1)
        made, = self.start_creations(1)
        self.wait_until_settled({made})
        self.control.clear_faults()
        volume, = self.in_cinder().values()
        self.assertEqual('error', volume.status)
        self.assertTrue(volume.host)
        return 'volume-' + made

    def wait_until_made(self, name):
        """Wait until the cluster has made a volume, whether it has it."""
        waiting.wait_for(
            lambda: any(op == 'createVolume' and code == 0
                        and args['volName'] == name
                        for _agent, op, args, code in self.control.log()),
            SECONDS, 'Volume %s on the cluster' % name)

    def test_a_request_that_is_carried_out_late(self):
        """The cluster makes it when Cinder has it in error already."""
        name = self.fail_creation(late=25)
        self.wait_until_made(name)

        self.assertEqual([name], list(self.on_cluster_now()))
        self.assert_nothing_stays()

    def test_a_request_that_the_deletion_overtakes(self):
        name = self.fail_creation(late=18)

        for volume in self.in_cinder().values():
            self.cloud.delete_volume(volume)
        self.wait_until_made(name)

        self.assertEqual({}, self.on_cluster_now())


class SocketTest(LostRequests, RescheduledVolumes, base.FunctionalTestCase):
    backend = 'socket'


class CommandLineTest(RescheduledVolumes, base.FunctionalTestCase):
    backend = 'cli'


class RESTTest(RescheduledVolumes, base.FunctionalTestCase):
    backend = 'rest'
