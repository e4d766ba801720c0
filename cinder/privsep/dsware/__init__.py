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

"""``fsc_cli`` as root: what Cinder's privileged daemon runs for the driver.

:func:`run` is called in cinder-volume and carried out in the daemon, of which
every installation of Cinder has the filter. All that it is given is checked
there, whoever asks for it: an operation with exactly its arguments, each in
its form, and nothing else can be run.

It is not in the driver's package, since the daemon cannot import what
``cinder.volume`` imports.
"""

from collections.abc import Mapping
import os
import re
import selectors
import signal
import subprocess
import time

import cinder.privsep
from os_brick_dsware import fsc_cli

PROGRAM = 'fsc_cli'
# Seconds, whatever the caller says.
_LONGEST = 3600
# Bytes that are read at a time.
_PART = 64 * 1024
_LATE = 'it did not end in time'

_NAME = r'[A-Za-z0-9_][A-Za-z0-9_.-]{0,94}'
_NAMES = rf'{_NAME}(,{_NAME})*'
_ID = r'[0-9]{1,18}'
_MIB = r'[1-9][0-9]{0,17}'
_FLAG = r'[01]'
_ADDRESS = r'(?!.{254})[A-Za-z0-9_:][A-Za-z0-9_.:-]*(%[A-Za-z0-9_.-]+)?'
_PORT = r'[1-9][0-9]{0,4}'
_LIMITS = dict.fromkeys(fsc_cli.QOS_LIMITS, r'[0-9]{1,18}')

#: What may be run: each operation, and the form of each of its arguments.
OPERATIONS = {
    'getDSwareIdentifier': {},
    'queryAllPoolInfo': {},
    'queryPoolInfo': {'poolId': _ID},
    'queryVolume': {'volName': _NAME},
    'querySnapshot': {'snapName': _NAME},
    'queryAllVolume': {'poolId': _ID},
    'queryAllSnapshot': {'poolId': _ID},
    'querySnapOfVolume': {'volName': _NAME},
    'createVolume': {'volName': _NAME, 'poolId': _ID, 'volSize': _MIB,
                     'thinFlag': _FLAG},
    'deleteVolume': {'volName': _NAME},
    'expandVolume': {'volName': _NAME, 'volSize': _MIB},
    'createSnapshot': {'volName': _NAME, 'snapName': _NAME, 'smartFlag': '0'},
    'activeSnapshots': {'volNameList': _NAMES, 'snapNameList': _NAMES},
    'deleteSnapshot': {'snapName': _NAME},
    'createVolumeFromSnap': {'volName': _NAME, 'volSize': _MIB,
                             'snapNameSrc': _NAME},
    'createFullVolumeFromSnap': {'volName': _NAME, 'snapName': _NAME},
    'migrateVolumeCold': {'volNameSrc': _NAME, 'poolIdDst': _ID},
    'rollbackSnapshot': {'snapName': _NAME, 'volName': _NAME},
    'attachVolume': {'volName': _NAME},
    'detachVolume': {'volName': _NAME},
    'detachVolumeByIp': {'volName': _NAME, 'detachIp': _ADDRESS},
    'createQoS': {'qosName': _NAME, **_LIMITS},
    'setQoS': {'qosName': _NAME, **_LIMITS},
    'deleteQoS': {'qosName': _NAME},
    'associateQoSWithVolume': {'qosName': _NAME, 'volName': _NAME},
    'disassociateQoSWithVolume': {'qosName': _NAME, 'volName': _NAME},
    'queryVolumeQoSInfo': {'volName': _NAME},
}


class NotStarted(Exception):
    """The program cannot be started, now or later."""


class TooLate(Exception):
    """The time was over before the program could be started."""


class Killed(Exception):
    """The program was killed; what it had done by then is not known."""


@cinder.privsep.sys_admin_pctxt.entrypoint
def run(op: str, manage_ip: str, agent_ip: str, port: int,
        args: Mapping[str, str | int], until: float
        ) -> tuple[int, bytes, bytes]:
    """Run ``fsc_cli`` once, as root.

    :param op: the operation
    :param manage_ip: address of the manager
    :param agent_ip: address of the agent
    :param port: the agent's port
    :param args: exactly the arguments of the operation
    :param until: when it is killed, by the monotonic clock of this host
    :returns: its exit code, and what it printed to standard output and
        error; of the latter the first 64 KiB
    :raises ArgumentError: the operation or an argument is none that may be
    :raises NotStarted: there is no such program, or it cannot be executed
    :raises TooLate: the time is over, and the program was not started
    :raises Killed: it did not end in time, or printed too much
    """
    argv = command(op, manage_ip, agent_ip, port, args)
    # Of a number that is none every comparison is false.
    seconds = min(_checked('until', until, (int, float)) - time.monotonic(),
                  _LONGEST)
    if not seconds > 0:
        raise TooLate('no time was left to start it')
    return _run(argv, time.monotonic() + seconds, fsc_cli.bound(op))


def command(op: str, manage_ip: str, agent_ip: str, port: int,
            args: Mapping[str, str | int]) -> list[str]:
    """Build the argument list of one run, if it may be run.

    :returns: the program and its arguments
    :raises ArgumentError: see :func:`run`
    """
    shapes = OPERATIONS.get(_checked('op', op, str))
    if shapes is None:
        raise fsc_cli.ArgumentError("operation '%s' is none of the driver's"
                                    % fsc_cli.printable(op))
    if set(_checked('args', args, Mapping)) != set(shapes):
        raise fsc_cli.ArgumentError('%s takes the arguments %s' % (
            op, ', '.join(shapes) or 'none'))
    _match('manage_ip', manage_ip, _ADDRESS)
    _match('ip', agent_ip, _ADDRESS)
    _match('port', port, _PORT)
    for key, shape in shapes.items():
        _match(key, args[key], shape)
    return fsc_cli.command(PROGRAM, op, manage_ip, agent_ip, port,
                           {key: args[key] for key in shapes})


def _checked(what, value, kind):
    if isinstance(value, bool) or not isinstance(value, kind):
        raise fsc_cli.ArgumentError('%s is a %s' % (
            what, type(value).__name__))
    return value


def _match(key, value, shape):
    text = str(_checked(key, value, (str, int)))
    if not re.fullmatch(shape, text, re.ASCII):
        raise fsc_cli.ArgumentError(
            "%s '%s' cannot be given to the Dsware command line"
            % (key, fsc_cli.printable(text)))


def _run(argv, until, bound):
    try:
        process = subprocess.Popen(
            argv, bufsize=0, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True)
    except OSError as error:
        raise NotStarted(str(error)) from None
    with process:
        try:
            printed = _read(process, until, bound)
            process.wait(max(until - time.monotonic(), 0))
        except BaseException as error:
            # With all that it has started. Nobody else can have its number,
            # since it was not waited for.
            os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise Killed(_LATE) from None
            raise
    return process.returncode, *printed


def _read(process, until, bound):
    """Read what a program prints, to the end."""
    printed = {process.stdout: bytearray(), process.stderr: bytearray()}
    with selectors.DefaultSelector() as selector:
        for stream in printed:
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            seconds = until - time.monotonic()
            ready = selector.select(seconds) if seconds > 0 else ()
            if not ready:
                raise Killed(_LATE)
            for stream in [key.fileobj for key, _events in ready]:
                part = stream.read(_PART)
                if not part:
                    selector.unregister(stream)
                printed[stream] += part
            if len(printed[process.stdout]) > bound:
                raise Killed('it printed more than %d bytes' % bound)
            del printed[process.stderr][fsc_cli.MAX_MESSAGES:]
    return tuple(map(bytes, printed.values()))
