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

"""Nova's libvirt driver, set up as nova-compute sets it up.

Run as ``python -m functional.services.nova_process --config-file FILE``.
There is no message bus: it does what it is told on a socket. The classes, the
start-up hook, os-brick, its privileged daemon, libvirt and the database are
the real ones.
"""

from nova import monkey_patch

# Newer versions patch when they are asked, older ones when imported.
getattr(monkey_patch, 'patch', bool)()

# Eventlet has to be first.
import os  # noqa: E402,I100
import shlex  # noqa: E402
import sys  # noqa: E402

from nova import config  # noqa: E402
from nova import context  # noqa: E402
from nova.db import migration  # noqa: E402
from nova import objects  # noqa: E402
from nova import utils  # noqa: E402
from nova.virt import fake  # noqa: E402
from nova.virt.libvirt import driver  # noqa: E402
from nova.volume import cinder  # noqa: E402
import os_brick  # noqa: E402
from oslo_config import cfg  # noqa: E402
from oslo_log import log as logging  # noqa: E402
from oslo_privsep import priv_context  # noqa: E402

from functional.services import calls  # noqa: E402

CONF = cfg.CONF
USER = {'user_id': 'admin', 'project_id': 'admin'}
BUS = 'scsi'


class Compute(object):
    """What the socket offers."""

    def __init__(self):
        self._context = context.get_admin_context()
        self._driver = driver.LibvirtDriver(fake.FakeVirtAPI())
        # What needs no guest of Nova's own making is left out.
        self._driver._host.initialize()

    def is_ready(self):
        """Tell that the process is up.

        :returns: version of libvirt, as Nova sees it
        """
        return self._driver._host.get_connection().getLibVersion()

    def create_instance(self, uuid):
        """Make an instance known to Nova's database.

        :param uuid: its id, which is also its guest's
        """
        flavor = objects.Flavor(
            flavorid='1', name='tiny', memory_mb=32, vcpus=1, root_gb=0,
            ephemeral_gb=0, swap=0, extra_specs={})
        objects.Instance(
            self._context, uuid=uuid, host=CONF.host, display_name=uuid,
            flavor=flavor, old_flavor=None, new_flavor=None,
            system_metadata={'image_hw_disk_bus': BUS}, **USER).create()

    def connector(self, instance):
        """Tell Cinder about this host.

        :param instance: id of the instance
        :returns: the connector properties
        """
        return self._driver.get_volume_connector(self._instance(instance))

    def attach(self, instance, volume, attachment, device, multiattach):
        """Attach a volume to an instance that runs.

        :param instance: id of the instance
        :param volume: id of the volume
        :param attachment: as Cinder's API has it: dict with connection_info
        :param device: name that the disk shall have, such as sda
        :param multiattach: whether others may have it too
        :returns: connection_info as Nova stores it
        """
        info = cinder._translate_attachment_ref(attachment)['connection_info']
        # As nova.virt.block_device does.
        info['serial'] = volume
        if multiattach:
            info['multiattach'] = True
        self._driver.attach_volume(
            self._context, info, self._instance(instance),
            '/dev/' + device, disk_bus=BUS)
        return info

    def detach(self, instance, info, device):
        """Detach a volume from an instance that runs.

        :param instance: id of the instance
        :param info: what attach() returned
        :param device: name of the disk
        """
        self._driver.detach_volume(
            self._context, info, self._instance(instance), '/dev/' + device)

    def extend(self, instance, info, size):
        """Let an instance notice that a volume was extended.

        :param instance: id of the instance
        :param info: what attach() returned
        :param size: the new size in bytes
        """
        self._driver.extend_volume(
            self._context, info, self._instance(instance), size)

    def disconnect(self, instance, info, force):
        """Let go of a volume whose instance does not run any more.

        :param instance: id of the instance
        :param info: what attach() returned
        :param force: whether to carry on after errors
        """
        self._driver._disconnect_volume(
            self._context, info, self._instance(instance), force=force)

    def _instance(self, uuid):
        return objects.Instance.get_by_uuid(
            self._context, uuid,
            expected_attrs=['flavor', 'info_cache', 'system_metadata'])


def _initialize():
    """What nova-compute does before its service starts."""
    config.parse_args(['nova-compute'] + sys.argv[1:])
    logging.setup(CONF, 'nova')
    priv_context.init(root_helper=shlex.split(utils.get_root_helper()))
    objects.register_all()
    os_brick.setup(CONF)
    migration.db_sync(database='main')


def main():
    """Serve until this process has to end."""
    _initialize()
    calls.serve(os.path.join(CONF.state_path, 'socket'), Compute())


if __name__ == '__main__':
    main()
