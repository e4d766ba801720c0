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

"""What others than Cinder and Nova do with os-brick on a host.

Run as ``python -m functional.services.brick_users COMMAND ...``; it prints
JSON.

``write_image SEED SIZE``
    How Glance's Cinder store writes an image into an attached volume:
    connection_info is read from standard input, and written bytes are
    described by the arguments. What stands between Glance and os-brick is
    glance_store's own.
``get_connector URL``, ``local_attach URL VOLUME``, ``local_detach URL ...``
    What "cinder get-connector", "local-attach" and "local-detach" do. These
    commands of python-brick-cinderclient-ext themselves end with an error
    after they have done their work, since the cinder client has no
    print_dict() any more; what is behind them is called here instead.
"""

import json
import socket
import sys
import types

# As the cinder client does with all extensions that are installed.
import brick_cinderclient_ext  # noqa: F401
from brick_cinderclient_ext import client as brick_client
from cinderclient import client
from glance_store._drivers.cinder import base
from glance_store._drivers.cinder import store  # noqa: F401
from keystoneauth1 import session
from keystoneauth1 import token_endpoint

from functional import content
from functional.services import http

NETWORK_INTERFACE = 'lo'
ROOT_HELPER = 'sudo'


def write_image(seed, size):
    """Attach a volume, write into it, and detach it again."""
    connection_info = json.load(sys.stdin)
    connector = base.factory(
        connection_info['driver_volume_type'], volume=None,
        connection_info=connection_info, root_helper=ROOT_HELPER,
        use_multipath=False, mountpoint_base=None, attachment_obj=None,
        client=None)
    device = connector.connect_volume(None)
    try:
        content.write(device['path'], 0, content.data(seed, int(size)))
    finally:
        connector.disconnect_volume(device)
    kind = type(connector.conn)
    return {'path': device['path'],
            'class': '%s.%s' % (kind.__module__, kind.__name__)}


def _make_client(url):
    auth = token_endpoint.Token(url, http.TOKEN)
    return brick_client.Client(client.Client(
        '3.44', session=session.Session(auth=auth), service_type='volumev3'))


def get_connector(url):
    """Tell what this host is to Cinder."""
    return _make_client(url).get_connector(nic=NETWORK_INTERFACE)


def local_attach(url, volume):
    """Attach a volume to this host."""
    # For an instance that it makes up, about which Cinder would ask Nova.
    brick_client.uuidutils = types.SimpleNamespace(
        generate_uuid=lambda: None)
    return _make_client(url).attach(volume, socket.gethostname(),
                                    nic=NETWORK_INTERFACE)


def local_detach(url, volume, attachment):
    """Detach a volume from this host."""
    return _make_client(url).detach(volume, attachment)


def main():
    """Carry a command out."""
    commands = {one.__name__: one for one in (
        write_image, get_connector, local_attach, local_detach)}
    command, *arguments = sys.argv[1:]
    print(json.dumps(commands[command](*arguments)))


if __name__ == '__main__':
    main()
