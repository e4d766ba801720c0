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

"""A stand-in for cryptsetup that needs no dm-crypt.

It writes and reads the same format, LUKS, with QEMU, which shows a volume's
plain bytes as a file for a loop device. What os-brick does with cryptsetup is
the real thing; how the kernel encrypts is not shown by tests that use this.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from functional.services import waiting

MAPPER = '/dev/mapper'
# QEMU tries how fast passphrases are hashed. On virtual machines whose clock
# of processor time goes back now and then it says so, and gives up.
UNMEASURED = 'Unable to get accurate CPU usage'
ATTEMPTS = 30
SECONDS = 30
PROGRAMS = {'qemu-storage-daemon': 'qemu-system-common',
            'qemu-img': 'qemu-utils', 'losetup': 'mount'}

_PROGRAM = r'''#!/bin/sh
# Stands in for cryptsetup, for functional tests.
state=@STATE@
for last; do :; done
echo "$*" >> $state/log
case " $* " in
*" isLuks "*)
    [ "$(head -c 4 "$last")" = LUKS ];;
*" luksFormat "*)
    cat > $state/key
    bytes=$(($(blockdev --getsize64 "$last") - 2097152))
    echo "$bytes" >> $state/log
    for attempt in $(seq @ATTEMPTS@); do
        problem=$(qemu-img create -q -f luks -o key-secret=k,iter-time=10 \
            --object secret,id=k,file=$state/key "$last" $bytes 2>&1) && exit
        echo "$problem" | tee -a $state/log >&2
        case $problem in
        *"@UNMEASURED@"*) ;;
        *) exit 1;;
        esac
    done
    exit 1;;
*" luksOpen "*)
    cat > $state/key
    device=$3
    [ "$(head -c 4 "$device")" = LUKS ] || exit 1
    mkdir -p @MAPPER@
    plain=$state/$last.plain
    : > $plain
    qemu-storage-daemon --daemonize --pidfile $state/$last.pid \
        --object secret,id=k,file=$state/key \
        --blockdev driver=host_device,node-name=d,filename=$device \
        --blockdev driver=luks,node-name=l,file=d,key-secret=k \
        --export "type=fuse,id=e,node-name=l,writable=on,mountpoint=$plain" \
        >> $state/log 2>&1 < /dev/null || exit 1
    ln -s "$(losetup --find --show "$plain")" @MAPPER@/$last;;
*" luksClose "*)
    [ -e $state/$last.pid ] || exit 4
    losetup --detach "$(readlink @MAPPER@/$last)"
    pid=$(cat $state/$last.pid)
    kill $pid
    while kill -0 $pid 2> /dev/null; do sleep 0.05; done
    rm -f $state/$last.pid @MAPPER@/$last;;
*)
    exit 1;;
esac
'''


def why_not():
    """Why encrypted volumes cannot be opened here.

    :returns: a text, or an empty one when they can
    """
    if os.geteuid():
        return 'only root can make loop devices'
    for program, package in PROGRAMS.items():
        if not shutil.which(program):
            return '%s (%s) is not installed' % (program, package)
    try:
        os.close(os.open('/dev/fuse', os.O_RDWR))
    except OSError as error:
        return 'FUSE cannot be used: %s' % error
    with tempfile.TemporaryDirectory(prefix='dsware-test-') as directory:
        return _try_fuse(pathlib.Path(directory))


def _try_fuse(directory):
    """Let QEMU show a disk as a file, and let go of it."""
    plain, pid = directory / 'plain', directory / 'pid'
    plain.touch()
    tried = subprocess.run(
        ['qemu-storage-daemon', '--daemonize', '--pidfile', pid,
         '--blockdev', 'null-co,node-name=n,size=1048576', '--export',
         'fuse,id=e,node-name=n,mountpoint=%s' % plain],
        stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if tried.returncode:
        return 'FUSE cannot be used: ' + tried.stderr.strip()
    number = int(pid.read_text())
    os.kill(number, signal.SIGTERM)
    waiting.wait_for(lambda: not os.path.exists('/proc/%d' % number),
                     SECONDS, 'The end of qemu-storage-daemon')
    return ''


def install(directory, state):
    """Put the program where services find it.

    :param directory: path of a directory on their PATH
    :param state: path of a directory for what it has to keep; its file
                  ``log`` tells how it was called
    :returns: path of the program
    """
    program = directory / 'cryptsetup'
    text = _PROGRAM
    for name, value in (('STATE', state), ('MAPPER', MAPPER),
                        ('ATTEMPTS', ATTEMPTS), ('UNMEASURED', UNMEASURED)):
        text = text.replace('@%s@' % name, str(value))
    program.write_text(text)
    program.chmod(0o755)
    return program
