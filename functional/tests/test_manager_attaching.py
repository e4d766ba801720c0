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

"""The driver attaches: hosts with nothing of this project's on them."""

import socket
import threading

from openstack import exceptions as sdk_exceptions

from functional.services import stock_host
from functional.services import waiting
from functional.tests import base

MIB = base.MIB
GIB = base.GIB
SECONDS = 60
# Where somebody listens who has no part in the cluster.
STRANGER = '127.66.6.6'


class ManagerTestCase(base.FunctionalTestCase):

    backend = 'manager'

    def setUp(self):
        super().setUp()
        self.agents = [agent[0] for agent in self.simulator.agents]
        # The first is the host of cinder-volume too, by another name.
        self.hosts = [self.host_of(number)
                      for number, _agent in enumerate(self.agents)]

    def host_of(self, number):
        """The host of an agent; the stack stops it."""
        name = 'compute%d' % number
        services = self.stack.services
        if name not in services:
            services[name] = stock_host.StockHost(
                self.agents[number], name, self.stack.directory / name)
        return services[name]

    def reserve(self, volume, number=0):
        """Make an attachment.

        :returns: it, with what the driver said
        """
        made = self.volumes.create_attachment(
            volume.id, connector=self.hosts[number].call('properties'))
        self.addCleanup(self.volumes.delete_attachment, made.id,
                        ignore_missing=True)
        return made

    def use(self, volume, number=0):
        """Attach a volume, as Nova does.

        :returns: the attachment's id and the path of the device
        """
        made = self.reserve(volume, number)
        info = dict(made.connection_info)
        self.assertEqual('local', info['driver_volume_type'])
        path = self.hosts[number].call('connect', kind='local', data=info)
        self.volumes.complete_attachment(made.id)
        return made.id, path

    def leave(self, attachment):
        self.volumes.delete_attachment(attachment)

    def where(self):
        """Tell which agents have the volume."""
        return sorted(found['agent']
                      for found in self.control.status()['attachments'])

    def shared_type(self):
        return self.volume_type(self.backend + '-shared',
                                multiattach='<is> True')


class LifeOperations(object):
    """What is the same on all ways to the cluster."""

    # What another agent is asked for in place of a dead one.
    in_place = 'detachVolumeByIp'

    def test_attach_write_detach(self):
        volume = self.create_volume()
        self.assertEqual([], self.hosts[0].call('modules'))

        attachment, path = self.use(volume)

        self.assertEqual([self.agents[0]], self.where())
        self.assert_device_size(path, 1)
        self.write(path, 'kept', MIB)
        self.leave(attachment)
        self.cloud.wait_for_volume(volume)
        self.assertEqual([], self.where())
        attachment, path = self.use(volume, 1)
        self.assertEqual([self.agents[1]], self.where())
        self.assert_written(path, 'kept', MIB)
        self.leave(attachment)

    def test_dead_host(self):
        """Its agent gives no answer; another one detaches in its place."""
        volume = self.create_volume()
        attachment, _path = self.use(volume, 1)
        self.control.agent_down(self.agents[1])
        self.addCleanup(self.control.agent_up, self.agents[1])

        self.leave(attachment)

        self.assertEqual([], self.where())
        self.assertLessEqual(1, self.control.counts()[self.in_place])


class SocketTest(LifeOperations, ManagerTestCase):

    def test_users_of_one_host_and_of_two(self):
        volume = self.create_volume(volume_type=self.shared_type())
        # As in a live migration, too, both hosts have it for a while.
        other, path = self.use(volume, 0)
        self.write(path, 'shared', 0)
        first, second = (self.use(volume, 1)[0] for _n in range(2))
        self.assertEqual(sorted(self.agents[:2]), self.where())

        self.leave(second)
        self.assertEqual(sorted(self.agents[:2]), self.where())
        self.leave(other)
        self.assertEqual([self.agents[1]], self.where())
        self.leave(first)

        self.cloud.wait_for_volume(volume)
        self.assertEqual([], self.where())

    def test_users_come_and_go_at_once(self):
        volume = self.create_volume(volume_type=self.shared_type())
        attachments = [self.use(volume)[0] for _n in range(3)]

        threads = [threading.Thread(target=self.leave, args=(one,))
                   for one in attachments]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS)

        self.cloud.wait_for_volume(volume)
        # Should each have seen another one, it is still attached until the
        # next use on that host ends.
        attachment, _path = self.use(volume)
        self.leave(attachment)
        self.assertEqual([], self.where())

    def test_upload_beside_a_user_of_the_host(self):
        volume = self.create_volume()
        attachment, path = self.use(volume)
        self.write(path, 'before', 0)

        image = self.start_upload(volume)
        self.finish_upload(volume, image, 'in-use')

        self.assertEqual([self.agents[0]], self.where())
        self.assert_written(path, 'before', 0)
        self.leave(attachment)
        self.assertEqual([], self.where())

    def test_user_leaves_before_the_upload_ends(self):
        volume = self.create_volume()
        attachment, path = self.use(volume)
        self.write(path, 'before', 0)
        # The upload begins with it; so it lasts for long enough.
        self.control.add_fault(kind='delay', op='attachVolume', seconds=3,
                               count=1)

        # From now on Cinder says that it is uploaded.
        image = self.start_upload(volume)
        self.leave(attachment)

        self.finish_upload(volume, image, None)
        waiting.wait_for(lambda: not self.where(), SECONDS,
                         'The end of the attachment')

    def start_upload(self, volume):
        answer = self.volumes.upload_volume_to_image(
            volume, self.id(), force=True, disk_format='raw',
            container_format='bare')
        self.addCleanup(self.images.delete_image, answer['image_id'])
        return answer['image_id']

    def finish_upload(self, volume, image, status):
        self.cloud.wait_for_image(image)
        if status:
            self.cloud.wait_for_volume(volume, status)
        self.assertEqual(GIB, self.images.get_image(image).size)

    def test_device_that_is_in_use_is_not_taken_away(self):
        volume = self.create_volume()
        attachment, path = self.use(volume)
        self.hosts[0].call('open', path=path)

        self.assertRaises(sdk_exceptions.HttpException, self.leave,
                          attachment)
        self.assertEqual([self.agents[0]], self.where())
        # An agent that has answered is not taken for dead.
        silence = self.control.add_fault(kind='hang', op='detachVolume',
                                         skip=1)
        self.addCleanup(self.control.clear_faults, silence)
        self.assertRaises(sdk_exceptions.HttpException, self.force_detach,
                          volume, attachment)

        self.assertEqual([self.agents[0]], self.where())
        self.control.clear_faults(silence)
        self.hosts[0].call('close')
        self.leave(attachment)
        self.assertEqual([], self.where())

    def force_detach(self, volume, attachment):
        self.volumes.detach_volume(volume, attachment, force=True)

    def test_force_detach(self):
        volume = self.create_volume()
        attachment, _path = self.use(volume)

        self.force_detach(volume, attachment)

        self.cloud.wait_for_volume(volume)
        self.assertEqual([], self.where())

    def test_force_detach_of_a_dead_host(self):
        volume = self.create_volume()
        attachment, _path = self.use(volume, 1)
        self.control.agent_down(self.agents[1])
        self.addCleanup(self.control.agent_up, self.agents[1])

        self.force_detach(volume, attachment)

        self.cloud.wait_for_volume(volume)
        self.assertEqual([], self.where())

    def test_extend(self):
        """Refused in use, as Nova could not tell the instance."""
        self.assertEqual({False}, {
            pool['online_extend_support'] for pool in self.pools().values()})
        volume = self.create_volume()
        attachment, path = self.use(volume)

        self.volumes.extend_volume(volume.id, 2)
        waiting.wait_for(
            lambda: self.volumes.get_volume(volume).status == 'in-use',
            SECONDS, 'The refusal')

        self.assertEqual(1, self.volumes.get_volume(volume).size)
        self.assert_device_size(path, 1)
        self.leave(attachment)
        self.volumes.extend_volume(volume.id, 2)
        self.assertEqual(2, self.cloud.wait_for_volume(volume).size)

    def test_answer_is_lost(self):
        volume = self.create_volume()
        self.control.add_fault(kind='drop_after', op='attachVolume', count=1)
        attachment, path = self.use(volume)
        self.write(path, 'written', 0)
        self.control.add_fault(kind='drop_after', op='detachVolume', count=1)
        self.leave(attachment)
        self.assertEqual([], self.where())


class ConnectorTest(ManagerTestCase):
    """What a project's member writes leads the driver nowhere."""

    def setUp(self):
        super().setUp()
        self.server = socket.create_server((STRANGER, 0))
        self.addCleanup(self.server.close)
        self.server.settimeout(0)
        self.connector = {
            'host': 'stranger', 'ip': STRANGER, 'dsware_cli': True,
            'dsware_agent_ip': STRANGER,
            'dsware_agent_port': self.server.getsockname()[1]}

    def assert_nobody_came(self):
        self.assertRaises(BlockingIOError, self.server.accept)

    def test_manager(self):
        volume = self.create_volume()
        for refused in (
                lambda: self.volumes.init_volume_attachment(
                    volume, self.connector),
                lambda: self.volumes.init_volume_attachment(volume, {}),
                lambda: self.volumes.init_volume_attachment(
                    volume, dict(self.connector, host='a\nb'))):
            self.assertRaises(sdk_exceptions.BadRequestException, refused)
        # An error of the server for all that is wrong, as Cinder has it.
        self.assertRaises(sdk_exceptions.HttpException,
                          self.volumes.create_attachment, volume.id,
                          connector=self.connector)
        for found in self.volumes.attachments():
            self.leave(found.id)
        self.volumes.terminate_volume_attachment(volume, {})
        self.volumes.terminate_volume_attachment(volume, None)
        self.assert_nobody_came()

    def test_host(self):
        self.backend = 'socket'
        volume = self.create_volume()
        made = self.volumes.create_attachment(volume.id,
                                              connector=self.connector)
        # A host believes in an address only if it is its own.
        self.assertNotEqual(self.connector['dsware_agent_port'],
                            made.connection_info['agent_port'])
        self.volumes.terminate_volume_attachment(volume, None)
        self.leave(made.id)
        self.cloud.wait_for_volume(volume)
        self.assert_nobody_came()
        self.assertLessEqual(1, self.control.counts()['detachVolumeByIp'])


class CLITest(LifeOperations, ManagerTestCase):

    backend = 'manager-cli'


class RESTTest(LifeOperations, ManagerTestCase):

    backend = 'manager-rest'
    # The manager is asked in any case.
    in_place = 'detachVolume'
