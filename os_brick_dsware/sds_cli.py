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

"""The SDSHypervisor command line: what to run, and its text to read.

``sds_cli`` is the vendor's program on a host of SDSHypervisor, of the same
family as ``fsc_cli``. What it accepts and prints was learnt from os-brick's
HuaweiStorHyperConnector.
"""

import dataclasses
import re

from os_brick_dsware import fsc_cli

ATTACH = 'attach'
DETACH = 'detach'
QUERY = 'querydev'

#: What os-brick's own connector runs when it is not told otherwise.
DEFAULT_PROGRAM = '/usr/local/bin/sds/sds_cli'
#: The environment variable that tells os-brick's own connector otherwise.
PROGRAM_VARIABLE = 'HUAWEISDSHYPERVISORCLI_PATH'

_KEYS = ('ret_code', 'ret_desc', 'dev_addr')
_CODE = re.compile(r'-?[0-9]{1,18}')


@dataclasses.dataclass(frozen=True)
class Output:
    """What one run of the program said.

    :param result: the result code, 0 for success
    :param desc: the program's own words, fit for a message
    :param device: path of the volume's device; empty if it said none
    """

    result: int
    desc: str
    device: str


def command(program: str, action: str, volume: str) -> list[str]:
    """Build the argument list of one run."""
    return [fsc_cli.checked_program(program), '-c', action,
            '-v', fsc_cli.checked_value('volume', volume)]


def parse(text: str) -> Output:
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
    # With a failure the path means nothing.
    return Output(int(code),
                  fsc_cli.printable(found.get('ret_desc', ''),
                                    fsc_cli.MAX_TEXT),
                  fsc_cli.device_path(device)
                  if device and int(code) == 0 else '')
