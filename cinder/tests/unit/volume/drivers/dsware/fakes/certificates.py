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

"""Certificates for tests, made on the spot."""

import datetime
import ipaddress
import os

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography import x509
from cryptography.x509 import oid
from oslo_utils import timeutils

_DAY = datetime.timedelta(days=1)


class Authority:
    """A certificate authority with its files in a directory."""

    def __init__(self, directory, name):
        """Make an authority.

        :param directory: where its files go
        :param name: its name, and that of its file
        """
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        self._certificate = self._sign(
            self._name, self._key.public_key(),
            x509.BasicConstraints(ca=True, path_length=None))
        self.path = self._write(name + '.crt', _pem(self._certificate))

    def issue(self, name, addresses=(), days=1, since=-9, file_name=None):
        """Make a certificate.

        :param name: its common name, and that of its files
        :param addresses: IP addresses and host names that it is valid for
        :param days: how long it is valid; negative for one that is over
        :param since: in how many days it is valid
        :param file_name: another name for its files
        :returns: paths of the certificate and of its key
        """
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(
            _name(name), key.public_key(), _alternatives(addresses or [name]),
            days, since)
        file_name = file_name or name
        return (self._write(file_name + '.crt', _pem(certificate)),
                self._write(file_name + '.key', _key_pem(key)))

    def issue_self_signed(self, name, addresses):
        """Make a certificate that no authority has signed.

        :param name: its common name, and that of its files
        :param addresses: IP addresses and host names that it is valid for
        :returns: paths of the certificate and of its key
        """
        own = Authority(self._directory, name)
        # The same key and name as the issuer's.
        certificate = own._sign(own._name, own._key.public_key(),
                                _alternatives(addresses))
        return (own._write(name + '.crt', _pem(certificate)),
                own._write(name + '.key', _key_pem(own._key)))

    def _sign(self, subject, public_key, extension, days=1, since=-9):
        now = timeutils.utcnow()
        return (x509.CertificateBuilder()
                .subject_name(subject).issuer_name(self._name)
                .public_key(public_key)
                .serial_number(x509.random_serial_number())
                .not_valid_before(now + since * _DAY)
                .not_valid_after(now + days * _DAY)
                .add_extension(extension, critical=False)
                .sign(self._key, hashes.SHA256()))

    def _write(self, name, content):
        path = os.path.join(self._directory, name)
        with open(path, 'wb') as pem:
            os.fchmod(pem.fileno(), 0o600)
            pem.write(content)
        return path


def _name(text):
    return x509.Name([x509.NameAttribute(oid.NameOID.COMMON_NAME, text)])


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption())


def _alternatives(addresses):
    return x509.SubjectAlternativeName([_alternative(a) for a in addresses])


def _alternative(address):
    try:
        return x509.IPAddress(ipaddress.ip_address(address))
    except ValueError:
        return x509.DNSName(address)
