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

"""What the tests of the driver share."""

from unittest import mock

import fixtures
from oslo_config import cfg
from oslo_utils import timeutils

from cinder import context
from cinder import objects
from cinder.tests.unit import fake_snapshot
from cinder.tests.unit import fake_volume
from cinder.tests.unit import test
from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.tests.unit.volume.drivers.dsware.fakes import cluster
from cinder.volume import configuration
from cinder.volume import driver as volume_driver
from cinder.volume.drivers.dsware import config
from cinder.volume.drivers.dsware import driver
from cinder.volume.drivers.dsware import naming
from cinder.volume.drivers.dsware import options
from cinder.volume.drivers.san import san
from cinder.volume import qos_specs
from cinder.volume import volume_types

GIB = 1024


class DriverTestCase(test.TestCase):
    """Tests with Cinder's own objects and a cluster in memory."""

    def setUp(self):
        super().setUp()
        self.clock = fakes.Clock().install(self)
        self.cluster = cluster.FakeCluster(self.clock)
        self.context = context.get_admin_context()
        self.flags(state_path=self.useFixture(fixtures.TempDir()).path)
        self.patch(config.__name__ + '.transport.SocketTransport',
                   lambda endpoint, settings:
                   self.cluster.transport(endpoint))
        self._made = 0

    def make_driver(self, cluster_name=None, **overrides):
        """Make a driver whose cluster is the one in memory.

        :param cluster_name: the Cinder cluster of its service
        :param overrides: options that differ from their defaults
        :returns: the driver, set up
        """
        made = driver.DSWareDriver(
            configuration=make_configuration(**overrides),
            host='host@dsware', cluster_name=cluster_name)
        made.do_setup(self.context)
        return made

    def make_started_driver(self, **overrides):
        made = self.make_driver(**overrides)
        made.check_for_setup_error()
        made.set_initialized()
        self.cluster.requests.clear()
        return made

    def make_id(self):
        self._made += 1
        return '00000000-0000-4000-8000-%012d' % self._made

    def make_volume(self, size=1, pool=0, specs=None, **updates):
        """Make a Cinder volume.

        :param size: GiB
        :param pool: the pool that the scheduler chose
        :param specs: extra specs of its type; no type when None
        :returns: the volume, not on the cluster yet
        """
        volume = fake_volume.fake_volume_obj(
            self.context, **{'id': self.make_id(), 'size': size,
                             'host': f'host@dsware#{pool}',
                             'launched_at': timeutils.utcnow(),
                             'volume_type_id': None, **updates})
        volume.volume_type = None
        if specs is not None:
            volume.volume_type = fake_volume.fake_volume_type_obj(
                self.context, extra_specs=specs)
        return volume

    def make_type(self, specs=None, consumer='back-end', **limits):
        """Make a volume type in Cinder's database.

        :param specs: its extra specs
        :param consumer: which end its qos spec is for
        :param limits: its qos spec, if it has one; :attr:`spec`, then
        :returns: the volume type
        """
        name = self.make_id()
        made = volume_types.create(self.context, name, specs or {})
        if limits:
            self.spec = qos_specs.create(self.context, name,
                                         {'consumer': consumer, **limits})
            qos_specs.associate_qos_with_type(self.context, self.spec.id,
                                              made['id'])
        return objects.VolumeType.get_by_id(self.context, made['id'])

    def make_taken_over(self, name, **kwargs):
        """Make a Cinder volume that keeps its name on the cluster.

        :param name: its name on the cluster
        :returns: the volume, not on the cluster yet
        """
        volume = self.make_volume(**kwargs)
        volume.provider_id = naming.volume_provider_id(volume, name)
        return volume

    def make_snapshot(self, volume):
        """Make a Cinder snapshot of a volume."""
        snapshot = fake_snapshot.fake_snapshot_obj(
            self.context, id=self.make_id(), volume_id=volume.id,
            volume_size=volume.size, progress='100%')
        snapshot.volume = volume
        return snapshot

    def stored(self, volume, **kwargs):
        """Put a Cinder volume on the cluster.

        :returns: the cluster's record
        """
        return self.cluster.add_volume(
            naming.volume_name(volume), volume.size * GIB,
            int(volume.host.partition('#')[2]), **kwargs)

    def stored_volume(self, *args, data='', **kwargs):
        """Make a Cinder volume that is on the cluster.

        :param data: what is in it
        """
        volume = self.make_volume(*args, **kwargs)
        self.stored(volume, data=data)
        return volume

    @staticmethod
    def attachments(*connectors):
        """Make attachments of a volume, with these connectors."""
        return [mock.Mock(connector=connector, connection_info=None)
                for connector in connectors]


def connector(host='compute-1', ip=fakes.ENDPOINTS[0].host, **more):
    """Make what a host says of itself."""
    return {'host': host, 'ip': ip, 'multipath': False, 'dsware_cli': True,
            **more}


class AttachingTestCase(DriverTestCase):
    """A test that attaches its volume, with its driver."""

    def fail_only(self, op, *args):
        """Let an operation fail for ever, whose name begins another's."""
        self.cluster.fail(op, *args, times=10 ** 9)
        self.cluster.faults[-1].hits = lambda request: request.op == op

    def attach(self, *args, volume=None, **kwargs):
        return self.driver.initialize_connection(
            volume or self.volume, connector(*args, **kwargs))

    def detach(self, *args, **kwargs):
        return self.driver.terminate_connection(
            self.volume, connector(*args, **kwargs))


def make_configuration(**overrides):
    """Make a backend's configuration that touches no global state.

    :param overrides: options that differ from their defaults
    :returns: what a driver is given
    """
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[], default_config_dirs=[])
    with mock.patch.object(configuration, 'CONF', conf):
        made = configuration.Configuration(
            san.san_opts + options.DSWARE_OPTS, config_group='dsware')
        made.append_config_values(volume_driver.volume_opts)
        made.append_config_values(volume_driver.backup_opts)
    made.conf.local_conf = conf
    overrides.setdefault('san_ip', '192.0.2.10')
    for key, value in overrides.items():
        conf.set_override(key, value, group='dsware')
    return made
