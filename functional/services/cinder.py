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

"""A real Cinder: SQLite, no Keystone.

API, scheduler and volume service are one process; there may be more beside.
"""

import configparser
import os
import socket
import sqlite3
import sys

from functional.services import http
from functional.services import process
from functional.services import programs

START_SECONDS = 120
BESIDE_SECONDS = 60


class Cinder(object):
    """The Block Storage service in a process of its own."""

    def __init__(self, directory, glance_url, backends, first_on_path=(),
                 my_ip='127.0.0.1', brick_options=None, options=None,
                 native_threads=False, outlive=False, reservation=None):
        """Prepare Cinder; start() starts it.

        :param directory: path of a directory for its files
        :param glance_url: where Glance answers
        :param backends: a dict of backend name to a dict of its options
        :param first_on_path: directories to search first for programs
        :param my_ip: this host's address, as connectors report it
        :param brick_options: a dict of options for the section [os_brick]
        :param options: a dict of options to add to [DEFAULT], or to change
        :param native_threads: run without eventlet
        :param outlive: whether it goes on when this process ends
        :param reservation: the port to listen on; by default a free one
        """
        self.directory = directory
        self.config_path = directory / 'etc' / 'cinder.conf'
        self.log_path = directory / 'cinder.log'
        self._paste_path = directory / 'etc' / 'api-paste.ini'
        self.backends = dict(backends)
        self._glance_url = glance_url
        self._path = programs.search_path(directory / 'bin', *first_on_path)
        self._my_ip = my_ip
        self._brick_options = dict(brick_options or {})
        self._options = dict(options or {})
        self._native_threads = native_threads
        self._outlive = outlive
        self._reservation = reservation or process.Reservation()
        self.url = api_url(self._reservation)
        self._nova = process.Reservation()
        #: Where a test may stand in for Nova; nothing answers there else.
        self.nova_address = ('127.0.0.1', self._nova.port)
        self.process = None

    def start(self):
        """Write the configuration and start the process.

        It is not waited for; see wait(). After a stop() the services start
        again with the same address, database and configuration.
        """
        self._write_files()
        self.process = process.Process(
            'cinder', self.command(), self.directory / 'output.log',
            self.environment(), self._outlive)
        self.process.start()

    def command(self):
        """What starts the services: program and arguments."""
        return [sys.executable, '-m', 'functional.services.cinder_process',
                'all', '--config-file', str(self.config_path)]

    def wait(self):
        """Wait until all services are up and each backend reports pools.

        :raises functional.services.process.ProcessFailed: they do not
        """
        self.process.wait_until(self._services_up, START_SECONDS,
                                'The start of all Cinder services')
        self.process.wait_until(self._all_report, START_SECONDS,
                                'A report of pools by each backend')

    def wait_for_api(self):
        """Wait until the API answers, whatever the other services do.

        :raises functional.services.process.ProcessFailed: it does not
        """
        self.process.wait_until(self.services, START_SECONDS,
                                'An answer of Cinder at ' + self.url)

    def stop(self):
        """End the process; a process that is not there is fine."""
        if self.process:
            self.process.stop()

    def release(self):
        """Give the address back, after the last stop()."""
        self._reservation.release()
        self._nova.release()

    def pools(self):
        """The pools that the scheduler knows.

        :returns: a list of dicts with name and capabilities
        :raises functional.services.http.NoAnswer: the API does not answer
        """
        url = self.url + '/scheduler-stats/get_pools?detail=true'
        return http.get(url)['pools']

    def services(self):
        """The services with their states.

        :returns: a list of dicts with binary, host, state
        :raises functional.services.http.NoAnswer: the API does not answer
        """
        return http.get(self.url + '/os-services')['services']

    def _services_up(self):
        up = {one['host'].partition('@')[2] or one['binary']
              for one in self.services() if one['state'] == 'up'}
        return {'cinder-scheduler', *self.backends} <= up

    def _all_report(self):
        reporting = {pool['name'].partition('@')[2].partition('#')[0]
                     for pool in self.pools()}
        return set(self.backends) <= reporting

    def environment(self):
        """What the services have in their environment.

        :returns: a dict
        """
        env = dict(os.environ, PATH=self._path, PYTHONWARNINGS='ignore',
                   PYTHONPATH=str(programs.project_root()))
        env['OS_CINDER_DISABLE_EVENTLET_PATCHING'] = (
            '1' if self._native_threads else '0')
        if self._native_threads:
            # Cinder reads and writes images through eventlet's pool of
            # threads all the same, which hangs in all native threads but
            # the first; with no threads in the pool it does not.
            env['EVENTLET_THREADPOOL_SIZE'] = '0'
        return env

    def _write_files(self):
        self.config_path.parent.mkdir(parents=True, exist_ok=True)
        for name in ('state', 'conversion', 'locks'):
            (self.directory / name).mkdir(exist_ok=True)
        programs.write_sudo(self.directory / 'bin')
        self._write_rootwrap()
        self._write_paste()
        programs.write_config(self.config_path, self.configuration())
        self._create_database()

    def _create_database(self):
        # Readers and the writer do not wait for each other in this mode,
        # which SQLite keeps in the file.
        database = sqlite3.connect(self.directory / 'cinder.sqlite')
        database.execute('PRAGMA journal_mode=WAL')
        database.close()

    def _write_rootwrap(self):
        filters = programs.data_directory('cinder', 'etc/cinder/rootwrap.d')
        programs.write_config(self.config_path.parent / 'rootwrap.conf', {
            'DEFAULT': {'filters_path': filters,
                        'exec_dirs': self._path.split(os.pathsep)}})

    def _write_paste(self):
        """Cinder's own pipelines, with a filter more in front of noauth."""
        paste = configparser.RawConfigParser()
        paste.optionxform = str
        paste.read(programs.data_directory('cinder', 'etc/cinder')
                   / 'api-paste.ini')
        pipelines = paste['composite:openstack_volume_api_v3']
        filters = pipelines['noauth'].split()
        filters.insert(filters.index('noauth'), 'anonymous')
        pipelines['noauth'] = ' '.join(filters)
        paste['filter:anonymous'] = {
            'paste.filter_factory':
                'functional.services.http:anonymous_filter'}
        with open(self._paste_path, 'w') as out:
            paste.write(out)

    def configuration(self):
        """All that cinder.conf says.

        :returns: a dict of section name to a dict of options
        """
        sections = {'DEFAULT': self._defaults()}
        sections.update(self.backends)
        sections['database'] = {
            'connection': 'sqlite:///%s' % (self.directory / 'cinder.sqlite'),
            'sqlite_synchronous': False}
        sections['coordination'] = {
            'backend_url': 'file://%s' % (self.directory / 'state')}
        sections['oslo_concurrency'] = {
            'lock_path': self.directory / 'locks'}
        sections['nova'] = {'auth_type': 'none',
                            'endpoint': 'http://%s:%d' % self.nova_address}
        sections['oslo_messaging_notifications'] = {'driver': 'noop'}
        sections['key_manager'] = key_manager('cinder')
        sections['os_brick'] = self._brick_options
        sections.update(privsep_sections())
        return sections

    def _defaults(self):
        defaults = {
            'enabled_backends': list(self.backends),
            'glance_api_servers': self._glance_url,
            'my_ip': self._my_ip,
            'auth_strategy': 'noauth',
            'transport_url': 'fake:/',
            'osapi_volume_listen': '127.0.0.1',
            'osapi_volume_listen_port': self._reservation.port,
            'osapi_volume_workers': 1,
            'host': socket.gethostname(),
            'state_path': self.directory / 'state',
            'image_conversion_dir': self.directory / 'conversion',
            'api_paste_config': self._paste_path,
            'rootwrap_config': self.config_path.parent / 'rootwrap.conf',
            'log_file': self.log_path,
            'debug': True,
            # The default of a minute suits a cloud that reports once in a
            # while.
            'scheduler_driver_init_wait_time': 1,
            # Seldom enough that services without work leave the processor
            # to the tests.
            'backend_stats_polling_interval': 10,
            'periodic_fuzzy_delay': 0,
            'periodic_interval': 3,
            'report_interval': 10,
            'service_down_time': 60,
        }
        defaults.update(self._options)
        return defaults


class _Beside(object):
    """Services of Cinder in a process beside those that need no broker.

    Attributes: ``log_path``, where they write what they do; ``process``.
    """

    #: What cinder_process calls them.
    kind = ''

    def __init__(self, cinder, name):
        """Describe the services; start() starts them.

        :param cinder: the Cinder, which must have a message broker
        :param name: what their files are called
        """
        self._cinder = cinder
        self._name = name
        self.log_path = cinder.directory / (name + '.log')
        self.process = None

    def _start(self, *arguments):
        self.process = process.Process(
            'cinder-' + self.kind,
            [sys.executable, '-m', 'functional.services.cinder_process',
             self.kind, '--config-file', str(self._cinder.config_path),
             *arguments],
            self._cinder.directory / (self._name + '-output.log'),
            self._cinder.environment())
        self.process.start()

    def wait(self):
        """Wait until the services are up.

        :raises functional.services.process.ProcessFailed: they are not
        """
        self.process.wait_until(self.is_up, BESIDE_SECONDS,
                                'The start of cinder-' + self.kind)

    def is_up(self):
        """Tell whether Cinder has heard of all these services lately."""
        states = [one['state'] for one in self._cinder.services()
                  if self._is_one(one)]
        return bool(states) and set(states) == {'up'}

    def kill(self):
        """End the process as the kernel does when it is out of memory."""
        self.process.kill()

    def stop(self):
        """End the process; one that is not there is fine."""
        if self.process:
            self.process.stop()


class Volume(_Beside):
    """cinder-volume on one of several hosts; ``host`` is its name."""

    kind = 'volume'

    def __init__(self, cinder, host, sections):
        """Describe the services; start() starts them.

        :param cinder: the Cinder, which must have a message broker
        :param host: the host's name
        :param sections: what its configuration says besides that of Cinder,
            a dict of section name to a dict of options
        """
        super().__init__(cinder, host)
        self.host = host
        self._config_path = cinder.directory / 'etc' / (host + '.conf')
        self._sections = dict(sections)

    def start(self):
        """Start the process; see wait()."""
        defaults = dict(self._sections.get('DEFAULT', {}), host=self.host,
                        log_file=self.log_path)
        programs.write_config(self._config_path,
                              dict(self._sections, DEFAULT=defaults))
        self._start('--config-file', str(self._config_path))

    def _is_one(self, one):
        return one['host'].startswith(self.host + '@')


class Backup(_Beside):
    """cinder-backup."""

    kind = 'backup'

    def __init__(self, cinder, directory):
        """Describe the service; start() starts it.

        :param cinder: the Cinder, which must have a message broker
        :param directory: path of the directory for backups
        """
        super().__init__(cinder, 'backup')
        self.directory = directory

    def start(self):
        """Start the process; see wait()."""
        self.directory.mkdir(exist_ok=True)
        self._start('--log-file', str(self.log_path))

    def _is_one(self, one):
        return one['binary'] == 'cinder-backup'


def key_manager(service):
    """What encrypted volumes need: every key is the same one.

    :param service: cinder or nova
    :returns: a dict of options of the section [key_manager]
    """
    return {'backend': service + '.keymgr.conf_key_mgr.ConfKeyManager',
            'fixed_key': 32 * '5a'}


def backup_options(directory):
    """What cinder.conf's [DEFAULT] needs for cinder-backup.

    :param directory: path of a directory for backups
    :returns: a dict of options
    """
    return {
        'backup_driver': 'cinder.backup.drivers.posix.PosixBackupDriver',
        'backup_posix_path': directory,
        # Most of what is backed up is zeros, which zlib is slow to find out.
        'backup_compression_algorithm': 'none',
        'backup_file_size': 64 << 20,
        'backup_sha_block_size_bytes': 1 << 20,
        # It must be one of these at least, however few are needed.
        'backup_native_threads_pool_size': 20,
    }


def api_url(reservation):
    """Where Cinder answers.

    :param reservation: the port that it listens on
    :returns: the URL
    """
    return 'http://%s:%d/v3' % (reservation.address, reservation.port)


def privsep_sections():
    """How Cinder and os-brick gain privileges, or do without them.

    :returns: a dict of section name to options. As root there are none: the
              capabilities are those that the packages ask for, as in life.
              For any other user the list of capabilities is empty, because
              a daemon that cannot have them refuses to start.
    """
    if os.geteuid() == 0:
        return {}
    return {'privsep_osbrick': {'capabilities': ''},
            'cinder_sys_admin': {'capabilities': ''}}
