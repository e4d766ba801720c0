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

"""A compute host of Nova, or what Cinder takes for Nova."""

import http.server
import importlib.util
import json
import os
import queue
import sys
import threading

from functional.services import calls
from functional.services import programs


def why_not():
    """Tell what keeps this Python from being a compute host.

    :returns: text; empty when nothing does
    """
    missing = [package for module, package in (
        ('nova', 'nova'), ('libvirt', 'libvirt-python'))
        if not importlib.util.find_spec(module)]
    return missing and 'not installed: %s' % ', '.join(missing) or ''


class Nova(calls.Served):
    """The process, and calls to it."""

    start_seconds = 120

    def __init__(self, directory, libvirt_uri, address, lock_path,
                 brick_options, sudo_dir, hostname='nova', environment=None):
        """Describe a compute host; start() starts it.

        :param directory: path of a directory for its files, a short one
        :param libvirt_uri: where libvirt answers
        :param address: address of this host
        :param lock_path: directory that services of this host share
        :param brick_options: a dict of options for the section [os_brick]
        :param sudo_dir: path of the directory with the services' sudo
        :param hostname: what the host is called in attachments
        :param environment: a dict to add to the process's environment
        """
        super().__init__(name='nova-compute', directory=directory)
        self._environment = dict(environment or {})
        self.log_path = directory / 'nova-compute.log'
        self._sudo_dir = sudo_dir
        self._sections = {
            'DEFAULT': {
                'my_ip': address, 'host': hostname, 'debug': True,
                'state_path': directory, 'log_file': self.log_path},
            'database': {
                'connection': 'sqlite:///%s' % (directory / 'nova.sqlite')},
            'libvirt': {
                'connection_uri': libvirt_uri, 'virt_type': 'qemu'},
            'oslo_concurrency': {'lock_path': lock_path},
            'os_brick': brick_options,
            'workarounds': {'disable_rootwrap': True}}

    def start(self):
        """Start the process and wait until it answers.

        After a kill() it goes on with what it had.

        :raises functional.services.process.ProcessFailed: it does not
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        programs.write_config(self.directory / 'nova.conf', self._sections)
        self.start_process(
            [sys.executable, '-m', 'functional.services.nova_process',
             '--config-file', str(self.directory / 'nova.conf')],
            dict(os.environ, PYTHONWARNINGS='ignore',
                 PYTHONPATH=str(programs.project_root()),
                 PATH=programs.search_path(self._sudo_dir),
                 **self._environment))


class NovaStub(object):
    """Takes the requests that Cinder sends to Nova; a test carries them out.

    It answers that all is accepted, and keeps what was asked for.

    Attributes: ``requests``, a queue of pairs of path and decoded body.
    """

    def __init__(self, address):
        """Prepare to listen; start() does.

        :param address: host and port
        """
        self.requests = queue.Queue()
        self._address = address
        self._server = None

    def start(self):
        """Listen, in a thread."""
        requests = self.requests

        class Handler(http.server.BaseHTTPRequestHandler):

            def do_PUT(self):
                size = int(self.headers['Content-Length'])
                body = json.loads(self.rfile.read(size))
                # The answer has the same form as the request.
                answer = json.dumps(body).encode()
                self.send_response(200)
                self.send_header('Content-Type', 'application/json')
                self.send_header('Content-Length', str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
                requests.put((self.path, body))

            def log_message(self, *args):
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(self._address,
                                                       Handler)
        threading.Thread(target=self._server.serve_forever,
                         daemon=True).start()

    def stop(self):
        """Stop to listen."""
        self._server.shutdown()
        self._server.server_close()
