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

"""cinder-volume is killed while it copies an image to a volume.

The driver's host attaches the volume itself, so the device of the dead
process is left on it.
"""

import os
import subprocess

from functional.services import programs
from functional.services import waiting
from functional.tests import base

SECONDS = 300
# Copies of Cinder's own wait for somebody who writes to a pipe.
_HELD = """#!/bin/sh
case " $* " in
*" convert "*) : < @PIPE@;;
esac
exec @PROGRAM@ "$@"
"""


class KilledTest(base.FunctionalTestCase):

    def setUp(self):
        super().setUp()
        self.pipe = self.directory / 'pipe'
        os.mkfifo(self.pipe)
        self.program = self.stack.directory / 'cinder' / 'bin' / 'qemu-img'
        self.addCleanup(self.start_again)
        self.addCleanup(self.release)

    def hold(self):
        """Let copies of images wait, from now on."""
        self.program.write_text(_HELD.replace('@PIPE@', str(
            self.pipe)).replace('@PROGRAM@', programs.qemu_img()))
        self.program.chmod(0o755)

    def release(self):
        """Let copies of images go on."""
        self.program.unlink(missing_ok=True)

    def start_again(self):
        if not self.stack.cinder.process.is_running():
            self.stack.cinder.start()
        self.stack.cinder.wait()

    def make_image(self):
        path = self.directory / 'image'
        subprocess.run([programs.qemu_img(), 'create', '-q', '-f', 'qcow2',
                        path, '1M'], check=True)
        return self.create_image(path, disk_format='qcow2')

    def attached_volumes(self):
        """The volumes that have a device, by their names on the cluster."""
        return {one['name']
                for one in self.control.status()['attachments']}

    def name(self, volume):
        return self.volume_names % volume.id

    def begin(self, image, count):
        """Begin to copy an image to new volumes, and kill Cinder then."""
        self.hold()
        made = []
        for _number in range(count):
            made.append(self.volumes.create_volume(
                size=1, volume_type=self.volume_type(), image_id=image.id))
            self.addCleanup(self._delete, self.cloud.delete_volume, made[-1],
                            self.volumes.find_volume)
        names = set(map(self.name, made))
        waiting.wait_for(lambda: self.attached_volumes() == names, SECONDS,
                         'The beginning of %d copies' % count)
        self.stack.cinder.process.kill()
        self.release()
        return made

    def give_up(self, *volumes):
        """Do as an operator where a record stays in a state of transition.

        With several backends in one process Cinder's own workers may belong
        to another one of them.
        """
        for volume in volumes:
            self.volumes.reset_volume_status(volume, 'error', None, None)

    def test_let_go_at_the_start(self):
        volume, = self.begin(self.make_image(), 1)
        self.assertEqual({self.name(volume)}, self.attached_volumes())

        self.start_again()

        self.assertEqual(set(), self.attached_volumes())
        self.give_up(volume)
        self.cloud.delete_volume(volume)
        self.assertIsNone(self.volume_on_cluster(volume))

    def test_let_go_by_the_deletion_and_by_the_next_use(self):
        """The agent of the host does not answer at the start."""
        image = self.make_image()
        deleted, left = self.begin(image, 2)
        agent = self.simulator.agents[0][0]
        self.addCleanup(self.control.agent_up, agent)
        self.control.agent_down(agent)
        self.start_again()
        self.assertEqual({self.name(deleted), self.name(left)},
                         self.attached_volumes())
        self.control.agent_up(agent)

        self.give_up(deleted, left)
        self.cloud.delete_volume(deleted)
        self.assertEqual({self.name(left)}, self.attached_volumes())

        self.create_volume(image_id=image.id)
        self.assertEqual(set(), self.attached_volumes())
        self.assertEqual('error', self.volumes.get_volume(left.id).status)
