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

"""What a host's command line program can do, as calls with typed answers.

The connector needs four things of a program: attach, detach, describe and a
name for messages. FSCAdapter gives them for ``fsc_cli``, SDSAdapter for
``sds_cli``; another program of the family needs only another adapter.

An adapter runs its program once a call and judges nothing: whether to repeat
is the connector's business.
"""

from collections.abc import Callable
import dataclasses
import functools
import os
import re

from oslo_concurrency import processutils

from os_brick_dsware import addresses
from os_brick_dsware import devices
from os_brick_dsware import exceptions
from os_brick_dsware import fsc_cli
from os_brick_dsware import processes
from os_brick_dsware import result_codes
from os_brick_dsware import sds_cli

_MIB = 1024 * 1024
_NUMBER = re.compile(r'[0-9]{1,18}')
#: The outer watch ends ``timeout`` itself, should it not do its work.
_MARGIN = 15
#: What ``timeout`` answers for a program that cannot be run, or is missing.
_NOT_RUN = (126, 127)
#: It was ended: timeout(1) says so, or was ended with it.
_ENDED = (124, 137, -9)
#: Bytes that a run may print: a listing, and anything else.
_LISTING = fsc_cli.MAX_OUTPUT
_ANSWER = fsc_cli.MAX_ANSWER
#: Stands for the agent's address with a program that takes none.
THIS_HOST = 'this-host'


@dataclasses.dataclass(frozen=True)
class Target:
    """Where a command goes.

    :param manager_ip: address of the cluster's management service
    :param agent_ip: address of this host's agent
    :param agent_port: its port, None for the program's default
    """

    manager_ip: str
    agent_ip: str
    agent_port: int | None = None


@dataclasses.dataclass(frozen=True)
class Reply:
    """What came of one run.

    :param kind: a class of result_codes
    :param text: what happened, in words fit for a message
    :param device: path of the device, if the answer named one
    :param size: bytes of the volume, if it was described
    :param wwn: World Wide Name of the volume, if it was described and the
        cluster knows one
    """

    kind: str
    text: str
    device: str = ''
    size: int | None = None
    wwn: str = ''


class _TooMuch(fsc_cli.OutputError):
    """The program printed more than it may."""


def _understood(parse: Callable, bound: int, out: str | None):
    if len(os.fsencode(out or '')) > bound:
        raise _TooMuch('it printed more than %d bytes' % bound)
    return parse(out or '')


class Adapter:
    """Runs a program and judges how the run ended."""

    #: Whether describe() tells the device of an attached volume.
    tells_device = False
    #: The option that names the program.
    option = ''
    #: Who must be able to run it.
    runner = ''

    def __init__(self, execute: Callable, program: str, timeout: int,
                 target: Target):
        """Nothing is run yet.

        :param execute: runs a command, like os-brick's executors
        :param program: name or path of the program
        :param timeout: seconds that one run may take
        :param target: where commands go
        """
        self._execute = execute
        self._program = program
        self._timeout = timeout
        self._target = target

    @property
    def name(self) -> str:
        """Who is asked, for messages."""
        return self._program

    @property
    def target(self) -> Target:
        """Where commands go."""
        return self._target

    def running(self, volume: str, proc: str = '/proc') -> list[int]:
        """Find runs of the program for a volume, whoever started them.

        :param volume: its name
        :param proc: where the proc file system is mounted
        :returns: ids of processes
        """
        return processes.running(self._program, {volume}, proc)

    def _run(self, argv: list[str], parse: Callable, changes: bool,
             bound: int = _ANSWER):
        """Run the program once.

        :param argv: the program and its arguments
        :param parse: understands what the program prints
        :param changes: whether it changes something
        :param bound: bytes that it may print
        :returns: (a Reply; what parse returned, None if it could not)
        :raises ConfigurationError: if the program cannot be run
        """
        # os-brick's own time limit signals the program once, and only it: a
        # shell script's children would keep the pipe open and the caller
        # waiting. timeout(1) ends the whole process group; only with this
        # signal does it leave nobody who ignored a more polite one.
        limit = ['timeout', '-s', 'KILL', str(self._timeout),
                 'sh', '-c', fsc_cli.BOUNDED, 'sh', str(bound + 1),
                 str(fsc_cli.MAX_MESSAGES)]
        understand = functools.partial(_understood, parse, bound)
        try:
            out, _err = self._execute(
                *limit, *argv, timeout=self._timeout + _MARGIN)
        except processutils.ProcessExecutionError as exc:
            return self._failed(understand, changes, exc)
        except OSError as exc:
            # The way to the privileged process broke while it was running.
            return self._unknown(changes, fsc_cli.printable(str(exc))), None
        try:
            said = understand(out)
        except fsc_cli.OutputError as exc:
            return self._unknown(changes, str(exc)), None
        return self._reply(changes, said), said

    def _failed(self, parse, changes, exc):
        """Judge a run that did not end well but may have said something."""
        try:
            said = parse(exc.stdout)
        except _TooMuch as error:
            return self._unknown(changes, str(error)), None
        except fsc_cli.OutputError:
            if exc.exit_code in _NOT_RUN:
                raise exceptions.ConfigurationError(
                    "%s cannot be run on this host (%s): option "
                    "%s in group os_brick must name the Dsware "
                    "command line program, which %s must be able to run"
                    % (self._program, self._ended(exc), self.option,
                       self.runner)) from None
            return self._unknown(changes, self._ended(exc)), None
        if said.result == 0:
            return self._unknown(changes, '%s after success'
                                 % self._ended(exc)), said
        return self._reply(changes, said), said

    def _reply(self, changes: bool, said) -> Reply:
        kind = result_codes.kind(said.result)
        words = result_codes.describe(said.result)
        if said.desc:
            words += ': ' + said.desc
        if kind == result_codes.UNKNOWN:
            return self._unknown(changes, words)
        return Reply(kind, '%s answered %s' % (self.name, words))

    def _unknown(self, changes: bool, words: str) -> Reply:
        kind = result_codes.UNKNOWN if changes else result_codes.RETRY
        return Reply(kind, '%s: %s' % (self.name, words))

    def _ended(self, exc: processutils.ProcessExecutionError) -> str:
        if exc.exit_code in _ENDED:
            return 'it did not end within %d s, or was killed' % (
                self._timeout)
        code = ('exit code %s' % exc.exit_code if exc.exit_code is not None
                else 'no exit code')
        said = fsc_cli.printable(
            (exc.stderr or exc.description or '').strip())
        return '%s: %s' % (code, said) if said else code


class FSCAdapter(Adapter):
    """Dsware's ``fsc_cli``; it runs as root."""

    option = 'dsware_fsc_cli'
    runner = 'root'

    @property
    def name(self) -> str:
        """Who is asked, for messages."""
        return '%s through agent %s' % (self._program, self._target.agent_ip)

    def running(self, volume: str, proc: str = '/proc') -> list[int]:
        """Find runs of the program for a volume, whoever started them.

        :param volume: its name
        :param proc: where the proc file system is mounted
        :returns: ids of processes; none of other agents' commands, on a
            machine that plays several hosts
        """
        agent = addresses.canonical(self._target.agent_ip)
        return processes.running(
            self._program, {volume}, proc,
            lambda argument: addresses.canonical(argument) == agent)

    def attach(self, volume: str) -> Reply:
        """Attach a volume or a snapshot to this host.

        :param volume: its name
        :returns: what came of it; of kind ATTACHED when it already was
        :raises ConfigurationError: if the program cannot be run
        """
        reply, records = self._call('attachVolume', changes=True,
                                    volName=volume)
        for record in records:
            reply = dataclasses.replace(reply, device=record['devName'])
        return reply

    def detach(self, volume: str) -> Reply:
        """Detach a volume or a snapshot from this host.

        :param volume: its name
        :returns: what came of it; of kind DETACHED when it already was
        :raises ConfigurationError: if the program cannot be run
        """
        return self._call('detachVolume', changes=True, volName=volume)[0]

    def describe(self, volume: str) -> Reply:
        """Ask the cluster what it knows of a volume or a snapshot.

        :param volume: its name
        :returns: what came of it; of kind OK with its size and wwn
        :raises ConfigurationError: if the program cannot be run
        """
        reply, records = self._call('queryVolume', changes=False,
                                    volName=volume)
        name, size = 'vol_name', 'vol_size'
        if reply.kind == result_codes.ABSENT:
            reply, records = self._call('querySnapshot', changes=False,
                                        snapName=volume)
            name, size = 'snap_name', 'snap_size'
        if reply.kind != result_codes.OK:
            return reply
        for record in records:
            if (record.get(name) == volume
                    and _NUMBER.fullmatch(record.get(size, ''))):
                return dataclasses.replace(
                    reply, size=int(record[size]) * _MIB,
                    wwn=record.get('wwn', ''))
        return Reply(result_codes.UNKNOWN,
                     '%s did not describe %s' % (self.name, volume))

    def version(self) -> tuple[Reply, str]:
        """Ask for the cluster's version, the cheapest of questions.

        :returns: (what came of it, the version; empty for an older cluster,
            which does not know the question)
        :raises ConfigurationError: if the program cannot be run
        """
        reply, records = self._call('getDSwareIdentifier', changes=False)
        return reply, ''.join(record['version'] for record in records)

    def wwns(self) -> tuple[Reply, dict[str, str]]:
        """List all volumes that have a World Wide Name.

        :returns: (what came of it, names of volumes by that name's digits)
        :raises ConfigurationError: if the program cannot be run
        """
        reply, pools = self._call('queryAllPoolInfo', changes=False)
        found: dict[str, str] = {}
        for pool in pools:
            if reply.kind == result_codes.OK:
                reply, records = self._call(
                    'queryAllVolume', changes=False, bound=_LISTING,
                    poolId=pool['pool_id'])
                found.update((devices.normal_wwn(record.get('wwn')),
                              record['vol_name']) for record in records)
        found.pop('', None)
        return reply, found

    def _call(self, op: str, changes: bool, bound: int = _ANSWER,
              **args: str) -> tuple[Reply, tuple[dict[str, str], ...]]:
        try:
            argv = fsc_cli.command(
                self._program, op, self._target.manager_ip,
                self._target.agent_ip, self._target.agent_port, args)
        except fsc_cli.ArgumentError as exc:
            raise exceptions.InvalidConnectionProperties(str(exc))
        reply, said = self._run(
            argv, functools.partial(fsc_cli.parse, op), changes, bound)
        return reply, said.records if said else ()


class SDSAdapter(Adapter):
    """SDSHypervisor's ``sds_cli``.

    It knows only this host, and of a volume only whether it is attached and
    as which device. os-brick's own connector runs it as the service's user.
    """

    tells_device = True
    option = 'dsware_sds_cli'
    runner = "the service's user"

    def attach(self, volume: str) -> Reply:
        """Attach a volume to this host.

        :param volume: its name
        :returns: what came of it; of kind ATTACHED when it already was
        :raises ConfigurationError: if the program cannot be run
        """
        reply = self._call(sds_cli.ATTACH, volume, changes=True)
        if reply.kind in (result_codes.OK, result_codes.ATTACHED):
            reply = dataclasses.replace(
                reply, device=self.describe(volume).device)
        return reply

    def detach(self, volume: str) -> Reply:
        """Detach a volume from this host.

        50151209, which os-brick's own connector takes for a success, leaves
        the outcome unknown: the program said that the VBS is not well, and
        not that the device is gone.

        :param volume: its name
        :returns: what came of it; of kind DETACHED when it already was
        :raises ConfigurationError: if the program cannot be run
        """
        return self._call(sds_cli.DETACH, volume, changes=True)

    def describe(self, volume: str) -> Reply:
        """Ask which device a volume has on this host.

        :param volume: its name
        :returns: what came of it; of kind OK with its device, of kind
            DETACHED or ABSENT when it is certain that it has none
        :raises ConfigurationError: if the program cannot be run
        """
        reply = self._call(sds_cli.QUERY, volume, changes=False)
        if reply.kind == result_codes.OK and not reply.device:
            return Reply(result_codes.RETRY, '%s did not name the device of '
                         '%s' % (self.name, volume))
        return reply

    def _call(self, action: str, volume: str, changes: bool) -> Reply:
        try:
            argv = sds_cli.command(self._program, action, volume)
        except fsc_cli.ArgumentError as exc:
            raise exceptions.InvalidConnectionProperties(str(exc))
        reply, said = self._run(argv, sds_cli.parse, changes)
        return dataclasses.replace(
            reply, device=said.device if said else '')
