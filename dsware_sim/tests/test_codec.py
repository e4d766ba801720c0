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
"""The simulator's codec, and that of fsc_cli, against the test vectors."""

import json
import os
import random

import testtools

from dsware_sim import codec
from dsware_sim.host import fsc_cli


def load_vectors():
    """Read the vectors.

    :returns: dict of lists
    """
    path = os.path.join(os.path.dirname(__file__), 'vectors.json')
    with open(path, encoding='utf-8') as vectors:
        return json.load(vectors)


def payloads(data, limit):
    """Cut frames.

    :param data: bytes of whole frames
    :param limit: the largest payload allowed
    :returns: list of payloads
    """
    buffer = codec.FrameBuffer(limit)
    buffer.feed(data)
    found = []
    while (payload := buffer.next_payload()) is not None:
        found.append(payload)
    if len(buffer):
        raise AssertionError('%d bytes are left' % len(buffer))
    return found


class VectorsTestCase(testtools.TestCase):
    """Each vector, in the direction that the simulator needs and back."""

    def setUp(self):
        super().setUp()
        self.vectors = load_vectors()

    def test_encode_request(self):
        for vector in self.vectors['request']:
            frame = codec.encode_request(vector['seq'], vector['op'],
                                         vector['manage_ip'], vector['args'])
            self.assertEqual(vector['hex'], frame.hex(), vector['name'])

    def test_decode_request(self):
        for vector in self.vectors['request']:
            payload, = payloads(bytes.fromhex(vector['hex']),
                                codec.MAX_REQUEST)
            request = codec.decode_request(payload)
            self.assertEqual((vector['seq'], vector['op']),
                             (request.seq, request.op), vector['name'])
            expected = {key: str(value)
                        for key, value in vector['args'].items()}
            expected['manage_ip'] = vector['manage_ip']
            self.assertEqual(expected, request.args, vector['name'])

    def test_fsc_cli_encodes_the_same(self):
        for vector in self.vectors['request']:
            if vector['seq'] != 1:
                continue
            args = {key: str(value) for key, value in vector['args'].items()}
            self.assertEqual(vector['hex'], fsc_cli.request(
                vector['manage_ip'], vector['op'], args).hex())

    def test_decode_reply(self):
        for vector in self.vectors['reply']:
            frames = []
            for text in vector['hex']:
                frames += [codec.decode_reply(payload) for payload in
                           payloads(bytes.fromhex(text), codec.MAX_REPLY)]
            self.assertEqual(
                [True] * (len(frames) - 1) + [False],
                [frame.more for frame in frames], vector['name'])
            self.assertEqual(
                {(vector['seq'], vector['result'])},
                {(frame.seq, frame.result) for frame in frames},
                vector['name'])
            self.assertEqual(vector['desc'], frames[0].desc, vector['name'])
            self.assertEqual(
                vector['records'],
                [one for frame in frames for one in frame.records],
                vector['name'])

    def test_encode_reply(self):
        for vector in self.vectors['reply']:
            if len(vector['hex']) > 1:
                continue
            lines = [codec.encode_record(record)
                     for record in vector['records']]
            payload, = payloads(codec.encode_reply(
                vector['seq'], vector['result'], vector['desc'], lines),
                codec.MAX_REPLY)
            frame = codec.decode_reply(payload)
            self.assertEqual(
                (vector['seq'], vector['result'], vector['desc'],
                 vector['records']),
                (frame.seq, frame.result, frame.desc, frame.records),
                vector['name'])

    def _bad(self, vectors, limit, decode):
        for vector in vectors:
            def read():
                for payload in payloads(bytes.fromhex(vector['hex']), limit):
                    decode(payload)
            self.assertRaises(codec.ProtocolError, read)

    def test_bad_request(self):
        self._bad(self.vectors['bad_request'], codec.MAX_REQUEST,
                  codec.decode_request)

    def test_bad_reply(self):
        self._bad(self.vectors['bad_reply'], codec.MAX_REPLY,
                  codec.decode_reply)


class FrameBufferTestCase(testtools.TestCase):
    """Frames, however the bytes come."""

    def test_byte_by_byte(self):
        frames = b''.join(codec.frame(b'x' * size) for size in (1, 300, 70))
        buffer = codec.FrameBuffer(codec.MAX_REQUEST)
        found = []
        for number in frames:
            buffer.feed(bytes((number,)))
            payload = buffer.next_payload()
            if payload is not None:
                found.append(len(payload))
        self.assertEqual([1, 300, 70], found)
        self.assertEqual(0, len(buffer))

    def test_limits(self):
        self.assertEqual([b'x' * codec.MAX_REQUEST], payloads(
            codec.frame(b'x' * codec.MAX_REQUEST), codec.MAX_REQUEST))
        buffer = codec.FrameBuffer(codec.MAX_REQUEST)
        buffer.feed((codec.MAX_REQUEST + 1).to_bytes(4, 'big'))
        self.assertRaises(codec.ProtocolError, buffer.next_payload)


class ValueTestCase(testtools.TestCase):
    """Escapes."""

    def test_round_trip(self):
        generator = random.Random(1)
        for _ in range(300):
            text = ''.join(chr(generator.choice(
                (*range(0x80), 0xe9, 0x5bc6, 0x1f600))) for _ in range(20))
            encoded = codec.encode_value(text)
            self.assertEqual(text, codec.decode_value(encoded))
            self.assertEqual(encoded, fsc_cli.encode(text))
            self.assertEqual(text, fsc_cli.decode(encoded))

    def test_raw_control_character_in_a_request(self):
        self.assertRaises(codec.ProtocolError, codec.decode_request,
                          b'seq=1\nop=x\rvolName=y')


class StreamTestCase(testtools.TestCase):
    """Listings of any length."""

    def test_frames_stay_small_and_complete(self):
        lines = [b'vol_name=volume-%06d' % number for number in range(20000)]
        frames = list(codec.encode_stream(3, 0, 'success', iter(lines)))
        self.assertTrue(all(len(frame) < 2 * codec.STREAM_CHUNK
                            for frame in frames))
        replies = [codec.decode_reply(payload) for payload in
                   payloads(b''.join(frames), codec.MAX_REPLY)]
        self.assertEqual(20000, sum(len(one.records) for one in replies))
        self.assertFalse(replies[-1].more)
        self.assertTrue(all(one.more for one in replies[:-1]))

    def test_lazy(self):
        taken = []

        def lines():
            for number in range(100000):
                taken.append(number)
                yield b'pool_id=%d' % number
        next(codec.encode_stream(1, 0, 'success', lines(), chunk=1000))
        self.assertLess(len(taken), 200)

    def test_empty(self):
        payload, = payloads(b''.join(codec.encode_stream(
            1, 0, 'success', iter(()))), codec.MAX_REPLY)
        self.assertEqual([], codec.decode_reply(payload).records)
