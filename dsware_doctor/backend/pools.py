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

"""The pools of a backend: whether they are there, and their room."""

from collections.abc import Callable

from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware.features import stats
from cinder.volume.drivers.dsware.features import volume_types
from cinder.volume import volume_utils
from dsware_doctor import findings

# The share of a pool at which it is almost full.
_NEAR = 0.1
_MIB = 1024 * 1024


def check(configuration, array, measure: Callable
          ) -> tuple[list[findings.Finding], list[int]]:
    """Ask for the pools.

    :param configuration: the backend's configuration
    :param array: its :class:`array.Array`
    :param measure: is given name, value and labels of each number
    :returns: what was found; the ids of the pools that are used
    """
    try:
        there = {pool.pool_id: pool for pool in array.queries.pools(0)}
    except exceptions.DSWareError as error:
        return [findings.problem(
            'pools-unreadable', 'the pools cannot be queried',
            'see the agents, and the page on result codes',
            error.summary)], []
    wanted = list(dict.fromkeys(configuration.dsware_pools))
    found = [findings.problem(
        'pool-missing',
        'pool %d of dsware_pools is not there; the cluster has pools %s' % (
            pool, ', '.join(map(str, sorted(there))) or 'none'),
        'correct dsware_pools in section [%s]; cinder-volume does not start '
        'the backend without it' % configuration.config_group)
        for pool in wanted if pool not in there]
    used = [pool for pool in wanted or sorted(there) if pool in there]
    if not used:
        found.append(findings.problem(
            'pool-missing', 'there is no pool to use',
            'create one on the cluster'))
    for pool in used:
        _measure(measure, there[pool])
    return found + [_pool(configuration, there[pool]) for pool in used], used


def _measure(measure, pool):
    for name, mib in (('capacity', pool.total), ('free', pool.free),
                      ('provisioned', pool.provisioned)):
        measure('pool_%s_bytes' % name, mib * _MIB, pool=str(pool.pool_id))


def _pool(configuration, pool):
    ratio = volume_utils.get_max_over_subscription_ratio(
        configuration.max_over_subscription_ratio, supports_auto=True)
    text = ('pool %d: %.4g GiB, %.4g GiB free, %.4g GiB provisioned; volumes '
            'are %s unless their type says otherwise, '
            'max_over_subscription_ratio = %s' % (
                pool.pool_id, stats.gib(pool.total), stats.gib(pool.free),
                stats.gib(pool.provisioned),
                volume_types.provisioning(configuration), ratio))
    reserved = pool.total * configuration.reserved_percentage / 100
    if pool.free <= reserved:
        return findings.problem(
            'pool-full', text + ': no volume is created there',
            'free space, or add disks; Cinder goes on choosing a pool of thin '
            'volumes that is full unless a filter_function keeps it off: see '
            'the page on thin provisioning',
            'no more is free than reserved_percentage = %d reserves'
            % configuration.reserved_percentage, str(pool.pool_id))
    if ratio != 'auto' and pool.provisioned >= pool.total * float(ratio):
        return findings.problem(
            'pool-oversubscribed', text + ': no thin volume is created there',
            'free space, add disks, or raise max_over_subscription_ratio',
            'no more may be provisioned', str(pool.pool_id))
    if pool.free - reserved < pool.total * _NEAR:
        return findings.problem(
            'pool-near-full', text + ': there is little room',
            'free space, or add disks',
            'less than a tenth of the pool is left, apart from what '
            'reserved_percentage = %d reserves'
            % configuration.reserved_percentage, str(pool.pool_id))
    return findings.ok(text)
