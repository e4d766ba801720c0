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

"""Processes of services with all their children, from both sides; ports."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys

from functional.services import waiting

TERMINATE_SECONDS = 15
OUTLIVE = 'DSWARE_FUNCTIONAL_OUTLIVE_PARENT'


class ProcessFailed(Exception):
    """A service process ended although it should be running."""


class Process(object):
    """A service in a session of its own, with its output in a file."""

    def __init__(self, name, command, log_path, env=None, outlive=False):
        """Describe a process; start() starts it.

        :param name: what it is called in messages
        :param command: program and arguments
        :param log_path: file that gets its standard output and error
        :param env: its environment, or None for this process's
        :param outlive: whether it goes on when this process ends
        """
        self.name = name
        self.command = command
        self.log_path = log_path
        self._env = dict(os.environ if env is None else env)
        self._outlive = outlive
        self._popen = None

    @property
    def pid(self):
        """The process's id, or None when it is not started."""
        return self._popen.pid if self._popen else None

    def start(self):
        """Start the process.

        :raises OSError: the program cannot be started
        """
        if self._outlive:
            self._env[OUTLIVE] = '1'
        with open(self.log_path, 'ab') as log:
            self._popen = subprocess.Popen(
                self.command, env=self._env, stdout=log, stderr=log,
                stdin=(subprocess.DEVNULL if self._outlive
                       else subprocess.PIPE),
                start_new_session=True)

    def is_running(self):
        """Whether the process was started and has not ended."""
        return self._popen is not None and self._popen.poll() is None

    def check(self):
        """Make sure that the process still runs.

        :raises ProcessFailed: it ended; the message has the end of its log
        """
        if not self.is_running():
            raise ProcessFailed(
                '%s ended with status %s; the end of %s:\n%s'
                % (self.name, self._popen and self._popen.returncode,
                   self.log_path, self.last_lines()))

    def join(self, timeout):
        """Wait until the process has ended, but not for ever.

        :param timeout: seconds
        """
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(timeout)

    def wait_until(self, condition, timeout, what):
        """Wait for a condition that only this running process can fulfil.

        :param condition: called without arguments until it answers true
        :param timeout: seconds to wait at most
        :param what: what is waited for
        :returns: what the condition answered
        :raises ProcessFailed: the process ended, or it took too long
        """
        def running_condition():
            self.check()
            return condition()

        try:
            return waiting.wait_for(running_condition, timeout, what)
        except waiting.TimedOut as exc:
            raise ProcessFailed('%s; the end of %s:\n%s' % (
                exc, self.log_path, self.last_lines()))

    def last_lines(self, count=15):
        """The last lines of the process's log.

        :param count: how many lines
        :returns: text
        """
        try:
            with open(self.log_path, errors='replace') as log:
                return ''.join(log.readlines()[-count:])
        except OSError as exc:
            return str(exc)

    def kill(self):
        """End the process and its children at once, as a crash would."""
        if self._popen is None:
            return
        self._signal_group(signal.SIGKILL)
        self._popen.wait()
        self._forget()

    def stop(self, timeout=TERMINATE_SECONDS):
        """Ask the process to end, and end it and its children if need be.

        :param timeout: seconds that it has before it is killed
        """
        if self._popen is None:
            return
        if self.is_running():
            self._popen.send_signal(signal.SIGTERM)
        self.join(timeout)
        self.kill()

    def _signal_group(self, number):
        """Signal the process group, whose id cannot be in use by others.

        The group keeps its id while any of its members lives; when there is
        none the signal goes nowhere.
        """
        try:
            os.killpg(self._popen.pid, number)
        except ProcessLookupError:
            pass

    def _forget(self):
        if self._popen.stdin:
            self._popen.stdin.close()
        self._popen = None


class Lifeline(object):
    """How a process of a service learns that it has to end.

    By SIGTERM or SIGINT or, unless it was started to outlive its parent, by
    the end of its standard input: that is a pipe which the parent holds open,
    so that nothing goes on when the parent is killed. Works with eventlet's
    select and the real one.
    """

    def __init__(self):
        self._reader, writer = os.pipe()
        os.set_blocking(writer, False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ignore)
        signal.set_wakeup_fd(writer)

    @staticmethod
    def _ignore(number, frame):
        """The number also arrives in the pipe, where it is waited for."""

    def wait(self):
        """Return when this process has to end."""
        watched = [self._reader]
        if not os.environ.get(OUTLIVE):
            # The file, as eventlet's select overlooks descriptor number 0.
            watched.append(sys.stdin)
        select.select(watched, [], [])


class Reservation(object):
    """A free port of a loopback address that nobody else gets until released.

    The port is bound but never listened on. With SO_REUSEADDR on both sides
    Linux lets the service that the port is meant for bind and listen on it
    all the same, while nobody is given the port as a free one.
    """

    def __init__(self, address='127.0.0.1'):
        """Reserve a port.

        :param address: an address in 127.0.0.0/8
        :raises ValueError: the address is not a loopback address
        """
        if not address.startswith('127.'):
            raise ValueError('%s is not in 127.0.0.0/8: services are only '
                             'started on loopback addresses' % address)
        self.address = address
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((address, 0))
        self.port = self._socket.getsockname()[1]

    def release(self):
        """Give the port back."""
        self._socket.close()
