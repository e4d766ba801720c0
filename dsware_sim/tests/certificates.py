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
"""Makes certificates for tests."""

import datetime
import ipaddress
import os

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography import x509

NOT_BEFORE = datetime.datetime(2020, 1, 1)
NOT_AFTER = datetime.datetime(2100, 1, 1)


class Authority:
    """A certificate authority in a directory."""

    def __init__(self, directory, name):
        """Make an authority.

        :param directory: where the files go
        :param name: its name
        """
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        self._certificate = self._sign(self._name, self._key, True, ())
        self.path = self._write(name + '.pem', _pem(self._certificate))

    def issue(self, name, addresses=()):
        """Issue a certificate.

        :param name: whose
        :param addresses: IP addresses that it is for
        :returns: (path of the certificate, path of its key)
        """
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(_name(name), key, False, addresses)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption())
        return (self._write(name + '.pem', _pem(certificate)),
                self._write(name + '.key', pem))

    def _sign(self, subject, key, is_authority, addresses):
        builder = x509.CertificateBuilder(
            self._name, subject, key.public_key(),
            x509.random_serial_number(), NOT_BEFORE, NOT_AFTER)
        builder = builder.add_extension(
            x509.BasicConstraints(is_authority, None), True)
        # Python 3.13 wants what the standard asks for.
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
            False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(
                self._key.public_key()), False)
        if is_authority:
            builder = builder.add_extension(x509.KeyUsage(
                False, False, False, False, False, True, True, False, False),
                True)
        if addresses:
            builder = builder.add_extension(x509.SubjectAlternativeName(
                [x509.IPAddress(ipaddress.ip_address(address))
                 for address in addresses]), False)
        return builder.sign(self._key, hashes.SHA256())

    def _write(self, name, content):
        path = os.path.join(self._directory, name)
        with open(path, 'wb') as pem:
            pem.write(content)
        return path


def _name(name):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)
