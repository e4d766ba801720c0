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

"""What a start-up hook (a .pth file) runs in every Python process.

It must cost next to nothing and break nothing, so it imports nothing but
``sys`` and ``os``, which every interpreter has loaded by then. It only arms a
finder that waits for a few modules to be imported: right after one of them
has been executed, os_brick_dsware.registry puts our classes into it. A process
that never imports os-brick or Nova never notices.
"""

import os
import sys

#: Set in a service's environment to leave os-brick and Nova as they are.
DISABLE = 'OS_BRICK_DSWARE_DISABLE'

WATCHED = frozenset((
    'brick_cinderclient_ext.volume_actions',
    'os_brick.initiator.connector',
    'nova.virt.libvirt.driver',
))


def _register(module):
    """Tell the registry that a module has been executed."""
    try:
        from os_brick_dsware import registry
        registry.register_into(module)
    except Exception:
        # Whatever it is, the service must start.
        import logging
        logging.getLogger(__name__).exception(
            'Volumes of type dsware cannot be attached by this process: '
            'registering into %s failed', module.__name__)


class _Loader:
    """Stands in for a module's loader until the module has been executed."""

    def __init__(self, loader):
        self._loader = loader

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        # From here on nobody can tell that it was not loaded as ever.
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        _register(module)


class _Finder:
    """Leaves finding to the other finders, and wraps what they find."""

    def find_spec(self, name, path=None, target=None):
        if name not in WATCHED:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, 'find_spec', None)
            if find is None or isinstance(finder, _Finder):
                continue
            spec = find(name, path, target)
            if spec is not None:
                if hasattr(spec.loader, 'exec_module'):
                    spec.loader = _Loader(spec.loader)
                return spec
        return None


def armed():
    """Tell whether this process waits for the modules.

    :returns: True if it does
    """
    return any(type(finder).__module__ == __name__
               for finder in sys.meta_path)


def arm():
    """Wait for the modules that need to know of us.

    May be called any number of times.
    """
    if os.environ.get(DISABLE, '0') not in ('', '0'):
        return
    if not armed():
        sys.meta_path.insert(0, _Finder())
    for name in WATCHED & set(sys.modules):
        _register(sys.modules[name])
