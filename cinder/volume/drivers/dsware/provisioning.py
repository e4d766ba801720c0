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

"""How much may be provisioned in a pool: over-subscription and reserve.

Cinder's scheduler decides so with its CapacityFilter before it hands a new
volume, or an extension, to the driver. It does with statistics that may be
a minute old, and takes a volume for thin whose type does not say
``provisioning:type`` = thick. So an extension, which no other pool can take
in its place, is checked once more with what the pool has now.
"""

import math

from oslo_utils import units

from cinder.i18n import _
from cinder.volume.drivers.dsware import exceptions
from cinder.volume import volume_utils

_MIB_PER_GIB = units.Gi // units.Mi
# The scheduler's ratio for "auto" while nothing is provisioned.
_FIRST_AUTO_RATIO = 20.0


def ratio(pool, configuration):
    """Give the over-subscription ratio of a pool.

    :param pool: the :class:`models.Pool`
    :param configuration: the backend's configuration
    :returns: max_over_subscription_ratio; for ``auto`` what the scheduler
        computes, from how much of what is provisioned is in use
    """
    option = volume_utils.get_max_over_subscription_ratio(
        configuration.max_over_subscription_ratio, supports_auto=True)
    if option != 'auto':
        return option
    if not pool.provisioned:
        return _FIRST_AUTO_RATIO
    used = pool.total - pool.free
    return 1 + pool.provisioned / (used + _MIB_PER_GIB)


def room(pool, thin, configuration):
    """Tell how much more may be provisioned in a pool.

    For thin volumes it is what the scheduler's CapacityFilter computes.
    What is thick has to fit into the space that is really free, less the
    reserve, however much is provisioned.

    :param pool: the :class:`models.Pool`
    :param thin: whether for a thin volume
    :param configuration: the backend's configuration
    :returns: MiB, less than 0 when there is too much already
    """
    reserved = _MIB_PER_GIB * math.floor(
        pool.total / _MIB_PER_GIB * configuration.reserved_percentage / 100)
    if not thin:
        return pool.free - reserved
    return ((pool.total - reserved) * ratio(pool, configuration)
            - pool.provisioned)


def check_extension(array, name, size, thin, configuration):
    """Check that a volume may become larger.

    :param array: the :class:`array.Array`
    :param name: the volume's name on the cluster
    :param size: its new size in MiB; one that it has already is right
    :param thin: whether it is thin
    :param configuration: the backend's configuration
    :raises CapacityExceeded: when it may not
    :raises DSWareError: when the cluster does not answer
    """
    found = array.volume(name)
    if found is None or size <= found.size:
        return
    growth = size - found.size
    for pool in array.pools():
        if pool.pool_id == found.pool_id:
            _check(pool, growth, name, thin, configuration)


def _check(pool, growth, name, thin, configuration):
    allowed = room(pool, thin, configuration)
    if growth <= allowed:
        return
    raise exceptions.CapacityExceeded(
        op='expandVolume', name=name,
        desc=_('pool %(pool)d: asked for %(growth)d MiB more, %(allowed)d '
               'may be provisioned for a %(kind)s volume') % {
                   'pool': pool.pool_id, 'growth': growth,
                   'allowed': max(math.floor(allowed), 0),
                   'kind': 'thin' if thin else 'thick'},
        advice=_('Total %(total)d, free %(free)d, provisioned '
                 '%(provisioned)d MiB; reserved_percentage %(reserved)d, '
                 'max_over_subscription_ratio %(ratio)s') % {
                     'total': pool.total, 'free': pool.free,
                     'provisioned': pool.provisioned,
                     'reserved': configuration.reserved_percentage,
                     'ratio': configuration.max_over_subscription_ratio})
