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

"""A process with os-brick, as one of a host's services is.

Run as ``python -m functional.services.brick_host --config-file FILE``, with
``--boot-id FILE`` for a host whose kernel says what is in that file. It does
what it is told on a socket, and can be told to die half way.
"""

import argparse
import functools
import importlib
import os
import signal

import os_brick
from os_brick.initiator import connector
from oslo_concurrency import lockutils
from oslo_config import cfg
from oslo_log import log as logging

from functional.services import calls
from os_brick_dsware import attachments

ROOT_HELPER = 'sudo'
CONF = cfg.CONF


class Brick(object):
    """What the socket offers."""

    def is_ready(self):
        """Tell that the process is up.

        :returns: its id
        """
        return os.getpid()

    def properties(self, address, hostname):
        """What this host tells Cinder about itself.

        :param address: its address
        :param hostname: what it is called in attachments
        :returns: a dict, the connector of the Block Storage API
        """
        return connector.get_connector_properties(
            ROOT_HELPER, address, multipath=False, enforce_multipath=False,
            host=hostname)

    def connect_volume(self, kind, data):
        """Let os-brick connect a volume; see there."""
        return self._connector(kind).connect_volume(data)

    def disconnect_volume(self, kind, data, force=False):
        """Let os-brick disconnect a volume; see there."""
        self._connector(kind).disconnect_volume(data, None, force=force)

    def extend_volume(self, kind, data):
        """Let os-brick notice that a volume was extended; see there."""
        return self._connector(kind).extend_volume(data)

    def die_at(self, function, after, count=1):
        """End this process at a certain point, as kill -9 does.

        :param function: module:Class.method
        :param after: whether when it returns, and not when it is called
        :param count: which of its calls
        """
        module, _colon, path = function.partition(':')
        class_name, _dot, name = path.partition('.')
        owner = getattr(importlib.import_module(module), class_name)
        setattr(owner, name, _deadly(getattr(owner, name), after, count))

    @staticmethod
    def _connector(kind):
        return connector.InitiatorConnector.factory(kind, ROOT_HELPER)


def _deadly(method, after, count):
    seen = []

    @functools.wraps(method)
    def wrapper(*args, **kwargs):
        seen.append(None)
        now = len(seen) == count
        if now and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = method(*args, **kwargs)
        if now:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return wrapper


def main():
    """Serve until this process has to end."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--config-file', required=True)
    parser.add_argument('--boot-id')
    args = parser.parse_args()
    if args.boot_id:
        attachments.BOOT_ID = args.boot_id
    logging.register_options(CONF)
    CONF(['--config-file', args.config_file], project='compute')
    logging.setup(CONF, 'brick_host')
    lockutils.set_defaults(CONF.oslo_concurrency.lock_path)
    os_brick.setup(CONF)
    calls.serve(os.path.join(os.path.dirname(args.config_file), 'socket'),
                Brick())


if __name__ == '__main__':
    main()
