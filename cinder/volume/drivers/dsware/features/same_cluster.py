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

"""Whether another backend uses the very same cluster.

A cluster publishes no identifier. What backends of one cluster have in
common is the address of its manager, which each reports as location_info.
On one host an address leads to one manager. On two hosts, in two sites for
example, it may lead to two, so there a volume has to bear witness: one that
Cinder keeps on the other backend and that is found on this cluster, under
a name that holds its id.
"""

from oslo_log import log as logging
from oslo_utils import units

from cinder import objects
from cinder.volume.drivers.dsware import config
from cinder.volume.drivers.dsware import naming
from cinder.volume import volume_utils

LOG = logging.getLogger(__name__)

_MIB_PER_GIB = units.Gi // units.Mi
# How many volumes of the other backend are asked for at most.
_WITNESSES = 5


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
    if _host(destination['host']) == _host(backend.host):
        return True
    return _has_witness(context, backend.array, destination['host'], cluster)


def _backend(host):
    return volume_utils.extract_host(host or '', level='backend')


def _host(host):
    return volume_utils.extract_host(host, level='host')


def _has_witness(context, array, host, cluster):
    where = {'cluster_name': _backend(cluster)} if cluster else {
        'host': _backend(host)}
    volumes = objects.VolumeList.get_all(
        context.elevated(), limit=_WITNESSES,
        filters={**where, 'status': ['available', 'in-use']})
    return any(_is_here(array, volume) for volume in volumes)


def _is_here(array, volume):
    name = naming.volume_name(volume)
    # A name that was given on the cluster may be there twice, in two
    # clusters; an id is nowhere else.
    if volume.name_id not in name:
        return False
    found = array.queries.volume(name)
    return found is not None and found.size == volume.size * _MIB_PER_GIB
