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

"""TLS, client certificates, signing in, and secrets that stay secret."""

import os
import shutil
import tempfile

import fixtures

from cinder import exception
from cinder.tests.unit.volume.drivers.dsware.integration import base
from cinder.tests.unit.volume.drivers.dsware.integration import certificates

ADDRESSES = ('127.0.77.1', '127.0.77.2')
AGENTS = [(address, 0) for address in ADDRESSES]
USER = 'cinder'
PASSWORD = 'never-to-be-logged'


class SecureTestCase(base.SocketTestCase):
    """A cluster that wants TLS; fsc_cli makes connections of its own."""

    # What else the simulator is told: paths by option.
    CREDENTIALS = {}

    @classmethod
    def start_simulator(cls, **settings):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.authority = certificates.Authority(directory.name, 'ca')
        cls.other = certificates.Authority(directory.name, 'other')
        return cls.secure_simulator(cls.authority, **settings)

    @classmethod
    def secure_simulator(cls, authority, addresses=ADDRESSES, days=1,
                         client_ca=None, **settings):
        """Start a simulator with a certificate.

        :param authority: who signs the certificate
        :param addresses: what it is valid for
        :param days: how long it is valid
        :param client_ca: what certificates of clients are checked with
        :param settings: what else the simulator is told
        :returns: the simulator
        """
        cert, key = authority.issue('server', addresses, days)
        tls = {'cert': cert, 'key': key}
        if client_ca:
            tls['client_ca'] = client_ca
        return super().start_simulator(
            **{'agents': AGENTS, 'tls': tls, **cls.CREDENTIALS, **settings})

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(level=0))

    def secure_driver(self, simulator=None, **options):
        return self.make_driver(
            (simulator or self.simulator).agents,
            **{'driver_use_ssl': True, 'driver_ssl_cert_verify': True,
               'driver_ssl_cert_path': self.authority.path,
               'dsware_request_timeout': 10, **options})

    def secure(self, *args, **settings):
        """Start another simulator, for this test."""
        simulator = self.secure_simulator(*args, **settings)
        self.addCleanup(simulator.stop)
        return simulator

    def assertWorks(self, dsware):
        volume = base.make_volume()
        dsware.create_volume(volume)
        self.assertEqual('0', dsware.get_pool(volume))
        dsware.delete_volume(volume)

    def assertRefused(self, pattern, *args, **options):
        """Check that a driver does not start, and what it says.

        :param pattern: what the error has to say
        :param args: for :meth:`secure_driver`
        :param options: for :meth:`secure_driver`
        """
        self.assertRaisesRegex(
            exception.VolumeBackendAPIException, pattern,
            self.secure_driver, *args,
            **{'dsware_request_timeout': 1, **options})
        self.assertNotIn(PASSWORD, self.log.output)

    def state(self, dsware):
        return dsware.get_volume_stats(refresh=True)['backend_state']


class TLSTestCase(SecureTestCase):

    def test_verified(self):
        self.assertWorks(self.secure_driver())

    def test_directory_of_certificates(self):
        # Such a directory has links whose names are hashes: one without
        # them holds no certificate that could be found.
        self.assertRefused(
            'certificate',
            driver_ssl_cert_path=os.path.dirname(self.authority.path))

    def test_unknown_authority(self):
        self.assertRefused('certificate was refused',
                           driver_ssl_cert_path=self.other.path)
        self.assertEqual([], self.ops())

    def test_only_what_the_system_trusts(self):
        self.assertRefused('certificate was refused',
                           driver_ssl_cert_path=None)

    def test_certificate_for_another_address(self):
        simulator = self.secure(self.authority, ['127.0.77.9'])
        self.assertRefused(r'not valid for .127\.0\.77\.', simulator)

    def test_expired_certificate(self):
        simulator = self.secure(self.authority, days=-1)
        self.assertRefused('certificate has expired', simulator)

    def test_not_verified(self):
        self.assertWorks(self.secure_driver(
            self.secure(self.other, ['127.0.77.9']),
            driver_ssl_cert_verify=False, driver_ssl_cert_path=None))
        self.assertIn('not verified', self.log.output)

    def test_no_tls_where_it_is_wanted(self):
        dsware = self.make_driver(dsware_request_timeout=1)
        self.assertEqual('down', self.state(dsware))
        self.assertEqual([], self.ops())

    def test_tls_where_there_is_none(self):
        plain = base.SocketTestCase.start_simulator(agents=AGENTS)
        self.addCleanup(plain.stop)
        # It hangs up, as a cluster does that is being restarted, so the
        # backend starts down and tells why.
        dsware = self.secure_driver(plain, dsware_request_timeout=1)
        self.assertEqual('down', self.state(dsware))
        self.assertIn('TLS handshake failed', self.log.output)

    def test_authority_is_replaced_while_the_service_runs(self):
        path = self.useFixture(fixtures.TempDir()).join('trusted.crt')
        shutil.copy(self.authority.path, path)
        simulator = self.secure(self.authority)
        dsware = self.secure_driver(simulator, driver_ssl_cert_path=path,
                                    dsware_request_timeout=1)
        simulator.stop()
        self.secure(self.other, agents=simulator.agents)
        self.assertEqual('down', self.state(dsware))
        shutil.copy(self.other.path, path)
        base.wait_until(lambda: self.state(dsware) == 'up', 'it is up')


class ClientCertificateTestCase(SecureTestCase):

    @classmethod
    def secure_simulator(cls, authority, **settings):
        cls.clients = authority.issue('client')
        cls.strangers = cls.other.issue('stranger')
        return super().secure_simulator(
            authority, client_ca=authority.path, **settings)

    def test_with_certificate(self):
        cert, key = self.clients
        self.assertWorks(self.secure_driver(dsware_client_cert=cert,
                                            dsware_client_key=key))

    def test_certificate_and_key_in_one_file(self):
        path = self.useFixture(fixtures.TempDir()).join('both.pem')
        with open(path, 'w') as both:
            for part in self.clients:
                with open(part) as pem:
                    both.write(pem.read())
        self.assertWorks(self.secure_driver(dsware_client_cert=path))

    def test_without_certificate(self):
        dsware = self.secure_driver(dsware_request_timeout=1)
        self.assertEqual('down', self.state(dsware))
        self.assertEqual([], self.ops())

    def test_certificate_of_a_stranger(self):
        cert, key = self.strangers
        dsware = self.secure_driver(
            dsware_client_cert=cert, dsware_client_key=key,
            dsware_request_timeout=1)
        self.assertEqual('down', self.state(dsware))
        self.assertEqual([], self.ops())


class SignInTestCase(SecureTestCase):

    CREDENTIALS = {'user': USER, 'password': PASSWORD}

    def secure_driver(self, simulator=None, **options):
        return super().secure_driver(
            simulator, **{'san_login': USER, 'san_password': PASSWORD,
                          **options})

    def tearDown(self):
        self.assertNotIn(PASSWORD, self.log.output)
        super().tearDown()

    def test_right(self):
        self.assertWorks(self.secure_driver())
        # Once a connection, not once a request.
        self.assertLessEqual(self.control.counts()['login'], 2)

    def test_wrong_password(self):
        error = self.assertRaises(
            exception.VolumeBackendAPIException, self.secure_driver,
            san_password='wrong-' + PASSWORD, dsware_request_timeout=1)
        self.assertIn('san_login and san_password', error.msg)
        self.assertIn('10000003', error.msg)
        self.assertNotIn(PASSWORD, str(error))
        self.assertEqual({'login'}, set(self.ops()))

    def test_none_where_they_are_wanted(self):
        self.assertRefused('UNAUTHORIZED', san_password=None,
                           san_login='')

    def test_signing_in_fails_at_one_agent(self):
        for kind in ('drop_before', 'drop_after', 'garbage', 'cut_frame',
                     'wrong_seq'):
            with self.subTest(kind=kind):
                self.control.add_fault(kind=kind, op='login', count=1)
                self.assertWorks(self.secure_driver())

    def test_signing_in_hangs_at_one_agent(self):
        self.control.add_fault(kind='hang', op='login',
                               agent=ADDRESSES[0])
        dsware = self.secure_driver(dsware_connect_timeout=1)
        self.assertWorks(dsware)

    def test_password_that_is_changed_while_the_service_runs(self):
        dsware = self.secure_driver(dsware_request_timeout=1)
        self.control.add_fault(kind='result', op='queryAllPoolInfo',
                               code=10000003)
        self.assertEqual('down', self.state(dsware))
        self.control.clear_faults()
        self.assertEqual('up', self.state(dsware))

    def test_password_with_odd_characters(self):
        for password in ('100%, a=b\tc d', 'g\u00e4nse\u2603', '%0A'):
            with self.subTest(password=password):
                simulator = self.secure(self.authority, password=password)
                self.assertWorks(self.secure_driver(
                    simulator, san_password=password))
                self.assertNotIn(password, self.log.output)
