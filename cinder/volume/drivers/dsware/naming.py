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

"""Cinder's objects and their names on the cluster.

An object that Cinder took over keeps its name on the cluster, because no
published operation renames one. That name is in its provider_id, bound to
the id that Cinder would derive a name from: Cinder copies provider_id to the
records of other volumes (the target of a migration, an entry of its image
cache), and those must never be taken for the original.
"""

from cinder import exception
from cinder.i18n import _
from cinder.volume import volume_utils

_BINDING = '@'


def volume_name(volume):
    """Name the object on the cluster that a volume is.

    :param volume: the Cinder volume
    :returns: the name that it was taken over with, else the one that Cinder
        derives from its name_id
    """
    return _bound_name(volume, 'name_id') or volume.name


def is_taken_over(volume):
    """Tell whether a volume has the name that it was taken over with.

    :param volume: the Cinder volume
    """
    return bool(_bound_name(volume, 'name_id'))


def snapshot_name(snapshot):
    """Name the object on the cluster that a snapshot is.

    :param snapshot: the Cinder snapshot
    :returns: the name that it was taken over with, else the one that Cinder
        derives from its id
    """
    return _bound_name(snapshot, 'id') or snapshot.name


def _bound_name(thing, owner):
    bound_name = thing.provider_id
    if not bound_name:
        return ''
    name, _binding, bound_to = bound_name.rpartition(_BINDING)
    return name if bound_to == getattr(thing, owner) else ''


def volume_provider_id(volume, name):
    """Give the provider_id that makes a volume the object of a name.

    :param volume: the Cinder volume
    :param name: the object's name on the cluster
    :returns: for Cinder's database; None when Cinder derives that very name
    """
    return None if name == volume.name else bound(name) + volume.name_id


def snapshot_provider_id(snapshot, name):
    """Give the provider_id that makes a snapshot the object of a name.

    :param snapshot: the Cinder snapshot
    :param name: the object's name on the cluster
    :returns: for Cinder's database; None when Cinder derives that very name
    """
    return None if name == snapshot.name else bound(name) + snapshot.id


def bound(name):
    """Give what the provider_id of an object of a name begins with.

    :param name: the object's name on the cluster
    """
    return name + _BINDING


def complete_exchange(volume, other):
    """Let a volume be the object that another one, its copy, has not taken.

    Cinder exchanges both names when it has copied a volume. Where that broke
    off between the two records, both name the same object.

    :param volume: the Cinder volume that gets the other name
    :param other: the Cinder volume that keeps the common one
    """
    if volume.name_id == volume.id:
        volume._name_id = other.id
        volume.provider_id = other.provider_id
    else:
        volume._name_id = None


def pool_id(host):
    """Read the pool in a host of Cinder, ``HOST@BACKEND#POOL``.

    :param host: the host
    :returns: the id of the pool, or None when the host does not end with one
    """
    pool = volume_utils.extract_host(host, level='pool')
    if pool is None or not (pool.isascii() and pool.isdigit()):
        return None
    return int(pool)


def pool_of(volume):
    """Read the pool that a volume is to be in.

    :param volume: the Cinder volume
    :returns: the id of the pool
    :raises InvalidInput: its host names none
    """
    found = pool_id(volume.host)
    if found is None:
        raise exception.InvalidInput(reason=_(
            'host %(host)s of volume %(volume)s does not end with #POOL, '
            'where POOL is the id of a Dsware pool') % {
                'host': volume.host, 'volume': volume.name})
    return found


def for_new(volume):
    """Give the update of Cinder's record of a volume that was just created.

    :param volume: the Cinder volume
    :returns: clears a provider_id that Cinder copied from another volume;
        None when there is none
    """
    return {'provider_id': None} if volume.provider_id else None


def described(volume):
    """Name a volume for people.

    :param volume: the Cinder volume
    :returns: Cinder's name, and the one on the cluster when it differs
    """
    return both(volume.name, volume_name(volume))


def both(name, on_cluster):
    """Name an object for people by its two names, if they are two."""
    if name == on_cluster:
        return name
    return _('%(name)s (%(on_cluster)s on the cluster)') % {
        'name': name, 'on_cluster': on_cluster}
