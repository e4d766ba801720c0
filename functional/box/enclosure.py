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

"""Where all of the box runs: in a name space of processes.

When the first process of it ends, whatever the reason, the kernel ends all
others, so nothing that was started is left. That process ends in good order
when its standard input does, which is a pipe from the process that made it.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading

from functional.services import programs
from functional.services import simulator
from functional.services import stack

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_COMMAND = ('unshare', '--mount', '--propagation', 'private', '--pid',
            '--fork', '--kill-child', '--mount-proc')
_PREFIX = 'dsware-box-'
SIMULATOR = 'simulator'
#: In there, the id of the process that made it, which is not seen there.
OUTSIDE = 'DSWARE_BOX_OUTSIDE'


def run(module, arguments):
    """Run a module as a program, in an enclosure, with a new directory.

    :param module: its name
    :param arguments: its arguments, after the path of the directory
    :returns: its exit code
    """
    directory = stack.make_directory(_PREFIX)
    # Of all services, also of those that another user runs.
    temporary = directory / 'tmp'
    temporary.mkdir()
    temporary.chmod(0o1777)
    child = subprocess.Popen(
        [*_COMMAND, sys.executable, '-W', 'ignore', '-m', module,
         str(directory), *arguments], stdin=subprocess.PIPE,
        env=dict(os.environ, PATH=programs.search_path(),
                 TMPDIR=str(temporary), **{OUTSIDE: str(os.getpid())}))
    # Ctrl-C reaches the child, too; other signals reach this process only.
    for number in SIGNALS:
        signal.signal(number, lambda *_args: child.stdin.close())
    try:
        return child.wait()
    finally:
        clean_up(directory)


def clean_up(directory):
    """Remove what no kernel removes by itself.

    :param directory: path of the directory of an enclosure that has ended
    """
    simulator.Simulator(directory / SIMULATOR).stop()
    shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def interrupts(exception):
    """Have an exception raised when this enclosure is to end.

    Only the first signal raises it; it comes from who runs the enclosure, or
    when that has gone.

    :param exception: the class of the exception
    """
    def interrupt(number, frame):
        ignore_signals()
        raise exception()

    for number in SIGNALS:
        signal.signal(number, interrupt)
    threading.Thread(target=_end_with_input, daemon=True).start()
    yield
    ignore_signals()


def ignore_signals():
    """Let nothing interrupt what comes now."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _end_with_input():
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
