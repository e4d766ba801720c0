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

"""Glance's API as a process: python -m functional.services.glance_api.

Glance comes without a server of its own, only with a WSGI application.
"""

import argparse
import logging
import os
import threading

from functional.services import lifeline
from functional.services import sqlite
from functional.services import wsgi


def _parse_arguments():
    parser = argparse.ArgumentParser(
        description='Serve the Glance API. The configuration is read from '
                    'the directory that OS_GLANCE_CONFIG_DIR names.')
    parser.add_argument('--address', required=True)
    parser.add_argument('--port', type=int, required=True)
    return parser.parse_args()


def _create_database():
    """Create the tables, from the configuration that is already read."""
    from alembic import command
    from glance.db.sqlalchemy import alembic_migrations

    command.upgrade(alembic_migrations.get_alembic_config(), 'heads')


def main():
    """Serve until the process is told to end."""
    args = _parse_arguments()
    end = lifeline.Lifeline()
    sqlite.take_turns()

    from glance.common import wsgi_app

    application = wsgi_app.init_app()
    _create_database()
    server = wsgi.make_server(application, args.address, args.port)
    threading.Thread(target=server.serve, daemon=True).start()
    end.wait()
    server.stop()
    # At a normal exit Glance makes thread pools only to shut them down, for
    # which it is too late then.
    logging.shutdown()
    os._exit(0)


if __name__ == '__main__':
    main()
