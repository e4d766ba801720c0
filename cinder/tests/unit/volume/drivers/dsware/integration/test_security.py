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

"""A cluster that wants TLS, client certificates, and signing in."""

from concurrent import futures
import shutil
import tempfile

import fixtures

from cinder import exception
from cinder.tests.unit.volume.drivers.dsware.fakes import certificates
from cinder.tests.unit.volume.drivers.dsware.integration import base
from tools import secret_marks

ADDRESSES = ('127.0.77.1', '127.0.77.2')
AGENTS = [(address, 0) for address in ADDRESSES]
USER = 'cinder'
PASSWORD = secret_marks.secret('password')


class SecureTestCase(base.SocketTestCase):
    """A cluster that wants TLS; fsc_cli makes connections of its own."""

    # What else the simulator is told: paths by option.
    CREDENTIALS = {}
    made = 0

    @classmethod
    def start_simulator(cls, **settings):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.authority = certificates.Authority(directory.name, 'ca')
        cls.other = certificates.Authority(directory.name, 'other')
        simulator = cls.secure_simulator(cls.authority, **settings)
        # The files of its certificate and key.
        cls.identity = cls.latest
        return simulator

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
        cls.made += 1
        cert, key = cls.latest = authority.issue(
            'server', addresses, days, file_name=f'server{cls.made}')
        tls = {'cert': cert, 'key': key}
        if client_ca:
            tls['client_ca'] = client_ca
        return super().start_simulator(
            **{'agents': AGENTS, 'tls': tls, **cls.CREDENTIALS, **settings})

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(level=0))

    def options(self, **options):
        """Give the options of a driver that talks to such a cluster.

        :param options: those to add, or to change
        :returns: a dict
        """
        return {'driver_use_ssl': True,
                'driver_ssl_cert_path': self.authority.path,
                'dsware_request_timeout': 10, **options}

    def secure_driver(self, simulator=None, **options):
        return self.make_driver((simulator or self.simulator).agents,
                                **self.options(**options))

    def secure(self, *args, **settings):
        """Start another simulator, for this test."""
        simulator = self.secure_simulator(*args, **settings)
        self.addCleanup(simulator.stop)
        return simulator

    def present(self, certificate, key):
        """Let the agents have another certificate.

        :param certificate: the path of its file
        :param key: the path of its key's
        """
        self.addCleanup(self._present, *self._present(certificate, key))

    def _present(self, *paths):
        kept = []
        for path, target in zip(paths, self.identity):
            kept.append(self.useFixture(fixtures.TempDir()).join('pem'))
            shutil.copy(target, kept[-1])
            shutil.copy(path, target)
        self.control.reload_tls()
        return kept

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
        self.assertNotIn(secret_marks.MARK, self.log.output)

    def state(self, dsware):
        return dsware.get_volume_stats(refresh=True)['backend_state']


class TLSTestCase(SecureTestCase):

    def test_verified(self):
        self.assertWorks(self.secure_driver())

    def test_not_verified(self):
        self.present(*self.other.issue('liar', ['127.0.77.9']))
        self.assertWorks(self.secure_driver(
            driver_ssl_cert_verify=False, driver_ssl_cert_path=None))
        self.assertIn('not verified', self.log.output)


class ClientCertificateTestCase(SecureTestCase):

    @classmethod
    def secure_simulator(cls, authority, **settings):
        cls.clients = authority.issue('client')
        return super().secure_simulator(
            authority, client_ca=authority.path, **settings)

    def test_with_certificate(self):
        cert, key = self.clients
        self.assertWorks(self.secure_driver(dsware_client_cert=cert,
                                            dsware_client_key=key))


class SignedInTestCase(SecureTestCase):
    """A cluster that wants to know who asks, too."""

    CREDENTIALS = {'user': USER, 'password': PASSWORD}

    def options(self, **options):
        return super().options(**{
            'san_login': USER, 'san_password': PASSWORD, **options})

    def tearDown(self):
        self.assertNotIn(secret_marks.MARK, self.log.output)
        super().tearDown()


class SignInTestCase(SignedInTestCase):

    def test_a_wrong_password_is_sent_once_whatever_is_asked(self):
        dsware = self.raw_driver(**self.options(
            san_password=secret_marks.secret('wrong')))
        for _start in range(3):
            dsware.do_setup(None)
            error = self.assertRaises(
                exception.VolumeBackendAPIException,
                dsware.check_for_setup_error)
        self.assertIn('users are locked out', str(error))
        with futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(self.state, [dsware] * 8))
        self.assertEqual({'login': 1}, self.control.counts())

    def test_right(self):
        self.assertWorks(self.secure_driver())
        # Once a connection, not once a request.
        self.assertLessEqual(self.control.counts()['login'], 2)

    def test_wrong_password(self):
        error = self.assertRaises(
            exception.VolumeBackendAPIException, self.secure_driver,
            san_password=secret_marks.secret('wrong'),
            dsware_request_timeout=1)
        self.assertIn('san_login and san_password', error.msg)
        self.assertIn('10000003', error.msg)
        self.assertNotIn(secret_marks.MARK, str(error))
        self.assertEqual(['login'], self.ops())

    def test_signing_in_fails_at_one_agent(self):
        for kind in ('drop_before', 'drop_after', 'garbage', 'cut_frame',
                     'wrong_seq'):
            with self.subTest(kind=kind):
                self.control.add_fault(kind=kind, op='login', count=1)
                self.assertWorks(self.secure_driver())

    def test_session_that_ends_within_an_operation(self):
        dsware = self.secure_driver()
        source = self.created(dsware)
        self.control.pause_copies()
        copy = base.make_volume(volume_type=base.make_type(
            dsware__clone='full'))
        pool = futures.ThreadPoolExecutor(1)
        self.addCleanup(pool.shutdown)
        self.addCleanup(self.control.resume_copies)
        clone = pool.submit(dsware.create_cloned_volume, copy, source)
        base.wait_until(lambda: self.control.status()['copies'], 'it copies')
        self.control.set_passwords(PASSWORD, keep_sessions=False)
        asked = self.control.counts()['login']
        base.wait_until(lambda: self.control.counts()['login'] > asked,
                        'it has signed in again')
        self.control.resume_copies()
        clone.result(base.PATIENCE)
        self.assertEqual(0, self.on_cluster(copy.name)['status'])
