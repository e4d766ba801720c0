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

from oslo_utils import uuidutils

from cinder import context as cinder_context
from cinder import objects
from cinder.volume.drivers.dsware import naming
from cinder.volume import volume_utils

# Records that are read at a time, and ids that are asked for.
_AT_ONCE = 500
# Cinder's filters compare the names that objects were taken over with only one
# by one, by reading all records. So for many names all records that have one
# are looked through, of which there are few.
_TAKEN_OVER = {'provider_id~': naming.bound('')}


def volume_owner(name: str):
    """Find the volume that is an object on the cluster, of any host.

    :param name: the object's name, a legal one
    :returns: the Cinder volume, or None
    """
    return _owners(
        objects.VolumeList, naming.volume_name, {name},
        {'provider_id~': naming.bound(name)}, *_volume_searches([name])
    ).get(name)


def is_forgotten(name):
    """Tell whether a name is one of Cinder's volumes that it has no more.

    :param name: the object's name, a legal one
    """
    # One that was cut has a part of an id, and tells nothing.
    return (uuidutils.is_uuid_like(
        volume_utils.extract_id_from_volume_name(name) or '')
        and volume_owner(name) is None)


def other_record(volume):
    """Find another record that names the same object as a volume.

    Such a pair is left by a migration that breaks off while Cinder exchanges
    the names of a volume and its copy, one record after the other.

    :param volume: the Cinder volume
    :returns: the other Cinder volume, or None
    """
    if volume.use_quota and not volume._name_id:
        # Neither such a copy nor what was copied.
        return None
    name = naming.volume_name(volume)
    return next((found for field in ('_name_id', 'id')
                 for found in _all(objects.VolumeList,
                                   {field: volume.name_id})
                 if found.id != volume.id
                 and naming.volume_name(found) == name), None)


def snapshot_owner(name: str):
    """Find the snapshot that is an object on the cluster, of any host.

    :param name: the object's name, a legal one
    :returns: the Cinder snapshot, or None
    """
    return _owners(
        objects.SnapshotList, naming.snapshot_name, {name},
        {'provider_id~': naming.bound(name)}, *_snapshot_searches([name])
    ).get(name)


def volume_owners(names) -> dict:
    """Find the volumes that objects on the cluster are, of any host.

    :param names: the objects' names, legal ones, a page of a listing
    :returns: a dict of name to Cinder volume, without what is nobody's
    """
    return _owners(objects.VolumeList, naming.volume_name, names,
                   *_volume_searches(names), _TAKEN_OVER)


def snapshot_owners(names) -> dict:
    """Find the snapshots that objects on the cluster are, of any host.

    :param names: the objects' names, legal ones, a page of a listing
    :returns: a dict of name to Cinder snapshot, without what is nobody's
    """
    return _owners(objects.SnapshotList, naming.snapshot_name, names,
                   *_snapshot_searches(names), _TAKEN_OVER)


def _snapshot_searches(names):
    # For snapshots Cinder's filter takes no list of ids.
    found = map(volume_utils.extract_id_from_snapshot_name, names)
    return [{'id': one} for one in found if one]


def _volume_searches(names):
    ids = list(filter(None, map(volume_utils.extract_id_from_volume_name,
                                names)))
    for field in ('id', '_name_id'):
        for start in range(0, len(ids), _AT_ONCE):
            yield {field: ids[start:start + _AT_ONCE]}


def _owners(kind, name_of, names, *searches):
    """Find owners of objects with as few searches as are needed."""
    found = {}
    for filters in searches:
        if names - found.keys():
            # The database may take a name for a pattern, or ignore case.
            found.update((name_of(thing), thing)
                         for thing in _all(kind, filters)
                         if name_of(thing) in names)
    return found


def _all(kind, filters):
    """Read the records that pass a filter, some at a time."""
    # Whoever manages may not see the volumes of all projects.
    context = cinder_context.get_admin_context()
    page, marker = None, None
    while page is None or len(page) == _AT_ONCE:
        page = list(kind.get_all(context, marker=marker, limit=_AT_ONCE,
                                 sort_keys=['id'], sort_dirs=['asc'],
                                 filters=filters))
        yield from page
        marker = page and page[-1].id
