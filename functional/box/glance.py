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

"""The Image service, with Keystone."""

import shutil

from functional.box import service
from functional.box import wsgi
from functional.services import glance
from functional.services import http
from functional.services import programs


class Glance(glance.Glance):
    """The Image service of a control plane."""

    def __init__(self, directory, infrastructure, keystone):
        """Prepare Glance; start() starts it.

        :param directory: path of a directory for its files
        :param infrastructure: an infrastructure.Infrastructure
        :param keystone: a keystone.Keystone
        """
        super().__init__(directory)
        self._infrastructure = infrastructure
        self._keystone = keystone
        self._service = service.Service(directory)

    def command(self):
        """What serves it, with its database filled; see the base class."""
        self._service.run('glance-manage', '--config-file',
                          str(self.config_dir / 'glance-api.conf'),
                          'db_sync')
        return wsgi.command('glance.wsgi.api', self._reservation)

    def _answers(self):
        return http.get(self.url + '/versions')

    def _write_paste(self):
        shutil.copy(programs.data_directory('glance', 'etc/glance')
                    / 'glance-api-paste.ini', self.config_dir)

    def _configuration(self):
        sections = super()._configuration()
        common = self._infrastructure.sections(self.directory)
        return {
            **common, **sections,
            **self._keystone.sections('glance', 'image'),
            'DEFAULT': {**common['DEFAULT'], **sections['DEFAULT']},
            'database': self._infrastructure.database('glance')}
