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

"""What is left on this host by users who are gone.

Each volume is looked at again under its lock; what has changed since it was
found is left alone. So is a device that anybody has open, that a living user
is recorded for, or that cannot be shown to be the volume's.
"""

from collections.abc import Callable
from collections.abc import Iterable
import random
import time

from os_brick import exception
from oslo_log import log as logging

from os_brick_dsware import adapter as adapters
from os_brick_dsware import attachments
from os_brick_dsware import devices
from os_brick_dsware import exceptions
from os_brick_dsware import processes
from os_brick_dsware import properties
from os_brick_dsware import volume
from os_brick_dsware import waiting

LOG = logging.getLogger(__name__)

# What became of them.
DETACHED = 'detached'
FORGOTTEN = 'forgotten'

#: For who clears up in passing: nothing is waited for but what is certain to
#: come soon.
IN_PASSING = waiting.Waits(device=0, link=0, busy=0, removal=5, growth=0,
                           command=0, lock=0, flush=10)
_AT_ONCE = 4
_SECONDS = 10
#: After these the next volume would fare no better.
_HOPELESS = (exceptions.AgentUnavailable, exceptions.OutcomeUnknown,
             exceptions.ConfigurationError)


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
            self._wait_for_orphans()
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
            self._check_unnamed({found[0], path})
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

    def _check_unnamed(self, paths: set[str]) -> None:
        """Look for commands that outlive the service that ran them.

        Only root sees what the processes of others have open, but everybody
        what they were told to work on.
        """
        named = processes.mentioning(paths, self._host.proc)
        if named:
            raise exceptions.VolumeInUse(
                'volume %s stays attached: its device %s is used by processes '
                '%s' % (self._name, ', '.join(sorted(paths)),
                        ', '.join(map(str, named))))


class Leftovers:
    """The volumes of a host that users who are gone have left there."""

    def __init__(self, ledger: attachments.Ledger, host: devices.Devices,
                 execute: Callable, waits: waiting.Waits,
                 adapter: Callable[[adapters.Target], adapters.Adapter],
                 gone: Callable[[attachments.User], bool] | None = None):
        """Nothing is looked at yet.

        :param ledger: who uses which volume
        :param host: the block devices of this host
        :param execute: runs a command as root
        :param waits: how long to wait for what
        :param adapter: gives access to the program for an agent
        :param gone: tells whether a user is gone for good, None to ask the
            ledger
        """
        self._ledger = ledger
        self._host = host
        self._execute = execute
        self._waits = waits
        self._adapter = adapter
        self._gone = gone or ledger.gone

    def found(self) -> list[tuple[str, adapters.Target]]:
        """List what is left.

        :returns: names of volumes, each with an agent that attached it
        """
        return [(name, target) for name in self._ledger.volumes()
                for target in _targets(filter(self._gone, self._users(name)))]

    def clear(self, name: str, target: adapters.Target) -> str:
        """Remove what is left of a volume.

        :param name: its name
        :param target: the agent that attached it
        :returns: see LeftVolume.clear()
        :raises DSWareError: if it cannot be done safely; all stays as it is
        """
        wwn = next((user.wwn for user in self._users(name) if user.wwn), '')
        connection = properties.Connection(
            volume=name, wwn=wwn, token='', kind=attachments.PROCESS,
            manager_ip=target.manager_ip, agent_ip=target.agent_ip,
            agent_port=target.agent_port)
        return LeftVolume(
            connection, self._adapter(target), self._ledger, self._host,
            self._execute, self._waits).clear(self._gone)

    def clear_in_passing(self, wanted: Callable) -> None:
        """Remove some of what is left, for who has something else to do.

        What cannot be removed now is left for the next one.

        :param wanted: tells of a name and an agent whether it is to be tried
        """
        deadline = time.monotonic() + _SECONDS
        found = [one for one in self.found() if wanted(*one)]
        for name, target in random.sample(found, min(_AT_ONCE, len(found))):
            try:
                done = self.clear(name, target)
            except exceptions.DSWareError as exc:
                LOG.debug('Left by a process that has ended: %s', exc)
                if isinstance(exc, _HOPELESS):
                    return
            else:
                if done == DETACHED:
                    LOG.info('Volume %s was left attached to this host by a '
                             'process that has ended: detached', name)
            if time.monotonic() > deadline:
                return

    def _users(self, name: str) -> list[attachments.User]:
        try:
            return self._ledger.users(name)
        except exceptions.DSWareError:
            # Another volume's trouble.
            return []


def _targets(users: Iterable[attachments.User]) -> list[adapters.Target]:
    return list(dict.fromkeys(adapters.Target(
        user.manager, user.agent, user.port) for user in users))
