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

"""Calling methods of an object in another process, over a socket.

Each call and each answer is a line of JSON.
"""

import json
import logging
import os
import signal
import socket
import socketserver
import threading

from functional.services import http
from functional.services import process

LOG = logging.getLogger(__name__)


class CallFailed(Exception):
    """The method raised an exception; the text starts with its class."""


class Died(Exception):
    """The process ended while it carried the call out."""


class _Handler(socketserver.StreamRequestHandler):
    """One connection: calls and answers."""

    def handle(self):
        """Answer the calls of one connection."""
        for line in self.rfile:
            method, arguments = json.loads(line)
            try:
                answer = {'result': getattr(
                    self.server.target, method)(**arguments)}
            except Exception as exc:
                LOG.exception('%s failed', method)
                answer = {'error': '%s: %s' % (type(exc).__name__, exc)}
            self.wfile.write(json.dumps(answer).encode() + b'\n')


class _Server(socketserver.ThreadingUnixStreamServer):
    """Serves each connection in a thread, native or green."""

    daemon_threads = True
    target: object


def serve(path, target):
    """Offer an object's methods until this process has to end.

    :param path: path of the socket
    :param target: the object
    """
    if os.path.exists(path):
        os.unlink(path)
    with _Server(path, _Handler) as server:
        server.target = target
        threading.Thread(target=server.serve_forever, daemon=True).start()
        process.Lifeline().wait()
    # Threads of libraries may go on for ever.
    os._exit(0)


def call(path, method, arguments, timeout):
    """Call a method of the object that a process offers.

    :param path: path of the process's socket
    :param method: name of the method
    :param arguments: dict of its arguments
    :param timeout: seconds
    :returns: what it returned
    :raises CallFailed: it raised something
    :raises Died: the process ended
    :raises OSError: it does not answer, or not in time
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout)
        connection.connect(path)
        with connection.makefile('rw') as stream:
            stream.write(json.dumps([method, arguments]) + '\n')
            stream.flush()
            line = stream.readline()
    if not line:
        raise Died('the process ended in %s' % method)
    answer = json.loads(line)
    if 'error' in answer:
        raise CallFailed(answer['error'])
    return answer['result']


class Served(object):
    """A process that offers an object on a socket."""

    #: Seconds for its start, and for one call.
    start_seconds = 60
    call_seconds = 120

    def __init__(self, name, directory):
        """Describe a process; start() starts it.

        :param name: what it is called in messages
        :param directory: path of a directory for its files, a short one
        """
        self.name = name
        self.directory = directory
        self.socket_path = str(directory / 'socket')
        self.process = None

    def start_process(self, command, env):
        """Start the process and wait until it answers.

        :param command: program and arguments
        :param env: its environment
        :raises functional.services.process.ProcessFailed: it does not
        """
        self.process = process.Process(
            self.name, command, self.directory / 'output.log', env)
        self.process.start()
        self.process.wait_until(self._answers, self.start_seconds,
                                'The start of %s' % self.name)

    def stop(self):
        """End the process; one that is not there is fine."""
        if self.process:
            self.process.stop()

    def kill(self):
        """End the process as the kernel does when it is out of memory."""
        self.process.kill()

    def kill_only(self):
        """End the process and leave its children alone."""
        os.kill(self.process.pid, signal.SIGKILL)

    def call(self, method, **arguments):
        """Have the process do something.

        :param method: a method of the object that it offers
        :param arguments: its arguments
        :returns: what it returned
        :raises CallFailed: it raised something
        :raises Died: the process ended
        """
        return call(self.socket_path, method, arguments, self.call_seconds)

    def _answers(self):
        try:
            return self.call('is_ready')
        except (OSError, ValueError, Died) as exc:
            raise http.NoAnswer(exc)
