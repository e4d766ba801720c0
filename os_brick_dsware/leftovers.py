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

"""What is left of a volume on this host by users who are gone."""

from collections.abc import Callable

from os_brick import exception

from os_brick_dsware import exceptions
from os_brick_dsware import volume

# What became of them.
DETACHED = 'detached'
FORGOTTEN = 'forgotten'


class LeftVolume(volume.HostVolume):
    """A volume that nobody may need any more on this host."""

    def clear(self, gone: Callable) -> str:
        """Remove what users of this host's agent left who are gone.

        The device is detached only if no other user is left, nobody has it
        open, and it can be shown to be the volume's.

        :param gone: tells whether a user is gone for good
        :returns: DETACHED, FORGOTTEN if only records were removed, or empty
            if there was nothing to do
        :raises DSWareError: if it cannot be done safely; all stays as it is
        """
        with self._ledger.lock(self._name, self._waits.lock):
            users = self._ledger.users(self._name)
            left = [user for user in self._of_agent(users) if gone(user)]
            if not left:
                return ''
            rest = volume.without(users, left)
            sharing = self._sharing(left, rest)
            detached = all(map(gone, sharing)) and (
                self._clear_device(left + sharing, users))
            self._ledger.save(self._name, volume.without(rest, sharing)
                              if detached else rest)
            return DETACHED if detached else FORGOTTEN

    def _clear_device(self, left, users) -> bool:
        """Detach what users left who are gone.

        :param left: these users
        :param users: all users of the volume
        :returns: whether nothing of theirs is left on this host
        """
        device, recorded = self._device(left, users)
        others = {user.device for user in volume.without(users, left)}
        found = [device] if device else [
            other for other in self._by_wwn() if other not in others]
        if found:
            path, doubt = self._judge(found[0], False)
            if not path:
                raise exceptions.WrongDevice(
                    "volume %s stays attached: its device cannot be told for "
                    "certain: %s" % (self._name, doubt))
            self._let_go(found[0], recorded, False,
                         exception.ExceptionChainer())
        elif self._adapter.tells_device or self._wwn():
            # It has no device here that anybody could use.
            self._detach()
        elif not any(user.device for user in left):
            raise exceptions.DeviceNotFound(
                "volume %s may be attached to this host, but its device was "
                "never recorded and cannot be found, so nobody can tell "
                "whether it is in use" % self._name)
        return True
