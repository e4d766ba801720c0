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
import socket
from unittest import mock

import ddt

from cinder import exception
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.tests.unit.volume.drivers.dsware.fakes import database
from cinder.volume.drivers.dsware import exceptions

ONE, TWO = (endpoint.host for endpoint in fakes.ENDPOINTS)
connector = base.connector
BUSY = 50150013


class ManagerTestCase(base.AttachingTestCase):

    options = {'dsware_agents': [ONE, TWO]}

    def setUp(self):
        super().setUp()
        self.driver = self.make_manager()
        self.volume = self.make_volume(pool=1)
        self.record = self.stored(self.volume)
        database.add_volume(self.volume)

    def make_manager(self, **options):
        return self.make_started_driver(
            **{'dsware_attach_by': 'manager', **self.options, **options})

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

    def on(self):
        return set(self.cluster.attached[self.volume.name])


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

    def test_again(self):
        first = self.attach()
        self.assertEqual(first, self.attach())
        self.assertEqual({ONE}, self.on())

    def test_a_plain_file_in_place_of_a_device(self):
        self.cluster.fail('attachVolume', 'records',
                          [{'devName': '/var/lib/sim/v'}])
        self.assertEqual('/var/lib/sim/v',
                         self.attach()['data']['device_path'])

    def test_an_agent_that_dies_while_it_attaches(self):
        self.cluster.fail('attachVolume', 'unanswered')
        self.cluster.fail('attachVolume', 'hangs', times=10 ** 9)
        self.fail_only('detachVolume', 'hangs')
        self.assertRaises(exception.VolumeBackendAPIException, self.attach)
        self.assertEqual(set(), self.on())

    def test_an_attempt_in_doubt_before_a_refusal(self):
        self.cluster.fail('attachVolume', 'unanswered')
        self.cluster.fail('attachVolume', 'result', 10000003)
        error = self.assertRaises(exceptions.OutcomeUnknown, self.attach)
        self.assertIn('Another attempt failed: attachVolume', str(error))
        self.assertEqual(set(), self.on())

    def test_one_that_dies_while_another_user_has_it(self):
        self.use(mountpoint='/dev/vdb')
        database.add_attachment(self.volume)
        self.cluster.fail('attachVolume', 'hangs', times=10 ** 9)
        self.assertRaises(exception.VolumeBackendAPIException, self.attach)
        self.assertEqual({ONE}, self.on())

    def test_one_that_is_silent_while_the_volume_is_attached_again(self):
        """As Nova does for an instance that runs."""
        self.use()
        self.cluster.fail('attachVolume', 'hangs', times=10 ** 9)
        self.assertRaises(exception.VolumeBackendAPIException, self.attach)
        self.assertEqual({ONE}, self.on())


class DeleteTestCase(ManagerTestCase):
    """What a service that was killed has left attached to its host."""

    def setUp(self):
        super().setUp()
        self.flags(my_ip=ONE)
        self.cluster.attached[self.volume.name].add(ONE)

    def test_delete(self):
        self.driver.delete_volume(self.volume)
        self.assertNotIn(self.volume.name, self.cluster.volumes)

    def test_it_is_open(self):
        self.cluster.fail('detachVolume', 'result', BUSY, times=10 ** 9)
        self.assertRaises(exception.VolumeIsBusy, self.driver.delete_volume,
                          self.volume)
        self.assertEqual({ONE}, self.on())

    def test_somebody_has_it(self):
        self.use()
        self.assertRaises(exception.VolumeIsBusy, self.driver.delete_volume,
                          self.volume)
        self.assertEqual({ONE}, self.on())

    def test_the_agent_has_an_address_of_its_own(self):
        """Which the connector of this host tells."""
        self.flags(my_ip='198.51.100.7')
        self.flags(dsware_agent_ip=ONE, group='os_brick')
        self.driver.delete_volume(self.volume)
        self.assertNotIn(self.volume.name, self.cluster.volumes)

    def test_the_agent_of_this_host_is_not_known(self):
        self.flags(my_ip='198.51.100.7')
        self.assertRaises(exception.VolumeIsBusy, self.driver.delete_volume,
                          self.volume)
        self.assertEqual({ONE}, self.on())


class OlderClusterTestCase(ManagerTestCase):
    """No World Wide Name leads to a device that is attached already."""

    def setUp(self):
        super().setUp()
        self.cluster.with_wwn = False

    def test_the_answer_was_lost(self):
        database.add_attachment(self.volume)
        self.cluster.fail('attachVolume', 'unanswered')
        self.assertEqual('/dev/sdb', self.attach()['data']['device_path'])
        self.assertEqual(2, self.cluster.count('attachVolume')
                         - self.cluster.count('detachVolume'))

    def test_another_user_has_it(self):
        self.use(mountpoint='/dev/vdb')
        error = self.assertRaises(exception.VolumeBackendAPIException,
                                  self.attach)
        self.assertIn('attached at 192.0.2.1:10519 already', str(error))
        self.assertEqual({ONE}, self.on())
        self.assertEqual(0, self.cluster.count('detachVolume'))

    def test_a_device_that_is_open(self):
        """Cinder itself uses it, say, without an attachment."""
        self.attach()
        self.cluster.fail('detachVolume', 'result', BUSY, times=10 ** 9)
        self.assertRaises(exception.VolumeIsBusy, self.attach)
        self.assertEqual({ONE}, self.on())


@ddt.ddt
class DetachTestCase(ManagerTestCase):

    def test_again(self):
        self.leave(self.use())
        self.assertFalse(self.detach())
        self.assertEqual(set(), self.on())

    @ddt.data(50151601, 50155007, 50151404, 50150005)
    def test_what_is_gone(self, code):
        attachment = self.use()
        self.cluster.fail('detachVolume', 'result', code)
        self.assertFalse(self.leave(attachment))

    def test_again_while_another_user_is_left(self):
        self.use()
        self.leave(self.use(mountpoint='/dev/sdb'), mountpoint='/dev/sdb')
        self.assertTrue(self.detach(mountpoint='/dev/sdb'))
        self.assertEqual({ONE}, self.on())

    def test_an_attachment_whose_agent_is_not_known_any_more(self):
        for ip in (None, '203.0.113.1', 'odd\n'):
            database.add_attachment(self.volume, connector('odd', ip))
        database.add_attachment(self.volume, {'host': {'odd': 1}})
        self.assertFalse(self.leave(self.use()))

    def test_an_attachment_that_is_only_reserved(self):
        """A shelved instance keeps its volume, but has no host."""
        attachment = self.use()
        database.add_attachment(self.volume)
        self.assertFalse(self.leave(attachment))
        self.assertEqual(set(), self.on())

    def test_clients_of_the_old_interface(self):
        """Their attachments never have a connector."""
        self.attach()
        first, second = (database.add_attachment(
            self.volume, attach_status=database.ATTACHED,
            attached_host='Compute-1') for _n in range(2))
        for values in ({'attached_host': 'compute-9'}, {}):
            database.add_attachment(
                self.volume, attach_status=database.ATTACHED, **values)
        self.assertTrue(self.leave(first))
        self.assertEqual({ONE}, self.on())
        self.assertFalse(self.leave(second))
        self.assertEqual(set(), self.on())

    def test_busy(self):
        self.use()
        self.cluster.fail('detachVolume', 'result', BUSY, times=10 ** 9)
        start = self.clock.now
        self.assertRaises(exception.VolumeIsBusy, self.detach)
        # Cinder's API waits for a minute.
        self.assertLess(self.clock.now - start, 35)
        self.assertEqual({ONE}, self.on())

    def test_lost_then_busy(self):
        """The agent is there: nothing is done by force."""
        self.use()
        self.cluster.fail('detachVolume', 'lost')
        self.cluster.fail('detachVolume', 'result', BUSY, times=10 ** 9)
        self.assertRaises(exception.VolumeIsBusy, self.detach)
        self.assertEqual(0, self.cluster.count('detachVolumeByIp'))

    @ddt.data('unsent', 'lost', 'hangs')
    def test_a_dead_host(self, kind):
        self.use()
        self.fail_only('detachVolume', kind)
        start = self.clock.now
        self.assertFalse(self.detach())
        self.assertLess(self.clock.now - start, 40)
        self.assertEqual(set(), self.on())
        self.assertEqual(1, self.cluster.count('detachVolumeByIp'))

    def test_a_dead_host_whose_agent_is_called_by_name(self):
        """The cluster knows it by address only; it may have several."""
        self.driver = self.make_manager(
            dsware_host_agents={'compute-1': 'agent-1.example.org'})
        self.cluster.attached[self.volume.name].add(TWO)
        self.fail_only('detachVolume', 'hangs')
        with mock.patch('socket.getaddrinfo', return_value=[
                (None, None, None, '', (address, 10519))
                for address in (ONE, ONE, TWO)]):
            self.assertFalse(self.detach())
        self.assertEqual(set(), self.on())
        self.assertEqual(2, self.cluster.count('detachVolumeByIp'))

    @ddt.data([TWO, ONE], [ONE, TWO])
    def test_a_dead_host_with_an_address_that_is_not_the_agents(self, found):
        self.driver = self.make_manager(
            dsware_host_agents={'compute-1': 'agent-1.example.org'})
        self.cluster.attached[self.volume.name].add(ONE)
        self.fail_only('detachVolume', 'hangs')
        carry_out = self.cluster.carry_out

        def know_one(request, endpoint):
            if request.args.get('detachIp') == TWO:
                return 50150024, []
            return carry_out(request, endpoint)

        with mock.patch('socket.getaddrinfo', return_value=[
                (None, None, None, '', (address, 10519))
                for address in found]), mock.patch.object(
                    self.cluster, 'carry_out', know_one):
            self.assertFalse(self.detach())
        self.assertEqual(set(), self.on())

    def test_a_dead_host_whose_name_has_no_address(self):
        self.driver = self.make_manager(
            dsware_host_agents={'compute-1': 'agent-1.example.org'})
        self.fail_only('detachVolume', 'unsent')
        with mock.patch('socket.getaddrinfo',
                        side_effect=socket.gaierror('no such name')):
            error = self.assertRaises(exception.VolumeBackendAPIException,
                                      self.detach)
        self.assertIn('agent-1.example.org', str(error))
        self.assertEqual(0, self.cluster.count('detachVolumeByIp'))

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
        with mock.patch.object(self.driver._array.hosts, 'detach',
                               side_effect=error(desc='x')):
            self.assertRaises(error, self.detach)
        self.assertEqual({ONE}, self.on())


@ddt.ddt
class SameHostTestCase(ManagerTestCase):
    """A host is written in more than one way."""

    options = {'dsware_agents': ['[::1]:10519', '192.0.2.7:10519'],
               'dsware_host_agents': {'named': '[2001:db8::7]'},
               'dsware_host_networks': ['::/64', '192.0.2.0/24',
                                        '2001:db8::/32']}

    # Each has the other one's device.
    @ddt.data(
        (('a', '::1'), ('b', '0:0:0:0:0:0:0:1')),
        (('a', '0000::0001'), ('b', '::1')),
        (('a', '192.0.2.7'), ('b', '::ffff:192.0.2.7')),
        (('a', '192.0.2.7'), ('b', '::FFFF:C000:207')),
        (('named', '192.0.2.1'), ('b', '2001:DB8:0::7')),
        (('192.0.2.7', '::1'), ('b', '192.0.2.7')),
        (('a.Example.ORG', '::1'), ('A.example.org.', '192.0.2.7')))
    @ddt.unpack
    def test_two_spellings(self, one, other):
        for first, second in ((one, other), (other, one)):
            attachment = self.use(*first, mountpoint='/dev/vdb')
            attached = self.on()
            # An upload begins and ends.
            self.assertTrue(self.detach(*second))
            self.assertEqual(attached, self.on())
            self.assertFalse(self.leave(attachment, *first,
                                        mountpoint='/dev/vdb'))

    @ddt.data((('a', '::1'), ('b', '::2')),
              (('a', '192.0.2.7'), ('b', '192.0.2.70')),
              (('a', '192.0.2.7'), ('b.a', '192.0.2.8')),
              (('named', '::1'), ('b', '192.0.2.8')))
    @ddt.unpack
    def test_two_hosts(self, one, other):
        self.use(*other, mountpoint='/dev/vdb')
        self.use(*one)
        self.assertFalse(self.detach(*one))
        self.assertEqual(1, len(self.on()))


class ForceDetachTestCase(ManagerTestCase):

    def test_a_connector_that_cinder_has_not_recorded(self):
        self.use(mountpoint='/dev/sda')
        self.assertTrue(self.detach())
        self.assertEqual({ONE}, self.on())


@ddt.ddt
class OwnUseTestCase(ManagerTestCase):
    """Cinder attaches for itself, to copy an image say."""

    def setUp(self):
        super().setUp()
        self.flags(my_ip=ONE)
        # As old as the use.
        self.volume.status = 'uploading'
        self.own = connector('cinder')

    def begin(self, status='uploading'):
        database.change_volume(self.volume, status=status)
        self.volume.volume_attachment = database.attachments(self.volume)
        self.driver.initialize_connection(self.volume, self.own)

    def end(self):
        return self.driver.terminate_connection(self.volume, self.own)

    def test_beside_an_instance(self):
        """An image of a volume in use, on an all-in-one host."""
        attachment = self.use()
        self.begin()
        self.assertTrue(self.end())
        self.assertEqual({ONE}, self.on())
        database.change_volume(self.volume, status='in-use')
        self.assertFalse(self.leave(attachment))
        self.assertEqual(set(), self.on())

    def test_an_instance_leaves_meanwhile(self):
        attachment = self.use()
        self.begin()
        self.assertTrue(self.leave(attachment))
        self.assertEqual({ONE}, self.on())
        self.assertFalse(self.end())
        self.assertEqual(set(), self.on())

    def test_an_instance_of_another_host_leaves_meanwhile(self):
        """The end of the use detaches from Cinder's own host only."""
        attachment = self.use('compute-2', TWO)
        self.begin()
        self.assertFalse(self.leave(attachment, 'compute-2', TWO))
        self.assertEqual({ONE}, self.on())
        self.assertFalse(self.end())
        self.assertEqual(set(), self.on())

    def test_an_instance_of_a_host_with_two_names_leaves_meanwhile(self):
        self.flags(my_ip='198.51.100.7')
        self.flags(dsware_agent_ip=ONE, group='os_brick')
        self.own = connector('cinder', '198.51.100.7', dsware_agent_ip=ONE)
        attachment = self.use()
        self.begin()
        self.assertTrue(self.leave(attachment))
        self.assertFalse(self.end())
        self.assertEqual(set(), self.on())

    def test_of_a_cluster_any_host_may_have_it(self):
        database.change_volume(self.volume, cluster_name='cluster@backend')
        attachment = self.use('compute-2', TWO)
        self.begin()
        self.assertTrue(self.leave(attachment, 'compute-2', TWO))
        self.assertEqual({ONE, TWO}, self.on())

    @ddt.data('backing-up', 'retyping', 'in-use', 'detaching')
    def test_a_user_leaves_whom_nobody_would_detach_later(self, status):
        """Cinder copies another volume, or Nova copies it."""
        attachment = self.use()
        database.change_volume(self.volume, status=status)
        self.assertFalse(self.leave(attachment))
        self.assertEqual(set(), self.on())


@ddt.ddt
class AnyOrderTestCase(ManagerTestCase):
    """Users of two hosts come and go, one after another, in any order.

    There is no moment at which somebody has no device, and nothing is left
    in the end.
    """

    @ddt.data(*range(8))
    def test_any_order(self, seed):
        choice = random.Random(seed)
        waiting = [choice.choice((
            connector(), connector('compute-2', TWO),
            connector('compute-1.example.org'),
            connector(mountpoint='/dev/vdb'))) for _n in range(6)]
        users = []
        while waiting or users:
            if waiting and choice.random() < 0.6:
                where = waiting.pop()
                users.append((self.use(**where), where))
            elif users:
                attachment, where = users.pop(choice.randrange(len(users)))
                self.leave(attachment, **where)
            self.assertEqual({where['ip'] for _id, where in users},
                             self.on(), seed)


class SwitchedTestCase(ManagerTestCase):
    """dsware_attach_by is another one than when the volume was attached."""

    def attached(self, kind):
        """Attach, as far as Cinder and the cluster show it."""
        self.cluster.attached[self.volume.name].add(ONE)
        found = database.add_attachment(self.volume, connector())
        database.set_connection_info(found, {'driver_volume_type': kind})
        # Cinder reads the volume anew for each request.
        self.volume.volume_attachment = database.attachments(self.volume)
        return found

    def test_to_host(self):
        self.driver = self.make_started_driver(**self.options)
        self.leave(self.attached('local'))
        self.assertEqual(set(), self.on())
        self.assertEqual('dsware', self.attach()['driver_volume_type'])

    def test_to_manager(self):
        """The connector on the host has detached it."""
        self.leave(self.attached('dsware'))
        self.assertEqual([], self.cluster.requests)
        self.assertEqual('local', self.attach()['driver_volume_type'])

    def test_force_detach(self):
        for driver in (self.driver,
                       self.make_started_driver(**self.options)):
            for kind in ('local', 'dsware'):
                attachment = self.attached(kind)
                driver.terminate_connection(self.volume, None)
                self.assertEqual(set(), self.on())
                database.remove_attachment(attachment)


class LocksTestCase(ManagerTestCase):

    def test_one_lock_for_a_volume(self):
        """Names and addresses of a host can differ between its users."""
        locks = self.patch('cinder.coordination.Coordinator.get_lock')
        self.leave(self.use())
        self.driver.terminate_connection(self.volume, None)
        self.assertEqual({('dsware-attach-' + self.volume.id,)},
                         {call.args for call in locks.call_args_list})
        self.assertEqual(locks().acquire.call_count,
                         locks().release.call_count)

    def test_nothing_is_left_of_a_lock(self):
        remove = self.patch('cinder.coordination.synchronized_remove')
        for made in (self.driver, self.make_started_driver()):
            made.clean_volume_file_locks(self.volume.id)
            remove.assert_any_call('dsware-attach-' + self.volume.id)
