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

"""The Placement service."""

from functional.box import service
from functional.services import http
from functional.services import process
from functional.services import programs

START_SECONDS = 60


class Placement(object):
    """The service in a process of its own; ``url`` is where it answers."""

    def __init__(self, directory, infrastructure, keystone):
        """Prepare the service; start() starts it.

        :param directory: path of a directory for its files
        :param infrastructure: an infrastructure.Infrastructure
        :param keystone: a keystone.Keystone
        """
        self.directory = directory
        self._infrastructure = infrastructure
        self._keystone = keystone
        self._reservation = process.Reservation()
        self.url = 'http://127.0.0.1:%d' % self._reservation.port
        self.config_path = directory / 'etc' / 'placement.conf'
        self.service = service.Service(
            directory, environment=service.make_environment(
                OS_PLACEMENT_CONFIG_DIR=str(self.config_path.parent)))

    def start(self):
        """Fill the database and start the process; see wait().

        :raises functional.services.process.ProcessFailed: it cannot be
            filled
        """
        self.config_path.parent.mkdir(parents=True)
        programs.write_config(self.config_path, {
            **self._infrastructure.sections(self.directory),
            **self._keystone.sections('placement', 'placement'),
            'api': {'auth_strategy': 'keystone'},
            'placement_database': self._infrastructure.database('placement'),
        })
        self.service.run('placement-manage', '--config-file',
                         str(self.config_path), 'db', 'sync')
        self.service.serve('placement', 'placement.wsgi.api',
                           self._reservation)

    def wait(self):
        """Wait until it answers.

        :raises functional.services.process.ProcessFailed: it does not
        """
        self.service.wait(lambda: http.get(self.url), START_SECONDS,
                          'An answer of Placement at ' + self.url)

    def stop(self):
        """End the process; one that is not there is fine."""
        self.service.stop()
        self._reservation.release()
