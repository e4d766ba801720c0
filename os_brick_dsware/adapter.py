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
name for messages. FSCAdapter gives them for ``fsc_cli``; another program of
the family needs only another adapter.

An adapter runs its program once a call and judges nothing: whether to repeat
is the connector's business.
"""

from collections.abc import Callable
import dataclasses
import re

from oslo_concurrency import processutils

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
    :param device: path of the device, if the answer to attach named one
    :param size: bytes of the volume, if it was described
    :param wwn: World Wide Name of the volume, if it was described and the
        cluster knows one
    """

    kind: str
    text: str
    device: str = ''
    size: int | None = None
    wwn: str = ''


class FSCAdapter:
    """Dsware's ``fsc_cli``."""

    def __init__(self, execute: Callable, program: str, timeout: int,
                 target: Target):
        """Nothing is run yet.

        :param execute: runs a command as root, like os-brick's executors
        :param program: name or path of ``fsc_cli``
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
        return '%s through agent %s' % (self._program, self._target.agent_ip)

    def attach(self, volume: str) -> Reply:
        """Attach a volume or a snapshot to this host.

        :param volume: its name
        :returns: what came of it; of kind ATTACHED when it already was
        :raises ConfigurationError: if the program cannot be run
        """
        reply, records = self._run('attachVolume', changes=True,
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
        return self._run('detachVolume', changes=True, volName=volume)[0]

    def describe(self, volume: str) -> Reply:
        """Ask the cluster what it knows of a volume or a snapshot.

        :param volume: its name
        :returns: what came of it; of kind OK with its size and wwn
        :raises ConfigurationError: if the program cannot be run
        """
        reply, records = self._run('queryVolume', changes=False,
                                   volName=volume)
        name, size = 'vol_name', 'vol_size'
        if reply.kind == result_codes.ABSENT:
            reply, records = self._run('querySnapshot', changes=False,
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

    # Running ----------------------------------------------------------------

    def _run(self, op: str, changes: bool,
             **args: str) -> tuple[Reply, tuple[dict[str, str], ...]]:
        # os-brick's own time limit signals the program once, and only it: a
        # shell script's children would keep the pipe open and the caller
        # waiting. timeout(1) ends the whole process group; only with this
        # signal does it leave nobody who ignored a more polite one.
        argv = ['timeout', '-s', 'KILL', str(self._timeout)]
        try:
            argv += fsc_cli.command(
                self._program, op, self._target.manager_ip,
                self._target.agent_ip, self._target.agent_port, args)
        except fsc_cli.ArgumentError as exc:
            raise exceptions.InvalidConnectionProperties(str(exc))
        try:
            out, _err = self._execute(
                *argv, timeout=self._timeout + _MARGIN)
        except processutils.ProcessExecutionError as exc:
            return self._failed(op, changes, exc)
        except OSError as exc:
            # The way to the privileged process broke while it was running.
            return self._unknown(changes, fsc_cli.printable(str(exc))), ()
        return self._understood(op, changes, out)

    def _failed(self, op, changes, exc):
        """Judge a run that did not end well but may have said something."""
        try:
            said = fsc_cli.parse(op, exc.stdout or '')
        except fsc_cli.OutputError:
            if exc.exit_code in _NOT_RUN:
                raise exceptions.ConfigurationError(
                    "%s cannot be run on this host (%s): option "
                    "dsware_fsc_cli in group os_brick must name the Dsware "
                    "command line program, which root must be able to run"
                    % (self._program, self._ended(exc)))
            return self._unknown(changes, self._ended(exc)), ()
        if said.result == 0:
            return self._unknown(changes, '%s after success'
                                 % self._ended(exc)), said.records
        return self._reply(changes, said), said.records

    def _understood(self, op, changes, out):
        try:
            said = fsc_cli.parse(op, out or '')
        except fsc_cli.OutputError as exc:
            return self._unknown(changes, str(exc)), ()
        return self._reply(changes, said), said.records

    def _reply(self, changes: bool, said: fsc_cli.Output) -> Reply:
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
            return 'it did not end within %d s' % self._timeout
        code = ('exit code %s' % exc.exit_code if exc.exit_code is not None
                else 'no exit code')
        said = fsc_cli.printable(
            (exc.stderr or exc.description or '').strip())
        return '%s: %s' % (code, said) if said else code
