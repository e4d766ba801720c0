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

"""What can go wrong while a volume is attached to or detached from a host.

All are os-brick exceptions, so every caller of os-brick handles them.
"""

from os_brick import exception


class DSWareError(exception.BrickException):
    """Anything that the connector could not do."""


class ConfigurationError(DSWareError):
    """An option of this host is missing or wrong."""


class InvalidConnectionProperties(DSWareError):
    """The connection properties do not say what is needed."""


class CommandRefused(DSWareError):
    """The cluster answered that it will not do it; nothing was changed."""


class AgentUnavailable(DSWareError):
    """The agent could not do it now; nothing was changed."""


class OutcomeUnknown(DSWareError):
    """The agent did not say, or not in time, whether it was done."""


class DeviceNotFound(DSWareError, exception.VolumeDeviceNotFound):
    """A volume is attached but its device is not there."""


class WrongDevice(DSWareError):
    """A device could not be shown to be the volume's."""


class VolumeInUse(DSWareError):
    """Somebody on this host still uses the volume's device."""


class DeviceNotRemoved(DSWareError, exception.VolumePathNotRemoved):
    """The volume was detached but its device did not go away."""


class FlushFailed(DSWareError):
    """What was written to the device may not have reached the volume."""


class StateError(DSWareError):
    """The records of who uses a volume cannot be read or written."""
