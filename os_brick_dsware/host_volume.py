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
line. What users who are gone have left is removed as carefully: not while
anybody has the device open, nor if it cannot be shown to be the volume's.
"""

from collections.abc import Callable
import contextlib
import dataclasses
import random
import time

from os_brick import exception
from oslo_concurrency import processutils
from oslo_log import log as logging

from os_brick_dsware import addresses
from os_brick_dsware import commands
from os_brick_dsware import devices
from os_brick_dsware import exceptions
from os_brick_dsware import identify
from os_brick_dsware import ledger as ledgers
from os_brick_dsware import logs
from os_brick_dsware import programs
from os_brick_dsware import properties
from os_brick_dsware import result_codes
from os_brick_dsware import waiting

LOG = logging.getLogger(__name__)

#: Kinds of users that outlive who attached the volume for them.
_LASTING = (ledgers.INSTANCE, ledgers.LOCAL)
#: With force, what an agent that is down leads to does not stop the caller.
#: For who clears up, the next volume would fare no better.
_UNREACHABLE = (exceptions.OutcomeUnknown, exceptions.AgentUnavailable,
                exceptions.ConfigurationError)

# What became of what was left.
DETACHED = 'detached'
FORGOTTEN = 'forgotten'
#: For who clears up in passing: nothing is waited for but what is certain to
#: come soon.
IN_PASSING = waiting.Waits(device=0, link=0, busy=0, removal=5, growth=0,
                           command=0, lock=0, flush=10)
_AT_ONCE = 4
_SECONDS = 10


class HostVolume:
    """A volume as one user of this host sees it."""

    def __init__(self, connection: properties.Connection, program,
                 ledger: ledgers.Ledger, host: devices.Devices,
                 execute: Callable, waits: waiting.Waits):
        """Nothing is run yet.

        :param connection: what the volume driver said
        :param program: a programs.FSCCli, or another with its methods
        :param ledger: who uses which volume
        :param host: the block devices of this host
        :param execute: runs a command as root
        :param waits: how long to wait for what
        """
        self._connection = connection
        self._name = connection.volume
        self._target = program.target
        #: Canonical address of the agent that attaches and detaches it.
        self.agent = addresses.canonical(program.target.agent_ip)
        self._ledger = ledger
        self._host = host
        self._execute = execute
        self._waits = waits
        self._asked = commands.Commands(program, self._name, waits)
        self._identifier = identify.Identifier(
            self._name, connection.wwn, self._asked, ledger, host, waits)

    # What callers ask for ---------------------------------------------------

    def connect(self) -> str:
        """Attach the volume, or share the attachment that is there.

        :returns: path of its device, shown to be the volume's
        :raises DSWareError: if it cannot be done; what had been done is
            undone, unless somebody else uses it
        """
        with self._locked():
            self._asked.wait_for_orphans(self._host)
            before = self._ledger.users(self._name)
            mine = self._mine(before)
            rest = _without(before, mine)
            user = self._user(mine)
            self._ledger.save(self._name, rest + [user])
            try:
                device, path = self._attached(before)
                user = dataclasses.replace(
                    user, device=device, path=path,
                    generation=self._host.generation(device))
                self._ledger.save(self._name, rest + [user])
                self._identifier.refuse_shared(device)
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
        with self._locked():
            with self._reachable(force):
                self._asked.wait_for_orphans(self._host)
            users = self._ledger.users(self._name)
            mine = self._mine(users) or self._only_local(users)
            rest = _without(users, mine)
            sharing = self._sharing(mine, rest)
            device, recorded = self._identifier.device(mine + sharing, users)
            if any(map(self._ledger.alive, sharing)):
                LOG.info('Volume %s stays attached: it has other users on '
                         'this host (%d)', self._name, len(sharing))
                with self._going_on(force, errors):
                    self._flush(device)
                self._ledger.save(self._name, rest)
            else:
                gone = self._let_go(device, recorded, force, errors)
                left = [] if gone else [self._leftover(device, mine)]
                self._ledger.save(self._name, left + _without(rest, sharing))
        if errors and not ignore_errors:
            raise errors

    def clear(self, gone: Callable[[ledgers.User], bool]) -> str:
        """Remove what users of this host's agent left who are gone.

        The device is detached only if no other user is left, nobody has it
        open, and it can be shown to be the volume's.

        :param gone: tells whether a user is gone for good
        :returns: DETACHED, FORGOTTEN if only records were removed, or empty
            if there was nothing to do
        :raises DSWareError: if it cannot be done safely; all stays as it is
        """
        with self._locked():
            self._asked.wait_for_orphans(self._host)
            users = self._ledger.users(self._name)
            left = [user for user in self._of_agent(users) if gone(user)]
            if not left:
                return ''
            rest = _without(users, left)
            sharing = self._sharing(left, rest)
            if not all(map(gone, sharing)):
                self._ledger.save(self._name, rest)
                return FORGOTTEN
            self._clear_device(left + sharing, users)
            self._ledger.save(self._name, _without(rest, sharing))
            return DETACHED

    def extend(self) -> int:
        """Wait until the device has the size that the volume has.

        :returns: the size in bytes
        :raises DSWareError: if it is not attached, or does not grow
        """
        with self._locked():
            device, _recorded = self._identifier.device(
                self._shared(), self._ledger.users(self._name))
            if not device:
                raise exceptions.DeviceNotFound(
                    "volume %s has no device on this host" % self._name)
            self._wait_for_growth(device, self._asked.size())
            return self._host.size(device)

    def paths(self) -> list[str]:
        """List the existing paths by which users have the volume."""
        return sorted({identify.path_of(user, self._host)
                       for user in self._shared()} - {''})

    def _locked(self):
        return self._ledger.lock(self._name, self._waits.lock)

    # Users ------------------------------------------------------------------

    def _user(self, mine: list[ledgers.User]) -> ledgers.User:
        lasting = [user.kind for user in mine if user.kind in _LASTING]
        user = ledgers.User(
            token=self._connection.token,
            kind=lasting[0] if lasting else self._connection.kind,
            process=ledgers.this_process(), agent=self.agent,
            wwn=self._connection.wwn, manager=self._target.manager_ip,
            port=self._target.agent_port, instance=self._connection.instance)
        # Who connects again has the device already: should this attempt be
        # killed, its record must not look like that of a first one.
        for had in self._of_agent(mine):
            if had.path and had.kind != ledgers.LEFTOVER:
                return dataclasses.replace(
                    user, device=had.device, generation=had.generation,
                    path=had.path)
        return user

    def _leftover(self, device, mine) -> ledgers.User:
        return dataclasses.replace(
            (mine or [self._user([])])[0], kind=ledgers.LEFTOVER,
            device=device, generation=self._host.generation(device))

    def _mine(self, users: list[ledgers.User]) -> list[ledgers.User]:
        """Pick the caller's own entry.

        The anonymous user has one a host. What else an instance has there is
        of an attachment that Nova has forgotten.
        """
        connection = self._connection
        return [user for user in users
                if user.token == connection.token
                and (user.token or user.agent == self.agent)
                or user.agent == self.agent
                and user.is_instance(connection.instance)]

    def _only_local(self, users) -> list[ledgers.User]:
        """Pick whom a person leaves for who cannot tell the attachment.

        Up to version 3.43 of the Block Storage API whoever detaches a volume
        is told of a new attachment, and not of the one that ends.
        """
        if (self._connection.kind != ledgers.LOCAL
                or [user.kind for user in users] != [ledgers.LOCAL]):
            return []
        return self._of_agent(users)

    def _sharing(self, mine, rest) -> list[ledgers.User]:
        mine = mine or [dataclasses.replace(
            self._user([]), device=self._identifier.device([], rest)[0])]
        return [user for user in rest
                if any(user.shares_with(own) for own in mine)]

    def _shared(self) -> list[ledgers.User]:
        users = self._ledger.users(self._name)
        mine = self._mine(users)
        return mine + self._sharing(mine, _without(users, mine))

    def _of_agent(self, users) -> list[ledgers.User]:
        return [user for user in users if user.agent == self.agent]

    # Attaching --------------------------------------------------------------

    def _attached(self, before) -> tuple[str, str]:
        self._asked.tried = bool(self._of_agent(before))
        again = False
        while True:
            self._identifier.begin(before)
            reply = self._asked.attach()
            try:
                return self._identifier.find(reply, self.agent)
            except (exceptions.DeviceNotFound, exceptions.WrongDevice):
                if reply.kind == result_codes.UNKNOWN:
                    raise self._asked.error('attach', reply)
                if again or self._asked.made or not self._only_ours(before):
                    raise
            # An attempt of ours (an earlier one of this call, or of a process
            # that died) attached the volume, its answer was lost, and nothing
            # shows which device it is. Attached anew, the device is told.
            LOG.warning('Volume %s was attached by an attempt whose answer '
                        'was lost: attaching it anew', self._name)
            self._undo()
            again = True

    def _only_ours(self, before) -> bool:
        """Tell whether this call may undo the attachment.

        What the agent made just now had no other users of that agent. What
        was found in place may be shared with users who call the same agent
        by another address, so then any user at all is one too many.
        """
        asked = self._asked
        users = self._of_agent(before) if asked.made else before
        return (asked.made or asked.tried) and not any(
            map(self._ledger.alive, users))

    def _undo(self) -> None:
        """Detach what an attempt of ours attached, unless it is in use."""
        if not self._asked.made:
            for device in self._identifier.perhaps:
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
        """Detach what nobody else uses; False if, with force, it failed."""
        detached = False
        if device and not force:
            self._check_unused(device)
        with self._going_on(force, errors):
            self._flush(device)
        generation = self._host.generation(device)
        with self._going_on(force, errors), self._reachable(force):
            done = self._detach(device, generation)
            detached = True
            if done or recorded:
                self._wait_until_gone(device, generation)
        return detached

    @contextlib.contextmanager
    def _reachable(self, force: bool):
        """With force, only log that the agent cannot be asked."""
        try:
            yield
        except _UNREACHABLE as exc:
            if not force:
                raise
            logs.write(LOG, logging.ERROR,
                       'Volume %s may stay attached to this host: %s',
                       self._name, exc)

    def _going_on(self, force: bool, errors):
        return errors.context(True, 'Forced detach of %s', self._name) \
            if force else contextlib.nullcontext()

    def _check_unused(self, device: str) -> None:
        holders: list[str] = []

        def unused() -> bool:
            holders[:] = self._host.holders(device)
            return not holders

        if not waiting.until(unused, self._waits.busy):
            raise self._in_use(device, holders)

    def _in_use(self, device: str, holders: list[str]):
        return exceptions.VolumeInUse(
            "volume %s stays attached: its device %s is used by %s"
            % (self._name, device, ', '.join(holders)))

    def _flush(self, device: str) -> None:
        # A file that plays a device has no other bytes than all see.
        if not self._host.is_block(device):
            return
        try:
            self._execute('blockdev', '--flushbufs', device,
                          timeout=self._waits.flush)
        except (OSError, processutils.ProcessExecutionError) as exc:
            raise exceptions.FlushFailed(
                "what was written to %s may not have reached volume %s, "
                "which stays attached: %s" % (device, self._name, exc))

    def _detach(self, device: str = '', generation: str = '') -> bool:
        """Detach the volume from this host; not attached is a success.

        :returns: whether it was attached until now, as far as is known
        """
        reply = self._asked.detach()
        if reply.kind == result_codes.OK:
            return True
        if reply.kind in (result_codes.DETACHED, result_codes.ABSENT):
            return self._asked.tried
        if device and self._host.generation(device) != generation:
            LOG.warning('Volume %s: device %s is gone although %s',
                        self._name, device, reply.text)
            return True
        if not device and self._is_detached(reply):
            return True
        raise self._asked.error('detach', reply)

    def _is_detached(self, reply) -> bool:
        """Look for a device, where the program tells which it would be."""
        if (reply.kind != result_codes.UNKNOWN
                or not self._asked.tells_device):
            return False
        told = self._asked.describe()
        if told.kind == result_codes.OK:
            return not self._host.generation(told.device)
        return told.kind in (result_codes.DETACHED, result_codes.ABSENT)

    def _wait_until_gone(self, device: str, generation: str) -> None:
        if generation and not waiting.until(
                lambda: self._host.generation(device) != generation,
                self._waits.removal):
            raise exceptions.DeviceNotRemoved(
                "volume %s was detached, but its device %s is still there "
                "after %s s" % (self._name, device, self._waits.removal))

    # Clearing up ------------------------------------------------------------

    def _clear_device(self, left, users) -> None:
        """Detach what only users who are gone have left."""
        device, recorded = self._identifier.device(left, users)
        others = {user.device for user in _without(users, left)}
        found = [device] if device else [
            other for other in self._identifier.by_wwn()
            if other not in others]
        if found:
            self._check_certain(found[0])
            self._let_go(found[0], recorded, False,
                         exception.ExceptionChainer())
        elif self._asked.tells_device or self._identifier.wwn():
            # It has no device here that anybody could use.
            self._detach()
        elif not any(user.device for user in left):
            raise exceptions.DeviceNotFound(
                "volume %s may be attached to this host, but its device was "
                "never recorded and cannot be found, so nobody can tell "
                "whether it is in use" % self._name)

    def _check_certain(self, device: str) -> None:
        """See that a device is the volume's, and that no command names it.

        Only root sees what the processes of others have open, but everybody
        what they were told to work on.
        """
        path, doubt = self._identifier.judge(device, False)
        if not path:
            raise exceptions.WrongDevice(
                "volume %s stays attached: its device cannot be told for "
                "certain: %s" % (self._name, doubt))
        named = ['process %d' % pid for pid, argv in self._host.commands()
                 if any(one in argument for one in {device, path}
                        for argument in argv)]
        if named:
            raise self._in_use(device, named)

    # Growing ----------------------------------------------------------------

    def _wait_for_growth(self, device: str, size: int | None) -> None:
        """Wait until a device has a size, or a little if that is not known."""
        before = self._host.size(device) or 0

        def grown() -> bool:
            now = self._host.size(device) or 0
            return now > before if size is None else now >= size

        if size is not None and waiting.until(
                grown, min(1, self._waits.growth)):
            return
        self._rescan(device)
        if not waiting.until(grown, self._waits.link if size is None
                             else self._waits.growth) and size is not None:
            raise exceptions.DSWareError(
                "volume %s has %d bytes, but its device %s on this host "
                "still has %s after %s s"
                % (self._name, size, device, self._host.size(device),
                   self._waits.growth))

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


def _without(users: list[ledgers.User],
             others: list[ledgers.User]) -> list[ledgers.User]:
    return [user for user in users if user not in others]


@dataclasses.dataclass(frozen=True)
class Leftovers:
    """The volumes of a host that users who are gone have left there.

    Each is looked at again under its lock; what has changed since it was
    found is left alone.

    :param ledger: who uses which volume
    :param host: the block devices of this host
    :param execute: runs a command as root
    :param waits: how long to wait for what
    :param program: gives access to the program for a programs.Target
    :param gone: tells whether a user is gone for good
    """

    ledger: ledgers.Ledger
    host: devices.Devices
    execute: Callable
    waits: waiting.Waits
    program: Callable
    gone: Callable[[ledgers.User], bool]

    def found(self) -> list[tuple[str, programs.Target]]:
        """List what is left: volumes, each with an agent of theirs."""
        return list(dict.fromkeys(
            (name, programs.Target(user.manager, user.agent, user.port))
            for name, user in self.ledger.everybody() if self.gone(user)))

    def clear(self, name: str, target: programs.Target) -> str:
        """Remove what is left of a volume; see HostVolume.clear()."""
        wwn = next((user.wwn for user in self.ledger.users(name)
                    if user.wwn), '')
        return HostVolume(
            properties.Connection(name, wwn), self.program(target),
            self.ledger, self.host, self.execute, self.waits).clear(self.gone)

    def clear_in_passing(self, wanted: Callable) -> None:
        """Remove some of what is left, for who has something else to do.

        What cannot be removed now is left for the next one.

        :param wanted: tells of a name and an agent whether it is to be tried
        """
        deadline = time.monotonic() + _SECONDS
        found = [one for one in self.found() if wanted(*one)]
        some = random.sample(found, min(_AT_ONCE, len(found)))  # nosec B311
        for name, target in some:
            try:
                if self.clear(name, target) == DETACHED:
                    LOG.info('Volume %s was left attached to this host by a '
                             'process that has ended: detached', name)
            except exceptions.DSWareError as exc:
                LOG.debug('Left by a process that has ended: %s', exc)
                if isinstance(exc, _UNREACHABLE):
                    return
            if time.monotonic() > deadline:
                return
