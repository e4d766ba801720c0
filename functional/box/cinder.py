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

"""The Block Storage service, installed as the README says, with Keystone.

The API, the scheduler, the volume service and the backup service are
processes of their own: Cinder's own programs, of a system user with rootwrap
and privsep.
"""

import shutil
import tempfile

from functional.box import service
from functional.services import cinder
from functional.services import http
from functional.services import installation
from functional.services import programs

START_SECONDS = 120
_SERVICES = ('scheduler', 'volume', 'backup')
#: What its programs are told.
CONFIG = ('--config-file', installation.CONFIG)
# Two workers of Tempest make more than a project of a cloud may have.
_NO_QUOTAS = dict.fromkeys(
    ('quota_volumes', 'quota_snapshots', 'quota_gigabytes', 'quota_backups',
     'quota_backup_gigabytes', 'quota_groups'), -1)


class Cinder(installation.Cinder):
    """The Block Storage service of a control plane.

    ``endpoint`` is where its API answers, without a version.
    """

    def __init__(self, machine, directory, infrastructure, keystone, **kwargs):
        """Prepare Cinder; start() starts it.

        :param machine: the Machine that it is installed on
        :param directory: path of a directory for its files
        :param infrastructure: an infrastructure.Infrastructure
        :param keystone: a keystone.Keystone
        :param kwargs: see functional.services.cinder.Cinder
        """
        backups = cinder.backup_options(directory / 'backups')
        super().__init__(machine, directory,
                         options={**backups, **_NO_QUOTAS}, **kwargs)
        self._infrastructure = infrastructure
        self._keystone = keystone
        self._database = None
        self.endpoint = self.url.rpartition('/')[0]
        self.service = service.Service(directory, self.as_user,
                                       self.environment())

    def start(self):
        """Fill the database and start the processes.

        :raises functional.services.process.ProcessFailed: it cannot be
            filled
        """
        (self.directory / 'backups').mkdir(parents=True)
        self._database = self._infrastructure.database('cinder')
        self._write_files()
        # A copy, since nobody can look into a machine that has stopped.
        programs.write_config(self._paste_path.with_name('cinder.conf'),
                              self.configuration())
        self.allow()
        self.service.run('cinder-manage', *CONFIG, 'db', 'sync')
        self.service.serve('cinder-api', 'cinder.wsgi.api',
                           self._reservation, *CONFIG)
        for name in _SERVICES:
            self.service.start('cinder-' + name, *CONFIG)

    def wait_for_api(self):
        """Wait until the API answers.

        :raises functional.services.process.ProcessFailed: it does not
        """
        self.service.wait(lambda: http.get(self.endpoint + '/healthcheck'),
                          START_SECONDS, 'An answer of Cinder')

    def wait_for_services(self, volumes):
        """Wait until all services are up and each backend reports pools.

        :param volumes: the Block Storage API of openstacksdk
        :raises functional.services.process.ProcessFailed: they do not
        """
        def all_up():
            up = {one.host.partition('@')[2] or one.binary
                  for one in volumes.services() if one.state == 'up'}
            reporting = {pool.name.partition('@')[2].partition('#')[0]
                         for pool in volumes.backend_pools()}
            return (set(self.backends) <= up & reporting
                    and {'cinder-scheduler', 'cinder-backup'} <= up)

        self.service.wait(all_up, START_SECONDS,
                          'The start of all Cinder services')

    def stop(self):
        """End the processes; those that are not there are fine."""
        self.service.stop()

    def environment(self):
        """What its processes have; see the base class."""
        return {**super().environment(), 'TMPDIR': tempfile.gettempdir()}

    def configuration(self):
        """All that cinder.conf says; see the base class."""
        sections = super().configuration()
        common = self._infrastructure.sections(self.directory)
        return {
            **sections, **common,
            **self._keystone.sections('cinder', 'block-storage'),
            'DEFAULT': {**sections['DEFAULT'], **common['DEFAULT']},
            'database': self._database,
            'coordination': {'backend_url': self._infrastructure.etcd.url},
            'nova': self._keystone.sign_in('cinder')}

    def _defaults(self):
        return {**super()._defaults(), 'auth_strategy': 'keystone',
                # Made as soon as there is an API; see resources.
                'default_volume_type': next(iter(self.backends)),
                'resource_query_filters_file': programs.data_directory(
                    'cinder', 'etc/cinder') / 'resource_filters.json',
                # A file for each process: what it prints.
                'log_file': None}

    def _create_database(self):
        """It is not a file."""

    def _write_paste(self):
        shutil.copy(programs.data_directory('cinder', 'etc/cinder')
                    / 'api-paste.ini', self._paste_path)

    def as_user(self, *command):
        """What runs a command where its processes run, as their user."""
        return self._machine.command(*command, user=installation.USER)
