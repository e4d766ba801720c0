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

"""Nearly valid input, made from input that is valid.

Chance decides, but with the same seed it always decides the same.
"""

import functools
import random
import struct

NUMBERS = (b'0', b'-1', b'-0', b'+1', b'1', b'00', b'1e9', b'0x1', b'NaN',
           b'1_0', b' 1', b'1 ', b'4294967296', b'9' * 18, b'9' * 19,
           b'9' * 31, b'1.5', '\u0661\u0662'.encode(), b'9' * 5000)
PIECES = (b'=', b'==', b',', b',,', b'\n', b'\n\n', b'\r\n', b'\0', b'\x1b[2J',
          b'%', b'%0', b'%0A', b'%00', b'%zz', b'%ff', b'%C3%28', b'\xff\xfe',
          b'\xc2\x9b', '\u202e'.encode(), '\u2028'.encode(), b' ', b'  ',
          b'\t', b'more=1', b'\nmore=1', b'seq=1', b'result=0', b'result=-1',
          b'\nresult=50150005', b'desc=', b'vol_name=volume-1',
          b'vol_name=volume-2', b'wwn=../../x', b'devName=/etc/shadow',
          b'devName=/dev/../x', b'DSwareAttachResult [result=0, devName=',
          b']', b'[', b'{', b'}', b'"', b'null', b'Infinity', b'1e999',
          b'ret_code=0', b'dev_addr=/dev/sda', b'maxIOPS:1', b':', b'-',
          b'\nop=deleteVolume', b'../', b'[]', b'{}', b'"result": 2,',
          b'"errorCode": 50150005,', b'\r\nTransfer-Encoding: chunked',
          b'\r\nContent-Encoding: gzip', b'\r\nContent-Length: 1',
          b'[' * 3000, b'\xed\xa0\x80', b'\xf4\x90\x80\x80')
_LENGTH = struct.Struct('>I')
_LENGTHS = (0, 1, 3, 0x7fffffff, 0xffffffff, 65536, 65537, 1048576, 1048577)


class Mutator:
    """Changes seeds.

    :param seeds: valid input, and input that was interesting
    :param seed: decides all that chance decides
    """

    def __init__(self, seeds, seed):
        self._seeds = list(seeds)
        self._chance = random.Random(seed)  # nosec
        self._changes = (
            self._flip, self._insert, self._delete, self._repeat, self._splice,
            self._number, self._piece, self._cut, self._lines, self._fields)

    def __iter__(self):
        while True:
            yield self.next()

    def next(self) -> bytes:
        """Make the next input."""
        return self._changed(self._chance.choice(self._seeds))

    def _changed(self, data):
        chance = self._chance
        for _round in range(chance.choice((0, 1, 1, 2, 2, 3, 5, 8))):
            data = chance.choice(self._changes)(data)
        if chance.random() < 0.0005:
            data = self._blown_up(data)
        return data

    def _place(self, data):
        return self._chance.randrange(len(data) + 1)

    def _span(self, data):
        start = self._place(data)
        return start, min(start + self._chance.choice((1, 2, 4, 16, 64)),
                          len(data))

    def _flip(self, data):
        if not data:
            return data
        changed = bytearray(data)
        changed[self._chance.randrange(len(data))] ^= (
            1 << self._chance.randrange(8))
        return bytes(changed)

    def _insert(self, data):
        place = self._place(data)
        return data[:place] + self._chance.randbytes(
            self._chance.choice((1, 1, 2, 8))) + data[place:]

    def _delete(self, data):
        start, end = self._span(data)
        return data[:start] + data[end:]

    def _repeat(self, data):
        start, end = self._span(data)
        count = self._chance.choice((1, 1, 2, 10, 300))
        return data[:end] + data[start:end] * count + data[end:]

    def _splice(self, data):
        other = self._chance.choice(self._seeds)
        return data[:self._place(data)] + other[self._place(other):]

    def _number(self, data):
        digits = [index for index, char in enumerate(data[:4096])
                  if 48 <= char <= 57]
        if not digits:
            return data
        start = end = self._chance.choice(digits)
        while end < len(data) and 48 <= data[end] <= 57:
            end += 1
        return data[:start] + self._chance.choice(NUMBERS) + data[end:]

    def _piece(self, data):
        place = self._place(data)
        return data[:place] + self._chance.choice(PIECES) + data[place:]

    def _cut(self, data):
        return data[:self._place(data)]

    def _lines(self, data):
        return self._parts(data, b'\n')

    def _fields(self, data):
        return self._parts(data, b',')

    def _parts(self, data, separator):
        """Leave out, double, exchange or empty lines or fields."""
        parts = data.split(separator, 200)
        index = self._chance.randrange(len(parts))
        kind = self._chance.randrange(4)
        if kind == 0:
            del parts[index]
        elif kind == 1:
            parts.insert(self._chance.randrange(len(parts)), parts[index])
        elif kind == 2:
            other = self._chance.randrange(len(parts))
            parts[index], parts[other] = parts[other], parts[index]
        else:
            parts[index] = b''
        return separator.join(parts)

    def _blown_up(self, data):
        """Make it about as large as the largest that is looked at."""
        start, end = self._span(data)
        part = data[start:end] or b'a'
        size = self._chance.choice((70_000, 1_100_000))
        return data[:start] + part * (size // len(part)) + data[end:]


class FramedMutator(Mutator):
    """Changes frames, most of which keep their lengths right."""

    def next(self) -> bytes:
        """Make the next input."""
        if self._chance.random() < 0.1:
            return super().next()
        frames = [self._chance.choice(self._payloads) for _one in range(
            self._chance.choice((1, 1, 1, 2, 3)))]
        data = b''.join(self._framed(self._changed(f)) for f in frames)
        return data[:self._place(data)] if (
            self._chance.random() < 0.05) else data

    @functools.cached_property
    def _payloads(self):
        return [payload for seed in self._seeds for payload in payloads(seed)]

    def _framed(self, data):
        length = len(data)
        if self._chance.random() < 0.03:
            length = self._chance.choice(
                _LENGTHS + (length + 1, max(length - 1, 0)))
        return framed(data, length)


def framed(data: bytes, length: int | None = None) -> bytes:
    """Put a length before a payload.

    :param data: the payload
    :param length: what is said in place of its length
    """
    return _LENGTH.pack(len(data) if length is None else length) + data


def payloads(data: bytes) -> list[bytes]:
    """Take frames apart.

    :param data: frames
    :returns: their payloads; what is no whole frame is left out
    """
    found = []
    while len(data) >= _LENGTH.size:
        length, = _LENGTH.unpack_from(data)
        payload, data = data[4:4 + length], data[4 + length:]
        if payload and len(payload) == length:
            found.append(payload)
    return found
