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

"""The driver on the simulator, with no services around it."""

import os
import pathlib
import sys
import uuid

from oslo_config import cfg
from oslo_utils import timeutils

from cinder import context
from cinder import objects
import cinder.privsep
from cinder.volume import configuration
from cinder.volume import driver as volume_driver
from cinder.volume.drivers.dsware import driver
from functional.services import cinder as cinder_service
from functional.services import programs

HOST = 'bench@dsware'


def make(group, agents, **options):
    """Make a driver that is ready.

    :param group: the section of its options, one that no other has used
    :param agents: (host, port) of each agent
    :param options: further options
    :returns: the driver
    """
    conf = configuration.Configuration(volume_driver.volume_opts,
                                       config_group=group)
    made = driver.DSWareDriver(configuration=conf, host=HOST)
    options.update(san_ip=agents[0][0],
                   dsware_agents=[f'{host}:{port}' for host, port in agents])
    for name, value in options.items():
        cfg.CONF.set_override(name, value, group=group)
    made.do_setup(None)
    made.check_for_setup_error()
    return made


def use_daemon(directory):
    """Have Cinder's privileged daemon run as the user of this process.

    :param directory: where its configuration is written
    """
    path = pathlib.Path(directory, 'privsep.conf')
    programs.write_config(path, cinder_service.privsep_sections())
    cfg.CONF.set_override(
        'helper_command',
        f'{os.path.dirname(sys.executable)}/privsep-helper '
        f'--config-file {path}',
        group=cinder.privsep.sys_admin_pctxt.cfg_section)


def new_volume(size=1):
    """Make a volume as Cinder hands it to a driver; it is in no database.

    :param size: GiB
    :returns: the volume
    """
    return objects.Volume(
        context.get_admin_context(), id=str(uuid.uuid4()), _name_id=None,
        size=size, host=HOST + '#0', status='available',
        previous_status=None, launched_at=timeutils.utcnow(),
        volume_type=objects.VolumeType(extra_specs={}), volume_type_id=None,
        provider_id=None, use_quota=True, encryption_key_id=None,
        glance_metadata={}, admin_metadata={})
