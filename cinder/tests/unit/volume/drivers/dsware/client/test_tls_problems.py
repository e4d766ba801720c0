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

"""What is said about each way in which TLS can fail."""

import errno
import ssl

import ddt
import testtools

from cinder.volume.drivers.dsware.client import protocol
from cinder.volume.drivers.dsware.client import tls
from cinder.volume.drivers.dsware.client import tls_problems
from cinder.volume.drivers.dsware import exceptions

SETTINGS = tls.TLSSettings(True, '/ca.pem', '/client.pem')
BARE = tls.TLSSettings(True)


def failed(reason, error_class=ssl.SSLError):
    error = error_class(1, f'[SSL: {reason}] text')
    error.reason = reason
    return error


def refused(code, message='message'):
    error = failed('CERTIFICATE_VERIFY_FAILED', ssl.SSLCertVerificationError)
    error.verify_code, error.verify_message = code, message
    return error


@ddt.ddt
class HandshakeTestCase(testtools.TestCase):

    def told(self, error, settings=SETTINGS, certain=True):
        problem = tls_problems.of_handshake(error, settings)
        self.assertIs(exceptions.CertificateRefused if certain
                      else exceptions.EndpointUnavailable, type(problem))
        return f'{problem.desc}. {problem.advice}'

    @ddt.data((9, 'clocks'), (10, 'Renew'), (18, 'this very certificate'),
              (19, '/ca.pem'), (20, '/ca.pem'), (7, '/ca.pem'),
              (26, '/ca.pem'), (62, 'subjectAltName'),
              (64, 'subjectAltName'))
    @ddt.unpack
    def test_a_certificate(self, code, words):
        text = self.told(refused(code))
        self.assertIn('the certificate was refused: message', text)
        self.assertIn(words, text)

    def test_an_unknown_authority_without_a_file(self):
        self.assertIn('driver_ssl_cert_path is not set',
                      self.told(refused(20), BARE))

    @ddt.data(('WRONG_VERSION_NUMBER', 'driver_use_ssl = false'),
              ('UNSUPPORTED_PROTOCOL', 'no TLS version from 1.2'),
              ('TLSV1_ALERT_PROTOCOL_VERSION', 'no TLS version from 1.2'),
              ('SSLV3_ALERT_HANDSHAKE_FAILURE', 'dsware_client_cert'),
              ('SSLV3_ALERT_BAD_CERTIFICATE',
               'refuses the client certificate /client.pem'),
              ('TLSV13_ALERT_CERTIFICATE_REQUIRED',
               'wants a client certificate'),
              ('SOMETHING_NEW', 'SOMETHING_NEW'))
    @ddt.unpack
    def test_a_reason(self, reason, words):
        self.assertIn(words, self.told(failed(reason)))

    def test_without_a_reason(self):
        self.assertIn('text', self.told(ssl.SSLError(1, 'text')))

    @ddt.data(failed('UNEXPECTED_EOF', ssl.SSLEOFError),
              ConnectionResetError(errno.ECONNRESET, 'reset by peer'))
    def test_broken_off(self, error):
        self.assertIn('does not speak TLS', self.told(error, certain=False))

    @ddt.data(ConnectionRefusedError(errno.ECONNREFUSED, 'refused'),
              TimeoutError('late'), ValueError('strange address'))
    def test_no_word_about_tls(self, error):
        self.assertEqual(f'cannot connect: {error}. ',
                         self.told(error, certain=False))

    def test_reset_without_tls(self):
        error = ConnectionResetError(errno.ECONNRESET, 'reset by peer')
        self.assertNotIn('TLS', self.told(error, None, certain=False))

    def test_a_file(self):
        self.assertIn('dsware_client_key = /k: bad', self.told(
            tls.BadFile('dsware_client_key', '/k', 'bad')))


class AfterTheHandshakeTestCase(testtools.TestCase):

    def test_a_refusal_of_what_was_not_shown(self):
        problem = tls_problems.of_client_certificate(
            failed('SSLV3_ALERT_BAD_CERTIFICATE'), BARE)
        self.assertIn('wants a client certificate', problem.desc)

    def test_no_refusal(self):
        for error in (failed('SOMETHING_ELSE'), TimeoutError('late')):
            self.assertIsNone(tls_problems.of_client_certificate(
                error, SETTINGS))

    def test_silence(self):
        closed = protocol.RemoteProtocolError('the peer closed')
        self.assertIn('driver_use_ssl = true',
                      tls_problems.advice_on_silence(closed, None))
        self.assertIn('accept the client certificate /client.pem',
                      tls_problems.advice_on_silence(closed, SETTINGS))
        self.assertIn('wants a client certificate',
                      tls_problems.advice_on_silence(closed, BARE))
        self.assertEqual('', tls_problems.advice_on_silence(
            TimeoutError('late'), SETTINGS))
