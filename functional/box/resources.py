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

"""What is made through the APIs before Tempest starts."""

import warnings

import openstack

from functional.box import guest
from functional.box import keystone as keystone_

ROLES = ('admin', keystone_.SERVICE_PROJECT)
FLAVORS = {'box-small': 64, 'box-large': 96}
IMAGES = ('box-guest', 'box-guest-alt')


def connect(keystone):
    """Sign in as the administrator.

    :param keystone: a keystone.Keystone that runs
    :returns: an openstack.connection.Connection
    """
    warnings.filterwarnings('ignore', module='openstack')
    return openstack.connect(
        load_envvars=False, load_yaml_config=False,
        auth_url=keystone.url, username=keystone_.ADMIN,
        password=keystone.password, project_name=keystone_.ADMIN,
        user_domain_id='default', project_domain_id='default',
        region_name=keystone_.REGION, identity_api_version='3',
        block_storage_api_version='3')


def make_catalog(keystone, services):
    """Make a user and an endpoint for each service.

    :param keystone: a keystone.Keystone that runs
    :param services: a dict of user to a pair of type and URL
    """
    identity = connect(keystone).identity
    roles = [identity.find_role(name, ignore_missing=False)
             for name in ROLES]
    project = identity.create_project(name=keystone_.SERVICE_PROJECT,
                                      domain_id='default')
    for name, (kind, url) in services.items():
        user = identity.create_user(
            name=name, password=keystone.password, domain_id='default')
        for role in roles:
            identity.assign_project_role_to_user(project, user, role)
        made = identity.create_service(type=kind, name=name)
        for interface in ('public', 'internal', 'admin'):
            identity.create_endpoint(
                service_id=made.id, interface=interface, url=url,
                region_id=keystone_.REGION)


def make_types(connection, backends):
    """Make two volume types for each backend.

    :param connection: that of the administrator
    :param backends: names of the backends
    :returns: a dict of backend to the types' names; volumes of the second
              type can be attached to several instances
    """
    types = {backend: (backend, backend + '-multiattach')
             for backend in backends}
    for backend, (plain, multiattach) in types.items():
        specs = {'volume_backend_name': backend}
        connection.block_storage.create_type(name=plain, extra_specs=specs)
        connection.block_storage.create_type(
            name=multiattach,
            extra_specs={**specs, 'multiattach': '<is> True'})
    return types


def make_images(connection):
    """Upload what guests boot.

    :param connection: that of the administrator
    :returns: ids of the images
    """
    return [connection.create_image(
        name, data=guest.image(), disk_format='raw', container_format='bare',
        visibility='public', wait=True, **guest.PROPERTIES).id
        for name in IMAGES]


def make_flavors(connection):
    """Make what guests may be like.

    :param connection: that of the administrator
    :returns: ids of the flavors
    """
    return [connection.compute.create_flavor(
        name=name, ram=memory, vcpus=1, disk=1).id
        for name, memory in FLAVORS.items()]
