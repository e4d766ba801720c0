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

"""A guest's disk, read and written as the guest would do it.

QEMU's monitor knows the commands of qemu-io, for a guest's own device. What
they tell is printed where QEMU prints, and is not in the monitor's answer.
"""

import fcntl
import os
import re
import tempfile

_DONE = re.compile(r'^(?:read|wrote|discard) (\d+)/(\d+) bytes at offset',
                   re.MULTILINE)
_DIFFERENT = re.compile('^Pattern verification failed', re.MULTILINE)
# Position, bytes, and the same bytes as characters.
_DUMPED = re.compile('^[0-9a-f]{8,}:  ((?:[0-9a-f]{2} )+)', re.MULTILINE)
# Of what was printed, in a message.
_LONGEST = 500


class Failed(Exception):
    """A command failed, or read something else than it was told."""


class Gone(Failed):
    """The guest does not have the device, or does not have it any more."""


class GuestDisk(object):
    """A volume that is plugged into a guest.

    Attributes: ``source``, path of the device on the host; ``size``, bytes
    as the guest sees them.
    """

    def __init__(self, libvirt, guest, volume_id):
        """Describe the disk.

        :param libvirt: the libvirt.Libvirt that runs the guest
        :param guest: the guest's name there
        :param volume_id: id of the volume, after which Nova names the device
        """
        self._libvirt = libvirt
        self._guest = guest
        self._device = 'ua-' + volume_id

    @property
    def source(self):
        """Path of the device on the host."""
        return self._element().find('source').get('dev')

    @property
    def size(self):
        """How many bytes the guest's device has, as QEMU tells."""
        told = self._libvirt.virsh(
            'domblkinfo', self._guest,
            self._element().find('target').get('dev'))
        return int(told.split('Capacity:')[1].split()[0])

    def read(self, offset, size):
        """Read bytes.

        :param offset: position of the first one, a multiple of 512
        :param size: how many, a multiple of 512
        :returns: the bytes
        :raises Failed: they cannot be read
        """
        printed = self.run('read -v %d %d' % (offset, size))
        found = bytes.fromhex(''.join(_DUMPED.findall(printed)))
        if len(found) != size:
            raise Failed('%d bytes were read instead of %d'
                         % (len(found), size))
        return found

    def write(self, offset, content):
        """Write bytes.

        :param offset: position of the first one, a multiple of 512
        :param content: the bytes, a multiple of 512
        :raises Failed: they are not written, or not all of them
        """
        with tempfile.NamedTemporaryFile(
                dir=self._libvirt.directory, prefix='block-') as source:
            source.write(content)
            source.flush()
            self.run('write -s %s %d %d' % (source.name, offset,
                                            len(content)))

    def run(self, command):
        """Run a command of qemu-io that reads, writes or discards.

        :param command: the command
        :returns: what it printed
        :raises Failed: it did not do what it was told
        """
        # Whoever asks the same guest for something waits, so that what is
        # printed meanwhile is of this command.
        with open(self._libvirt.log(self._guest), 'r+b') as log:
            fcntl.flock(log, fcntl.LOCK_EX)
            start = log.seek(0, os.SEEK_END)
            said = self._libvirt.monitor(self._guest, 'qemu-io -d %s "%s"' % (
                self._device, command)).strip()
            log.seek(start)
            printed = log.read().decode(errors='replace')
            # Else the log would be one of bytes; it is only appended to.
            log.truncate(start)
        self._check(command, said, printed)
        return printed

    @staticmethod
    def _check(command, said, printed):
        if said.endswith(' not found'):
            raise Gone('%s: %s' % (command, said))
        done = _DONE.search(printed)
        if (said or not done or done[1] != done[2]
                or _DIFFERENT.search(printed)):
            raise Failed('%s: %s' % (command, (said + printed)[:_LONGEST]))

    def _element(self):
        for disk in self._libvirt.disks(self._guest).values():
            if disk.find('alias').get('name') == self._device:
                return disk
        raise Gone('%s has no %s' % (self._guest, self._device))
