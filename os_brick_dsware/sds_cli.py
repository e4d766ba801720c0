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

"""The SDSHypervisor command line: what is run, read and answered.

``sds_cli`` is the vendor's program on a host of SDSHypervisor, of the same
family as ``fsc_cli``. What it accepts and prints was learnt from os-brick's
HuaweiStorHyperConnector.
"""

from collections.abc import Callable
import dataclasses
import re

from os_brick_dsware import exceptions
from os_brick_dsware import fsc_cli
from os_brick_dsware import programs
from os_brick_dsware import result_codes

ATTACH = 'attach'
DETACH = 'detach'
QUERY = 'querydev'

#: What os-brick's own connector runs when it is not told otherwise.
DEFAULT_PROGRAM = '/usr/local/bin/sds/sds_cli'
#: The environment variable that tells os-brick's own connector otherwise.
PROGRAM_VARIABLE = 'HUAWEISDSHYPERVISORCLI_PATH'

_KEYS = ('ret_code', 'ret_desc', 'dev_addr')
_CODE = re.compile(r'-?[0-9]{1,18}')


def command(program: str, action: str, volume: str) -> list[str]:
    """Build the argument list of one run."""
    return [fsc_cli.checked_program(program), '-c', action,
            '-v', fsc_cli.checked_value('volume', volume)]


def parse(text: str) -> fsc_cli.Output:
    """Understand what one run of the program printed."""
    if len(text) > fsc_cli.MAX_LINE:
        raise fsc_cli.OutputError(
            "output of %d characters is too long (at most %d)"
            % (len(text), fsc_cli.MAX_LINE))
    found: dict[str, str] = {}
    for line in text.removeprefix('\ufeff').split('\n'):
        # No pattern: one for blanks around a text with blanks takes time
        # that grows with the square of their number.
        key, equals, value = (part.strip() for part in line.partition('='))
        if equals and key in _KEYS and found.setdefault(key, value) != value:
            raise fsc_cli.OutputError(
                "%s contradicts an earlier one: '%s'"
                % (key, fsc_cli.printable(line)))
    code, device = found.get('ret_code', ''), found.get('dev_addr', '')
    if not _CODE.fullmatch(code):
        raise fsc_cli.OutputError("no ret_code= line with a number in '%s'"
                                  % fsc_cli.printable(text.strip()))
    desc = fsc_cli.printable(found.get('ret_desc', ''), fsc_cli.MAX_TEXT)
    if int(code) or not device:
        # With a failure the path means nothing.
        return fsc_cli.Output(int(code), desc, ())
    return fsc_cli.Output(
        0, desc, ({'devName': fsc_cli.device_path(device)},))


class SDSCli:
    """SDSHypervisor's ``sds_cli``; it runs as the service's user.

    It knows only this host, and of a volume only whether it is attached and
    as which device.
    """

    tells_device = True

    def __init__(self, execute: Callable, program: str, timeout: int,
                 target: programs.Target):
        """Nothing is run yet; see programs.Runner."""
        self._program = program
        self.target = target
        self._runner = programs.Runner(
            execute, program, timeout, program,
            'option dsware_sds_cli in group os_brick must name the Dsware '
            "command line program, which the service's user")

    def is_run(self, argv: list[str], volume: str) -> bool:
        """Tell whether a process runs the program for a volume."""
        return programs.runs(argv, self._program, volume)

    def attach(self, volume: str) -> programs.Reply:
        """Attach a volume; ATTACHED when it already was."""
        reply = self._call(ATTACH, volume, changes=True)
        if reply.kind in (result_codes.OK, result_codes.ATTACHED):
            reply = dataclasses.replace(
                reply, device=self.describe(volume).device)
        return reply

    def detach(self, volume: str) -> programs.Reply:
        """Detach a volume; DETACHED when it already was.

        50151209, which os-brick's own connector takes for a success, leaves
        the outcome unknown: the program said that the VBS is not well, and
        not that the device is gone.
        """
        return self._call(DETACH, volume, changes=True)

    def describe(self, volume: str) -> programs.Reply:
        """Ask which device a volume has; DETACHED or ABSENT for none."""
        reply = self._call(QUERY, volume, changes=False)
        if reply.kind == result_codes.OK and not reply.device:
            return programs.Reply(
                result_codes.RETRY, '%s did not name the device of %s'
                % (self._program, volume))
        return reply

    def _call(self, action: str, volume: str, changes: bool) -> programs.Reply:
        try:
            argv = command(self._program, action, volume)
        except fsc_cli.ArgumentError as exc:
            raise exceptions.InvalidConnectionProperties(str(exc))
        return self._runner.run(argv, parse, changes)[0]
