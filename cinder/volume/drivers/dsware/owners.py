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


"""Which of Cinder's volumes or snapshots an object on the cluster is."""

from cinder import context as cinder_context
from cinder import objects
from cinder.volume.drivers.dsware import translation
from cinder.volume import volume_utils


def volume_owner(name: str):
    """Find the volume that is an object on the cluster, of any host.

    :param name: the object's name, a legal one
    :returns: the Cinder volume, or None
    """
    found = volume_utils.extract_id_from_volume_name(name)
    return _owner(objects.VolumeList, translation.volume_name, name,
                  {'provider_id~': translation.bound(name)},
                  {'id': found}, {'_name_id': found})


def snapshot_owner(name: str):
    """Find the snapshot that is an object on the cluster, of any host.

    :param name: the object's name, a legal one
    :returns: the Cinder snapshot, or None
    """
    found = volume_utils.extract_id_from_snapshot_name(name)
    return _owner(objects.SnapshotList, translation.snapshot_name, name,
                  {'provider_id~': translation.bound(name)}, {'id': found})


def _owner(kind, name_of, name, *searches):
    # Whoever manages may not see the volumes of all projects.
    context = cinder_context.get_admin_context()
    for filters in searches:
        if None in filters.values():
            continue
        # The database may take a name for a pattern, or ignore case.
        for found in kind.get_all(context, filters=filters):
            if name_of(found) == name:
                return found
    return None
