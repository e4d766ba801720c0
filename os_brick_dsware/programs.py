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
name for messages. FSCCli gives them for ``fsc_cli``; another program of the
family needs only another class.

A program is run once a call and nothing is judged: whether to repeat is the
connector's business.
"""

from collections.abc import Callable
import dataclasses
import functools
import os
import re

from oslo_concurrency import processutils

from os_brick_dsware import addresses
from os_brick_dsware import exceptions
from os_brick_dsware import fsc_cli
from os_brick_dsware import result_codes

_MIB = 1024 * 1024
_NUMBER = re.compile(r'[0-9]{1,18}')
#: The outer watch ends ``timeout`` itself, should it not do its work.
_MARGIN = 15
#: What ``timeout`` answers for a program that cannot be run, or is missing.
_NOT_RUN = (126, 127)
#: It was ended: timeout(1) says so, or was ended with it.
_ENDED = (124, 137, -9)
#: Stands for the agent's address with a program that takes none.
THIS_HOST = 'this-host'
#: Runs the arguments after the first two, which are how many bytes of their
#: standard output and error are let through. Who prints more is ended by the
#: signal for a broken pipe: those who run programs for us collect all there
#: is, in their memory, before we see any of it.
BOUNDED = '''exec 4>&1
out=$1 err=$2
shift 2
status=$({ { { "$@" 3>&- 4>&- 5>&-; echo $? >&3; } 2>&1 >&5 5>&- |
    head -c "$err" >&2 3>&- 4>&- 5>&-; } 5>&1 |
    head -c "$out" >&4 3>&- 4>&-; } 3>&1)
exit "$status"'''


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


@dataclasses.dataclass(frozen=True)
class Runner:
    """Runs a program, and tells what came of it.

    :param execute: runs a command, like os-brick's executors
    :param program: name or path of the program
    :param timeout: seconds that one run may take
    :param name: who is asked, for messages
    :param needs: which option names the program, and who runs it
    """

    execute: Callable
    program: str
    timeout: int
    name: str
    needs: str

    def run(self, argv: list[str], parse: Callable, changes: bool,
            bound: int = fsc_cli.MAX_ANSWER):
        """Run the program once.

        :param argv: the program and its arguments
        :param parse: understands what the program prints
        :param changes: whether it changes something
        :param bound: bytes that it may print
        :returns: (a Reply, records)
        :raises ConfigurationError: if the program cannot be run
        """
        # os-brick's own time limit signals the program once, and only it: a
        # shell script's children would keep the pipe open and the caller
        # waiting. timeout(1) ends the whole process group; only with this
        # signal does it leave nobody who ignored a more polite one.
        limit = ['timeout', '-s', 'KILL', str(self.timeout),
                 'sh', '-c', BOUNDED, 'sh', str(bound + 1),
                 str(fsc_cli.MAX_MESSAGES)]
        failed = None
        try:
            printed, _err = self.execute(
                *limit, *argv, timeout=self.timeout + _MARGIN)
        except processutils.ProcessExecutionError as exc:
            failed, printed = exc, exc.stdout or ''
        except OSError as exc:
            # The way to the privileged process broke while it was running.
            return self._unknown(changes, fsc_cli.printable(str(exc))), ()
        if len(os.fsencode(printed)) > bound:
            return self._unknown(
                changes, 'it printed more than %d bytes' % bound), ()
        return self._judged(parse, printed, changes, failed)

    def _judged(self, parse, printed, changes, failed):
        """Judge a run, which may have said something and yet have failed."""
        ended = self._ended(failed) if failed else ''
        try:
            said = parse(printed)
        except fsc_cli.OutputError as exc:
            if failed and failed.exit_code in _NOT_RUN:
                raise exceptions.ConfigurationError(
                    "%s cannot be run on this host (%s): %s must be able to "
                    "run" % (self.program, ended, self.needs)) from None
            return self._unknown(changes, ended or str(exc)), ()
        if failed and said.result == 0:
            reply = self._unknown(changes, '%s after success' % ended)
        else:
            reply = self._reply(changes, said)
        return dataclasses.replace(reply, device=said.device), said.records

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
            return 'it did not end within %d s, or was killed' % self.timeout
        code = ('exit code %s' % exc.exit_code if exc.exit_code is not None
                else 'no exit code')
        said = fsc_cli.printable(
            (exc.stderr or exc.description or '').strip())
        return '%s: %s' % (code, said) if said else code


def runs(argv: list[str], program: str, volume: str) -> bool:
    """Tell whether a process runs a program for a volume."""
    return volume in argv and (
        program in argv or program in map(os.path.basename, argv))


class FSCCli:
    """Dsware's ``fsc_cli``; it runs as root."""

    #: Whether describe() tells the device of an attached volume.
    tells_device = False

    def __init__(self, execute: Callable, program: str, timeout: int,
                 target: Target):
        """Nothing is run yet; see Runner."""
        self._program = program
        self.target = target
        self._runner = Runner(
            execute, program, timeout,
            '%s through agent %s' % (program, target.agent_ip),
            'option dsware_fsc_cli in group os_brick must name the Dsware '
            'command line program, which root')

    def is_run(self, argv: list[str], volume: str) -> bool:
        """Tell whether a process runs the program for a volume.

        Who waits for it, such as timeout(1) or sudo, does too. On a machine
        that plays several hosts others' agents have commands of their own.
        """
        agent = addresses.canonical(self.target.agent_ip)
        return runs(argv, self._program, volume) and any(
            addresses.canonical(argument) == agent for argument in argv)

    def attach(self, volume: str) -> Reply:
        """Attach a volume; ATTACHED when it already was."""
        return self.call('attachVolume', changes=True, volName=volume)[0]

    def detach(self, volume: str) -> Reply:
        """Detach a volume; DETACHED when it already was."""
        return self.call('detachVolume', changes=True, volName=volume)[0]

    def describe(self, volume: str) -> Reply:
        """Ask for the size and World Wide Name of a volume."""
        reply, records = self.call('queryVolume', volName=volume)
        if reply.kind != result_codes.OK:
            return reply
        for record in records:
            size = record.get('vol_size', '')
            if record['vol_name'] == volume and _NUMBER.fullmatch(size):
                return dataclasses.replace(
                    reply, size=int(size) * _MIB,
                    wwn=record.get('wwn', ''))
        return Reply(result_codes.UNKNOWN, '%s did not describe %s'
                     % (self._runner.name, volume))

    def call(self, op: str, changes: bool = False, **args: str
             ) -> tuple[Reply, tuple[dict[str, str], ...]]:
        """Run an operation.

        :param op: its name
        :param changes: whether it changes something
        :param args: its arguments
        :returns: (what came of it, records)
        :raises ConfigurationError: if the program cannot be run
        """
        try:
            argv = fsc_cli.command(
                self._program, op, self.target.manager_ip,
                self.target.agent_ip, self.target.agent_port, args)
        except fsc_cli.ArgumentError as exc:
            raise exceptions.InvalidConnectionProperties(str(exc))
        return self._runner.run(
            argv, functools.partial(fsc_cli.parse, op), changes,
            fsc_cli.bound(op))
