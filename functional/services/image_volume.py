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


"""How Glance's Cinder store writes an image into an attached volume.

Run as ``python -m functional.services.image_volume``; connection_info is read
from standard input and written bytes are described by the arguments. What
stands between Glance and os-brick is glance_store's own.
"""

import json
import sys

from glance_store._drivers.cinder import base
from glance_store._drivers.cinder import store  # noqa: F401

from functional import content

ROOT_HELPER = 'sudo'


def main():
    """Attach the volume, write into it, and detach it again."""
    seed, size = sys.argv[1], int(sys.argv[2])
    connection_info = json.load(sys.stdin)
    connector = base.factory(
        connection_info['driver_volume_type'], volume=None,
        connection_info=connection_info, root_helper=ROOT_HELPER,
        use_multipath=False, mountpoint_base=None, attachment_obj=None,
        client=None)
    device = connector.connect_volume(None)
    try:
        content.write(device['path'], 0, content.data(seed, size))
    finally:
        connector.disconnect_volume(device)
    kind = type(connector.conn)
    print(json.dumps({'path': device['path'],
                      'class': '%s.%s' % (kind.__module__, kind.__name__)}))


if __name__ == '__main__':
    main()
