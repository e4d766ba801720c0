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

"""A message broker, for services that are not all in one process.

The services of most tests share a process and oslo.messaging's in-memory
transport, which need none. This one is Debian's RabbitMQ, started by hand,
without plugins, on loopback addresses.
"""

import os

from functional.services import http
from functional.services import process
from functional.services import programs

START_SECONDS = 60
PACKAGE = 'rabbitmq-server'

# The one on PATH refuses to run as anybody but root or its own user.
_SERVER = '/usr/lib/rabbitmq/bin/rabbitmq-server'
# Erlang's port mapper, which would else be a daemon that is left behind.
# Everything ends when whoever holds the standard input does.
_SCRIPT = '''
exec 3<&0
epmd -port "$ERL_EPMD_PORT" -address 127.0.0.1 3<&- &
%s 3<&- &
(cat <&3 >/dev/null; kill -9 0) &
wait
''' % _SERVER
_ERLANG = '-kernel inet_dist_use_interface {127,0,0,1}'


def why_not():
    """Tell what keeps this machine from running the broker.

    :returns: text; empty when nothing does
    """
    return programs.why_not(PACKAGE, _SERVER, 'epmd')


class Broker(object):
    """RabbitMQ in a process of its own; ``url`` is for transport_url."""

    def __init__(self, directory):
        """Describe a broker; start() starts it.

        :param directory: path of a directory for its files
        """
        self.directory = directory
        self.log_path = directory / 'rabbitmq.log'
        self._reservations = [process.Reservation() for _port in range(3)]
        self._port, self._peers, self._mapper = [
            reservation.port for reservation in self._reservations]
        self.url = 'rabbit://guest:guest@127.0.0.1:%d/' % self._port
        self.process = None

    def start(self):
        """Start the broker; see wait()."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.process = process.Process(
            'rabbitmq', ['sh', '-c', _SCRIPT], self.log_path,
            self._environment())
        self.process.start()

    def wait(self):
        """Wait until services can connect.

        :raises functional.services.process.ProcessFailed: they cannot
        """
        self.process.wait_until(self._answers, START_SECONDS,
                                'An answer of RabbitMQ')

    def stop(self):
        """End the broker; one that is not there is fine."""
        if self.process:
            # It has nothing to save, so it need not be asked.
            self.process.kill()
        for reservation in self._reservations:
            reservation.release()

    def _answers(self):
        return http.listens('127.0.0.1', self._port)

    def _environment(self):
        none = self.directory / 'none'
        return dict(
            os.environ, HOME=str(self.directory),
            PATH=programs.search_path(),
            ERL_EPMD_ADDRESS='127.0.0.1', ERL_EPMD_PORT=str(self._mapper),
            RABBITMQ_NODENAME='dsware%d@localhost' % self._port,
            RABBITMQ_NODE_IP_ADDRESS='127.0.0.1',
            RABBITMQ_NODE_PORT=str(self._port),
            RABBITMQ_DIST_PORT=str(self._peers),
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=_ERLANG,
            RABBITMQ_MNESIA_BASE=str(self.directory / 'mnesia'),
            RABBITMQ_LOG_BASE=str(self.directory), RABBITMQ_LOGS='-',
            RABBITMQ_PID_FILE=str(self.directory / 'pid'),
            # None of the files in /etc/rabbitmq.
            RABBITMQ_CONFIG_FILE=str(none),
            RABBITMQ_ADVANCED_CONFIG_FILE=str(none),
            RABBITMQ_CONF_ENV_FILE=str(none),
            RABBITMQ_ENABLED_PLUGINS_FILE=str(none))
