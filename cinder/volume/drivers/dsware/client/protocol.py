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

"""Framing and text of the socket protocol, version 1, without any I/O.

Huawei does not publish how requests and replies are framed on a raw socket;
this framing was defined with this driver. This is the only module of the
driver that knows it: whoever has the vendor's specification changes this one
file.

A frame is a 4-byte big-endian length and that many bytes of UTF-8 text.
A :class:`Connection` turns requests into bytes and received bytes into
frames; the caller moves the bytes.
"""

from collections.abc import Iterator
from collections.abc import Mapping
import dataclasses
import functools
import itertools
import re
import struct
from urllib import parse

MAX_REQUEST = 65_536
MAX_REPLY = 1_048_576
# A frame could hold a record of a hundred thousand fields, or of a megabyte;
# those that are published have 14 and some hundred characters.
MAX_RECORD = 4096
MAX_FIELDS = 64
# Records take many times the memory of their text, so only so many are decoded
# at a time.
PART = 256

_LENGTH = struct.Struct('>I')
_KEY = re.compile(r'[A-Za-z][A-Za-z0-9_]{0,63}', re.ASCII)
# One match for a whole line costs less than one for each key.
_RECORD = re.compile(rf'(?:{_KEY.pattern}=[^,]*)(?:,{_KEY.pattern}=[^,]*)*',
                     re.ASCII)
_HEADERS = re.compile(rf'(?:{_KEY.pattern}=.*)(?:\n{_KEY.pattern}=.*)*',
                      re.ASCII)
_LINE = re.compile('^.*$', re.MULTILINE)
_UNSAFE = re.compile(r'[%,\x00-\x1f\x7f]')
_BAD_ESCAPE = re.compile(r'%(?![0-9A-Fa-f]{2})')
_NUMBER = re.compile(r'-?[0-9]{1,18}', re.ASCII)


class LocalProtocolError(ValueError):
    """The caller asked for something that the protocol cannot carry."""


class RemoteProtocolError(ValueError):
    """The peer broke the protocol; the connection must be closed."""


@dataclasses.dataclass(slots=True)
class Frame:
    """One frame of a reply, or a part of one that has many records.

    :ivar result: the result code
    :ivar desc: the cluster's words, may be empty
    :ivar more: whether more of the same reply follows
    :ivar records: the records in it
    """

    seq: int
    result: int
    desc: str
    more: bool
    records: list[dict[str, str]]


def _escape(match: re.Match) -> str:
    return f'%{ord(match[0]):02X}'


_escaped = functools.partial(_UNSAFE.sub, _escape)


def encode_request(seq: int, op: str, manage_ip: str,
                   args: Mapping[str, object]) -> bytes:
    """Encode one request as a frame.

    :param seq: the request's number on its connection, from 1
    :param op: the operation
    :param manage_ip: address of the manager that the agent shall work for
    :param args: the operation's arguments; values are written with str()
    :returns: the bytes to send
    :raises LocalProtocolError: when the request cannot be expressed
    """
    lines = [f'seq={seq}', f'op={_escaped(op)}',
             f'manage_ip={_escaped(manage_ip)}']
    for key, value in args.items():
        if not _KEY.fullmatch(key) or key in ('seq', 'op', 'manage_ip'):
            raise LocalProtocolError(f'illegal argument name {key[:80]!r}')
        lines.append(f'{key}={_escaped(str(value))}')
    try:
        payload = '\n'.join(lines).encode()
    except UnicodeEncodeError:
        # The error itself would show a character of what may be a password.
        raise LocalProtocolError('an argument is not text') from None
    if len(payload) > MAX_REQUEST:
        raise LocalProtocolError(
            f'request of {len(payload)} bytes, at most {MAX_REQUEST} are '
            f'allowed')
    return _LENGTH.pack(len(payload)) + payload


def _decode_value(value: str) -> str:
    if '%' not in value:
        return value
    if _BAD_ESCAPE.search(value):
        raise RemoteProtocolError('bad % escape in a value')
    try:
        return parse.unquote_to_bytes(value).decode()
    except UnicodeDecodeError:
        raise RemoteProtocolError('escaped value is not UTF-8') from None


def _decode_pairs(text: str, separator: str,
                  shape: re.Pattern) -> dict[str, str]:
    if not shape.fullmatch(text):
        raise RemoteProtocolError('a line is not made of key=value')
    parts = text.split(separator)
    pairs = dict([part.split('=', 1) for part in parts])
    if len(pairs) != len(parts):
        raise RemoteProtocolError('a key appears twice')
    if '%' in text:
        pairs = {key: _decode_value(value) for key, value in pairs.items()}
    return pairs


def _decode_record(line: str) -> dict[str, str]:
    if len(line) > MAX_RECORD:
        raise RemoteProtocolError(
            f'a record of more than {MAX_RECORD} characters')
    if line.count(',') >= MAX_FIELDS:
        raise RemoteProtocolError(f'a record of more than {MAX_FIELDS} fields')
    return _decode_pairs(line, ',', _RECORD)


def _number(headers: Mapping[str, str], key: str) -> int:
    value = headers.get(key, '')
    if not _NUMBER.fullmatch(value):
        raise RemoteProtocolError(f'{key} is no number, or missing')
    return int(value)


def decode_reply(payload: bytes) -> Iterator[Frame]:
    """Decode the payload of one reply frame, some records at a time.

    :param payload: the frame without its length
    :returns: an iterator of the parts, one at least; all of them but the
        last have ``more``
    :raises RemoteProtocolError: when the payload breaks the protocol; the
        parts before a malformed record have been given then
    """
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        raise RemoteProtocolError('reply is not UTF-8') from None
    head, gap, body = text.partition('\n\n')
    headers = _decode_pairs(head, '\n', _HEADERS)
    seq, result = _number(headers, 'seq'), _number(headers, 'result')
    desc, more = headers.get('desc', ''), headers.get('more') == '1'
    left = body.count('\n') + 1 if gap else 0
    if left <= PART:
        lines = body.split('\n') if gap else ()
    else:
        # That would take many times the memory of a long reply.
        lines = (match[0] for match in _LINE.finditer(body))
    records = map(_decode_record, lines)
    while left > PART:
        yield Frame(seq, result, desc, True,
                    list(itertools.islice(records, PART)))
        left -= PART
    yield Frame(seq, result, desc, more, list(records))


class Connection:
    """The protocol's state on one connection.

    One request at a time: after :meth:`request`, feed what arrives to
    :meth:`receive_data` and take frames from :meth:`next_frame` until one
    comes without ``more``. After an error the connection is of no use.
    """

    def __init__(self):
        self._seq = 0
        self._buffer = bytearray()
        self._result = None
        # What is left of the frame that is being given.
        self._parts = iter(())

    def request(self, op: str, manage_ip: str,
                args: Mapping[str, object]) -> bytes:
        """Start a request.

        :param op: the operation
        :param manage_ip: address of the manager
        :param args: the operation's arguments
        :returns: the bytes to send
        :raises LocalProtocolError: when the request cannot be expressed
        """
        data = encode_request(self._seq + 1, op, manage_ip, args)
        self._seq += 1
        self._result = None
        return data

    def receive_data(self, data: bytes) -> None:
        """Take in bytes from the peer.

        :param data: what was received; empty when the peer has closed
        :raises RemoteProtocolError: at the end of the stream
        """
        if not data:
            raise RemoteProtocolError('the peer closed the connection')
        self._buffer += data

    def next_frame(self) -> Frame | None:
        """Take the next frame of the reply, or the next part of one.

        :returns: a :class:`Frame`, or None when more data is needed
        :raises RemoteProtocolError: when the peer broke the protocol
        """
        frame = next(self._parts, None)
        if frame is None and self._buffer:
            frame = self._first_part()
        if frame is not None:
            self._check_sequence(frame)
            if not frame.more and self._buffer:
                raise RemoteProtocolError('data after the end of the reply')
        return frame

    def _first_part(self) -> Frame | None:
        payload = self._take_payload()
        if payload is None:
            return None
        self._parts = decode_reply(payload)
        return next(self._parts)

    def _take_payload(self) -> bytes | None:
        if len(self._buffer) < _LENGTH.size:
            return None
        length, = _LENGTH.unpack_from(self._buffer)
        if not 1 <= length <= MAX_REPLY:
            raise RemoteProtocolError(
                'it answers in HTTP; if it is the manager, set '
                'dsware_transport = rest'
                if self._buffer.startswith(b'HTTP') else
                f'frame of {length} bytes announced')
        end = _LENGTH.size + length
        if len(self._buffer) < end:
            return None
        payload = bytes(self._buffer[_LENGTH.size:end])
        del self._buffer[:end]
        return payload

    def _check_sequence(self, frame: Frame) -> None:
        if frame.seq != self._seq:
            raise RemoteProtocolError(
                f'reply {frame.seq} to request {self._seq}')
        if self._result is None:
            self._result = frame.result
        elif frame.result != self._result:
            raise RemoteProtocolError('result changed within a reply')
