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

"""Which device of this host is that of a volume.

What the agent names, what the records say and what World Wide Names lead to
may contradict each other: no device is used that is not shown to be the
volume's.

- What a device says of itself decides. Where it says nothing, the link with
  the volume's World Wide Name does if it leads there, or the record of this
  volume.
- A volume without a World Wide Name has a device that was not there before it
  was attached, and that has its size. So has any volume of a host whose disks
  cannot be expected to say their names.
- A device that is recorded for another volume is never it. Nor is one that
  this host has taken for itself (a mount, say), unless it is recorded for
  this volume: what is on an encrypted volume is.
"""

import os
import time

from os_brick_dsware import commands
from os_brick_dsware import devices
from os_brick_dsware import exceptions
from os_brick_dsware import fsc_cli
from os_brick_dsware import ledger as ledgers
from os_brick_dsware import programs
from os_brick_dsware import result_codes
from os_brick_dsware import waiting


class Identifier:
    """Finds the device of one volume."""

    def __init__(self, volume: str, wwn: str, asked: commands.Commands,
                 ledger: ledgers.Ledger, host: devices.Devices,
                 waits: waiting.Waits):
        """Nothing is looked at yet.

        :param volume: name of the volume
        :param wwn: digits of its World Wide Name, empty if it is not known
        :param asked: the cluster
        :param ledger: who uses which volume
        :param host: the block devices of this host
        :param waits: how long to wait for what
        """
        self._volume = volume
        self._known_wwn = wwn
        self._asked = asked
        self._ledger = ledger
        self._host = host
        self._waits = waits
        # Who had the volume, and the disks that were there, before it was
        # attached.
        self._had: list[ledgers.User] = []
        self._disks: frozenset[str] | None = None
        #: Devices that may be the volume's, whether or not that was shown.
        self.perhaps: set[str] = set()

    def begin(self, had: list[ledgers.User]) -> None:
        """Remember what there is before the volume is attached."""
        self._had, self._disks = had, self._host.generations()

    def find(self, reply: programs.Reply, agent: str) -> tuple[str, str]:
        """Find the device of a volume that was attached.

        :param reply: what the program said
        :param agent: address of the agent that attached it
        :returns: (the device, the path by which it is to be used)
        :raises WrongDevice: if none could be shown to be the volume's
        :raises DeviceNotFound: if there is none
        """
        doubts: dict[str, str] = {}
        patience = time.monotonic() + self._waits.link

        def look() -> tuple[str, str] | None:
            patient = time.monotonic() < patience
            for device in self._candidates(reply, agent):
                path, doubts[device] = self.judge(device, patient)
                if path:
                    return self._host.canonical(device), path
            return None

        sure = reply.device or reply.kind == result_codes.OK
        found = waiting.until(
            look, self._waits.device if sure else self._waits.link)
        if found:
            return found
        if not all(map(self._absent, doubts)):
            raise self._wrong('; '.join(doubts.values()))
        raise exceptions.DeviceNotFound(
            "volume %s is attached to this host (%s), but its device %s did "
            "not appear" % (self._volume, reply.text,
                            ', '.join(sorted(doubts)) or '(not named)'))

    def refuse_shared(self, device: str) -> None:
        """See that nobody else was given the device meanwhile.

        Of two who were given it at once both have recorded it by now, so
        that at least one of them sees the other.
        """
        other = self._of_another(device, self.wwn())
        if other:
            raise self._wrong(other)

    def _wrong(self, doubts: str) -> exceptions.WrongDevice:
        return exceptions.WrongDevice(
            "volume %s is attached, but no device could be shown to be "
            "its own: %s" % (self._volume, doubts))

    # Without asking the cluster ---------------------------------------------

    def device(self, sharing: list[ledgers.User],
               users: list[ledgers.User]) -> tuple[str, bool]:
        """Find the device of a volume that may be attached.

        A program that tells devices is asked if there is no record.

        :param sharing: users that have the same device
        :param users: all users of the volume
        :returns: the device, empty if there is none; and whether it was
            recorded, so that there is no doubt that it is this host's
        """
        for user in sharing:
            if user.has_device(self._host):
                return user.device, True
        told = next(filter(self._host.exists, self._told()), '')
        if told or not self._known_wwn:
            return told, bool(told)
        others = {user.device for user in users if user not in sharing}
        return next((device for device in self.by_wwn()
                     if device not in others
                     and not self._of_another(device, self._known_wwn)),
                    ''), False

    # Candidates -------------------------------------------------------------

    def _candidates(self, reply, agent) -> list[str]:
        if reply.device:
            return [reply.device]
        others = {user.device for user in self._had if user.agent != agent}
        found = [user.device for user in self._had
                 if user.agent == agent and user.has_device(self._host)]
        # Where one machine plays several hosts, the link may be another's.
        return sorted(dict.fromkeys(found + self._told() + self.by_wwn()),
                      key=others.__contains__)

    def _told(self) -> list[str]:
        """Ask for the device, where the program knows it."""
        if not self._asked.tells_device:
            return []
        device = self._asked.describe().device
        return [self._host.canonical(device)] if device else []

    def wwn(self) -> str:
        """Tell the World Wide Name; the cluster is asked if need be."""
        if self._known_wwn or self._asked.tells_device:
            return self._known_wwn
        return devices.normal_wwn(self._asked.describe().wwn)

    def by_wwn(self) -> list[str]:
        """List the devices that have the volume's World Wide Name."""
        wwn = self.wwn()
        if not wwn:
            return []
        link = self._host.link(wwn)
        linked = [os.path.realpath(link)] if self._host.exists(link) else []
        return self._host.with_wwn(wwn) or linked

    # Judging ----------------------------------------------------------------

    def judge(self, device: str, patient: bool) -> tuple[str, str]:
        """Tell whether a device is the volume's, and by which path.

        :returns: the path, empty if it is not shown; and the doubt
        """
        if self._absent(device):
            return '', '%s is not there' % device
        wwn = self.wwn()
        doubt = self._no_disk(device) or self._of_another(device, wwn)
        if not doubt:
            self.perhaps.add(device)
            doubt = self._taken(device)
        return ('', doubt) if doubt else self._shown(device, wwn, patient)

    def _absent(self, device: str) -> bool:
        return not self._host.size(device) and (
            self._host.is_block(device) or not os.path.exists(device))

    def _no_disk(self, device: str) -> str:
        if self._host.size(device) and not self._host.is_partition(device):
            return ''
        return '%s is no disk' % device

    def _of_another(self, device: str, wwn: str) -> str:
        """Tell why a device cannot be this volume's."""
        names = self._host.own_names(device)
        if wwn and names and wwn not in names:
            return ('%s says its World Wide Name is %s, the volume has %s'
                    % (device, fsc_cli.printable(' '.join(sorted(names))),
                       wwn))
        other = self._recorded_for_another(device, wwn in names)
        return '%s is recorded as the device of volume %s' % (
            device, other) if other else ''

    def _taken(self, device: str) -> str:
        keepers = ([] if self._recorded(device)
                   else self._host.keepers(device))
        return '%s is used by %s' % (
            device, ', '.join(keepers)) if keepers else ''

    def _shown(self, device: str, wwn: str, patient: bool) -> tuple[str, str]:
        """Find what shows that a device is the volume's; as judge()."""
        link = self._host.link(wwn) if wwn else ''
        if link and self._leads_to(link, device):
            return link, ''
        block = self._host.is_block(device)
        if link and block and patient and not self._host.exists(link):
            return '', '%s is not there yet' % link
        if wwn and wwn in self._host.own_names(device):
            return device, ''
        if self._asked.tells_device:
            return self._shown_by_program(device)
        if wwn and block and self._host.have_names and (
                not self._recorded(device)):
            return '', '%s does not say its World Wide Name, and %s does ' \
                'not lead to it' % (device, link)
        return self._shown_by_size(device)

    def _leads_to(self, link: str, device: str) -> bool:
        return (self._host.exists(link)
                and os.path.realpath(link) == os.path.realpath(device))

    def _shown_by_size(self, device: str) -> tuple[str, str]:
        if not (self._is_new(device) or self._recorded(device)):
            return '', '%s was there before the volume was attached' % device
        size, described = self._host.size(device), self._asked.describe()
        return (device if size == described.size else ''), (
            '%s has %d bytes, the volume %s' % (
                device, size, described.size or 'cannot be queried: '
                + described.text))

    def _shown_by_program(self, device: str) -> tuple[str, str]:
        """Judge by what the program says, which knows no size."""
        described = self._asked.describe()
        if not described.device or (
                self._host.canonical(described.device)
                != self._host.canonical(device)):
            return '', '%s is not what the cluster names: %s' % (
                device, described.device or described.text)
        if self._asked.made and not self._is_new(device):
            return '', '%s was there before the volume was attached' % device
        return device, ''

    def _is_new(self, device: str) -> bool:
        """Tell whether a disk has come since attaching began.

        What stands in for a disk may have been there for long.
        """
        return not self._host.is_block(device) or (
            self._disks is not None
            and self._host.generation(device) not in self._disks)

    # Records ----------------------------------------------------------------

    def _recorded_for_another(self, device: str, sure: bool) -> str:
        """Find the other volume that has a device, as it is recorded.

        :param sure: the device says itself that it is this volume's, so
            users who are gone had another device of the same name
        """
        for name, user in self._ledger.everybody():
            if (name != self._volume and self._has(user, device)
                    and (not sure or self._ledger.alive(user))):
                return name
        return ''

    def _recorded(self, device: str) -> bool:
        return any(self._has(user, device) for user
                   in self._had + self._ledger.users(self._volume))

    def _has(self, user: ledgers.User, device: str) -> bool:
        """Tell whether a record is of a device, whatever it is called."""
        if self._host.is_block(device):
            return bool(user.generation) and (
                user.generation == self._host.generation(device))
        return (user.device == self._host.canonical(device)
                and user.has_device(self._host))


def path_of(user: ledgers.User, host: devices.Devices) -> str:
    """Tell by which path a user has a volume now; empty if it is gone."""
    if not user.has_device(host):
        return ''
    same = os.path.realpath(user.path) == os.path.realpath(user.device)
    return user.path if user.path and same else user.device
