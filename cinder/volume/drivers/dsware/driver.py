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

"""Cinder driver for Huawei Dsware (FusionStorage Block)."""

from oslo_config import cfg
from oslo_log import log as logging
from oslo_utils import units

from cinder import exception
from cinder.i18n import _
from cinder import interface
from cinder.volume import configuration
from cinder.volume import driver
from cinder.volume.drivers.dsware import config
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import failures
from cinder.volume.drivers.dsware.features import attachers
from cinder.volume.drivers.dsware.features import attaching
from cinder.volume.drivers.dsware.features import capabilities
from cinder.volume.drivers.dsware.features import groups
from cinder.volume.drivers.dsware.features import images
from cinder.volume.drivers.dsware.features import manage
from cinder.volume.drivers.dsware.features import migration
from cinder.volume.drivers.dsware.features import owners
from cinder.volume.drivers.dsware.features import qos
from cinder.volume.drivers.dsware.features import revert
from cinder.volume.drivers.dsware.features import stats
from cinder.volume.drivers.dsware.features import volume_types
from cinder.volume.drivers.dsware import naming
from cinder.volume.drivers.dsware import options
from cinder.volume.drivers.dsware import reporting
from cinder.volume.drivers.san import san

LOG = logging.getLogger(__name__)
CONF = cfg.CONF
CONF.register_opts(options.DSWARE_OPTS,
                   group=configuration.SHARED_CONF_GROUP)

_MIB_PER_GIB = units.Gi // units.Mi
# Options of Cinder's own that the driver reads.
_COMMON_OPTS = ('driver_use_ssl', 'driver_ssl_cert_verify',
                'driver_ssl_cert_path', 'max_over_subscription_ratio',
                'reserved_percentage')


@interface.volumedriver
class DSWareDriver(failures.LoggedFailures, attachers.Attachments,
                   capabilities.Capabilities, groups.Groups,
                   images.ImageVolumes, manage.ManagedObjects,
                   migration.Migrations, revert.RevertedVolumes,
                   driver.VolumeDriver):
    """Cinder driver for Huawei Dsware (FusionStorage Block).

    .. code-block:: none

      Version history:
        1.0.0 - Initial version
    """

    VERSION = '1.0.0'
    # ThirdPartySystems wiki page
    CI_WIKI_NAME = 'Huawei_Dsware_CI'
    SUPPORTS_ACTIVE_ACTIVE = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.configuration.append_config_values(san.san_opts)
        self.configuration.append_config_values(options.DSWARE_OPTS)
        self._array = None
        self._attacher = None
        self._pools = None
        self._qos = None
        self._sign_ins = None

    @staticmethod
    def get_driver_options():
        """List the options that the driver reads.

        :returns: a list of oslo.config options
        """
        used_san = ('san_ip', 'san_api_port', 'san_login', 'san_password',
                    'san_thin_provision')
        return (options.DSWARE_OPTS
                + [o for o in san.san_opts if o.name in used_san]
                + [o for o in driver.volume_opts if o.name in _COMMON_OPTS])

    # -- start ------------------------------------------------------------

    def do_setup(self, context):
        """Check the options; nothing is contacted yet.

        :param context: the admin context
        :raises InvalidConfigurationValue: an option is missing, malformed or
            contradicts another one
        """
        config.check_name_templates()
        # Cinder repeats a start that failed: a password that was refused is
        # not to be sent again each time.
        self._sign_ins = config.make_sign_ins(self.configuration,
                                              self._sign_ins)
        self._array = config.make_array(self.configuration,
                                        sign_ins=self._sign_ins)
        self._attacher = attachers.Attacher(self._array, self.configuration)
        self._qos = qos.Limiter(self._array)
        self._pools = stats.PoolWatch(self._array,
                                      self.configuration.dsware_pools)

    def check_for_setup_error(self):
        """Contact the cluster.

        A cluster that cannot be reached leaves the backend down; it comes up
        by itself. What will not mend by itself is an error.

        :raises VolumeBackendAPIException: the certificate or credentials are
            refused, fsc_cli cannot be run, or a configured pool is unknown
        """
        try:
            pools = self._pools.query()
        except (exceptions.CertificateRefused,
                exceptions.CommandUnavailable):
            raise
        except (exceptions.EndpointUnavailable, exceptions.OutcomeUnknown,
                exceptions.TryAgain) as error:
            reporting.log_once(
                LOG, logging.ERROR, error,
                'The Dsware cluster cannot be reached. The backend starts '
                'down and comes up when the cluster answers.')
        else:
            if self.configuration.dsware_attach_by == 'host':
                attaching.release_abandoned()
            LOG.info('Dsware driver %(version)s: the cluster answers; '
                     'transport %(transport)s, agents %(agents)s, pools '
                     '%(pools)s.', {
                         'version': self.VERSION,
                         'transport': self.configuration.dsware_transport,
                         'agents': ', '.join(
                             map(str, self._array.client.agents)),
                         'pools': ', '.join(
                             str(pool.pool_id) for pool in pools)})

    # -- statistics -------------------------------------------------------

    def _update_volume_stats(self):
        pools = self._pools.refresh()
        up = self._pools.up
        self._stats = {
            'volume_backend_name':
                self.configuration.safe_get('volume_backend_name')
                or self.__class__.__name__,
            'vendor_name': 'Huawei',
            'driver_version': self.VERSION,
            'storage_protocol': attaching.DRIVER_VOLUME_TYPE,
            'backend_state': 'up' if up else 'down',
            # A new volume reads as zeros, so Cinder need not write them.
            'sparse_copy_volume': True,
            'pools': [stats.pool_stats(pool, up, self.configuration, self,
                                       self._attacher.online_extend)
                      for pool in pools],
        }

    def get_pool(self, volume):
        """Tell the pool of a volume.

        :param volume: the Cinder volume
        :returns: the pool id, as the pool's name in the statistics
        :raises VolumeNotFound: it is not on the cluster
        """
        found = self._array.queries.volume(naming.volume_name(volume))
        if found is None:
            raise exception.VolumeNotFound(volume_id=volume.id)
        return str(found.pool_id)

    @staticmethod
    def _pool_id(volume):
        pool_id = naming.pool_id(volume.host)
        if pool_id is None:
            raise exception.InvalidInput(reason=_(
                'host %(host)s of volume %(volume)s does not end with '
                '#POOL, where POOL is the id of a Dsware pool') % {
                    'host': volume.host, 'volume': volume.name})
        return pool_id

    # -- volumes ----------------------------------------------------------

    def create_volume(self, volume):
        """Create an empty volume.

        :param volume: the Cinder volume, its size in GiB
        :returns: what changes in Cinder's record, or None
        :raises CreationInDoubt: the cluster may have made it, or may yet
        :raises VolumeBackendAPIException: when that does not work
        """
        wishes = volume_types.wishes(volume, self.configuration)
        with naming.for_creation(volume), self._qos.of_new(volume):
            self._array.volumes.create(
                naming.volume_name(volume), self._pool_id(volume),
                volume.size * _MIB_PER_GIB, wishes.thin)
        return naming.for_new(volume)

    def delete_volume(self, volume):
        """Delete a volume; one that is gone already is a success.

        :param volume: the Cinder volume
        :raises VolumeIsBusy: it is attached or has snapshots
        :raises VolumeBackendAPIException: for all other reasons, and when
            a volume whose creation was never finished is busy
        """
        if not volume.host:
            # No user asks for that. Cinder has handed the creation of this
            # volume on and clears up: what is there by now was made by
            # another attempt, in another pool or by another backend of the
            # same cluster. A creation that may have left something is not
            # handed on: see CreationInDoubt.
            LOG.info('Volume %s is made elsewhere; nothing is deleted.',
                     volume.name)
            return
        if naming.is_taken_over(volume) and not volume.launched_at:
            # Managing it broke off, so it is still its former owner's.
            self.unmanage(volume)
            return
        if other := owners.other_record(volume):
            # What both name is the other one's.
            naming.complete_exchange(volume, other)
        name = naming.volume_name(volume)
        self._attacher.release(volume)
        with naming.for_deletion(volume):
            # An interrupted clone may have left the snapshot that it was
            # made through; nothing else would ever find it again. Volumes
            # are only made with Cinder's name.
            self._array.volumes.delete_leftovers(volume.name)
            try:
                self._array.volumes.delete(name)
            except exceptions.HasSnapshots:
                raise
            except exceptions.ObjectBusy:
                if not self._array.volumes.delete_temporaries_of(
                        name, owners.is_forgotten):
                    raise
                self._array.volumes.delete(name)
        self._qos.forget(volume)

    def extend_volume(self, volume, new_size):
        """Make a volume larger, attached or not.

        :param volume: the Cinder volume
        :param new_size: in GiB
        :raises VolumeNotFound: it is not on the cluster
        :raises CreationInDoubt: it cannot be extended and is not finished
        :raises VolumeBackendAPIException: for all other reasons
        """
        name, size = naming.volume_name(volume), new_size * _MIB_PER_GIB
        with naming.for_extension(volume), \
                naming.for_volume(volume), \
                self._qos.of_resized(volume, new_size):
            self._array.volumes.expand(name, size)

    def backup_use_temp_snapshot(self):
        """Tell that a backup cannot read a snapshot."""
        if super().backup_use_temp_snapshot():
            LOG.warning('backup_use_temp_snapshot has no effect: no '
                        'published operation attaches a snapshot. A backup '
                        'reads a linked clone.')
        return False

    # -- snapshots and clones ---------------------------------------------

    def create_snapshot(self, snapshot):
        """Make a crash-consistent snapshot.

        :param snapshot: the Cinder snapshot
        :raises VolumeNotFound: its volume is not on the cluster
        :raises SnapshotLimitReached: the volume can have no more
        :raises VolumeBackendAPIException: for all other reasons
        """
        with naming.for_volume(snapshot.volume):
            self._array.snapshots.create(
                naming.snapshot_name(snapshot),
                naming.volume_name(snapshot.volume))

    def delete_snapshot(self, snapshot):
        """Delete a snapshot; one that is gone already is a success.

        :param snapshot: the Cinder snapshot
        :raises SnapshotIsBusy: it is in use
        :raises VolumeBackendAPIException: for all other reasons, and when
            a snapshot that was never finished is busy
        """
        with naming.for_snapshot_deletion(snapshot):
            self._array.snapshots.delete(
                naming.snapshot_name(snapshot))

    def create_volume_from_snapshot(self, volume, snapshot):
        """Make a volume from a snapshot; it may be larger.

        :param volume: the new Cinder volume, its size in GiB
        :param snapshot: the Cinder snapshot
        :returns: what changes in Cinder's record, or None
        :raises SnapshotNotFound: it is not on the cluster
        :raises SnapshotLimitReached: the snapshot can have no more clones
        :raises CreationInDoubt: the cluster may have made it, or may yet
        :raises VolumeBackendAPIException: for all other reasons
        """
        with naming.for_creation(volume), self._qos.of_new(volume), \
                naming.for_snapshot(snapshot):
            self._make_from(volume, naming.snapshot_name(snapshot))
        return naming.for_new(volume)

    def create_cloned_volume(self, volume, src_vref):
        """Make a volume from another volume; it may be larger.

        :param volume: the new Cinder volume, its size in GiB
        :param src_vref: the source, a Cinder volume
        :returns: what changes in Cinder's record, or None
        :raises VolumeNotFound: the source is not on the cluster
        :raises SnapshotLimitReached: the source can have no more clones
        :raises CreationInDoubt: the cluster may have made it, or may yet
        :raises VolumeBackendAPIException: for all other reasons
        :raises InvalidVolume: an image is only said to be stored in it
        """
        images.check_source(volume, src_vref)
        # A type that is wrong is refused before anything is made.
        volume_types.wishes(volume, self.configuration)
        with naming.for_creation(volume), self._qos.of_new(volume), \
                naming.for_volume(src_vref):
            self._array.copies.clone(
                naming.volume_name(volume),
                naming.volume_name(src_vref),
                lambda snapshot: self._make_from(volume, snapshot))
        return naming.for_new(volume)

    def _make_from(self, volume, snapshot):
        name = naming.volume_name(volume)
        wishes = volume_types.wishes(volume, self.configuration)
        pool_id = self._pool_id(volume)
        size = volume.size * _MIB_PER_GIB
        # A linked clone is always in its snapshot's pool.
        if wishes.full_clone or not self._array.queries.is_in_pool(snapshot,
                                                                   pool_id):
            self._array.copies.full(name, pool_id, size, wishes.thin, snapshot)
        else:
            self._array.copies.linked(name, size, snapshot)
