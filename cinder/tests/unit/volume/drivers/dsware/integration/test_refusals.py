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

"""Each way in which TLS can fail, over real sockets, and what is said."""

import ssl

import ddt
import fixtures

from cinder.tests.unit.volume.drivers.dsware.fakes import certificates
from cinder.tests.unit.volume.drivers.dsware.fakes import http_server
from cinder.tests.unit.volume.drivers.dsware.integration import test_security

ADDRESSES = test_security.ADDRESSES


def tls(certificate, key, client_ca=None, oldest=None, newest=None):
    """Make what a server does that speaks TLS and knows no request.

    :param certificate: the path of its certificate
    :param key: the path of its key
    :param client_ca: what the certificates of clients are checked with
    :param oldest: the oldest version that it speaks
    :param newest: the newest version that it speaks
    :returns: what treats a connection of :class:`http_server.Server`
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    if oldest:
        # It must be able to, or nothing would be shown.
        context.set_ciphers('ALL:@SECLEVEL=0')
        context.minimum_version = oldest
    if newest:
        context.maximum_version = newest

    def treat(connection):
        with context.wrap_socket(connection, server_side=True) as wrapped:
            wrapped.recv(1)

    return treat


def http(connection):
    """Say what a server for HTTP says to everything that it cannot read."""
    connection.recv(1)
    connection.sendall(b'HTTP/1.1 400 Bad Request\r\n\r\n')
    # Not before the client has read it.
    while connection.recv(65536):
        pass


class CertificateTestCase(test_security.SecureTestCase):

    def test_what_is_said(self):
        """OpenSSL's words and numbers, and what is made of them."""
        issue = self.authority.issue
        # Made once more, as after the loss of its key.
        again = certificates.Authority(
            self.useFixture(fixtures.TempDir()).path, 'ca')
        for pair, *words in (
                (issue('there', ['127.0.77.9']),
                 r'not valid for .127\.0\.77\.', 'subjectAltName'),
                (issue('agent.example.org'), 'IP address mismatch',
                 'as its certificate names it'),
                (issue('old', ADDRESSES, days=-1), 'expired', 'Renew'),
                (issue('new', ADDRESSES, since=0.9), 'not yet valid',
                 'clocks'),
                (self.authority.issue_self_signed('self', ADDRESSES),
                 'self-signed certificate', 'this very certificate'),
                (self.other.issue('stranger', ADDRESSES),
                 'unable to get local issuer', self.authority.path),
                (again.issue('server', ADDRESSES), 'signature failure',
                 self.authority.path)):
            with self.subTest(words=words):
                self.present(*pair)
                self.assertRefused('.*'.join((
                    'the certificate was refused', *words)))
        self.assertEqual([], self.ops())

    def test_self_signed_and_trusted(self):
        pair = self.authority.issue_self_signed('self', ADDRESSES)
        self.present(*pair)
        self.assertWorks(self.secure_driver(driver_ssl_cert_path=pair[0]))

    def test_ipv6(self):
        simulator = self.secure(self.authority, ['::1'], agents=[('::1', 0)])
        agent = '[::1]:%d' % simulator.agents[0][1]
        self.assertWorks(self.secure_driver(simulator,
                                            dsware_agents=[agent]))


@ddt.ddt
class StrangeServerTestCase(test_security.SecureTestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pair = cls.authority.issue('strange', ['127.0.0.1'])
        cls.clients = cls.authority.issue('client')
        cls.strangers = cls.other.issue('stranger')

    def says(self, treat, **options):
        """Let a driver meet a server.

        :returns: what it logs or raises
        """
        server = self.useFixture(http_server.Server(treat=treat))
        try:
            dsware = self.make_driver([server.address], **self.options(**{
                'dsware_request_timeout': 1, **options}))
            self.assertEqual('down', self.state(dsware))
        except Exception as error:
            return str(error)
        return self.log.output

    def test_only_old_versions(self):
        treat = tls(*self.pair, oldest=ssl.TLSVersion.TLSv1,
                    newest=ssl.TLSVersion.TLSv1_1)
        self.assertIn('no TLS version from 1.2 on', self.says(treat))

    def test_no_tls(self):
        said = self.says(http)
        self.assertIn('what the agent says is not TLS', said)
        self.assertIn('set driver_use_ssl = false', said)

    def test_tls_where_the_driver_expects_none(self):
        treat = tls(*self.pair)
        self.assertIn('set driver_use_ssl = true', self.says(
            treat, driver_use_ssl=False, driver_ssl_cert_path=None))

    @ddt.data(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    def test_a_missing_client_certificate(self, version):
        treat = tls(*self.pair, newest=version,
                    client_ca=self.authority.path)
        said = self.says(treat)
        self.assertIn('wants a client certificate', said)
        self.assertIn('dsware_client_cert', said)

    @ddt.data(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    def test_a_wrong_client_certificate(self, version):
        cert, key = self.strangers
        treat = tls(*self.pair, newest=version,
                    client_ca=self.authority.path)
        said = self.says(treat, dsware_client_cert=cert,
                         dsware_client_key=key)
        self.assertRegex(said, '(refuses|does not accept) the client '
                               'certificate ' + cert)

    def test_a_key_that_does_not_match(self):
        self.assertRegex(
            self.says(tls(*self.pair),
                      dsware_client_cert=self.clients[0],
                      dsware_client_key=self.strangers[1]),
            'Option dsware_client_key = .*not that of the certificate in '
            + self.clients[0])
