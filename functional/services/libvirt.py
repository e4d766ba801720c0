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

"""A libvirt of one's own, for guests that are emulated.

The daemon is started by hand, as root, in name spaces of its own: what it has
built into it as its directories are directories of the caller's there, and
whatever it starts ends with it.
"""

import glob
import os
import shutil
import subprocess
from xml.etree import ElementTree

from functional.services import http
from functional.services import process
from functional.services import programs

START_SECONDS = 60
COMMAND_SECONDS = 60
EMULATOR = 'qemu-system-x86_64'
#: Of Debian; optional, see bindep.txt.
PACKAGES = ('libvirt-daemon', 'libvirt-daemon-driver-qemu',
            'libvirt-clients', 'qemu-system-x86')
_NAMESPACES = ('--mount', '--propagation', 'private', '--pid', '--fork',
               '--kill-child', '--mount-proc')
# Where Debian and others have the daemon's drivers.
_DRIVERS = ('/usr/lib/*/libvirt/connection-driver',
            '/usr/lib64/libvirt/connection-driver',
            '/usr/lib/libvirt/connection-driver')
# The first process of the name space: when it ends, all others in it do.
# It ends with the daemon, or when whoever holds its standard input does.
_SCRIPT = '''#!/bin/sh
set -eu
top=$1
for directory in /run/libvirt /var/lib/libvirt /var/log/libvirt \\
        /var/cache/libvirt /etc/libvirt; do
    mkdir -p "$directory" "$top$directory"
    mount --bind "$top$directory" "$directory"
done
# The user is made by a package that is not needed otherwise.
cp /etc/passwd /etc/group "$top/etc"
if ! grep -q '^libvirt-qemu:' /etc/passwd; then
    echo 'libvirt-qemu:x:64055:64055::/:/bin/false' >> "$top/etc/passwd"
    echo 'libvirt-qemu:x:64055:' >> "$top/etc/group"
fi
mount --bind "$top/etc/passwd" /etc/passwd
mount --bind "$top/etc/group" /etc/group
cp "$top"/*.conf /etc/libvirt
exec 3<&0
LIBVIRT_DRIVER_DIR=$top/drivers libvirtd \\
    --config /etc/libvirt/libvirtd.conf --pid-file "$top/pid" 3<&- &
daemon=$!
(cat <&3 >/dev/null; kill "$daemon") &
wait "$daemon"
'''
_DAEMON = '''unix_sock_dir = "%s"
auth_unix_ro = "none"
auth_unix_rw = "none"
'''
_QEMU = '''user = "root"
group = "root"
stdio_handler = "file"
cgroup_controllers = []
security_driver = "none"
'''
# No operating system runs in it, so its disks are of a kind that can be
# unplugged without the help of one.
_GUEST = '''<domain type='qemu'>
  <name>%(name)s</name>
  <uuid>%(uuid)s</uuid>
  <memory unit='MiB'>32</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <features><acpi/></features>
  <devices>
    <controller type='scsi' index='0' model='virtio-scsi'/>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
  </devices>
</domain>
'''


class LibvirtError(Exception):
    """A command failed."""


def _driver_directory():
    for pattern in _DRIVERS:
        for path in glob.glob(pattern):
            if os.path.exists(os.path.join(path, 'libvirt_driver_qemu.so')):
                return path
    return None


def why_not():
    """Tell what keeps this machine from running guests.

    :returns: text; empty when nothing does
    """
    if os.geteuid() != 0:
        return 'libvirt and its guests need root'
    path = programs.search_path()
    missing = [name for name in ('libvirtd', 'virsh', EMULATOR, 'unshare')
               if not shutil.which(name, path=path)]
    if missing or not _driver_directory():
        return '%s not found: apt-get install --no-install-recommends %s' % (
            ', '.join(missing or ["libvirt's driver for QEMU is"]),
            ' '.join(PACKAGES))
    tried = subprocess.run(['unshare', *_NAMESPACES, 'true'],
                           capture_output=True, text=True)
    if tried.returncode:
        return 'no name spaces can be made here: %s' % tried.stderr.strip()
    return ''


class Libvirt(object):
    """The daemon and the guests in it."""

    def __init__(self, directory):
        """Describe a daemon; start() starts it.

        :param directory: path of a directory for its files, a short one
        """
        self.directory = directory.resolve()
        self.uri = 'qemu+unix:///system?socket=%s' % (
            self.directory / 'sock' / 'libvirt-sock')
        self.process = None

    def start(self):
        """Start the daemon and wait until it answers.

        :raises functional.services.process.ProcessFailed: it does not
        """
        for name in ('sock', 'drivers', 'etc'):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        # Not those that care for this machine's network, for example.
        for name in ('qemu', 'secret'):
            library = 'libvirt_driver_%s.so' % name
            (self.directory / 'drivers' / library).symlink_to(
                os.path.join(_driver_directory(), library))
        (self.directory / 'libvirtd.conf').write_text(
            _DAEMON % (self.directory / 'sock'))
        (self.directory / 'qemu.conf').write_text(_QEMU)
        script = self.directory / 'start'
        script.write_text(_SCRIPT)
        self.process = process.Process(
            'libvirt', ['unshare', *_NAMESPACES, 'sh', str(script),
                        str(self.directory)],
            self.directory / 'libvirtd.log',
            dict(os.environ, PATH=programs.search_path()))
        self.process.start()
        self.process.wait_until(self._answers, START_SECONDS,
                                'An answer of libvirt')

    def stop(self):
        """End the guests and the daemon; what is not there is fine."""
        if self.process is None:
            return
        if self.process.is_running():
            for name in self.virsh('list', '--name').split():
                self.virsh('destroy', name)
        # unshare does not listen to SIGTERM. It takes all with it.
        self.process.kill()

    def create_guest(self, name, uuid):
        """Make and start a guest without disks.

        :param name: its name
        :param uuid: its id
        """
        path = self.directory / (name + '.xml')
        path.write_text(_GUEST % {'name': name, 'uuid': uuid})
        self.virsh('define', str(path))
        self.virsh('start', name)

    def destroy_guest(self, name):
        """End a guest, as a power failure does, and forget it.

        :param name: its name
        """
        if name in self.virsh('list', '--name').split():
            self.virsh('destroy', name)
        self.virsh('undefine', name)

    def monitor(self, name, command):
        """Say something to QEMU's monitor.

        :param name: the guest's name
        :param command: in the monitor's language for people
        :returns: what it said
        """
        return self.virsh('qemu-monitor-command', name, '--hmp', command)

    def log(self, name):
        """Path of the file to which a guest's QEMU appends what it prints.

        :param name: the guest's name
        """
        return self.directory / 'var/log/libvirt/qemu' / (name + '.log')

    def disks(self, name):
        """The disks of a guest.

        :param name: the guest's name
        :returns: a dict of XML elements by target, as sda
        """
        domain = ElementTree.fromstring(self.virsh('dumpxml', name))
        return {disk.find('target').get('dev'): disk
                for disk in domain.iter('disk')}

    def virsh(self, *arguments):
        """Run libvirt's command line.

        :param arguments: of virsh
        :returns: what it printed
        :raises LibvirtError: it failed
        """
        done = subprocess.run(
            ['virsh', '-q', '-c', self.uri, *arguments], text=True,
            capture_output=True, timeout=COMMAND_SECONDS,
            env=dict(os.environ, PATH=programs.search_path(), LC_ALL='C'))
        if done.returncode:
            raise LibvirtError('virsh %s: %s' % (' '.join(arguments),
                                                 done.stderr.strip()))
        return done.stdout

    def _answers(self):
        try:
            return self.virsh('version')
        except LibvirtError as exc:
            raise http.NoAnswer(exc)
