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

"""How to use what --keep leaves running, and how to end it."""

import os
import shlex
import sys

from functional.box import enclosure
from functional.box import keystone

_RC = '''# Read by a shell: . %(directory)s/openrc
export OS_AUTH_URL=%(url)s
export OS_USERNAME=%(admin)s
export OS_PASSWORD=%(password)s
export OS_PROJECT_NAME=%(admin)s
export OS_USER_DOMAIN_ID=default
export OS_PROJECT_DOMAIN_ID=default
export OS_IDENTITY_API_VERSION=3
export OS_REGION_NAME=%(region)s
export TEMPEST_CONFIG_DIR=%(directory)s/tempest/etc
export PATH=%(bin)s:$PATH
'''
_HELP = '''Everything is still running. As root in any other terminal:

    . %(directory)s/openrc

    openstack volume service list
    openstack volume create --size 1 mine
    openstack server create --flavor box-small --image box-guest --nic none \\
        --wait guest
    openstack server add volume guest mine
    cd %(directory)s/tempest && tempest run --regex test_volumes_get

Logs of all services are in %(directory)s.

To stop it all and remove these files: Ctrl-C here, or

    kill %(pid)d
'''


def keep(plane, directory):
    """Write down how to sign in.

    :param plane: a control_plane.ControlPlane that runs
    :param directory: path of the directory of its files
    :returns: text that tells a person how to use it
    """
    names = {'directory': shlex.quote(str(directory)),
             'url': plane.keystone.url, 'admin': keystone.ADMIN,
             'password': plane.keystone.password, 'region': keystone.REGION,
             'bin': shlex.quote(os.path.dirname(sys.executable)),
             'pid': int(os.environ[enclosure.OUTSIDE])}
    openrc = directory / 'openrc'
    openrc.touch(mode=0o600)
    openrc.write_text(_RC % names)
    return _HELP % names
