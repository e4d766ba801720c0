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

"""Our volume drivers in a Nova that does not know of them.

The registry makes them known to it.
"""

from nova.virt.libvirt.volume import fs
from oslo_log import log as logging

from os_brick_dsware import nova
from os_brick_dsware import registry

LOG = logging.getLogger(__name__)

LibvirtDSWareVolumeDriver = nova.LibvirtDSWareVolumeDriver


class LibvirtSDSHypervisorVolumeDriver(LibvirtDSWareVolumeDriver):
    """Attaches volumes of SDSHypervisor, for which Nova has no driver."""

    protocol = registry.SDS_PROTOCOL


def _be_told_of_every_instance():
    """Have Nova disconnect each instance, not only the last of a host.

    Of several instances on a host that share a volume Nova disconnects only
    the last, as it cannot know that the connector counts them; two that are
    detached at once it may both take for not the last. An exception are the
    drivers that mount file systems, since they count. Nova tells them by their
    class, which is abstract: there ours is registered, not derived.
    """
    counting = getattr(fs, 'LibvirtMountedFileSystemVolumeDriver', None)
    try:
        counting.register(LibvirtDSWareVolumeDriver)
    except AttributeError:
        LOG.error('This version of Nova has no class of volume drivers that '
                  'count their users: a volume that several instances of '
                  'this host share may stay attached after the last is gone')


_be_told_of_every_instance()
