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
"""Framing and text of the socket interface, version 1.

This is the simulator's own codec: the driver has another one, and both pass
the same test vectors, so that a mistake is not made twice the same way. The
framing is defined by this project, not by Huawei.

A frame is a 4-byte big-endian length and a payload of ``key=value`` lines.
Nothing here does input or output.
"""

import re
import struct

MAX_REQUEST = 65536
MAX_REPLY = 1048576
# A listing is cut into frames of about this size, far below MAX_REPLY: a
# client sees the first records early, and no large buffer is ever built.
STREAM_CHUNK = 65536

_HEADER = struct.Struct('>I')
_KEY = re.compile(r'[A-Za-z][A-Za-z0-9_]{0,63}\Z')
_DECIMAL = re.compile(r'[0-9]{1,19}\Z')
_SIGNED = re.compile(r'-?[0-9]{1,19}\Z')
_ESCAPE = re.compile(b'%(..?)?', re.DOTALL)
_HEX = re.compile(b'[0-9A-Fa-f]{2}\\Z')
_UNSAFE = re.compile('[%,\x00-\x1f\x7f]')
_RAW_CONTROL = re.compile('[\x00-\x09\x0b-\x1f\x7f]')


class ProtocolError(Exception):
    """The peer broke the framing; the connection must be closed."""


class Request:
    """A decoded request."""

    __slots__ = ('seq', 'op', 'args')

    def __init__(self, seq, op, args):
        """Keep the parts of a request.

        :param seq: the request's number on its connection
        :param op: name of the operation
        :param args: dict of the other header lines, manage_ip included
        """
        self.seq = seq
        self.op = op
        self.args = args


class ReplyFrame:
    """One decoded frame of a reply."""

    __slots__ = ('seq', 'result', 'desc', 'more', 'records')

    def __init__(self, seq, result, desc, more, records):
        """Keep the parts of a reply's frame.

        :param seq: the number of the request that it answers
        :param result: the result code
        :param desc: free text, empty when there was none
        :param more: whether another frame of the same reply follows
        :param records: list of dicts
        """
        self.seq = seq
        self.result = result
        self.desc = desc
        self.more = more
        self.records = records


class FrameBuffer:
    """Cuts a stream of bytes into payloads."""

    def __init__(self, limit):
        """Make an empty buffer.

        :param limit: the largest payload allowed, in bytes
        """
        self._limit = limit
        self._data = bytearray()

    def __len__(self):
        return len(self._data)

    def feed(self, data):
        """Append received bytes.

        :param data: bytes as they came from the peer
        """
        self._data += data

    def next_payload(self):
        """Take the next whole payload off the buffer.

        :returns: bytes, or None when no whole frame is there yet
        :raises ProtocolError: the length is 0 or beyond the limit
        """
        data = self._data
        if len(data) < 4:
            return None
        length, = _HEADER.unpack_from(data)
        if not 1 <= length <= self._limit:
            raise ProtocolError('a frame of %d bytes' % length)
        if len(data) < 4 + length:
            return None
        payload = bytes(data[4:4 + length])
        del data[:4 + length]
        return payload


def frame(payload):
    """Put the length in front of a payload.

    :param payload: bytes
    :returns: the frame's bytes
    """
    return _HEADER.pack(len(payload)) + payload


def encode_value(value):
    """Write a value as it stands on a line.

    :param value: a text or a number
    :returns: str with the reserved bytes written as %XX
    """
    text = str(value)
    if _UNSAFE.search(text) is None:
        return text
    return _UNSAFE.sub(lambda match: '%%%02X' % ord(match.group()), text)


def decode_value(text):
    """Undo :func:`encode_value`.

    :param text: a value as it stands on a line
    :returns: str
    :raises ProtocolError: an escape is malformed
    """
    if '%' not in text:
        return text
    try:
        return _ESCAPE.sub(_unescape, text.encode()).decode()
    except UnicodeDecodeError:
        raise ProtocolError('an escape makes bad UTF-8')


def _unescape(match):
    digits = match.group(1)
    if digits is None or _HEX.match(digits) is None:
        raise ProtocolError('a malformed escape')
    return bytes((int(digits, 16),))


def _text(payload):
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise ProtocolError('a payload that is not UTF-8')


def _fields(items):
    fields = {}
    for item in items:
        key, equals, value = item.partition('=')
        if not equals or _KEY.match(key) is None:
            raise ProtocolError('a malformed line')
        if key in fields:
            raise ProtocolError('a repeated key')
        fields[key] = decode_value(value)
    return fields


def _number(fields, key, pattern):
    value = fields.pop(key, None)
    if value is None or pattern.match(value) is None:
        raise ProtocolError('no %s, or one that is no number' % key)
    return int(value)


def decode_request(payload):
    """Read a request.

    :param payload: a frame's payload
    :returns: :class:`Request`
    :raises ProtocolError: it breaks the framing's rules
    """
    text = _text(payload)
    if _RAW_CONTROL.search(text) is not None:
        raise ProtocolError('a control character that is not escaped')
    fields = _fields(text.split('\n'))
    seq = _number(fields, 'seq', _DECIMAL)
    op = fields.pop('op', None)
    if not op:
        raise ProtocolError('no op')
    return Request(seq, op, fields)


def encode_request(seq, op, manage_ip, args):
    """Write a request.

    :param seq: the request's number on its connection
    :param op: name of the operation
    :param manage_ip: address of the manager
    :param args: dict of the operation's arguments
    :returns: the frame's bytes
    """
    lines = ['seq=%d' % seq, 'op=' + encode_value(op),
             'manage_ip=' + encode_value(manage_ip)]
    lines += ['%s=%s' % (key, encode_value(value))
              for key, value in args.items()]
    return frame('\n'.join(lines).encode())


def decode_reply(payload):
    """Read one frame of a reply.

    :param payload: a frame's payload
    :returns: :class:`ReplyFrame`
    :raises ProtocolError: it breaks the framing's rules
    """
    head, separator, body = _text(payload).partition('\n\n')
    fields = _fields(head.split('\n'))
    seq = _number(fields, 'seq', _DECIMAL)
    result = _number(fields, 'result', _SIGNED)
    records = []
    if separator:
        records = [_fields(line.split(',')) for line in body.split('\n')]
    return ReplyFrame(seq, result, fields.get('desc', ''),
                      fields.get('more') == '1', records)


def encode_record(fields):
    """Write a record.

    :param fields: dict of the record's fields, in order
    :returns: the record line, as bytes
    """
    return ','.join('%s=%s' % (key, encode_value(value))
                    for key, value in fields.items()).encode()


def decode_record(line):
    """Read a record.

    :param line: a record line, as bytes
    :returns: dict of texts
    """
    return _fields(line.decode().split(','))


def _head(seq, code, desc, more=False):
    lines = 'seq=%d\nresult=%d' % (seq, code)
    if desc:
        lines += '\ndesc=' + encode_value(desc)
    if more:
        lines += '\nmore=1'
    return lines.encode()


def encode_reply(seq, code, desc, lines=()):
    """Write a reply that fits into one frame.

    :param seq: the number of the request that it answers
    :param code: the result code
    :param desc: free text
    :param lines: sequence of record lines, as bytes
    :returns: the frame's bytes
    """
    payload = _head(seq, code, desc)
    if lines:
        payload += b'\n\n' + b'\n'.join(lines)
    return frame(payload)


def encode_stream(seq, code, desc, lines, chunk=STREAM_CHUNK):
    """Write a reply of any length, frame by frame.

    :param seq: the number of the request that it answers
    :param code: the result code
    :param desc: free text
    :param lines: iterable of record lines, as bytes; it is consumed as the
                  frames are asked for
    :param chunk: about how many bytes of records go into one frame
    :returns: iterator of frames, each as bytes
    """
    head = _head(seq, code, desc, more=True) + b'\n\n'
    batch = []
    size = 0
    for line in lines:
        if size and size + len(line) > chunk:
            yield frame(head + b'\n'.join(batch))
            batch = []
            size = 0
        batch.append(line)
        size += len(line) + 1
    yield encode_reply(seq, code, desc, batch)
