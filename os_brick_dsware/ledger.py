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

from collections.abc import Iterator
import contextlib
import dataclasses
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

#: The file that names the host of a boot.
HOST = '.host'
BOOT_ID = '/proc/sys/kernel/random/boot_id'
#: The name of the first process id name space of a Linux host.
INITIAL_NAMESPACE = 'pid:[4026531836]'

_FORMAT = 1
_NAME = re.compile(r'[A-Za-z0-9_][A-Za-z0-9_.-]{0,94}')
_POLL = 0.02
#: A user takes about 400 characters.
_LONGEST = 4 * 1024 * 1024
#: States of a process that has ended.
_DEAD = frozenset('ZXx')


# Users ----------------------------------------------------------------------

@dataclasses.dataclass(frozen=True)
class Process:
    """What tells a process from every other one of this boot.

    :param pid: its id
    :param start: when it started, in clock ticks since the boot
    :param namespace: the name space that its id belongs to
    """

    pid: int
    start: int
    namespace: str

    def alive(self, proc: str = '/proc') -> bool:
        """Tell whether it still runs: False only if that is certain.

        Services may run in containers, each with its own process ids, and
        one container cannot see another's processes.
        """
        here = _namespace(proc)
        if self.namespace == here:
            return (_start(proc, self.pid) == self.start
                    or _is_hidden(proc, self.pid))
        return (here != INITIAL_NAMESPACE or _is_hidden(proc, 1)
                or self._seen_from_outside(proc))

    def _seen_from_outside(self, proc: str) -> bool:
        """Look for a process of a container among those of its host."""
        for pid in filter(str.isdigit, os.listdir(proc)):
            ids = re.search(r'^NSpid:\s*(.*)$',
                            _read('%s/%s/status' % (proc, pid)), re.M)
            if (ids and ids[1].split()[-1:] == [str(self.pid)]
                    and _start(proc, pid) == self.start):
                return True
        return False


def this_process(proc: str = '/proc') -> Process:
    """Describe the process that asks."""
    pid = os.getpid()
    return Process(pid, _start(proc, pid) or 0, _namespace(proc))


def _read(path: str) -> str:
    try:
        with open(path, encoding='utf-8', errors='replace') as stream:
            return stream.read()
    except OSError:
        return ''


def _start(proc: str, pid: int | str) -> int | None:
    """Find when a process started; None when it is gone or a zombie."""
    # The program's name, in parentheses, may itself contain anything.
    fields = _read('%s/%s/stat' % (proc, pid)).rpartition(')')[2].split()
    if len(fields) < 20 or fields[0] in _DEAD:
        return None
    return int(fields[19])


def _is_hidden(proc: str, pid: int) -> bool:
    """Tell whether a process of another user is there that is not shown.

    That is so where proc is mounted with hidepid, or systemd's ProtectProc.
    """
    try:
        os.kill(pid, 0)
    except PermissionError:
        return not _read('%s/%s/stat' % (proc, pid))
    except (OSError, OverflowError):
        pass
    return False


def _namespace(proc: str) -> str:
    try:
        return os.readlink('%s/self/ns/pid' % proc)
    except OSError:
        return ''


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
    process: Process
    agent: str
    device: str = ''
    generation: str = ''
    path: str = ''
    wwn: str = ''
    manager: str = ''
    port: int | None = None
    instance: str = ''

    def shares_with(self, other: 'User') -> bool:
        """Tell whether detaching it from one detaches it from both."""
        return (self.agent == other.agent
                or bool(self.device) and self.device == other.device)

    def has_device(self, host) -> bool:
        """Tell whether its device is still the one that it was given.

        :param host: the devices.Devices of this host
        """
        return bool(self.device) and (
            self.generation == host.generation(self.device))

    def is_instance(self, instance: str) -> bool:
        """Tell whether it is a certain instance, given by its id."""
        return bool(instance) and instance == self.instance

    @classmethod
    def from_dict(cls, fields: dict) -> 'User':
        """Read a user; raises KeyError, TypeError or ValueError."""
        return cls(
            token=str(fields['token']), kind=str(fields['kind']),
            process=Process(int(fields['pid']), int(fields['start']),
                            str(fields['namespace'])),
            # Earlier versions recorded it as it was spelt.
            agent=addresses.canonical(str(fields['agent'])),
            port=int(fields['port']) if fields.get('port') else None,
            **{name: str(fields.get(name, '')) for name in (
                'device', 'generation', 'path', 'wwn', 'manager',
                'instance')})

    def to_dict(self) -> dict:
        """Write a user, fit for JSON."""
        fields = dataclasses.asdict(self)
        return fields.pop('process') | fields


# Volumes --------------------------------------------------------------------

def check_name(volume: str) -> None:
    """Check what becomes part of a path, of commands and of messages."""
    if not _NAME.fullmatch(volume):
        raise exceptions.InvalidConnectionProperties(
            "'%s' is not the name of a Dsware volume: it must be 1 to 95 "
            "letters, digits and _ . -, and not start with - or ."
            % ascii(volume)[1:-1][:120])


def read_boot_id() -> str:
    """Identify this boot of the host."""
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
        self.directory = directory
        self._boot = boot_id or read_boot_id()
        self._proc = proc

    @property
    def this_boot(self) -> str:
        """Where the records of this boot are, in that directory."""
        return os.path.join(self.directory, self._boot)

    @contextlib.contextmanager
    def _opened(self, make: bool = False):
        with shared_directory.opened(self.directory, make) as root:
            with root.enter(self._boot, make) as directory:
                if make and not directory.exists(HOST):
                    # Should the directory be on a file system that hosts
                    # share, then each host removes only its own.
                    directory.replace(HOST, platform.node())
                    self._forget_earlier_boots(root)
                yield directory

    def _forget_earlier_boots(self, root) -> None:
        for name in root.names():
            if name != self._boot and host_of(root, name) == platform.node():
                LOG.info('Removing the records of volumes that were attached '
                         'before this host was booted: %s',
                         os.path.join(self.directory, name))
                root.remove_tree(name)

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
                "what mends it" % (self.directory, exc))

    # Locking ----------------------------------------------------------------

    @contextlib.contextmanager
    def lock(self, volume: str, timeout: float):
        """Keep every other process and thread of this host from a volume."""
        deadline = time.monotonic() + timeout
        with contextlib.ExitStack() as stack:
            with self._explained():
                directory = stack.enter_context(self._opened(make=True))
                descriptor = self._locked(directory, volume, deadline)
            stack.callback(_unlock, directory, volume, descriptor)
            yield

    def _locked(self, directory, volume: str, deadline: float) -> int:
        name = _file(volume, '.lock')
        while True:
            descriptor = directory.open_lock(name)
            try:
                _flock(descriptor, os.path.join(self.this_boot, name),
                       deadline)
                if directory.is_at(name, descriptor):
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            # Its last user removed it between our opening and locking it.
            os.close(descriptor)

    # Reading and writing ----------------------------------------------------

    def users(self, volume: str) -> list[User]:
        """List who uses a volume, as it was recorded since the boot."""
        name = _file(volume, '.json')
        try:
            record = json.loads(self._text(name))
            return [User.from_dict(fields) for fields in record['users']]
        except (ValueError, TypeError, LookupError, OverflowError,
                RecursionError) as exc:
            raise exceptions.StateError(
                "%s does not tell who uses volume %s on this host (%s: %s). "
                "If nobody does, remove that file"
                % (self.record(volume), volume, type(exc).__name__,
                   fsc_cli.printable(str(exc))))

    def _text(self, name: str) -> str:
        with self._explained():
            try:
                with self._opened() as directory:
                    return directory.read(name, _LONGEST)
            except FileNotFoundError:
                return '{"users": []}'

    def save(self, volume: str, users: list[User]) -> None:
        """Record all users of a volume; the caller holds its lock."""
        name = _file(volume, '.json')
        with self._explained(), self._opened(make=True) as directory:
            if users:
                directory.replace(name, json.dumps({
                    'format': _FORMAT, 'volume': volume,
                    'users': [user.to_dict() for user in users]}, indent=1))
            else:
                directory.remove(name)

    def volumes(self) -> list[str]:
        """List the volumes that have users on this host, sorted."""
        try:
            with self._opened() as directory:
                names = directory.names()
        except OSError:
            return []
        return [name.removesuffix('.json') for name in names
                if name.endswith('.json')]

    def everybody(self) -> Iterator[tuple[str, User]]:
        """Give all users, each with the name of its volume.

        What cannot be read is that volume's own trouble.
        """
        for volume in self.volumes():
            with contextlib.suppress(exceptions.DSWareError):
                yield from [(volume, user) for user in self.users(volume)]

    def alive(self, user: User) -> bool:
        """Tell whether a user may still need the volume."""
        return user.kind != LEFTOVER and (
            user.kind != PROCESS or user.process.alive(self._proc))

    def gone(self, user: User) -> bool:
        """Tell whether nobody will ever leave the volume for a user.

        Besides those who are not alive it is who attached a volume for an
        instance and ended before any path was handed out: no instance can
        have it.
        """
        return not self.alive(user) or not (
            user.path or user.process.alive(self._proc))

    def record(self, volume: str) -> str:
        """Name the file that tells who uses a volume."""
        return os.path.join(self.this_boot, _file(volume, '.json'))


def _file(volume: str, kind: str) -> str:
    check_name(volume)
    return volume + kind


def host_of(root, boot: str) -> str | None:
    """Tell which host the records of a boot are of, if that is known."""
    try:
        with root.enter(boot) as directory:
            return directory.read(HOST, _LONGEST)
    except (OSError, ValueError):
        return None


def _flock(descriptor: int, path: str, deadline: float) -> None:
    # Polled, as a blocking flock would stop all green threads.
    while True:
        with contextlib.suppress(BlockingIOError, PermissionError):
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if time.monotonic() > deadline:
            raise exceptions.StateError(
                "another process of this host has been attaching or "
                "detaching this volume for too long: %s is still locked"
                % path)
        time.sleep(_POLL)


def _unlock(directory, volume: str, descriptor: int) -> None:
    # Removed while it is locked, when nobody uses the volume: waiters notice
    # that theirs is not the one at the path any more.
    try:
        if not directory.exists(_file(volume, '.json')):
            directory.remove(_file(volume, '.lock'))
    except OSError as exc:
        LOG.debug('Lock file of %s stays: %s', volume, exc)
    finally:
        os.close(descriptor)
