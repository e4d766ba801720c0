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


"""cinder-backup as a process: python -m functional.services.cinder_backup.

It does what Cinder's own command does, which cannot be used as it is: it
needs SQLite's transactions to take turns, and a parent that ends it.
"""

# First of all, since it chooses between eventlet and native threads.
from functional.services import cinder_all

import logging as python_logging  # noqa: I100
import os
import sys

from oslo_config import cfg

from cinder.common import constants
from cinder import service
from cinder import utils

from functional.services import lifeline

CONF = cfg.CONF


def main():
    """Serve until the process is told to end."""
    end = lifeline.Lifeline()
    cinder_all.initialize(sys.argv[1:])
    backup = service.Service.create(
        binary=constants.BACKUP_BINARY, coordination=True,
        service_name='backup', process_number=1,
        semaphore=utils.semaphore_factory(0, 1))
    backup.start()
    end.wait()
    cinder_all.end_soon()
    backup.stop()
    python_logging.shutdown()
    os._exit(0)


if __name__ == '__main__':
    main()
