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

"""The resolver, with a system resolver that may hang."""

import socket
import threading
from unittest import mock

import testtools

from cinder.volume.drivers.dsware.client import dialer

FOUND = [(socket.AF_INET, socket.SOCK_STREAM, 6, '', ('192.0.2.1', 80)),
         (socket.AF_INET, socket.SOCK_STREAM, 6, '', ('192.0.2.1', 80)),
         (socket.AF_INET6, socket.SOCK_STREAM, 6, '',
          ('2001:db8::1', 80, 0, 0))]


class ResolverTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.answer = threading.Event()
        self.addCleanup(self.answer.set)
        self.asked = []
        self.error = None
        real = socket.getaddrinfo

        def getaddrinfo(host, port, **kwargs):
            if kwargs.get('flags'):
                return real(host, port, **kwargs)
            self.asked.append(host)
            self.answer.wait(60)
            if self.error:
                raise self.error
            return FOUND
        patcher = mock.patch.object(dialer.socket, 'getaddrinfo',
                                    getaddrinfo)
        patcher.start()
        self.addCleanup(patcher.stop)

    def test_an_address_is_not_looked_up(self):
        for host in ('192.0.2.1', '2001:db8::1', '::1'):
            self.assertEqual(
                [(host, 80)], dialer.Resolver(host, 80).addresses(0))
        self.assertEqual([], self.asked)

    def test_a_name(self):
        self.answer.set()
        found = dialer.Resolver('agent.example.org', 80).addresses(60)
        self.assertEqual([('192.0.2.1', 80), ('2001:db8::1', 80)], found)

    def test_each_look_up_is_a_new_one(self):
        self.answer.set()
        resolver = dialer.Resolver('agent.example.org', 80)
        resolver.addresses(60)
        resolver.addresses(60)
        self.assertEqual(2, len(self.asked))

    def test_a_resolver_that_hangs(self):
        resolver = dialer.Resolver('agent.example.org', 80)
        for _again in range(3):
            error = self.assertRaises(TimeoutError, resolver.addresses,
                                      0.01)
            self.assertIn('agent.example.org', str(error))
        # Whoever asks meanwhile waits for the same look-up.
        self.assertEqual(1, len(self.asked))
        self.answer.set()
        self.assertEqual(2, len(resolver.addresses(60)))

    def test_no_such_name(self):
        self.answer.set()
        self.error = socket.gaierror(-2, 'Name or service not known')
        self.assertRaises(
            OSError, dialer.Resolver('a.example.org', 80).addresses, 60)
