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

"""The backend's statistics, as Cinder's scheduler wants them."""

from oslo_log import log as logging

from cinder import context as cinder_context
from cinder.i18n import _
from cinder import objects
from cinder.volume.drivers.dsware.array import models
from cinder.volume.drivers.dsware import config
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware.features import host_attacher
from cinder.volume.drivers.dsware.features import volume_types
from cinder.volume.drivers.dsware import reporting
from cinder.volume import volume_types as cinder_types
from cinder.volume import volume_utils

LOG = logging.getLogger(__name__)

_SPARSE = 'sparse_copy_volume'
GOODNESS = ('100 * capabilities.free_capacity_gb '
            '/ max(capabilities.total_capacity_gb, 1)')
# The capability that tells how a backend makes volumes by default.
PROVISIONING = 'dsware_provisioning'


def gib(mib: int) -> float:
    """Convert a capacity.

    :param mib: MiB
    :returns: GiB, rounded to two digits
    """
    return round(mib / models.MIB_PER_GIB, 2)


class PoolWatch:
    """Queries the pools, and remembers them through an outage.

    :param array: the :class:`array.Array`
    :param wanted: the configured pool ids, all when empty
    """

    # An agent that restarts is back in less; a longer outage is reported.
    _PATIENCE = 10

    def __init__(self, array, wanted):
        self._array = array
        self._wanted = list(dict.fromkeys(wanted))
        self._known = {pool: models.Pool(pool, 0, 0, 0)
                       for pool in self._wanted}
        self.up = False

    @property
    def ids(self) -> list[int]:
        """The pools that are used, as far as they are known."""
        return list(self._known)

    def query(self) -> list[models.Pool]:
        """Ask the cluster for its pools.

        :returns: those that are used
        :raises DSWareError: when it does not answer
        :raises ObjectAbsent: when a configured pool is not there
        """
        found = {pool.pool_id: pool
                 for pool in self._array.queries.pools(self._PATIENCE)}
        missing = [p for p in self._wanted if p not in found]
        if missing:
            raise exceptions.ObjectAbsent(
                op='queryAllPoolInfo', desc=_(
                    'dsware_pools names pool %(missing)s; the cluster has '
                    'pools %(found)s') % {
                        'missing': ', '.join(map(str, missing)),
                        'found': ', '.join(map(str, sorted(found)))})
        self._known = {p: found[p] for p in self._wanted or sorted(found)}
        self.up = True
        return list(self._known.values())

    def refresh(self) -> list[models.Pool]:
        """Query the pools; an outage is logged and shows in ``up``.

        :returns: the pools as they are, or were when last seen
        """
        was_up = self.up
        try:
            self.query()
        except exceptions.DSWareError as error:
            self.up = False
            reporting.log_once(
                LOG, logging.ERROR if was_up else logging.WARNING, error,
                'The backend is reported down until the cluster answers.')
        else:
            if not was_up:
                LOG.info('The Dsware cluster answers; the backend is up.')
        return list(self._known.values())


def of_backend(driver, pools, online_extend) -> dict:
    """Make the statistics of a backend.

    :param driver: the driver
    :param pools: the :class:`PoolWatch`
    :param online_extend: whether volumes in use can be extended
    """
    found = pools.refresh()
    up = pools.up
    return {
        'volume_backend_name':
            driver.configuration.safe_get('volume_backend_name')
            or driver.__class__.__name__,
        'vendor_name': 'Huawei',
        'driver_version': driver.VERSION,
        'storage_protocol': host_attacher.DRIVER_VOLUME_TYPE,
        'backend_state': 'up' if up else 'down',
        # A new volume reads as zeros, so Cinder need not write them.
        _SPARSE: True,
        'pools': [_of_pool(pool, up, driver, online_extend)
                  for pool in found],
    }


def _of_pool(pool, up, driver, online_extend):
    """Make the statistics of a pool; nothing is free in an outage."""
    configuration = driver.configuration
    ratio = volume_utils.get_max_over_subscription_ratio(
        configuration.max_over_subscription_ratio, supports_auto=True)
    return {
        'pool_name': str(pool.pool_id),
        'backend_state': 'up' if up else 'down',
        'total_capacity_gb': gib(pool.total),
        'free_capacity_gb': gib(pool.free) if up else 0,
        'provisioned_capacity_gb': gib(pool.provisioned),
        'thin_provisioning_support': True,
        'thick_provisioning_support': not config.uses_rest(configuration),
        'max_over_subscription_ratio': ratio,
        'reserved_percentage': configuration.reserved_percentage,
        'multiattach': True,
        'location_info': config.location_info(configuration),
        PROVISIONING: volume_types.provisioning(configuration),
        'online_extend_support': online_extend,
        'QoS_support': True,
        'consistent_group_snapshot_enabled': True,
        # No published operation replicates anything.
        'replication_enabled': False,
        'filter_function': driver.get_filter_function(),
        'goodness_function': driver.get_goodness_function(),
    }


def capabilities_now(capabilities) -> dict:
    """Tell what the backend can at this moment.

    Whoever copies a volume to this backend leaves out blocks of zeros if
    they read as zeros there. New volumes do, but not what dm-crypt makes of
    them: so not while a volume gets another encryption. Cinder asks without
    telling for which volume.

    :param capabilities: what the driver has reported
    """
    if _SPARSE in capabilities:
        capabilities[_SPARSE] = not _encryption_changes()
    return capabilities


def _encryption_changes():
    """Tell whether Cinder copies any volume through dm-crypt.

    That is so while one is retyped; a volume in use gets no other encryption.
    """
    context = cinder_context.get_admin_context()
    for volume in objects.VolumeList.get_all(context,
                                             filters={'status': 'retyping'}):
        for copy in objects.VolumeList.get_all(context, filters={
                'migration_status': 'target:' + volume.id}):
            if cinder_types.volume_types_encryption_changed(
                    context, volume.volume_type_id, copy.volume_type_id):
                return True
    return False
