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

"""What the OpenStack services stand on: databases, messages, tokens, locks."""

from functional.box import etcd
from functional.box import mariadb
from functional.box import memcached
from functional.services import rabbitmq
from tools import secret_marks


def why_not():
    """Tell what keeps this machine from running it.

    :returns: text; empty when nothing does
    """
    return next(filter(None, (part.why_not() for part in (
        mariadb, rabbitmq, memcached, etcd))), '')


class Infrastructure(object):
    """MariaDB, RabbitMQ, memcached and etcd.

    Attributes: ``cache``, a memcached.Cache; ``etcd``, an etcd.Etcd.
    """

    def __init__(self, directory):
        """Describe the servers; who uses them starts and stops parts().

        :param directory: path of a directory for their files
        """
        self._directory = directory
        self._database = mariadb.Database(directory / 'mariadb',
                                          secret_marks.secret('database'))
        self._broker = rabbitmq.Broker(directory / 'rabbitmq')
        self.cache = memcached.Cache(directory / 'memcached')
        self.etcd = etcd.Etcd(directory / 'etcd')

    def parts(self):
        """The servers by their names, in the order of their start."""
        return {'RabbitMQ': self._broker, 'MariaDB': self._database,
                'memcached': self.cache, 'etcd': self.etcd}

    def database(self, name):
        """Make an empty database.

        :param name: its name
        :returns: a dict of options of the section [database]
        """
        return {'connection': self._database.create(name),
                'max_pool_size': 5, 'max_overflow': 30}

    def sections(self, directory):
        """What is the same in the configuration of each service.

        :param directory: path of the service's directory
        :returns: a dict of section name to a dict of options
        """
        return {
            'DEFAULT': {'use_stderr': True, 'transport_url': self._broker.url},
            'oslo_concurrency': {'lock_path': directory / 'locks'},
            'oslo_messaging_notifications': {'driver': 'noop'}}
