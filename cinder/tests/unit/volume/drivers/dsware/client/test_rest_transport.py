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

"""What comes of a request over REST, with scripted sessions and real TLS."""

import ssl

import ddt
import fixtures
import testtools

from cinder.tests.unit.volume.drivers.dsware.fakes import certificates
from cinder.tests.unit.volume.drivers.dsware.fakes import http_server
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware.client import rest_http
from cinder.volume.drivers.dsware.client import rest_session
from cinder.volume.drivers.dsware.client import rest_transport
from cinder.volume.drivers.dsware.client import tls
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import waiting

ENDPOINT = endpoints.Endpoint('192.0.2.1', 28443)
DELETE = endpoints.Request('deleteVolume', {'volName': 'v'})
QUERY = endpoints.Request('queryVolume', {'volName': 'v'})
ROLL_BACK = endpoints.Request('rollbackSnapshot', {
    'volName': 'v', 'snapName': 's'})
ATTACH = endpoints.Request('attachVolume', {'volName': 'v'})
ATTACH_THERE = endpoints.Request('attachVolume', {
    'volName': 'v', 'host': '192.0.2.7'})
BEFORE = {'data': {'running_status': 27}}
Lost = rest_http.Lost
NotSent = rest_http.NotSent
Refused = rest_session.Refused


class Session:
    """Stands for a session: gives one answer after another, or raises."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def call(self, *request):
        self.asked.append(request)
        found = self.answers.pop(0)
        if isinstance(found, BaseException):
            raise found
        return found


def make(*answers, endpoint=ENDPOINT):
    made = rest_transport.RESTTransport(endpoint)
    made._session = Session(*answers)
    return made


class TransportTestCase(testtools.TestCase):

    @staticmethod
    def exchange(carrier, request=DELETE):
        return list(carrier.exchange(request, waiting.Deadline(60)))

    def fails(self, error, carrier, request=DELETE):
        """Exchange what must raise exactly this class."""
        raised = self.assertRaises(error, self.exchange, carrier, request)
        self.assertIs(error, type(raised))
        return raised


@ddt.ddt
class OutcomeTestCase(TransportTestCase):

    def test_success(self):
        frames = self.exchange(make({'lunDetailInfo': {'volName': 'v'}}),
                               QUERY)
        self.assertEqual([True, False], [frame.more for frame in frames])
        self.assertEqual('v', frames[0].records[0]['vol_name'])

    def test_a_refusal(self):
        frame, = self.exchange(make(Refused(50150005, 'gone')))
        self.assertEqual((50150005, 'gone'), (frame.result, frame.desc))

    def test_a_host_refuses(self):
        frame, = self.exchange(make({'v': {'errorCode': '50151401'}}),
                               ATTACH_THERE)
        self.assertEqual(50151401, frame.result)

    @ddt.data(
        (DELETE, Lost('cut')), (DELETE, Refused(None, 'no')),
        (QUERY, Lost('cut')), (QUERY, Refused(None, 'no')))
    @ddt.unpack
    def test_in_doubt(self, request, error):
        self.fails(exceptions.OutcomeUnknown, make(error), request)

    @ddt.data(Lost('cut'), NotSent(OSError('no')), Refused(50153010),
              Refused(None))
    def test_a_later_call_fails(self, error):
        """What the earlier ones have changed stays changed."""
        self.fails(exceptions.OutcomeUnknown, make(BEFORE, {}, error),
                   ROLL_BACK)

    @ddt.data((NotSent(OSError('no')), 'cannot connect: no'),
              (NotSent(Lost('HTTP 503')), 'no valid answer: HTTP 503'),
              (NotSent(Refused(50150002, 'HTTP 404')),
               'the manager is not ready: result 50150002'))
    @ddt.unpack
    def test_not_sent(self, error, words):
        raised = self.fails(exceptions.EndpointUnavailable, make(error))
        self.assertIn(words, str(raised))

    def test_not_sent_after_a_query(self):
        self.fails(exceptions.EndpointUnavailable,
                   make(BEFORE, NotSent(OSError('no'))), ROLL_BACK)

    def test_no_such_call(self):
        carrier = make()
        error = self.fails(
            exceptions.InvalidRequest, carrier,
            endpoints.Request('duplicateSnapshot', {}))
        self.assertEqual(50150002, error.result)
        self.assertEqual([], carrier._session.asked)


@ddt.ddt
class HostTestCase(TransportTestCase):

    DONE = {'v': {'errorCode': 0, 'devName': '/dev/sdb'}}

    def carrier(self, *managers):
        return rest_transport.HostTransport(
            endpoints.Endpoint('192.0.2.7', 10519), managers)

    def test_any_manager(self):
        down, up, spare = (make(NotSent(OSError('no'))),
                           make(self.DONE, self.DONE), make())
        carrier = self.carrier(down, up, spare)
        frames = self.exchange(carrier, ATTACH)
        self.assertEqual([{'devName': '/dev/sdb'}], frames[0].records)
        self.assertEqual(['192.0.2.7'],
                         up._session.asked[0][2]['ipList'])
        # Which one is there is remembered.
        self.exchange(carrier, ATTACH)
        self.assertEqual([1, 2], [len(one._session.asked)
                                  for one in (down, up)])

    def test_none(self):
        self.fails(exceptions.EndpointUnavailable, self.carrier(
            make(NotSent(OSError('no'))), make(NotSent(OSError('no')))),
            ATTACH)

    @ddt.data(Lost('cut'), Refused(None))
    def test_what_is_in_doubt_is_asked_of_nobody_else(self, error):
        self.fails(exceptions.OutcomeUnknown,
                   self.carrier(make(error), make(self.DONE)), ATTACH)


class TLSTestCase(TransportTestCase):
    """The cures are those that the other transport tells."""

    def setUp(self):
        super().setUp()
        directory = self.useFixture(fixtures.TempDir()).path
        self.authority = certificates.Authority(directory, 'ca')
        self.other = certificates.Authority(directory, 'other')

    def carrier(self, *files, ca=None, client_ca=None, steps=(), **settings):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
        if client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(client_ca)
        server = self.useFixture(http_server.Server(*steps, context=context))
        made = rest_transport.RESTTransport(
            endpoints.Endpoint(*server.address),
            tls.TLSSettings(True, ca or self.authority.path, **settings))
        self.addCleanup(made.close)
        return made

    def refused(self, carrier, *words):
        error = self.fails(exceptions.CertificateRefused, carrier)
        for word in words:
            self.assertIn(word, str(error))

    def test_good(self):
        done = http_server.answer({'result': 0})
        self.exchange(self.carrier(
            *self.authority.issue('m', ['127.0.0.1']), steps=[done] * 2))

    def test_a_client_certificate_is_wanted(self):
        self.refused(self.carrier(
            *self.authority.issue('m', ['127.0.0.1']),
            client_ca=self.other.path), 'Set dsware_client_cert')

    def test_silence(self):
        error = self.fails(exceptions.EndpointUnavailable, self.carrier(
            *self.authority.issue('m', ['127.0.0.1']), steps=[None]))
        self.assertIn('dsware_client_cert', str(error))

    def test_no_tls(self):
        server = self.useFixture(http_server.Server())
        made = rest_transport.RESTTransport(
            endpoints.Endpoint(*server.address),
            tls.TLSSettings(True, self.authority.path))
        error = self.assertRaises(exceptions.EndpointUnavailable,
                                  self.exchange, made)
        self.assertIn('TLS', str(error))
        self.assertIn('28443 or 8088', str(error))
        self.assertNotIn('driver_use_ssl', str(error))
