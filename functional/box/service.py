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

"""The processes of an OpenStack service, and the commands that set it up."""

from concurrent import futures
import os
import subprocess

from functional.box import wsgi
from functional.services import process
from functional.services import programs
from functional.services import waiting


def make_environment(*first_on_path, **variables):
    """Make the environment of a service's processes.

    :param first_on_path: directories to search first for programs
    :param variables: what to add to this process's environment
    :returns: a dict
    """
    return dict(os.environ, PYTHONWARNINGS='ignore',
                PYTHONPATH=str(programs.project_root()),
                PATH=programs.search_path(*first_on_path), **variables)


class Service(object):
    """Processes of one service, each with its output in a file."""

    def __init__(self, directory, enter=None, environment=None):
        """Describe a service; nothing is started.

        :param directory: path of a directory for its files
        :param enter: makes of a command one that runs where the service
                      does, and as its user; by default as it is
        :param environment: the processes' environment; see
                            make_environment()
        """
        self.directory = directory
        self.processes = []
        self._enter = enter or (lambda *command: list(command))
        self._environment = environment or make_environment()

    def run(self, name, *arguments, **environment):
        """Run a command of the service until it has ended.

        :param name: one of the programs beside this Python
        :param arguments: its arguments
        :param environment: what to add to its environment
        :raises functional.services.process.ProcessFailed: it failed
        """
        path = self.directory / (name + '.log')
        with open(path, 'ab') as log:
            done = subprocess.run(
                self._enter(programs.beside_python(name), *arguments),
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                env={**self._environment, **environment})
        if done.returncode:
            raise process.ProcessFailed('%s %s failed; the end of %s:\n%s' % (
                name, ' '.join(arguments), path,
                '\n'.join(path.read_text().splitlines()[-15:])))

    def start(self, name, *arguments):
        """Start a program of the service.

        :param name: one of the programs beside this Python
        :param arguments: its arguments
        :returns: the process.Process
        """
        return self._start(name, [programs.beside_python(name), *arguments])

    def serve(self, name, module, reservation, *arguments):
        """Start a server for an application of the service.

        :param name: what it is called in messages
        :param module: name of the module that has the application
        :param reservation: a process.Reservation of the port
        :param arguments: the command line that the application reads
        :returns: the process.Process
        """
        return self._start(name, wsgi.command(module, reservation,
                                              *arguments))

    def wait(self, condition, seconds, what):
        """Wait for what all processes have to run for.

        :param condition: see waiting.wait_for
        :param seconds: how long at most
        :param what: what is waited for
        :raises functional.services.process.ProcessFailed: it did not happen
        """
        def all_run():
            for one in self.processes:
                one.check()
            return condition()

        try:
            waiting.wait_for(all_run, seconds, what)
        except waiting.TimedOut as exc:
            raise process.ProcessFailed('%s; logs are in %s' % (
                exc, self.directory))

    def stop(self):
        """End all processes; those that are not there are fine."""
        with futures.ThreadPoolExecutor() as pool:
            list(pool.map(lambda one: one.stop(), self.processes))
        self.processes = []

    def _start(self, name, command):
        made = process.Process(name, self._enter(*command),
                               self.directory / (name + '.log'),
                               self._environment)
        made.start()
        self.processes.append(made)
        return made
