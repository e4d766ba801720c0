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

"""What a failed TLS connection means, and what to do about it.

OpenSSL says what it saw; an operator wants to know which certificate or
option is wrong, and on which side.
"""

import ssl

from cinder.i18n import _
from cinder.volume.drivers.dsware.client import protocol
from cinder.volume.drivers.dsware.client import tls
from cinder.volume.drivers.dsware import exceptions

# The peer went away during a handshake: no word about a certificate.
_CUT_OFF = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError,
            ConnectionError)

# Reasons of OpenSSL's errors.
_NO_TLS = frozenset(('WRONG_VERSION_NUMBER', 'HTTP_REQUEST',
                     'RECORD_LAYER_FAILURE', 'PACKET_LENGTH_TOO_LONG'))
_TOO_OLD = frozenset(('UNSUPPORTED_PROTOCOL', 'NO_PROTOCOLS_AVAILABLE',
                      'TLSV1_ALERT_PROTOCOL_VERSION', 'VERSION_TOO_LOW'))
_NO_AGREEMENT = frozenset((
    'SSLV3_ALERT_HANDSHAKE_FAILURE', 'NO_SHARED_CIPHER',
    'TLSV1_ALERT_INSUFFICIENT_SECURITY', 'DH_KEY_TOO_SMALL'))
_WANTS_CLIENT = frozenset(('TLSV13_ALERT_CERTIFICATE_REQUIRED',
                           'SSLV3_ALERT_NO_CERTIFICATE'))
_REFUSES_CLIENT = frozenset((
    'TLSV1_ALERT_UNKNOWN_CA', 'SSLV3_ALERT_BAD_CERTIFICATE',
    'SSLV3_ALERT_CERTIFICATE_EXPIRED', 'SSLV3_ALERT_CERTIFICATE_REVOKED',
    'SSLV3_ALERT_CERTIFICATE_UNKNOWN', 'TLSV1_ALERT_DECRYPT_ERROR',
    'SSLV3_ALERT_UNSUPPORTED_CERTIFICATE', 'TLSV1_ALERT_ACCESS_DENIED'))

# Codes of X509_verify_cert().
_NOT_YET_VALID = 9
_EXPIRED = 10
_SELF_SIGNED = 18
_OTHER_NAME = (62, 64)
_UNKNOWN_AUTHORITY = (2, 7, 19, 20, 21, 24, 30)


def of_handshake(error: Exception, settings: tls.TLSSettings | None,
                 elsewhere: str = '') -> exceptions.EndpointUnavailable:
    """Tell why a connection could not be made.

    CertificateRefused stands for what was refused for good, its base class
    for an agent that is not there.

    :param error: what was raised
    :param settings: the TLS settings, or None without TLS
    :param elsewhere: advice for when nobody listens there, or in another
        way, in place of that for an agent
    :returns: an exception, not raised, without the endpoint
    """
    if isinstance(error, tls.BadFile):
        return exceptions.CertificateRefused(
            desc=_('a certificate or key of this service cannot be used: %s')
            % error)
    if isinstance(error, ssl.SSLCertVerificationError):
        return exceptions.CertificateRefused(
            desc=_('the certificate was refused: %s') % error.verify_message,
            advice=_advice_on_certificate(error.verify_code, settings))
    if isinstance(error, _CUT_OFF) and not isinstance(
            error, ConnectionRefusedError) and settings:
        return exceptions.EndpointUnavailable(
            desc=_('the agent broke off the TLS handshake (%s)') % (
                _reason(error) or error.strerror or error),
            advice=elsewhere or _(
                'If it does so again and again, it does not speak TLS on '
                'this port (then correct the port, or set driver_use_ssl = '
                'false), or speaks no version from 1.2 on'))
    if isinstance(error, ssl.SSLError):
        return _of_ssl(error, settings, elsewhere)
    return exceptions.EndpointUnavailable(
        desc=_('cannot connect: %s') % error, advice=elsewhere)


def _reason(error):
    # Errors that ssl does not make itself have none.
    return getattr(error, 'reason', None) or ''


def _advice_on_certificate(code, settings):
    if code in _OTHER_NAME:
        return _('Write the agent in dsware_agents (or san_ip, or '
                 'dsware_host_agents) as its certificate names it, or have '
                 'a certificate issued whose subjectAltName has this '
                 'address')
    if code == _EXPIRED:
        return _("Renew the agent's certificate; if it is valid, the clock "
                 'of this host is wrong')
    if code == _NOT_YET_VALID:
        return _('Compare the clocks of this host and of the one that '
                 'issued the certificate')
    if code == _SELF_SIGNED:
        return _('If it is the right one, put this very certificate into '
                 'the file of driver_ssl_cert_path; better, have the agent '
                 'get one that an authority has signed')
    if code in _UNKNOWN_AUTHORITY:
        return _('It is not signed by an authority in %s; put that of the '
                 'agents there, or have the agents get certificates of '
                 'one that is there') % _trusted(settings)
    return _('Have the agent get another certificate, or compare it with '
             'driver_ssl_cert_path: %s') % _trusted(settings)


def _trusted(settings):
    return settings.ca_path or _(
        'the certificates that this system trusts (driver_ssl_cert_path is '
        'not set)')


def _of_ssl(error, settings, elsewhere):
    reason = _reason(error)
    if reason in _NO_TLS:
        return exceptions.CertificateRefused(
            desc=_('what the agent says is not TLS (%s)') % reason,
            advice=elsewhere or _(
                'Correct the port, or set driver_use_ssl = false if the '
                'cluster has no TLS'))
    if reason in _TOO_OLD:
        return exceptions.CertificateRefused(
            desc=_('the agent speaks no TLS version from 1.2 on (%s)')
            % reason, advice=_(
                'Switch TLS 1.2 or 1.3 on at the agent; older versions are '
                'not safe'))
    if reason in _NO_AGREEMENT:
        return exceptions.CertificateRefused(
            desc=_('the TLS handshake failed: %s') % reason, advice=_(
                'The agent wants a client certificate (see '
                'dsware_client_cert), or has no cipher or key strength in '
                'common with this host'))
    return of_client_certificate(
        error, settings) or exceptions.CertificateRefused(
            desc=_('the TLS handshake failed: %s') % (reason or error))


def of_client_certificate(error: Exception, settings: tls.TLSSettings | None
                          ) -> exceptions.CertificateRefused | None:
    """Tell whether the agent refused the certificate of this service.

    With TLS 1.3 it does so when the handshake is over for the client, but
    before it reads a request.

    :param error: what was raised
    :param settings: the TLS settings, or None without TLS
    :returns: an exception, not raised, without the endpoint; None when it
        is no such refusal
    """
    reason = _reason(error)
    if reason in _WANTS_CLIENT or (
            reason in _REFUSES_CLIENT and not settings.client_cert):
        return exceptions.CertificateRefused(
            desc=_('the agent wants a client certificate (%s)') % reason,
            advice=_('Set dsware_client_cert and dsware_client_key'))
    if reason in _REFUSES_CLIENT:
        return exceptions.CertificateRefused(
            desc=_('the agent refuses the client certificate %(path)s '
                   '(%(reason)s)') % {'path': settings.client_cert,
                                      'reason': reason},
            advice=_('Have it issued by an authority that the agents trust, '
                     'or renewed; see dsware_client_cert'))
    return None


def advice_on_silence(error: Exception, settings: tls.TLSSettings | None
                      ) -> str:
    """Tell what it may mean that the very first request gets no answer.

    :param error: what was raised
    :param settings: the TLS settings, or None without TLS
    :returns: advice, or an empty text
    """
    if not isinstance(error, (*_CUT_OFF, protocol.RemoteProtocolError)):
        return ''
    if settings is None:
        return _('If the agent speaks TLS on this port, set '
                 'driver_use_ssl = true; if it is the REST port of the '
                 'manager, set dsware_transport = rest')
    if settings.client_cert:
        return _('An agent that does not accept the client certificate '
                 '%s breaks off like this with TLS 1.3') % (
                     settings.client_cert)
    return _('An agent that wants a client certificate breaks off like this '
             'with TLS 1.3; see dsware_client_cert')
