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

"""Puts our classes into os-brick and Nova.

Both keep their classes in dicts and lists that have no plug-in point. Should a
later version of either look different, one clear error is logged and the
service starts as if this package were not there.

SDSHypervisor's connector takes the place of os-brick's own only where option
dsware_replace_sdshypervisor says so. A service reads its files after it has
imported os-brick, but before it asks for a connector: what is registered
there chooses when it is called. Nova's libvirt driver is imported afterwards.
"""

import importlib

from oslo_log import log as logging

from os_brick_dsware import logs
from os_brick_dsware import options
from os_brick_dsware import protocols

LOG = logging.getLogger(__name__)

PROTOCOL = protocols.DSWARE
CONNECTOR = 'os_brick_dsware.connector.DSWareConnector'

#: What SDSHypervisor's volume driver asks os-brick for, in capitals.
SDS_PROTOCOL = 'HUAWEISDSHYPERVISOR'
SDS_CONNECTOR = 'os_brick_dsware.sds_connector.sds_hypervisor'
#: os-brick's own.
SDS_REPLACED = 'os_brick.initiator.connectors.huawei.HuaweiStorHyperConnector'

VOLUME_TYPE = 'dsware'
SDS_VOLUME_TYPE = 'huaweisdshypervisor'
NOVA_MODULE = 'os_brick_dsware.nova_drivers'
NOVA_DRIVER = NOVA_MODULE + '.LibvirtDSWareVolumeDriver'
SDS_NOVA_DRIVER = NOVA_MODULE + '.LibvirtSDSHypervisorVolumeDriver'


#: What the command line for local volumes attaches, in capitals.
CLI_MODULE = 'brick_cinderclient_ext.volume_actions'


class ShapeChanged(Exception):
    """A module does not have what we expect, or has it otherwise."""


def _names(module, name: str, kind: type):
    found = getattr(module, name, None)
    if isinstance(found, kind):
        items = [*found, *(found.values() if kind is dict else ())]
        if all(isinstance(item, str) for item in items):
            return found
    raise ShapeChanged('%s is not a %s of names' % (name, kind.__name__))


def _set(mapping: dict, key: str, value: str) -> None:
    there = mapping.setdefault(key, value)
    if there != value:
        raise ShapeChanged('%s is already provided by %s' % (key, there))


def _check_importable(path: str) -> None:
    """Fail now, not at the next attachment of any kind of storage."""
    module, _dot, name = path.rpartition('.')
    getattr(importlib.import_module(module), name)


def _into_os_brick(module) -> None:
    mapping = _names(module, '_connector_mapping_linux', dict)
    classes = _names(module, 'unix_connector_list', list)
    for connector in (CONNECTOR, SDS_CONNECTOR):
        _check_importable(connector)
    _set(mapping, PROTOCOL, CONNECTOR)
    if CONNECTOR not in classes:
        classes.append(CONNECTOR)
    # Under the name that volume drivers ask for.
    if mapping.get(SDS_PROTOCOL, SDS_REPLACED) == SDS_REPLACED:
        mapping[SDS_PROTOCOL] = SDS_CONNECTOR


def _into_nova(module) -> None:
    mapping = _names(module, 'VOLUME_DRIVERS', dict)
    # It fails now or never: Nova's module has been executed, so all that
    # ours needs of Nova is there.
    importlib.import_module(NOVA_MODULE)
    _set(mapping, VOLUME_TYPE, NOVA_DRIVER)
    if options.register().dsware_replace_sdshypervisor:
        there = mapping.setdefault(SDS_VOLUME_TYPE, SDS_NOVA_DRIVER)
        if there != SDS_NOVA_DRIVER:
            LOG.warning('Volumes of type %s are attached by %s, not by '
                        'cinder-dsware', SDS_VOLUME_TYPE, there)


def _into_command_line(module) -> None:
    verify = getattr(module, 'VerifyProtocol', None)
    # Its name is misspelt there.
    protocols = _names(verify, 'SUPPORTED_PROCOTOLS', list)
    if PROTOCOL not in protocols:
        protocols.append(PROTOCOL)


_REGISTER = {
    CLI_MODULE: _into_command_line,
    'os_brick.initiator.connector': _into_os_brick,
    'nova.virt.libvirt.driver': _into_nova,
}


def register_into(module) -> bool:
    """Put our classes into one module, which has been executed.

    It may be called any number of times. For who starts without the hook,
    _startup.arm() does it for what has been imported.

    :param module: one of those that the start-up hook waits for
    :returns: whether they are there now; if not, why has been logged
    """
    try:
        _REGISTER[module.__name__](module)
        return True
    except Exception as exc:
        logs.write(
            LOG, logging.ERROR,
            'Volumes of type %s cannot be attached by this process: %s has '
            'changed in a way that this version of cinder-dsware does not '
            'know (%s: %s)', VOLUME_TYPE, module.__name__,
            type(exc).__name__, exc)
        return False
