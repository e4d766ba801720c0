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

"""Volumes made from images that are volumes of the same cluster.

An image can be a Cinder volume: Glance's Cinder store keeps its images in
volumes, and Cinder uploads a volume as a clone of it when
image_upload_use_cinder_backend is set. Such an image has a location
``cinder://VOLUME`` or ``cinder://STORE/VOLUME``.

Cinder clones them by itself in the pool that they are in. This module adds
the other pools and backends of the cluster. Depending on Glance's
configuration a location may have been set by any user, so what it names is
cloned only when it is shown to be the image's.
"""

import re

from oslo_config import cfg
from oslo_log import log as logging
from oslo_utils import strutils
from oslo_utils import units
from oslo_utils import uuidutils

from cinder import exception
from cinder.i18n import _
from cinder import objects
from cinder.volume.drivers.dsware import config
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import naming
from cinder.volume.drivers.san import san
from cinder.volume import volume_utils

LOG = logging.getLogger(__name__)
CONF = cfg.CONF
CONF.import_opt('allowed_direct_url_schemes', 'cinder.image.glance')

_LOCATION = re.compile(r'cinder://(?:[^/?#]+/)?([^/?#]+)')
# States in which nobody writes to a volume that is read-only: it may be
# attached for Glance to read it at any time.
_READ_STATES = frozenset((
    'in-use', 'reserved', 'attaching', 'detaching', 'uploading',
    'backing-up'))
# On the object of the new volume: sources that it must not be cloned from.
_REFUSED = '_dsware_refused_sources'


def image_volume_ids(image_location):
    """Find the volumes that an image is said to be stored in.

    :param image_location: direct_url and locations of the image, as Cinder
        gives them to clone_image; either may be None
    :returns: a list of ids of Cinder volumes, each once
    """
    direct_url, locations = image_location or (None, None)
    urls = [direct_url] + [place.get('url') for place in locations or []]
    matches = [_LOCATION.fullmatch(url) for url in urls if url]
    ids = [match[1] for match in matches if match]
    return list(dict.fromkeys(filter(uuidutils.is_uuid_like, ids)))


def check_not_refused(volume, source):
    """Refuse to clone what an image is only said to be stored in.

    When clone_image has not made the volume, Cinder tries to clone the image
    volume by itself, and lets the owner of an image clone whatever volume
    its location names.

    :param volume: the new Cinder volume
    :param source: the Cinder volume that it would be cloned from
    :raises InvalidVolume: clone_image has refused the source
    """
    if source.id in getattr(volume, _REFUSED, ()):
        raise exception.InvalidVolume(reason=_(
            'volume %(volume)s must not be cloned from volume %(source)s '
            'for an image; an earlier message says why') % {
                'volume': volume.id, 'source': source.id})


def _belongs_to(image_volume, image_meta):
    """Whether a volume holds an image, as far as its owners are concerned.

    The metadata that a service writes on volumes that it keeps for others
    could have been written by an earlier owner of the volume, too. So the
    volume must be read-only besides: whoever writes to it has to end that.
    """
    owner = image_meta.get('owner')
    if not owner:
        return False
    if image_volume.project_id == owner:
        return True
    return (image_volume.metadata.get('image_owner') == owner
            and image_volume.metadata.get('glance_image_id')
            == image_meta['id']
            and _is_read_only(image_volume))


def _is_read_only(volume):
    return strutils.bool_from_string(volume.admin_metadata.get('readonly'))


def _is_at_rest(volume):
    if volume.status == 'available':
        return True
    return volume.status in _READ_STATES and _is_read_only(volume)


class Images:
    """Makes volumes of images that are volumes.

    :param backend: the :class:`config.Backend`
    :param volumes: the :class:`volumes.Volumes`
    """

    def __init__(self, backend, volumes):
        self._backend = backend
        self._array = backend.array
        self._volumes = volumes

    def clone(self, context, volume, image_location, image_meta):
        """Make a volume from an image, if that is a volume of this cluster.

        It is cloned as the type of the new volume wants it, linked or in
        full, in any pool of the cluster. Whatever prevents that is logged,
        and Cinder then copies the image, unless a clone may be there.

        :returns: what to change in the new volume, and whether it was made
        """
        setattr(volume, _REFUSED, set())
        if ('cinder' in CONF.allowed_direct_url_schemes
                and not volume.encryption_key_id
                and image_meta.get('container_format') == 'bare'
                and image_meta.get('disk_format') == 'raw'):
            for volume_id in image_volume_ids(image_location):
                update, cloned = self._clone_image_volume(
                    context.elevated(), volume, volume_id, image_meta)
                if cloned:
                    return update, True
        return None, False

    def _clone_image_volume(self, context, volume, volume_id, image_meta):
        try:
            image_volume = objects.Volume.get_by_id(context, volume_id)
            problem = next(
                self._objections(image_volume, volume, image_meta), None)
            if problem is None:
                return self._volumes.clone(volume, image_volume), True
        except exceptions.CreationInDoubt:
            # There is no other way while this one may have made the volume.
            raise
        except exception.CinderException as error:
            problem = error
        getattr(volume, _REFUSED).add(volume_id)
        LOG.warning('Volume %(volume)s is not cloned from volume '
                    '%(image_volume)s, which a location of image %(image)s '
                    'names. Unless there is another way, the image is '
                    'copied. %(problem)s', {
                        'volume': volume.id, 'image_volume': volume_id,
                        'image': image_meta['id'], 'problem': problem})
        return None, False

    def _objections(self, image_volume, volume, image_meta):
        """Tell what speaks against cloning a volume for an image.

        :returns: an iterator over texts
        """
        if not self._is_on_this_cluster(image_volume):
            yield _('It is not on a backend that is known to be of the same '
                    'cluster: %s.') % image_volume.host
        if not _belongs_to(image_volume, image_meta):
            yield _('It belongs to project %(project)s, and the image to '
                    'project %(owner)s; nothing shows that it is kept for '
                    'the image.') % {'project': image_volume.project_id,
                                     'owner': image_meta.get('owner')}
        if image_volume.encryption_key_id:
            yield _('It is encrypted.')
        if not _is_at_rest(image_volume):
            yield _('It is in status %s and may be written to.'
                    ) % image_volume.status
        if image_volume.size > volume.size:
            yield _('It has %(there)d GiB and the new volume has %(here)d.'
                    ) % {'there': image_volume.size, 'here': volume.size}
        found = self._array.queries.volume(naming.volume_name(image_volume))
        # A volume that was not made by Cinder may be smaller than Cinder,
        # which counts in GiB, has it.
        if found is None or not found.ready or not (
                image_meta['size'] <= found.size * units.Mi
                <= image_volume.size * units.Gi):
            yield _('The image has %(bytes)d bytes and it has %(gib)d GiB, '
                    'but on the cluster there is: %(found)s.') % {
                        'bytes': image_meta['size'],
                        'gib': image_volume.size, 'found': found}

    def _is_on_this_cluster(self, image_volume):
        """Whether Cinder's configuration puts a volume on this cluster.

        The cluster is not asked: a copy of another cluster, or what a
        migration to one left, could have a volume of the same name.
        """
        if self._backend.cluster_name and volume_utils.hosts_are_equivalent(
                self._backend.cluster_name, image_volume.cluster_name or ''):
            return True
        home = volume_utils.extract_host(image_volume.host)
        if home == self._backend.host:
            return True
        host, _at, section = home.partition('@')
        # Only the backends of this host are in this configuration file.
        if (host != volume_utils.extract_host(self._backend.host, 'host')
                or section not in CONF.list_all_sections()):
            return False
        other = volume_utils.get_backend_configuration(section, san.san_opts)
        return bool(other.san_ip) and (
            config.location_info(other)
            == config.location_info(self._backend.configuration))
