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

"""What the backend tells about itself: to operators and the scheduler."""

from cinder import context as cinder_context
from cinder.i18n import _
from cinder import objects
from cinder.volume.drivers.dsware.features import volume_types
from cinder.volume import volume_types as cinder_types

_SPARSE = 'sparse_copy_volume'
_VENDOR = 'dsware'
# The share of the space that is free, in percent.
_GOODNESS = ('100 * capabilities.free_capacity_gb '
             '/ max(capabilities.total_capacity_gb, 1)')


class Capabilities:
    """Capabilities and defaults: a part of the driver."""

    @property
    def capabilities(self) -> dict:
        """What the backend can, as Cinder asks for it before it copies.

        Whoever copies a volume to this backend leaves out blocks of zeros if
        they read as zeros there. New volumes do, but not what dm-crypt makes
        of them: so not while a volume gets another encryption. Cinder asks
        without telling for which volume.
        """
        if _SPARSE in self._capabilities:
            self._capabilities[_SPARSE] = not _encryption_changes()
        return self._capabilities

    @capabilities.setter
    def capabilities(self, capabilities):
        self._capabilities = capabilities

    def _init_vendor_properties(self):
        properties = {}
        self._set_property(
            properties, volume_types.CLONE_KEY, 'Clones',
            _('How volumes are made from snapshots and other volumes: '
              'linked shares unchanged data with the source, full is an '
              'independent copy.'),
            'string', enum=list(volume_types.CLONE_CHOICES),
            default=self.configuration.dsware_clone)
        return properties, _VENDOR

    def get_default_goodness_function(self):
        """Prefer the pool with the larger share of free space.

        For the scheduler's GoodnessWeigher, where an operator has it; it
        refuses nothing. There is no such default for the DriverFilter, which
        would also refuse what needs no new space: snapshots, for example.

        :returns: the formula, when the option goodness_function has none
        """
        return _GOODNESS


def _encryption_changes():
    """Tell whether Cinder copies any volume through dm-crypt.

    That is so while one is retyped; a volume in use gets no other encryption.
    """
    context = cinder_context.get_admin_context()
    for volume in objects.VolumeList.get_all(context,
                                             filters={'status': 'retyping'}):
        for copy in objects.VolumeList.get_all(context, filters={
                'migration_status': 'target:' + volume.id}):
            if cinder_types.volume_types_encryption_changed(
                    context, volume.volume_type_id, copy.volume_type_id):
                return True
    return False
