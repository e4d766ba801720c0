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
"""TLS and signing in."""

import os
import shutil
import socket
import ssl
import subprocess
import tempfile

from dsware_sim import codes
from dsware_sim import testing
from dsware_sim.tests import base
from dsware_sim.tests import certificates
from tools import secret_marks

ADDRESS = '127.0.0.1'
# With what is escaped on the wire.
PASSWORD = 'p,w%=\u5bc6' + secret_marks.secret('simulated')


class TlsTestCase(base.SimulatorTestCase):
    """A cluster that wants TLS, client certificates and credentials."""

    # It tells of handshakes that failed.
    quiet = False

    @classmethod
    def setUpClass(cls):
        cls.pki = tempfile.mkdtemp(prefix='dsware-test-')
        cls.addClassCleanup(shutil.rmtree, cls.pki, ignore_errors=True)
        cls.authority = certificates.Authority(cls.pki, 'authority')
        cls.stranger = certificates.Authority(cls.pki, 'stranger')
        cert, key = cls.authority.issue('agent', [ADDRESS])
        cls.settings = {
            'devices': 'file', 'agents': [(ADDRESS, 0)],
            'tls': {'cert': cert, 'key': key,
                    'client_ca': cls.authority.path},
            'user': 'm\u00fcller', 'password': PASSWORD}
        super().setUpClass()

    def context(self, authority=None, client='client'):
        context = ssl.create_default_context(
            cafile=(authority or self.authority).path)
        if client:
            context.load_cert_chain(*self.authority.issue(client))
        return context

    def connect(self, context=None):
        client = base.Client(self.simulator.agents[0],
                             context or self.context(), ADDRESS)
        self.addCleanup(client.close)
        return client

    def sign_in(self, client, user='m\u00fcller', password=PASSWORD):
        return client('login', userName=user, password=password)[0]

    def test_sign_in(self):
        client = self.connect()
        for op in ('queryAllPoolInfo', 'nonsense'):
            self.assertEqual((codes.UNAUTHORIZED, []), client(op))
        for wrong in (('m\u00fcller', 'x'), ('x', PASSWORD), ('', '')):
            self.assertEqual(codes.UNAUTHORIZED,
                             self.sign_in(client, *wrong))
            self.assertEqual(codes.UNAUTHORIZED,
                             client('queryAllPoolInfo')[0])
        self.assertEqual(codes.OK, self.sign_in(client))
        self.ok(client, 'queryAllPoolInfo')
        self.assertEqual(codes.UNAUTHORIZED, self.connect()(
            'queryAllPoolInfo')[0])

    def test_login_without_arguments(self):
        self.assertEqual(codes.UNAUTHORIZED, self.connect()('login')[0])

    def test_password_is_not_logged(self):
        self.sign_in(self.connect())
        self.assertNotIn(secret_marks.MARK, str(self.control.log()))

    def test_listing(self):
        client = self.connect()
        self.sign_in(client)
        for number in range(3000):
            self.volume(client, 'volume-%d' % number, 1)
        self.assertEqual(3000, len(self.ok(client, 'queryAllVolume',
                                           poolId=0)))

    def test_version(self):
        client = self.connect()
        self.assertIn(client.socket.version(), ('TLSv1.2', 'TLSv1.3'))
        context = self.context()
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers('ALL:@SECLEVEL=0')
        self.assertRaises((ssl.SSLError, ConnectionError), self.connect,
                          context)

    def test_client_without_certificate(self):
        self.assertRaises(
            (ssl.SSLError, EOFError, ConnectionError),
            lambda: self.connect(self.context(client=None))('login'))

    def test_client_with_a_strange_certificate(self):
        context = self.context(client=None)
        context.load_cert_chain(*self.stranger.issue('intruder'))
        self.assertRaises((ssl.SSLError, EOFError, ConnectionError),
                          lambda: self.connect(context)('login'))

    def test_certificate_is_of_the_authority(self):
        self.assertRaises(ssl.SSLCertVerificationError, self.connect,
                          self.context(self.stranger))

    def test_client_without_tls(self):
        client = base.Client(self.simulator.agents[0])
        self.addCleanup(client.close)
        # What is no handshake is cut off, or answered by an alert.
        client.send('queryAllPoolInfo')
        try:
            data = client.socket.recv(1024)
        except ConnectionError:
            data = b''
        self.assertNotIn(b'result=', data)

    def test_fsc_cli_needs_neither(self):
        done = subprocess.run(
            [os.path.join(self.simulator.bin, 'fsc_cli'), '--manage_ip',
             'm', '--ip', ADDRESS, '--op', 'queryAllPoolInfo'],
            capture_output=True, text=True, env={}, timeout=base.DEADLINE)
        self.assertIn('result=0\n', done.stdout)

    def set_passwords(self, *passwords, **options):
        self.addCleanup(self.control.set_passwords, PASSWORD)
        self.control.set_passwords(*passwords, **options)

    def test_passwords_that_change(self):
        client = self.connect()
        self.sign_in(client)
        self.set_passwords(PASSWORD, 'next')
        for password in (PASSWORD, 'next'):
            self.assertEqual(codes.OK, self.sign_in(
                self.connect(), password=password))
        self.set_passwords('next')
        self.assertEqual(codes.UNAUTHORIZED, self.sign_in(self.connect()))
        # Who is signed in stays so.
        self.ok(client, 'queryAllPoolInfo')

    def test_sign_ins_that_end(self):
        client = self.connect()
        self.sign_in(client)
        self.set_passwords('next', keep_sessions=False)
        self.assertEqual((codes.UNAUTHORIZED, []),
                         client('queryAllPoolInfo'))
        self.assertEqual(codes.OK, self.sign_in(client, password='next'))
        self.ok(client, 'queryAllPoolInfo')

    def test_certificates_that_change(self):
        client = self.connect()
        self.sign_in(client)
        tls = self.settings['tls']
        self.addCleanup(self.control.reload_tls)
        for path in (tls['cert'], tls['key'], tls['client_ca']):
            self.addCleanup(os.replace, path + '.old', path)
            shutil.copy(path, path + '.old')
        cert, key = self.stranger.issue('other', [ADDRESS])
        for new, path in ((cert, tls['cert']), (key, tls['key']),
                          (self.stranger.path, tls['client_ca'])):
            shutil.copy(new, path)
        self.control.reload_tls()
        self.ok(client, 'queryAllPoolInfo')
        context = ssl.create_default_context(cafile=self.stranger.path)
        context.load_cert_chain(*self.stranger.issue('friend'))
        self.assertEqual(codes.OK, self.sign_in(self.connect(context)))
        # An authority that clients' certificates are no longer checked with.
        context = ssl.create_default_context(cafile=self.stranger.path)
        context.load_cert_chain(*self.authority.issue('client'))
        self.assertRaises((ssl.SSLError, EOFError, ConnectionError),
                          lambda: self.connect(context)('login'))

    def test_faults(self):
        self.control.add_fault(kind='hang', count=1)
        client = self.connect()
        client.socket.settimeout(0.2)
        self.assertRaises(socket.timeout, self.sign_in, client)
        self.control.add_fault(kind='drop_after', op='login', count=1)
        self.assertRaises((EOFError, OSError), self.sign_in, self.connect())
        self.control.add_fault(kind='cut_frame', op='login', count=1)
        self.assertRaises(EOFError, self.sign_in, self.connect())


class SettingsTestCase(base.TestCase):
    """Wrong files are named at the start."""

    def test_missing_certificate(self):
        simulator = testing.Simulator(tls={'cert': '/nonexistent/c',
                                           'key': '/nonexistent/k'})
        self.addCleanup(simulator.stop)
        error = self.assertRaises(testing.SimulatorError, simulator.start)
        self.assertIn('/nonexistent/c', str(error))

    def test_sign_in_without_tls(self):
        # A driver never sends its password then, but a test may ask for it.
        simulator = testing.Simulator(devices='file', user='u', password='p')
        self.addCleanup(simulator.stop)
        simulator.start()
        client = base.Client(simulator.agents[0])
        self.addCleanup(client.close)
        self.assertEqual(codes.UNAUTHORIZED, client('queryAllPoolInfo')[0])
        self.assertEqual(codes.OK, client('login', userName='u',
                                          password='p')[0])
