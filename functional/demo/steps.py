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

"""The steps of the demonstration, in their order.

Whatever they do goes through the public APIs and os-brick; only the last
step looks into the simulated cluster.
"""

import json
import os
import stat
import subprocess
import sys

from functional import content
from functional.demo import output as output_
from functional.services import programs
from functional.services import waiting

IMAGE_MIB = 128
DEVICE_SECONDS = 30
CHECK_SECONDS = 60
GIB = content.GIB
MIB = content.MIB


class Steps(object):
    """The steps, and what they hand on to each other."""

    def __init__(self, stack, directory, output):
        """Prepare the steps.

        :param stack: the running services
        :param directory: path of a directory for files
        :param output: for what does not fit into a step's line
        """
        self._stack = stack
        self._volumes = stack.cloud.volumes
        self._images = stack.cloud.images
        self._wait = stack.cloud
        self._host = stack.compute
        self._output = output
        self._directory = directory
        self._image_file = directory / 'image.raw'
        self._kind = None
        self._image = self._volume = self._snapshot = None
        self._copy = self._clone = self._upload = None
        # What each volume should hold, by the name that is used here.
        self._twins = {}
        # Attached volumes, by the same names.
        self._attached = {}

    def in_order(self):
        """All steps.

        :returns: pairs of name and function
        """
        return (
            ('show the pools', self.show_pools),
            ('upload an image', self.upload_image),
            ('volume from the image', self.volume_from_image),
            ('attach the volume', self.attach_volume),
            ('write to it', self.write),
            ('snapshot', self.snapshot),
            ('write more', self.write_more),
            ('volume from snapshot', self.volume_from_snapshot),
            ('clone the volume', self.clone),
            ('extend, detached', self.extend_detached),
            ('extend, attached', self.extend_attached),
            ('check the backend', self.check_backend),
            ('detach everything', self.detach),
            ('volume to image', self.volume_to_image),
            ('delete everything', self.delete),
            ('cluster is empty', self.cluster_is_empty),
        )

    def show_pools(self, step):
        """The backend's pools, as the scheduler knows them."""
        pools = {pool.name.partition('#')[2]: pool
                 for pool in self._volumes.backend_pools()}
        rows = [('POOL', 'STATE', 'TOTAL GiB', 'FREE GiB', 'PROVISIONED GiB',
                 'THIN', 'MULTIATTACH')]
        for pool in pools.values():
            values = pool.capabilities
            rows.append((pool.name, values.get('backend_state', '-'),
                         *('%.0f' % values[key] for key in (
                             'total_capacity_gb', 'free_capacity_gb',
                             'provisioned_capacity_gb')),
                         str(values['thin_provisioning_support']),
                         str(values['multiattach'])))
        self._output.end_progress()
        self._output.table(rows)
        step.done = output_.counted(len(pools), 'pool')
        cluster = {str(number): size for number, size
                   in self._stack.simulator.pools.items()}
        step.equal('all of the cluster', {
            number: pool.capabilities['total_capacity_gb']
            for number, pool in pools.items()}, cluster)
        step.equal('backend up', {pool.capabilities.get('backend_state')
                                  for pool in pools.values()}, {'up'})

    def upload_image(self, step):
        """Make an image and give it to Glance."""
        step.progress('making the image')
        self._kind = content.make_image(self._image_file, IMAGE_MIB)
        step.progress('uploading %d MiB' % IMAGE_MIB)
        self._image = self._images.create_image(
            'demo', filename=str(self._image_file), disk_format='raw',
            container_format='bare', wait=True, validate_checksum=False)
        found = self._wait.wait_for_image(self._image)
        step.done = '%d MiB, %s' % (IMAGE_MIB, self._kind)
        step.equal('size', found.size, IMAGE_MIB * MIB)
        algorithm, wanted = content.checksum(self._image_file)
        step.equal(algorithm, found.hash_value, wanted)

    def volume_from_image(self, step):
        """A volume with the image's bytes."""
        self._volume = self._create('demo', 1, image_id=self._image.id)
        self._twins['volume'] = self._image_file
        step.done = '1 GiB in pool %s' % self._pool(self._volume)
        step.equal('bootable', self._volume.is_bootable, True)

    def attach_volume(self, step):
        """The volume becomes a device of this host and has the bytes."""
        from_image = self._volume is not None
        if not from_image:
            self._make_empty_volume()
        path = self._attach('volume', self._volume)
        step.done = path
        step.progress('comparing')
        self._compare(step, 'volume', 1)
        if (from_image and self._kind == content.FILE_SYSTEM
                and content.check_file_system(path)):
            step.check('file system clean', True)

    def write(self, step):
        """Write behind the image, and at the end of the device."""
        self._own_twin('volume', self._twins['volume'])
        written = (self._write('volume', 'first', 200 * MIB, 16 * MIB)
                   + self._write('volume', 'end', GIB - 3 * MIB, 3 * MIB))
        step.done = '%d MiB' % (written // MIB)
        self._compare(step, 'volume', 1)

    def snapshot(self, step):
        """A snapshot of the attached volume."""
        made = self._volumes.create_snapshot(
            volume_id=self._volume.id, name='demo', is_forced=True)
        self._snapshot = self._wait.wait_for_snapshot(made)
        content.copy_sparse(self._twins['volume'], self._twin('snapshot'))
        step.done = 'of the attached volume'
        step.equal('size', self._snapshot.size, 1)

    def write_more(self, step):
        """Change the volume behind the snapshot's back."""
        written = (self._write('volume', 'second', 208 * MIB, 16 * MIB)
                   + self._write('volume', 'more', 512 * MIB, 8 * MIB))
        step.done = '%d MiB, some of them twice' % (written // MIB)
        self._compare(step, 'volume', 1)

    def volume_from_snapshot(self, step):
        """A larger volume that has the bytes from before."""
        self._copy = self._create('demo-from-snapshot', 2,
                                  snapshot_id=self._snapshot.id)
        self._own_twin('copy', self._twin('snapshot'))
        self._attach('copy', self._copy)
        step.done = '2 GiB in pool %s' % self._pool(self._copy)
        step.progress('comparing')
        self._compare(step, 'copy', 2, 'the old bytes')

    def clone(self, step):
        """A volume that has the bytes of now."""
        self._clone = self._create('demo-clone', 1,
                                   source_volume_id=self._volume.id)
        self._own_twin('clone', self._twins['volume'])
        self._attach('clone', self._clone)
        step.done = '1 GiB in pool %s' % self._pool(self._clone)
        step.progress('comparing')
        self._compare(step, 'clone', 1, 'the new bytes')

    def extend_detached(self, step):
        """A volume grows while it is not attached."""
        self._detach('copy')
        self._wait.wait_for_volume(self._copy)
        self._volumes.extend_volume(self._copy.id, 3)
        self._copy = self._wait.wait_for_volume(self._copy)
        step.done = 'the volume from the snapshot, 2 to 3 GiB'
        step.equal('size', self._copy.size, 3)
        self._attach('copy', self._copy)
        step.progress('comparing')
        self._compare(step, 'copy', 3)

    def extend_attached(self, step):
        """The volume grows while it is a device of this host."""
        self._volumes.extend_volume(self._volume.id, 2)
        self._volume = self._wait.wait_for_volume(self._volume, 'in-use')
        step.done = 'the volume, 1 to 2 GiB'
        step.equal('size', self._volume.size, 2)
        seen = self._host.extend(self._attached['volume'])
        step.equal('os-brick sees it', seen, 2 * GIB)
        step.progress('comparing')
        self._write('volume', 'grown', 2 * GIB - MIB, MIB)
        self._compare(step, 'volume', 2)

    def check_backend(self, step):
        """What an operator runs when something seems wrong."""
        command = ['-m', 'dsware_doctor', 'backend']
        done = subprocess.run(
            [sys.executable, *command, '--json', '--config-file',
             str(self._stack.cinder.config_path)],
            env=self._stack.cinder.environment(), stdout=subprocess.PIPE,
            timeout=CHECK_SECONDS, check=False)
        step.done = ' '.join(['python', *command])
        found = json.loads(done.stdout)
        step.equal('no problem', [one['text'] for one in found['findings']
                                  if one['severity'] != 'note'], [])
        step.equal('exit status', done.returncode, 0)

    def detach(self, step):
        """No volume is a device of this host any more."""
        paths = [one.path for one in self._attached.values()]
        for name in list(self._attached):
            self._detach(name)
        step.done = output_.counted(len(paths), 'volume')
        step.equal('devices gone',
                   [path for path in paths if os.path.lexists(path)], [])
        volumes = [self._wait.wait_for_volume(volume) for volume in
                   (self._volume, self._copy, self._clone)]
        step.equal('attachments gone',
                   [volume.id for volume in volumes if volume.attachments],
                   [])

    def volume_to_image(self, step):
        """The clone becomes an image, which is compared."""
        answer = self._volumes.upload_volume_to_image(
            self._clone, 'demo-upload', disk_format='qcow2',
            container_format='bare')
        step.progress('Cinder converts and uploads')
        self._upload = self._wait.wait_for_image(answer['image_id'])
        self._wait.wait_for_volume(self._clone)
        step.progress('downloading')
        downloaded = self._directory / 'upload.qcow2'
        self._images.download_image(self._upload, output=str(downloaded),
                                    stream=True)
        step.done = '1 GiB as qcow2 of %d MiB' % (self._upload.size // MIB)
        step.equal('size', downloaded.stat().st_size, self._upload.size)
        step.progress('comparing')
        compared = subprocess.run(
            [programs.qemu_img(), 'compare', '-f', 'raw', '-F', 'qcow2',
             str(self._twins['clone']), str(downloaded)],
            capture_output=True, text=True)
        # Different sizes would be called identical, with a warning.
        step.check('all 1024 MiB equal',
                   compared.stdout.strip() == 'Images are identical.',
                   compared.stdout + compared.stderr)

    def delete(self, step):
        """Everything that the steps made."""
        # The volumes first, although one of them is made from the snapshot
        # and the other one has it: not all drivers can do that, this one
        # has to.
        self._wait.delete_volume(self._clone)
        self._wait.delete_snapshot(self._snapshot)
        self._wait.delete_volume(self._volume)
        self._wait.delete_volume(self._copy)
        images = [image for image in (self._image, self._upload) if image]
        for image in images:
            self._images.delete_image(image, ignore_missing=False)
        step.done = '3 volumes, 1 snapshot, %s' % output_.counted(
            len(images), 'image')
        step.equal('Cinder lists none', [
            item.id for items in (self._volumes.volumes(),
                                  self._volumes.snapshots())
            for item in items], [])
        step.equal('Glance lists none',
                   [image.id for image in self._images.images()], [])

    def cluster_is_empty(self, step):
        """The simulated cluster holds nothing any more."""
        status = self._stack.simulator.control.status()
        step.done = 'asked the cluster itself'
        for what in ('volumes', 'snapshots', 'attachments'):
            step.equal('no ' + what, list(status[what]), [])
        step.equal('no space used or provisioned',
                   [(pool['used'], pool['alloc'])
                    for pool in status['pools']],
                   [(0, 0)] * len(status['pools']))

    def _make_empty_volume(self):
        """What is used when volumes cannot be made from images."""
        self._volume = self._create('demo', 1)
        self._twins['volume'] = self._twin('empty')
        self._twins['volume'].touch()

    def _create(self, name, size, **attributes):
        made = self._volumes.create_volume(name=name, size=size,
                                           **attributes)
        return self._wait.wait_for_volume(made)

    @staticmethod
    def _pool(volume):
        return volume.host.partition('#')[2]

    def _attach(self, name, volume):
        attached = self._host.attach(volume)
        self._attached[name] = attached
        return attached.path

    def _detach(self, name):
        self._host.detach(self._attached.pop(name))

    def _twin(self, name):
        return self._directory / (name + '.twin')

    def _own_twin(self, name, source):
        """Let a volume hold what another one holds, until it is written."""
        content.copy_sparse(source, self._twin(name))
        self._twins[name] = self._twin(name)

    def _write(self, name, seed, offset, size):
        data = content.data(seed, size)
        content.write(self._attached[name].path, offset, data)
        content.write(self._twins[name], offset, data)
        return size

    def _compare(self, step, name, gib, what='bytes'):
        path = self._attached[name].path
        waiting.wait_for(lambda: content.size(path) == gib * GIB,
                         DEVICE_SECONDS, '%d GiB of %s' % (gib, path))
        count = content.compare(path, self._twins[name], gib * GIB)
        kind = 'device' if stat.S_ISBLK(os.stat(path).st_mode) else 'file'
        step.check('%s of all %d MiB of the %s'
                   % (what, count // MIB, kind), True)
