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

"""What is installed, and whether os-brick and Nova know of it."""

import ast
import importlib
import importlib.metadata
import importlib.util
import os
import platform
import site
import sys

from dsware_doctor import findings
from dsware_doctor.host import settings
from os_brick_dsware import _startup
from os_brick_dsware import registry

HOOK = 'cinder_dsware.pth'
_PACKAGES = ('cinder-dsware', 'os-brick', 'nova', 'cinder')


def check(all_settings: list[settings.Settings]) -> list[findings.Finding]:
    """Look at this interpreter's packages.

    :param all_settings: the settings of all services
    :returns: what was found
    """
    replaces = [one.service for one in all_settings
                if one.value('dsware_replace_sdshypervisor')]
    return [_versions(), _hook(), _armed(), _os_brick(replaces), _nova()]


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return 'not installed'


def _versions() -> findings.Finding:
    versions = ['%s %s' % (name, _version(name)) for name in _PACKAGES]
    return findings.ok('%s; Python %s, %s' % (
        ', '.join(versions), platform.python_version(), sys.executable))


def _hook() -> findings.Finding:
    found = [path for path in (os.path.join(directory, HOOK)
                               for directory in _site_directories())
             if os.path.isfile(path)]
    if found:
        return findings.ok('start-up hook %s' % found[0])
    return findings.problem(
        'hook-missing', 'there is no start-up hook %s in %s' % (
            HOOK, ', '.join(_site_directories())),
        'install the cinder-dsware package for %s; run this check with the '
        'Python that the services run with' % sys.executable)


def _site_directories() -> list[str]:
    return [*site.getsitepackages(), site.getusersitepackages()]


def _armed() -> findings.Finding:
    if os.environ.get(_startup.DISABLE, '0') not in ('', '0'):
        return findings.problem(
            'hook-off', 'the hook is turned off: %s is set in this environment'
            % _startup.DISABLE,
            'unset it here, and look for it in the environment of the '
            'services, for example with systemctl cat nova-compute')
    if _startup.armed():
        return findings.ok('the hook is armed in processes of this Python')
    return findings.problem(
        'hook-off', 'the hook is not armed',
        'Python ignores .pth files with -I -S or in directories that are not '
        'site directories: reinstall cinder-dsware for %s' % sys.executable)


def _os_brick(replaces: list[str]) -> findings.Finding:
    try:
        module = importlib.import_module('os_brick.initiator.connector')
        there = module._connector_mapping_linux.get(registry.PROTOCOL)
        listed = registry.CONNECTOR in module.unix_connector_list
        sds = module._connector_mapping_linux.get(registry.SDS_PROTOCOL)
    except Exception as exc:
        return _changed('os-brick', '%s: %s' % (type(exc).__name__, exc))
    if there != registry.CONNECTOR or not listed:
        return findings.problem(
            'connector-unregistered',
            'os-brick does not know the connector of Dsware volumes (it has '
            '%s)' % there,
            'see the start-up hook above; the log of a service says why it '
            'was not registered')
    if sds == registry.SDS_CONNECTOR:
        sds = "os-brick's own connector"
        if replaces:
            sds = 'cinder-dsware in %s' % ' and '.join(replaces)
    return findings.ok('registered in os-brick: %s; volumes of type %s are '
                       'attached by %s' % (
                           registry.PROTOCOL, registry.SDS_VOLUME_TYPE, sds))


def _changed(package: str, why: str) -> findings.Finding:
    return findings.problem(
        'package-changed',
        '%s has changed in a way that this version does not know: %s'
        % (package, why),
        'install a version of cinder-dsware that supports this one of %s'
        % package)


def _nova() -> findings.Finding:
    """Look at Nova's source: importing its driver takes seconds."""
    spec = importlib.util.find_spec('nova')
    if not spec or not spec.submodule_search_locations:
        return findings.ok('nova is not installed for this Python')
    path = os.path.join(list(spec.submodule_search_locations)[0],
                        'virt', 'libvirt', 'driver.py')
    try:
        with open(path, encoding='utf-8') as stream:
            drivers = _volume_drivers(stream.read())
    except (OSError, ValueError, SyntaxError) as exc:
        return _changed('nova', '%s: %s' % (path, exc))
    if registry.VOLUME_TYPE in drivers:
        return _changed('nova', 'it has a volume driver %s of its own, %s' % (
            registry.VOLUME_TYPE, drivers[registry.VOLUME_TYPE]))
    return findings.ok(
        'nova-compute knows volumes of type %s once it was restarted with '
        'the hook' % registry.VOLUME_TYPE)


def _volume_drivers(source: str) -> dict:
    for node in ast.parse(source).body:
        if (isinstance(node, ast.Assign)
                and getattr(node.targets[0], 'id', '') == 'VOLUME_DRIVERS'):
            found = ast.literal_eval(node.value)
            if isinstance(found, dict):
                return found
    raise ValueError('there is no dict VOLUME_DRIVERS')
