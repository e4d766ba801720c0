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

"""Migration and change of type: what the cluster does, what Cinder copies.

Whether two backends use one cluster: a cluster publishes no identifier. What
its backends have in common is the address of its manager, which each reports
as location_info. On one host an address leads to one manager. On two hosts,
in two sites for example, it may lead to two, so there a volume has to bear
witness: one that Cinder keeps on the other backend and that is found on this
cluster, under a name that holds its id.
"""

from oslo_log import log as logging

from cinder import exception
from cinder.i18n import _
from cinder import objects
from cinder.volume.drivers.dsware.array import models
from cinder.volume.drivers.dsware import config
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import failures
from cinder.volume.drivers.dsware.features import stats
from cinder.volume.drivers.dsware.features import volume_types
from cinder.volume.drivers.dsware.features import volumes
from cinder.volume.drivers.dsware import naming
from cinder.volume.drivers.dsware import reporting
from cinder.volume import volume_utils

LOG = logging.getLogger(__name__)

# How many volumes of the other backend are asked for at most.
_WITNESSES = 5


class Migration:
    """Moves volumes between pools and changes their types.

    :param backend: the :class:`config.Backend`
    :param pools: the :class:`stats.PoolWatch`
    :param limiter: the :class:`qos.Limiter`
    """

    def __init__(self, backend, pools, limiter):
        self._backend = backend
        self._array = backend.array
        self._configuration = backend.configuration
        self._pools = pools
        self._limiter = limiter

    def migrate(self, context, volume, host):
        if self._is_there(volume, host):
            raise exception.InvalidHost(reason=_(
                'volume %(volume)s is in pool %(pool)d already, which '
                "Cinder's scheduler chose because the destination named "
                'none. %(advice)s') % {
                    'volume': naming.described(volume),
                    'pool': naming.pool_id(volume.host),
                    'advice': self._how_to_name_a_pool(volume, host)})
        obstacle = self._obstacle(context, volume, host)
        if obstacle is None:
            # A copy by Cinder would get the limits that its type has now,
            # too. A new type, if it gets one, has the same.
            self._limiter.apply(volume, self._limiter.wanted(volume))
            obstacle = self._move(volume, host)
        if obstacle is not None:
            LOG.info('Volume %(volume)s is not moved to %(host)s by the '
                     'cluster, Cinder has to copy it: %(obstacle)s.', {
                         'volume': naming.described(volume),
                         'host': host['host'], 'obstacle': obstacle})
        return obstacle is None, None

    def _is_there(self, volume, host):
        """Tell whether a volume is at its destination already.

        Cinder's API refuses that, but where a destination names no pool the
        scheduler chooses any; and from one whose services are in a cluster
        the API takes the pool off. To do nothing and call it a success would
        hide that the volume is not where it was asked for. A change of type
        asks for no other place.
        """
        pool_id = naming.pool_id(host['host'])
        return (volume.status != 'retyping'
                and _service(host) == _service(volume)
                and pool_id is not None
                and pool_id == naming.pool_id(volume.host)
                and volumes.existing(self._array, volume).pool_id == pool_id)

    def _how_to_name_a_pool(self, volume, host):
        if host.get('cluster_name'):
            return _('For services in a cluster it does so whichever pool is '
                     'asked for. Retype the volume to a type with the extra '
                     'spec pool_name and the migration policy on-demand')
        others = [volume_utils.append_host(_backend(volume.host), str(pool))
                  for pool in self._pools.ids
                  if pool != naming.pool_id(volume.host)]
        if not others:
            return _('The backend has no other pool')
        return _('Name one: %s') % ', '.join(others)

    def _obstacle(self, context, volume, host):
        """Say why the cluster cannot move a volume; None when it can."""
        if naming.pool_id(host['host']) is None:
            return _('%s does not end with #POOL, where POOL is the id of a '
                     'Dsware pool') % host['host']
        if volume.volume_attachment:
            return _('it is attached')
        if not leads_here(context, self._backend, host):
            return _('it is not certain that both are backends of the same '
                     'Dsware cluster')
        return (self._other_thinness(volume, host)
                or self._snapshots_in_the_way(volume))

    def _other_thinness(self, volume, host):
        # Without an extra spec each backend has a default of its own.
        wanted = (host['capabilities'].get(stats.PROVISIONING)
                  or volume_types.provisioning(self._configuration))
        is_thin = volume_types.wishes(volume, self._configuration).thin
        if is_thin != volume_types.is_thin(volume.volume_type, wanted):
            return _('its new backend makes it %s, which it is not') % wanted
        return None

    def _snapshots_in_the_way(self, volume):
        found = self._array.queries.snapshots_of(naming.volume_name(volume))
        if found:
            return _('it has snapshots on the cluster: %s') % (
                exceptions.printable(', '.join(found)))
        return None

    def _move(self, volume, host):
        """Move a volume; say why the cluster does not, or give None."""
        with failures.for_volume(volume):
            try:
                self._array.moves.move(naming.volume_name(volume),
                                       naming.pool_id(host['host']))
            except exceptions.InvalidRequest as error:
                reporting.log_once(LOG, logging.WARNING, error,
                                   'Cinder is asked to copy the volume.')
                return _('the cluster refuses to move it')
        return None

    def retype(self, context, volume, new_type, diff, host):
        """Change a type, without a copy by Cinder if possible.

        How the data lie (thin or thick, encrypted) is changed by a copy
        only; where they lie, by the cluster when it can move the volume.
        """
        wanted = volume_types.of_type(new_type, self._configuration)
        limits = self._limiter.wanted(volume, volume_type_id=new_type.id)
        obstacle = (self._needs_copy(volume, wanted, diff)
                    or self._change_in_place(context, volume, limits, diff,
                                             host))
        if obstacle is not None:
            LOG.info('Volume %(volume)s cannot get type %(type)s in place, '
                     'Cinder has to copy it: %(obstacle)s.', {
                         'volume': naming.described(volume),
                         'type': new_type.name, 'obstacle': obstacle})
        return obstacle is None

    def _needs_copy(self, volume, wanted, diff):
        """Say why a change of type needs a copy; None when it does not."""
        if _changed(diff.get('encryption')):
            return _('its encryption changes')
        if wanted.thin != volume_types.wishes(volume,
                                              self._configuration).thin:
            return (_('a thick volume is to be thin') if wanted.thin
                    else _('a thin volume is to be thick'))
        return None

    def _change_in_place(self, context, volume, limits, diff, host):
        """Change the limits, and the pool; say why not, or give None.

        The limits come first: to take them back is quick. What its old type
        says now need not be what the volume has.
        """
        moves = naming.pool_id(host['host']) != naming.pool_id(volume.host)
        obstacle = self._obstacle(context, volume, host) if moves else None
        if obstacle is not None:
            return obstacle
        before = self._limiter.apply(volume, limits)
        refused = moves
        try:
            refused = moves and self._move(volume, host)
        finally:
            # Where the qos specs do not differ, both types want the same.
            if diff.get('qos_specs') and refused:
                self._restore_limits(volume, before)
        return refused or None

    def _restore_limits(self, volume, before):
        name = naming.described(volume)
        try:
            wanted = self._limiter.wanted(volume)
            self._limiter.apply(volume, wanted)
            if before and not wanted:
                self._array.qos.give_back(naming.volume_name(volume),
                                          before)
        except exception.CinderException as error:
            reporting.log_once(
                LOG, logging.ERROR, error,
                f'Volume {name} has the limits of a type that it did not '
                f'get. Retype it again, to this or its old type, or extend '
                f'it, to give it the right ones.')
        else:
            LOG.info('Volume %s has the limits of its old type again.', name)


def _backend(host):
    return volume_utils.extract_host(host or '', level='backend')


def _service(where):
    """Name the service, or the cluster of them, of a volume or destination."""
    return _backend(where.get('cluster_name')) or _backend(where['host'])


def _changed(specs):
    return any(before != after for before, after in (specs or {}).values())


def leads_here(context, backend, destination) -> bool:
    """Tell whether a backend certainly uses the cluster of this one.

    :param context: the request's context
    :param backend: the :class:`config.Backend`
    :param destination: host, cluster_name and capabilities of the other, as
        Cinder's scheduler hands them out
    :returns: False also when it only may be so
    :raises DSWareError: when the cluster does not answer
    """
    theirs = (destination.get('capabilities') or {}).get('location_info')
    if theirs != config.location_info(backend.configuration):
        return False
    cluster = destination.get('cluster_name')
    if cluster and _backend(cluster) == _backend(backend.cluster_name):
        return True
    here, there = (volume_utils.extract_host(host, level='host')
                   for host in (backend.host, destination['host']))
    return here == there or _has_witness(context, backend.array,
                                         destination['host'], cluster)


def _has_witness(context, array, host, cluster):
    where = {'cluster_name': _backend(cluster)} if cluster else {
        'host': _backend(host)}
    known = objects.VolumeList.get_all(
        context.elevated(), limit=_WITNESSES,
        filters={**where, 'status': ['available', 'in-use']})
    return any(_is_here(array, volume) for volume in known)


def _is_here(array, volume):
    name = naming.volume_name(volume)
    # A name that was given on the cluster may be there twice, in two
    # clusters; an id is nowhere else.
    if volume.name_id not in name:
        return False
    found = array.queries.volume(name)
    return found is not None and found.size == volume.size * models.MIB_PER_GIB
