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
"""

import os
import time

from os_brick_dsware import attachments
from os_brick_dsware import devices
from os_brick_dsware import exceptions
from os_brick_dsware import result_codes
from os_brick_dsware import waiting


class Identification:
    """Finds a volume's device: a part of :class:`volume.HostVolume`."""

    def _identified(self, reply, before) -> tuple[str, str]:
        """Find the volume's device and make sure that it is the volume's."""
        doubts: dict[str, str] = {}
        patience = time.monotonic() + self._waits.link

        def look() -> tuple[str, str] | None:
            patient = time.monotonic() < patience
            for device in self._candidates(reply, before):
                path, doubts[device] = self._judge(device, patient)
                if path:
                    return self._host.canonical(device), path
            return None

        sure = reply.device or reply.kind == result_codes.OK
        found = waiting.until(
            look, self._waits.device if sure else self._waits.link)
        if found:
            return found
        if any(self._host.exists(device) for device in doubts):
            raise exceptions.WrongDevice(
                "volume %s is attached, but no device could be shown to be "
                "its own: %s" % (self._name, '; '.join(doubts.values())))
        raise exceptions.DeviceNotFound(
            "volume %s is attached to this host (%s), but its device %s did "
            "not appear" % (self._name, reply.text,
                            ', '.join(sorted(doubts)) or '(not named)'))

    def _candidates(self, reply, before) -> list[str]:
        if reply.device:
            return [reply.device]
        others = {user.device for user in before
                  if user.agent != self._agent}
        found = [user.device for user in self._of_agent(before)
                 if self._is_still(user)] + self._told() + self._by_wwn()
        # Where one machine plays several hosts, the link may be another's.
        return sorted(dict.fromkeys(found), key=others.__contains__)

    def _told(self) -> list[str]:
        """Ask for the device, where the program knows it."""
        if not self._adapter.tells_device:
            return []
        device = self._describe().device
        return [self._host.canonical(device)] if device else []

    def _wwn(self) -> str:
        if self._connection.wwn or self._adapter.tells_device:
            return self._connection.wwn
        return devices.normal_wwn(self._describe().wwn)

    def _by_wwn(self) -> list[str]:
        wwn = self._wwn()
        if not wwn:
            return []
        link = self._host.link(wwn)
        linked = [os.path.realpath(link)] if self._host.exists(link) else []
        return self._host.with_wwn(wwn) or linked

    def _judge(self, device: str, patient: bool) -> tuple[str, str]:
        """Tell whether a device is the volume's, and by which path.

        :returns: the path, empty if it is not shown; and the doubt
        """
        size = self._host.size(device)
        if not size:
            return '', '%s is not there' % device
        wwn = self._connection.wwn
        link = self._host.link(wwn) if wwn else ''
        if link and self._host.exists(link):
            if os.path.realpath(link) == os.path.realpath(device):
                return link, ''
        elif link and patient and self._host.is_block(device):
            return '', '%s is not there yet' % link
        told = self._host.wwn(device) if wwn else ''
        if told:
            return (device if told == wwn else ''), (
                '%s says its World Wide Name is %s, the volume has %s'
                % (device, told, wwn))
        described = self._describe()
        if self._adapter.tells_device:
            return self._judge_told(device, described)
        other = self._recorded_for_another(device)
        if other:
            return '', '%s is recorded as the device of volume %s' % (
                device, other)
        return (device if size == described.size else ''), (
            '%s has %d bytes, the volume %s' % (
                device, size, described.size or 'cannot be queried: '
                + described.text))

    def _judge_told(self, device, described) -> tuple[str, str]:
        """Judge by what the program says, which knows no size."""
        if not described.device:
            return '', '%s: %s' % (device, described.text)
        if (self._host.canonical(described.device)
                != self._host.canonical(device)):
            return '', '%s is not %s, which the cluster names' % (
                device, described.device)
        other = self._recorded_for_another(device)
        return ('', '%s is recorded as the device of volume %s' % (
            device, other)) if other else (device, '')

    def _recorded_for_another(self, device: str) -> str:
        for name in self._ledger.volumes():
            try:
                users = self._ledger.users(name)
            except exceptions.DSWareError:
                # Another volume's trouble.
                continue
            if name != self._name and any(
                    user.device == self._host.canonical(device)
                    and self._ledger.alive(user) and self._is_still(user)
                    for user in users):
                return name
        return ''

    def _is_still(self, user: attachments.User) -> bool:
        return bool(user.device) and (
            user.generation == self._host.generation(user.device))

    def _device(self, sharing, users) -> tuple[str, bool]:
        """Find the volume's device, without asking the cluster.

        A program that tells devices is asked if there is no record.

        :param sharing: users that have the same device
        :param users: all users of the volume
        :returns: the device, empty if there is none; and whether it was
            recorded, so that there is no doubt that it is this host's
        """
        for user in sharing:
            if self._is_still(user):
                return user.device, True
        told = next(filter(self._host.exists, self._told()), '')
        if told:
            return told, True
        if not self._connection.wwn:
            return '', False
        others = {user.device for user in users if user not in sharing}
        return next((device for device in self._by_wwn()
                     if device not in others), ''), False
