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

"""What is asked of the cluster for one volume, until the outcome is known.

Attaching what is attached and detaching what is not are answered with codes
of their own, so repeating is how the outcome of a command is found out.
"""

from collections.abc import Callable

from oslo_log import log as logging

from os_brick_dsware import devices
from os_brick_dsware import exceptions
from os_brick_dsware import programs
from os_brick_dsware import result_codes
from os_brick_dsware import waiting

LOG = logging.getLogger(__name__)

_UNKNOWN_ATTEMPTS = 3
_NOT_DONE = (result_codes.RETRY, result_codes.UNKNOWN)


class Commands:
    """Runs commands for a volume, and remembers what came of them."""

    def __init__(self, program, volume: str, waits: waiting.Waits):
        """Nothing is run yet.

        :param program: a programs.FSCCli, or another with its methods
        :param volume: name of the volume
        :param waits: how long to wait for what
        """
        self._program = program
        self._volume = volume
        self._waits = waits
        self._described: programs.Reply | None = None
        #: An attempt whose outcome is unknown was made, now or by a process
        #: that died: what is found attached may be its work.
        self.tried = False
        #: The agent said that it attached the volume just now.
        self.made = False
        self.tells_device = program.tells_device

    def attach(self) -> programs.Reply:
        """Attach the volume, or find that it is; raises for any else."""
        reply = self._repeat(self._program.attach)
        self.made = reply.kind == result_codes.OK
        if not self.made and reply.kind not in (
                result_codes.ATTACHED, result_codes.UNKNOWN):
            raise self.error('attach', reply)
        return reply

    def detach(self) -> programs.Reply:
        """Detach the volume; who has it open for a moment is waited for."""
        self.tried = False
        self._described = None
        for _round in waiting.pauses(self._waits.busy, 0.1, 1):
            reply = self._repeat(self._program.detach)
            if reply.kind != result_codes.BUSY:
                break
        return reply

    def size(self) -> int | None:
        """Ask for the volume's size in bytes; None if it is not told."""
        reply = self._repeat(self._program.describe)
        if reply.kind != result_codes.OK:
            raise self.error('query', reply)
        return reply.size

    def describe(self) -> programs.Reply:
        """Ask what the cluster knows of the volume, once if it answers."""
        if self._described is None or (
                self._described.kind != result_codes.OK):
            self._described = self._program.describe(self._volume)
        return self._described

    def wait_for_orphans(self, host: devices.Devices) -> None:
        """Let commands end that outlive the service that ran them.

        Whoever holds the volume's lock is the only one to run commands for
        it. What still runs when a service was killed would attach the volume
        after its last user has left, or detach it from the next one.
        """
        running: list[int] = []

        def ended() -> bool:
            running[:] = [pid for pid, argv in host.commands()
                          if self._program.is_run(argv, self._volume)]
            return not running

        if not waiting.until(ended, self._waits.command):
            raise exceptions.AgentUnavailable(
                "a command for volume %s that an ended service left behind "
                "has not ended after %s s (processes %s); nothing was changed"
                % (self._volume, self._waits.command,
                   ', '.join(map(str, running))))

    def _repeat(self, call: Callable) -> programs.Reply:
        unknown = 0
        for _round in waiting.pauses(self._waits.command, 0.2, 5):
            reply = call(self._volume)
            if reply.kind not in _NOT_DONE:
                break
            LOG.warning('Volume %s: %s', self._volume, reply.text)
            if reply.kind == result_codes.UNKNOWN:
                self.tried = True
                unknown += 1
                if unknown == _UNKNOWN_ATTEMPTS:
                    break
        return reply

    def error(self, what: str, reply) -> exceptions.DSWareError:
        """Make the error that a reply is."""
        text = 'cannot %s volume %s: %s' % (what, self._volume, reply.text)
        if reply.kind == result_codes.BUSY:
            return exceptions.VolumeInUse(text)
        if reply.kind == result_codes.UNKNOWN:
            return exceptions.OutcomeUnknown(
                text + '; whether it was done is not known')
        if reply.kind == result_codes.RETRY:
            return exceptions.AgentUnavailable(text + '; nothing was changed')
        return exceptions.CommandRefused(text)
