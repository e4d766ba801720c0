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

"""Remove what a run of .ci/run left behind, and say what it was.

Its processes are known by DSWARE_CI_RUN in their environment, which names the
directory for temporary files of the run; its loop devices by files in that
directory or in this tree, when they were not there at the start.

Usage: ci_cleanup.py --before | --after
"""

import os
import pathlib
import signal
import subprocess
import sys
import time

_TOP = pathlib.Path(__file__).resolve().parent.parent
_BLOCK = pathlib.Path('/sys/block')
# Links that name loop devices: those of the simulator, and those that show
# the plain bytes of encrypted volumes; the first ones lead to the others.
_LINKS = (('/dev/disk/by-id', 'os-brick*'), ('/dev/disk/by-id', 'wwn-0x*'),
          ('/dev/mapper', 'crypt-*'))


def loop_devices(roots, block=_BLOCK):
    """Find the loop devices over files below some directories.

    :param roots: the directories
    :param block: where the kernel lists block devices
    :returns: the names of the devices, such as loop3
    """
    found = set()
    for entry in block.glob('loop*/loop/backing_file'):
        try:
            backing = pathlib.Path(entry.read_text().strip())
        except OSError:
            # Detached in the meantime.
            continue
        if any(backing.is_relative_to(root) for root in roots):
            found.add(entry.relative_to(block).parts[0])
    return found


def still_attached(devices, block=_BLOCK):
    """Tell which loop devices are there yet.

    The kernel does not know any more where the file of one was when what it
    was mounted from has gone.

    :param devices: the names of the devices, such as loop3
    :param block: where the kernel lists block devices
    :returns: the names of those that are
    """
    return {name for name in devices
            if (block / name / 'loop/backing_file').exists()}


def processes(run):
    """Find the processes of a run, except for this one.

    :param run: the value of DSWARE_CI_RUN
    :returns: command lines by process id
    """
    mark = os.fsencode('DSWARE_CI_RUN=%s' % run)
    found = {}
    for entry in pathlib.Path('/proc').glob('[0-9]*'):
        try:
            environment = (entry / 'environ').read_bytes().split(b'\0')
            command = (entry / 'cmdline').read_bytes()
        except OSError:
            # Ended in the meantime, or somebody else's.
            continue
        # A process that has ended, but was not waited for, has no command.
        if mark in environment and command and int(entry.name) != os.getpid():
            found[int(entry.name)] = os.fsdecode(
                command.replace(b'\0', b' ').strip())
    return found


def wait_until_gone(run, seconds):
    """Wait until a run has no more processes, or until a deadline.

    :param run: the value of DSWARE_CI_RUN
    :param seconds: how long at most
    :returns: the processes that are left, see processes()
    """
    deadline = time.monotonic() + seconds
    left = processes(run)
    while left and time.monotonic() < deadline:
        time.sleep(0.1)
        left = processes(run)
    return left


def end_processes(run, grace=5.0):
    """End the processes of a run.

    :param run: the value of DSWARE_CI_RUN
    :param grace: how many seconds they may take to end by themselves, and
        then to follow a request to end
    :returns: what had to be ended, as lines of text
    """
    left = wait_until_gone(run, grace)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in wait_until_gone(run, 0):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        wait_until_gone(run, grace)
    return ['process %d: %s' % item for item in sorted(left.items())]


def unmount(root):
    """Unmount what is mounted below a directory.

    :param root: the directory
    :returns: what was unmounted, as lines of text
    """
    mounts = [pathlib.Path(line.split()[4]) for line in
              pathlib.Path('/proc/self/mountinfo').read_text().splitlines()]
    found = [mount for mount in mounts if mount.is_relative_to(root)]
    for mount in sorted(found, reverse=True):
        subprocess.run(['umount', '-l', str(mount)], check=False)
    return ['mount: %s' % mount for mount in found]


def detach(devices):
    """Detach loop devices and remove the links that name them.

    :param devices: their names, such as loop3
    :returns: what was detached, as lines of text
    """
    for directory, pattern in _LINKS:
        for link in pathlib.Path(directory).glob(pattern):
            if os.path.basename(os.path.realpath(link)) in devices:
                link.unlink(missing_ok=True)
    for device in sorted(devices):
        subprocess.run(['losetup', '-d', '/dev/' + device], check=False)
    return ['loop device: %s' % device for device in sorted(devices)]


def main(when):
    """Note what there is before a run, or clean up after it.

    :param when: --before or --after
    :returns: the exit status, 1 when something had been left behind
    """
    run = pathlib.Path(os.environ['DSWARE_CI_RUN'])
    note = run / 'loop-devices'
    roots = (run, _TOP)
    if when == '--before':
        note.write_text(' '.join(loop_devices(roots)))
        return 0
    seen = loop_devices(roots)
    left = end_processes(str(run)) + unmount(run)
    before = note.read_text().split() if note.exists() else ()
    left += detach((loop_devices(roots) | still_attached(seen)).difference(
        before))
    for line in left:
        print('left behind: %s' % line)
    return 1 if left else 0


if __name__ == '__main__':
    if sys.argv[1:] not in (['--before'], ['--after']):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
