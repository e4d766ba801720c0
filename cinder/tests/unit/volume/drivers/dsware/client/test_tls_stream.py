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

import socket
import ssl
from unittest import mock

import testtools

from cinder.volume.drivers.dsware.client import tls


class StreamTestCase(testtools.TestCase):
    """The time-out is for the whole of a call."""

    def setUp(self):
        super().setUp()
        self.near, self.far = socket.socketpair()
        self.addCleanup(self.near.close)
        self.addCleanup(self.far.close)
        self.waits = []
        self.stream = tls.Stream(self.near)
        self.stream.settimeout(60)

    def wanting(self, *steps):
        """Let the socket want something before it is done."""
        steps = list(steps)

        def call(*args):
            step = steps.pop(0)
            if isinstance(step, Exception):
                raise step
            return step
        patcher = mock.patch.object(self.stream, '_sock', mock.MagicMock(
            wraps=self.near, fileno=self.near.fileno, send=call, recv=call))
        patcher.start()
        self.addCleanup(patcher.stop)

    def test_it_waits_until_it_can_be_written_to(self):
        self.wanting(ssl.SSLWantWriteError(), ssl.SSLWantWriteError(), 3)
        self.assertEqual(3, self.stream.send(b'abc'))

    def test_it_waits_until_there_is_something(self):
        self.far.send(b'x')
        self.wanting(ssl.SSLWantReadError(), b'abc')
        self.assertEqual(b'abc', self.stream.recv(10))

    def test_time_is_over(self):
        self.stream.settimeout(0.01)
        self.wanting(ssl.SSLWantReadError())
        self.assertRaises(TimeoutError, self.stream.recv, 10)

    def test_each_wait_is_a_part_of_the_time(self):
        # There is always something, and it is never enough.
        self.far.send(b'x')
        self.stream.settimeout(-1)
        self.wanting(*[ssl.SSLWantReadError()] * 1000, b'late')
        self.assertRaises(TimeoutError, self.stream.recv, 10)
