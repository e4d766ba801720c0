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

"""The result codes of the Dsware management interface.

Codes, names and meanings are published facts; the class says what a code
tells the client to do (see :class:`ResultClass`). The table itself is shared
with the connector, in its module of this name: add a code there.
"""

from collections.abc import Mapping
import dataclasses
import enum
import types

from os_brick_dsware import result_codes as published


class ResultClass(enum.Enum):
    """What a result code tells the client."""

    OK = 'ok'
    EXISTS = 'exists'
    ABSENT = 'absent'
    BUSY = 'busy'
    RETRY = 'retry'
    UNKNOWN = 'unknown'
    CAPACITY = 'capacity'
    INVALID = 'invalid'
    ATTACHED = 'attached'
    DETACHED = 'detached'
    DENIED = 'denied'
    FAULT = 'fault'

    @classmethod
    def _missing_(cls, _value):
        """Stand in for a class that a later os-brick has added."""
        return cls.UNKNOWN


@dataclasses.dataclass(frozen=True)
class ResultCode:
    """One result code.

    :ivar code: the number on the wire
    :ivar name: the symbolic name of the code
    :ivar result_class: the :class:`ResultClass`
    :ivar meaning: what the cluster means by it, for people
    """

    code: int
    name: str
    result_class: ResultClass
    meaning: str


OK = 0
QOS_NOT_EXIST = -157210
UNAUTHORIZED = 10000003
OPERATION_NOT_SUPPORTED = 50150002
VOLUME_NOT_EXIST = 50150005
SNAPSHOT_NOT_EXIST = 50150006
SPACE_NOT_ENOUGH = 50150009
NODE_IN_USE = 50150013
POOL_NOT_EXIST = 50150021
VOLUME_STATUS_WRONG = 50150104
VOLUME_SIZE_INVALID = 50151003
POOL_ID_NOT_IN_USE = 50151010
VOLUME_IS_MIGRATING = 50151211
SNAPSHOT_CHILD_TOO_MUCH = 50152401
DUPLICATE_LIMIT = 50152501
SNAPSHOT_BEYOND_MAX = 50152502
SNAPSHOT_IS_ROLLING_BACK = 50153010
BRANCH_LEVEL_BEYOND_MAX = 50153012
SNAPSHOT_VOLUME_MISMATCH = 50153014
OPERATION_UNKNOWN = 50500001


def read(codes: Mapping[int, tuple[str, str, str]]
         ) -> Mapping[int, ResultCode]:
    """Read a table of result codes.

    :param codes: name, class and meaning of each code
    """
    return types.MappingProxyType({
        code: ResultCode(code, name, ResultClass(kind), meaning)
        for code, (name, kind, meaning) in codes.items()})


#: Every published result code, by number.
RESULT_CODES = read(published.CODES)


def describe(code):
    """Describe a result code for people.

    :param code: the number that the cluster answered
    :returns: ``NAME: meaning``, or a note that the code is not published
    """
    known = RESULT_CODES.get(code)
    if known is None:
        return 'code not in the published table'
    return f'{known.name}: {known.meaning}'


def classify(code, changes):
    """Tell the class of a result code.

    A code that is not in the table says nothing about what happened: after
    a change the outcome is unknown, a query may simply be repeated.

    :param code: the number that the cluster answered
    :param changes: whether the operation changes something
    :returns: the :class:`ResultClass`
    """
    known = RESULT_CODES.get(code)
    if known is not None:
        return known.result_class
    return ResultClass.UNKNOWN if changes else ResultClass.RETRY
