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

"""The result codes that the driver knows by name.

The table of all of them, which the connector has, too, is
os_brick_dsware/result_codes.csv.
Another code is a line there, of a class that is explained in
os_brick_dsware/result_codes.py.
It gets a name here only when the driver does something special.
"""

from os_brick_dsware import result_codes as published

OK = 0
QOS_NOT_EXIST = -157210
UNAUTHORIZED = 10000003
ADDRESS_LOCKED = 1077949071
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


#: Name, class and meaning of every published result code, by number.
RESULT_CODES = published.CODES


def describe(code):
    """Describe a result code for people.

    :param code: the number that the cluster answered
    :returns: ``NAME: meaning``, or a note that the code is not published
    """
    if code not in RESULT_CODES:
        return 'code not in the published table'
    name, _class, meaning = RESULT_CODES[code]
    return f'{name}: {meaning}'


def classify(code, changes):
    """Tell the class of a result code.

    A code that is not in the table says nothing about what happened: after
    a change the outcome is unknown, a query may simply be repeated.

    :param code: the number that the cluster answered
    :param changes: whether the operation changes something
    :returns: the class, as the table names it
    """
    if code not in RESULT_CODES:
        return published.UNKNOWN if changes else published.RETRY
    return RESULT_CODES[code][1]
