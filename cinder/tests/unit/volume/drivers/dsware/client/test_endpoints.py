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

"""Endpoints and requests."""

import ddt
import hypothesis
from hypothesis import strategies
import testtools

from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware.client import endpoints
from tools import secret_marks

SECRET = secret_marks.secret('request')


@ddt.ddt(testNameFormat=ddt.TestNameFormat.INDEX_ONLY)
class EndpointTestCase(testtools.TestCase):

    @ddt.data(
        ('192.0.2.1', '192.0.2.1', 10519),
        ('192.0.2.1:80', '192.0.2.1', 80),
        ('2001:db8::1', '2001:db8::1', 10519),
        ('[2001:db8::1]', '2001:db8::1', 10519),
        ('[2001:db8::1]:65535', '2001:db8::1', 65535),
        ('::1', '::1', 10519),
        ('fe80::1%eth0', 'fe80::1%eth0', 10519),
        ('[fe80::1%eth0]:80', 'fe80::1%eth0', 80),
        ('::ffff:192.0.2.1', '::ffff:192.0.2.1', 10519),
        ('localhost', 'localhost', 10519),
        ('agent-1.example.org', 'agent-1.example.org', 10519),
        ('agent-1.example.org.:1', 'agent-1.example.org.', 1),
        ('agent_1', 'agent_1', 10519),
        ('4u.example.org', '4u.example.org', 10519),
        ('x' * 63, 'x' * 63, 10519))
    @ddt.unpack
    def test_good(self, text, host, port):
        self.assertEqual(endpoints.Endpoint(host, port),
                         endpoints.Endpoint.parse(text, 10519))

    @ddt.data(
        '', ' ', ':', ':80', '[', ']', '[]', '[]:80', '[::1', '::1]',
        '[::1]80', '[::1]x', '[::1]:', '[::1]:80:90', '[[::1]]', '[a]',
        '[a]:80', '[192.0.2.1]:80', 'host:', 'host:x', 'host:0',
        'host:65536', 'host:-1', 'host:+1', 'host: 1', 'host:1 ',
        'host:1_0', 'host:80:90', 'host:999999999999',
        '1.2.3', '1.2.3.4.5', '256.1.1.1', '1.2.3.4.', '12345', 'a b',
        'a/b', 'http://a', 'a..b', '.a', '.', '-a', 'a-', 'a.-b',
        'x' * 64, '[fe80::1%a b]', '[fe80::1%]', 'a%b',
        '.'.join(['x' * 63] * 5), 'a\n', 'a\0b', 'a,b', '--op',
        '$(id)', '\ud800', '2001:db8::1:80::')
    def test_bad(self, text):
        error = self.assertRaises(ValueError, endpoints.Endpoint.parse,
                                  text, 10519)
        self.assertIs(ValueError, type(error))
        self.assertNotIn('unpack', str(error))
        self.assertNotIn('literal', str(error))

    @ddt.data(0, -1, 65536, None)
    def test_bad_default_port(self, port):
        self.assertRaises(ValueError, endpoints.Endpoint.parse, 'a', port)

    @hypothesis.given(strategies.one_of(
        strategies.text(max_size=300),
        strategies.text(strategies.sampled_from('[]:.-_%a19 f'),
                        max_size=30)))
    @fakes.HYPOTHESIS
    def test_any_text_is_an_endpoint_or_a_value_error(self, text):
        try:
            found = endpoints.Endpoint.parse(text, 10519)
        except ValueError as error:
            self.assertIs(ValueError, type(error))
            return
        self.assertTrue(found.host.isascii())
        self.assertTrue(1 <= found.port <= 65535)
        self.assertFalse(set(found.host) & set(' []/\\\n\0'))
        # What is shown is read as the same again.
        self.assertEqual(found, endpoints.Endpoint.parse(str(found), 1))

    @ddt.data(('192.0.2.1', '192.0.2.1:10519'),
              ('agent', 'agent:10519'), ('::1', '[::1]:10519'))
    @ddt.unpack
    def test_shown(self, host, text):
        self.assertEqual(text, str(endpoints.Endpoint(host, 10519)))


@ddt.ddt
class RequestTestCase(testtools.TestCase):

    @ddt.data(
        ({'volName': 'v', 'poolId': 3, 'volSize': 1}, 'v'),
        ({'volName': 'v', 'snapName': 's', 'smartFlag': 0}, 'v'),
        ({'volName': 'v', 'snapNameSrc': 's'}, 'v'),
        ({'snapName': 's'}, 's'),
        ({'volNameSrc': 'v', 'poolIdDst': 1}, 'v'),
        ({'volNameList': 'a,b', 'snapNameList': 'c,d'}, 'c and 1 more'),
        ({'volNameList': 'a', 'snapNameList': 'c'}, 'c'),
        ({'qosName': 'q', 'maxIOPS': 1}, 'q'),
        ({'poolId': 0}, 'pool 0'),
        ({}, ''))
    @ddt.unpack
    def test_name(self, args, name):
        self.assertEqual(name, endpoints.Request('op', args).name)

    @ddt.data('queryVolume', 'queryAllPoolInfo', 'querySnapOfVolume',
              'queryVolumeQoSInfo', 'getDSwareIdentifier')
    def test_queries_change_nothing(self, op):
        self.assertFalse(endpoints.Request(op, {}).changes)

    def test_arguments_are_not_shown(self):
        self.assertNotIn(SECRET, repr(endpoints.Request(
            'login', {'userName': 'u', 'password': SECRET})))
