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

from cinder.tests.unit.volume.drivers.dsware.fakes import scripted
from cinder.volume.drivers.dsware.client import connection
from cinder.volume.drivers.dsware.client import login
from cinder.volume.drivers.dsware import exceptions
from tools import secret_marks

CREATE = scripted.CREATE
FakeTLS = scripted.FakeTLS
reply = scripted.reply
ScriptedSocket = scripted.ScriptedSocket
# With what is escaped on the wire.
SECRET = 'pa%ss,w0rd' + secret_marks.secret('sent')


def make_sign_in(password=SECRET):
    """Make what connections sign in with, from a fixed password."""
    return login.SignIn(login.Credentials('admin', password))


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
        problem.verify_code = 10
        error = self.refused(problem, exceptions.CertificateRefused)
        self.assertIn('the certificate was refused: certificate has expired',
                      str(error))

    @ddt.data(ssl.SSLEOFError(8, 'EOF'), ssl.SSLZeroReturnError(6, 'over'),
              ssl.SSLSyscallError(5, 'reset'), TimeoutError('late'),
              ConnectionResetError(errno.ECONNRESET, 'reset'))
    def test_a_peer_that_goes_away_says_nothing_about_certificates(
            self, problem):
        self.refused(problem, exceptions.EndpointUnavailable)

    def test_a_connection_is_left_when_what_it_trusts_has_changed(self):
        settings = FakeTLS()
        old, new = ScriptedSocket(reply(1)), ScriptedSocket(reply(1))
        carrier = self.make(old, new, tls_settings=settings)
        self.exchange(carrier)
        settings.current = False
        self.exchange(carrier, CREATE)
        self.assertTrue(old.closed)
        self.assertIn(b'createVolume', new.sent)

    def alert(self, reason):
        error = ssl.SSLError(1, f'[SSL: {reason}] alert')
        error.reason = reason
        return error

    def test_a_client_certificate_is_refused_after_the_handshake(self):
        peer = ScriptedSocket(self.alert('TLSV13_ALERT_CERTIFICATE_REQUIRED'))
        carrier = self.make(peer, tls_settings=FakeTLS())
        error = self.fails(exceptions.CertificateRefused, carrier, CREATE)
        self.assertIn('Set dsware_client_cert', str(error))
        self.assertTrue(peer.closed)

    def test_why_is_read_when_nothing_can_be_sent(self):
        peer = ScriptedSocket(self.alert('TLSV1_ALERT_UNKNOWN_CA'),
                              sends=[BrokenPipeError('broken')])
        settings = FakeTLS()
        settings.client_cert = '/c'
        carrier = self.make(peer, tls_settings=settings)
        error = self.fails(exceptions.CertificateRefused, carrier, CREATE)
        self.assertIn('refuses the client certificate /c', str(error))

    def test_an_alert_on_a_connection_that_was_good_is_no_refusal(self):
        peer = ScriptedSocket(reply(1), self.alert('TLSV1_ALERT_UNKNOWN_CA'))
        carrier = self.make(peer, tls_settings=FakeTLS())
        self.exchange(carrier)
        error = self.fails(exceptions.OutcomeUnknown, carrier, CREATE)
        self.assertEqual('', error.advice)

    @ddt.data((FakeTLS(), 'dsware_client_cert'), (None, 'driver_use_ssl'))
    @ddt.unpack
    def test_the_first_request_gets_no_answer(self, settings, option):
        error = self.fails(exceptions.OutcomeUnknown, self.make(
            ScriptedSocket(b''), tls_settings=settings), CREATE)
        self.assertIn(option, error.advice)

    def test_tls_where_none_is_expected(self):
        # An alert: it cannot make sense of a request without TLS.
        error = self.fails(exceptions.OutcomeUnknown, self.make(
            ScriptedSocket(b'\x15\x03\x03\x00\x02\x02\x46')), CREATE)
        self.assertIn('set driver_use_ssl = true', str(error))

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
            'sign_in': make_sign_in()}

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

    # The second is not published, and the third is of a volume.
    @ddt.data(10000003, 1077949999, 50150005)
    def test_refused(self, result):
        peer = ScriptedSocket(reply(1, result))
        carrier = self.make(peer, **self.settings)
        error = self.fails(exceptions.AccessDenied, carrier, CREATE)
        self.assertEqual(('login', 'admin', result),
                         (error.op, error.name, error.result))
        self.assertIn('san_password', str(error))
        self.assertNotIn(SECRET, str(error))
        self.assertTrue(peer.closed)
        self.assertNotIn(b'createVolume', peer.sent)

    def test_refused_again_and_again_is_asked_once(self):
        peer = ScriptedSocket(reply(1, 10000003))
        again = ScriptedSocket()
        carrier = self.make(peer, again, **self.settings)
        self.fails(exceptions.AccessDenied, carrier)
        self.clock.now += 5
        error = self.fails(exceptions.AccessDenied, carrier, CREATE)
        self.assertEqual(b'', again.sent)
        self.assertTrue(again.closed)
        for words in ('192.0.2.1:10519 refused it and', 'in 11 s',
                      'san_password'):
            self.assertIn(words, str(error))
        self.assertEqual(10000003, error.result)

    @ddt.data((50150012, exceptions.TryAgain),
              (50500001, exceptions.InvalidRequest),
              (50150001, exceptions.EndpointUnavailable))
    @ddt.unpack
    def test_another_result_says_nothing_about_the_password(
            self, result, error_class):
        carrier = self.make(ScriptedSocket(reply(1, result)),
                            ScriptedSocket(reply(1), reply(2)),
                            **self.settings)
        error = self.fails(error_class, carrier, CREATE)
        self.assertIn('login', str(error))
        self.exchange(carrier, CREATE)

    @ddt.data(b'', TimeoutError('late'), b'\0\0\0\0')
    def test_no_answer_means_that_nothing_was_asked(self, answer):
        peer = ScriptedSocket(answer)
        error = self.fails(exceptions.EndpointUnavailable,
                           self.make(peer, **self.settings), CREATE)
        self.assertIn('sign-in', str(error))
        self.assertTrue(peer.closed)
        self.assertNotIn(b'createVolume', peer.sent)

    @ddt.data(reply(1, more=True) + reply(1),
              reply(1, body='\n'.join(['a=1'] * 300)))
    def test_its_answer_is_not_that_of_the_next_request(self, answer):
        peer = ScriptedSocket(answer)
        self.fails(exceptions.OutcomeUnknown,
                   self.make(peer, **self.settings), CREATE)
        self.assertTrue(peer.closed)

    def test_it_is_limited_like_connecting(self):
        def late():
            self.clock.now += 10
            return reply(1)[:5]
        peer = ScriptedSocket(late, reply(1)[5:])
        self.fails(exceptions.EndpointUnavailable,
                   self.make(peer, **self.settings))

    def test_a_sign_in_that_has_run_out_is_made_again(self):
        old = ScriptedSocket(reply(1), reply(2), reply(3, 10000003))
        new = ScriptedSocket(reply(1), reply(2, 0, body='vol_name=v'))
        carrier = self.make(old, new, **self.settings)
        self.exchange(carrier)
        frame, = self.exchange(carrier, CREATE)
        self.assertEqual([{'vol_name': 'v'}], frame.records)
        self.assertTrue(old.closed)
        self.assertIn(b'op=login', new.sent)
        self.assertEqual(1, new.sent.count(b'op=createVolume'))

    def test_a_new_sign_in_that_ends_at_once_is_made_again(self):
        ended = ScriptedSocket(reply(1), reply(2, 10000003))
        new = ScriptedSocket(reply(1), reply(2, 0, body='vol_name=v'))
        carrier = self.make(ended, new, **self.settings)
        frame, = self.exchange(carrier, CREATE)
        self.assertEqual([{'vol_name': 'v'}], frame.records)
        self.assertTrue(ended.closed)
        self.assertEqual(1, new.sent.count(b'op=createVolume'))

    def test_an_agent_that_is_not_written_down(self):
        """It gets no password, and says so if it wants one."""
        self.settings.update(sign_in=None)
        peer = ScriptedSocket(reply(1))
        self.exchange(self.make(peer, **self.settings))
        self.assertNotIn(b'login', peer.sent)
        peer = ScriptedSocket(reply(1, 10000003))
        error = self.fails(exceptions.AccessDenied,
                           self.make(peer, **self.settings), CREATE)
        self.assertIn('list the agent in dsware_host_agents', str(error))
        self.assertEqual(10000003, error.result)
        self.assertNotIn(b'login', peer.sent)
        self.assertTrue(peer.closed)

    def test_a_password_is_never_sent_without_tls(self):
        self.assertRaises(ValueError, connection.SocketSettings,
                          manage_ip='m',
                          sign_in=make_sign_in())
