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

"""Addresses that are the same however they are spelt, or our own."""

import socket
import threading
from unittest import mock

import testtools

from os_brick_dsware import addresses

#: For documentation (RFC 5737): never an address of a host.
ELSEWHERE = '192.0.2.77'


class CanonicalTestCase(testtools.TestCase):

    def test_spellings(self):
        for canonical, spellings in {
                '::1': ('0:0:0:0:0:0:0:1', '0000::0001', '[::1]', ' ::1 '),
                '2001:db8::a': ('2001:DB8:0::A', '2001:db8::000a'),
                'fe80::1%eth0': ('FE80::1%eth0',),
                '10.0.0.5': ('::ffff:10.0.0.5', '::FFFF:a00:5',
                             '[::ffff:10.0.0.5]', '10.0.0.5'),
                'agent-1.example': ('Agent-1.EXAMPLE.', 'agent-1.example'),
                'this-host': ('this-host',), '': ('', ' '),
                '010.0.0.5': ('010.0.0.5',), '[x]': ('[x]',)}.items():
            for spelling in spellings:
                self.assertEqual(canonical, addresses.canonical(spelling))


class LocalTestCase(testtools.TestCase):

    def test_loopback(self):
        for address in ('127.0.0.1', '127.9.8.7', 'localhost'):
            self.assertTrue(addresses.is_local(address), address)

    def test_elsewhere(self):
        self.assertFalse(addresses.is_local(ELSEWHERE))

    def test_own(self):
        """A host reaches an address of its own by that address."""
        for own in (ELSEWHERE, '192.0.2.78'):
            probe = mock.MagicMock()
            probe.__enter__.return_value.getsockname.return_value = (own, 1)
            with mock.patch.object(socket, 'socket', return_value=probe):
                self.assertEqual(own == ELSEWHERE,
                                 addresses.is_local(ELSEWHERE))

    def test_cannot_be_found_out(self):
        for error in (OSError('no route'), UnicodeError('label too long')):
            with mock.patch.object(socket, 'getaddrinfo', side_effect=error):
                self.assertFalse(addresses.is_local('agent-1'))

    def test_takes_too_long_to_find_out(self):
        released = threading.Event()
        self.addCleanup(released.set)

        def look_up(*_args, **_kwargs):
            released.wait()
            return []

        with mock.patch.object(addresses, '_LOOK_UP_SECONDS', 0.01), \
                mock.patch.object(socket, 'getaddrinfo', look_up):
            self.assertFalse(addresses.is_local('agent-1'))
