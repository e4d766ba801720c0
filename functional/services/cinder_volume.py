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


"""cinder-volume as a process: python -m functional.services.cinder_volume.

One of several that serve the same backends, all of the configuration. Like
Cinder's own command, which cannot be used as it is: it needs SQLite's
transactions to take turns, and a parent that ends it.
"""

# First of all, since it chooses between eventlet and native threads.
from functional.services import cinder_all

import logging as python_logging  # noqa: I100
import os
import sys

from functional.services import lifeline


def main():
    """Serve until the process is told to end."""
    end = lifeline.Lifeline()
    cinder_all.initialize(sys.argv[1:])
    services = list(cinder_all.volume_services())
    for one in services:
        one.start()
    end.wait()
    cinder_all.end_soon()
    for one in services:
        one.stop()
    python_logging.shutdown()
    os._exit(0)


if __name__ == '__main__':
    main()
