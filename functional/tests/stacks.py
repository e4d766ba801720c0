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

"""The services that the tests run against.

One stack of services runs at a time, and tests that want the same one share
it: to start it takes longer than most tests.
"""

import atexit
import importlib.util
import pathlib
import socket

from dsware_sim.tests import certificates

from functional.services import cinder
from functional.services import process
from functional.services import rabbitmq
from functional.services import simulator
from functional.services import stack
from tools import secret_marks

# An outage is noticed by tests, which cannot wait as long as an operator.
_QUICK = {'dsware_request_timeout': 8, 'dsware_connect_timeout': 2}

# The longest names that fit on a cluster.
LONG_NAMES = {'volume_name_template': 'v' * 59 + '%s',
              'snapshot_name_template': 's' * 59 + '%s'}

# Cloned, cached and uploaded as volumes, for which Cinder needs a project.
_IMAGES = {
    'image_volume_cache_enabled': True,
    'image_volume_cache_max_count': 1,
    'image_upload_use_cinder_backend': True}
_IMAGE_VOLUMES = {
    'allowed_direct_url_schemes': 'cinder',
    'cinder_internal_tenant_project_id': 'internal',
    'cinder_internal_tenant_user_id': 'internal'}

# A volume that one pool could not hold goes to another one, and is not tried
# for longer than it takes to see that.
_SCHEDULING = {
    # Images are made of volumes that are in use.
    'enable_force_upload': True,
    'scheduler_max_attempts': 2,
    'scheduler_default_filters': [
        'AvailabilityZoneFilter', 'CapacityFilter', 'CapabilitiesFilter',
        'IgnoreAttemptedHostsFilter']}


# The driver's formulas decide where a volume goes, too.
_FORMULAS = {
    'scheduler_default_filters': [
        'AvailabilityZoneFilter', 'CapacityFilter', 'CapabilitiesFilter',
        'DriverFilter'],
    'scheduler_default_weighers': ['GoodnessWeigher'],
    'max_over_subscription_ratio': 'auto'}


def has_native_threads():
    """Whether the installed Cinder can run without eventlet."""
    return importlib.util.find_spec('cinder.monkey_patch') is not None


def make_default(directory):
    """One cluster, with a backend for each way to use it.

    :param directory: path
    :returns: a Stack
    """
    main = simulator.Simulator(directory / 'main')
    return stack.Stack(directory, {'main': main}, {
        'socket': ('main', dict(_QUICK)),
        'cli': ('main', dict(_QUICK, dsware_transport='cli')),
        'rest': ('main', dict(_QUICK, dsware_transport='rest')),
        'full': ('main', dict(_QUICK, dsware_clone='full')),
        'images': ('main', dict(_QUICK, **_IMAGES)),
        'images-cli': ('main', dict(_QUICK, dsware_transport='cli',
                                    dsware_clone='full', **_IMAGES)),
        'manager': ('main', dict(_QUICK, dsware_attach_by='manager')),
        'manager-cli': ('main', dict(_QUICK, dsware_attach_by='manager',
                                     dsware_transport='cli')),
        'manager-rest': ('main', dict(_QUICK, dsware_attach_by='manager',
                                      dsware_transport='rest')),
    }, options=dict(_SCHEDULING, enable_force_upload=True,
                    quota_gigabytes=-1, **_IMAGE_VOLUMES),
        image_volumes=True)


# Who signs in to the cluster that wants it.
CREDENTIALS = ('cinder', secret_marks.secret('stack'))


def make_old(directory):
    """An older cluster with one pool, and Cinder on native threads.

    A second cluster wants TLS and a password.

    :param directory: path
    :returns: a Stack
    """
    main = simulator.Simulator(directory / 'main', pools={0: 512},
                               single_pool=True)
    authority = certificates.Authority(directory, 'authority')
    secure = simulator.Simulator(
        directory / 'secure', credentials=CREDENTIALS, tls=authority.issue(
            'agents', [address for address, _port in simulator.AGENTS]))
    user, password = CREDENTIALS
    return stack.Stack(
        directory, {'main': main, 'secure': secure},
        {'old': ('main', dict(_QUICK, reserved_percentage=5)),
         'secure': ('secure', dict(
             _QUICK, driver_use_ssl=True, san_login=user,
             san_password=password, driver_ssl_cert_path=authority.path))},
        options=_FORMULAS, native_threads=has_native_threads())


def make_rescheduling(directory):
    """One cluster, with two backends of it for each transport.

    What one pool or backend fails to make is tried in the others; that a
    backend is down the scheduler learns after all the tests.

    :param directory: path
    :returns: a Stack
    """
    main = simulator.Simulator(directory / 'main')
    return stack.Stack(directory, {'main': main}, {
        f'{transport}-{number}': ('main', dict(
            _QUICK, dsware_request_timeout=15, dsware_transport=transport,
            volume_backend_name=transport))
        for transport in ('socket', 'cli', 'rest') for number in (1, 2)
    }, options=dict(
        _SCHEDULING, scheduler_max_attempts=3, quota_volumes=-1,
        backend_stats_polling_interval=3600), images=False)


def make_late(directory):
    """A cluster that is not there yet when Cinder starts; names are long.

    :param directory: path
    :returns: a Stack
    """
    reservation = process.Reservation('127.0.0.11')
    late = simulator.Simulator(directory / 'late',
                               agents=[('127.0.0.11', reservation.port)])
    reservation.release()
    return stack.Stack(directory, {'late': late},
                       {'late': ('late', dict(_QUICK))}, start_clusters=False,
                       options=LONG_NAMES, images=False)


class TwoClustersStack(stack.Stack):
    """Two clusters, a backend for each, and hosts that use both.

    A setting of os-brick's would be for one cluster only, so the backends
    say which agent is that of a host. Their fsc_cli is one for both.
    """

    def __init__(self, directory):
        """Prepare the services; start() starts them.

        :param directory: path of a directory for everything
        """
        main = simulator.Simulator(directory / 'main')
        other = simulator.Simulator(directory / 'other', agents=[
            ('127.0.0.%d' % number, 0) for number in (21, 22)])
        super().__init__(directory, {'main': main, 'other': other}, {
            'here': ('main', dict(_QUICK)),
            'there': ('other', dict(_QUICK, dsware_transport='cli')),
        }, images=False)

    def start_clusters(self):
        """Start them, and let one fsc_cli know the agents of both."""
        super().start_clusters()
        main, other = self.simulators.values()
        own = main.fsc_cli.rename(main.bin / 'fsc_cli.main')
        theirs = '|'.join('*" --ip %s "*' % host for host, _ in other.agents)
        main.fsc_cli.write_text(
            '#!/bin/sh\ncase " $* " in\n%s) exec %s "$@";;\nesac\n'
            'exec %s "$@"\n' % (theirs, other.fsc_cli, own))
        main.fsc_cli.chmod(0o755)

    def _backends(self):
        sections = super()._backends()
        for name, (cluster, _options) in self._backend_options.items():
            agents = self.simulators[cluster].agents
            sections[name]['dsware_host_agents'] = [
                '%s:%s:%d' % (host, *agents[index]) for host, index in (
                    (socket.gethostname(), stack.MANAGER),
                    ('compute', stack.COMPUTE))]
        return sections

    def _brick(self, index):
        return {'dsware_fsc_cli': self.simulator.fsc_cli,
                'dsware_simulated_devices': True}


class BackupStack(stack.Stack):
    """Cinder with cinder-backup, which is a process of its own.

    So they need a message broker, which no other stack does.
    """

    def __init__(self, directory):
        """Prepare the services; start() starts them.

        :param directory: path of a directory for everything
        """
        main = simulator.Simulator(directory / 'main')
        self.broker = rabbitmq.Broker(directory / 'broker')
        options = cinder.backup_options(directory / 'backups')
        options['transport_url'] = self.broker.url
        super().__init__(directory, {'main': main}, {
            'socket': ('main', dict(_QUICK)),
            'cli': ('main', dict(_QUICK, dsware_transport='cli')),
            'manager': ('main', dict(_QUICK, dsware_attach_by='manager')),
        }, options=options, images=False)
        self.backup = None

    def _backends(self):
        # A connector without settings of its own is that of a command here.
        address, port = self.simulator.agents[stack.MANAGER]
        here = '%s:%s:%d' % (socket.gethostname(), address, port)
        return {name: dict(section, dsware_host_agents=here)
                for name, section in super()._backends().items()}

    def _brick(self, index):
        # What cannot be attached is an error before long.
        return dict(super()._brick(index), dsware_cli_timeout=3)

    def start_clusters(self):
        """Start the broker too, which takes a while."""
        self.broker.start()
        super().start_clusters()

    def start_cinder(self):
        """Start Cinder, and cinder-backup as soon as there is a database."""
        self.broker.wait()
        super().start_cinder()
        self.cinder.wait_for_api()
        self.backup = cinder.Backup(self.cinder, self.directory / 'backups')
        self.backup.start()

    def wait(self):
        """Wait until the services answer."""
        super().wait()
        self.backup.wait()

    def stop(self):
        """Stop all that was started: the broker last."""
        try:
            if self.backup:
                self.backup.stop()
            super().stop()
        finally:
            self.broker.stop()

    def processes(self):
        """The processes of the services; see Stack."""
        more = [self.broker.process, self.backup and self.backup.process]
        return super().processes() + list(filter(None, more))

    def logs(self):
        """Where the services write what they do; see Stack."""
        return dict(super().logs(), backup=self.backup.log_path,
                    broker=self.broker.log_path)


class ClusterStack(stack.Stack):
    """Two cinder-volume processes on two hosts, in one Cinder cluster.

    The API and the scheduler are in a third one, which is not killed.
    """

    HOSTS = ('first', 'second')

    def __init__(self, directory):
        """Prepare the services; start() starts them.

        :param directory: path of a directory for everything
        """
        main = simulator.Simulator(directory / 'main')
        self.broker = rabbitmq.Broker(directory / 'broker')
        # Tests that let requests wait for long must not see them fail.
        patient = {'dsware_request_timeout': 60}
        super().__init__(directory, {'main': main}, {
            'socket': ('main', dict(patient)),
            'manager': ('main', dict(patient, dsware_transport='cli',
                                     dsware_attach_by='manager')),
        }, options={'transport_url': self.broker.url, 'cluster': 'volumes',
                    'enabled_backends': '', 'quota_volumes': 50,
                    'report_interval': 1,
                    'service_down_time': 6}, images=False)
        self.volumes = []

    def start_clusters(self):
        """Start the broker too, which takes a while."""
        self.broker.start()
        super().start_clusters()

    def start_cinder(self):
        """Start Cinder, and the hosts as soon as there is a database."""
        self.broker.wait()
        super().start_cinder()
        self.cinder.wait_for_api()
        for number, host in enumerate(self.HOSTS):
            one = cinder.Volume(self.cinder, host, {
                'DEFAULT': {'my_ip': self.simulator.agents[number][0],
                            'enabled_backends': list(self._backend_options)},
                'os_brick': self._brick(number)})
            self.volumes.append(one)
            one.start()

    def wait(self):
        """Wait until the services answer."""
        for one in self.volumes:
            one.wait()
        super().wait()

    def stop(self):
        """Stop all that was started: the broker last."""
        try:
            for one in self.volumes:
                one.stop()
            super().stop()
        finally:
            self.broker.stop()

    def processes(self):
        """The processes of the services; see Stack."""
        more = [self.broker.process] + [one.process for one in self.volumes]
        return super().processes() + list(filter(None, more))

    def logs(self):
        """Where the services write what they do; see Stack."""
        return dict(super().logs(), broker=self.broker.log_path,
                    **{one.host: one.log_path for one in self.volumes})


class Stacks(object):
    """Starts a stack when a test first wants it."""

    def __init__(self):
        self._make = None
        self._stack = None
        atexit.register(self.stop)

    def get(self, make):
        """The running stack of one kind.

        Another one that runs is stopped first.

        :param make: the function of this module that makes it
        :returns: a Stack
        """
        if make is not self._make:
            self.stop()
            self._start(make)
        return self._stack

    def stop(self):
        """Stop the stack that runs, if one does."""
        self._make = None
        running, self._stack = self._stack, None
        if running:
            running.stop()
            stack.remove(running)

    def _start(self, make):
        new = make(pathlib.Path(stack.make_directory('dsware-test-')))
        try:
            new.start()
        except BaseException:
            # The logs stay, to find out why.
            new.stop()
            raise
        self._make, self._stack = make, new


STACKS = Stacks()
