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

"""The protocol, fed with scripted bytes."""

from importlib import resources
import json
import struct
from unittest import mock

import ddt
import hypothesis
from hypothesis import strategies
import testtools

from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware.client import protocol
from tools import secret_marks

SECRET = secret_marks.secret('text')

VECTORS = json.loads(
    resources.files(__package__).joinpath('vectors.json').read_text())
KEYS = strategies.from_regex(r'[A-Za-z][A-Za-z0-9_]{0,63}', fullmatch=True)
TEXTS = strategies.text(
    strategies.characters(exclude_categories=['Cs']), max_size=60)
RECORDS = strategies.lists(
    strategies.dictionaries(KEYS, TEXTS, min_size=1, max_size=5), max_size=5)


def frame(payload):
    """Put a length before a payload.

    :param payload: bytes, or text
    :returns: the frame
    """
    if isinstance(payload, str):
        payload = payload.encode()
    return struct.pack('>I', len(payload)) + payload


def quoted(text):
    """Write a value as a peer does, as it is specified."""
    return ''.join(f'%{ord(c):02X}' if c in '%,\x7f' or ord(c) < 0x20 else c
                   for c in text)


def reply(seq, result, records=(), more=False, desc=None):
    """Make a reply as a peer does.

    :returns: the frame
    """
    lines = [f'seq={seq}', f'result={result}']
    if desc is not None:
        lines.append('desc=' + quoted(desc))
    if more:
        lines.append('more=1')
    if records:
        lines.append('')
        lines += [','.join(f'{k}={quoted(v)}' for k, v in record.items())
                  for record in records]
    return frame('\n'.join(lines))


def asked(seq=1):
    """Make a connection that waits for the answer to a request."""
    connection = protocol.Connection()
    connection._seq = seq - 1
    connection.request('queryVolume', '192.0.2.10', {'volName': 'v'})
    return connection


def take(connection, data, size=None):
    """Feed bytes in pieces and take all frames.

    :param size: how many bytes at a time, by default all
    :returns: the frames
    """
    frames = []
    for start in range(0, len(data), size or len(data)):
        connection.receive_data(data[start:start + (size or len(data))])
        while True:
            found = connection.next_frame()
            if found is None:
                break
            frames.append(found)
    return frames


class BoundsTestCase(testtools.TestCase):
    """What takes a multiple of its bytes in memory."""

    def decode(self, body):
        yield from protocol.decode_reply(b'seq=1\nresult=0\n\n' + body)

    def refused(self, body):
        self.assertRaises(protocol.RemoteProtocolError, list,
                          self.decode(body))

    def test_the_characters_of_a_record(self):
        most = b'a=' + b'x' * (protocol.MAX_RECORD - 2)
        frame, = self.decode(most)
        self.assertEqual(1, len(frame.records))
        self.refused(most + b'x')

    def test_the_fields_of_a_record(self):
        most = b','.join(b'k%d=' % n for n in range(protocol.MAX_FIELDS))
        frame, = self.decode(most)
        self.assertEqual(protocol.MAX_FIELDS, len(frame.records[0]))
        self.refused(most + b',k=')

    def test_records_are_decoded_a_few_at_a_time(self):
        count = 10 * protocol.PART + 1
        body = b'\n'.join(b'a=%d' % n for n in range(count))
        decoded = []
        decode = protocol._decode_record

        def counted(line):
            decoded.append(line)
            return decode(line)

        with mock.patch.object(protocol, '_decode_record', counted):
            given = 0
            for part in self.decode(body):
                self.assertLessEqual(len(part.records), protocol.PART)
                given += len(part.records)
                self.assertLessEqual(len(decoded) - given, protocol.PART)
        self.assertEqual(count, given)

    def test_parts_are_put_together(self):
        records = [{'a': str(n)} for n in range(2 * protocol.PART + 1)]
        frames = take(asked(), reply(1, 0, records, desc='d', more=True)
                      + reply(1, 0, records))
        self.assertEqual(records + records,
                         [r for f in frames for r in f.records])
        self.assertEqual([True] * 5 + [False], [f.more for f in frames])

    def test_a_malformed_record_in_a_later_part(self):
        self.assertRaises(protocol.RemoteProtocolError, take, asked(),
                          frame('seq=1\nresult=0\n\n' + 'a=\n' * 1000))


def named(vectors):
    """Give ddt a name for each vector."""
    for index, vector in enumerate(vectors):
        case = type('Vector', (dict,), {})(vector)
        case.__name__ = '%d_%s' % (index, vector['name'])
        yield case


@ddt.ddt
class VectorsTestCase(testtools.TestCase):
    """Frames of both sides, with what they mean."""

    @ddt.data(*named(VECTORS['request']))
    def test_request(self, vector):
        self.assertEqual(
            vector['hex'],
            protocol.encode_request(vector['seq'], vector['op'],
                                    vector['manage_ip'],
                                    vector['args']).hex())

    @ddt.data(*named(VECTORS['reply']))
    def test_reply(self, vector):
        data = bytes.fromhex(''.join(vector['hex']))
        for size in (None, 1, 2, 3, 5):
            frames = take(asked(vector['seq']), data, size)
            self.assertEqual(len(vector['hex']), len(frames))
            self.assertEqual({vector['result']}, {f.result for f in frames})
            self.assertEqual(vector['desc'], frames[0].desc)
            self.assertEqual(vector['records'],
                             [r for f in frames for r in f.records])
            self.assertFalse(frames[-1].more)

    @ddt.data(*named(VECTORS['bad_reply']))
    def test_bad_reply(self, vector):
        frames = vector['hex']
        data = bytes.fromhex(
            frames if isinstance(frames, str) else ''.join(frames))
        for size in (None, 1):
            self.assertRaises(protocol.RemoteProtocolError, take,
                              asked(vector.get('seq', 1)), data, size)


@ddt.ddt
class EncodeTestCase(testtools.TestCase):

    @ddt.data('', '1volName', 'vol-name', 'vol name', 'vol=Name', 'a\n',
              'a' * 65)
    def test_argument_names_are_checked(self, key):
        self.assertRaises(protocol.LocalProtocolError,
                          protocol.encode_request, 1, 'op', 'm', {key: 1})

    @ddt.data('seq', 'op', 'manage_ip')
    def test_headers_are_no_arguments(self, key):
        error = self.assertRaises(
            protocol.LocalProtocolError, protocol.encode_request, 1, 'op',
            'm', {key: 1})
        self.assertIn(key, str(error))

    def test_text_that_is_no_text_is_refused_and_not_shown(self):
        error = self.assertRaises(
            protocol.LocalProtocolError, protocol.encode_request, 1, 'login',
            'm', {'password': SECRET + '\udc80'})
        self.assertNotIn(SECRET, str(error))
        self.assertNotIn('udc80', str(error))

    def test_largest_request(self):
        room = protocol.MAX_REQUEST - len('seq=1\nop=o\nmanage_ip=m\na=')
        data = protocol.encode_request(1, 'o', 'm', {'a': 'x' * room})
        self.assertEqual(protocol.MAX_REQUEST + 4, len(data))
        error = self.assertRaises(
            protocol.LocalProtocolError, protocol.encode_request, 1, 'o',
            'm', {'a': 'x' * (room + 1)})
        self.assertIn('65537', str(error))
        self.assertIn('65536', str(error))

    def test_a_value_cannot_add_a_request_or_an_argument(self):
        data = protocol.encode_request(
            1, 'queryVolume', 'm',
            {'volName': 'v\nop=deleteVolume,x=%0A\r\x00'})
        self.assertEqual(4, data[4:].count(b'\n') + 1)
        self.assertIn(b'volName=v%0Aop=deleteVolume%2Cx=%250A%0D%00', data)

    @hypothesis.given(seq=strategies.integers(1, 10 ** 9),
                      args=strategies.dictionaries(KEYS, TEXTS, max_size=5))
    @fakes.HYPOTHESIS
    def test_every_request_can_be_read_back(self, seq, args):
        hypothesis.assume(not {'seq', 'op', 'manage_ip'} & set(args))
        data = protocol.encode_request(seq, 'anOp', '2001:db8::1', args)
        # The shape is that of reply headers, so the decoder reads it too.
        read = protocol._decode_pairs(data[4:].decode(), '\n',
                                      protocol._HEADERS)
        expected = {'seq': str(seq), 'op': 'anOp',
                    'manage_ip': '2001:db8::1', **args}
        self.assertEqual(expected, read)
        self.assertEqual(len(data) - 4, struct.unpack('>I', data[:4])[0])


@ddt.ddt
class DecodeTestCase(testtools.TestCase):

    @hypothesis.given(result=strategies.integers(-10 ** 17, 10 ** 17),
                      desc=TEXTS, records=RECORDS,
                      size=strategies.integers(1, 40))
    @fakes.HYPOTHESIS
    def test_every_reply_is_read_in_any_pieces(self, result, desc, records,
                                               size):
        frames = take(asked(), reply(1, result, records, desc=desc), size)
        self.assertEqual([protocol.Frame(1, result, desc, False, records)],
                         frames)

    @hypothesis.given(
        data=strategies.text(
            strategies.sampled_from('seqrutlmo=01%,\nAa\x00\xe4'),
            max_size=60).map(
                lambda text: frame('seq=1\nresult=0\n' + text)),
        flips=strategies.lists(strategies.tuples(
            strategies.integers(0, 70), strategies.integers(0, 255)),
            max_size=3),
        size=strategies.integers(1, 20))
    @fakes.HYPOTHESIS
    def test_damaged_streams_give_only_protocol_errors(self, data, flips,
                                                       size):
        damaged = bytearray(data)
        for place, value in flips:
            if place < len(damaged):
                damaged[place] = value
        try:
            for found in take(asked(), bytes(damaged), size):
                self.assertIsInstance(found, protocol.Frame)
        except protocol.RemoteProtocolError:
            pass

    @ddt.data(0, protocol.MAX_REPLY + 1, 0x47455420, 0xffffffff)
    def test_a_length_out_of_bounds_is_refused_at_once(self, length):
        connection = asked()
        connection.receive_data(struct.pack('>I', length))
        error = self.assertRaises(protocol.RemoteProtocolError,
                                  connection.next_frame)
        self.assertIn(str(length), str(error))

    @ddt.data('', '1.0', '+1', ' 1', '1_0', '1' * 30, '\u0663')
    def test_results_that_are_no_numbers(self, text):
        self.assertRaises(protocol.RemoteProtocolError, take, asked(),
                          frame('seq=1\nresult=' + text))


class ConnectionTestCase(testtools.TestCase):

    def test_requests_are_numbered(self):
        connection = protocol.Connection()
        for seq in (1, 2, 3):
            data = connection.request('queryVolume', 'm', {})
            self.assertTrue(data[4:].startswith(b'seq=%d\n' % seq))
            take(connection, reply(seq, 0))

    def test_a_refused_request_takes_no_number(self):
        connection = protocol.Connection()
        self.assertRaises(protocol.LocalProtocolError, connection.request,
                          'queryVolume', 'm', {'op': 1})
        self.assertIn(b'seq=1\n', connection.request('queryVolume', 'm', {}))

    def test_a_reply_to_another_request(self):
        for seq in (0, 1, 3):
            error = self.assertRaises(protocol.RemoteProtocolError, take,
                                      asked(2), reply(seq, 0))
            self.assertIn('reply %d to request 2' % seq, str(error))

    def test_what_no_reply_may_have(self):
        for what, data in (
                ('data after its end', reply(1, 0) + b'\0'),
                ('another result',
                 reply(1, 0, more=True) + reply(1, 50150005)),
                ('another number', reply(1, 0, more=True) + reply(2, 0))):
            with self.subTest(what=what):
                self.assertRaises(protocol.RemoteProtocolError, take,
                                  asked(), data)

    def test_the_end_of_the_stream(self):
        for part in (b'', b'\0', b'\0\0\0\x0fseq=1'):
            connection = asked()
            if part:
                self.assertEqual([], take(connection, part))
            error = self.assertRaises(protocol.RemoteProtocolError,
                                      connection.receive_data, b'')
            self.assertIn('closed', str(error))
