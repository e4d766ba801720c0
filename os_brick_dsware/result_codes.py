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

"""Result codes of a Dsware cluster, as far as they have been published.

They are in result_codes.csv, which the documentation shows too; those after
the line where the numbers start anew, with 31000000, only REST has. Numbers
and names were gathered from openly licensed code: OpenStack Cinder's first
FusionStorage driver (Newton), Huawei's FusionStorage_OpenStack_Driver,
OpenSDS dock and os-brick's HuaweiStorHyperConnector. The class says what a
caller may conclude:

ok        done
exists    the object is already there
absent    the object is not there
busy      refused because of the object's state; nothing was changed
retry     refused now; nothing was changed; worth trying again
unknown   the cluster cannot say whether it was done
capacity  no room, or a limit was reached
invalid   the request is wrong; never worth trying again
attached  already attached there
detached  not attached there
denied    credentials are missing or were refused
fault     the object or the pool is broken
"""

import csv
from importlib import resources
import types

# Those that somebody asks for.
OK = 'ok'
ABSENT = 'absent'
BUSY = 'busy'
RETRY = 'retry'
UNKNOWN = 'unknown'
INVALID = 'invalid'
ATTACHED = 'attached'
DETACHED = 'detached'
DENIED = 'denied'


def _read(name: str) -> dict[int, tuple[str, str, str]]:
    with resources.files(__package__).joinpath(name).open(
            encoding='ascii', newline='') as table:
        return {int(row['code']): (row['name'], row['class'], row['meaning'])
                for row in csv.DictReader(table)}


#: code: (name, class, meaning)
CODES = types.MappingProxyType(_read('result_codes.csv'))


def kind(code: int) -> str:
    """Say what may be concluded from a code.

    :param code: a result code
    :returns: its class; UNKNOWN for a code that is not in the table
    """
    return CODES[code][1] if code in CODES else UNKNOWN


def describe(code: int) -> str:
    """Put a code in words.

    :param code: a result code
    :returns: the code, its name and its meaning
    """
    if code not in CODES:
        return '%d (a code that is not known)' % code
    name, _kind, meaning = CODES[code]
    return '%d %s (%s)' % (code, name, meaning)
