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

"""The Compute service: the API, a conductor, a scheduler, a compute host.

The host is that of Cinder's services; what they attach they share.
"""

import shutil

from functional.box import service
from functional.services import cinder
from functional.services import cryptsetup
from functional.services import http
from functional.services import installation
from functional.services import process
from functional.services import programs

START_SECONDS = 120
DATABASES = {'api_database': 'nova_api', 'database': 'nova'}
# Where Nova would ask sudo for root's rights, which it has.
_WORKAROUNDS = {'disable_rootwrap': True}
# What is small enough to be many on this machine.
_RATIOS = {'cpu_allocation_ratio': 64, 'ram_allocation_ratio': 4,
           'disk_allocation_ratio': 64, 'reserved_host_memory_mb': 512}


class Nova(object):
    """The service's processes; ``url`` is where the API answers."""

    def __init__(self, machine, directory, infrastructure, keystone,
                 libvirt_uri, address):
        """Prepare Nova; start() starts it.

        :param machine: the Machine that it is installed on
        :param directory: path of a directory for its files
        :param infrastructure: an infrastructure.Infrastructure
        :param keystone: a keystone.Keystone
        :param libvirt_uri: where libvirt answers
        :param address: address of the host
        """
        self.directory = directory
        self.config_path = directory / 'etc' / 'nova.conf'
        self._infrastructure = infrastructure
        self._keystone = keystone
        self._libvirt_uri = libvirt_uri
        self._address = address
        self._reservation, self._network = (process.Reservation(),
                                            process.Reservation())
        self._root = 'http://127.0.0.1:%d' % self._reservation.port
        self.url = self._root + '/v2.1'
        self.network_url = 'http://127.0.0.1:%d' % self._network.port
        self._config = ('--config-file', str(self.config_path))
        environment = service.make_environment(
            directory / 'bin', OS_NOVA_CONFIG_DIR=str(directory / 'etc'))
        self.service = service.Service(directory, machine.command,
                                       environment)

    def start(self):
        """Fill the databases and start all but the compute host.

        :raises functional.services.process.ProcessFailed: they cannot be
            filled
        """
        for name in ('etc', 'instances'):
            (self.directory / name).mkdir(parents=True)
        programs.write_sudo(self.directory / 'bin')
        # Nova formats encrypted volumes with it; QEMU reads and writes them.
        cryptsetup.install(self.directory / 'bin', self.directory)
        shutil.copy(programs.data_directory('nova', 'etc/nova')
                    / 'api-paste.ini', self.directory / 'etc')
        self._infrastructure.database('nova_cell0')
        programs.write_config(self.config_path, self._configuration())
        for command in ('api_db sync', 'cell_v2 map_cell0', 'db sync',
                        'cell_v2 create_cell --name cell1'):
            self.service.run('nova-manage', *self._config, *command.split())
        self.service.serve('neutron', 'functional.box.neutron',
                           self._network)
        self.service.serve('nova-api', 'nova.wsgi.osapi_compute',
                           self._reservation)
        for name in ('nova-conductor', 'nova-scheduler'):
            self.service.start(name, *self._config)

    def start_host(self):
        """Start the compute host, which needs Keystone and Placement."""
        self.service.start('nova-compute', *self._config)

    def wait_for_api(self):
        """Wait until the API answers.

        :raises functional.services.process.ProcessFailed: it does not
        """
        self.service.wait(lambda: http.get(self._root), START_SECONDS,
                          'An answer of Nova at ' + self._root)

    def wait_for_services(self, compute):
        """Wait until all is up, and let the scheduler know the host.

        :param compute: the Compute API of openstacksdk
        :raises functional.services.process.ProcessFailed: it is not
        """
        wanted = {'nova-compute', 'nova-conductor', 'nova-scheduler'}
        self.service.wait(
            lambda: wanted <= {one.binary for one in compute.services()
                               if one.state == 'up'}, START_SECONDS,
            'The start of all Nova services')
        self.service.run('nova-manage', *self._config, 'cell_v2',
                         'discover_hosts')

    def stop(self):
        """End the processes; those that are not there are fine."""
        self.service.stop()
        for reservation in (self._reservation, self._network):
            reservation.release()

    def _configuration(self):
        common = self._infrastructure.sections(self.directory)
        user = self._keystone.sign_in('nova')
        return {
            **common, **self._keystone.sections('nova', 'compute'),
            'DEFAULT': {
                **common['DEFAULT'], **_RATIOS, 'debug': True,
                'my_ip': self._address, 'state_path': self.directory,
                'compute_driver': 'libvirt.LibvirtDriver',
                'report_interval': 5,
                # Its guests do not listen to the power button.
                'shutdown_timeout': 1,
                'block_device_allocate_retries_interval': 1,
                'allow_resize_to_same_host': True},
            **{section: self._infrastructure.database(name)
               for section, name in DATABASES.items()},
            'api': {'auth_strategy': 'keystone'},
            'quota': {'driver': 'nova.quota.NoopQuotaDriver'},
            'conductor': {'workers': 1}, 'scheduler': {'workers': 1},
            'libvirt': {
                'connection_uri': self._libvirt_uri, 'virt_type': 'qemu',
                'cpu_mode': 'none', 'images_type': 'raw',
                'inject_partition': -2,
                # A gigabyte of zeros need not be sent.
                'snapshot_image_format': 'qcow2'},
            'vnc': {'enabled': False}, 'spice': {'enabled': False},
            'placement': user, 'glance': user, 'neutron': user,
            'cinder': {**user, 'os_region_name': user['region_name'],
                       'catalog_info': 'block-storage::publicURL'},
            'key_manager': cinder.key_manager('nova'),
            'workarounds': _WORKAROUNDS,
            'os_brick': installation.brick_options()}
