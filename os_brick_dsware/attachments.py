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

"""Who uses which volume on this host: a ledger shared by all services.

One device serves all users of a volume on a host: instances that share a
multiattach volume, an image upload from a volume in use, a backup. Only the
last one to leave may detach it. os-brick's callers do not say whether they
are the last, so this ledger remembers the users: one small JSON file per
volume, in a directory that carries the boot id of the host.

- A user is known by the token that the volume driver made for its
  attachment. Without one (connection information of other origin) all users
  count as one anonymous user.
- An instance has a volume once on a host. Nova may have lost the token of its
  attachment, or know only that of another host by now, so its id counts too.
- A reboot takes all devices away: what an earlier boot wrote is removed.
- A user of kind PROCESS is gone when its process is. One of kind INSTANCE
  outlives the service that attached the volume for it, and one of kind LOCAL
  the command that did. A LEFTOVER counts for nobody; it remembers the device
  of a volume that may be attached still.
- One machine can play several hosts in a demonstration: users whose agent
  and device both differ do not share anything.

Files are replaced in one step, and changed only by who holds the volume's
lock. The kernel drops that lock when its holder dies. It is an flock on an
open file of its own, which also keeps threads (native or green) apart.
"""

import contextlib
import dataclasses
import errno
import fcntl
import json
import os
import platform
import re
import time

from oslo_log import log as logging

from os_brick_dsware import addresses
from os_brick_dsware import exceptions
from os_brick_dsware import fsc_cli
from os_brick_dsware import processes
from os_brick_dsware import shared_directory

LOG = logging.getLogger(__name__)

#: Lives until it is detached: a guest, whatever becomes of its service.
INSTANCE = 'instance'
#: Lives until it is detached: whatever a person attached a volume for.
LOCAL = 'local'
#: Lives no longer than the process that attached it.
PROCESS = 'process'
#: Has left, but the agent could not be told: the volume may still be attached.
LEFTOVER = 'leftover'

FORMAT = 1
BOOT_ID = '/proc/sys/kernel/random/boot_id'

_NAME = re.compile(r'[A-Za-z0-9_][A-Za-z0-9_.-]{0,94}')
_HOST = '.host'
_POLL = 0.02
#: A user takes about 400 characters.
_LONGEST = 4 * 1024 * 1024


@dataclasses.dataclass(frozen=True)
class User:
    """One use of a volume on this host, from connect to disconnect.

    :param token: identifies the use; empty for the anonymous user
    :param kind: INSTANCE, LOCAL, PROCESS or LEFTOVER
    :param process: who attached it
    :param agent: canonical address of the Dsware agent that attached it
    :param device: the device, empty until it is known
    :param generation: tells the device from others of the same name
    :param path: the path that was handed out, empty until then
    :param wwn: World Wide Name of the volume, its digits; empty if it is not
        known
    :param manager: address of the management service that the agent was told
    :param port: port of the agent, None for the default
    :param instance: id of the Nova instance that has it; empty if it is not
        for one, or was recorded by a version that did not say
    """

    token: str
    kind: str
    process: processes.Process
    agent: str
    device: str = ''
    generation: str = ''
    path: str = ''
    wwn: str = ''
    manager: str = ''
    port: int | None = None
    instance: str = ''

    def shares_with(self, other: 'User') -> bool:
        """Tell whether two users hold the same attachment.

        :param other: another user of the same volume
        :returns: True if detaching it from one detaches it from both
        """
        return (self.agent == other.agent
                or bool(self.device) and self.device == other.device)

    @classmethod
    def from_dict(cls, fields: dict) -> 'User':
        """Read a user from the ledger; unknown fields are ignored.

        :param fields: what to_dict() returned
        :returns: the user
        :raises KeyError, TypeError, ValueError: if it is not a user
        """
        return cls(
            token=str(fields['token']), kind=str(fields['kind']),
            process=processes.Process(
                int(fields['pid']), int(fields['start']),
                str(fields['namespace'])),
            # Earlier versions recorded it as it was spelt.
            agent=addresses.canonical(str(fields['agent'])),
            device=str(fields.get('device', '')),
            generation=str(fields.get('generation', '')),
            path=str(fields.get('path', '')),
            wwn=str(fields.get('wwn', '')),
            manager=str(fields.get('manager', '')),
            port=int(fields['port']) if fields.get('port') else None,
            instance=str(fields.get('instance', '')))

    def to_dict(self) -> dict:
        """Write a user for the ledger.

        :returns: its fields, fit for JSON
        """
        return {'token': self.token, 'kind': self.kind,
                'pid': self.process.pid, 'start': self.process.start,
                'namespace': self.process.namespace, 'agent': self.agent,
                'device': self.device, 'generation': self.generation,
                'path': self.path, 'wwn': self.wwn,
                'manager': self.manager, 'port': self.port,
                'instance': self.instance}


def is_instance(user: User, instance: str) -> bool:
    """Tell whether a user is a certain instance.

    :param user: the user
    :param instance: id of the instance; empty for none
    :returns: True if it is
    """
    return bool(instance) and instance == user.instance


def check_name(volume: str) -> None:
    """Check what becomes part of a path, of commands and of messages.

    :param volume: name of a volume
    :raises InvalidConnectionProperties: if a cluster could not have it
    """
    if not _NAME.fullmatch(volume):
        raise exceptions.InvalidConnectionProperties(
            "'%s' is not the name of a Dsware volume: it must be 1 to 95 "
            "letters, digits and _ . -, and not start with - or ."
            % ascii(volume)[1:-1][:120])


def read_boot_id() -> str:
    """Identify this boot of the host.

    :returns: an identifier that the next boot does not have
    :raises StateError: if the kernel does not tell
    """
    try:
        with open(BOOT_ID, encoding='ascii') as stream:
            return stream.read().strip()
    except OSError as exc:
        raise exceptions.StateError(
            "cannot tell which volumes are in use on this host: %s" % exc)


class Ledger:
    """The users of all Dsware volumes on this host."""

    def __init__(self, directory: str, boot_id: str | None = None,
                 proc: str = '/proc'):
        """Nothing is read or written yet.

        :param directory: where the records are; made when first needed, for
            those who may write to the directory that it is in
        :param boot_id: identifies this boot; None to ask the kernel
        :param proc: where the proc file system is mounted
        """
        self._root = directory
        self._boot = boot_id or read_boot_id()
        self._directory = os.path.join(directory, self._boot)
        self._proc = proc

    @property
    def directory(self) -> str:
        """Where the records of all boots are."""
        return self._root

    @property
    def this_boot(self) -> str:
        """Where the records of this boot are, in that directory."""
        return self._directory

    @contextlib.contextmanager
    def _opened(self, make: bool = False):
        with shared_directory.opened(self._root, make) as root:
            with root.enter(self._boot, make) as directory:
                if make and not directory.exists(_HOST):
                    # Should the directory be on a file system that hosts
                    # share, then each host removes only its own.
                    directory.replace(_HOST, platform.node())
                    self._forget(root)
                yield directory

    @contextlib.contextmanager
    def _explained(self):
        try:
            yield
        except OSError as exc:
            raise exceptions.StateError(
                "the records of attached volumes in %s cannot be used: %s. "
                "Every service of this host that attaches volumes must be "
                "able to write there, and nobody else (option lock_path in "
                "group os_brick); 'dsware-doctor host', run as root, tells "
                "what mends it" % (self._root, exc))

    # Locking ----------------------------------------------------------------

    @contextlib.contextmanager
    def lock(self, volume: str, timeout: float):
        """Keep every other process and thread of this host from a volume.

        :param volume: name of the volume
        :param timeout: seconds to wait for it at most
        :raises StateError: if it cannot be had
        """
        check_name(volume)
        deadline = time.monotonic() + timeout
        with contextlib.ExitStack() as stack:
            with self._explained():
                directory = stack.enter_context(self._opened(make=True))
                descriptor = self._locked(directory, volume, deadline)
            stack.callback(self._unlock, directory, volume, descriptor)
            yield

    def _locked(self, directory, volume: str, deadline: float) -> int:
        name = _lock(volume)
        while True:
            descriptor = directory.open_lock(name)
            try:
                _flock(descriptor, self._path(name), deadline)
                if directory.is_at(name, descriptor):
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            # Its last user removed it between our opening and locking it.
            os.close(descriptor)

    def _unlock(self, directory, volume: str, descriptor: int) -> None:
        # Removed while it is locked, when nobody uses the volume: waiters
        # notice that theirs is not the one at the path any more.
        try:
            if not directory.exists(_record(volume)):
                directory.remove(_lock(volume))
        except OSError as exc:
            LOG.debug('Lock file of %s stays: %s', volume, exc)
        finally:
            os.close(descriptor)

    # Reading and writing ----------------------------------------------------

    def users(self, volume: str) -> list[User]:
        """List who uses a volume, as it was recorded.

        :param volume: name of the volume
        :returns: its users of this boot
        :raises StateError: if the record cannot be read or understood
        """
        check_name(volume)
        try:
            record = json.loads(self._text(_record(volume)))
            return [User.from_dict(fields) for fields in record['users']]
        except (ValueError, TypeError, LookupError, OverflowError,
                RecursionError) as exc:
            raise exceptions.StateError(
                "%s does not tell who uses volume %s on this host (%s: %s). "
                "If nobody does, remove that file"
                % (self.record(volume), volume, type(exc).__name__,
                   fsc_cli.printable(str(exc))))

    def save(self, volume: str, users: list[User]) -> None:
        """Record who uses a volume. The caller holds its lock.

        :param volume: name of the volume
        :param users: all its users; none removes the record
        :raises StateError: if it cannot be written; the old one stays
        """
        check_name(volume)
        with self._explained(), self._opened(make=True) as directory:
            if users:
                directory.replace(_record(volume), json.dumps({
                    'format': FORMAT, 'volume': volume,
                    'users': [user.to_dict() for user in users]}, indent=1))
            else:
                directory.remove(_record(volume))

    def volumes(self) -> list[str]:
        """List the volumes that have users on this host.

        :returns: their names, sorted
        """
        try:
            with self._opened() as directory:
                names = directory.names()
        except OSError:
            return []
        return [name.removesuffix('.json') for name in names
                if name.endswith('.json')]

    def alive(self, user: User) -> bool:
        """Tell whether a user may still need the volume.

        :param user: a user of this boot
        :returns: False only for one who has left, or whose process has
            certainly ended
        """
        if user.kind == LEFTOVER:
            return False
        return (user.kind != PROCESS
                or processes.alive(user.process, self._proc))

    def gone(self, user: User) -> bool:
        """Tell whether a user is gone for good.

        Besides those who are not alive it is who attached a volume for an
        instance and ended before any path was handed out: no instance can
        have it.

        :param user: a user of this boot
        :returns: True if nobody will ever leave the volume for this user
        """
        return not self.alive(user) or not (
            user.path or processes.alive(user.process, self._proc))

    def record(self, volume: str) -> str:
        """Name the file that tells who uses a volume.

        :param volume: name of the volume
        :returns: its path
        """
        check_name(volume)
        return self._path(_record(volume))

    def other_boots(self) -> dict[str, str | None]:
        """List the records that are not of this boot of this host.

        :returns: names of hosts by path of directory, None if it is unknown
        """
        try:
            with shared_directory.opened(self._root) as root:
                return {os.path.join(self._root, name): host
                        for name, host in self._others(root).items()}
        except OSError:
            return {}

    def _others(self, root) -> dict[str, str | None]:
        return {name: _host_of(root, name) for name in root.names()
                if name != self._boot and root.has_directory(name)}

    def forget_earlier_boots(self) -> None:
        """Remove the records of earlier boots of this host."""
        with self._explained(), contextlib.suppress(FileNotFoundError):
            with shared_directory.opened(self._root) as root:
                self._forget(root)

    def _forget(self, root) -> None:
        for name, host in self._others(root).items():
            if host == platform.node():
                LOG.info('Removing the records of volumes that were attached '
                         'before this host was booted: %s',
                         os.path.join(self._root, name))
                root.remove_tree(name)

    def _text(self, name: str) -> str:
        with self._explained():
            try:
                with self._opened() as directory:
                    return directory.read(name, _LONGEST)
            except FileNotFoundError:
                return '{"users": []}'

    def _path(self, name: str) -> str:
        return os.path.join(self._directory, name)


def _record(volume: str) -> str:
    return volume + '.json'


def _lock(volume: str) -> str:
    return volume + '.lock'


def _host_of(root, name: str) -> str | None:
    try:
        with root.enter(name) as directory:
            return directory.read(_HOST, _LONGEST)
    except (OSError, ValueError):
        return None


def _flock(descriptor: int, path: str, deadline: float) -> None:
    # Polled, as a blocking flock would stop all green threads.
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            if exc.errno not in (errno.EAGAIN, errno.EACCES):
                raise
        if time.monotonic() > deadline:
            raise exceptions.StateError(
                "another process of this host has been attaching or "
                "detaching this volume for too long: %s is still locked"
                % path)
        time.sleep(_POLL)
