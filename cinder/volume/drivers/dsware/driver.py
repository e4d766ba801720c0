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

"""Cinder driver for Huawei Dsware (FusionStorage Block).

Every call of Cinder is here; what takes more than a few lines is left to one
of the features.
"""

from oslo_log import log as logging

from cinder import coordination
from cinder.i18n import _
from cinder import interface
from cinder.objects import fields
from cinder.volume import driver
from cinder.volume.drivers.dsware import config
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import failures
from cinder.volume.drivers.dsware.features import attachments
from cinder.volume.drivers.dsware.features import detacher
from cinder.volume.drivers.dsware.features import groups
from cinder.volume.drivers.dsware.features import images
from cinder.volume.drivers.dsware.features import manage
from cinder.volume.drivers.dsware.features import migration
from cinder.volume.drivers.dsware.features import qos
from cinder.volume.drivers.dsware.features import stats
from cinder.volume.drivers.dsware.features import volume_types
from cinder.volume.drivers.dsware.features import volumes
from cinder.volume.drivers.dsware import naming
from cinder.volume.drivers.dsware import options
from cinder.volume.drivers.dsware import reporting
from cinder.volume.drivers.san import san

LOG = logging.getLogger(__name__)

_SAN_OPTS = ('san_ip', 'san_api_port', 'san_login', 'san_password',
             'san_thin_provision')
_COMMON_OPTS = ('driver_use_ssl', 'driver_ssl_cert_verify',
                'driver_ssl_cert_path', 'max_over_subscription_ratio',
                'reserved_percentage')


@interface.volumedriver
class DSWareDriver(driver.VolumeDriver):
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
        self._sign_ins = None

    @staticmethod
    def get_driver_options():
        """List the options that the driver reads."""
        return (options.DSWARE_OPTS
                + [o for o in san.san_opts if o.name in _SAN_OPTS]
                + [o for o in driver.volume_opts if o.name in _COMMON_OPTS])

    # -- start ------------------------------------------------------------

    def do_setup(self, context):
        """Check the options; nothing is contacted yet.

        :raises InvalidConfigurationValue: an option is missing, malformed or
            contradicts another one
        """
        config.check_name_templates()
        # Cinder repeats a start that failed: a password that was refused is
        # not to be sent again each time.
        self._sign_ins = config.make_sign_ins(self.configuration,
                                              self._sign_ins)
        self._array = config.make_array(self.configuration, self._sign_ins)
        backend = config.Backend(self.configuration, self.host,
                                 self.cluster_name, self._array)
        self._limiter = limiter = qos.Limiter(self._array)
        self._pools = stats.PoolWatch(self._array,
                                      self.configuration.dsware_pools)
        self._attachments = attachments.Attachments(backend)
        self._volumes = volumes.Volumes(backend, limiter, self._attachments)
        self._groups = groups.Groups(backend, self._volumes, limiter)
        self._images = images.Images(backend, self._volumes)
        self._manage = manage.Manage(backend, self._pools, limiter)
        self._migration = migration.Migration(backend, self._pools, limiter)

    def check_for_setup_error(self):
        """Contact the cluster.

        A cluster that cannot be reached leaves the backend down; it comes up
        by itself. What an operator has to mend is an error.

        :raises VolumeBackendAPIException: the certificate or credentials are
            refused, fsc_cli cannot be run, or a configured pool is unknown
        """
        try:
            pools = self._pools.query()
        except (exceptions.CertificateRefused,
                exceptions.CommandUnavailable):
            # No answer either, but waiting for one is of no use.
            raise
        except exceptions.NO_ANSWER as error:
            reporting.log_once(
                LOG, logging.ERROR, error,
                'The Dsware cluster cannot be reached. The backend starts '
                'down and comes up when the cluster answers.')
        else:
            # Services of this host that were killed may have left devices.
            self._attachments.release_abandoned()
            self._log_start(pools)

    def _log_start(self, pools):
        LOG.info('Dsware driver %(version)s: the cluster answers; transport '
                 '%(transport)s, agents %(agents)s, pools %(pools)s.', {
                     'version': self.VERSION,
                     'transport': self.configuration.dsware_transport,
                     'agents': ', '.join(map(str, self._array.client.agents)),
                     'pools': ', '.join(str(p.pool_id) for p in pools)})

    # -- statistics and capabilities --------------------------------------

    def _update_volume_stats(self):
        self._stats = stats.of_backend(self, self._pools,
                                       self._attachments.online_extend)

    @property
    def capabilities(self):
        """What the backend can do: no sparse copies while encryption changes.

        Cinder reads it at the start, for each new volume, and before it copies
        one. It also changes entries of the dict that it gets.
        """
        return stats.capabilities_now(self._capabilities)

    @capabilities.setter
    def capabilities(self, capabilities):
        self._capabilities = capabilities

    def _init_vendor_properties(self):
        properties = {}
        self._set_property(
            properties, volume_types.CLONE_KEY, 'Clones',
            _('How volumes are made from snapshots and other volumes: '
              'linked shares unchanged data with the source, full is an '
              'independent copy.'),
            'string', enum=list(volume_types.CLONE_CHOICES),
            default=self.configuration.dsware_clone)
        return properties, 'dsware'

    def get_default_goodness_function(self):
        """Prefer the pool with the larger share of free space.

        A default filter would also refuse what needs no space, such as
        snapshots; so there is none.
        """
        return stats.GOODNESS

    @failures.logged
    def get_pool(self, volume):
        """Tell the pool of a volume, by its id."""
        return self._volumes.pool(volume)

    # -- volumes ----------------------------------------------------------

    @failures.logged
    def create_volume(self, volume):
        """Create an empty volume."""
        return self._volumes.create(volume)

    @failures.logged
    def delete_volume(self, volume):
        """Delete a volume; one that is gone already is a success."""
        self._volumes.delete(volume)

    @failures.logged
    def extend_volume(self, volume, new_size):
        """Make a volume larger, attached or not."""
        self._volumes.extend(volume, new_size)

    @failures.logged
    def revert_to_snapshot(self, context, volume, snapshot):
        """Put a volume back to a snapshot of it; it keeps its size."""
        self._volumes.revert(volume, snapshot)

    # -- snapshots and clones ---------------------------------------------

    @failures.logged
    def create_snapshot(self, snapshot):
        """Make a crash-consistent snapshot."""
        self._volumes.create_snapshot(snapshot)

    @failures.logged
    def delete_snapshot(self, snapshot):
        """Delete a snapshot; one that is gone already is a success."""
        self._volumes.delete_snapshot(snapshot)

    @failures.logged
    def create_volume_from_snapshot(self, volume, snapshot):
        """Make a volume from a snapshot; it may be larger."""
        return self._volumes.create_from_snapshot(volume, snapshot)

    @failures.logged
    def create_cloned_volume(self, volume, src_vref):
        """Make a volume from another volume; it may be larger."""
        images.check_not_refused(volume, src_vref)
        return self._volumes.clone(volume, src_vref)

    @failures.logged
    def clone_image(self, context, volume, image_location, image_meta,
                    image_service):
        """Make a volume from an image that is a volume of this cluster."""
        return self._images.clone(context, volume, image_location,
                                  image_meta)

    def backup_use_temp_snapshot(self):
        """Tell that a backup cannot read a snapshot."""
        if super().backup_use_temp_snapshot():
            LOG.warning('backup_use_temp_snapshot has no effect: a backup '
                        'reads a linked clone, which takes no longer to '
                        'make.')
        return False

    # -- attaching --------------------------------------------------------

    def validate_connector(self, connector):
        """Refuse a host that cannot attach, before anything is done."""
        self._attachments.check(connector)

    @failures.logged
    def initialize_connection(self, volume, connector):
        """Tell a host how to attach a volume, or attach it."""
        return self._attachments.attach(volume, connector)

    @failures.logged
    def terminate_connection(self, volume, connector, **kwargs):
        """Detach a volume from a host; from all when the connector is None.

        With dsware_attach_by = host that host has detached it already.

        :returns: whether the host keeps it for others
        """
        return self._attachments.detach(volume, connector)

    def clean_volume_file_locks(self, volume_id):
        """Remove the files of the locks of a deleted volume."""
        coordination.synchronized_remove(detacher.LOCK + volume_id)

    def ensure_export(self, context, volume):
        """Do nothing: a Dsware volume needs no export."""

    def create_export(self, context, volume, connector):
        """Do nothing: a Dsware volume needs no export."""

    def remove_export(self, context, volume):
        """Do nothing: a Dsware volume needs no export."""

    # -- managing ---------------------------------------------------------

    @failures.logged
    def manage_existing_get_size(self, volume, existing_ref):
        """Tell the size in GiB, rounded up, of a volume on the cluster."""
        return self._manage.size_of_volume(volume, existing_ref)

    @failures.logged
    def manage_existing(self, volume, existing_ref):
        """Make a volume on the cluster a Cinder volume.

        It may grow: to the next whole number of GiB.
        """
        return self._manage.take_over_volume(volume, existing_ref)

    @failures.logged
    def unmanage(self, volume):
        """Leave a volume on the cluster, with its limits."""
        self._volumes.unmanage(volume)

    @failures.logged
    def get_manageable_volumes(self, cinder_volumes, marker, limit, offset,
                               sort_keys, sort_dirs):
        """List the volumes in the pools of this backend."""
        return self._manage.list_volumes(cinder_volumes, marker, limit,
                                         offset, sort_keys, sort_dirs)

    @failures.logged
    def manage_existing_snapshot_get_size(self, snapshot, existing_ref):
        """Tell the size in GiB, rounded up, of a snapshot on the cluster."""
        return self._manage.size_of_snapshot(snapshot, existing_ref)

    @failures.logged
    def manage_existing_snapshot(self, snapshot, existing_ref):
        """Make a snapshot on the cluster a Cinder snapshot."""
        return self._manage.take_over_snapshot(snapshot, existing_ref)

    def unmanage_snapshot(self, snapshot):
        """Leave a snapshot on the cluster as it is."""
        LOG.info('Snapshot %(snapshot)s stays on the cluster as %(name)s.',
                 {'snapshot': snapshot.id,
                  'name': naming.snapshot_name(snapshot)})

    @failures.logged
    def get_manageable_snapshots(self, cinder_snapshots, marker, limit,
                                 offset, sort_keys, sort_dirs):
        """List the snapshots in the pools of this backend."""
        return self._manage.list_snapshots(cinder_snapshots, marker, limit,
                                           offset, sort_keys, sort_dirs)

    # -- migration and types ----------------------------------------------

    @failures.logged
    def migrate_volume(self, context, volume, host):
        """Have the cluster move a volume to the pool of another backend.

        When it cannot, Cinder has to copy the volume.

        :raises InvalidHost: the destination is where the volume is
        """
        return self._migration.migrate(context, volume, host)

    @failures.logged
    def retype(self, context, volume, new_type, diff, host):
        """Change a type, without a copy by Cinder if possible."""
        return self._migration.retype(context, volume, new_type, diff, host)

    def update_migrated_volume(self, ctxt, volume, new_volume,
                               original_volume_status):
        """Let a volume that Cinder has copied keep the name of its copy.

        No published operation renames. A name that a volume was taken over
        with is bound to its old name_id, so it counts no more: see
        :mod:`naming`.
        """
        return {'_name_id': new_volume.name_id,
                'provider_location': new_volume.provider_location}

    # -- groups -----------------------------------------------------------

    def create_group(self, context, group):
        """Accept a group; it needs nothing on the cluster."""
        return {'status': fields.GroupStatus.AVAILABLE}

    def update_group(self, context, group, add_volumes=None,
                     remove_volumes=None):
        """Accept other members; that changes nothing on the cluster."""
        return None, None, None

    @failures.logged
    def delete_group(self, context, group, volumes):
        """Delete a group with its volumes; a busy one stays available."""
        return self._groups.delete(volumes)

    @failures.logged
    def create_group_snapshot(self, context, group_snapshot, snapshots):
        """Make snapshots of all the members, or of none.

        They are of one point in time when the group's type wants that.
        """
        return self._groups.create_snapshot(group_snapshot, snapshots)

    @failures.logged
    def delete_group_snapshot(self, context, group_snapshot, snapshots):
        """Delete a group snapshot; a busy member stays available."""
        return self._groups.delete_snapshot(snapshots)

    @failures.logged
    def create_group_from_src(self, context, group, volumes,
                              group_snapshot=None, snapshots=None,
                              source_group=None, source_vols=None):
        """Make the volumes of a group from those of another one, or none.

        Cinder takes every answer for success, so that what went wrong is
        always raised.
        """
        return self._groups.create_from_source(
            group, volumes, snapshots if group_snapshot else None,
            source_vols)
