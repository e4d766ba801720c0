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

"""One volume on this host: attach it, share it, detach it.

Whatever changes something happens under the volume's lock, and in an order
that leaves a record of what may have been done: a process may die at any
line.
"""

from collections.abc import Callable
import contextlib
import dataclasses
import os

from oslo_concurrency import processutils
from oslo_log import log as logging

from os_brick import exception

from os_brick_dsware import adapter as adapters
from os_brick_dsware import addresses
from os_brick_dsware import attachments
from os_brick_dsware import devices
from os_brick_dsware import exceptions
from os_brick_dsware import growing
from os_brick_dsware import identifying
from os_brick_dsware import logs
from os_brick_dsware import processes
from os_brick_dsware import properties
from os_brick_dsware import result_codes
from os_brick_dsware import waiting

LOG = logging.getLogger(__name__)

_UNKNOWN_ATTEMPTS = 3
#: Kinds of users that outlive who attached the volume for them.
_LASTING = (attachments.INSTANCE, attachments.LOCAL)
_NOT_DONE = (result_codes.RETRY, result_codes.UNKNOWN)
#: With force, what an agent that is down leads to does not stop the caller.
_UNREACHABLE = (exceptions.OutcomeUnknown, exceptions.AgentUnavailable,
                exceptions.ConfigurationError)


class HostVolume(identifying.Identification, growing.Growth):
    """A volume as one user of this host sees it."""

    def __init__(self, connection: properties.Connection, adapter,
                 ledger: attachments.Ledger, host: devices.Devices,
                 execute: Callable, waits: waiting.Waits):
        """Nothing is run yet.

        :param connection: what the volume driver said
        :param adapter: runs the command line program: an FSCAdapter or an
            SDSAdapter
        :param ledger: who uses which volume
        :param host: the block devices of this host
        :param execute: runs a command as root
        :param waits: how long to wait for what
        """
        self._connection = connection
        self._name = connection.volume
        self._target = adapter.target
        self._agent = addresses.canonical(adapter.target.agent_ip)
        self._adapter = adapter
        self._ledger = ledger
        self._host = host
        self._execute = execute
        self._waits = waits
        self._description: adapters.Reply | None = None
        # An attempt whose outcome is unknown was made, now or by a process
        # that died: what is found attached may be its work.
        self._tried = False
        # The agent said that it attached the volume just now.
        self._made = False
        # Who had the volume, and the disks that were there, before it was
        # attached.
        self._had: list[attachments.User] = []
        self._disks: frozenset[str] | None = None
        # Devices that may be the volume's, whether or not that was shown.
        self._perhaps: set[str] = set()

    @property
    def agent(self) -> str:
        """Canonical address of the agent that attaches and detaches it."""
        return self._agent

    # What callers ask for ---------------------------------------------------

    def connect(self) -> str:
        """Attach the volume, or share the attachment that is there.

        :returns: path of its device, shown to be the volume's
        :raises DSWareError: if it cannot be done; what had been done is
            undone, unless somebody else uses it
        """
        with self._ledger.lock(self._name, self._waits.lock):
            self._wait_for_orphans()
            before = self._ledger.users(self._name)
            mine = self._mine(before)
            rest = without(before, mine)
            user = self._user(mine)
            self._ledger.save(self._name, rest + [user])
            try:
                device, path = self._attached(before)
                user = dataclasses.replace(
                    user, device=device, path=path,
                    generation=self._host.generation(device))
                self._ledger.save(self._name, rest + [user])
                self._refuse_shared(device)
            except BaseException:
                self._abandon(before, user)
                raise
            return path

    def disconnect(self, force: bool = False,
                   ignore_errors: bool = False) -> None:
        """Leave the volume, and detach it if nobody else is left.

        :param force: carry on after errors, and detach a device that is open;
            an agent that cannot be reached is then only logged
        :param ignore_errors: with force, do not raise what went wrong
        :raises DSWareError: if it cannot be done; it then stays attached
        :raises ExceptionChainer: with force, everything that went wrong
        """
        errors = exception.ExceptionChainer()
        with self._ledger.lock(self._name, self._waits.lock):
            try:
                self._wait_for_orphans()
            except exceptions.AgentUnavailable as exc:
                if not force:
                    raise
                logs.write(LOG, logging.ERROR, '%s', exc)
            users = self._ledger.users(self._name)
            mine = self._mine(users) or self._only_local(users)
            rest = without(users, mine)
            sharing = self._sharing(mine, rest)
            device, recorded = self._device(mine + sharing, users)
            if any(self._ledger.alive(user) for user in sharing):
                LOG.info('Volume %s stays attached: it has other users on '
                         'this host (%d)', self._name, len(sharing))
                with self._going_on(force, errors):
                    self._flush(device)
                self._ledger.save(self._name, rest)
            else:
                gone = self._let_go(device, recorded, force, errors)
                left = [] if gone else [self._leftover(device, mine)]
                self._ledger.save(self._name, left + without(rest, sharing))
        if errors and not ignore_errors:
            raise errors

    def extend(self) -> int:
        """Wait until the device has the size that the volume has.

        :returns: the size in bytes
        :raises DSWareError: if it is not attached, or does not grow
        """
        with self._ledger.lock(self._name, self._waits.lock):
            device, _recorded = self._device(
                self._shared(), self._ledger.users(self._name))
            if not device:
                raise exceptions.DeviceNotFound(
                    "volume %s has no device on this host" % self._name)
            reply = self._repeat(self._adapter.describe)
            if reply.kind != result_codes.OK:
                raise self._error('query', reply)
            if reply.size is None:
                self._look_again(device)
            else:
                self._wait_for_size(device, reply.size)
            return self._host.size(device)

    def paths(self) -> list[str]:
        """List the paths by which users have the volume on this host.

        :returns: existing paths; none if it is not attached
        """
        found = {identifying.path_of(user, self._host)
                 for user in self._shared()} - {''}
        return sorted(found or {self._linked()} - {''})

    # Users ------------------------------------------------------------------

    def _user(self, mine: list[attachments.User]) -> attachments.User:
        lasting = [user.kind for user in mine if user.kind in _LASTING]
        user = attachments.User(
            token=self._connection.token,
            kind=lasting[0] if lasting else self._connection.kind,
            process=processes.current(), agent=self._agent,
            wwn=self._connection.wwn, manager=self._target.manager_ip,
            port=self._target.agent_port, instance=self._connection.instance)
        # Who connects again has the device already: should this attempt be
        # killed, its record must not look like that of a first one.
        for had in self._of_agent(mine):
            if had.path and had.kind != attachments.LEFTOVER:
                return dataclasses.replace(
                    user, device=had.device, generation=had.generation,
                    path=had.path)
        return user

    def _leftover(self, device, mine) -> attachments.User:
        return dataclasses.replace(
            (mine or [self._user([])])[0], kind=attachments.LEFTOVER,
            device=device, generation=self._host.generation(device))

    def _mine(self, users: list[attachments.User]) -> list[attachments.User]:
        """Pick the caller's own entry.

        The anonymous user has one a host. What else an instance has there is
        of an attachment that Nova has forgotten.
        """
        connection = self._connection
        return [user for user in users
                if user.token == connection.token
                and (user.token or user.agent == self._agent)
                or user.agent == self._agent
                and attachments.is_instance(user, connection.instance)]

    def _only_local(self, users) -> list[attachments.User]:
        """Pick whom a person leaves for who cannot tell the attachment.

        Up to version 3.43 of the Block Storage API whoever detaches a volume
        is told of a new attachment, and not of the one that ends.
        """
        if (self._connection.kind != attachments.LOCAL
                or [user.kind for user in users] != [attachments.LOCAL]):
            return []
        return self._of_agent(users)

    def _sharing(self, mine, rest) -> list[attachments.User]:
        mine = mine or [dataclasses.replace(
            self._user([]), device=self._device([], rest)[0])]
        return [user for user in rest
                if any(user.shares_with(own) for own in mine)]

    def _shared(self) -> list[attachments.User]:
        users = self._ledger.users(self._name)
        mine = self._mine(users)
        return mine + self._sharing(mine, without(users, mine))

    # Commands ---------------------------------------------------------------

    def _wait_for_orphans(self) -> None:
        """Let commands end that outlive the service that ran them.

        Whoever holds the volume's lock is the only one to run commands for
        it. What still runs when a service was killed would attach the volume
        after its last user has left, or detach it from the next one.
        """
        running: list[int] = []

        def ended() -> bool:
            running[:] = self._adapter.running(self._name, self._host.proc)
            return not running

        if not waiting.until(ended, self._waits.command):
            raise exceptions.AgentUnavailable(
                "a command for volume %s that an ended service left behind "
                "has not ended after %s s (processes %s); nothing was changed"
                % (self._name, self._waits.command,
                   ', '.join(map(str, running))))

    def _repeat(self, call: Callable) -> adapters.Reply:
        """Repeat what was refused for now, or whose outcome is unknown.

        Attaching what is attached and detaching what is not are answered
        with codes of their own, so repeating is how the outcome is found out.
        """
        unknown = 0
        for _round in waiting.pauses(self._waits.command, 0.2, 5):
            reply = call(self._name)
            if reply.kind not in _NOT_DONE:
                break
            LOG.warning('Volume %s: %s', self._name, reply.text)
            if reply.kind == result_codes.UNKNOWN:
                self._tried = True
                unknown += 1
                if unknown == _UNKNOWN_ATTEMPTS:
                    break
        return reply

    def _error(self, what: str, reply) -> exceptions.DSWareError:
        text = 'cannot %s volume %s: %s' % (what, self._name, reply.text)
        if reply.kind == result_codes.BUSY:
            return exceptions.VolumeInUse(text)
        if reply.kind == result_codes.UNKNOWN:
            return exceptions.OutcomeUnknown(
                text + '; whether it was done is not known')
        if reply.kind == result_codes.RETRY:
            return exceptions.AgentUnavailable(text + '; nothing was changed')
        return exceptions.CommandRefused(text)

    def _describe(self) -> adapters.Reply:
        if (self._description is None
                or self._description.kind != result_codes.OK):
            self._description = self._adapter.describe(self._name)
        return self._description

    # Attaching --------------------------------------------------------------

    def _attached(self, before) -> tuple[str, str]:
        self._tried = bool(self._of_agent(before))
        self._had, self._disks = before, self._host.generations()
        reply = self._repeat(self._adapter.attach)
        self._made = reply.kind == result_codes.OK
        if not self._made and reply.kind not in (
                result_codes.ATTACHED, result_codes.UNKNOWN):
            raise self._error('attach', reply)
        try:
            return self._identified(reply, before)
        except (exceptions.DeviceNotFound, exceptions.WrongDevice):
            if reply.kind == result_codes.UNKNOWN:
                raise self._error('attach', reply)
            if self._made or not self._only_ours(before):
                raise
        return self._attached_again(before)

    def _attached_again(self, before) -> tuple[str, str]:
        """Get the name of a device that was attached without being told it.

        An attempt of ours (an earlier one of this call, or of a process that
        died) attached the volume, its answer was lost, and nothing shows
        which device it is.
        """
        LOG.warning('Volume %s was attached by an attempt whose answer was '
                    'lost: attaching it anew', self._name)
        self._undo()
        self._disks = self._host.generations()
        reply = self._repeat(self._adapter.attach)
        self._made = reply.kind == result_codes.OK
        if not self._made:
            raise self._error('attach', reply)
        return self._identified(reply, before)

    def _of_agent(self, users) -> list[attachments.User]:
        return [user for user in users if user.agent == self._agent]

    def _only_ours(self, before) -> bool:
        """Tell whether this call may undo the attachment.

        What the agent made just now had no other users of that agent. What
        was found in place may be shared with users who call the same agent
        by another address, so then any user at all is one too many.
        """
        users = self._of_agent(before) if self._made else before
        return (self._made or self._tried) and not any(
            map(self._ledger.alive, users))

    def _undo(self) -> None:
        """Detach what an attempt of ours attached, unless it is in use."""
        if not self._made:
            for device in self._perhaps:
                self._check_unused(device)
        self._detach()

    def _abandon(self, before, user) -> None:
        """After a failed attempt, leave things as they were before."""
        try:
            if self._only_ours(before):
                self._undo()
                before = [other for other in before
                          if not other.shares_with(user)]
            self._ledger.save(self._name, before)
        except Exception as exc:
            # The record that somebody tried stays: it tells a later attempt
            # that what it finds attached was attached by us.
            logs.write(LOG, logging.ERROR,
                       'Volume %s may have been left attached to this host: '
                       '%s', self._name, exc)

    # Leaving ----------------------------------------------------------------

    def _let_go(self, device: str, recorded: bool, force: bool,
                errors) -> bool:
        """Detach what nobody else uses.

        :returns: whether it is detached; False only with force
        """
        detached = False
        if device and not force:
            self._check_unused(device)
        with self._going_on(force, errors):
            self._flush(device)
        generation = self._host.generation(device)
        with self._going_on(force, errors):
            try:
                done = self._detach(device, generation)
            except _UNREACHABLE as exc:
                if not force:
                    raise
                logs.write(LOG, logging.ERROR,
                           'Volume %s may stay attached to this host: %s',
                           self._name, exc)
                return False
            detached = True
            if done or recorded:
                self._wait_until_gone(device, generation)
        return detached

    def _going_on(self, force: bool, errors):
        return errors.context(True, 'Forced detach of %s', self._name) \
            if force else contextlib.nullcontext()

    def _check_unused(self, device: str) -> None:
        holders: list[str] = []

        def unused() -> bool:
            holders[:] = self._host.holders(device)
            return not holders

        if not waiting.until(unused, self._waits.busy):
            raise exceptions.VolumeInUse(
                "volume %s stays attached: its device %s is used by %s"
                % (self._name, device, ', '.join(holders)))

    def _flush(self, device: str) -> None:
        if not device:
            return
        try:
            if self._host.is_block(device):
                self._execute('blockdev', '--flushbufs', device,
                              timeout=self._waits.flush)
            else:
                _sync(device)
        except (OSError, processutils.ProcessExecutionError) as exc:
            raise exceptions.FlushFailed(
                "what was written to %s may not have reached volume %s, "
                "which stays attached: %s" % (device, self._name, exc))

    def _detach(self, device: str = '', generation: str = '') -> bool:
        """Detach the volume from this host; not attached is a success.

        :returns: whether it was attached until now, as far as is known
        """
        self._tried = False
        self._description = None
        reply = self._detach_reply()
        if reply.kind == result_codes.OK:
            return True
        if reply.kind in (result_codes.DETACHED, result_codes.ABSENT):
            return self._tried
        if device and self._host.generation(device) != generation:
            LOG.warning('Volume %s: device %s is gone although %s',
                        self._name, device, reply.text)
            return True
        if not device and self._is_detached(reply):
            return True
        raise self._error('detach', reply)

    def _is_detached(self, reply) -> bool:
        """Look for a device, where the program tells which it would be."""
        if (reply.kind != result_codes.UNKNOWN
                or not self._adapter.tells_device):
            return False
        told = self._describe()
        if told.kind == result_codes.OK:
            return not self._host.generation(told.device)
        return told.kind in (result_codes.DETACHED, result_codes.ABSENT)

    def _detach_reply(self) -> adapters.Reply:
        for _round in waiting.pauses(self._waits.busy, 0.1, 1):
            reply = self._repeat(self._adapter.detach)
            if reply.kind != result_codes.BUSY:
                break
        return reply

    def _wait_until_gone(self, device: str, generation: str) -> None:
        if generation and not waiting.until(
                lambda: self._host.generation(device) != generation,
                self._waits.removal):
            raise exceptions.DeviceNotRemoved(
                "volume %s was detached, but its device %s is still there "
                "after %s s" % (self._name, device, self._waits.removal))


def without(users: list[attachments.User],
            others: list[attachments.User]) -> list[attachments.User]:
    """Leave users out.

    :param users: some users
    :param others: those to leave out
    :returns: the rest
    """
    return [user for user in users if user not in others]


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
