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

"""The socket transport on scripted sockets."""

import contextlib
import errno
import gc
import socket
import ssl
import struct
from unittest import mock

import ddt

from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.tests.unit.volume.drivers.dsware.fakes import scripted
from cinder.volume.drivers.dsware.client import dialer
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware.client import protocol
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import waiting

CREATE = scripted.CREATE
QUERY = scripted.QUERY
reply = scripted.reply
ScriptedSocket = scripted.ScriptedSocket


@ddt.ddt
class ExchangeTestCase(scripted.TransportTestCase):

    def test_one_request(self):
        peer = ScriptedSocket(reply(1, 0, body='vol_name=v'))
        frames = self.exchange(self.make(peer))
        self.assertEqual(
            [protocol.Frame(1, 0, '', False, [{'vol_name': 'v'}])], frames)
        self.assertEqual(
            b'seq=1\nop=queryVolume\nmanage_ip=192.0.2.10\nvolName=v',
            peer.sent[4:])
        self.assertEqual([(('192.0.2.1', 10519), 5)], self.connects)
        self.assertIn((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
                      peer.options)

    def test_byte_by_byte(self):
        data = reply(1, 0, more=True, body='a=1') + reply(1, 0, body='a=2')
        peer = ScriptedSocket(*[data[i:i + 1] for i in range(len(data))],
                              sends=[1] * 300)
        frames = self.exchange(self.make(peer))
        self.assertEqual([[{'a': '1'}], [{'a': '2'}]],
                         [frame.records for frame in frames])
        self.assertEqual(len(peer.sent) - 4,
                         struct.unpack('>I', peer.sent[:4])[0])

    def test_a_connection_is_used_again(self):
        peer = ScriptedSocket(reply(1), reply(2, 50150005), reply(3))
        carrier = self.make(peer)
        self.assertEqual([0, 50150005, 0], [
            self.exchange(carrier)[0].result for _ in range(3)])
        self.assertEqual(1, len(self.connects))

    def test_a_request_that_cannot_be_carried(self):
        peer = ScriptedSocket(reply(1))
        carrier = self.make(peer)
        error = self.fails(
            exceptions.InvalidRequest, carrier,
            endpoints.Request('createVolume', {'volName': 'v',
                                               'a b': 1}))
        self.assertEqual(('createVolume', 'v'), (error.op, error.name))
        self.assertEqual(b'', peer.sent)
        self.assertTrue(peer.closed)

    @ddt.data(OSError(errno.ECONNREFUSED, 'refused'), TimeoutError('late'),
              socket.gaierror(-2, 'unknown'), OSError(errno.EMFILE, 'many'),
              UnicodeError('label too long'), ValueError('bad address'))
    def test_cannot_connect(self, problem):
        error = self.fails(exceptions.EndpointUnavailable,
                           self.make(problem))
        self.assertEqual('192.0.2.1:10519', error.endpoint)
        self.assertIn(str(problem), str(error))

    def test_nothing_was_written(self):
        peer = ScriptedSocket(sends=[BrokenPipeError(errno.EPIPE, 'gone')])
        error = self.fails(exceptions.EndpointUnavailable, self.make(peer),
                           CREATE)
        self.assertIn('cannot send', str(error))
        self.assertTrue(peer.closed)

    @ddt.data(BrokenPipeError(errno.EPIPE, 'gone'), TimeoutError('late'))
    def test_something_was_written(self, problem):
        peer = ScriptedSocket(sends=[1, problem])
        error = self.fails(exceptions.OutcomeUnknown, self.make(peer),
                           CREATE)
        self.assertEqual(('createVolume', 'v', '192.0.2.1:10519'),
                         (error.op, error.name, error.endpoint))
        self.assertTrue(peer.closed)

    @ddt.data(
        b'', ConnectionResetError(errno.ECONNRESET, 'reset'),
        TimeoutError('late'), b'HTTP/1.1 400 Bad Request\r\n', b'\0' * 4,
        reply(2), reply(1) + b'x', reply(1, 'x'), b'\xff\xff\xff\xff',
        ssl.SSLError('bad record'))
    def test_no_valid_answer(self, answer):
        peer = ScriptedSocket(answer)
        carrier = self.make(peer, ScriptedSocket(reply(1)))
        error = self.fails(exceptions.OutcomeUnknown, carrier, CREATE)
        self.assertEqual('createVolume', error.op)
        self.assertIsNone(error.result)
        self.assertTrue(peer.closed)
        # The next request goes to a new connection.
        self.assertEqual(0, self.exchange(carrier)[0].result)
        self.assertEqual(2, len(self.connects))

    @ddt.data(b'', b'\0\0', reply(1)[:-1])
    def test_end_of_the_stream_within_a_reply(self, rest):
        peer = ScriptedSocket(reply(1, 0, more=True), rest)
        frames = self.make(peer).exchange(QUERY, waiting.Deadline(60))
        next(frames)
        self.assertRaises(exceptions.OutcomeUnknown, next, frames)
        self.assertTrue(peer.closed)

    def test_not_signed_in_drops_the_connection(self):
        peer = ScriptedSocket(reply(1, 10000003))
        carrier = self.make(peer)
        error = self.fails(exceptions.AccessDenied, carrier)
        self.assertEqual(10000003, error.result)
        self.assertTrue(peer.closed)
        self.assertEqual(0, len(carrier._idle))


class AddressesTestCase(scripted.TransportTestCase):
    """A host name with several addresses."""

    def setUp(self):
        super().setUp()
        patcher = mock.patch.object(
            dialer.Resolver, 'addresses',
            return_value=[('192.0.2.7', 1), ('192.0.2.8', 1)])
        patcher.start()
        self.addCleanup(patcher.stop)

    def test_the_next_one_is_tried(self):
        self.exchange(self.make(OSError('refused'), ScriptedSocket(reply(1))))
        # Each has its share of the time.
        self.assertEqual([(('192.0.2.7', 1), 2.5), (('192.0.2.8', 1), 5)],
                         self.connects)


class DeadlineTestCase(scripted.TransportTestCase):

    def slowly(self, data, seconds):
        def step():
            self.clock.now += seconds
            return data
        return step

    def test_every_wait_ends_by_the_deadline(self):
        data = reply(1)
        peer = ScriptedSocket(
            *[self.slowly(data[i:i + 1], 2) for i in range(len(data))])
        carrier = self.make(peer)
        start = self.clock.now
        error = self.fails(exceptions.OutcomeUnknown, carrier, seconds=10)
        self.assertEqual(10, self.clock.now - start)
        self.assertIn('10.0 seconds', str(error))
        self.assertEqual([10, 8, 6, 4, 2], peer.timeouts)

    def test_a_time_out_is_never_0(self):
        # 0 would make a socket non-blocking, None would wait for ever.
        peer = ScriptedSocket(reply(1))

        def connect():
            self.clock.now += 10
            return peer
        carrier = self.make(connect)
        self.fails(exceptions.EndpointUnavailable, carrier, seconds=10)
        self.assertEqual(b'', peer.sent)

    def test_a_deadline_that_is_over(self):
        peer = ScriptedSocket(reply(1))
        self.fails(exceptions.EndpointUnavailable, self.make(peer),
                   seconds=0)
        self.assertTrue(peer.closed)
        self.assertGreater(self.connects[0][1], 0)


class PoolTestCase(scripted.TransportTestCase):

    def test_a_connection_that_the_peer_closed_is_not_used(self):
        peer = ScriptedSocket(reply(1))
        other = ScriptedSocket(reply(1))
        carrier = self.make(peer, other)
        self.exchange(carrier)
        peer.state = scripted.CLOSE_WAIT
        self.exchange(carrier)
        self.assertTrue(peer.closed)
        self.assertEqual(2, len(self.connects))

    def test_a_connection_that_was_idle_for_long_is_not_used(self):
        peer = ScriptedSocket(reply(1), reply(2))
        carrier = self.make(peer, ScriptedSocket(reply(1)))
        self.exchange(carrier)
        self.clock.now += 30
        self.exchange(carrier)
        self.assertEqual(1, len(self.connects))
        self.clock.now += 30.1
        self.exchange(carrier)
        self.assertEqual(2, len(self.connects))
        self.assertTrue(peer.closed)

    def test_a_pool_emptied_meanwhile(self):
        carrier = self.make(ScriptedSocket(reply(1)))
        carrier._idle = mock.MagicMock()
        carrier._idle.__bool__.return_value = True
        carrier._idle.pop.side_effect = IndexError
        self.assertIsNone(carrier._idle_connection())

    def test_an_error_while_closing_hides_nothing(self):
        peer = ScriptedSocket(b'')
        peer.close = mock.Mock(side_effect=OSError('cannot close'))
        self.fails(exceptions.OutcomeUnknown, self.make(peer))
        peer.close.assert_called_once_with()


@ddt.ddt
class InterruptedTestCase(scripted.TransportTestCase):
    """What ends in the middle never reaches another request."""

    def check(self, peer, carrier):
        self.assertTrue(peer.closed)
        self.sockets.append(ScriptedSocket(reply(1)))
        self.exchange(carrier, seconds=1)

    def test_while_connecting(self):
        carrier = self.make(fakes.Interrupted())
        self.assertRaises(fakes.Interrupted, self.exchange, carrier)
        self.sockets.append(ScriptedSocket(reply(1)))
        self.exchange(carrier, seconds=1)

    def test_while_sending(self):
        peer = ScriptedSocket(sends=[3, fakes.Interrupted()])
        carrier = self.make(peer)
        self.assertRaises(fakes.Interrupted, self.exchange, carrier)
        self.check(peer, carrier)

    def test_while_receiving(self):
        peer = ScriptedSocket(reply(1)[:7], fakes.Interrupted(),
                              reply(1)[7:])
        carrier = self.make(peer)
        self.assertRaises(fakes.Interrupted, self.exchange, carrier)
        self.check(peer, carrier)

    @ddt.data('close', 'forget')
    def test_an_abandoned_reply(self, how):
        peer = ScriptedSocket(reply(1, 0, more=True), reply(1))
        carrier = self.make(peer)
        frames = carrier.exchange(QUERY, waiting.Deadline(60))
        next(frames)
        if how == 'close':
            frames.close()
        del frames
        gc.collect()
        self.check(peer, carrier)

    def test_a_reply_abandoned_after_its_last_frame(self):
        peer = ScriptedSocket(reply(1), reply(2))
        carrier = self.make(peer)
        with contextlib.closing(
                carrier.exchange(QUERY, waiting.Deadline(60))) as frames:
            next(frames)
        self.exchange(carrier, seconds=1)
        self.assertEqual(1, len(self.connects))
