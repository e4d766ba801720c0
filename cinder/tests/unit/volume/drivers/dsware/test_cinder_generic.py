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

"""Cinder's own generic tests, with this driver in the place of the fake one.

Cinder tests its manager with ``FakeLoggingVolumeDriver``. Here that name
stands for this driver, whose cluster is in memory and has every volume and
snapshot that Cinder's tests only put into the database.
"""

from unittest import mock

from oslo_config import cfg

from cinder.tests.unit.attachments import test_attachments_manager
from cinder.tests.unit.group import test_groups_manager
from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.tests.unit.volume.drivers.dsware.fakes import cluster
from cinder.tests.unit.volume import test_connection
from cinder.tests.unit.volume import test_driver
from cinder.tests.unit.volume import test_image
from cinder.tests.unit.volume import test_init_host
from cinder.tests.unit.volume import test_manage_volume
from cinder.tests.unit.volume import test_replication_manager
from cinder.tests.unit.volume import test_snapshot
from cinder.tests.unit.volume import test_volume
from cinder.tests.unit.volume import test_volume_manager
from cinder.tests.unit.volume import test_volume_reimage
from cinder.tests.unit.volume import test_volume_retype
from cinder.volume import configuration
from cinder.volume.drivers.dsware import config
from cinder.volume.drivers.dsware import driver
from cinder.volume.drivers.dsware.features import qos
from cinder.volume.drivers.dsware.features import volume_types
from cinder.volume.drivers.dsware import naming

CONF = cfg.CONF
GENERIC = 'cinder.tests.fake_driver.FakeLoggingVolumeDriver'
_MAKING = ('createVolume', 'createVolumeFromSnap')


class WillingCluster(cluster.FakeCluster):
    """A cluster that has each volume that it is asked for."""

    def __init__(self, clock):
        super().__init__(clock)
        self._willing = set()

    def carry_out(self, request, endpoint):
        for key in ('volName', 'snapNameSrc'):
            if key in request.args:
                self._prepare(request.op, key, request.args[key])
        return super().carry_out(request, endpoint)

    def _prepare(self, op, key, name):
        if key == 'volName' and op in _MAKING:
            if name in self._willing:
                self._willing.discard(name)
                self.volumes.pop(name, None)
        elif not self._taken(name):
            self._willing.add(name)
            self.add_volume(name)
            if key == 'snapNameSrc':
                self.add_snapshot(name, name)


class TestedDriver(driver.DSWareDriver):
    """The driver as it is once its service has started."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        CONF.set_override('san_ip', '192.0.2.10',
                          group=configuration.SHARED_CONF_GROUP)
        self.do_setup(None)

    def validate_connector(self, connector):
        super().validate_connector(self._whole(connector))

    def initialize_connection(self, volume, connector):
        return super().initialize_connection(volume, self._whole(connector))

    @staticmethod
    def _whole(connector):
        # Every host has these; Cinder's tests need none of them.
        return {'host': 'compute', 'ip': '192.0.2.7', 'dsware_cli': True,
                **connector}


class OnThisDriver:
    """Puts this driver into the place of the one of Cinder's tests."""

    def setUp(self):
        willing = WillingCluster(fakes.Clock().install(self))
        for name, new in (
                (GENERIC, TestedDriver),
                (config.__name__ + '.transport.SocketTransport',
                 lambda endpoint, settings: willing.transport(endpoint)),
                # Cinder's tests often have the ids of types, and no types.
                (qos.__name__ + '.Limiter.wanted', lambda *args, **kw: {}),
                # They have hosts without pools, and with other names.
                (naming.__name__ + '.pool_of', lambda volume: 0),
                (volume_types.__name__ + '.wishes',
                 lambda *args: volume_types.Wishes(thin=True,
                                                   full_clone=False)),
                ('cinder.volume.volume_utils.is_group_a_cg_snapshot_type',
                 lambda group: True)):
            patcher = mock.patch(name, new)
            patcher.start()
            self.addCleanup(patcher.stop)
        super().setUp()


def without(reason, *names):
    """Leave out tests that say nothing about a driver such as this one.

    :param reason: why
    :param names: of the tests, which have to be there
    :returns: a decorator of a test class
    """
    def left_out(cls):
        for name in names:
            if not callable(getattr(cls, name, None)):
                raise AttributeError(f'{cls.__name__} has no {name}')
            setattr(cls, name, None)
        return cls
    return left_out


@without("they compare the fake driver's own answers",
         'test_attachment_update_1_False',
         'test_attachment_update_2_True')
class ThisAttachmentManagerTestCase(
        OnThisDriver, test_attachments_manager.AttachmentManagerTestCase):
    pass


@without('they replace methods of the base class, or have no snapshots',
         'test_create_group_from_src',
         'test_create_group_snapshot_with_bootable_volumes',
         'test_create_delete_group_snapshot_1___vm___None_',
         'test_create_delete_group_snapshot_2___vmfake____mycluster__')
@without('they replace methods of the base class',
         'test_delete_group_cluster', 'test_delete_group_correct_host')
@without('they create one volume twice',
         'test_update_group_1__False___'
         '29514915_5208_46ab_9ece_1cc4688ad0c1__',
         'test_update_group_2__True___'
         '29514915_5208_46ab_9ece_1cc4688ad0c1__',
         'test_update_group_3__True___'
         'f8645498_1323_47a2_9442_5c57724d2e3c__')
class ThisGroupManagerTestCase(OnThisDriver,
                               test_groups_manager.GroupManagerTestCase):
    pass


class ThisDiscardFlagTestCase(OnThisDriver,
                              test_connection.DiscardFlagTestCase):
    pass


@without('volumes of this driver need no export',
         'test_initialize_connection_export_failure')
class ThisVolumeConnectionTestCase(OnThisDriver,
                                   test_connection.VolumeConnectionTestCase):
    pass


class ThisVolumeAttachDetachTestCase(
        OnThisDriver, test_connection.VolumeAttachDetachTestCase):
    pass


class ThisGenericVolumeDriverTestCase(OnThisDriver,
                                      test_driver.GenericVolumeDriverTestCase):
    pass


class ThisImageVolumeCacheTestCase(OnThisDriver,
                                   test_image.ImageVolumeCacheTestCase):
    pass


@without("the volumes' pools are those of LVM",
         'test_init_host_count_allocated_capacity',
         'test_init_host_count_allocated_capacity_batch_retrieval',
         'test_init_host_count_allocated_capacity_cluster')
@without('it counts queries; this driver looks for what a crash has left',
         'test_init_host_added_to_cluster')
class ThisVolumeInitHostTestCase(OnThisDriver,
                                 test_init_host.VolumeInitHostTestCase):
    pass


@without('the volume is given by a text; this driver wants a source-name',
         'test_manage_volume_raise_driver_size_exception',
         'test_manage_volume_raise_driver_exception',
         'test_manage_volume_with_notify')
class ThisManageVolumeTestCase(OnThisDriver,
                               test_manage_volume.ManageVolumeTestCase):
    pass


@without("it makes two drivers of the fake one's class",
         'test_init_host_with_rpc_clustered_replication')
class ThisReplicationTestCase(OnThisDriver,
                              test_replication_manager.ReplicationTestCase):
    pass


@without('the image is copied to a local path of LVM',
         'test_create_snapshot_from_bootable_volume',
         'test_create_snapshot_from_bootable_volume_fail')
class ThisSnapshotTestCase(OnThisDriver,
                           test_snapshot.SnapshotTestCase):
    pass


class ThisVolumeLocksTestCase(OnThisDriver,
                              test_volume.VolumeTestCaseLocks):
    pass


class ThisVolumeManagerTestCase(OnThisDriver,
                                test_volume_manager.VolumeManagerTestCase):
    pass


class ThisVolumeReimageTestCase(OnThisDriver,
                                test_volume_reimage.VolumeReimageTestCase):
    pass


class ThisVolumeRetypeTestCase(OnThisDriver,
                               test_volume_retype.VolumeRetypeTestCase):
    pass
