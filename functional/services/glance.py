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

"""A real Glance: SQLite, files, and no Keystone.

Glance comes without a server of its own, only with a WSGI application: this
module as a program, ``python -m functional.services.glance``, serves it.
"""

import argparse
import configparser
import logging
import os
import sys
import threading

from functional.services import http
from functional.services import process
from functional.services import programs
from functional.services import serving

START_SECONDS = 120


class Glance(object):
    """The Image service in a process of its own."""

    def __init__(self, directory, address='127.0.0.1', outlive=False,
                 cinder_url=None):
        """Prepare Glance; start() starts it.

        :param directory: path of a directory for its files
        :param address: loopback address to listen on
        :param outlive: whether it goes on when this process ends
        :param cinder_url: where Cinder answers, or will; then images can
                           be volumes, in the store "volumes"
        """
        self.directory = directory
        self._volume_stores = {'volumes': {
            'cinder_endpoint_template': cinder_url}} if cinder_url else {}
        self.config_dir = directory / 'etc'
        self.log_path = directory / 'glance-api.log'
        self._reservation = process.Reservation(address)
        self.url = 'http://%s:%d' % (address, self._reservation.port)
        self._outlive = outlive
        self.process = None

    def start(self):
        """Write the configuration and start the process.

        It is not waited for; see wait().
        """
        self.config_dir.mkdir(parents=True, exist_ok=True)
        for name in ('images', 'staging', 'tasks', 'locks'):
            (self.directory / name).mkdir(exist_ok=True)
        programs.write_config(self.config_dir / 'glance-api.conf',
                              self._configuration())
        self._write_paste()
        self.process = process.Process(
            'glance-api', self.command(), self.directory / 'output.log',
            self._environment(), self._outlive)
        self.process.start()

    def command(self):
        """What serves it: program and arguments."""
        return [sys.executable, '-m', 'functional.services.glance',
                '--address', self._reservation.address,
                '--port', str(self._reservation.port)]

    def wait(self):
        """Wait until Glance answers.

        :raises functional.services.process.ProcessFailed: it does not
        """
        self.process.wait_until(self._answers, START_SECONDS,
                                'An answer of Glance at ' + self.url)

    def stop(self):
        """End the process; a process that is not there is fine."""
        if self.process:
            self.process.stop()
        self._reservation.release()

    def _answers(self):
        return http.get(self.url + '/v2/images')

    def _environment(self):
        return dict(os.environ, OS_GLANCE_CONFIG_DIR=str(self.config_dir),
                    PYTHONPATH=str(programs.project_root()),
                    PYTHONWARNINGS='ignore')

    def _write_paste(self):
        """Glance's own pipelines, with our filter in Keystone's place."""
        paste = configparser.RawConfigParser()
        paste.optionxform = str
        paste.read(programs.data_directory('glance', 'etc/glance')
                   / 'glance-api-paste.ini')
        paste['filter:authtoken'] = {
            'paste.filter_factory':
                'functional.services.http:identity_filter'}
        with open(self.config_dir / 'glance-api-paste.ini', 'w') as out:
            paste.write(out)

    def _configuration(self):
        database = 'sqlite:///%s' % (self.directory / 'glance.sqlite')
        return {
            'DEFAULT': {
                'log_file': self.log_path,
                'enabled_backends': ['files:file'] + [
                    name + ':cinder' for name in self._volume_stores],
                # The services hold little, and a disk that fills up is
                # reported by the file system soon enough.
                'image_size_cap': 1 << 40,
                'enabled_import_methods': '[]',
                # As Cinder needs it to clone images that are volumes.
                'show_image_direct_url': True,
                'show_multiple_locations': True,
                'do_secure_hash': False,
            },
            'files': {'filesystem_store_datadir': self.directory / 'images'},
            **self._volume_stores,
            'glance_store': {'default_backend': 'files'},
            'os_glance_staging_store': {
                'filesystem_store_datadir': self.directory / 'staging'},
            'os_glance_tasks_store': {
                'filesystem_store_datadir': self.directory / 'tasks'},
            'database': {'connection': database,
                         'sqlite_synchronous': False},
            'paste_deploy': {
                'flavor': 'keystone',
                'config_file': self.config_dir / 'glance-api-paste.ini'},
            'oslo_concurrency': {'lock_path': self.directory / 'locks'},
            'os_brick': {'dsware_simulated_devices': True},
        }


def _parse_arguments():
    parser = argparse.ArgumentParser(
        description='Serve the Glance API. The configuration is read from '
                    'the directory that OS_GLANCE_CONFIG_DIR names.')
    parser.add_argument('--address', required=True)
    parser.add_argument('--port', type=int, required=True)
    return parser.parse_args()


def _create_database():
    """Create the tables, from the configuration that is already read."""
    from alembic import command
    from glance.db.sqlalchemy import alembic_migrations

    command.upgrade(alembic_migrations.get_alembic_config(), 'heads')


def main():
    """Serve until the process is told to end."""
    args = _parse_arguments()
    end = process.Lifeline()
    serving.take_turns()

    from glance.common import wsgi_app

    application = wsgi_app.init_app()
    _create_database()
    server = serving.make_server(application, args.address, args.port)
    threading.Thread(target=server.serve, daemon=True).start()
    end.wait()
    server.stop()
    # At a normal exit Glance makes thread pools only to shut them down, for
    # which it is too late then.
    logging.shutdown()
    os._exit(0)


if __name__ == '__main__':
    main()
