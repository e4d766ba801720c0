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

"""MariaDB, started by hand, with a database for each service."""

import os
import subprocess

import pymysql

from functional.services import process
from functional.services import programs

START_SECONDS = 60
PACKAGE = 'mariadb-server'
_INSTALL = 'mariadb-install-db'
_SERVER = 'mariadbd'
_USER = 'openstack'
# One machine, whose databases are thrown away.
_OPTIONS = ('--innodb-flush-log-at-trx-commit=0', '--skip-log-bin',
            '--innodb-doublewrite=0', '--max-connections=1000',
            '--character-set-server=utf8mb3', '--skip-name-resolve')


def why_not():
    """Tell what keeps this machine from running it.

    :returns: text; empty when nothing does
    """
    return programs.why_not(PACKAGE, _INSTALL, _SERVER)


class Database(object):
    """A server in a process of its own."""

    def __init__(self, directory, password):
        """Describe a server; start() starts it.

        :param directory: path of a directory for its files
        :param password: that of the services
        """
        self.directory = directory
        self._data = directory / 'data'
        self._log_path = directory / 'mariadb.log'
        self._socket = directory / 'socket'
        self._password = password
        self._reservation = process.Reservation()
        self.process = None

    def start(self):
        """Make the files and start the server; see wait().

        :raises subprocess.CalledProcessError: the files cannot be made
        """
        self.directory.mkdir(0o700, parents=True, exist_ok=True)
        with open(self._log_path, 'ab') as log:
            subprocess.run(
                [_INSTALL, '--no-defaults', '--datadir=%s' % self._data,
                 '--auth-root-authentication-method=normal',
                 '--skip-test-db', *self._as_user()], check=True,
                stdout=log, stderr=log, env=self._environment())
        self.process = process.Process(
            'mariadb',
            [_SERVER, '--no-defaults', '--datadir=%s' % self._data,
             '--socket=%s' % self._socket, '--bind-address=127.0.0.1',
             '--port=%d' % self._reservation.port,
             '--pid-file=%s' % (self.directory / 'pid'), *_OPTIONS,
             *self._as_user()], self._log_path, self._environment())
        self.process.start()

    def wait(self):
        """Wait until it answers.

        :raises functional.services.process.ProcessFailed: it does not
        """
        self.process.wait_until(self._answers, START_SECONDS,
                                'An answer of MariaDB')

    def create(self, name):
        """Make an empty database.

        :param name: its name
        :returns: the URL by which a service connects
        """
        with self._connect() as connection, connection.cursor() as cursor:
            cursor.execute('CREATE DATABASE %s' % name)
            cursor.execute("GRANT ALL ON %s.* TO %%s@'%%%%' IDENTIFIED BY %%s"
                           % name, [_USER, self._password])
        return 'mysql+pymysql://%s:%s@127.0.0.1:%d/%s?charset=utf8mb3' % (
            _USER, self._password, self._reservation.port, name)

    def stop(self):
        """End the server; one that is not there is fine."""
        if self.process:
            # Its databases are of no use afterwards.
            self.process.kill()
        self._reservation.release()

    def _as_user(self):
        return ['--user=root'] if os.geteuid() == 0 else []

    def _environment(self):
        return dict(os.environ, PATH=programs.search_path())

    def _connect(self):
        return pymysql.connect(unix_socket=str(self._socket), user='root')

    def _answers(self):
        try:
            self._connect().close()
        except pymysql.MySQLError:
            return False
        return True
