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

"""Each agent by itself: its address, certificate, and answer."""

from concurrent import futures
import shlex
import socket
import time

from cinder.volume.drivers.dsware import config
from cinder.volume.drivers.dsware import config as backends
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import result_codes
from cinder.volume.drivers.dsware import waiting
from dsware_doctor.backend import certificates
from dsware_doctor import findings

# Seconds for the answer of one agent, if less than dsware_request_timeout.
PATIENCE = 10
_AT_A_TIME = 8
# What is in braces is that of the agent; see _Agent._advice.
_ADVICE = {
    exceptions.CertificateRefused:
        'compare the address with the names in the certificate, and '
        'driver_ssl_cert_path{authority} with who issued it: '
        '`openssl s_client -connect {agent} </dev/null | openssl x509 -noout '
        '-issuer -ext subjectAltName`',
    exceptions.AccessDenied:
        'correct san_login{login} and san_password in section [{section}]; '
        'without TLS, or without san_password, nobody signs in',
    exceptions.EndpointUnavailable:
        'see whether the agent runs, and whether a firewall is in between: '
        '`nc -vz {host} {port}`; correct the address or port',
    exceptions.OutcomeUnknown:
        'see whether a Dsware agent listens there, and whether it wants '
        'TLS (driver_use_ssl) or is reached by fsc_cli only '
        '(dsware_transport = cli)',
}


def check(configuration, array) -> tuple[list[findings.Finding], bool]:
    """Ask each agent, several at a time.

    :param configuration: the backend's configuration
    :param array: its :class:`array.Array`
    :returns: what was found; whether one that carries out requests answers
    """
    hosts = backends.host_agents(configuration)
    endpoints = list(dict.fromkeys([*array.client.agents,
                                    *hosts.values()]))
    seconds = min(PATIENCE, configuration.dsware_request_timeout)
    with futures.ThreadPoolExecutor(_AT_A_TIME) as pool:
        answers = dict(zip(endpoints, pool.map(
            lambda endpoint: _Agent(configuration, array, endpoint,
                                    seconds).look(), endpoints)))
    found = [_manager(configuration), *_security(configuration)]
    for endpoint in endpoints:
        found += answers[endpoint]
    return found, any(answers[endpoint][-1].level == findings.OK
                      for endpoint in array.client.agents)


def resolve(host: str, port: int) -> list[str]:
    """Look an address up.

    :param host: an address or a name
    :param port: the port
    :returns: IP addresses
    :raises OSError: there is none
    """
    return list(dict.fromkeys(
        info[4][0] for info in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM)))


def _manager(configuration):
    address = backends.manager_address(configuration)
    try:
        found = resolve(address, backends.default_port(configuration))
    except OSError as error:
        return findings.problem(
            'manager %s: the name cannot be resolved: %s' % (address, error),
            'correct san_ip, or the name service of this host: `getent hosts '
            '%s`; agents resolve it themselves' % shlex.quote(address))
    return findings.ok('manager %s%s' % (address, _as(address, found)))


def _security(configuration):
    if not configuration.driver_use_ssl:
        return []
    found = []
    if not config.is_verified(configuration):
        found.append(findings.problem(
            'the certificates of the agents are not verified: anybody on '
            'the network can pose as the cluster',
            'remove driver_ssl_cert_verify = false, and set '
            'driver_ssl_cert_path to the authority that issued them'))
    if configuration.dsware_client_cert:
        found.append(certificates.of_file(
            'dsware_client_cert', configuration.dsware_client_cert))
    return found


def _as(host, addresses):
    if addresses == [host]:
        return ''
    return ' (%s)' % ', '.join(addresses)


def _is(value):
    return ' (%s)' % value if value else ''


class _Agent:
    """One agent that is looked at."""

    def __init__(self, configuration, array, endpoint, seconds):
        self._configuration = configuration
        self._array = array
        self._endpoint = endpoint
        self._seconds = seconds

    def look(self):
        """Look at it.

        :returns: findings; whether it answers comes last
        """
        name = 'agent %s' % self._endpoint
        try:
            addresses = resolve(self._endpoint.host, self._endpoint.port)
        except OSError as error:
            return [findings.problem(
                '%s: the name cannot be resolved: %s' % (name, error),
                'correct it in dsware_agents, dsware_host_agents or san_ip, '
                'or correct the name service of this host: `getent hosts %s`'
                % shlex.quote(self._endpoint.host))]
        name += _as(self._endpoint.host, addresses)
        return [*self._certificate(name), self._ask(name)]

    def _certificate(self, name):
        if not self._configuration.driver_use_ssl:
            return []
        return certificates.of_agent(name, self._endpoint, min(
            self._seconds, self._configuration.dsware_connect_timeout))

    def _ask(self, name):
        started = time.monotonic()
        try:
            version = self._version()
        except exceptions.DSWareError as error:
            return findings.problem('%s: %s' % (name, error.summary),
                                    error.advice or self._advice(error))
        signed = (', signed in as %s' % self._configuration.san_login
                  if self._configuration.san_password else '')
        return findings.ok('%s: answers within %.0f ms, %s%s' % (
            name, (time.monotonic() - started) * 1000, version, signed))

    def _advice(self, error):
        text = next((text for kind, text in _ADVICE.items()
                     if isinstance(error, kind)),
                    'see the operator\'s page on result codes')
        conf = self._configuration
        return text.format(
            agent=shlex.quote(str(self._endpoint)),
            host=shlex.quote(self._endpoint.host),
            port=self._endpoint.port, section=conf.config_group,
            login=_is(conf.san_login),
            authority=_is(conf.driver_ssl_cert_path))

    def _version(self):
        try:
            reply = self._array.client.call(
                'getDSwareIdentifier', agent=self._endpoint, patience=0,
                deadline=waiting.Deadline(self._seconds))
        except exceptions.InvalidRequest as error:
            if error.result != result_codes.OPERATION_UNKNOWN:
                raise
            return 'an older cluster with one pool'
        return 'version %s' % next(
            (record['version'] for record in reply.records
             if record.get('version')), 'not told')
