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

"""Addresses that are the same however they are spelt."""

import testtools

from os_brick_dsware import addresses


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
