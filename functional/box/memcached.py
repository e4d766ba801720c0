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

"""memcached, started by hand: the services' tokens."""

import os

from functional.services import http
from functional.services import process
from functional.services import programs

START_SECONDS = 15
PACKAGE = 'memcached'


def why_not():
    """Tell what keeps this machine from running it.

    :returns: text; empty when nothing does
    """
    return programs.why_not(PACKAGE, 'memcached')


class Cache(object):
    """The server in a process of its own; ``address`` is host:port."""

    def __init__(self, directory):
        """Describe a server; start() starts it.

        :param directory: path of a directory for its output
        """
        self.directory = directory
        self._reservation = process.Reservation()
        self.address = '127.0.0.1:%d' % self._reservation.port
        self.process = None

    def start(self):
        """Start the server; see wait()."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.process = process.Process(
            'memcached', ['memcached', '-u', 'root', '-l', '127.0.0.1', '-U',
                          '0', '-p', str(self._reservation.port)],
            self.directory / 'memcached.log',
            dict(os.environ, PATH=programs.search_path()))
        self.process.start()

    def wait(self):
        """Wait until it answers.

        :raises functional.services.process.ProcessFailed: it does not
        """
        self.process.wait_until(
            lambda: http.listens('127.0.0.1', self._reservation.port),
            START_SECONDS, 'An answer of memcached')

    def stop(self):
        """End the server; one that is not there is fine."""
        if self.process:
            self.process.stop()
        self._reservation.release()
