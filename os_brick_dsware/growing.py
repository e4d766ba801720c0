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

"""Devices that grow with their volumes."""

from oslo_concurrency import processutils
from oslo_log import log as logging

from os_brick_dsware import exceptions
from os_brick_dsware import logs
from os_brick_dsware import waiting

LOG = logging.getLogger(__name__)


class Growth:
    """Waits for a device to grow: a part of :class:`volume.HostVolume`."""

    def _wait_for_size(self, device: str, size: int) -> None:
        def grown() -> bool:
            return (self._host.size(device) or 0) >= size

        if waiting.until(grown, min(1, self._waits.growth)):
            return
        self._rescan(device)
        if not waiting.until(grown, self._waits.growth):
            raise exceptions.DSWareError(
                "volume %s has %d bytes, but its device %s on this host "
                "still has %s after %s s"
                % (self._name, size, device, self._host.size(device),
                   self._waits.growth))

    def _look_again(self, device: str) -> None:
        """Wait a little for growth, where nobody tells how much is due."""
        before = self._host.size(device) or 0
        self._rescan(device)
        waiting.until(lambda: (self._host.size(device) or 0) > before,
                      self._waits.link)

    def _rescan(self, device: str) -> None:
        rescan = self._host.can_rescan(device)
        if not rescan:
            return
        try:
            self._execute('tee', '-a', rescan, process_input='1', timeout=30)
        except processutils.ProcessExecutionError as exc:
            logs.write(LOG, logging.WARNING,
                       'Device %s of volume %s could not be asked for its '
                       'size again: %s', device, self._name, exc)
