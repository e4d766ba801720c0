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

"""What Cinder has and what a cluster has, on the simulator."""

import datetime
import json
import pathlib
import shlex
import subprocess
from unittest import mock
import uuid

from oslo_config import cfg
from oslo_utils import timeutils

from cinder import context
from cinder.db import api as db
from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.tests.unit.volume.drivers.dsware.integration import base
from cinder.volume.drivers.dsware import naming
from dsware_doctor.backend import comparison
from dsware_doctor.backend import database
from dsware_doctor.backend import judge
from dsware_doctor.backend import run
from dsware_doctor.backend import settings
from dsware_doctor import findings
from dsware_doctor.tests import test_backend_simulator

CONF = cfg.CONF
RUNBOOK = pathlib.Path(__file__).parents[2] / (
    'doc/source/operator/runbook.rst')
FIVE = datetime.timedelta(minutes=5)
HOUR = datetime.timedelta(hours=1)
GIB = 1024
# Nothing has started a service here, and a cluster's would share a directory.
EXPECTED = ('service-unknown', findings.REMARK)
_TYPE = '00000000-0000-4000-8000-00000000dddd'


class RecordsTestCase(test_backend_simulator.CheckTestCase):
    """Cinder has volumes, and their cluster is a simulator."""

    def setUp(self):
        super().setUp()
        self.admin = context.get_admin_context()
        self.driver = self.make_driver()
        self.host = base.Host(self.simulator)
        self.section = self.driver.configuration.config_group
        self.flags(enabled_backends=[self.section])
        self.place = 'host@' + self.section

    # Cinder's side --------------------------------------------------------

    def service(self, is_up=True, host=None, binary='cinder-volume',
                **values):
        """Let a service report, or have reported an hour ago."""
        made = db.service_create(self.admin, {
            'host': host or self.place, 'binary': binary, 'topic': binary,
            **values})
        db.service_update(self.admin, made.id, {
            'report_count': 2, 'updated_at': timeutils.utcnow()
            - (0 * HOUR if is_up else HOUR)})
        return made.id

    def record(self, volume, status='available', age=0 * HOUR, **values):
        """Let Cinder have a volume, in a state for some time."""
        db.volume_create(self.admin, {
            'id': volume.id, '_name_id': volume._name_id,
            'size': volume.size, 'host': self.place + '#0',
            'status': status, 'provider_id': volume.provider_id,
            'volume_type_id': _TYPE, 'attach_status': 'detached',
            'created_at': timeutils.utcnow() - age,
            'updated_at': timeutils.utcnow() - age, **values})
        return volume

    def volume(self, status='available', age=0 * HOUR, size=1, **values):
        """Make a volume that both have."""
        made = self.created(self.driver, size=size)
        return self.record(made, status, age, **values)

    def snapshot(self, volume, status='available', **values):
        """Make a snapshot that both have."""
        made = self.snapped(self.driver, volume)
        db.snapshot_create(self.admin, {
            'id': made.id, 'volume_id': volume.id, 'volume_size': volume.size,
            'status': status, 'volume_type_id': _TYPE,
            'created_at': timeutils.utcnow(), **values})
        return made

    # Checking -------------------------------------------------------------

    def found(self, drivers=None, older=15):
        """Run the check.

        :returns: its report
        """
        before = self.contents()
        with mock.patch.object(settings, 'files', lambda: ['cinder.conf']):
            report = run.Check([
                settings.Backend(one.configuration.config_group,
                                 one.configuration)
                for one in drivers or [self.driver]], older=older).all()
        self.assertEqual(before, self.contents())
        return report

    def codes(self, *args, **kwargs):
        """Run the check.

        :returns: the codes of all findings, apart from the services'
        """
        return [one.finding.code for one in
                self.found(*args, **kwargs).found()
                if one.finding.code not in EXPECTED]

    def one(self, code, **kwargs):
        """Run the check, which finds this alone.

        :returns: the finding
        """
        report = self.found(**kwargs)
        one, = (entry.finding for entry in report.found()
                if entry.finding.code not in EXPECTED)
        self.assertEqual(code, one.code, one)
        self.assertNotEqual('', one.cause)
        self.assertNotEqual('', one.cure)
        return one

    def temporary(self, volume, source):
        self.host.run('createSnapshot', volName=source.name,
                      snapName=volume.name + '.clone', smartFlag=0)

    # Cures ----------------------------------------------------------------

    def command(self, finding):
        """Give the command with which the cure ends."""
        return shlex.split(finding.cure.split('`')[-2])

    def test_an_orphan(self):
        name = 'volume-' + str(uuid.uuid4())
        self.host.create(name, 1)
        self.host.create('not-of-cinder', 1)
        one = self.one('orphan-volume')
        self.assertEqual(name, one.subject)
        self.assertIn('does not know it', one.cause)
        self.assertIn("cinder manage '%s#0' %s" % (self.place, name), one.cure)
        self.carry_out(one, 'deleteVolume')
        self.assertEqual([], self.codes())

    def test_a_temporary_snapshot(self):
        source, volume = self.volume(), self.volume()
        self.temporary(volume, source)
        one = self.one('temporary-object')
        self.assertIn('when volume %s is deleted' % volume.id, one.cure)
        self.carry_out(one, 'deleteSnapshot')
        self.assertEqual([], self.codes())

    def test_cinder_has_it_larger(self):
        volume = self.created(self.driver)
        volume.size = 2
        self.record(volume)
        self.carry_out(self.one('size-differs'), 'expandVolume')
        self.assertEqual([], self.codes())


class ComparisonTestCase(RecordsTestCase, base.SocketTestCase):
    """Each kind of finding is made for real."""

    def carry_out(self, finding, op):
        """Carry it out with fsc_cli."""
        program, *argv = self.command(finding)
        self.assertEqual('fsc_cli', program)
        args = dict(zip(argv[::2], argv[1::2]))
        self.assertEqual(op, args.pop('--op'))
        for name in ('--manage_ip', '--ip', '--port'):
            args.pop(name)
        self.host.run(op, **{key[2:]: value for key, value in args.items()})

    # Missing --------------------------------------------------------------

    def test_both_agree(self):
        self.service()
        self.snapshot(self.volume(size=3))
        report = self.found()
        self.assertEqual([], report.problems())
        numbers = {one.name: one.value for one in report.samples}
        for name, value in (('volumes', 1), ('snapshots', 1),
                            ('volumes_missing', 0), ('orphans', 0)):
            self.assertEqual(value, numbers[name], name)

    def test_a_volume_was_deleted_behind_cinders_back(self):
        volume = self.volume('in-use')
        self.host.run('deleteVolume', volName=volume.name)
        one = self.one('volume-missing')
        self.assertEqual(volume.id, one.subject)
        self.assertIn('openstack volume set --state error ' + volume.id,
                      one.cure)
        # What it ends with is a success.
        self.driver.delete_volume(volume)

    def test_a_snapshot_was_deleted(self):
        snapshot = self.snapshot(self.volume())
        self.host.run('deleteSnapshot', snapName=snapshot.name)
        one = self.one('snapshot-missing')
        self.assertEqual(snapshot.id, one.subject)
        self.driver.delete_snapshot(snapshot)

    def test_more_than_are_asked_for_one_by_one(self):
        volumes = [self.volume() for _n in range(3)]
        for volume in volumes[:2]:
            self.host.run('deleteVolume', volName=volume.name)
        self.host.create('volume-' + str(uuid.uuid4()), 1)
        self.patch(comparison.__name__ + '._FEW', 0)
        self.assertEqual(['volume-missing'] * 2 + ['orphan-volume'],
                         self.codes())

    def test_all_is_counted_and_not_all_is_kept(self):
        for _n in range(3):
            self.record(base.make_volume())
        self.patch('dsware_doctor.report.MOST', 2)
        report = self.found()
        self.assertEqual(3, report.counts['volume-missing', self.section])
        self.assertEqual(3, report.by_severity()[findings.CRITICAL])
        self.assertEqual(2, len([one for one in report.problems()
                                 if one.code == 'volume-missing']))

    # Names ----------------------------------------------------------------

    def test_a_migrated_volume(self):
        """It has the name of the copy that took its place."""
        other = str(uuid.uuid4())
        volume = base.make_volume(_name_id=other)
        self.host.create('volume-' + other, 1)
        self.record(volume)
        self.assertEqual([], self.codes())
        # While the names are exchanged two records may name one object.
        self.record(base.make_volume(id=other))
        self.assertEqual([], self.codes())

    def test_a_managed_volume(self):
        volume = base.make_volume()
        volume.provider_id = naming.volume_provider_id(volume, 'theirs')
        self.host.create('theirs', 1)
        self.record(volume)
        self.assertEqual([], self.codes())
        self.host.run('deleteVolume', volName='theirs')
        self.assertIn('(theirs on the cluster)',
                      self.one('volume-missing').text)

    def test_a_managed_volume_whose_name_looks_like_cinders(self):
        name = 'volume-' + str(uuid.uuid4())
        volume = base.make_volume()
        volume.provider_id = naming.volume_provider_id(volume, name)
        self.host.create(name, 1)
        self.record(volume, host='elsewhere@backend#0')
        self.assertEqual([], self.codes())

    # Several backends -----------------------------------------------------

    def test_a_pool_that_is_not_of_the_backend(self):
        """A volume that was moved is found all the same."""
        volume = base.make_volume()
        self.host.create(volume.name, 1, pool=1)
        self.record(volume)
        CONF.set_override('dsware_pools', [0], group=self.section)
        self.addCleanup(CONF.clear_override, 'dsware_pools', self.section)
        self.assertEqual([], self.codes())

    def test_two_backends_of_one_cluster(self):
        second = self.make_driver()
        section = second.configuration.config_group
        self.flags(enabled_backends=[self.section, section])
        self.volume()
        volume = self.volume(host='host@%s#1' % section)
        self.host.create('volume-' + str(uuid.uuid4()), 1)
        asked = self.ops().count('queryAllVolume')
        self.assertEqual(['orphan-volume'], self.codes([self.driver, second]))
        # The cluster has two pools, and is listed once.
        self.assertEqual(2, self.ops().count('queryAllVolume') - asked)
        # That of one is no orphan for the other one.
        self.assertEqual(['orphan-volume'], self.codes([self.driver]))
        self.host.run('deleteVolume', volName=volume.name)
        report = self.found([self.driver, second])
        self.assertEqual(1, report.counts['volume-missing', section])
        self.assertNotIn(('volume-missing', self.section), report.counts)

    def test_a_cinder_cluster(self):
        self.patch(settings.__name__ + '.cluster', lambda: 'cluster')
        self.record(base.make_volume(), host='another@' + self.section,
                    cluster_name='cluster@%s#0' % self.section)
        self.record(base.make_volume(), host='another@else',
                    cluster_name='cluster@else')
        self.one('volume-missing')

    # Missing, and in error --------------------------------------------------

    def test_a_lost_volume_stays_lost_whatever_its_state(self):
        """Setting it to error, as the cure says, does not hide it."""
        self.service()
        volume = self.record(base.make_volume(), 'error',
                             launched_at=timeutils.utcnow())
        one = self.one('volume-missing')
        self.assertIn('backup list --all-projects', one.cure)
        self.assertNotIn('set --state error', one.cure)
        db.volume_update(self.admin, volume.id, {'status': 'error_extending'})
        self.one('volume-missing')

    def test_what_never_was_there_is_no_loss(self):
        self.service()
        self.record(base.make_volume(), 'error')
        self.record(base.make_volume(), 'error_deleting',
                    launched_at=timeutils.utcnow())
        self.assertEqual(['volume-error'] * 2, self.codes())

    # Orphans --------------------------------------------------------------

    def test_a_forgotten_volume(self):
        volume = self.volume()
        snapshot = self.snapshot(volume)
        db.snapshot_destroy(self.admin, snapshot.id)
        self.assertIn('Cinder forgot it at', self.one(
            'orphan-snapshot').cause)
        db.volume_destroy(self.admin, volume.id)
        self.assertEqual(['orphan-volume', 'orphan-snapshot'], self.codes())

    # What a clone left ----------------------------------------------------

    def test_a_temporary_snapshot_in_use(self):
        volume = self.record(base.make_volume(), 'creating')
        self.temporary(volume, self.volume())
        self.assertEqual([], self.codes())

    def test_a_temporary_snapshot_of_others(self):
        self.temporary(base.make_volume(), self.volume())
        self.assertEqual([], self.codes())
        with mock.patch.object(comparison, 'time') as clock:
            clock.time.return_value = 4e9
            self.assertIn('no other OpenStack', self.one(
                'temporary-object').cure)
        with mock.patch.object(comparison, 'time') as clock:
            clock.time.return_value = 1e9
            self.one('clock-ahead')

    # Sizes ----------------------------------------------------------------

    def test_cinder_has_it_smaller(self):
        volume = self.volume()
        self.host.run('expandVolume', volName=volume.name, volSize=3 * GIB)
        one = self.one('size-differs')
        self.assertIn('set --size 3 ' + volume.id, one.cure)
        # Which makes this of it.
        self.driver.extend_volume(volume, 3)

    # States of transition -------------------------------------------------

    def test_while_it_is_made(self):
        self.service()
        self.record(base.make_volume(), 'creating')
        self.volume('creating')
        self.volume('extending', FIVE)
        self.assertEqual([], self.codes())
        self.assertEqual(['volume-stuck'], self.codes(older=4))

    def test_it_is_ready_and_cinder_was_not_told(self):
        self.service()
        for status in ('creating', 'attaching', 'detaching', 'extending',
                       'reverting'):
            volume = self.volume(status, HOUR)
            one = self.one('volume-stuck')
            self.assertIn('state %s for 60 minutes' % status, one.text)
            self.assertIn('its object is ready', one.cause)
            self.assertIn('openstack volume set --state ', one.cure)
            db.volume_destroy(self.admin, volume.id)
            self.host.run('deleteVolume', volName=volume.name)

    def test_it_is_gone_and_cinder_was_not_told(self):
        self.service()
        volume = self.record(base.make_volume(), 'deleting', HOUR)
        one = self.one('volume-stuck')
        self.assertIn('its object is gone', one.cause)
        self.assertIn('openstack volume delete ' + volume.id, one.cure)

    def test_what_takes_long(self):
        """With a service that is up, nobody can tell."""
        self.service()
        for status in ('downloading', 'uploading', 'retyping'):
            self.volume(status, HOUR)
        self.volume('available', HOUR, migration_status='migrating')
        self.volume('deleting', HOUR)
        self.assertEqual([], self.codes())

    def test_the_service_is_dead(self):
        self.service(is_up=False)
        volumes = {status: self.volume(status, HOUR).id for status in (
            'downloading', 'uploading', 'deleting')}
        moving = self.volume(age=HOUR, migration_status='migrating')
        report = self.found()
        found = {one.subject: one for one in report.problems()}
        self.assertIn('service-down', [one.code for one in found.values()])
        for status, volume in volumes.items():
            self.assertIn('does not report', found[volume].cause)
            self.assertIn('start cinder-volume', found[volume].cure)
        self.assertIn('cinder reset-state --state available '
                      '--reset-migration-status ' + moving.id,
                      found[moving.id].cure)

    def cluster(self, *reporting):
        """Let services be in a cluster.

        :param reporting: of each, whether it reports
        :returns: the name of the cluster, and the services' ids
        """
        cluster = 'cluster@' + self.section
        self.patch(settings.__name__ + '.cluster', lambda: 'cluster')
        return cluster, [
            self.service(is_up, '%d@%s' % (number, self.section),
                         cluster_name=cluster)
            for number, is_up in enumerate(reporting)]

    def stuck(self):
        """Run the check.

        :returns: a dict of id to what it finds stuck
        """
        return {one.subject: one for one in self.found().problems()
                if one.code.endswith('-stuck')}

    def noted(self, record, kind, status, service_id):
        """Let Cinder have noted who is at a record."""
        db.worker_create(self.admin, resource_type=kind,
                         resource_id=record.id, status=status,
                         service_id=service_id)

    def test_a_cluster_of_dead_services(self):
        cluster, _ids = self.cluster(False)
        volume = self.volume('uploading', HOUR, cluster_name=cluster + '#0')
        stuck = self.stuck()[volume.id]
        self.assertIn('work-cleanup --cluster ' + cluster, stuck.cure)
        self.assertIn('cinder-volume on ' + cluster, stuck.cause)

    def test_a_dead_service_of_a_cluster_was_at_it(self):
        """Cinder has noted who was."""
        cluster, (dead, alive) = self.cluster(False, True)
        where = {'cluster_name': cluster + '#0'}
        expected = set()
        for status in ('creating', 'downloading', 'deleting'):
            for service, age in ((dead, HOUR), (alive, HOUR),
                                 (dead, 0 * HOUR)):
                # What is made is not there yet.
                volume = self.record(base.make_volume(), status, age,
                                     **where) if status == 'creating' else (
                    self.volume(status, age, **where))
                self.noted(volume, 'Volume', status, service)
                if (service, age) == (dead, HOUR):
                    expected.add(volume.id)
        stuck = self.stuck()
        self.assertEqual(expected, set(stuck))
        for one in stuck.values():
            self.assertIn('work-cleanup --cluster ' + cluster, one.cure)
            self.assertIn('does not report', one.cause)

    def test_a_dead_service_of_a_cluster_was_making_a_snapshot(self):
        cluster, (dead, alive) = self.cluster(False, True)
        volume = self.volume(cluster_name=cluster + '#0')
        lost, worked_on = (
            self.recorded_snapshot(volume, 'creating') for _n in range(2))
        self.noted(lost, 'Snapshot', 'creating', dead)
        self.noted(worked_on, 'Snapshot', 'creating', alive)
        self.assertEqual({lost.id}, set(self.stuck()))

    def recorded_snapshot(self, volume, status):
        """Let Cinder have a snapshot that the cluster does not have."""
        made = base.make_snapshot(volume)
        db.snapshot_create(self.admin, {
            'id': made.id, 'volume_id': volume.id, 'volume_size': volume.size,
            'status': status, 'volume_type_id': _TYPE,
            'created_at': timeutils.utcnow() - HOUR})
        return made

    def test_a_dead_service_of_a_cluster_may_have_been_at_it(self):
        """Cinder has noted nothing of these."""
        cluster, _ids = self.cluster(False, True)
        where = {'cluster_name': cluster + '#0'}
        volume = self.volume('uploading', HOUR, **where)
        extended = self.volume('extending', HOUR, **where)
        snapshot = self.snapshot(
            self.volume(**where), 'deleting',
            created_at=timeutils.utcnow() - HOUR)
        # Nobody could give this one to the dead.
        self.volume('retyping', HOUR / 2, **where)
        stuck = self.stuck()
        self.assertEqual({volume.id, extended.id, snapshot.id}, set(stuck))
        for one in (volume, snapshot):
            self.assertIn('0@' + self.section, stuck[one.id].cause)
            self.assertIn('another one of its cluster', stuck[one.id].cause)
            self.assertIn('see the logs of the others', stuck[one.id].cure)
        self.assertNotIn('another one', stuck[extended.id].cause)

    def test_a_backup(self):
        self.service()
        volume = self.volume('backing-up', HOUR)
        backup = db.backup_create(self.admin, {
            'volume_id': volume.id, 'host': 'keeper', 'status': 'creating',
            'user_id': 'u', 'project_id': 'p'})
        self.service(host='keeper', binary='cinder-backup')
        self.assertEqual([], self.codes())
        db.backup_update(self.admin, backup.id, {'host': 'dead'})
        self.assertIn('start cinder-backup', self.one('volume-stuck').cure)

    def test_a_snapshot(self):
        self.service()
        self.snapshot(self.volume(), 'creating',
                      created_at=timeutils.utcnow() - HOUR)
        self.assertIn('openstack volume snapshot set --state error',
                      self.one('snapshot-stuck').cure)

    # Errors ---------------------------------------------------------------

    def test_what_holds_a_volume_that_cannot_be_deleted(self):
        volume = self.volume('error_deleting')
        self.host.run('createSnapshot', volName=volume.name,
                      snapName='somebodys', smartFlag=0)
        self.assertIn('snapshots somebodys', self.one('volume-error').cause)

    def test_errors(self):
        for status, text in (('error', '--state available'),
                             ('error_extending', '--state available')):
            volume = self.volume(status)
            self.assertIn(text, self.one('volume-error').cure)
            self.host.run('deleteVolume', volName=volume.name)
            self.assertIn('does not have it', self.one('volume-error').cause)
            db.volume_destroy(self.admin, volume.id)

    # While it runs --------------------------------------------------------

    def while_listed(self, act):
        """Have something happen when the cluster was listed."""
        listed = comparison.Cluster.listed

        def and_then(cluster, pools):
            yield from listed(cluster, pools)
            if act:
                act.pop()()

        act = [act]
        return mock.patch.object(comparison.Cluster, 'listed', and_then)

    def test_made_after_the_listing(self):
        with self.while_listed(self.volume):
            self.assertEqual([], self.codes_while())

    def codes_while(self):
        with mock.patch.object(self, 'contents'):
            return self.codes()

    def test_deleted_after_the_listing(self):
        volume = self.volume()

        def delete():
            self.driver.delete_volume(volume)
            db.volume_destroy(self.admin, volume.id)

        with self.while_listed(delete):
            self.assertEqual([], self.codes_while())

    def test_deleted_while_it_is_looked_at_again(self):
        volume = self.volume('extending', HOUR)
        self.service()
        there = comparison.Cluster.there

        def and_then(cluster, wanted):
            db.volume_update(self.admin, volume.id, {'status': 'deleting'})
            self.driver.delete_volume(volume)
            return there(cluster, wanted)

        with mock.patch.object(comparison.Cluster, 'there', and_then):
            self.assertEqual([], self.codes_while())

    def test_taken_over_after_the_listing(self):
        """An orphan that was one, and is not any more."""
        name = 'volume-' + str(uuid.uuid4())
        self.host.create(name, 1)
        volume = base.make_volume()
        volume.provider_id = naming.volume_provider_id(volume, name)
        there = comparison.Cluster.there

        def and_then(cluster, wanted):
            if wanted:
                self.record(volume)
            return there(cluster, wanted)

        with mock.patch.object(comparison.Cluster, 'there', and_then):
            self.assertEqual([], self.codes_while())

    # What cannot be looked at ---------------------------------------------

    def test_an_object_of_which_the_cluster_does_not_tell(self):
        self.record(base.make_volume())
        self.control.add_fault(kind='result', op='queryVolume',
                               code=50151015)
        self.assertEqual(['listing-failed'], self.codes())

    def test_there_is_no_database(self):
        self.flags(connection='sqlite:////nonexistent/cinder.sqlite',
                   group='database')
        self.assertIn('/nonexistent/cinder.sqlite',
                      self.one('database-unreadable').cause)

    def test_the_database_has_no_tables(self):
        with database._engine()().begin() as connection:
            connection.exec_driver_sql('ALTER TABLE volumes RENAME TO gone')
        self.one('database-unreadable')


class RESTComparisonTestCase(RecordsTestCase, base.RESTTestCase):
    """What is typed is curl, as the runbook says."""

    def carry_out(self, finding, op):
        """Sign in by hand, and carry it out with curl."""
        host, port = self.manager
        page = RUNBOOK.read_text().partition('.. _by-hand:')[2]
        block = page.partition('.. code-block:: console\n\n')[2]
        lines = [line.strip()[2:] for line in block.partition('\n\n')[0]
                 .replace('\\\n', '').splitlines()]
        script = '\n'.join(lines).replace(
            'MANAGER', '%s:%d' % (host, port)).replace(
            '/etc/cinder/dsware-ca.pem', self.authority.path)
        self.run_there(['sh', '-ec', script], json.dumps(
            {'userName': self.USER, 'password': self.PASSWORD}))
        argv = self.command(finding)
        self.assertEqual(['curl', '-K'], argv[:2])
        answer = json.loads(self.run_there(argv))
        self.assertEqual(0, answer['result'], answer)
        self.assertEqual(op, [one for one in self.ops()
                              if not one.startswith('query')][-1])

    def run_there(self, argv, text=None):
        """Run a program where the files are that it wants."""
        done = subprocess.run(argv, cwd=self.directory, input=text, text=True,
                              capture_output=True, timeout=60)
        self.assertEqual(0, done.returncode, done)
        return done.stdout


class JudgeTestCase(base.test.TestCase):

    def test_every_state_of_cinder_has_a_cure(self):
        cluster = judge.ByAgent('192.0.2.10', fakes.ENDPOINTS[0])
        services = mock.Mock(**{'works_on.return_value': False,
                                'backs_up.return_value': False,
                                'suspects.return_value': ['h@b']})
        now = timeutils.utcnow()
        one = judge.Judge(services, FIVE, now, cluster)
        for kind, make in (
                ('volume', lambda state: database.Volume(
                    'i', 'i', 1, 'h@b#0', state, '', 'attached', '', None,
                    '', now - HOUR)),
                ('snapshot', lambda state: database.Snapshot(
                    'i', 'v', 1, 'h@b#0', state, '', '', now - HOUR))):
            for state in judge._EVIDENCE[kind]:
                for there in (None, judge.Seen(GIB, True, 0)):
                    record = make(state)
                    code = one.verdict(record, there)
                    found = one.finding(code, record, there, None)
                    self.assertIn(found.code, (kind + '-stuck',
                                               kind + '-missing'))
                    self.assertEqual(0, found.cure.count('`') % 2)
