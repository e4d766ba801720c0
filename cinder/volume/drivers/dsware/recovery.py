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

"""What a crash of the volume service left on the cluster."""

from oslo_log import log as logging

from cinder import objects
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import translation
from cinder.volume.drivers.dsware import waiting

LOG = logging.getLogger(__name__)

# Seconds after which the service starts, whatever has not been looked at.
_LONGEST = 60


def clear_leftovers(array, context, host):
    """Delete what interrupted creations of volumes left.

    That is the temporary snapshots of clones, and the QoS that no volume
    got.

    Only volumes that Cinder knows to belong to this host are looked at, so
    nothing of another owner of the cluster is touched. The half-made volume
    itself is shown as in error by Cinder and goes when it is deleted, with
    all that is left of it. So there is no need to make the service's start
    wait for thousands that are in error: the last to be changed come first.

    :param array: the :class:`array.Array`
    :param context: the admin context
    :param host: the volume service's host, which is in no Cinder cluster
    """
    deadline = waiting.Deadline(_LONGEST)
    volumes = _perhaps_interrupted(context, host)
    for number, volume in enumerate(volumes):
        if deadline.expired:
            LOG.warning('The service starts without having looked for what '
                        'interrupted creations of %d volumes in error may '
                        'have left behind; that goes when those are '
                        'deleted.', len(volumes) - number)
            return
        if not clear(array, volume):
            return


def _perhaps_interrupted(context, host):
    # Not only those that have a source volume: Cinder names none for a
    # volume that it clones from its image cache.
    volumes = [volume for status in ('error', 'creating', 'downloading')
               for volume in objects.VolumeList.get_all_by_host(
                   context, host, filters={'status': status})
               if not is_of_new_group(volume)]
    return sorted(volumes, reverse=True,
                  key=lambda volume: volume.updated_at or volume.created_at)


def clear(array, volume) -> bool:
    """Clear what the interrupted creation of one volume left.

    :param array: the :class:`array.Array`
    :param volume: the Cinder volume
    :returns: whether to go on with others
    """
    try:
        # Volumes are only made with Cinder's name.
        array.delete_leftovers(volume.name)
        array.delete_unused_qos(volume.name)
    except exceptions.DSWareError as error:
        LOG.warning('What the interrupted creation of volume %(volume)s '
                    'left behind stays until the volume is deleted: '
                    '%(error)s', {'volume': translation.described(volume),
                                  'error': error})
        # A service must not wait a request's time for each volume.
        return not isinstance(error, (exceptions.EndpointUnavailable,
                                      exceptions.OutcomeUnknown))
    return True


def is_from_other(group) -> bool:
    """Tell whether a group is one that is made from another one.

    :param group: the Cinder group
    """
    return bool(group.group_snapshot_id or group.source_group_id)


def is_of_new_group(volume) -> bool:
    """Tell whether a volume is made as one of a group.

    What was begun of it tells that the group was: see
    :mod:`interrupted_groups`, which clears it then.

    :param volume: the Cinder volume
    """
    return (volume.status == 'creating' and bool(volume.group_id)
            and volume.group.status == 'creating'
            and is_from_other(volume.group))
