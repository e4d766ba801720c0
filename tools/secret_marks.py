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

"""Secrets for tests, that can be told from all else in any output.

Each has a mark in it, for which all that a run of the tests leaves is
searched. The mark is not in this file, so that the tests may be printed.
"""

import base64

MARK = 'Zq'.join(('7hidden', '8from', '9all', '0output'))


def secret(name):
    """Make a secret.

    :param name: letters and digits that tell it from others
    :returns: a text with the mark; it has nothing that is escaped anywhere
    """
    return MARK + name


def forms(mark=MARK):
    """Give what the mark may look like in an output.

    :param mark: the mark
    :returns: a tuple of bytes: as it is, in hexadecimal digits and in base64
        at each of the places that it may have in there
    """
    plain = mark.encode()
    found = [plain, plain.hex().encode()]
    for offset in range(3):
        # Whole groups of three bytes, so that what is around has no part.
        aligned = plain[offset:]
        aligned = aligned[:len(aligned) // 3 * 3]
        found.append(base64.b64encode(aligned))
    return tuple(found)
