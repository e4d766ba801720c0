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

"""The driver attaches: what hosts are told, and who is detached when."""

import json
import random
from unittest import mock

import ddt

from cinder import exception
from cinder.objects import base as objects_base
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.tests.unit.volume.drivers.dsware import database
from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.tests.unit.volume.drivers.dsware import locks
from cinder.volume import driver as volume_driver
from cinder.volume.drivers.dsware import attach_records
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import manager_attaching

ONE, TWO = (endpoint.host for endpoint in fakes.ENDPOINTS)
# Longer than an attachment can be under way.
LATER = 200


def connector(host='compute-1', ip=ONE, **more):
    return {'host': host, 'ip': ip, 'multipath': False, **more}


class ManagerTestCase(base.DriverTestCase):

    def setUp(self):
        super().setUp()
        self.driver = self.make_manager()
        self.volume = self.make_volume(pool=1)
        self.record = self.stored(self.volume)
        database.add_volume(self.volume)

    def make_manager(self, **options):
        """Start a volume service; it has the same name each time."""
        return self.make_started_driver(
            **{'dsware_attach_by': 'manager', **options})

    def attach(self, *args, volume=None, **kwargs):
        return self.driver.initialize_connection(
            volume or self.volume, connector(*args, **kwargs))

    def detach(self, *args, **kwargs):
        return self.driver.terminate_connection(
            self.volume, connector(*args, **kwargs))

    def use(self, *args, **kwargs):
        """Attach for a user, from Cinder's reservation to its record.

        :returns: the attachment's id
        """
        found = database.add_attachment(self.volume)
        self.attach(*args, **kwargs)
        database.set_connector(found, connector(*args, **kwargs))
        return found

    def leave(self, attachment, *args, **kwargs):
        """Detach for a user, as Cinder does."""
        shared = self.detach(*args, **kwargs)
        database.remove_attachment(attachment)
        return shared

    def own(self, **kwargs):
        return self.driver._attacher.own_use(connector(**kwargs))

    def own_use(self, **kwargs):
        """Attach for the service itself.

        :returns: the marked properties, for the end of the use
        """
        marked = self.own(**kwargs)
        self.driver.initialize_connection(self.volume, marked)
        return marked

    def on(self):
        return set(self.cluster.attached[self.volume.name])

    def records(self):
        return {key for key in database.records(self.volume)
                if key.startswith('dsware_')}

    def only(self, op):
        """Let a fault hit an operation whose name begins another's."""
        self.cluster.faults[-1].hits = lambda request: request.op == op


@ddt.ddt
class AttachTestCase(ManagerTestCase):

    def test_what_the_host_is_told(self):
        found = self.attach()
        self.assertEqual({
            'driver_volume_type': 'local',
            'data': {
                'format_version': 1, 'volume_name': self.volume.name,
                'wwn': self.record['wwn'], 'discard': True,
                'device_path': '/dev/disk/by-id/wwn-0x'
                               + self.record['wwn']}}, found)
        self.assertEqual({ONE}, self.on())
        json.dumps(found)

    def test_a_port_that_is_none(self):
        for port in (0, 65536, 'x', [80]):
            error = self.assertRaises(exception.InvalidInput, self.attach,
                                      dsware_agent_port=port)
            self.assertIn('is not a port', str(error))
        self.assertEqual(set(), self.on())

    def test_a_connector_that_does_not_name_the_host(self):
        for call in (self.driver.initialize_connection,
                     self.driver.terminate_connection):
            error = self.assertRaises(exception.InvalidInput, call,
                                      self.volume, {'ip': ONE})
            self.assertIn('has no host', str(error))
        self.assertEqual(set(), self.on())

    def test_a_host_with_too_long_a_name(self):
        error = self.assertRaises(exception.InvalidInput, self.attach,
                                  'x' * 250)
        self.assertIn('too long', str(error))
        self.assertEqual((set(), set()), (self.on(), self.records()))

    def test_on_the_hosts_own_agent(self):
        self.attach(ip=TWO)
        self.assertEqual({TWO}, self.on())

    def test_again(self):
        first = self.attach()
        self.assertEqual(first, self.attach())
        self.assertEqual({ONE}, self.on())

    def test_a_plain_file_in_place_of_a_device(self):
        self.cluster.fail('attachVolume', 'records',
                          [{'devName': '/var/lib/sim/v'}])
        self.assertEqual('/var/lib/sim/v',
                         self.attach()['data']['device_path'])

    def test_no_device_is_told(self):
        self.cluster.fail('attachVolume', 'records', [])
        self.assertIn('wwn-0x', self.attach()['data']['device_path'])

    def test_a_wwn_that_is_none_makes_no_path(self):
        self.cluster.edit = lambda record: {**record, 'wwn': '../../sda'}
        self.assertEqual('/dev/sdb', self.attach()['data']['device_path'])

    def test_gone(self):
        gone = self.make_volume()
        database.add_volume(gone)
        self.assertRaises(exception.VolumeNotFound, self.attach, volume=gone)
        self.assertEqual(0, self.cluster.count('attachVolume'))
        self.assertEqual({}, database.records(gone))

    def test_gone_from_cinder(self):
        gone = self.make_volume()
        self.stored(gone)
        self.assertRaises(exception.VolumeNotFound, self.attach, volume=gone)
        self.assertEqual(0, self.cluster.count('attachVolume'))

    def test_it_is_noted_before_it_is_done(self):
        def look(*args):
            seen.update(self.records())
            return ''

        seen = set()
        with mock.patch.object(self.driver._array, 'attach', look):
            self.attach()
        self.assertEqual({'dsware_attached', 'dsware_at:' + ONE}, seen)

    @ddt.data(50151402, 50150003, 50150015, 10000003, 50151211)
    def test_what_is_refused_leaves_no_note(self, code):
        self.cluster.fail('attachVolume', 'result', code, times=10 ** 9)
        self.assertRaises(exception.CinderException, self.attach)
        self.assertEqual((set(), set()), (self.on(), self.records()))

    def test_a_host_that_does_not_answer(self):
        self.cluster.dead.add(ONE)
        self.assertRaises(exceptions.EndpointUnavailable, self.attach)
        self.assertEqual(set(), self.records())

    def test_a_refusal_leaves_the_note_of_another_use(self):
        self.use()
        noted = self.records()
        self.cluster.fail('attachVolume', 'result', 50151402)
        self.assertRaises(exceptions.CapacityExceeded, self.attach)
        self.assertEqual(noted, self.records())

    def test_a_doubt_that_an_outage_does_not_settle(self):
        """The answer is lost, then the agent cannot be reached."""
        self.cluster.fail('attachVolume', 'unanswered')
        self.cluster.fail('attachVolume', 'unsent', times=10 ** 9)
        self.assertRaises(exceptions.OutcomeUnknown, self.attach)
        self.assertEqual({ONE}, self.on())
        self.assertIn('dsware_at:' + ONE, self.records())

    @ddt.data('unanswered', 'hangs')
    def test_attached_although_the_answer_was_lost(self, kind):
        self.cluster.fail('attachVolume', kind)
        self.assertIn('wwn-0x', self.attach()['data']['device_path'])
        self.assertEqual({ONE}, self.on())


class OlderClusterTestCase(ManagerTestCase):
    """No World Wide Name leads to a device that is attached already."""

    def setUp(self):
        super().setUp()
        self.cluster.with_wwn = False

    def test_attach(self):
        self.assertEqual('/dev/sdb', self.attach()['data']['device_path'])

    def test_the_answer_was_lost(self):
        database.add_attachment(self.volume)
        self.cluster.fail('attachVolume', 'unanswered')
        self.assertEqual('/dev/sdb', self.attach()['data']['device_path'])
        self.assertEqual(2, self.cluster.count('attachVolume')
                         - self.cluster.count('detachVolume'))

    def test_an_attempt_failed_before(self):
        database.add_attachment(self.volume)
        self.cluster.fail('attachVolume', 'unanswered')
        self.cluster.fail('attachVolume', 'unsent', times=10 ** 9)
        self.assertRaises(exceptions.OutcomeUnknown, self.attach)
        self.cluster.faults.clear()
        self.assertEqual('/dev/sdb', self.attach()['data']['device_path'])

    def test_another_user_has_it(self):
        self.use()
        error = self.assertRaises(exception.VolumeBackendAPIException,
                                  self.attach)
        self.assertIn('attached at 192.0.2.1:10519 already', str(error))
        self.assertEqual({ONE}, self.on())
        self.assertEqual(0, self.cluster.count('detachVolume'))

    def test_another_attachment_is_under_way(self):
        for _ in range(2):
            database.add_attachment(self.volume)
        self.attach()
        self.assertRaises(exception.VolumeBackendAPIException, self.attach)
        self.assertEqual(0, self.cluster.count('detachVolume'))


@ddt.ddt
class DetachTestCase(ManagerTestCase):

    def test_detach(self):
        attachment = self.use()
        self.assertFalse(self.leave(attachment))
        self.assertEqual((set(), set()), (self.on(), self.records()))

    def test_again(self):
        self.leave(self.use())
        self.assertFalse(self.detach())
        self.assertEqual(set(), self.on())

    @ddt.data(50151601, 50155007, 50151404, 50150005)
    def test_what_is_gone(self, code):
        attachment = self.use()
        self.cluster.fail('detachVolume', 'result', code)
        self.leave(attachment)
        self.assertEqual(set(), self.records())

    def test_other_users_of_the_host_are_left_alone(self):
        for _order in range(2):
            users = [self.use(mountpoint='/dev/sda'),
                     self.use(mountpoint='/dev/sdb')]
            names = ['/dev/sda', '/dev/sdb']
            if _order:
                users.reverse()
                names.reverse()
            self.assertTrue(self.leave(users[0], mountpoint=names[0]))
            self.assertEqual({ONE}, self.on())
            self.assertFalse(self.leave(users[1], mountpoint=names[1]))
            self.assertEqual((set(), set()), (self.on(), self.records()))

    def test_users_that_look_the_same(self):
        first, second = self.use(), self.use()
        self.assertTrue(self.leave(second))
        self.assertFalse(self.leave(first))
        self.assertEqual(set(), self.on())

    def test_again_while_another_user_is_left(self):
        self.use()
        self.leave(self.use(mountpoint='/dev/sdb'), mountpoint='/dev/sdb')
        self.assertTrue(self.detach(mountpoint='/dev/sdb'))
        self.assertEqual({ONE}, self.on())

    def test_the_attachments_are_read_anew(self):
        """The list that came with the request is old."""
        self.patch('cinder.objects.Volume.volume_attachment',
                   self.attachments(connector()))
        attachment = self.use()
        self.use(mountpoint='/dev/sdb')
        self.assertTrue(self.leave(attachment))
        self.assertEqual({ONE}, self.on())

    def test_one_of_two_hosts(self):
        """The source and the destination of a live migration."""
        source = self.use()
        destination = self.use('compute-2', TWO)
        self.assertFalse(self.leave(source))
        self.assertEqual({TWO}, self.on())
        self.assertEqual({'dsware_attached', 'dsware_at:' + TWO},
                         self.records())
        self.leave(destination, 'compute-2', TWO)
        self.assertEqual((set(), set()), (self.on(), self.records()))

    def test_a_host_with_two_names(self):
        """Nova and Cinder call one host differently."""
        attachment = self.use('compute-1.example.org')
        self.assertTrue(self.detach('compute-1'))
        self.assertEqual({ONE}, self.on())
        self.leave(attachment, 'compute-1.example.org')
        self.assertEqual(set(), self.on())

    def test_a_host_with_two_addresses(self):
        attachment = self.use()
        self.assertTrue(self.detach(ip=TWO))
        self.leave(attachment)
        self.assertEqual(set(), self.on())

    def test_an_attachment_whose_agent_is_not_known_any_more(self):
        database.add_attachment(self.volume, connector('odd', None))
        attachment = self.use()
        self.assertFalse(self.leave(attachment))

    def test_another_attachment_is_under_way(self):
        """Cinder has not saved its connector yet."""
        attachment = self.use()
        other = database.add_attachment(self.volume)
        self.attach(mountpoint='/dev/sdb')
        self.assertTrue(self.leave(attachment))
        self.assertEqual({ONE}, self.on())
        database.set_connector(other, connector(mountpoint='/dev/sdb'))
        self.assertFalse(self.leave(other, mountpoint='/dev/sdb'))
        self.assertEqual(set(), self.on())

    def test_an_attachment_that_has_been_reserved_for_long(self):
        """A shelved instance keeps its volume, but has no host."""
        attachment = self.use()
        database.add_attachment(self.volume)
        self.clock.now += LATER
        self.assertFalse(self.leave(attachment))
        self.assertEqual(set(), self.on())

    def test_clients_of_the_old_interface(self):
        """Their attachments never have a connector."""
        self.attach()
        first = database.add_attachment(
            self.volume, attach_status=database.ATTACHED,
            attached_host='compute-1')
        self.attach()
        second = database.add_attachment(
            self.volume, attach_status=database.ATTACHED)
        database.add_attachment(
            self.volume, attach_status=database.ATTACHED,
            attached_host='compute-9')
        self.assertTrue(self.leave(first))
        self.assertEqual({ONE}, self.on())
        self.assertFalse(self.leave(second))
        self.assertEqual(set(), self.on())

    def test_busy(self):
        self.use()
        self.cluster.fail('detachVolume', 'result', 50150013, times=10 ** 9)
        start = self.clock.now
        self.assertRaises(exception.VolumeIsBusy, self.detach)
        # Cinder's API waits for a minute.
        self.assertLess(self.clock.now - start, 35)
        self.assertEqual({ONE}, self.on())
        self.assertIn('dsware_at:' + ONE, self.records())

    def test_lost_then_busy(self):
        """The agent is there: nothing is done by force."""
        self.use()
        self.cluster.fail('detachVolume', 'lost')
        self.cluster.fail('detachVolume', 'result', 50150013, times=10 ** 9)
        self.assertRaises(exception.VolumeIsBusy, self.detach)
        self.assertEqual(0, self.cluster.count('detachVolumeByIp'))

    @ddt.data('unsent', 'lost', 'hangs')
    def test_a_dead_host(self, kind):
        self.use()
        self.cluster.fail('detachVolume', kind, times=10 ** 9)
        self.only('detachVolume')
        start = self.clock.now
        self.assertFalse(self.detach())
        self.assertLess(self.clock.now - start, 40)
        self.assertEqual((set(), set()), (self.on(), self.records()))
        self.assertEqual(1, self.cluster.count('detachVolumeByIp'))

    def test_a_dead_host_with_another_user(self):
        attachment = self.use()
        self.use(mountpoint='/dev/sdb')
        self.cluster.dead.add(ONE)
        self.cluster.requests.clear()
        self.assertTrue(self.leave(attachment))
        self.assertEqual([], self.cluster.requests)
        self.detach(mountpoint='/dev/sdb')
        self.assertEqual(set(), self.on())

    def test_an_agent_that_answers_is_not_passed_over(self):
        """What another agent does would be by force."""
        self.use()
        self.cluster.fail('detachVolume', 'result', 50000001,
                          times=10 ** 9)
        error = self.assertRaises(exceptions.OutcomeUnknown, self.detach)
        self.assertIn('DSWARE_ERROR', str(error))
        self.assertEqual(0, self.cluster.count('detachVolumeByIp'))
        self.assertEqual({ONE}, self.on())

    @ddt.data(exceptions.CertificateRefused, exceptions.CommandUnavailable)
    def test_an_agent_that_is_not_dead(self, error):
        self.use()
        with mock.patch.object(self.driver._array, 'detach',
                               side_effect=error(desc='x')):
            self.assertRaises(error, self.detach)
        self.assertEqual({ONE}, self.on())
        self.assertIn('dsware_at:' + ONE, self.records())


class ForceDetachTestCase(ManagerTestCase):

    def test_everywhere(self):
        self.use()
        self.use('compute-2', TWO)
        self.assertFalse(
            self.driver.terminate_connection(self.volume, None))
        self.assertEqual((set(), set()), (self.on(), self.records()))

    def test_where_cinder_knows_nothing_of(self):
        self.attach()
        self.driver.terminate_connection(self.volume, None)
        self.assertEqual((set(), set()), (self.on(), self.records()))

    def test_a_dead_host_and_one_that_writes(self):
        self.use()
        self.use('compute-2', TWO)
        self.cluster.dead.add(ONE)
        self.cluster.fail('detachVolume', 'result', 50150013, times=10 ** 9)
        self.only('detachVolume')
        self.assertRaises(exception.VolumeIsBusy,
                          self.driver.terminate_connection, self.volume,
                          None)
        self.assertEqual({TWO}, self.on())
        self.assertEqual({'dsware_attached', 'dsware_at:' + TWO},
                         self.records())

    def test_a_connector_that_cinder_has_not_recorded(self):
        """It stays until Cinder has forgotten the attachment."""
        attachment = self.use(mountpoint='/dev/sda')
        self.assertTrue(self.detach())
        database.remove_attachment(attachment)
        self.clock.now += LATER
        self.driver._attacher.tidy()
        self.assertEqual((set(), set()), (self.on(), self.records()))

    def test_delete(self):
        self.attach()
        self.driver.delete_volume(self.volume)
        self.assertNotIn(self.volume.name, self.cluster.volumes)

    def test_delete_of_what_is_in_use(self):
        self.attach()
        self.cluster.fail('detachVolume', 'result', 50150013, times=10 ** 9)
        self.assertRaises(exception.VolumeIsBusy, self.driver.delete_volume,
                          self.volume)
        self.assertIn(self.volume.name, self.cluster.volumes)

    def test_delete_without_records(self):
        self.driver.delete_volume(self.volume)
        self.assertEqual(0, self.cluster.count('detachVolume'))


class OwnUseTestCase(ManagerTestCase):
    """This service attaches for itself, to copy an image say."""

    def test_alone(self):
        marked = self.own_use()
        self.assertEqual(3, len(self.records()))
        self.assertFalse(self.driver.terminate_connection(self.volume,
                                                          marked))
        self.assertEqual((set(), set()), (self.on(), self.records()))

    def test_beside_an_instance(self):
        """An image of a volume in use, on an all-in-one host."""
        attachment = self.use('compute-1.example.org')
        marked = self.own_use()
        self.assertTrue(self.driver.terminate_connection(self.volume,
                                                         marked))
        self.assertEqual({ONE}, self.on())
        self.leave(attachment, 'compute-1.example.org')
        self.assertEqual((set(), set()), (self.on(), self.records()))

    def test_an_instance_leaves_meanwhile(self):
        attachment = self.use()
        marked = self.own_use()
        self.assertTrue(self.leave(attachment))
        self.assertEqual({ONE}, self.on())
        self.driver.terminate_connection(self.volume, marked)
        self.assertEqual((set(), set()), (self.on(), self.records()))

    def test_two(self):
        uses = [self.own_use() for _ in range(2)]
        self.assertTrue(self.driver.terminate_connection(self.volume,
                                                         uses[0]))
        self.assertEqual({ONE}, self.on())
        self.driver.terminate_connection(self.volume, uses[1])
        self.assertEqual((set(), set()), (self.on(), self.records()))

    def test_another_service_sees_it(self):
        """Of one Cinder cluster, each takes requests for the others."""
        marked = self.own_use()
        attachment = self.use()
        other = self.make_manager()
        other._attacher._runs.own = attach_records.Run('other@dsware', 'x')
        self.assertTrue(other.terminate_connection(self.volume, connector()))
        database.remove_attachment(attachment)
        self.assertEqual({ONE}, self.on())
        self.driver.terminate_connection(self.volume, marked)
        self.assertEqual((set(), set()), (self.on(), self.records()))

    def test_a_failure_is_not_counted(self):
        self.cluster.fail('attachVolume', 'result', 50151402)
        self.assertRaises(exceptions.CapacityExceeded, self.own_use)
        self.assertEqual(set(), self.records())

    def test_an_unknown_outcome_is_not_counted(self):
        self.cluster.fail('attachVolume', 'unanswered')
        self.cluster.fail('attachVolume', 'unsent', times=10 ** 9)
        self.assertRaises(exceptions.OutcomeUnknown, self.own_use)
        self.assertEqual({'dsware_attached', 'dsware_at:' + ONE},
                         self.records())

    def test_a_user_cannot_pose_as_the_service(self):
        self.attach(token='x', dsware_own_use=True, own_use='x')
        self.assertEqual({'dsware_attached', 'dsware_at:' + ONE},
                         self.records())

    def test_the_whole_way(self):
        """Cinder hands over what attaching returned."""
        attach = self.patch('cinder.volume.driver.VolumeDriver'
                            '._attach_volume')
        detach = self.patch('cinder.volume.driver.VolumeDriver'
                            '._detach_volume')
        self.assertTrue(hasattr(volume_driver.VolumeDriver,
                                '_attach_volume'))
        properties = connector()
        self.driver._attach_volume(self.context, self.volume, properties)
        context, volume, marked = attach.call_args.args
        self.assertEqual(properties, marked)
        conn = self.driver.initialize_connection(volume, marked)
        self.driver._detach_volume(
            self.context, {'conn': conn, 'device': {}}, self.volume,
            properties, force=True)
        ended = detach.call_args.args[3]
        self.assertEqual({'force': True}, detach.call_args.kwargs)
        self.assertEqual(marked.token, ended.token)
        self.assertEqual(connector(), properties)

    def test_a_volume_of_another_service(self):
        """That one is asked by a message."""
        attach, detach = (
            self.patch('cinder.volume.driver.VolumeDriver.' + name)
            for name in ('_attach_volume', '_detach_volume'))
        self.driver._attach_volume(self.context, self.volume, connector(),
                                   remote=True)
        self.driver._detach_volume(self.context, {}, self.volume,
                                   connector(), remote=True)
        serializer = objects_base.CinderObjectSerializer()
        for sent in (attach.call_args.args[2], detach.call_args.args[3]):
            self.assertEqual(connector(), serializer.serialize_entity(
                self.context, sent))

    def test_detached_because_the_device_is_bad(self):
        """Cinder detaches with the properties that were marked."""
        marked = self.own()
        self.assertEqual(
            marked.token, self.driver._attacher.own_use(marked).token)


@ddt.ddt
class TidyTestCase(ManagerTestCase):
    """What nobody uses any more."""

    recovers = True

    def tidy(self, later=LATER):
        self.clock.now += later
        self.driver.get_volume_stats(True)

    def restart(self):
        """Kill the service, and start it again."""
        self.driver = self.make_manager()
        self.tidy(0)

    def test_two_users_leave_at_the_same_moment(self):
        users = self.use(), self.use()
        self.assertEqual([True, True], [self.detach(), self.detach()])
        for attachment in users:
            database.remove_attachment(attachment)
        self.tidy()
        self.assertEqual((set(), set()), (self.on(), self.records()))
        self.cluster.requests.clear()
        self.tidy()
        self.assertNotIn('detachVolume', self.cluster.ops())

    def test_a_user_is_left_alone(self):
        self.use()
        self.tidy()
        self.tidy()
        self.assertEqual({ONE}, self.on())
        self.assertEqual({}, self.driver._attacher._watched)

    def test_an_own_use_is_left_alone(self):
        marked = self.own_use()
        self.tidy()
        self.assertEqual({ONE}, self.on())
        self.driver.terminate_connection(self.volume, marked)
        self.assertEqual(set(), self.on())

    def test_killed_before_cinder_saved_the_attachment(self):
        database.add_attachment(self.volume)
        self.attach()
        self.restart()
        self.assertEqual((set(), set()), (self.on(), self.records()))

    def test_killed_after_cinder_saved_the_attachment(self):
        attachment = self.use()
        self.restart()
        self.assertEqual({ONE}, self.on())
        self.leave(attachment)
        self.assertEqual((set(), set()), (self.on(), self.records()))

    def test_killed_in_an_own_use(self):
        self.own_use()
        database.change_volume(self.volume, status='uploading')
        self.restart()
        # Cinder has not yet noticed that nothing is uploaded.
        self.assertEqual({ONE}, self.on())
        database.change_volume(self.volume, status='available')
        self.tidy(0)
        self.assertEqual((set(), set()), (self.on(), self.records()))

    def test_killed_in_an_own_use_beside_an_instance(self):
        attachment = self.use()
        self.own_use()
        self.restart()
        self.assertEqual({ONE}, self.on())
        self.leave(attachment)
        self.assertEqual((set(), set()), (self.on(), self.records()))

    def test_another_service_was_killed(self):
        """Outside of clusters only its own next run knows of that."""
        other = self.make_manager()
        other._attacher._runs.own = attach_records.Run('other@dsware', 'x')
        other.initialize_connection(self.volume,
                                    other._attacher.own_use(connector()))
        self.restart()
        self.tidy()
        self.assertEqual({ONE}, self.on())

    def test_services_of_a_cluster(self):
        database.change_volume(self.volume, cluster_name='c@dsware#1')
        self.attach()
        attacher = self.make_manager()._attacher
        attacher._watched.clear()
        attacher.recover(self.context, 'elsewhere@dsware', 'c@dsware')
        self.assertEqual([self.volume.id], list(attacher._watched))
        attacher._watched.clear()
        attacher.recover(self.context, 'elsewhere@dsware', None)
        self.assertEqual({}, attacher._watched)

    def test_under_way(self):
        self.cluster.fail('attachVolume', 'unanswered')
        self.cluster.fail('attachVolume', 'unsent', times=10 ** 9)
        database.add_attachment(self.volume)
        self.assertRaises(exceptions.OutcomeUnknown, self.attach)
        self.cluster.faults.clear()
        self.tidy(30)
        self.assertEqual({ONE}, self.on())
        self.tidy()
        self.assertEqual((set(), set()), (self.on(), self.records()))

    def give_up(self, attach=None):
        """Begin to attach; the cluster has not done it when that ends."""
        self.cluster.fail('attachVolume', 'unanswered')
        self.cluster.fail('attachVolume', 'unsent', times=10 ** 9)
        self.assertRaises(exceptions.OutcomeUnknown, attach or self.attach)
        self.cluster.faults.clear()
        self.cluster.attached[self.volume.name].clear()

    def attach_late(self):
        """Carry out what the driver has given up."""
        self.cluster.attached[self.volume.name].add(ONE)

    def assertSettled(self):
        self.assertEqual((set(), set()), (self.on(), self.records()))
        self.assertEqual({}, self.driver._attacher._watched)

    def test_attached_after_it_was_detached(self):
        self.give_up()
        self.detach()
        self.attach_late()
        self.tidy(30)
        self.assertIn('dsware_at:' + ONE, self.records())
        self.tidy()
        self.assertSettled()
        self.cluster.requests.clear()
        self.tidy()
        self.assertNotIn('detachVolume', self.cluster.ops())

    def test_attached_after_it_was_detached_everywhere(self):
        self.give_up()
        self.driver.terminate_connection(self.volume, None)
        self.attach_late()
        self.tidy()
        self.assertSettled()

    def test_attached_after_an_own_use_failed(self):
        marked = self.own()
        self.give_up(lambda: self.driver.initialize_connection(self.volume,
                                                               marked))
        self.driver.terminate_connection(self.volume, marked)
        self.attach_late()
        self.tidy()
        self.assertSettled()

    def test_attached_after_the_next_use(self):
        """Another attachment in between does not settle it."""
        self.give_up()
        self.leave(self.use())
        self.assertEqual(set(), self.on())
        self.attach_late()
        self.tidy()
        self.assertSettled()

    def test_attached_after_another_attempt_was_refused(self):
        self.give_up()
        self.detach()
        self.cluster.fail('attachVolume', 'result', 50151402)
        self.assertRaises(exceptions.CapacityExceeded, self.attach)
        self.attach_late()
        self.tidy()
        self.assertSettled()

    def test_attached_after_the_service_was_killed(self):
        self.give_up()
        self.detach()
        self.restart()
        self.attach_late()
        self.tidy()
        self.tidy()
        self.assertSettled()

    def test_somebody_uses_what_was_attached_late(self):
        self.give_up()
        self.detach()
        self.attach_late()
        attachment = self.use()
        self.tidy()
        self.assertEqual({ONE}, self.on())
        self.leave(attachment)
        self.assertSettled()

    @ddt.data('backing-up', 'restoring-backup', 'maintenance', 'retyping',
              'attaching', 'uploading', 'creating')
    def test_users_without_an_attachment(self, status):
        """Cinder's own services say so by the volume's status."""
        database.change_volume(self.volume, status=status)
        self.attach()
        self.tidy()
        self.assertEqual({ONE}, self.on())

    def test_a_migration(self):
        database.change_volume(self.volume, status='available',
                               migration_status='migrating')
        self.attach()
        self.tidy()
        self.assertEqual({ONE}, self.on())
        database.change_volume(self.volume, migration_status='success')
        self.tidy()
        self.assertEqual(set(), self.on())

    def test_never_by_force(self):
        self.attach()
        self.cluster.dead.add(ONE)
        start = self.clock.now
        for _ in range(9):
            self.tidy()
        self.assertLess(self.clock.now - start, 9 * LATER + 60)
        self.assertEqual({ONE}, self.on())
        self.assertEqual(0, self.cluster.count('detachVolumeByIp'))
        self.assertEqual({}, self.driver._attacher._watched)
        self.cluster.dead.clear()
        self.restart()
        self.assertEqual(set(), self.on())

    def test_a_device_that_is_in_use(self):
        self.attach()
        self.cluster.fail('detachVolume', 'result', 50150013, times=10 ** 9)
        self.tidy(LATER / 2)
        with self.assertLogs(manager_attaching.LOG.logger) as logs:
            self.tidy(LATER / 2)
        self.assertIn('where nobody uses it', logs.output[-1])
        self.assertEqual({ONE}, self.on())
        self.cluster.faults.clear()
        self.tidy()
        self.assertEqual(set(), self.on())

    def test_a_volume_that_is_gone(self):
        self.attach()
        database.remove_volume(self.volume)
        self.tidy()
        self.assertEqual({}, self.driver._attacher._watched)

    def test_a_backend_that_is_down(self):
        self.attach()
        self.cluster.fail('', 'unsent', times=10 ** 9)
        self.tidy()
        self.assertNotIn('detachVolume', self.cluster.ops())

    def test_records_that_are_not_understood(self):
        database.note(self.volume, **{
            'dsware_at:192.0.2.7': 'x', 'dsware_at:192.0.2.8': '[1]',
            'dsware_use:x': '{}', 'other': 'y'})
        attachment = self.use()
        self.leave(attachment)
        self.assertEqual(set(), self.on())
        self.assertIn('dsware_at:192.0.2.7', self.records())


class AnyOrderTestCase(ManagerTestCase):
    """Users of two hosts come and go, through the services of a cluster.

    The steps of each are taken as Cinder takes them, and those of the
    others come between them in any order.
    """

    ROUNDS = 25

    def setUp(self):
        super().setUp()
        database.change_volume(self.volume, cluster_name='c@dsware#1')
        self.services = [self.driver, self.make_manager()]
        for number, made in enumerate(self.services):
            made._attacher._runs.own = attach_records.Run(str(number), 'run')

    def service(self):
        return self.choice.choice(self.services)

    def instance(self, where):
        """One attachment, in steps."""
        attachment = database.add_attachment(self.volume)
        yield
        self.service().initialize_connection(self.volume, where)
        self.needed.append(where['ip'])
        self.unsaved.add(attachment)
        yield
        database.set_connector(attachment, where)
        self.unsaved.remove(attachment)
        yield
        self.needed.remove(where['ip'])
        for _again in range(self.choice.choice((1, 1, 2))):
            self.service().terminate_connection(self.volume, where)
            yield
        database.remove_attachment(attachment)

    def image(self, where):
        """One use of a service's own, in steps."""
        made = self.service()
        conn = made.initialize_connection(
            self.volume, made._attacher.own_use(where))
        self.needed.append(where['ip'])
        yield
        self.needed.remove(where['ip'])
        made.terminate_connection(self.volume, made._attacher.own_use(
            where, {'conn': conn}))

    def users(self):
        for number in range(6):
            where = self.choice.choice(
                (connector(), connector('compute-2', TWO),
                 connector('compute-1.example.org')))
            # Some have the same connector, as instances of a host may.
            where['mountpoint'] = f'/dev/sd{number % 3}'
            yield self.choice.choice((self.instance, self.instance,
                                      self.image))(where)

    def test_any_order(self):
        for seed in range(self.ROUNDS):
            self.choice = random.Random(seed)
            self.needed = []
            self.unsaved = set()
            running = list(self.users())
            while running:
                user = self.choice.choice(running)
                if next(user, self) is self:
                    running.remove(user)
                # Cinder saves a connector at once.
                self.clock.now += self.choice.choice(
                    (0, 1) if self.unsaved else (0, 1, 400))
                if self.choice.random() < 0.3:
                    self.service().get_volume_stats(True)
                self.assertLessEqual(set(self.needed), self.on(), seed)
            self.clock.now += LATER
            for made in self.services:
                made.get_volume_stats(True)
            self.assertEqual((set(), set()), (self.on(), self.records()),
                             seed)


class SwitchedTestCase(ManagerTestCase):
    """dsware_attach_by was manager when the volume was attached."""

    recovers = True

    def setUp(self):
        super().setUp()
        self.attachment = self.use()
        self.driver = self.make_started_driver()

    def test_detach(self):
        self.leave(self.attachment)
        self.assertEqual((set(), set()), (self.on(), self.records()))
        self.cluster.requests.clear()
        self.detach()
        self.assertEqual([], self.cluster.requests)

    def test_new_users(self):
        self.assertEqual('dsware', self.attach()['driver_volume_type'])

    def test_force_detach(self):
        self.driver.terminate_connection(self.volume, None)
        self.assertEqual(set(), self.on())

    def test_tidy(self):
        database.remove_attachment(self.attachment)
        self.clock.now += LATER
        self.driver.get_volume_stats(True)
        self.assertEqual(set(), self.on())


class LocksTestCase(ManagerTestCase):

    def test_the_statistics_do_not_wait_for_a_volume_that_is_attached(self):
        database.remove_attachment(self.use())
        held = locks.Locks().install(self)
        held.holders['dsware-attach-' + self.volume.id] = 'another thread'
        self.clock.now += LATER
        self.driver.get_volume_stats(True)
        self.assertEqual({ONE}, self.on())
        held.end('another thread')
        self.driver.get_volume_stats(True)
        self.assertEqual(set(), self.on())
        self.assertEqual({}, held.holders)

    def test_the_statistics_do_not_wait_for_many_volumes(self):
        attacher = self.driver._attacher
        looked = []

        def look(volume_id):
            looked.append(volume_id)
            self.clock.now += 2
            return True

        attacher._tidy = look
        for number in range(10):
            attacher._watch('volume %d' % number)
        self.clock.now += LATER
        for calls in range(1, 4):
            start = self.clock.now
            attacher.tidy()
            self.assertLess(self.clock.now - start, 8)
            self.assertEqual(3 * calls, len(set(looked)))

    def test_one_lock_for_a_volume(self):
        """Names and addresses of a host can differ between its users."""
        with mock.patch('cinder.coordination.COORDINATOR.get_lock') as get:
            attachment = self.use()
            self.leave(attachment)
            self.driver.terminate_connection(self.volume, None)
            self.driver._attacher.tidy()
        self.assertEqual({'dsware-attach-' + self.volume.id},
                         {call.args[0] for call in get.call_args_list})

    def test_nothing_is_left_of_a_lock(self):
        remove = self.patch('cinder.coordination.synchronized_remove')
        for made in (self.driver, self.make_started_driver()):
            made.clean_volume_file_locks(self.volume.id)
            remove.assert_any_call('dsware-attach-' + self.volume.id)
