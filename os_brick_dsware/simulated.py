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

"""The devices of a host of the Dsware simulator.

Without root the simulator gives a plain file where a host has a block device,
and one machine can play several hosts but has one link to a volume.
"""

import os

from os_brick_dsware import devices
from os_brick_dsware import options

options.register()


class SimulatedDevices(devices.Devices):
    """Plain files can be devices, and a disk can lack its name."""

    have_names = False

    def exists(self, path: str) -> bool:
        """Tell whether a path leads to a device, or to a file for one."""
        return super().exists(path) or os.path.isfile(path)

    def size(self, path: str) -> int | None:
        """Measure a device or file: bytes; None if there is none."""
        if self.is_block(path):
            return super().size(path)
        return os.path.getsize(path) if os.path.isfile(path) else None


def devices_of_host(simulated: bool) -> devices.Devices:
    """Give the devices of this host.

    :param simulated: value of the option dsware_simulated_devices
    """
    return SimulatedDevices() if simulated else devices.Devices()
