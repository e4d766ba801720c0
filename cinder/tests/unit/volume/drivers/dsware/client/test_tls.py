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

"""TLS settings with real certificates and handshakes, in memory."""

import hashlib
import os
import socket
import ssl
from unittest import mock

from cryptography.hazmat.primitives import serialization
from cryptography import x509
import ddt
import fixtures
import testtools

from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.tests.unit.volume.drivers.dsware.fakes import certificates
from cinder.volume.drivers.dsware.client import tls

HOST = '192.0.2.1'


def handshake(client, server, host=HOST):
    """Shake hands in memory, and exchange a byte.

    :param client: the client's context
    :param server: the server's context
    :param host: the name that the client checks
    :returns: the TLS version
    """
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=host)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    steps = [ours.do_handshake, theirs.do_handshake]
    while steps:
        for step in list(steps):
            try:
                step()
                steps.remove(step)
            except ssl.SSLWantReadError:
                pass
    # With TLS 1.3 a client hears here that its certificate is refused.
    theirs.write(b'x')
    ours.read(1)
    return ours.version()


def subject_hash(path):
    """Tell the name by which OpenSSL looks for an authority in a directory.

    It hashes the subject in lower case, which ours is in, without the outer
    sequence's two bytes.
    """
    with open(path, 'rb') as file:
        name = x509.load_pem_x509_certificate(file.read()).subject
    digest = hashlib.sha1(name.public_bytes()[2:], usedforsecurity=False)
    return digest.digest()[3::-1].hex()


@ddt.ddt
class TLSTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.authority = certificates.Authority(self.directory, 'authority')
        self.certificate, self.key = self.authority.issue('agent', [HOST])

    def server(self, certificate=None, key=None, client_ca=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate or self.certificate,
                                key or self.key)
        if client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(client_ca)
        return context

    def settings(self, verify=True, ca_path=None, **kwargs):
        return tls.TLSSettings(verify, ca_path or self.authority.path,
                               **kwargs)

    def refused(self, words, settings, server, host=HOST):
        error = self.assertRaises(ssl.SSLCertVerificationError, handshake,
                                  settings.context(), server, host)
        self.assertIn(words, error.verify_message)

    def test_a_name_that_is_only_its_subject(self):
        pair = self.authority.issue('agent.example.org', ['192.0.2.9'])
        self.refused('Hostname mismatch', self.settings(),
                     self.server(*pair), 'agent.example.org')

    def test_only_the_systems_authorities_by_default(self):
        self.refused('unable to get local issuer', tls.TLSSettings(True),
                     self.server())

    def test_not_verified(self):
        other = certificates.Authority(self.directory, 'other')
        server = self.server(*other.issue('agent2', ['192.0.2.2'], days=-1))
        handshake(tls.TLSSettings(False).context(), server)

    def test_a_client_certificate_with_its_key_in_one_file(self):
        certificate, key = self.authority.issue('client')
        both = os.path.join(self.directory, 'both.pem')
        with open(both, 'w') as file:
            for part in (certificate, key):
                with open(part) as source:
                    file.write(source.read())
        handshake(self.settings(client_cert=both).context(),
                  self.server(client_ca=self.authority.path))

    def test_an_encrypted_key_is_an_error_and_no_question(self):
        certificate, key = self.authority.issue('client')
        with open(key, 'rb') as file:
            secret = serialization.load_pem_private_key(file.read(), None)
        with open(key, 'wb') as file:
            file.write(secret.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(b'secret')))
        settings = self.settings(client_cert=certificate, client_key=key)
        error = self.assertRaises(tls.BadFile, settings.context)
        self.assertEqual(('dsware_client_key', key),
                         (error.option, error.path))
        self.assertIn('encrypted', error.problem)

    def test_an_authority_that_is_replaced(self):
        settings = self.settings()
        first = settings.context()
        other = certificates.Authority(self.directory, 'other')
        os.replace(other.path, self.authority.path)
        self.assertIsNot(first, settings.context())
        self.refused('unable to get local issuer', settings, self.server())
        handshake(settings.context(),
                  self.server(*other.issue('agent2', [HOST])))

    @ddt.data('client_cert', 'client_key')
    def test_a_client_certificate_that_is_replaced(self, which):
        certificate, key = self.authority.issue('client')
        settings = self.settings(client_cert=certificate, client_key=key)
        first = settings.context()
        path = getattr(settings, which)
        os.utime(path, ns=(1, 1))
        self.assertIsNot(first, settings.context())

    def test_a_file_half_written(self):
        settings = self.settings()
        settings.context()
        with open(self.authority.path, 'w') as file:
            file.write('-----BEGIN CERTIFICATE-----\nAAAA')
        self.assertRaises(tls.BadFile, settings.context)
        # It is not taken for the good one afterwards.
        self.assertRaises(tls.BadFile, settings.context)

    def test_what_is_wrong_with_which_file(self):
        certificate, key = self.authority.issue('client')
        _other, other_key = self.authority.issue('other')
        empty = os.path.join(self.directory, 'empty')
        open(empty, 'w').close()
        for option, words, paths in (
                ('driver_ssl_cert_path', 'no certificate',
                 {'ca_path': empty}),
                ('driver_ssl_cert_path', 'No such file',
                 {'ca_path': empty + '1'}),
                ('dsware_client_cert', 'No such file',
                 {'client_cert': empty + '1', 'client_key': key}),
                ('dsware_client_cert', 'no certificate',
                 {'client_cert': empty, 'client_key': key}),
                ('dsware_client_key', 'No such file',
                 {'client_cert': certificate, 'client_key': empty + '1'}),
                ('dsware_client_key', 'no private key',
                 {'client_cert': certificate, 'client_key': empty}),
                ('dsware_client_cert', 'no private key',
                 {'client_cert': certificate}),
                ('dsware_client_key', 'not that of the certificate',
                 {'client_cert': certificate, 'client_key': other_key})):
            error = self.assertRaises(tls.BadFile,
                                      self.settings(**paths).context)
            self.assertEqual(option, error.option)
            self.assertIn(words, error.problem)
            self.assertIn(error.path, paths.values())
            self.assertIn(option + ' = ' + error.path, str(error))

    def test_a_directory_whose_file_is_replaced(self):
        directory = self.useFixture(fixtures.TempDir()).path
        link = os.path.join(directory,
                            subject_hash(self.authority.path) + '.0')
        os.symlink(self.authority.path, link)
        settings = self.settings(ca_path=directory)
        handshake(settings.context(), self.server())
        # Another one of the same name.
        again = self.useFixture(fixtures.TempDir()).path
        other = certificates.Authority(again, 'authority')
        os.replace(other.path, self.authority.path)
        self.refused('signature failure', settings, self.server())

    def test_open_connections_are_of_no_use_after_a_change(self):
        clock = fakes.Clock().install(self)
        settings = self.settings()
        first = settings.context()
        clock.now += 1
        self.assertTrue(settings.is_current(first))
        other = certificates.Authority(self.directory, 'other')
        os.replace(other.path, self.authority.path)
        # It is not looked for all the time.
        self.assertTrue(settings.is_current(first))
        clock.now += 1
        self.assertFalse(settings.is_current(first))
        self.assertTrue(settings.is_current(settings.context()))

    def test_open_connections_outlive_files_that_cannot_be_loaded(self):
        clock = fakes.Clock().install(self)
        settings = self.settings()
        first = settings.context()
        with open(self.authority.path, 'w') as file:
            file.write('-----BEGIN CERTIFICATE-----\nAAAA')
        clock.now += 1
        self.assertTrue(settings.is_current(first))
        self.assertRaises(tls.BadFile, settings.context)


class StreamTestCase(testtools.TestCase):
    """The time-out is for the whole of a call."""

    def setUp(self):
        super().setUp()
        self.near, self.far = socket.socketpair()
        self.addCleanup(self.near.close)
        self.addCleanup(self.far.close)
        self.waits = []
        self.stream = tls.Stream(self.near)
        self.stream.settimeout(60)

    def wanting(self, *steps):
        """Let the socket want something before it is done."""
        steps = list(steps)

        def call(*args):
            step = steps.pop(0)
            if isinstance(step, Exception):
                raise step
            return step
        patcher = mock.patch.object(self.stream, '_sock', mock.MagicMock(
            wraps=self.near, fileno=self.near.fileno, send=call, recv=call))
        patcher.start()
        self.addCleanup(patcher.stop)

    def test_it_waits_until_it_can_be_written_to(self):
        self.wanting(ssl.SSLWantWriteError(), ssl.SSLWantWriteError(), 3)
        self.assertEqual(3, self.stream.send(b'abc'))

    def test_it_waits_until_there_is_something(self):
        self.far.send(b'x')
        self.wanting(ssl.SSLWantReadError(), b'abc')
        self.assertEqual(b'abc', self.stream.recv(10))

    def test_time_is_over(self):
        self.stream.settimeout(0.01)
        self.wanting(ssl.SSLWantReadError())
        self.assertRaises(TimeoutError, self.stream.recv, 10)

    def test_each_wait_is_a_part_of_the_time(self):
        # There is always something, and it is never enough.
        self.far.send(b'x')
        self.stream.settimeout(-1)
        self.wanting(*[ssl.SSLWantReadError()] * 1000, b'late')
        self.assertRaises(TimeoutError, self.stream.recv, 10)
