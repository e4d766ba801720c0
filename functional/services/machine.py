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

"""A machine of its own, as far as its files are concerned.

It has the files of this machine, but what is written to some directories is
seen by the processes of that machine only, and gone with the last of them: a
system user, what sudo allows, all that an installation puts below ``/etc`` and
``/var/lib``. Devices, processes and the network are those of this machine.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import sys

from functional.services import programs
from functional.services import waiting

#: What an installation changes.
PLACES = ('/etc', '/usr/local/bin', '/var/lib')
PROGRAMS = {'unshare': 'util-linux', 'nsenter': 'util-linux',
            'setpriv': 'util-linux', 'useradd': 'passwd', 'sudo': 'sudo'}
_STOP_SECONDS = 15

# $1 is where the layers are; then the places, "--", what others may pass
# through here. Everything ends when the standard input does.
_SCRIPT = '''
set -e
layers=$1
shift
mount -t tmpfs -o mode=755 layers "$layers"
while [ "$1" != -- ]; do
    layer=$layers/$(echo "$1" | tr / -)
    mkdir -p "$layer/upper" "$layer/work"
    mount -t overlay -o "lowerdir=$1,upperdir=$layer/upper,''' \
    '''workdir=$layer/work" overlay "$1"
    shift
done
shift
for directory; do chmod o+x "$directory"; done
echo ready
exec cat >/dev/null
'''


def why_not():
    """Tell what keeps this machine from having one within.

    :returns: text; empty when nothing does
    """
    if os.geteuid() != 0:
        return 'another user, with sudo, takes root'
    for name, package in PROGRAMS.items():
        if not shutil.which(name, path=programs.search_path()):
            return '%s is not installed: apt-get install %s' % (name, package)
    done = subprocess.run(
        ['unshare', '--mount', '--propagation', 'private', 'sh', '-ec',
         'mount -t tmpfs layers /mnt; mkdir /mnt/u /mnt/w; mount -t overlay '
         '-o lowerdir=/etc,upperdir=/mnt/u,workdir=/mnt/w overlay /etc'],
        capture_output=True, text=True)
    return done.stderr and 'no layers above files here: ' + done.stderr


class Machine(object):
    """A mount namespace, and what runs in it."""

    def __init__(self, directory):
        """Describe a machine; start() starts it.

        :param directory: path of a directory for it
        """
        self.directory = directory
        self._holder = None

    def start(self):
        """Make the machine."""
        self.directory.mkdir()
        private = _private_directories()
        # Below a layer, so that their modes change there alone.
        tops = [path for path in private
                if private.isdisjoint(path.parents)]
        self._holder = subprocess.Popen(
            ['unshare', '--mount', '--propagation', 'private', 'sh', '-c',
             _SCRIPT, 'sh', self.directory, *PLACES, *tops, '--', *private],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            start_new_session=True)
        if self._holder.stdout.readline() != 'ready\n':
            raise RuntimeError('The machine could not be made.')

    def path(self, path):
        """Where a path of that machine is found on this one.

        :param path: absolute path
        :returns: path, which is not to be resolved
        """
        return pathlib.Path('/proc/%d/root' % self._holder.pid,
                            path.lstrip('/'))

    def command(self, *command, user=None):
        """What runs a command there.

        :param command: program and arguments
        :param user: who runs it; root by default
        :returns: a list
        """
        who = ('setpriv', '--reuid', user, '--regid', user,
               '--init-groups') if user else ()
        return ['nsenter', '--mount=/proc/%d/ns/mnt' % self._holder.pid,
                *who, *command]

    def run(self, *command, user=None):
        """Run a command there, as root by default.

        :param command: program and arguments
        :param user: who runs it
        :returns: what it printed
        """
        done = subprocess.run(self.command(*command, user=user), text=True,
                              capture_output=True)
        if done.returncode:
            raise RuntimeError('%s: %s%s' % (' '.join(command), done.stdout,
                                             done.stderr))
        return done.stdout

    def add_user(self, name, home):
        """Make a system user, unless this machine has one of that name.

        :param name: its name
        :param home: its home directory
        """
        self.run('sh', '-ec', 'id "$1" >/dev/null 2>&1 || useradd --system '
                 '--user-group --home-dir "$2" "$1"; install -d -o "$1" -g '
                 '"$1" -m 750 "$2"', 'sh', name, home)

    def write(self, path, text, mode=0o644):
        """Write a file of root's there.

        :param path: absolute path
        :param text: what it holds
        :param mode: its mode
        """
        there = self.path(path)
        there.touch(mode=0o600)
        there.write_text(text)
        there.chmod(mode)

    def stop(self):
        """End all that runs there, and so the machine itself."""
        if self._holder is None:
            return
        waiting.wait_for(self._kill_all, _STOP_SECONDS, 'The end of all '
                         'processes of the installation')
        self._holder.stdin.close()
        self._holder.stdout.close()
        self._holder.wait()
        self._holder = None

    def _kill_all(self):
        """Kill all but the holder; tell whether there was none."""
        here = _namespace(self._holder.pid)
        if here in (None, _namespace('self')):
            return True
        left = [int(entry.name)
                for entry in pathlib.Path('/proc').glob('[0-9]*')
                if _namespace(entry.name) == here]
        left.remove(self._holder.pid)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not left


def _namespace(pid):
    try:
        return os.readlink('/proc/%s/ns/mnt' % pid)
    except OSError:
        return None


def _private_directories():
    """Directories that others may not pass, on the way to what they need.

    That is this source tree and Python.

    :returns: a set of paths
    """
    needed = (programs.project_root(), pathlib.Path(sys.prefix).resolve(),
              pathlib.Path(sys.base_prefix).resolve())
    return {directory for path in needed
            for directory in (path, *path.parents)
            if not directory.stat().st_mode & stat.S_IXOTH}
