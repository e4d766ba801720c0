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

"""Programs that are no service of Cinder or Nova and use os-brick.

The commands of the cinder client's extension end at once, and what they have
attached stays. Glance's Cinder store attaches a volume while it reads or
writes an image.
"""

import contextlib
import json
import os
import subprocess
import sys
import unittest

from functional.services import programs
from functional.tests import base
from functional.tests import test_backup

COMMAND_SECONDS = 120


@unittest.skipIf(os.geteuid(), 'the extension insists on being root')
class BrickClientTest(test_backup.BackupTestCase):
    """Commands, one process each, on the host of Cinder's services."""

    def setUp(self):
        super().setUp()
        self.locks = self.stack.directory / 'cinder' / 'locks'

    def run_command(self, *arguments, **options):
        """Run a command of brick_users on the services' host.

        :param arguments: the command and its arguments
        :param options: for subprocess.run
        :returns: what it answered
        """
        env = dict(os.environ, OSLO_LOCK_PATH=str(self.locks),
                   PYTHONWARNINGS='ignore',
                   PYTHONPATH=str(programs.project_root()),
                   PATH=programs.search_path(self.stack.cinder.directory
                                             / 'bin', self.simulator.bin))
        done = subprocess.run(
            [sys.executable, '-m', 'functional.services.brick_users',
             *arguments], env=env, capture_output=True, text=True,
            timeout=COMMAND_SECONDS, **options)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def cinder(self, command, *arguments):
        """Run a command of the extension.

        :param command: its name
        :param arguments: those besides where Cinder answers
        :returns: what it answered
        """
        return self.run_command(command, self.stack.cinder.url, *arguments)

    def local_attach(self, volume):
        """Attach a volume until the end of the test, or local_detach().

        :param volume: the volume
        :returns: the path of its device
        """
        path = self.cinder('local_attach', volume.id)['path']
        self.addCleanup(self.local_detach, volume)
        return path

    def local_detach(self, volume):
        """Detach a volume, if it is attached.

        :param volume: the volume
        """
        for made in self.volumes.attachments():
            self.cinder('local_detach', volume.id, made.id)

    @contextlib.contextmanager
    def here(self):
        """Be the host that the commands run on."""
        with self.host.moved(self.agent, self.locks):
            yield

    def test_get_connector(self):
        found = self.cinder('get_connector')

        self.assertTrue(found['dsware_cli'])
        self.assertEqual('127.0.0.1', found['ip'])

    def test_outlives_the_command_and_other_users(self):
        shared = self.volume_type('shared', multiattach='<is> True')
        volume = self.create_volume(volume_type=shared)
        path = self.local_attach(volume)
        (made,) = self.volumes.attachments()
        self.write(path, 'kept', 0)

        with self.here():
            attached = self.attach(volume)
            self.assertEqual(path, attached.path)
            self.host.detach(attached)

        (found,) = self.control.status()['attachments']
        self.assertEqual(self.agent[0], found['agent'])
        self.assert_written(path, 'kept', 0)
        self.cinder('local_detach', volume.id, made.id)
        self.cloud.wait_for_volume(volume)
        self.assertEqual([], self.control.status()['attachments'])

    def test_image_store(self):
        volume = self.create_volume()
        with self.here():
            properties = self.host.properties()
        made = self.volumes.create_attachment(volume.id,
                                              connector=properties)

        found = self.run_command('write_image', 'image', str(base.MIB),
                                 input=json.dumps(made.connection_info))

        self.volumes.delete_attachment(made.id)
        self.cloud.wait_for_volume(volume)
        self.assertEqual('os_brick_dsware.connector.DSWareConnector',
                         found['class'])
        self.assertEqual([], self.control.status()['attachments'])
        with self.attached(volume) as path:
            self.assert_written(path, 'image', 0)
