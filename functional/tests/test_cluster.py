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

"""Active/active: two cinder-volume processes serve the same backends."""

import unittest

from functional.services import cinder
from functional.services import rabbitmq
from functional.services import waiting
from functional.tests import base
from functional.tests import stacks
from functional.tests import test_limits

MIB = base.MIB
MOMENT = 60
# Seconds that the request waits which makes a linked clone, and that a copy
# takes: until it is known who makes which.
HELD = 20
COPY = 15
WHY_NOT = rabbitmq.why_not()


@unittest.skipIf(WHY_NOT, WHY_NOT)
class ClusterTestCase(base.FunctionalTestCase):

    make_stack = stacks.ClusterStack
    limited_type = test_limits.LimitOperations.limited_type
    limits = test_limits.LimitOperations.limits
    _call = test_limits.LimitOperations._call

    def setUp(self):
        super().setUp()
        self.hosts = {one.host: one for one in self.stack.volumes}
        self.addCleanup(self.control.set, copy_seconds=0)

    def host_of(self, volume):
        """The host whose service made a volume, or makes it."""
        host = self.volumes.get_volume(volume.id).host
        return host.partition('@')[0]

    def start_volume(self, **attributes):
        """Ask for a volume, which is deleted at the end of the test."""
        made = self.volumes.create_volume(size=1, **attributes)
        self.addCleanup(self._delete, self.cloud.delete_volume, made,
                        self.volumes.find_volume)
        return made

    def wait_for(self, condition, what):
        return waiting.wait_for(condition, MOMENT, what)

    def split(self, clones):
        """Wait until both hosts are at work; tell who is at what.

        :param clones: volumes that are cloned from others
        :returns: a dict of host name to a list of volumes
        """
        wanted = set(map(self.temporary_of, clones))

        def all_begun():
            if missing := wanted - self.temporaries():
                raise waiting.NotYet('there is no %s' % missing)
            return True

        self.wait_for(all_begun, 'Work at all volumes')
        found = {host: [volume for volume in clones
                        if self.host_of(volume) == host]
                 for host in self.hosts}
        self.assertTrue(all(found.values()), found)
        return found

    def work_cleanup(self, host):
        """Tell Cinder to clean up after a host, as an administrator does.

        It has to be known to be dead: Cinder leaves out what it takes for
        alive, and says nothing.
        """
        def is_down():
            states = {one['state'] for one in self.stack.cinder.services()
                      if one['host'].startswith(host + '@')}
            return states == {'down'}

        self.wait_for(is_down, 'The end of ' + host)
        # Cinder keeps one id of a service for each process, so what this one
        # did for one backend may be recorded as having been for the other.
        for backend in self.stack.cinder.backends:
            answer = self.volumes.post(
                '/workers/cleanup', microversion='3.24',
                json={'binary': 'cinder-volume', 'is_up': False,
                      'host': '%s@%s' % (host, backend)})
            self.assertEqual(202, answer.status_code, answer.text)

    def kill(self, host):
        """Kill a host's services; they are back when the test ends."""
        self.hosts[host].kill()
        self.addCleanup(self.restart, host)

    def restart(self, host):
        self.hosts[host].start()
        self.hosts[host].wait()

    def temporaries(self):
        return {one['name'] for one in self.control.status()['snapshots']
                if one['name'].endswith('.clone')}

    def temporary_of(self, volume):
        return 'volume-%s.clone' % volume.id


class ClusterTest(ClusterTestCase):

    def test_both_serve_the_same_volumes(self):
        name, _spec = self.limited_type(maxIOPS='100')
        made = [self.start_volume(volume_type=name) for _n in range(3)]
        for volume in made:
            self.cloud.wait_for_volume(volume)
        self.assertEqual(set(self.hosts), set(map(self.host_of, made)))
        # Whoever is next acts on what the other one has made.
        snapshots = [self.create_snapshot(volume) for volume in made]
        clones = [self.start_volume(volume_type=name, source_volume_id=one.id)
                  for one in made]
        clones += [self.start_volume(volume_type=name, snapshot_id=one.id)
                   for one in snapshots]
        for volume in made:
            self.volumes.extend_volume(volume, 2)
        for volume in made + clones:
            self.cloud.wait_for_volume(volume)
            self.assertEqual({'maxIOPS': 100}, self.limits(volume))
        for kind, delete in ((snapshots, self.cloud.delete_snapshot),
                             (made + clones, self.cloud.delete_volume)):
            for one in kind:
                delete(one)

    def pool_type(self, pool):
        """A volume type for one pool of the backend."""
        return self.volume_type('pool-' + pool, pool_name=pool)

    def test_to_another_pool(self):
        """A migration does not say where to, for a cluster; a type does."""
        volume = self.create_volume(volume_type=self.pool_type('0'))
        for where in ({'cluster': 'volumes@socket#1'},
                      {'host': '%s@socket#1' % self.host_of(volume)}):
            self.volumes.migrate_volume(volume, **where)

            # Cinder forgets the pool, and the type allows for pool 0 only.
            failed = self.wait_for_migration(volume, 'error')
            self.assertEqual('available', failed.status)
            self.assertEqual(0, self.volume_on_cluster(volume)['pool_id'])
            self.volumes.reset_volume_status(volume, migration_status='none')

        self.volumes.retype_volume(volume, self.pool_type('1'), 'on-demand')
        moved = self.cloud.wait_for_volume(volume)
        self.assertEqual('1', moved.host.partition('#')[2])
        self.assertEqual(1, self.volume_on_cluster(volume)['pool_id'])

    def wait_for_migration(self, volume, status):
        def ended():
            found = self.volumes.get_volume(volume)
            if found.migration_status != status:
                raise waiting.NotYet('it is ' + str(found.migration_status))
            return found

        return self.wait_for(ended, 'Migration of ' + volume.id)

    def test_one_dies_in_the_middle_of_many_operations(self):
        # One for each clone: Cinder lets one be made of a volume at a time.
        sources = [self.create_volume() for _n in range(4)]
        with self.attached(sources[0]) as path:
            self.write(path, 'source', 0)
        limited, _spec = self.limited_type(maxIOPS='100')
        full = self.volume_type('full-clones', **{'dsware:clone': 'full'})

        self.control.set(copy_seconds=COPY)
        self.control.add_fault(kind='delay', op='createVolumeFromSnap',
                               seconds=HELD)
        clones = [self.start_volume(volume_type=kind,
                                    source_volume_id=one.id)
                  for one, kind in zip(sources, 2 * [limited] + 2 * [full])]
        work = self.split(clones)
        dead = max(work, key=lambda host: len(work[host]))
        self.kill(dead)
        self.control.clear_faults()
        self.check_after_a_death(dead, work.pop(dead), *work.values())

        # All of it can be done again.
        again = self.start_volume(volume_type=limited,
                                  source_volume_id=sources[0].id)
        self.cloud.wait_for_volume(again)
        with self.attached(again) as path:
            self.assert_written(path, 'source', 0)

    def check_after_a_death(self, host, lost, alive):
        """Check what becomes of the work of the dead and of the other.

        :param host: the host that died
        :param lost: the volumes that it was making
        :param alive: those that the other one makes
        """
        for volume in alive:
            self.cloud.wait_for_volume(volume)
        self.work_cleanup(host)
        for volume in lost:
            self.cloud.wait_for_volume(volume, 'error')
            self.cloud.delete_volume(volume)
        self.assertEqual(set(), self.temporaries())


class ManagerTest(ClusterTestCase):
    """The driver attaches, and fsc_cli carries its requests."""

    backend = 'manager'

    def test_attached_by_one_and_detached_by_the_other(self):
        volume = self.create_volume()
        for number in range(4):
            with self.attached(volume) as path:
                self.write(path, 'round %d' % number, number * MIB)
        with self.attached(volume) as path:
            for number in range(4):
                self.assert_written(path, 'round %d' % number, number * MIB)


class NamesTest(ClusterTestCase):
    """A service that is told to give names that no cluster takes."""

    def start_with(self, template):
        """Start a service of no Cinder cluster, which the test ends.

        :param template: its volume_name_template
        :returns: a Volume
        """
        one = cinder.Volume(self.stack.cinder, 'third', {'DEFAULT': {
            'cluster': '', 'enabled_backends': 'socket',
            'volume_name_template': template}})
        self.addCleanup(self.end, one)
        one.start()
        return one

    def end(self, one):
        """Stop a service; no volume of another test is to go there."""
        one.stop()
        self.wait_for(lambda: not one.is_up(), 'The end of ' + one.host)

    def pools_of(self, one):
        return {pool['name'] for pool in self.stack.cinder.pools()
                if pool['name'].startswith(one.host + '@')}

    def test_wrong_template_is_named_and_nothing_starts(self):
        wrong = self.start_with('volume %s')
        self.wait_for(lambda: wrong.log_path.exists()
                      and 'volume_name_template = volume %s'
                      in wrong.log_path.read_text(), 'The error in the log')
        # Others go on, and it takes no request.
        self.create_volume()
        self.assertEqual(set(), self.pools_of(wrong))
        self.end(wrong)

        right = self.start_with('volume_%s')
        self.wait_for(lambda: self.pools_of(right), 'A report of pools')
