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

"""Cinder as an operator installs it: another user, sudo, rootwrap, privsep.

cinder.conf and the commands that make ``lock_path`` are those of the README.
"""

import functools
import os
import re
import subprocess

from functional import content
from functional.services import installation
from functional.services import machine
from functional.services import programs
from functional.services import simulator
from functional.services import waiting
from functional.tests import base

IMAGE_MIB = 8
SECONDS = 120
# How often Cinder tries to initialize a driver, see reinit_driver_count.
STARTS = 4

why_not = functools.cache(machine.why_not)


def make_installed(directory):
    """One cluster, and Cinder as the README has it.

    :param directory: path
    :returns: a Stack
    """
    return installation.InstalledStack(
        directory, simulator.Simulator(directory / 'main'),
        # As by default: to ask the cluster takes three programs each time.
        {'enable_force_upload': True, 'backend_stats_polling_interval': 60})


class InstalledTest(base.FunctionalTestCase):
    """Volumes and images; root attaches on the same host, too."""

    make_stack = staticmethod(make_installed)
    backend = 'dsware'

    def setUp(self):
        if why_not():
            self.skipTest(why_not())
        super().setUp()
        self.root = self.stack.start_root_service()
        self.forget('2770')
        self.addCleanup(self.forget, '2770')

    def forget(self, mode):
        """Be a host on which no volume was ever attached.

        :param mode: that of lock_path
        """
        self.stack.machine.run(
            'sh', '-ec', 'rm -rf "$0"/*; chmod "$1" "$0"',
            self.stack.lock_path, mode)

    def make_image(self):
        path = self.directory / 'image'
        path.write_bytes(content.data(self.id(), IMAGE_MIB * base.MIB))
        return self.create_image(path)

    def root_attaches(self, volume):
        """Attach a volume as root until the end of the test.

        :param volume: the volume
        :returns: an Attachment
        """
        attached = self.root.attach(volume)
        self.addCleanup(self.root_detaches, attached)
        return attached

    def root_detaches(self, attached):
        if attached.id in [one.id for one in self.volumes.attachments()]:
            self.root.detach(attached)
            self.cloud.wait_for_volume(attached.volume_id)

    def check_upload(self, volume, **options):
        """Upload a volume, and compare what was with what is in the image."""
        answer = self.volumes.upload_volume_to_image(
            volume, self.id() + '-upload', disk_format='qcow2',
            container_format='bare', **options)
        self.addCleanup(self.images.delete_image, answer['image_id'])
        uploaded = self.cloud.wait_for_image(answer['image_id'])
        image, raw = self.directory / 'uploaded', self.directory / 'raw'
        self.images.download_image(uploaded, output=str(image), stream=True)
        subprocess.run([programs.qemu_img(), 'convert', '-f', 'qcow2', '-O',
                        'raw', str(image), str(raw)], check=True)
        self.assert_written(raw, self.id(), 0, IMAGE_MIB * base.MIB)

    def test_the_services_are_not_root(self):
        services = os.stat('/proc/%d' % self.stack.cinder.process.pid)
        self.assertNotEqual(0, services.st_uid)

    def test_service_first_then_root(self):
        volume = self.create_volume(image_id=self.make_image().id)
        self.assertTrue(volume.is_bootable)
        attached = self.root_attaches(volume)
        self.assert_written(attached.path, self.id(), 0,
                            IMAGE_MIB * base.MIB)
        # Beside the other one, which keeps the device.
        self.check_upload(volume, force=True)
        self.assert_written(attached.path, self.id(), 0,
                            IMAGE_MIB * base.MIB)
        self.root_detaches(attached)
        self.cloud.delete_volume(volume)
        self.assertIsNone(self.volume_on_cluster(volume))

    def test_root_first_then_service(self):
        self.check_root_first()

    def test_root_first_where_only_the_service_may_write(self):
        self.forget('0755')
        self.check_root_first()

    def check_root_first(self):
        volume = self.create_volume()
        attached = self.root_attaches(volume)
        self.write(attached.path, self.id(), 0, IMAGE_MIB * base.MIB)
        self.root_detaches(attached)
        self.check_upload(volume)


class SecurePathTest(base.FunctionalTestCase):
    """sudo does not search the Python environment of Cinder."""

    make_stack = staticmethod(make_installed)
    backend = 'dsware'

    def setUp(self):
        if why_not():
            self.skipTest(why_not())
        super().setUp()
        self.cinder = self.stack.cinder
        self.start = self.cinder.log_path.stat().st_size

    def log(self):
        """What the services have logged since the test began."""
        with open(self.cinder.log_path) as log:
            log.seek(self.start)
            return log.read()

    def restart(self, path):
        """Start the services anew.

        :param path: sudo's secure_path
        """
        self.cinder.stop()
        self.cinder.allow(path)
        self.cinder.start()

    def mend(self):
        self.restart(self.stack.path)
        self.cinder.wait()
        self.wait_for_state('up')

    def test_is_told_with_its_cure(self):
        self.addCleanup(self.mend)
        self.restart(installation.SYSTEM_PATH)

        def told():
            return re.findall('.* Failed to initialize driver.*secure_path.*',
                              self.log())

        waiting.wait_for(lambda: len(told()) == STARTS, SECONDS,
                         'The end of all tries')
        # None is repeated within a try.
        self.assertEqual(STARTS, len(re.findall(
            "Running privsep helper: .'sudo', 'cinder-rootwrap'",
            self.log())))
