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

"""etcd, started by hand: the locks of Cinder's services."""

import os

from functional.services import http
from functional.services import process
from functional.services import programs

START_SECONDS = 30
PACKAGE = 'etcd-server'


def why_not():
    """Tell what keeps this machine from running it.

    :returns: text; empty when nothing does
    """
    return programs.why_not(PACKAGE, 'etcd')


class Etcd(object):
    """A cluster of one server; ``url`` is for Cinder's coordination."""

    def __init__(self, directory):
        """Describe a server; start() starts it.

        :param directory: path of a directory for its files
        """
        self.directory = directory
        self._reservations = [process.Reservation() for _port in range(2)]
        self._clients, self._peers = ['http://127.0.0.1:%d' % one.port
                                      for one in self._reservations]
        self.url = 'etcd3+' + self._clients
        self.process = None

    def start(self):
        """Start the server; see wait()."""
        self.directory.mkdir(0o700, parents=True, exist_ok=True)
        self.process = process.Process(
            'etcd', [
                'etcd', '--name', 'box', '--data-dir',
                str(self.directory / 'data'), '--logger', 'zap',
                '--log-outputs', 'stderr',
                '--listen-client-urls', self._clients,
                '--advertise-client-urls', self._clients,
                '--listen-peer-urls', self._peers,
                '--initial-advertise-peer-urls', self._peers,
                '--initial-cluster', 'box=' + self._peers],
            self.directory / 'etcd.log',
            dict(os.environ, PATH=programs.search_path()))
        self.process.start()

    def wait(self):
        """Wait until it answers.

        :raises functional.services.process.ProcessFailed: it does not
        """
        self.process.wait_until(
            lambda: http.get(self._clients + '/health'), START_SECONDS,
            'An answer of etcd')

    def stop(self):
        """End the server; one that is not there is fine."""
        if self.process:
            # What it holds is of no use afterwards.
            self.process.kill()
        for reservation in self._reservations:
            reservation.release()
