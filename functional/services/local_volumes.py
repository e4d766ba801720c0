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


"""What "cinder get-connector", "local-attach" and "local-detach" do.

Run as ``python -m functional.services.local_volumes URL COMMAND ...``; it
prints JSON. These commands of python-brick-cinderclient-ext themselves end
with an error after they have done their work, since the cinder client has no
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
from keystoneauth1 import session
from keystoneauth1 import token_endpoint

from functional.services import http

NETWORK_INTERFACE = 'lo'


def _make_client(url):
    auth = token_endpoint.Token(url, http.TOKEN)
    return brick_client.Client(client.Client(
        '3.44', session=session.Session(auth=auth), service_type='volumev3'))


def get_connector(brick):
    """Tell what this host is to Cinder."""
    return brick.get_connector(nic=NETWORK_INTERFACE)


def local_attach(brick, volume):
    """Attach a volume to this host."""
    # For an instance that it makes up, about which Cinder would ask Nova.
    brick_client.uuidutils = types.SimpleNamespace(
        generate_uuid=lambda: None)
    return brick.attach(volume, socket.gethostname(), nic=NETWORK_INTERFACE)


def local_detach(brick, volume, attachment):
    """Detach a volume from this host."""
    return brick.detach(volume, attachment)


def main():
    """Carry a command out."""
    url, command, *arguments = sys.argv[1:]
    commands = {one.__name__: one
                for one in (get_connector, local_attach, local_detach)}
    print(json.dumps(commands[command](_make_client(url), *arguments)))


if __name__ == '__main__':
    main()
