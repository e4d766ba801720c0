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

"""Connection properties: what the volume driver says about an attachment.

They live for years in Nova's database, so every key may be missing, and keys
that are not known here are ignored.
"""

from collections.abc import Mapping
import dataclasses

from os_brick_dsware import devices
from os_brick_dsware import exceptions
from os_brick_dsware import fsc_cli
from os_brick_dsware import ledger as ledgers

# The volume driver writes these.
VOLUME_NAME = 'volume_name'
WWN = 'wwn'
ATTACHMENT = 'attachment'
MANAGER_IP = 'manager_ip'
AGENT_IP = 'agent_ip'
AGENT_PORT = 'agent_port'
#: Written by who attaches a volume for something that outlives its own
#: process: ledgers.INSTANCE.
USER_KIND = 'dsware_user_kind'
#: With it: the id of the instance.
INSTANCE_ID = 'dsware_instance'

_IDENTITY = (VOLUME_NAME, WWN, ATTACHMENT, MANAGER_IP, AGENT_IP, AGENT_PORT)


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ''


def _port(value: object) -> int | None:
    text = str(value)
    valid = text.isascii() and text.isdecimal() and len(text) < 6
    return int(text) if valid and 0 < int(text) < 65536 else None


@dataclasses.dataclass(frozen=True)
class Connection:
    """One attachment, as the volume driver described it.

    :param volume: name of the volume on the cluster
    :param wwn: digits of its World Wide Name, empty if it is not known
    :param token: identifies this use of the volume; empty if there is none
    :param kind: ledgers.INSTANCE, ledgers.LOCAL or
        ledgers.PROCESS
    :param manager_ip: the driver's hint, empty without one
    :param agent_ip: the driver's hint, empty without one
    :param agent_port: the driver's hint, None without one
    :param instance: id of the Nova instance that it is for, empty if it is
        for none
    """

    volume: str
    wwn: str
    token: str = ''
    kind: str = ledgers.PROCESS
    manager_ip: str = ''
    agent_ip: str = ''
    agent_port: int | None = None
    instance: str = ''

    @classmethod
    def from_dict(cls, properties: Mapping,
                  device_info: Mapping | None = None) -> 'Connection':
        """Read connection properties.

        os-brick's own clean-up after a failed connect calls disconnect with
        what connect returned in place of the properties, so that is read
        the same way.
        """
        known = {key: value for source in (device_info or {}, properties)
                 for key, value in source.items() if value is not None}
        volume = _text(known.get(VOLUME_NAME))
        if not volume:
            raise exceptions.InvalidConnectionProperties(
                "the connection properties have no %s: they were not made "
                "by the Dsware volume driver (keys: %s)"
                % (VOLUME_NAME, fsc_cli.printable(
                    ', '.join(sorted(map(str, properties))))))
        ledgers.check_name(volume)
        kind = known.get(USER_KIND)
        return cls(
            volume=volume, wwn=devices.normal_wwn(known.get(WWN)),
            token=_text(known.get(ATTACHMENT)),
            kind=(ledgers.INSTANCE if kind == ledgers.INSTANCE
                  else ledgers.PROCESS),
            manager_ip=_text(known.get(MANAGER_IP)),
            agent_ip=_text(known.get(AGENT_IP)),
            agent_port=_port(known.get(AGENT_PORT)),
            instance=_text(known.get(INSTANCE_ID)))


def device_info(path: str, properties: Mapping) -> dict:
    """Say which device a volume has, for os-brick's callers."""
    identity = {key: properties[key] for key in _IDENTITY
                if properties.get(key) is not None}
    return {'type': 'block', 'path': path, **identity}
