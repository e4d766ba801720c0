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

"""The Identity service."""

import os

from functional.box import service
from functional.services import http
from functional.services import process
from functional.services import programs

START_SECONDS = 60
REGION = 'RegionOne'
ADMIN = 'admin'
SERVICE_PROJECT = 'service'


class Keystone(object):
    """The Identity service in a process of its own.

    ``url`` is that of its version 3.
    """

    def __init__(self, directory, password, infrastructure):
        """Prepare Keystone; start() starts it.

        :param directory: path of a directory for its files
        :param password: that of the administrator, and of all services
        :param infrastructure: an infrastructure.Infrastructure
        """
        self.directory = directory
        self.password = password
        self._infrastructure = infrastructure
        self._etc = directory / 'etc'
        self.config_path = self._etc / 'keystone.conf'
        self._reservation = process.Reservation()
        self._root = 'http://127.0.0.1:%d' % self._reservation.port
        self.url = self._root + '/v3'
        self.service = service.Service(
            directory, environment=service.make_environment(
                OS_KEYSTONE_CONFIG_DIR=str(self._etc),
                OS_KEYSTONE_CONFIG_FILES='keystone.conf'))

    def start(self):
        """Fill the database and start the process; see wait().

        :raises functional.services.process.ProcessFailed: it cannot be
            filled
        """
        self._etc.mkdir(parents=True)
        programs.write_config(self.config_path, self._configuration())
        owner = ['--keystone-user', str(os.geteuid()),
                 '--keystone-group', str(os.getegid())]
        self._manage('db_sync')
        self._manage('fernet_setup', *owner)
        self._manage('credential_setup', *owner)
        self._manage('bootstrap', '--bootstrap-public-url', self.url,
                     '--bootstrap-admin-url', self.url,
                     '--bootstrap-internal-url', self.url,
                     '--bootstrap-region-id', REGION,
                     OS_BOOTSTRAP_PASSWORD=self.password)
        self.service.serve('keystone', 'keystone.wsgi.api',
                           self._reservation)

    def wait(self):
        """Wait until it answers.

        :raises functional.services.process.ProcessFailed: it does not
        """
        self.service.wait(lambda: http.get(self.url), START_SECONDS,
                          'An answer of Keystone at ' + self.url)

    def stop(self):
        """End the process; a process that is not there is fine."""
        self.service.stop()
        self._reservation.release()

    def sign_in(self, user):
        """Tell what a service's configuration says of signing in.

        :param user: the service's user
        :returns: a dict of options
        """
        return {'auth_type': 'password', 'auth_url': self.url,
                'username': user, 'password': self.password,
                'project_name': SERVICE_PROJECT, 'region_name': REGION,
                'user_domain_name': 'Default',
                'project_domain_name': 'Default'}

    def sections(self, user, kind):
        """Tell what a service's configuration says of tokens.

        :param user: the service's user
        :param kind: the type of the service in the catalog
        :returns: a dict of section name to a dict of options
        """
        return {
            'keystone_authtoken': {
                **self.sign_in(user), 'service_type': kind,
                'www_authenticate_uri': self.url,
                'memcached_servers': self._infrastructure.cache.address,
                'service_token_roles': 'service',
                'service_token_roles_required': True},
            'service_user': {**self.sign_in(user),
                             'send_service_user_token': True}}

    def _manage(self, command, *arguments, **environment):
        self.service.run('keystone-manage', '--config-file',
                         str(self.config_path), command, *arguments,
                         **environment)

    def _configuration(self):
        common = self._infrastructure.sections(self.directory)
        return {
            **common,
            'DEFAULT': {**common['DEFAULT'], 'public_endpoint': self._root},
            'database': self._infrastructure.database('keystone'),
            'cache': {'enabled': True,
                      'backend': 'oslo_cache.memcache_pool',
                      'memcache_servers':
                          self._infrastructure.cache.address},
            'token': {'provider': 'fernet', 'expiration': 24 * 60 * 60},
            'fernet_tokens': {'key_repository': self._etc / 'fernet-keys'},
            'credential': {'key_repository': self._etc / 'credential-keys'},
            # Tempest makes and deletes hundreds of users.
            'identity': {'password_hash_rounds': 4},
        }
