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

"""What certificates say: for whom, by whom, until when.

Whether an agent's certificate is trusted is told by the driver's own way to
connect; here it is only read, so that a wrong one can be described too.
Nothing is sent on such a connection.
"""

import datetime
import shlex
import socket
import ssl

from cryptography import x509
from oslo_utils import timeutils

from dsware_doctor import findings

# Days before the end at which somebody should do something; or the last
# third of the life of a certificate that does not live as long.
_WARN_DAYS = 30
_DAY = datetime.timedelta(days=1)


def of_agent(name: str, endpoint, seconds: float) -> list[findings.Finding]:
    """Read the certificate of an agent.

    :param name: what to call the agent
    :param endpoint: its :class:`endpoints.Endpoint`
    :param seconds: when to give up
    :returns: what was found; nothing when there is no certificate to read,
        which connecting in the driver's way tells better
    """
    try:
        data, version = _fetch(endpoint, seconds)
        certificate = x509.load_der_x509_certificate(data)
    except (OSError, ValueError):
        return []
    return [_described('%s: %s, certificate' % (name, version), certificate,
                       'renew it there')]


def of_file(option: str, path: str) -> findings.Finding:
    """Read a certificate from a file.

    :param option: the option that names the file
    :param path: the file, in PEM
    :returns: what was found
    """
    try:
        with open(path, 'rb') as stream:
            certificate = x509.load_pem_x509_certificate(stream.read())
    except (OSError, ValueError) as error:
        return findings.problem(
            'certificate-invalid', '%s: %s cannot be read: %s' % (
                option, path, error),
            'correct %s, or the file: `ls -l %s`' % (
                option, shlex.quote(path)))
    return _described(option, certificate, 'renew %s; cinder-volume '
                      'reads the new file without a restart' % path)


def _fetch(endpoint, seconds):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Only looked at: see above.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (socket.create_connection((endpoint.host, endpoint.port),
                                   timeout=seconds) as plain,
          context.wrap_socket(
              plain, server_hostname=endpoint.host) as secure):
        return secure.getpeercert(binary_form=True), secure.version()


def _described(what, certificate, advice):
    now = timeutils.utcnow(with_timezone=True)
    begin, end = (certificate.not_valid_before_utc,
                  certificate.not_valid_after_utc)
    text = '%s for %s, issued by %s, valid from %s to %s' % (
        what, ', '.join(_names(certificate)) or 'nobody',
        certificate.issuer.rfc4514_string() or 'nobody',
        begin.strftime('%Y-%m-%d'), end.strftime('%Y-%m-%d'))
    if now < begin:
        return findings.problem(
            'certificate-invalid', text + ': not valid yet',
            'compare the clocks of this host and of the one that made it')
    if now >= end:
        return findings.problem('certificate-invalid',
                                text + ': it has expired', advice)
    days = (end - now) / _DAY
    text += ' (%s left)' % findings.counted(int(days), 'day')
    if days < min(_WARN_DAYS, (end - begin) / _DAY / 3):
        return findings.problem('certificate-expiring', text, advice)
    return findings.ok(text)


def _names(certificate):
    try:
        found = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        # Nothing else counts for whoever verifies it.
        return []
    return [*found.get_values_for_type(x509.DNSName),
            *map(str, found.get_values_for_type(x509.IPAddress))]
