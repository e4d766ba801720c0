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

"""Blocks that tell of which volume, offset and generation they are.

A block has eight sectors, each with all of that and a checksum of its own, so
that what is torn is told from what is corrupt.
"""

import collections
import random
import struct
import zlib

SIZE = 4096
_SECTOR = 512
_SECTORS = SIZE // _SECTOR
MAGIC = b'dswdata1'
# Magic, owner, offset, generation, number of the sector.
_HEADER = struct.Struct('>8s16sQQB')
_CHECKSUM = struct.Struct('>I')
_FILLING = _SECTOR - _HEADER.size - _CHECKSUM.size
ZEROS = bytes(SIZE)

Mark = collections.namedtuple('Mark', 'owner generation')
Mark.__doc__ = """What a block is.

:param owner: 16 bytes, the id of the volume that it was written to
:param generation: number of the write, from 1 on
"""


class Wrong(Exception):
    """A block is not what it has to be."""


class Corrupt(Wrong):
    """A block is neither zeros nor what was ever written."""


class Torn(Wrong):
    """A block has sectors of more than one write."""


class Misplaced(Wrong):
    """A block was written to another offset."""


class Foreign(Wrong):
    """A block is of a volume whose data should not be here."""


class Stale(Wrong):
    """A block is of an older generation than it should be."""


class Early(Wrong):
    """A block is of a generation that was written later."""


class Lost(Wrong):
    """A block is zeros although it was written."""


class NotZero(Wrong):
    """A block has data although nothing was written there."""


def encode(mark, offset):
    """Make a block.

    :param mark: a :class:`Mark`
    :param offset: its place in bytes
    :returns: SIZE bytes
    """
    filling = random.Random('%s %d %d' % (
        mark.owner.hex(), offset, mark.generation)).randbytes(_FILLING)
    made = bytearray()
    for number in range(_SECTORS):
        content = _HEADER.pack(MAGIC, mark.owner, offset, mark.generation,
                               number) + filling
        made += content + _CHECKSUM.pack(zlib.crc32(content))
    return bytes(made)


def decode(block, offset):
    """Read a block.

    :param block: SIZE bytes
    :param offset: where they were found
    :returns: its :class:`Mark`, None for zeros
    :raises Wrong: it is corrupt, torn or misplaced
    """
    if block == ZEROS:
        return None
    found = {_sector(block, number, offset) for number in range(_SECTORS)}
    if len(found) > 1:
        raise Torn('at %d: sectors of %s' % (offset, sorted(map(str,
                                                                found))))
    mark, place = found.pop()
    if place != offset:
        raise Misplaced('at %d: a block of offset %d' % (offset, place))
    return mark


def _sector(block, number, offset):
    sector = block[number * _SECTOR:(number + 1) * _SECTOR]
    if not any(sector):
        # A part of a block that was not written.
        return None, offset
    content = sector[:-_CHECKSUM.size]
    (checksum,) = _CHECKSUM.unpack(sector[-_CHECKSUM.size:])
    magic, owner, place, generation, told = _HEADER.unpack(
        content[:_HEADER.size])
    if (magic, told, checksum) != (MAGIC, number, zlib.crc32(content)):
        raise Corrupt('at %d: sector %d is damaged' % (offset, number))
    return Mark(owner, generation), place


def compare(found, wanted, offset):
    """Tell what is wrong with a block.

    :param found: its :class:`Mark`, None for zeros
    :param wanted: the one that it should have, None for zeros
    :param offset: its place
    :raises Wrong: it differs
    """
    if found == wanted:
        return
    text = 'at %d: found %s instead of %s' % (offset, found, wanted)
    if found is None:
        raise Lost(text)
    if wanted is None:
        raise NotZero(text)
    if found.owner != wanted.owner:
        raise Foreign(text)
    if found.generation < wanted.generation:
        raise Stale(text)
    raise Early(text)
