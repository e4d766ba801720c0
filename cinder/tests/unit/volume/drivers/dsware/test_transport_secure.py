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

"""TLS and signing in, on scripted sockets."""

import errno
import ssl

import ddt

from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.tests.unit.volume.drivers.dsware import scripted
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import tls
from cinder.volume.drivers.dsware import transport

CREATE = scripted.CREATE
FakeTLS = scripted.FakeTLS
reply = scripted.reply
ScriptedSocket = scripted.ScriptedSocket
SECRET = 'pa%ss,w0rd'


@ddt.ddt
class TLSTestCase(scripted.TransportTestCase):

    def test_the_host_name_is_checked(self):
        settings = FakeTLS()
        peer = ScriptedSocket(reply(1))
        self.exchange(self.make(peer, tls_settings=settings))
        self.assertEqual(['192.0.2.1'], settings.names)
        # The handshake is limited too.
        self.assertEqual(5, peer.timeouts[0])

    def refused(self, problem, error_class):
        peer = ScriptedSocket()
        raised = self.fails(error_class,
                            self.make(peer, tls_settings=FakeTLS(problem)))
        self.assertTrue(peer.closed)
        self.assertEqual(b'', peer.sent)
        return raised

    def test_a_bad_certificate(self):
        problem = ssl.SSLCertVerificationError(1, 'long text')
        problem.verify_message = 'certificate has expired'
        error = self.refused(problem, exceptions.CertificateRefused)
        self.assertIn('the certificate was refused: certificate has expired',
                      str(error))

    def test_no_common_protocol(self):
        error = self.refused(ssl.SSLError(1, 'unsupported protocol'),
                             exceptions.CertificateRefused)
        self.assertIn('unsupported protocol', str(error))

    @ddt.data(ssl.SSLEOFError(8, 'EOF'), ssl.SSLZeroReturnError(6, 'over'),
              ssl.SSLSyscallError(5, 'reset'), TimeoutError('late'),
              ConnectionResetError(errno.ECONNRESET, 'reset'),
              FileNotFoundError(errno.ENOENT, 'no such file'))
    def test_a_peer_that_goes_away_says_nothing_about_certificates(
            self, problem):
        self.refused(problem, exceptions.EndpointUnavailable)

    def test_interrupted_handshake(self):
        peer = ScriptedSocket()
        carrier = self.make(peer, tls_settings=FakeTLS(fakes.Interrupted()))
        self.assertRaises(fakes.Interrupted, self.exchange, carrier)
        self.assertTrue(peer.closed)

    def test_a_record_may_have_left_in_part(self):
        peer = ScriptedSocket(sends=[ConnectionResetError('reset')])
        self.fails(exceptions.OutcomeUnknown,
                   self.make(peer, tls_settings=FakeTLS()), CREATE)


@ddt.ddt
class SignInTestCase(scripted.TransportTestCase):

    def setUp(self):
        super().setUp()
        self.settings = {
            'tls_settings': FakeTLS(),
            'credentials': tls.Credentials('admin', SECRET)}

    def test_it_is_the_first_request(self):
        peer = ScriptedSocket(reply(1), reply(2), reply(3))
        carrier = self.make(peer, **self.settings)
        self.exchange(carrier)
        self.exchange(carrier)
        self.assertTrue(peer.sent[4:].startswith(
            b'seq=1\nop=login\nmanage_ip=192.0.2.10\nuserName=admin\n'
            b'password=pa%25ss%2Cw0rd'))
        self.assertEqual(1, peer.sent.count(b'op=login'))
        self.assertIn(b'seq=3\nop=queryVolume', peer.sent)

    def test_refused(self):
        peer = ScriptedSocket(reply(1, 10000003))
        carrier = self.make(peer, **self.settings)
        error = self.fails(exceptions.AccessDenied, carrier, CREATE)
        self.assertEqual(('login', 'admin', 10000003),
                         (error.op, error.name, error.result))
        self.assertIn('san_password', str(error))
        self.assertNotIn(SECRET, str(error))
        self.assertTrue(peer.closed)
        self.assertNotIn(b'createVolume', peer.sent)

    @ddt.data(b'', TimeoutError('late'), b'\0\0\0\0')
    def test_no_answer_means_that_nothing_was_asked(self, answer):
        peer = ScriptedSocket(answer)
        error = self.fails(exceptions.EndpointUnavailable,
                           self.make(peer, **self.settings), CREATE)
        self.assertIn('sign-in', str(error))
        self.assertTrue(peer.closed)
        self.assertNotIn(b'createVolume', peer.sent)

    def test_it_is_limited_like_connecting(self):
        def late():
            self.clock.now += 10
            return reply(1)[:5]
        peer = ScriptedSocket(late, reply(1)[5:])
        self.fails(exceptions.EndpointUnavailable,
                   self.make(peer, **self.settings))

    def test_a_name_that_cannot_be_sent(self):
        self.settings['credentials'] = tls.Credentials('u', SECRET * 9000)
        error = self.fails(exceptions.InvalidRequest,
                           self.make(ScriptedSocket(), **self.settings))
        self.assertNotIn(SECRET, str(error))

    def test_a_sign_in_that_has_run_out_is_made_again(self):
        old = ScriptedSocket(reply(1), reply(2), reply(3, 10000003))
        new = ScriptedSocket(reply(1), reply(2, 0, body='vol_name=v'))
        carrier = self.make(old, new, max_connections=1, **self.settings)
        self.exchange(carrier)
        frame, = self.exchange(carrier, CREATE)
        self.assertEqual([{'vol_name': 'v'}], frame.records)
        self.assertTrue(old.closed)
        self.assertIn(b'op=login', new.sent)
        self.assertEqual(1, new.sent.count(b'op=createVolume'))

    def test_a_new_sign_in_that_does_not_help_is_not_repeated(self):
        old = ScriptedSocket(reply(1), reply(2), reply(3, 10000003))
        new = ScriptedSocket(reply(1), reply(2, 10000003))
        carrier = self.make(old, new, **self.settings)
        self.exchange(carrier)
        self.assertEqual(10000003, self.exchange(carrier)[0].result)
        self.assertTrue(new.closed)
        self.assertEqual(2, len(self.connects))

    def test_a_password_is_never_sent_without_tls(self):
        self.assertRaises(ValueError, transport.SocketSettings,
                          manage_ip='m',
                          credentials=self.settings['credentials'])

    def test_a_password_is_never_shown(self):
        settings = transport.SocketSettings(manage_ip='m', **self.settings)
        self.assertNotIn(SECRET, repr(settings))
        self.assertNotIn(SECRET, str(settings.credentials))
