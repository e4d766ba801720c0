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

"""Each agent, or manager, by itself: its address, certificate, and answer."""

from collections.abc import Callable
from concurrent import futures
import shlex
import socket
import time

from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware import config as backends
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import options
from cinder.volume.drivers.dsware import result_codes
from cinder.volume.drivers.dsware import waiting
from dsware_doctor.backend import certificates
from dsware_doctor.backend import probe
from dsware_doctor import findings

# Seconds for the answer of one agent, if less than dsware_request_timeout.
PATIENCE = 10
_AT_A_TIME = 8
# Not all errors of an agent are of this kind.
_CODES = {exceptions.CertificateRefused: 'certificate-invalid',
          exceptions.AccessDenied: 'credentials-refused'}
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
        'see whether the {noun} runs, and whether a firewall is in between: '
        '`nc -vz {host} {port}`; correct the address or port',
    exceptions.OutcomeUnknown:
        'see whether a Dsware agent listens there, and whether it wants '
        'TLS (driver_use_ssl) or is reached by fsc_cli only '
        '(dsware_transport = cli)',
}
# Where managers serve REST.
_USUAL_PORTS = (options.REST_PORT, 8088)


def check(configuration, array, measure: Callable
          ) -> tuple[list[findings.Finding], list[endpoints.Endpoint]]:
    """Ask each agent, several at a time.

    :param configuration: the backend's configuration
    :param array: its :class:`array.Array`
    :param measure: is given name, value and labels of each number
    :returns: what was found; those that carry out requests and answer
    """
    # Over REST the managers attach volumes to hosts: no agent is asked.
    hosts = ({} if backends.uses_rest(configuration)
             else backends.host_agents(configuration))
    asked = list(dict.fromkeys([*array.client.agents, *hosts.values()]))
    seconds = min(PATIENCE, configuration.dsware_request_timeout)
    with futures.ThreadPoolExecutor(_AT_A_TIME) as pool:
        answers = dict(zip(asked, pool.map(
            lambda endpoint: _Agent(configuration, array, endpoint,
                                    seconds).look(), asked)))
    found = [_manager(configuration), *_security(configuration)]
    for endpoint in asked:
        found += answers[endpoint]
        measure('agent_up', int(not answers[endpoint][-1].code),
                agent=str(endpoint))
    up = [endpoint for endpoint in array.client.agents
          if not answers[endpoint][-1].code]
    if not up:
        found.append(findings.problem(
            'cluster-unreachable', 'no %s answers that carries out '
            'requests: the backend is down' % noun(configuration),
            'see what is told of each one; when one answers again, the '
            'backend comes up by itself', '; '.join(
                answers[endpoint][-1].cause or answers[endpoint][-1].text
                for endpoint in array.client.agents)))
    return found, up


def noun(configuration) -> str:
    """Name what carries out requests.

    :param configuration: the backend's configuration
    :returns: agent or manager
    """
    return 'manager' if backends.uses_rest(configuration) else 'agent'


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
            'manager-unresolved',
            'manager %s: the name cannot be resolved: %s' % (address, error),
            'correct san_ip, or the name service of this host: `getent hosts '
            '%s`; agents resolve it themselves' % shlex.quote(address))
    return findings.ok('manager %s%s' % (address, _as(address, found)))


def _security(configuration):
    if not backends.uses_tls(configuration):
        return []
    found = []
    if not backends.is_verified(configuration):
        found.append(findings.problem(
            'certificates-unverified',
            'the certificates of the %ss are not verified: anybody on '
            'the network can pose as the cluster' % noun(configuration),
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


def _cause(error):
    # The cure that is part of the summary is told as one.
    return error.summary.removesuffix('. %s' % error.advice)


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
        name = '%s %s' % (noun(self._configuration), self._endpoint)
        try:
            addresses = resolve(self._endpoint.host, self._endpoint.port)
        except OSError as error:
            return [findings.problem(
                'agent-down',
                '%s: the name cannot be resolved: %s' % (name, error),
                'correct it in dsware_agents, dsware_host_agents or san_ip, '
                'or correct the name service of this host: `getent hosts %s`'
                % shlex.quote(self._endpoint.host))]
        name += _as(self._endpoint.host, addresses)
        return [*self._certificate(name), self._ask(name)]

    def _certificate(self, name):
        if not backends.uses_tls(self._configuration):
            return []
        return certificates.of_agent(name, self._endpoint, min(
            self._seconds, self._configuration.dsware_connect_timeout))

    def _ask(self, name):
        started = time.monotonic()
        try:
            version = self._version()
        except exceptions.DSWareError as error:
            return self._spoken_to(name, error) or self._failed(name, error)
        signed = (', signed in as %s' % self._configuration.san_login
                  if self._configuration.san_password else '')
        return findings.ok('%s: answers within %.0f ms, %s%s' % (
            name, (time.monotonic() - started) * 1000, version, signed))

    def _failed(self, name, error):
        code = next((code for kind, code in _CODES.items()
                     if isinstance(error, kind)), 'agent-down')
        return findings.problem(
            code, '%s does not answer' % name,
            error.advice or self._advice(error), _cause(error),
            str(self._endpoint))

    def _spoken_to(self, name, error):
        """See whether something else listens there, or it elsewhere."""
        if isinstance(error, exceptions.AccessDenied):
            return None
        if self._configuration.dsware_transport == 'socket':
            return self._speaks_http(name)
        if backends.uses_rest(self._configuration) and isinstance(
                error, exceptions.EndpointUnavailable):
            return self._elsewhere(name, error)
        return None

    def _speaks_http(self, name):
        spoken = probe.speaks_http(self._endpoint.host, self._endpoint.port,
                                   self._seconds)
        return spoken and findings.problem(
            'transport-mismatch', '%s speaks %s' % (name, spoken),
            "correct dsware_transport in section [%s], or the agents' "
            'addresses and ports (10519, if they have the usual one)'
            % self._configuration.config_group,
            "with dsware_transport = socket an agent's own protocol is "
            "expected there; %s is what the manager's REST interface speaks"
            % spoken, str(self._endpoint))

    def _elsewhere(self, name, error):
        """See whether HTTPS is spoken at a usual port."""
        for port in _USUAL_PORTS:
            if port != self._endpoint.port and probe.speaks_http(
                    self._endpoint.host, port, self._seconds) == 'HTTPS':
                return findings.problem(
                    'agent-down', '%s does not answer, but HTTPS is spoken '
                    'at port %d of that host' % (name, port),
                    'set san_api_port = %d in section [%s], or the port in '
                    'dsware_agents' % (port,
                                       self._configuration.config_group),
                    _cause(error), str(self._endpoint))
        return None

    def _advice(self, error):
        text = next((text for kind, text in _ADVICE.items()
                     if isinstance(error, kind)),
                    'see the page on result codes')
        conf = self._configuration
        return text.format(
            agent=shlex.quote(str(self._endpoint)), noun=noun(conf),
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
