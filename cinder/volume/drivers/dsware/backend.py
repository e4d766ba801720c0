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

"""From cinder.conf to an :class:`array.Array`, with every option checked."""

import ipaddress
import os
import ssl

from oslo_config import cfg
from oslo_log import log as logging
from oslo_utils import netutils

from cinder import exception
from cinder.i18n import _
from cinder.volume.drivers.dsware import array
from cinder.volume.drivers.dsware import client
from cinder.volume.drivers.dsware import counters as counting
from cinder.volume.drivers.dsware import names
from cinder.volume.drivers.dsware import operations
from cinder.volume.drivers.dsware import options
from cinder.volume.drivers.dsware import tls
from cinder.volume.drivers.dsware import transport
from cinder.volume.drivers.dsware import transport_cli

LOG = logging.getLogger(__name__)
CONF = cfg.CONF
CONF.import_opt('volume_name_template', 'cinder.db.api')
CONF.import_opt('snapshot_name_template', 'cinder.db.api')

# All ids of Cinder look like this one.
_SOME_ID = '0fa2c5e8-1b4d-4e70-9a63-d7c6b5a49382'


def _refuse(option, value, problem):
    raise exception.InvalidConfigurationValue(
        _('Option %(option)s = %(value)s: %(problem)s.') % {
            'option': option, 'value': value, 'problem': problem})


def manager_address(configuration) -> str:
    """Give the checked address of the manager.

    :param configuration: the backend's configuration
    :returns: san_ip
    :raises InvalidConfigurationValue: when it is missing or malformed
    """
    address = configuration.san_ip
    if not address:
        _refuse('san_ip', "''", _(
            'the address of the Dsware manager is missing; set it to the '
            "cluster's floating management address"))
    _endpoint('san_ip', address, options.DEFAULT_PORT)
    if not (netutils.is_valid_ip(address) or ':' not in address):
        _refuse('san_ip', address, _(
            'it must be an address without a port; the port belongs in '
            'san_api_port'))
    return address


def location_info(configuration) -> str:
    """Tell where volumes are, for other backends to compare.

    :param configuration: the backend's configuration
    :returns: text that backends of one cluster have in common; it holds the
        manager's address and no secret
    """
    address = manager_address(configuration)
    if netutils.is_valid_ipv6(address):
        address = str(ipaddress.ip_address(address))
    return 'dsware:' + address.lower().rstrip('.')


def _endpoint(option, text, port):
    try:
        return operations.Endpoint.parse(text, port)
    except ValueError as error:
        _refuse(option, text, _('%s; expected host, host:port, or [IPv6 '
                                'address]:port') % error)


def default_port(configuration) -> int:
    """Give the port of agents that are configured without one.

    :param configuration: the backend's configuration
    :returns: san_api_port, or 10519
    """
    return configuration.san_api_port or options.DEFAULT_PORT


def agents(configuration) -> list[operations.Endpoint]:
    """Give the agents that carry out requests.

    :param configuration: the backend's configuration
    :returns: those of dsware_agents, or the one at san_ip
    :raises InvalidConfigurationValue: when an entry is malformed
    """
    port = default_port(configuration)
    texts = configuration.dsware_agents
    if not texts:
        return [operations.Endpoint(manager_address(configuration), port)]
    found = [_endpoint('dsware_agents', text.strip(), port)
             for text in texts]
    return list(dict.fromkeys(found))


def host_agents(configuration) -> dict[str, operations.Endpoint]:
    """Give the agents of hosts that have them at another address.

    :param configuration: the backend's configuration
    :returns: agents by host name
    :raises InvalidConfigurationValue: when an entry is malformed
    """
    port = default_port(configuration)
    return {host: _endpoint('dsware_host_agents', text.strip(), port)
            for host, text in configuration.dsware_host_agents.items()}


def check_name_templates() -> None:
    """Check that all names that Cinder derives can be names on a cluster.

    :raises InvalidConfigurationValue: when those of volume_name_template or
        snapshot_name_template cannot, or cannot be told apart
    """
    volume = _name_of_template('volume_name_template')
    if volume == _name_of_template('snapshot_name_template'):
        _refuse('snapshot_name_template', CONF.snapshot_name_template, _(
            'it is the same as volume_name_template, but volumes and '
            'snapshots share their names on a Dsware cluster; make it '
            'another one'))


def _name_of_template(option):
    template = CONF[option]
    try:
        name = template % _SOME_ID
    except (TypeError, ValueError) as error:
        _refuse(option, template, _(
            'it must have %%s once, for the id (%s)') % error)
    if _SOME_ID not in name:
        _refuse(option, template, _(
            'it must have a plain %s: with a part of the id, or another form '
            'of it, names are not unique'))
    if not names.is_legal(name):
        _refuse(option, template, _(
            'a name on a Dsware cluster has 1 to 95 of the characters A-Z '
            'a-z 0-9 _ . - and does not start with - or .; one made by this '
            'template has %d characters') % len(name))
    if names.is_temporary(name):
        _refuse(option, template, _(
            'names that end like this are those of temporary snapshots of '
            'the driver; let it end in another way'))
    return name


def make_array(configuration, counters=None) -> array.Array:
    """Check the backend's options and make what talks to its cluster.

    Nothing is contacted.

    :param configuration: the backend's configuration
    :param counters: the :class:`counters.Counters` to keep; by default new
        ones
    :returns: the :class:`array.Array`
    :raises InvalidConfigurationValue: when an option is missing, malformed
        or contradicts another one; the message names it
    """
    _check_replication(configuration)
    manage_ip = manager_address(configuration)
    counters = counters or counting.Counters()
    if configuration.dsware_transport == 'cli':
        make_transport = _cli_transports(configuration, manage_ip, counters)
    else:
        make_transport = _socket_transports(configuration, manage_ip,
                                            counters)
    caller = client.Client(agents(configuration), make_transport,
                           configuration.dsware_request_timeout, counters)
    return array.Array(caller, configuration.dsware_copy_timeout)


def _check_replication(configuration):
    if configuration.safe_get('replication_device'):
        # Its value is not shown, since there may be a password in it.
        _refuse('replication_device', '***', _(
            'Dsware publishes no operation that replicates volumes; remove '
            'the option'))


def _cli_transports(configuration, manage_ip, counters):
    for option in ('driver_use_ssl', 'san_password'):
        if configuration.safe_get(option):
            _refuse('dsware_transport', 'cli', _(
                '%s has no effect with it, because fsc_cli makes its own '
                'connection; remove one of the two') % option)
    _need_ssl(configuration)
    settings = transport_cli.CLISettings(
        manage_ip, configuration.dsware_max_connections)
    return lambda endpoint: transport_cli.CLITransport(
        endpoint, settings, tally=counters.agent(endpoint))


def _socket_transports(configuration, manage_ip, counters):
    settings = transport.SocketSettings(
        manage_ip=manage_ip,
        connect_timeout=configuration.dsware_connect_timeout,
        max_connections=configuration.dsware_max_connections,
        tls_settings=_tls(configuration),
        credentials=_credentials(configuration))
    return lambda endpoint: transport.SocketTransport(
        endpoint, settings, counters.agent(endpoint))


def _credentials(configuration):
    if not configuration.san_password:
        return None
    if not configuration.driver_use_ssl:
        _refuse('san_password', '***', _(
            'a password is never sent without TLS; set driver_use_ssl = '
            'true, or remove san_password if the cluster wants none'))
    if not configuration.san_login:
        _refuse('san_login', "''", _('san_password is set, so the user '
                                     'name must be too'))
    if (configuration.dsware_attach_by == 'manager'
            and not configuration.driver_ssl_cert_verify):
        # The address of a host's agent comes with the request to attach.
        _refuse('san_password', '***', _(
            'with dsware_attach_by = manager it is given to the agent of '
            'each host, which has to prove who it is; set '
            'driver_ssl_cert_verify = true'))
    return tls.Credentials(configuration.san_login,
                           configuration.san_password)


def _need_ssl(configuration):
    for option in ('driver_ssl_cert_verify', 'driver_ssl_cert_path',
                   'dsware_client_cert', 'dsware_client_key'):
        value = configuration.safe_get(option)
        if value and not configuration.driver_use_ssl:
            _refuse(option, value, _(
                'it has no effect without TLS; set driver_use_ssl = true, '
                'or remove it'))


def _tls(configuration):
    _need_ssl(configuration)
    if not configuration.driver_use_ssl:
        return None
    if configuration.dsware_client_key and (
            not configuration.dsware_client_cert):
        _refuse('dsware_client_key', configuration.dsware_client_key,
                _('it needs dsware_client_cert'))
    for option in ('driver_ssl_cert_path', 'dsware_client_cert',
                   'dsware_client_key'):
        path = configuration.safe_get(option)
        if path and not os.access(path, os.R_OK):
            _refuse(option, path, _('it is not there or cannot be read by '
                                    'this service'))
    return _loaded(configuration)


def _loaded(configuration):
    if not configuration.driver_ssl_cert_verify:
        LOG.warning('The certificates of the Dsware agents are not '
                    'verified, so anybody on the network can pose as the '
                    'cluster: set driver_ssl_cert_verify = true.')
    settings = tls.TLSSettings(
        configuration.driver_ssl_cert_verify,
        configuration.driver_ssl_cert_path,
        configuration.dsware_client_cert,
        configuration.dsware_client_key)
    try:
        settings.context()
    except (ssl.SSLError, OSError) as error:
        _refuse('driver_ssl_cert_path, dsware_client_cert, '
                'dsware_client_key',
                ', '.join(str(path) for path in (
                    settings.ca_path, settings.client_cert,
                    settings.client_key)),
                _('a certificate or key cannot be loaded: %s') % error)
    return settings
