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


"""cinder-backup, in a process of its own beside Cinder's other services."""

import sys

from functional.services import process

START_SECONDS = 60


def options(directory):
    """What cinder.conf's [DEFAULT] needs for it.

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


class Backup(object):
    """The backup service of a Cinder."""

    def __init__(self, cinder, directory):
        """Describe the service; start() starts it.

        :param cinder: the functional.services.cinder.Cinder, which must have
            a message broker
        :param directory: path of the directory for backups
        """
        self._cinder = cinder
        self.directory = directory
        self.log_path = cinder.directory / 'backup.log'
        self.process = None

    def start(self):
        """Start the process; see wait()."""
        self.directory.mkdir(exist_ok=True)
        self.process = process.Process(
            'cinder-backup',
            [sys.executable, '-m', 'functional.services.cinder_backup',
             '--config-file', str(self._cinder.config_path),
             '--log-file', str(self.log_path)],
            self._cinder.directory / 'backup-output.log',
            self._cinder.environment())
        self.process.start()

    def wait(self):
        """Wait until the service is up.

        :raises functional.services.process.ProcessFailed: it is not
        """
        self.process.wait_until(self._is_up, START_SECONDS,
                                'The start of cinder-backup')

    def kill(self):
        """End the process as the kernel does when it is out of memory."""
        self.process.kill()

    def stop(self):
        """End the process; one that is not there is fine."""
        if self.process:
            self.process.stop()

    def _is_up(self):
        return any(one['binary'] == 'cinder-backup' and one['state'] == 'up'
                   for one in self._cinder.services())
