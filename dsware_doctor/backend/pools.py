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

from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware.features import stats
from cinder.volume import volume_utils
from dsware_doctor import findings


def check(configuration, array) -> tuple[list[findings.Finding], list[int]]:
    """Ask for the pools.

    :param configuration: the backend's configuration
    :param array: its :class:`array.Array`
    :returns: what was found; the ids of the pools that are used
    """
    try:
        there = {pool.pool_id: pool for pool in array.queries.pools(0)}
    except exceptions.DSWareError as error:
        return [findings.problem(
            'the pools cannot be queried: %s' % error.summary,
            'see the agents above, and the result codes on the operator\'s '
            'page')], []
    wanted = list(dict.fromkeys(configuration.dsware_pools))
    found = [findings.problem(
        'pool %d of dsware_pools is not there; the cluster has pools %s' % (
            pool, ', '.join(map(str, sorted(there))) or 'none'),
        'correct dsware_pools in section [%s]; cinder-volume does not start '
        'the backend without it' % configuration.config_group)
        for pool in wanted if pool not in there]
    used = [pool for pool in wanted or sorted(there) if pool in there]
    if not used:
        found.append(findings.problem(
            'there is no pool to use', 'create one on the cluster'))
    return found + [_pool(configuration, there[pool]) for pool in used], used


def _pool(configuration, pool):
    ratio = volume_utils.get_max_over_subscription_ratio(
        configuration.max_over_subscription_ratio, supports_auto=True)
    text = ('pool %d: %.4g GiB, %.4g GiB free, %.4g GiB provisioned; volumes '
            'are %s unless their type says otherwise, '
            'max_over_subscription_ratio = %s' % (
                pool.pool_id, stats.gib(pool.total), stats.gib(pool.free),
                stats.gib(pool.provisioned),
                stats.provisioning(configuration), ratio))
    reserved = pool.total * configuration.reserved_percentage / 100
    if pool.free <= reserved:
        return findings.problem(
            text + ': no volume is created there, because no more is free '
            'than reserved_percentage = %d reserves'
            % configuration.reserved_percentage,
            'free space, or add disks')
    if ratio != 'auto' and pool.provisioned >= pool.total * float(ratio):
        return findings.problem(
            text + ': no thin volume is created there, because no more may '
            'be provisioned',
            'free space, add disks, or raise max_over_subscription_ratio')
    return findings.ok(text)
