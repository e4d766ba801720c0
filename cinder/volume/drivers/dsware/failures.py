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

"""Failed operations in the log: one record for each, with all that helps.

Cinder's manager logs the exceptions of its drivers, some with a traceback
and some, like those that only say that something is busy, without what the
cluster said. So the driver tells every failure that came from the cluster
itself, once.
"""

import functools
import inspect
import re
import threading
import time

from oslo_log import log as logging

from cinder.objects import base
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import reporting

LOG = logging.getLogger(__name__)

_UPPER = re.compile('([A-Z])')

#: What Cinder asks a driver for, and that can fail on the cluster.
OPERATIONS = (
    'clone_image', 'create_cloned_volume', 'create_group',
    'create_group_from_src', 'create_group_snapshot', 'create_snapshot',
    'create_volume', 'create_volume_from_snapshot', 'delete_group',
    'delete_group_snapshot', 'delete_snapshot', 'delete_volume',
    'extend_volume', 'get_backup_device', 'get_manageable_snapshots',
    'get_manageable_volumes', 'get_pool', 'initialize_connection',
    'manage_existing', 'manage_existing_get_size',
    'manage_existing_snapshot', 'manage_existing_snapshot_get_size',
    'migrate_volume', 'retype', 'revert_to_snapshot',
    'terminate_connection', 'unmanage', 'unmanage_snapshot',
    'update_group', 'update_migrated_volume')


class _Running(threading.local):
    """How many operations run one within the other, by thread."""

    depth = 0


class LoggedFailures:
    """Base of a driver whose failed operations are logged.

    One that another operation is made of is left to that one.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._running = _Running()

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for name in OPERATIONS:
            method = getattr(cls, name, None)
            if method is not None and not hasattr(method, 'logs_failures'):
                setattr(cls, name, _logged(method))


def _logged(method):
    @functools.wraps(method)
    def logged(self, *args, **kwargs):
        started = time.monotonic()
        self._running.depth += 1
        try:
            return method(self, *args, **kwargs)
        except Exception as error:
            if self._running.depth == 1:
                _log(method.__name__, (*args, *kwargs.values()), error,
                     time.monotonic() - started)
            raise
        finally:
            self._running.depth -= 1

    # For those who look at a driver's parameters without unwrapping.
    logged.__signature__ = inspect.signature(method)
    logged.logs_failures = True
    return logged


def _log(operation, args, error, seconds):
    if reporting.source_of(error) is None:
        # Not the cluster's word; Cinder's manager logs it.
        return
    about = ' of '.join([operation, *_described(args)])
    reporting.log_once(
        LOG, logging.ERROR, error,
        f'{about} is given up after {seconds:.1f} s; Cinder gets '
        f'{type(error).__name__}.')


def _described(args):
    """Name the first of Cinder's objects among arguments."""
    for arg in args:
        if isinstance(arg, base.CinderObject):
            kind = _UPPER.sub(r' \1', arg.obj_name()).strip().lower()
            return [f'{kind} {arg.id} ({_name_of(arg)})']
    return []


def _name_of(item):
    # The name of a group is what a user typed, and may be missing: Cinder
    # does not load it later. That of a volume is made of its id.
    if 'name' in item.fields and not item.obj_attr_is_set('name'):
        return ''
    return exceptions.printable(item.name or '')
