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
"""Users of volumes on one host and on several, in processes of their own."""

import concurrent.futures
import os
import shutil
import subprocess
import uuid

from os_brick_dsware import devices
from os_brick_dsware import ledger as ledgers
from os_brick_dsware import properties

from functional.services import calls
from functional.services import host
from functional.services import simulator
from functional.services import stack
from functional.services import waiting
from functional.tests import base

GIB = base.GIB
MIB = base.MIB
SECONDS = 60

SAVE = 'os_brick_dsware.ledger:Ledger.save'
LOCKED = 'os_brick_dsware.ledger:Ledger.users'
ATTACH = 'os_brick_dsware.programs:FSCCli.attach'
DETACH = 'os_brick_dsware.programs:FSCCli.detach'
FLUSH = 'os_brick_dsware.host_volume:HostVolume._flush'

# Where a service that attaches is killed: with the lock and no record, with
# a record and nothing done, and so on, to where all is done but nobody was
# told.
WHILE_ATTACHING = (
    {'function': LOCKED, 'after': True},
    {'function': SAVE, 'after': True},
    {'function': ATTACH, 'after': True},
    {'function': SAVE, 'after': True, 'count': 2})
WHILE_DETACHING = (
    {'function': FLUSH, 'after': True},
    {'function': DETACH, 'after': True},
    {'function': SAVE, 'after': True})


class AttachingTestCase(base.FunctionalTestCase):
    """Has services of the compute host, and of the host of Cinder."""

    def setUp(self):
        super().setUp()
        self.locks = self.stack.directory / 'compute' / 'locks'

    def new_service(self, index=stack.COMPUTE, locks=None, **options):
        """Make a service of a host; it is not started.

        :param index: of the agent of its host
        :param locks: directory of locks, or None for that of the host that
                      this process is
        :param options: of the section [os_brick] that are to be changed;
                        None for one that is not to be set
        :returns: a host.Service
        """
        agent = self.simulator.agents[index]
        brick = {**simulator.brick_options(agent, self.simulator.fsc_cli),
                 **options}
        return host.Service(
            self.cloud, self.stack.directory / uuid.uuid4().hex[:8], agent[0],
            {key: value for key, value in brick.items() if value is not None},
            locks or self.locks, 'host-%d' % (index % 2))

    def service(self, number=0, **description):
        """A service that no test kills; all tests of a stack share it.

        :param number: tells apart those that are described alike
        :param description: see new_service()
        :returns: a host.Service that runs
        """
        key = repr((number, sorted(description.items())))
        if key not in self.stack.services:
            made = self.new_service(**description)
            made.start()
            self.stack.services[key] = made
        self.addCleanup(self.stack.services[key].disconnect_all)
        return self.stack.services[key]

    def own_service(self, **description):
        """A service that ends with the test, and may do so earlier.

        :param description: see new_service()
        :returns: a host.Service that is not started
        """
        made = self.new_service(**description)
        self.addCleanup(made.stop)
        self.addCleanup(made.disconnect_all)
        return made

    def all_in_one(self):
        """A service of Cinder's own host; see service()."""
        return self.service(
            index=stack.MANAGER,
            locks=self.stack.directory / 'cinder' / 'locks')

    def shared_volume(self):
        """Create a volume that may be attached more than once."""
        return self.create_volume(volume_type=self.volume_type(
            self.backend + '-shared', multiattach='<is> True'))

    def reserve(self, service, volume, **data):
        """Ask Cinder for an attachment that ends with the test.

        For Cinder it is complete, so that others may be asked for.
        """
        made = service.reserve(volume, **data)
        self.addCleanup(self._delete_attachment, made)
        self.volumes.complete_attachment(made.id)
        return made

    def attach_to(self, service, volume, **data):
        """Attach a volume to the host of a service."""
        made = self.reserve(service, volume, **data)
        service.connect(made)
        return made

    def _delete_attachment(self, made):
        if made.id in [one.id for one in self.volumes.attachments()]:
            self.volumes.delete_attachment(made.id)

    def as_instance(self, instance=None):
        """What Nova's volume driver adds for an instance."""
        return {properties.USER_KIND: ledgers.INSTANCE,
                properties.INSTANCE_ID: instance or str(uuid.uuid4())}

    def agents_of(self, volume):
        """The agents that have a volume attached."""
        return sorted(found['agent']
                      for found in self.control.status()['attachments']
                      if found['name'] == 'volume-' + volume.id)

    def agent(self, index):
        """The address of an agent."""
        return self.simulator.agents[index][0]

    def users(self, volume, locks=None):
        """Who is recorded to use a volume."""
        ledger = ledgers.Ledger(str((locks or self.locks) / 'dsware'))
        return ledger.users('volume-' + volume.id)

    def assert_nothing_is_left(self, volume, locks=None):
        """Check that no host has the volume, and nothing tells of it."""
        self.assertEqual([], self.agents_of(volume))
        self.assertEqual([], self.users(volume, locks))
        self.assertFalse(os.path.lexists(
            '/dev/disk/by-id/wwn-0x' + self.volume_on_cluster(volume)['wwn']))

    def check(self, service, volume, seed, read=None):
        """Attach, look for bytes, write others, detach."""
        made = self.attach_to(service, volume)
        if read:
            self.assert_written(made.path, read, 0)
        self.write(made.path, seed, 0)
        service.detach(made)


class SharingTest(AttachingTestCase):
    """Users of one host share the device; the last one detaches it."""

    def test_instances_and_services_in_every_order(self):
        volume = self.shared_volume()
        other = self.service()
        for order in ((0, 1, 2), (2, 0, 1), (1, 2, 0)):
            uses = [(self.host, self.as_instance()), (other, {}),
                    (other, self.as_instance())]
            made = [(service, self.attach_to(service, volume, **data))
                    for service, data in uses]
            self.assertEqual(1, len({one.path for _service, one in made}))
            for index in order[:-1]:
                made[index][0].detach(made[index][1])
                self.assertEqual([self.agent(stack.COMPUTE)],
                                 self.agents_of(volume))
                self.write(made[order[-1]][1].path, 'still there', 0)
            made[order[-1]][0].detach(made[order[-1]][1])
            self.assert_nothing_is_left(volume)

    def test_image_is_uploaded_from_a_volume_in_use(self):
        """And the instance leaves before Cinder has read all of it."""
        volume = self.create_volume()
        service = self.all_in_one()
        locks = self.stack.directory / 'cinder' / 'locks'
        made = self.attach_to(service, volume, **self.as_instance())
        self.write(made.path, 'image', 0)
        os.sync()

        answer = self.volumes.upload_volume_to_image(
            volume, self.id(), force=True, disk_format='qcow2',
            container_format='bare')
        self.addCleanup(self.images.delete_image, answer['image_id'])
        waiting.wait_for(
            lambda: [user for user in self.users(volume, locks)
                     if user.kind == ledgers.PROCESS and user.path],
            SECONDS, "Cinder's use of the volume")
        service.disconnect(made)
        self.cloud.wait_for_image(answer['image_id'])
        self.volumes.delete_attachment(made.id)

        self.cloud.wait_for_volume(volume)
        self.assert_nothing_is_left(volume, locks)
        path, raw = self.directory / 'image', self.directory / 'raw'
        self.images.download_image(answer['image_id'], output=str(path),
                                   stream=True)
        subprocess.run(['qemu-img', 'convert', '-f', 'qcow2', '-O', 'raw',
                        str(path), str(raw)], check=True)
        self.assert_written(raw, 'image', 0)

    def test_processes_at_once(self):
        """Whoever has the volume finds it there, whatever others do."""
        volume = self.shared_volume()
        services = [self.service(), self.service(1), self.host]
        made = [self.reserve(service, volume) for service in services]

        def use(number):
            one, seed = made[number], 'user %d' % number
            for _round in range(4):
                services[number].connect(one)
                self.write(one.path, seed, number * MIB)
                self.assert_written(one.path, seed, number * MIB)
                services[number].disconnect(one)

        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            list(pool.map(use, range(3)))
        self.assert_nothing_is_left(volume)

    def test_extended_on_every_host(self):
        volume = self.shared_volume()
        services = [self.host, self.service(), self.all_in_one()]
        made = [(service, self.attach_to(service, volume))
                for service in services]
        self.assertEqual(2, len(self.agents_of(volume)))

        self.volumes.extend_volume(volume.id, 3)
        self.cloud.wait_for_volume(volume, 'in-use')

        for service, one in made:
            self.assertEqual(3 * GIB, service.extend(one))
            self.assert_device_size(one.path, 3)
        self.write(made[0][1].path, 'end', 3 * GIB - MIB)
        for service, one in made:
            service.detach(one)
        with self.attached(volume) as path:
            self.assert_written(path, 'end', 3 * GIB - MIB)


class LiveMigrationTest(AttachingTestCase):
    """A source and a destination, in Nova's order."""

    def hosts(self, shared=False):
        """Start nova-compute's part on two hosts.

        :param shared: whether one machine plays both, with one directory of
                       records
        :returns: source and destination
        """
        top = self.stack.directory
        return (self.service(index=stack.COMPUTE, locks=top / 'source'),
                self.service(index=stack.MANAGER, locks=top / (
                    'source' if shared else 'destination')))

    def start_migration(self, source, destination):
        """What Nova does before the guest moves.

        :returns: the volume, and its attachments to source and destination
        """
        volume = self.shared_volume()
        instance = self.as_instance()
        old = self.attach_to(source, volume, **instance)
        self.write(old.path, 'before', 0)
        os.sync()
        # pre_live_migration
        new = self.attach_to(destination, volume, **instance)
        self.assertEqual(2, len(self.agents_of(volume)))
        return volume, old, new

    def finish(self, volume, service, made):
        """End the instance where it is now."""
        self.write(made.path, 'after', MIB)
        service.detach(made)
        self.cloud.wait_for_volume(volume)
        for name in ('source', 'destination'):
            self.assert_nothing_is_left(volume, self.stack.directory / name)

    def test_success(self):
        for shared in (False, True):
            source, destination = self.hosts(shared)
            volume, old, new = self.start_migration(source, destination)
            # post_live_migration, with the source's connection_info
            source.disconnect(old)
            self.volumes.delete_attachment(old.id)
            self.assertEqual([self.agent(stack.MANAGER)],
                             self.agents_of(volume))
            self.finish(volume, destination, new)

    def test_rollback(self):
        for shared in (False, True):
            source, destination = self.hosts(shared)
            volume, old, new = self.start_migration(source, destination)
            # remove_volume_connection, with that of the destination
            destination.disconnect(new)
            self.volumes.delete_attachment(new.id)
            self.assertEqual([self.agent(stack.COMPUTE)],
                             self.agents_of(volume))
            # rollback_live_migration_at_destination has that of the source
            # by then, and forces.
            if not shared:
                destination.disconnect(old, force=True)
            self.assertEqual([self.agent(stack.COMPUTE)],
                             self.agents_of(volume))
            self.finish(volume, source, old)

    def test_rollback_that_knows_only_the_source(self):
        """The destination has the volume, and Nova forgot its attachment."""
        source, destination = self.hosts()
        volume, old, new = self.start_migration(source, destination)
        self.volumes.delete_attachment(new.id)

        destination.disconnect(old, force=True)

        self.assertEqual([self.agent(stack.COMPUTE)], self.agents_of(volume))
        self.finish(volume, source, old)

    def test_evacuated_host_comes_back(self):
        """It is told the connection information of the new host."""
        for own_address in (True, False):
            source, destination = self.hosts()
            if not own_address:
                source = self.service(
                    index=stack.COMPUTE, dsware_agent_ip=None,
                    dsware_agent_port=None,
                    locks=self.stack.directory / 'source')
            volume, old, new = self.start_migration(source, destination)

            source.disconnect(new, force=True)
            self.volumes.delete_attachment(old.id)

            self.assertEqual([self.agent(stack.MANAGER)],
                             self.agents_of(volume))
            self.finish(volume, destination, new)


class KilledTest(AttachingTestCase):
    """A service is killed, and another one goes on."""

    def test_while_attaching(self):
        volume = self.shared_volume()
        self.write_first(volume)
        service = self.own_service()
        for point in WHILE_ATTACHING:
            service.start()
            made = self.reserve(service, volume)
            service.die_at(**point)
            self.assertRaises(calls.Died, service.connect, made)
            service.kill()
            # Its lock is gone, and its record counts for nobody.
            self.check(self.host, volume, 'first', 'first')
            self.assert_nothing_is_left(volume)
            self.volumes.delete_attachment(made.id)

    def test_while_detaching(self):
        volume = self.shared_volume()
        self.write_first(volume)
        service = self.own_service()
        for point in WHILE_DETACHING:
            service.start()
            made = self.attach_to(service, volume, **self.as_instance())
            service.die_at(**point)
            self.assertRaises(calls.Died, service.disconnect, made)
            service.kill()
            # It is tried again, as Nova does for an instance.
            self.host.disconnect(made)
            self.assert_nothing_is_left(volume)
            self.volumes.delete_attachment(made.id)
        self.check(self.host, volume, 'second', 'first')

    def test_while_attaching_what_others_have(self):
        volume = self.shared_volume()
        mine = self.attach(volume)
        service = self.own_service()
        service.start()
        made = self.reserve(service, volume)
        service.die_at(ATTACH, after=True)
        self.assertRaises(calls.Died, service.connect, made)
        service.kill()
        self.volumes.delete_attachment(made.id)
        self.write(mine.path, 'still there', 0)
        self.host.detach(mine)
        self.assert_nothing_is_left(volume)

    def test_while_the_command_runs(self):
        """fsc_cli goes on, and attaches the volume for nobody.

        It does so only when the next user would have left already, unless
        that one waits for it.
        """
        volume = self.shared_volume()
        service = self.own_service()
        service.start()
        made = self.reserve(service, volume)
        self.control.add_fault(kind='delay', op='attachVolume', seconds=4)
        before = self.control.counts().get('attachVolume', 0)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            died = pool.submit(service.connect, made)
            waiting.wait_for(
                lambda: self.control.counts().get('attachVolume', 0) > before,
                SECONDS, 'The command')
            service.kill_only()
            self.assertRaises((calls.Died, OSError), died.result)
        self.control.clear_faults()

        mine = self.host.reserve(volume)
        self.host.connect(mine)
        self.write(mine.path, 'mine', 0)
        self.host.disconnect(mine)
        self.volumes.delete_attachment(mine.id)
        self.volumes.delete_attachment(made.id)
        waiting.wait_for(
            lambda: not any({f'volume-{volume.id}', 'attachVolume'} <= {*argv}
                            for _pid, argv in devices.Devices().commands()),
            SECONDS, 'The end of the command')
        self.assert_nothing_is_left(volume)

    def test_instance_outlives_its_service(self):
        volume = self.shared_volume()
        service = self.own_service()
        service.start()
        made = self.attach_to(service, volume, **self.as_instance())
        service.kill()
        self.host.detach(self.attach_to(self.host, volume))
        self.write(made.path, 'still there', 0)
        service.start()
        service.detach(made)
        self.assert_nothing_is_left(volume)

    def write_first(self, volume):
        with self.attached(volume) as path:
            self.write(path, 'first', 0)


class ConfusedAgentTest(AttachingTestCase):
    """An agent names the device of another volume of the same size."""

    def test_device_of_another_volume(self):
        theirs, volume = self.create_volume(), self.create_volume()
        # Of a service that keeps its records elsewhere.
        own_locks = self.directory / 'locks'
        with self.attached(theirs) as path:
            self.write(path, 'theirs', 0)
            service = self.own_service(
                locks=own_locks, dsware_simulated_devices=None,
                dsware_fsc_cli=self.confused(os.path.realpath(path)))
            service.start()
            made = self.reserve(service, volume)

            error = self.assertRaises(calls.CallFailed, service.connect, made)

            self.assertIn('no device could be shown to be its own',
                          str(error))
            self.assert_written(path, 'theirs', 0)
        self.assert_nothing_is_left(volume, own_locks)

    def confused(self, device):
        path = self.directory / 'fsc_cli'
        path.write_text(
            '#!/bin/sh\n%s "$@" | sed "s:devName=[^]]*:devName=%s:"\n'
            % (self.simulator.fsc_cli, device))
        path.chmod(0o755)
        return path


class BootTest(AttachingTestCase):
    """The host is booted while a volume is attached."""

    def setUp(self):
        super().setUp()
        self.own_locks = self.directory / 'locks'
        self.before = self.own_service(locks=self.own_locks)
        self.before.start('before')

    def boot(self):
        """Boot the host: processes end, and the kernel has another id."""
        self.before.kill()
        after = self.own_service(locks=self.own_locks)
        after.start('after')
        return after

    def assert_forgotten(self):
        self.assertEqual(['after'], os.listdir(self.own_locks / 'dsware'))

    def test_devices_are_gone(self):
        volume = self.create_volume()
        made = self.attach_to(self.before, volume, **self.as_instance())
        self.write(made.path, 'kept', 0)
        self.cli('detachVolume', volume)

        after = self.boot()
        # Nova resumes its guests with what it has stored.
        after.connect(made)

        self.assert_written(made.path, 'kept', 0)
        self.assert_forgotten()
        after.detach(made)
        self.assert_nothing_is_left(volume, self.own_locks)

    def test_devices_came_back(self):
        """The agent attaches again what was attached before."""
        volume = self.create_volume()
        made = self.attach_to(self.before, volume, **self.as_instance())
        self.write(made.path, 'kept', 0)

        after = self.boot()
        after.connect(made)
        self.assert_written(made.path, 'kept', 0)
        self.assert_forgotten()
        after.detach(made)
        self.assert_nothing_is_left(volume, self.own_locks)

    def test_instance_was_deleted_meanwhile(self):
        volume = self.create_volume()
        made = self.attach_to(self.before, volume, **self.as_instance())
        self.cli('detachVolume', volume)
        after = self.boot()
        after.detach(made)
        self.cloud.wait_for_volume(volume)
        self.check(after, volume, 'new')
        self.assert_forgotten()

    def test_records_are_lost(self):
        """All of them, while an instance has the volume."""
        volume = self.shared_volume()
        made = self.attach_to(self.before, volume, **self.as_instance())
        shutil.rmtree(self.own_locks / 'dsware')

        other = self.attach_to(self.before, volume)
        self.assertEqual(made.path, other.path)
        with open(made.path, 'rb'):
            error = self.assertRaises(calls.CallFailed,
                                      self.before.disconnect, other)
            self.assertIn('VolumeInUse', str(error))
        self.before.detach(other)
        self.before.detach(made)
        self.assert_nothing_is_left(volume, self.own_locks)

    def cli(self, op, volume):
        """Have the agent of this host do something behind our back."""
        address, port = self.simulator.agents[stack.COMPUTE]
        subprocess.run(
            [str(self.simulator.fsc_cli), '--manage_ip', address, '--ip',
             address, '--port', str(port), '--op', op, '--volName',
             'volume-' + volume.id], check=True, capture_output=True)


class RecordTest(AttachingTestCase):
    """What the records say of real services."""

    def test_users(self):
        volume = self.shared_volume()
        service = self.service()
        instance = str(uuid.uuid4())
        made = self.attach_to(service, volume, **self.as_instance(instance))
        mine = self.attach(volume)

        first, second = self.users(volume)

        self.assertEqual(
            (ledgers.INSTANCE, instance, service.process.pid,
             self.agent(stack.COMPUTE), made.path),
            (first.kind, first.instance, first.process.pid, first.agent,
             first.path))
        self.assertEqual(
            (ledgers.PROCESS, '', ledgers.this_process()),
            (second.kind, second.instance, second.process))
        self.assertEqual(os.path.realpath(made.path), first.device)
        self.detach_both(service, made, mine)

    def test_attachment_that_nova_lost(self):
        volume = self.shared_volume()
        instance = self.as_instance()
        lost = self.attach_to(self.host, volume, **instance)
        new = self.attach_to(self.host, volume, **instance)
        self.assertEqual(1, len(self.users(volume)))
        self.volumes.delete_attachment(lost.id)
        self.host.detach(new)
        self.assert_nothing_is_left(volume)

    def detach_both(self, service, made, mine):
        service.detach(made)
        self.host.detach(mine)
        self.assert_nothing_is_left(self.volumes.get_volume(made.volume_id))
