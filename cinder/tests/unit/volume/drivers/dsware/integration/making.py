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

"""Makes drivers and Cinder's objects, without any test case."""

import os
import sys
import uuid

from oslo_config import cfg
from oslo_utils import timeutils

from cinder import context
from cinder import objects
from cinder.objects import fields
from cinder.volume import configuration
from cinder.volume import driver as volume_driver
from cinder.volume.drivers.dsware import driver
from cinder.volume import qos_specs
from cinder.volume import volume_types

CONF = cfg.CONF
MANAGER = '127.0.0.1'
# How many connections the drivers in the two thread worlds may have.
CONNECTIONS = 3


def make_driver(group, agents, cluster_name=None, **options):
    """Make a driver with a configuration of its own.

    :param group: name of the backend's section
    :param agents: (address, port) of each agent
    :param cluster_name: the Cinder cluster of its service
    :param options: further options of the section
    :returns: a driver on which do_setup has not been called
    """
    conf = configuration.Configuration(volume_driver.volume_opts,
                                       config_group=group)
    made = driver.DSWareDriver(configuration=conf, host=f'host@{group}',
                               cluster_name=cluster_name)
    values = {'san_ip': MANAGER, 'volume_backend_name': group,
              'dsware_agents': [f'{host}:{port}' for host, port in agents],
              **options}
    for name, value in values.items():
        CONF.set_override(name, value, group=group)
    return made


def privileged_helper(path, threads):
    """Say how a privileged daemon is started without sudo.

    :param path: a file to write for it
    :param threads: how many programs it may run at a time
    :returns: the command
    """
    with open(path, 'w') as file:
        file.write(f'[cinder_sys_admin]\nthread_pool_size = {threads}\n')
        if os.geteuid() != 0:
            # Who is not root cannot have any.
            file.write('capabilities =\n')
    return (f'{os.path.dirname(sys.executable)}/privsep-helper '
            f'--config-file {path}')


def make_volume(size=1, pool=0, **values):
    """Make a Cinder volume as the manager hands it to a driver.

    :param size: GiB
    :param pool: the pool that the scheduler chose
    :param values: further fields
    :returns: a volume that is not in Cinder's database
    """
    return objects.Volume(
        context.get_admin_context(),
        **{'id': str(uuid.uuid4()), '_name_id': None, 'size': size,
           'host': f'host@backend#{pool}', 'cluster_name': None,
           'status': 'available', 'volume_type': None,
           'volume_type_id': None, 'provider_id': None,
           'migration_status': None, 'use_quota': True,
           'launched_at': timeutils.utcnow(),
           'volume_attachment': objects.VolumeAttachmentList(objects=[]),
           **values})


def make_type(**extra_specs):
    """Make a volume type.

    :param extra_specs: its extra specs, with __ for the colon in a key
    :returns: the volume type
    """
    specs = {key.replace('__', ':'): value
             for key, value in extra_specs.items()}
    return objects.VolumeType(context.get_admin_context(),
                              id=str(uuid.uuid4()), name='type',
                              extra_specs=specs)


def make_limited_type(consumer='back-end', **specs):
    """Make a volume type with a qos spec in Cinder's database.

    :param consumer: which end the spec is for
    :param specs: its keys and values
    :returns: the type's id
    """
    admin = context.get_admin_context()
    name = str(uuid.uuid4())
    made = volume_types.create(admin, name)
    spec = qos_specs.create(admin, name, {'consumer': consumer, **specs})
    qos_specs.associate_qos_with_type(admin, spec.id, made['id'])
    return made['id']


def make_snapshot(volume):
    """Make a Cinder snapshot of a volume.

    :param volume: the volume
    :returns: a snapshot that is not in Cinder's database
    """
    return objects.Snapshot(
        context.get_admin_context(), id=str(uuid.uuid4()), volume=volume,
        volume_id=volume.id, volume_size=volume.size, progress='100%',
        provider_id=None, provider_location=None, provider_auth=None)


def make_attachment(volume, connector):
    """Let Cinder know that a volume is attached to a host.

    :param volume: the volume
    :param connector: the host's connector properties
    """
    attachment = objects.VolumeAttachment(
        context.get_admin_context(), id=str(uuid.uuid4()),
        volume_id=volume.id, connector=connector, connection_info=None,
        attach_status=fields.VolumeAttachStatus.ATTACHED)
    volume.volume_attachment.objects.append(attachment)


def make_destination(dsware, pool):
    """Make a destination of a migration, as the scheduler hands it out.

    :param dsware: the driver of the destination's backend
    :param pool: the id of the destination's pool
    :returns: a dict of host, cluster_name and capabilities
    """
    stats = dsware.get_volume_stats(refresh=True)
    found, = [one for one in stats['pools'] if one['pool_name'] == str(pool)]
    return {'host': f'{dsware.host}#{pool}', 'cluster_name': None,
            'capabilities': found}


def make_group(test):
    """Make a group whose snapshots are of one point in time.

    :param test: the test, which lets its type be found
    :returns: a group that is not in Cinder's database
    """
    test.patch('cinder.volume.group_types.get_group_type_specs',
               return_value='<is> True')
    return objects.Group(context.get_admin_context(), id=str(uuid.uuid4()),
                         group_type_id=str(uuid.uuid4()))
