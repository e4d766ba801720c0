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

"""Starting, watching and stopping a process with all its children."""

import os
import signal
import subprocess

from functional.services import lifeline
from functional.services import waiting

TERMINATE_SECONDS = 15


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
            self._env[lifeline.OUTLIVE] = '1'
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
        try:
            self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            pass
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
